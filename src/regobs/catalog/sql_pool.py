"""The connection pools of Go's `database/sql`, one set of series per database host."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Flavor, Form, Metric, Unit

_pool = Component("sql_pool")
POOL_FAMILY = "go_sql_dbstats_"  # nothing else is called so
POOL_OF_OTHERS = "go_sql_stats_"  # of github.com/dlmiddlecote/sqlstats, which other programs expose
_PITFALLS = (
    "The name has no registry_ prefix: other services expose it too, select the registry's job.",
    "The series of a replica belong to its first connection handle and stand still after a reconnect.",
)


def _forms(since: str) -> tuple[Form, ...]:
    needs, host = Capability.METADATA_DATABASE, ("primary", "replica")
    now = form(Flavor.GITLAB, labels=labels("db_name", "host_addr", host_type=host), since="4.9.0", needs=needs)
    return now, form(Flavor.GITLAB, labels=labels("db_name"), since=since, until="4.9.0", needs=needs)


def _gauge(name: str, text: str) -> Metric:
    name = f"{POOL_FAMILY}connections_{name}"
    return _pool.gauge(name, Unit.CONNECTIONS, text, *_forms("2.13.0"), pitfalls=_PITFALLS)


def _counter(name: str, unit: Unit, text: str, since: str = "2.13.0") -> Metric:
    return _pool.counter(f"{POOL_FAMILY}connections_{name}_total", unit, text, *_forms(since), pitfalls=_PITFALLS)


MAX_OPEN = _gauge("max_open", "Configured limit of open connections to the database; 0 means none.")
OPEN = _gauge("open", "Established connections, in use and idle.")
IN_USE = _gauge("in_use", "Connections in use.")
IDLE = _gauge("idle", "Idle connections.")
WAITS = _counter("waits", Unit.WAITS, "Times that a caller had to wait for a connection.")
WAIT_SECONDS = _counter("wait_seconds", Unit.SECONDS, "Time that callers were blocked, waiting for a connection.")
CLOSED_MAX_IDLE = _counter(
    "max_idle_closed_count", Unit.CONNECTIONS, "Connections closed because too many were idle (SetMaxIdleConns)."
)
CLOSED_IDLE_TIME = _counter(
    "max_idle_time_closed_count",
    Unit.CONNECTIONS,
    "Connections closed because they were idle too long (SetConnMaxIdleTime).",
    since="3.10.0",
)
CLOSED_LIFETIME = _counter(
    "max_lifetime_closed_count", Unit.CONNECTIONS, "Connections closed because they were too old (SetConnMaxLifetime)."
)

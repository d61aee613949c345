"""Redis clients of GitLab registry: the cache, the load balancer's and the rate limiter's.

The client behind plain `redis.addr` (the blob descriptor cache without a metadata database) is not among them.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form
from regobs.catalog.model import Capability, Flavor, Form, Label, Metric, Unit

INSTANCE = Label("instance", ("cache", "loadbalancing", "ratelimiting"), target_label=True)
_COMMAND = Label("command")
_RENAMED = "The label `instance` collides with Prometheus' own: it is stored as exported_instance without honor_labels."
_UNUSED = "A pool that nobody uses keeps its connections while Redis hangs; read the misses beside it."
_GROWS = "It only grows although its type is gauge: read its rate, not its value."

_redis = Component("redis")


def _form(*of: Label, since: str = "3.53.0", buckets: tuple[float, ...] | None = None, on_event: bool = True) -> Form:
    needs = Capability.REDIS
    return form(Flavor.GITLAB, labels=of, since=since, buckets=buckets, needs=needs, on_event=on_event)


def _pool(name: str, unit: Unit, text: str, *more: str, grows: bool = False) -> Metric:
    name = f"registry_redis_pool_stats_{name}"
    pitfalls = (*more, _GROWS, _RENAMED) if grows else (*more, _RENAMED)
    return _redis.gauge(name, unit, text, _form(INSTANCE, on_event=False), cumulative=grows, pitfalls=pitfalls)


POOL_HITS = _pool("hits", Unit.EVENTS, "Times a free connection was found in the pool.", grows=True)
POOL_MISSES = _pool("misses", Unit.EVENTS, "Times no free connection was found in the pool.", grows=True)
POOL_TIMEOUTS = _pool("timeouts", Unit.EVENTS, "Times that waiting for a connection ended with a timeout.", grows=True)
POOL_STALE = _pool("stale_conns", Unit.CONNECTIONS, "Stale connections that were removed from the pool.", grows=True)
POOL_TOTAL = _pool("total_conns", Unit.CONNECTIONS, "Connections in the pool.", _UNUSED)
POOL_IDLE = _pool("idle_conns", Unit.CONNECTIONS, "Idle connections in the pool.")
POOL_MAX = _redis.gauge(
    "registry_redis_pool_stats_max_conns",
    Unit.CONNECTIONS,
    "Configured maximum of connections in the pool.",
    _form(INSTANCE, since="3.58.0", on_event=False),
    pitfalls=("Without a configured size it is 0, and the client uses ten times GOMAXPROCS.", _RENAMED),
)
COMMANDS = _redis.histogram(
    "registry_redis_single_commands",
    Unit.SECONDS,
    "Time of a single Redis command, or of a whole pipeline as command `pipeline`.",
    _form(_COMMAND, INSTANCE, buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1)),
    pitfalls=(
        "The name has no unit; it is seconds.",
        "Only commands without an error are in it: failures are missing, and so are cache misses (nil replies).",
        _RENAMED,
    ),
)
COMMAND_ERRORS = _redis.counter(
    "registry_redis_single_errors",
    Unit.COMMANDS,
    "Commands that failed.",
    _form(_COMMAND, INSTANCE),
    pitfalls=(
        "It practically never counts: the client library skips the hook of a failed command. Do not alert on it.",
        _RENAMED,
    ),
)
PIPELINED = _redis.counter(
    "registry_redis_pipelined_commands",
    Unit.COMMANDS,
    "Commands inside pipelines.",
    _form(_COMMAND, INSTANCE),
    pitfalls=("A counter whose name does not end in _total.", _RENAMED),
)
PIPELINED_ERRORS = _redis.counter(
    "registry_redis_pipelined_errors",
    Unit.COMMANDS,
    "Commands inside pipelines that failed.",
    _form(_COMMAND, INSTANCE),
    pitfalls=("It practically never counts, for the same reason as that of single commands.", _RENAMED),
)

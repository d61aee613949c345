"""Load balancing of the metadata database: the pool of replicas and the choice among them."""

from __future__ import annotations

from dataclasses import replace

from regobs.catalog.declare import BOOLEAN, DEFAULT_BUCKETS, Component, form, labels
from regobs.catalog.model import Capability, Flavor, Form, Label, Unit

_lb = Component("load_balancing")
_RECORD = "with service discovery (`loadbalancing.record`)"
_NO_CHECKS = "If there is no replica at the start, the checks never begin."
_STALE = "The series of a replica that left the pool stays until a restart."


def _form(since: str, *of: Label, buckets: tuple[float, ...] | None = None, until: str = "", only: str = "") -> Form:
    found = form(Flavor.GITLAB, labels=of, buckets=buckets, since=since, until=until, on_event=True, only=only)
    return replace(found, needs=Capability.LOAD_BALANCING)


POOL_SIZE = _lb.gauge(
    "registry_database_lb_pool_size",
    Unit.REPLICAS,
    "Replicas in the pool of the database load balancer.",
    form(Flavor.GITLAB, since="4.9.0", needs=Capability.LOAD_BALANCING, always_exposed=True),
    common=True,
    pitfalls=(
        "It is 0 as well where load balancing is off.",
        "From a fixed list of hosts, a replica that was removed is not taken back before a restart.",
    ),
)
POOL_STATUS = _lb.gauge(
    "registry_database_lb_pool_status",
    Unit.BOOL,
    "1 on the status that a replica has.",
    _form("4.23.0", *labels("replica", status=("online", "quarantined"))),
    common=True,
    pitfalls=(_STALE,),
)
LSN_CACHE_DURATION = _lb.histogram(
    "registry_database_lb_lsn_cache_operation_duration_seconds",
    Unit.SECONDS,
    "Time of a call to the cache of log positions in Redis.",
    _form("4.9.0", *labels(error=BOOLEAN, operation=("get", "set")), buckets=DEFAULT_BUCKETS),
    pitfalls=('A `get` that finds no key is reported with error="true".',),
)
LSN_CACHE_LOOKUPS = _lb.counter(
    "registry_database_lb_lsn_cache_hits_total",
    Unit.LOOKUPS,
    "Look-ups of a repository's log position by outcome.",
    _form("4.9.0", *labels(result=("hit", "miss"))),
    pitfalls=("Misses are counted here too, in spite of the name.",),
)
DNS_LOOKUPS = _lb.histogram(
    "registry_database_lb_lookup_seconds",
    Unit.SECONDS,
    "Time of a DNS look-up that discovers replicas.",
    _form("4.9.0", *labels(error=BOOLEAN, lookup_type=("srv", "host")), buckets=DEFAULT_BUCKETS, only=_RECORD),
    pitfalls=("Only with service discovery (`loadbalancing.record`).",),
)
_REASONS = ("discovered", "removed_from_dns", "replication_lag", "connectivity")
_EVENTS = ("replica_added", "replica_removed", "replica_quarantined", "replica_reintegrated")
POOL_EVENTS = _lb.counter(
    "registry_database_lb_pool_events_total",
    Unit.EVENTS,
    "Changes of the pool.",
    _form("4.31.0", *labels(event=_EVENTS, reason=_REASONS)),
    _form("4.23.0", *labels(event=_EVENTS, reason=_REASONS[:3]), until="4.31.0"),
    _form("4.9.0", *labels(event=_EVENTS[:2], reason=_REASONS[:2]), until="4.23.0"),
    pitfalls=("`removed_from_dns` is also the reason for fixed hosts, and for replicas that fail their probe.",),
)
_CHOICES = ("selected", "no_cache", "no_replica", "error", "not_up_to_date")
TARGETS = _lb.counter(
    "registry_database_lb_targets_total",
    Unit.ELECTIONS,
    "Reads by the host they were sent to.",
    _form(
        "4.23.0",
        *labels(fallback=BOOLEAN, reason=(*_CHOICES, "all_quarantined"), target_type=("primary", "replica")),
    ),
    _form("4.9.0", *labels(fallback=BOOLEAN, reason=_CHOICES, target_type=("primary", "replica")), until="4.23.0"),
    pitfalls=(
        "Only reads that may go to a replica count.",
        "Two kinds occur: replica/false/selected, and primary/true with a reason other than `selected`.",
    ),
)
LAG_BYTES = _lb.gauge(
    "registry_database_lb_lag_bytes",
    Unit.BYTES,
    "Bytes of the write-ahead log that a replica is behind.",
    _form("4.22.0", Label("replica")),
    common=True,
    pitfalls=("Set once per check, by default every minute.", _NO_CHECKS, _STALE),
)
LAG_SECONDS = _lb.histogram(
    "registry_database_lb_lag_seconds",
    Unit.SECONDS,
    "Seconds that a replica is behind, one observation per check.",
    _form("4.22.0", Label("replica"), buckets=(0.001, 0.01, 0.1, 0.5, 1, 5, 10, 20, 30, 60)),
    pitfalls=(_NO_CHECKS,),
)

"""What moves because something else moved: metrics that a fault reaches one after the other.

Only what holds in one direction stands here: slow queries hold connections as a lack of connections slows queries, so
that is no link. A histogram has two sides, what it observes (times, sizes) and how often: `counted` links are about how
often something is done, the others about how long it takes or whether it works.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from regobs.catalog import (
    database,
    gc,
    http,
    load_balancing,
    metadata,
    notifications,
    pgbouncer,
    postgresql,
    redis,
    redis_server,
    row_counts,
    sql_pool,
    storage,
)
from regobs.catalog.model import Kind, Metric


@dataclass(frozen=True, slots=True)
class CausalLink:
    """When one of `causes` moves, `effects` may move after it; `reason` is a sentence that says how."""

    causes: tuple[Metric, ...]
    effects: tuple[Metric, ...]
    reason: str
    counted: bool = False


def side(metric: Metric, *, counted: bool) -> str:
    """The name of the side of a metric that a link or a panel is about: of a histogram that is counted, `..._count`."""
    return f"{metric.name}_count" if counted and metric.kind is Kind.HISTOGRAM else metric.name


_LAG = (load_balancing.LAG_SECONDS, load_balancing.LAG_BYTES)
_POOL = (load_balancing.POOL_STATUS, load_balancing.POOL_SIZE, load_balancing.POOL_EVENTS)
_REDIS_FAILS = (redis.POOL_TIMEOUTS, redis.COMMANDS, redis.COMMAND_ERRORS, redis.PIPELINED_ERRORS)
_OF_REDIS = (
    load_balancing.LSN_CACHE_DURATION,
    load_balancing.LSN_CACHE_LOOKUPS,
    storage.URL_CACHE_REQUESTS,
    storage.CACHE_REDIS,
    storage.CACHE_ERRORS,
)
_ANSWERS = (http.TIME_TO_HEADER, http.DURATION)
_GC_TIMES = (gc.RUN_DURATION, gc.DELETE_DURATION)
_OF_EACH_REQUEST = (http.DURATION, http.TIME_TO_HEADER, http.REQUEST_SIZE, http.RESPONSE_SIZE)
_MADE_BY_REQUESTS = (
    database.QUERY_DURATION,
    database.QUERIES,
    load_balancing.TARGETS,
    load_balancing.LSN_CACHE_DURATION,
    redis.COMMANDS,
    redis.PIPELINED,
    storage.ACTIONS,
    storage.CACHE,
    storage.CACHE_REQUESTS,
    storage.BLOB_DOWNLOADS,
    storage.BLOB_UPLOADS,
    storage.URL_CACHE_REQUESTS,
    storage.OBJECT_ACCESSES,
    storage.OBJECT_ACCESSES_TOP,
    storage.CDN_REDIRECTS,
    notifications.EVENTS,
    notifications.HTTP_LATENCY,
    notifications.TOTAL_LATENCY,
)

LINKS: tuple[CausalLink, ...] = (
    CausalLink(
        (postgresql.REPLICA_BEHIND, postgresql.REPLAY_DELAY, metadata.REPLICA_LAG),
        _LAG,
        "The registry measures the lag that PostgreSQL has.",
    ),
    CausalLink(
        _LAG,
        (*_POOL, load_balancing.TARGETS),
        "A replica that lags leaves the pool, and one that is behind a repository's last push is passed over.",
    ),
    CausalLink(
        _POOL, (load_balancing.TARGETS,), "What no replica of the pool can answer is read from the primary database."
    ),
    CausalLink(
        (redis_server.UP, redis_server.PRIMARY_LINK),
        _REDIS_FAILS,
        "A Redis that is away answers none of the registry's commands.",
    ),
    CausalLink(_REDIS_FAILS, _OF_REDIS, "What is kept in Redis can neither be read nor written without it."),
    CausalLink(
        (load_balancing.LSN_CACHE_DURATION,),
        (load_balancing.TARGETS,),
        "Without the log position of a repository's last push, which is kept in Redis, the primary database is read.",
    ),
    CausalLink(
        (pgbouncer.CLIENTS_WAITING, pgbouncer.LONGEST_WAIT, pgbouncer.WAIT_SECONDS),
        (database.QUERY_DURATION,),
        "A query waits for PgBouncer to give it a connection to PostgreSQL.",
    ),
    CausalLink(
        (sql_pool.WAITS, sql_pool.WAIT_SECONDS, database.QUERY_DURATION),
        (*_ANSWERS, *_GC_TIMES),
        "A request, and a run of garbage collection, waits for its queries and for a connection to send them.",
    ),
    CausalLink(
        (storage.RATE_LIMITED, storage.RETRIES),
        (storage.ACTIONS,),
        "A call that the storage back end refuses is tried again, and takes as much longer.",
    ),
    CausalLink(
        (storage.ACTIONS,),
        (*_ANSWERS, *_GC_TIMES),
        "A request, and a run of garbage collection, waits for its calls to the storage back end.",
    ),
    CausalLink(_ANSWERS, (http.IN_FLIGHT,), "Requests that take longer are more at the same time."),
    CausalLink(
        (notifications.ERRORS, notifications.HTTP_LATENCY, notifications.RETRIES),
        (
            notifications.PENDING,
            notifications.PENDING_TOTAL,
            notifications.TOTAL_LATENCY,
            notifications.DELIVERIES,
        ),
        "While an event is tried again, those after it wait, and one that is tried too often is lost.",
    ),
    CausalLink(
        (gc.POSTPONES,),
        (row_counts.ROWS, metadata.QUEUE_TASKS, metadata.QUEUE_OLDEST, metadata.QUEUE_RETRIED, metadata.QUEUE_DRAIN),
        "A review that is postponed stays in the queue.",
    ),
    CausalLink((http.REQUESTS,), _OF_EACH_REQUEST, "Each request is observed once.", counted=True),
    CausalLink(
        (http.REQUESTS, *_OF_EACH_REQUEST),
        _MADE_BY_REQUESTS,
        "Requests make queries, calls to storage and Redis, and events: as many more or fewer as there are requests.",
        counted=True,
    ),
)


@cache
def components() -> Mapping[str, str]:
    """The component of each side that is a cause."""
    return {side(cause, counted=link.counted): cause.component for link in LINKS for cause in link.causes}


@cache
def causes_by_effect() -> Mapping[str, frozenset[str]]:
    """The sides that one may move after, at first hand or through others, by the name of that one."""
    direct: dict[str, set[str]] = {}
    for link in LINKS:
        causes = {side(cause, counted=link.counted) for cause in link.causes}
        for effect in link.effects:
            direct.setdefault(side(effect, counted=link.counted), set()).update(causes)
    return {effect: frozenset(_before(effect, direct)) for effect in direct}


def _before(effect: str, direct: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    waiting = [effect]
    while waiting:
        for cause in direct.get(waiting.pop(), set()) - found:
            found.add(cause)
            waiting.append(cause)
    return found

"""What the status asks beside alerts, rules and SLOs: routes, processes and limits, in the words of the catalog."""

from __future__ import annotations

from collections.abc import Mapping

from regobs.catalog import (
    blackbox,
    build_info,
    http,
    node,
    pgbouncer,
    postgresql,
    probe,
    process,
    redis_server,
    sql_pool,
    targets,
)
from regobs.config import Config
from regobs.doctor.questions import MINUTE, default_window
from regobs.promql.bind import bind
from regobs.promql.build import count, highest, latest, lowest, quantile, rate, ratio, select, top, total
from regobs.promql.nodes import Aggregate, Call, Duration, Expr, Subquery
from regobs.promql.printer import to_text
from regobs.promql.scope import Scope, inject
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import fill_durations

ROUTE, INSTANCE = "route", "instance"
REQUESTS, FAILED, LATENCY = "requests", "failed", "latency"
UP, STARTED, VERSIONS, IN_FLIGHT = "up", "started", "versions", "in flight"
RECENT, ANSWERED, STATUS_CODE, STEPS = "recent requests", "answered from outside", "status from outside", "steps"
_POOL, _MOUNT = (INSTANCE, "host_type"), (INSTANCE, "mountpoint")
_FULLEST = 3  # of each kind

# Only server errors are failures: a 401 is how a client begins to log in.
ROUTES: Mapping[str, Expr] = {
    REQUESTS: rate(http.REQUESTS, by=ROUTE),
    FAILED: rate(select(http.REQUESTS, code="5xx"), by=ROUTE),
    LATENCY: quantile(0.95, http.DURATION, by=ROUTE),
}
PROCESSES: Mapping[str, Expr] = {
    UP: latest(targets.UP),
    STARTED: highest(process.START_TIME, by=INSTANCE),
    VERSIONS: count(build_info.BUILD, by="version"),
    IN_FLIGHT: total(http.IN_FLIGHT),
}
# The registry as a client sees it; of its counters, answers that it gives before a route are none.
OUTSIDE: Mapping[str, Expr] = {
    ANSWERED: lowest(blackbox.SUCCESS, by=INSTANCE),
    STATUS_CODE: highest(blackbox.STATUS_CODE, by=INSTANCE),
    STEPS: lowest(probe.SUCCESS, by=("target", "step")),
}
_LOOKED_BACK = Duration(60 * MINUTE)  # for the last scrape of what is down
# The share in use of what has a limit, from 0 to 1.
LIMITS: Mapping[str, Expr] = {
    "file descriptors": ratio(highest(process.OPEN_FDS, by=INSTANCE), highest(process.MAX_FDS, by=INSTANCE)),
    "database pool": ratio(highest(sql_pool.IN_USE, by=_POOL), highest(sql_pool.MAX_OPEN, by=_POOL)),
    "PgBouncer clients": ratio(total(pgbouncer.USED_CLIENTS, by=INSTANCE), highest(pgbouncer.MAX_CLIENTS, by=INSTANCE)),
    "PostgreSQL connections": ratio(
        total(postgresql.CONNECTIONS, by=INSTANCE), highest(postgresql.MAX_CONNECTIONS, by=INSTANCE)
    ),
    "Redis clients": ratio(highest(redis_server.CLIENTS, by=INSTANCE), highest(redis_server.MAX_CLIENTS, by=INSTANCE)),
    "Redis memory": ratio(highest(redis_server.MEMORY, by=INSTANCE), highest(redis_server.MAX_MEMORY, by=INSTANCE)),
}
# The share left.
SPACE: Mapping[str, Expr] = {
    "disk space": ratio(lowest(node.FILESYSTEM_AVAILABLE, by=_MOUNT), lowest(node.FILESYSTEM_SIZE, by=_MOUNT)),
}


def questions(config: Config) -> dict[str, str]:
    """The queries by name, as they are sent; those that this deployment has no series for are left out."""
    found = {}
    scope = Scope(config.matchers, neighbours=config.exposer_matchers)
    fullest = {name: top(_FULLEST, expr) for name, expr in LIMITS.items()}
    recent = {RECENT: fill_durations(rate(http.REQUESTS), default_window(config))}
    for name, expr in {**ROUTES, **recent, **PROCESSES, **OUTSIDE, **fullest, **SPACE}.items():
        try:
            bound = inject(bind(expr, config.vocabulary), scope)
        except Unavailable:
            continue
        found[name] = to_text(fill_durations(bound, window(config)))
    return found


def last_seen(config: Config) -> str:
    """When each instance was last scraped, up to an hour back: while it is down, rates are of what was before."""
    expr = bind(select(http.IN_FLIGHT), config.vocabulary)
    scoped = inject(expr, Scope(config.matchers, neighbours=config.exposer_matchers))
    moments = Subquery(Call("timestamp", (scoped,)), _LOOKED_BACK, config.prometheus.scrape_interval)
    instance = config.labels.instance
    return to_text(Aggregate("max", Call("max_over_time", (moments,)), (instance,)))


def window(config: Config) -> Duration:
    """What rates are taken over: long enough that one odd scrape is no incident, short enough for its first minutes."""
    return Duration(max(default_window(config).ms, 5 * MINUTE))


def route_label(config: Config) -> str:
    """What the flavor calls the label of a route."""
    form = http.REQUESTS.form(config.flavor, config.version)
    label = form.label(ROUTE) if form else None
    return label.exposed if label else ROUTE

"""What the view asks beside the status: traffic of one route or process, its parts, in the words of the catalog."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from regobs.catalog import build_info, gc, go_runtime, http, load_balancing, process, row_counts
from regobs.catalog.model import Metric
from regobs.config import Config
from regobs.promql.bind import bind
from regobs.promql.build import age, any_of, count, highest, lowest, quantile, rate, ratio, select, total
from regobs.promql.infer import infer
from regobs.promql.nodes import Expr, Matcher, MatchOp
from regobs.promql.printer import to_text
from regobs.promql.scope import Scope, inject
from regobs.promql.types import Type
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import fill_durations
from regobs.status import questions as status

TRAFFIC, ERRORS = "Traffic", "Errors 5xx"
LATENCY = "Latency p95"
SIGNALS: Mapping[str, Expr] = {
    TRAFFIC: rate(http.REQUESTS),
    ERRORS: ratio(rate(select(http.REQUESTS, code="5xx")), rate(http.REQUESTS)),
    LATENCY: quantile(0.95, http.DURATION),
}
_OVERDUE = select(row_counts.ROWS, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
_QUARANTINED = highest(select(load_balancing.POOL_STATUS, status="quarantined"), by="replica")
# A run that finds no task says nothing of failures, however many there are.
_TOLD = ("error", "noop")
_NOT_IDLE = any_of(
    (rate(select(gc.RUNS, noop=False), by=_TOLD), rate(select(gc.RUNS, noop=True, error=True), by=_TOLD))
)
# One line of the overview each: a page has the rest.
GARBAGE: Mapping[str, Expr] = {
    "tasks overdue": highest(_OVERDUE),
    "runs failed": ratio(rate(select(gc.RUNS, error=True)), total(_NOT_IDLE)),
    "runs": rate(gc.RUNS),
}
REPLICAS: Mapping[str, Expr] = {
    "pool": lowest(load_balancing.POOL_SIZE),
    "quarantined": total(_QUARANTINED),
    "lag p95": quantile(0.95, load_balancing.LAG_SECONDS),
    "to primary": ratio(rate(select(load_balancing.TARGETS, fallback=True)), rate(load_balancing.TARGETS)),
}
# What one process says of itself.
FACTS: Mapping[str, Expr] = {
    "version": count(build_info.BUILD, by="version"),
    "up for": age(process.START_TIME),
    "requests in flight": total(http.IN_FLIGHT),
    "CPU seconds a second": rate(process.CPU),
    "resident memory": highest(process.RESIDENT_MEMORY),
    "goroutines": highest(go_runtime.GOROUTINES),
    **{name: status.LIMITS[name] for name in ("file descriptors", "database pool")},
}


@dataclass(frozen=True, slots=True)
class SentQuery:
    """A query as it is sent, and the type of its answer."""

    text: str
    type: Type


CODES: Mapping[str, Expr] = {"codes": rate(http.REQUESTS, by=("method", "code"))}


def signals_by(label: str) -> dict[str, Expr]:
    """Requests, failures and latency by a content label, under the names that the status has for them."""
    return {
        status.REQUESTS: rate(http.REQUESTS, by=label),
        status.FAILED: rate(select(http.REQUESTS, code="5xx"), by=label),
        status.LATENCY: quantile(0.95, http.DURATION, by=label),
    }


def label_of(config: Config, label: str, metric: Metric = http.REQUESTS) -> str:
    """What a series of this deployment calls a content label."""
    form = metric.form(config.flavor, config.version)
    found = form.label(label) if form else None
    return config.vocabulary.series_label(metric, found) if found else label


def narrowed(exprs: Mapping[str, Expr], config: Config, route: str = "", instance: str = "") -> dict[str, SentQuery]:
    """The queries for one route, one process or both; those that this deployment has no series for are left out."""
    matchers = [Matcher(label_of(config, status.ROUTE), MatchOp.EQUAL, route)] if route else []
    if instance:
        matchers.append(Matcher(config.labels.instance, MatchOp.EQUAL, instance))
    scope = Scope(config.matchers, everywhere=tuple(matchers), neighbours=config.exposer_matchers)
    found = {}
    for name, expr in exprs.items():
        try:
            bound = bind(expr, config.vocabulary)
        except Unavailable:
            continue
        kind = infer(bound, vocabulary=config.vocabulary)
        sent = fill_durations(inject(bound, scope), status.window(config))
        found[name] = SentQuery(to_text(sent), kind)
    return found

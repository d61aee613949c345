"""Checks of what an alert decides on: a threshold that the number of processes moves, no series, few requests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from decimal import ROUND_CEILING, Decimal

from regobs.catalog.model import Capability, Exposer, Kind, Metric, Unit
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Paren, Selector
from regobs.promql.printer import number_text, to_text
from regobs.promql.walk import selectors, strip_parens

_PROCESS = frozenset({"instance", "pod"})
_SERVICES = frozenset({"job", "service", "namespace", "cluster", "env", "environment", "region"})
# What a server beside the registry limits for all processes together, and what is no amount.
_SHARED = frozenset({Unit.CONNECTIONS, Unit.BOOL, Unit.INFO, Unit.TIMESTAMP, Unit.RATIO, Unit.PERCENT, Unit.NONE})


@check("grows-with-processes", Severity.NOTE)
def grows_with_processes(query: LintedQuery) -> Iterator[LintProblem]:
    """A threshold on the sum of what each process counts for itself, or on a fixed number of processes.

    Why: two processes can never reach it, and of a hundred one bad replica does.

    Wrong:
        sum(rate(registry_database_lb_pool_events_total{event="replica_quarantined"}[5m])) > 0.05
        sum(registry_http_in_flight_requests) > 100
        count(up{job="registry"}) < 3
    Right:
        avg(rate(registry_database_lb_pool_events_total{event="replica_quarantined"}[5m])) > 0.05
        max(registry_http_in_flight_requests) > 100
        count(up{job="registry"}) < 0.7 * count(up{job="registry"} offset 1h)
    """
    for node, value, op, number in query.compared:
        inner = bare(value)
        if not isinstance(inner, Aggregate) or inner.without or _PROCESS & set(inner.labels or ()):
            continue
        if inner.op in {"count", "sum"} and _fixed_number(inner, op, number):
            step = "compare with how many should run, or with how many ran before (offset)"
            yield query.problem(
                node, f"the number of processes is compared with {number_text(number)}", step, word=inner.op
            )
        if inner.op != "sum" or op not in {">", ">="} or number <= 0:
            continue
        for one in selectors(inner):
            metric = query.metric(one)
            if metric is None or _one_process(one):
                continue
            watched = any(form.needs is Capability.LOAD_BALANCING for form in metric.forms)
            if watched and metric.unit is Unit.EVENTS:
                step = "take avg, or keep the instance"
                yield query.problem(node, "every process counts each event", step, word="sum")
            elif strip_parens(inner.expr) is one and (_per_process(metric) or _of_any_process(metric, inner)):
                step = "take max or avg, or keep the instance"
                yield query.problem(node, f"each process has its own {metric.name}", step, word="sum")


def _per_process(metric: Metric) -> bool:
    """Whether a gauge is an amount of one process of the registry: no limit of another server is meant by its sum."""
    own = metric.exposer is Exposer.REGISTRY and metric.name.startswith("registry_")
    return own and metric.kind is Kind.GAUGE and not metric.common and metric.unit not in _SHARED


def _of_any_process(metric: Metric, node: Aggregate) -> bool:
    """Whether it is what any process tells of itself, as its memory or open files, added up for a whole service."""
    own = metric.name.startswith(("process_", "go_", "python_")) and metric.kind is Kind.GAUGE
    return own and metric.unit not in _SHARED and _SERVICES.issuperset(node.labels or ())


def _one_process(node: Selector) -> bool:
    return any(one.label in _PROCESS and one.op is MatchOp.EQUAL for one in node.matchers)


def _fixed_number(node: Aggregate, op: str, number: Decimal) -> bool:
    """Whether processes of a registry are counted, and two are too few: fewer than two is no redundancy anywhere."""
    found = list(selectors(node))
    if len(found) != 1 or found[0].metric != "up" or found[0].range is not None or _one_process(found[0]):
        return False
    inner = strip_parens(node.expr)
    counted = inner is found[0] or (isinstance(inner, Binary) and inner.op == "==")
    registry = any(one.op in {MatchOp.EQUAL, MatchOp.REGEX} and names_registry(one.value) for one in found[0].matchers)
    return counted and registry and ((op == "<" and number > 2) or (op in {"<=", "!="} and number >= 2))


def names_registry(text: str) -> bool:
    """Whether a value of a label is that of a registry's own targets, as far as names tell."""
    return "registry" in text and not any(word in text for word in ("probe", "exporter", "blackbox"))


@check("resolves-when-absent", Severity.NOTE)
def resolves_when_absent(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on too few events of the registry ends when the series are gone, and no other alert here tells of that.

    Why: where nothing is scraped the result is empty, not zero, so it never fires or resolves in the worst case.

    Wrong:
        - alert: NoRequests
          expr: sum(rate(registry_http_requests_total[5m])) == 0
          labels: {severity: ticket}
          annotations: {summary: No request arrives}
    Right:
        - alert: NoRequests
          expr: sum(rate(registry_http_requests_total[5m])) == 0 or absent(registry_http_requests_total)
          labels: {severity: ticket}
          annotations: {summary: No request arrives}
    """
    if not query.alerts or any(_tells_absence(node) for node in query.nodes):
        return
    for node, value, op, number in query.compared:
        if node.bool or op not in {"==", "<", "<="} or number < 0 or (op == "==" and number != 0):
            continue
        grown = _grown(value)
        metric = query.metric(grown) if grown is not None else None
        if grown is None or metric is None or metric.exposer is not Exposer.REGISTRY or ":" in metric.name:
            continue
        if not _is_watched(_job(grown), query.context.watched_jobs):
            step = f"add `or absent({grown.metric})`, or an alert on absent(up)"
            yield query.problem(node, f"without any series of {grown.metric} this is empty, not 0", step, word=node.op)


def _tells_absence(node: Expr) -> bool:
    if isinstance(node, Binary):
        return node.op in {"or", "unless"}
    return isinstance(node, Call) and (node.function in ABSENCE or node.function in {"vector", "present_over_time"})


def _grown(value: Expr) -> Selector | None:
    """The series whose growth a value is, added up or not."""
    inner = strip_parens(value)
    while isinstance(inner, Aggregate) and inner.op in {"sum", "max", "avg", "min"}:
        inner = strip_parens(inner.expr)
    if not (isinstance(inner, Call) and inner.function in GROWTH and inner.args):
        return None
    series = strip_parens(inner.args[0])
    return series if isinstance(series, Selector) and isinstance(series.metric, str) else None


def _job(node: Selector) -> str:
    return next((one.value for one in node.matchers if one.label == "job"), "")


def _is_watched(job: str, watched: frozenset[str]) -> bool:
    """Whether an alert tells that the targets of a job are gone: in doubt it does."""
    related = not job or names_registry(job)
    return bool({job, ""} & watched) or (related and any(names_registry(one) for one in watched))


def watched_jobs(queries: Iterable[LintedQuery]) -> frozenset[str]:
    """The jobs whose absence some alert among the queries tells, by `up` or `absent`; "" for one of every job."""
    found = set()
    for query in queries:
        absences = [node for node in query.calls if node.function in ABSENCE]
        asked = [one for node in absences for one in selectors(node)]
        for one in (*asked, *(each for each in query.selectors if each.metric == "up" and not _counted(query, each))):
            metric = query.metric(one)
            if one.metric == "up" or (metric is not None and metric.exposer is Exposer.REGISTRY):
                found.add(_job(one))
    return frozenset(found)


def _counted(query: LintedQuery, node: Selector) -> bool:
    """Whether only the number of its series matters: of a target that is down there is one, of none there is none."""
    above = next((one for one in query.above(node) if not isinstance(one, Paren)), None)
    return isinstance(above, Aggregate) and above.op == "count"


@check("few-requests", Severity.NOTE)
def few_requests(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on a share of the registry's requests asks for no least number of them.

    Why: one failure of two requests is half of them and wakes somebody; without requests 0 / 0 is NaN and says nothing.

    Wrong:
        - alert: RequestsFail
          expr: >-
            sum(rate(registry_http_requests_total{code=~"5.."}[5m])) / sum(rate(registry_http_requests_total[5m])) > 0.05
          labels: {severity: page}
          annotations: {summary: Requests fail}
    Right:
        - alert: RequestsFail
          expr: >-
            sum(rate(registry_http_requests_total{code=~"5.."}[5m])) / sum(rate(registry_http_requests_total[5m])) > 0.05
            and sum(increase(registry_http_requests_total[5m])) > 20
          labels: {severity: page}
          annotations: {summary: Requests fail}
    """  # noqa: E501 - an expression stays on one line
    for node, value, op, number in query.compared if query.alerts else ():
        guarded = any(isinstance(above, Binary) for above in query.above(node))
        if node.bool or guarded or op not in {">", ">="} or number <= 0:
            continue
        quotient = _unscaled(value)
        if not (isinstance(quotient, Binary) and quotient.op == "/"):
            continue
        sides = (_grown(_unscaled(quotient.left)), _grown(quotient.right))
        series = [one for one in sides if one is not None]
        if len(series) == 2 and series[0].metric == series[1].metric and _counts_events(query, series[1]):
            chosen = next((one for one in series[0].matchers if one not in series[1].matchers), None)
            if chosen is not None:
                step = f"add a least number of them: `{_least_requests(quotient, number / _factor(value))}`"
                yield query.problem(node, "one of two requests is half of them", step, word=node.op)


def _unscaled(value: Expr) -> Expr:
    """A value without the number by which it is multiplied, such as the 100 of a percentage."""
    inner = strip_parens(value)
    if isinstance(inner, Binary) and inner.op == "*":
        if literal(inner.left) is not None:
            return strip_parens(inner.right)
        return strip_parens(inner.left) if literal(inner.right) is not None else inner
    return inner


def _counts_events(query: LintedQuery, node: Selector) -> bool:
    metric = query.metric(node)
    if metric is None or metric.exposer is not Exposer.REGISTRY:
        return False
    return str(node.metric).endswith("_count") or (metric.kind is Kind.COUNTER and metric.unit is Unit.REQUESTS)


def _factor(value: Expr) -> Decimal:
    """The number by which `_unscaled` takes a value to be multiplied."""
    inner = strip_parens(value)
    found = (literal(inner.left), literal(inner.right)) if isinstance(inner, Binary) and inner.op == "*" else ()
    return next((number for number in found if number), Decimal(1))


def _least_requests(quotient: Binary, share: Decimal) -> str:
    """The condition that there are so many requests that one failure alone is no greater share.

    It is grouped as the denominator, and matched as that is matched.
    """
    matching = "" if quotient.on is None else f" on ({', '.join(quotient.on)})"
    matching = f" ignoring ({', '.join(quotient.ignoring)})" if quotient.ignoring else matching
    least = max(Decimal(10), (1 / share).to_integral_value(ROUND_CEILING))
    return f"and{matching} {to_text(_counting(quotient.right))} > {number_text(least)}"


def _counting(side: Expr) -> Expr:
    """The number of events of which a side is the rate."""
    inner = strip_parens(side)
    if isinstance(inner, Aggregate):
        return replace(inner, op="sum", expr=_counting(inner.expr))
    return replace(inner, function="increase") if isinstance(inner, Call) else inner

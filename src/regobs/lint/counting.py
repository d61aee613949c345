"""Checks of counters, gauges and windows: what is done to a series against what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Exposer, Kind, Metric, Unit
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.raw_counters import COUNTERS, may_be_gauge
from regobs.lint.subjects import LintedQuery
from regobs.promql.durations import duration_text
from regobs.promql.functions import CHANGE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Paren, Selector, Subquery, Unary
from regobs.promql.walk import selectors, strip_parens

_GAUGES = ("_ratio", "_percent", "_percentage", "_info", "_in_flight", "_in_progress", "_celsius")
_MACRO = re.compile(r"\$\{?__interval(?:_ms)?\b")
_MINUTE = 60_000
_PROCESSES = frozenset({"instance", "pod"})
_STARTS = frozenset({Unit.SECONDS, Unit.TIMESTAMP, Unit.BOOL, Unit.INFO})
# A title that says over which time its numbers are: "last 24 hours", "[1w]", "(5m)", "per day".
_WINDOW_TOLD = re.compile(
    r"\b(?:last|past|previous|per|each|every) (?:[0-9]{1,6} ?)?(?:second|minute|hour|day|week|month)s?\b"
    r"|\b[0-9]{1,6}[ -]?(?:[smhdw]|sec|min|seconds?|minutes?|hours?|days?|weeks?)\b|\b(?:hourly|daily|weekly)\b",
    re.IGNORECASE,
)


@check("rate-of-gauge", Severity.ERROR)
def rate_of_gauge(query: LintedQuery) -> Iterator[LintProblem]:
    """A rate or increase is taken of a gauge, or its falls are counted with `resets`.

    Why: each fall of a gauge is read as a restart of a counter, so the result is too high and means nothing.

    Wrong:
        sum(rate(go_sql_dbstats_connections_open[5m]))
        rate(queue_utilization_ratio[5m])
        rate(rate(http_requests_total[5m])[1h:])
    Right:
        sum(deriv(registry_http_in_flight_requests[5m]))
    """
    for node in query.selectors:
        metric = query.metric(node)
        if metric is not None and metric.exposer is Exposer.STACKDRIVER:
            return  # with --monitoring.aggregate-deltas the exporter turns these gauges into counters
    for fault, found in query.faults_by_node("rate-of-gauge"):
        if not _counts_starts(query, fault) and not _only_counted(query, fault):
            yield replace(found, next_step="take delta or deriv of it, or its value over time")
    told = {id(node) for node, _ in query.faults_by_node("rate-of-gauge")}
    for again in query.calls:
        if id(again) not in told and (inner := _rate_below(again)) is not None:
            what = f"{again.function} of {inner.function}(...), which rises and falls"
            yield query.problem(again, what, "take avg_over_time or max_over_time of it", word=again.function)
    yield from _counted_falls(query)
    for call, node in _grown(query):
        name = str(node.metric or "")
        if name.endswith(_GAUGES) and query.metric(node) is None:
            what = f"{name} is a gauge by its name: its {call.function} makes no sense"
            yield query.problem(node, what, "use delta, deriv or its value over time", Severity.WARNING, word=name)


def _counted_falls(query: LintedQuery) -> Iterator[LintProblem]:
    """`resets` of a gauge, by the catalog; of a time or a state each fall is a start."""
    for call in query.calls:
        if not (call.function == "resets" and call.args):
            continue
        inner = strip_parens(call.args[0])
        metric = query.metric(inner) if isinstance(inner, Selector) else None
        if metric is None or metric.kind is not Kind.GAUGE or metric.cumulative or metric.unit in _STARTS:
            continue
        if _asks_whether_never(query, call):
            continue
        what = f"{metric.name} is a gauge: resets counts how often it fell"
        yield query.problem(call, what, "take changes, or max_over_time of it", Severity.WARNING, word=metric.name)


def _asks_whether_never(query: LintedQuery, call: Call) -> bool:
    """Whether a count is compared with none: `resets(lag[30m]) == 0` says that a gauge never fell, and means it."""
    parent = next((one for one in query.above(call) if not isinstance(one, Paren)), None)
    if not isinstance(parent, Binary) or parent.op not in {"==", "<=", "<"}:
        return False
    return literal(parent.right) in ({Decimal(0), Decimal(1)} if parent.op == "<" else {Decimal(0)})


def _rate_below(call: Call) -> Call | None:
    """The rate of which a rate is taken, in a subquery, added up or not."""
    inner = strip_parens(call.args[0]) if call.function in GROWTH and call.args else None
    if not isinstance(inner, Subquery):
        return None
    below = strip_parens(inner.expr)
    while isinstance(below, Aggregate) and below.op in {"sum", "avg", "max", "min"}:
        below = strip_parens(below.expr)
    return below if isinstance(below, Call) and below.function in GROWTH else None


def _only_counted(query: LintedQuery, node: Expr) -> bool:
    """Whether the results are counted, whatever they are: how many series a window has."""
    above = next((one for one in query.above(node) if not isinstance(one, Paren)), None)
    return isinstance(above, Aggregate) and above.op in {"count", "group"}


def _counts_starts(query: LintedQuery, node: Expr) -> bool:
    """Whether it is the increase of a state: how often what is 0 or 1 became 1."""
    states = [query.metric(one) for one in selectors(node)]
    increase = isinstance(node, Call) and node.function == "increase"
    return increase and all(metric is not None and metric.unit is Unit.BOOL for metric in states)


@check("delta-of-counter", Severity.WARNING)
def delta_of_counter(query: LintedQuery) -> Iterator[LintProblem]:
    """`delta`, `idelta`, `deriv` or `predict_linear` is taken of a counter.

    Why: each restart of a process is read as a fall.

    Wrong:
        delta(registry_gc_runs_total[1h])
    Right:
        increase(registry_gc_runs_total[1h])
    """
    yield from (found for node, found in query.faults_by_node("delta-of-counter") if not _falls_left_out(query, node))
    for node in query.calls:
        if node.function in CHANGE - {"predict_linear"} and not _falls_left_out(query, node):
            inner = strip_parens(node.args[0])
            if isinstance(inner, Selector) and query.metric(inner) is None:
                name = str(inner.metric or "")
                if name.endswith(COUNTERS) and name in query.context.rated:
                    better = "increase" if node.function in {"delta", "idelta"} else "rate"
                    problem = query.problem(
                        node, f"{name} is a counter: a restart looks like a fall", f"write {better}"
                    )
                    edit = query.edit(node, f"{node.function}({name}", f"{better}({name}")
                    yield problem.fixed_by(None if may_be_gauge(query, name) else edit)
        elif node.function == "predict_linear" and (name := _foretold(query, node)):
            what = f"{name} is a counter: its value in the future is the number since a start, and each restart a fall"
            yield query.problem(node, what, "foretell a gauge, or take the rate", word="predict_linear")


def _foretold(query: LintedQuery, node: Call) -> str:
    """The counter of the catalog whose value in the future is asked for."""
    inner = strip_parens(node.args[0])
    entry = query.entry(inner) if isinstance(inner, Selector) else None
    counts = entry is not None and (entry[0].kind is Kind.COUNTER or bool(entry[1])) and not entry[0].signed
    return str(inner.metric) if counts and isinstance(inner, Selector) else ""


def _falls_left_out(query: LintedQuery, node: Expr) -> bool:
    """Whether only a rise counts, as in `deriv(x[5m]) > 0` and `clamp_min(deriv(x[5m]), 0)`: a restart is no rise."""
    above = next((one for one in query.above(node) if not isinstance(one, Paren)), None)
    if not isinstance(node, Call) or node.function != "deriv":
        return False
    if isinstance(above, Binary):
        return above.op in {">", ">="} and literal(above.right) == 0
    return isinstance(above, Call) and above.function == "clamp_min" and literal(above.args[-1]) == 0


@check("rate-of-aggregate", Severity.ERROR)
def rate_of_aggregate(query: LintedQuery) -> Iterator[LintProblem]:
    """A rate is taken of a sum of counters.

    Why: when one of the processes restarts, the sum falls, and the rate reads that as events.

    Wrong:
        rate(sum(http_requests_total)[5m:])
    Right:
        sum(rate(http_requests_total[5m]))
    """
    yield from query.faults("rate-of-aggregate")
    for node in query.calls:
        if not (node.function in GROWTH and node.args):
            continue
        inner = strip_parens(node.args[0])
        if isinstance(inner, Subquery) and isinstance(strip_parens(inner.expr), Aggregate):
            aggregate = strip_parens(inner.expr)
            leaf = strip_parens(aggregate.expr) if isinstance(aggregate, Aggregate) else aggregate
            if isinstance(leaf, Selector) and query.metric(leaf) is None and str(leaf.metric).endswith(COUNTERS):
                what = f"{node.function} over an aggregation: a restart of one process looks like events"
                yield query.problem(node, what, f"take the {node.function} first, then the aggregation")


@check("short-range", Severity.WARNING)
def short_range(query: LintedQuery) -> Iterator[LintProblem]:
    """The window of a rate holds fewer than two scrapes, or fewer than two steps of a subquery.

    Why: a rate needs two samples; where a window has fewer, there is no result, and the alert cannot fire.

    Wrong:
        rate(http_requests_total[30s])
    Right:
        rate(http_requests_total[5m])
    """
    every = query.context.scrape_interval_ms
    for node in query.calls:
        if not (node.function in GROWTH | {"delta", "idelta", "deriv"} and node.args):
            continue
        inner = strip_parens(node.args[0])
        if not isinstance(inner, Selector | Subquery) or inner.range is None or inner.range.macro:
            continue
        window, shown = inner.range.ms, duration_text(inner.range)
        if isinstance(inner, Subquery) and (few := _few_points(inner)):
            yield query.problem(inner, few, "take a longer window, or shorter steps")
            continue
        if isinstance(inner, Subquery) and not isinstance(strip_parens(inner.expr), Selector):
            continue
        if every is not None:
            if window < 2 * every:
                scraped = duration_text(Duration(every))
                what = f"[{shown}] holds fewer than two scrapes of {scraped}"
                yield query.problem(inner, what, f"take at least [{duration_text(Duration(4 * every))}]")
        elif window <= _MINUTE / 2:
            what = f"[{shown}] holds two scrapes only if there is one every {duration_text(Duration(window // 2))}"
            yield query.problem(inner, what, "take four scrape intervals, say [5m]")
        elif window <= _MINUTE:
            what = f"[{shown}] holds two scrapes only if there is one every {duration_text(Duration(window // 2))}"
            yield query.problem(inner, what, "take four scrape intervals, say [5m]", Severity.NOTE)


def _few_points(node: Subquery) -> str:
    """What is wrong about a subquery whose window is too short for two of its own steps."""
    step = node.step
    if step is None or step.macro or step.ms <= 0 or node.range.ms >= 2 * step.ms:
        return ""
    return f"[{duration_text(node.range)}] holds fewer than two steps of {duration_text(step)}"


@check("interval-in-rate", Severity.WARNING)
def interval_in_rate(query: LintedQuery) -> Iterator[LintProblem]:
    """The window of a rate, or the step of a subquery over a fixed window, is `$__interval`.

    Why: zoomed in it becomes shorter than two scrapes, and the panel empty; zoomed out, events fall between windows.

    Wrong:
        sum(rate(http_requests_total[$__interval]))
    Right:
        sum(rate(http_requests_total[$__rate_interval]))
    """
    if query.least_step_ms >= 4 * (query.context.scrape_interval_ms or _MINUTE / 4):
        return  # it is never too short
    for node in query.nodes:
        if isinstance(node, Call) and node.function in GROWTH | {"delta", "idelta"} and node.args:
            inner = strip_parens(node.args[0])
            window = inner.range if isinstance(inner, Selector | Subquery) else None
            if window is not None and _MACRO.match(window.macro):
                better = "$__range with an instant query" if query.instant else "$__rate_interval"
                step = f"write {better}"
                if node.function not in {"rate", "irate"} and not query.instant:  # a longer window is a greater amount
                    step = "set Min step to four scrape intervals, say 1m; or write $__rate_interval"
                # "Restarts / $__interval": how many there were of each point, as the panel says.
                meant = node.function == "increase" and "interval" in query.subject
                severity = Severity.NOTE if meant else None
                what = f"{node.function} over {window.macro}"
                problem = query.problem(inner, what, step, severity, word=window.macro)
                sure = (
                    node.function in {"rate", "irate"} and not query.instant and getattr(inner, "offset", None) is None
                )
                yield problem.fixed_by(query.edit(inner, f"[{window.macro}]", f"[{better}]") if sure else None)
        every = node.step if isinstance(node, Subquery) else None
        if isinstance(node, Subquery) and every is not None and node.range.ms and _MACRO.match(every.macro):
            what = f"a window of {duration_text(node.range)} is read in steps of {every.macro}"
            advice = "write a fixed step: zoomed out, the steps are longer than the window"
            yield query.problem(node, what, advice, word=every.macro)


@check("fixed-range-in-panel", Severity.NOTE)
def fixed_range_in_panel(query: LintedQuery) -> Iterator[LintProblem]:
    """A panel over time takes rates over a fixed window.

    Why: over weeks the panel then shows only the last minutes of each step, and misses what is between.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "targets": [
          {"refId": "A", "expr": "sum(rate(http_requests_total[1m]))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Requests", "targets": [
          {"refId": "A", "expr": "sum(rate(http_requests_total[$__rate_interval]))"}]}]}
    """
    if query.role != "panel" or query.instant or _WINDOW_TOLD.search(f"{query.subject} {query.caption}"):
        return
    for call, node in _grown(query):
        if node.range is not None and not node.range.macro and not _each_step(query, call, node.range):
            shown = duration_text(node.range)
            yield query.problem(node, f"{call.function} over a fixed window of {shown}", "write $__rate_interval")


def _each_step(query: LintedQuery, call: Call, window: Duration) -> bool:
    """Whether a subquery asks for a window as often as the window is long, so that none misses an event."""
    steps = [one.step for one in query.above(call) if isinstance(one, Subquery)]
    return any(step is not None and step.ms == window.ms for step in steps)


def _grown(query: LintedQuery) -> Iterator[tuple[Call, Selector]]:
    for node in query.calls:
        if node.function in GROWTH and node.args:
            inner = node.args[0]
            while isinstance(inner, Paren | Unary):
                inner = inner.expr
            if isinstance(inner, Selector):
                yield node, inner


@check("sum-of-copies", Severity.WARNING)
def sum_of_copies(query: LintedQuery) -> Iterator[LintProblem]:
    """A number of which every process tells the same is added up.

    Why: the result is the true number times the number of processes.

    Wrong:
        sum(registry_database_rows)
    Right:
        max by (query_name) (registry_database_rows)
    """
    for node in query.aggregates:
        if node.op == "sum" and _PROCESSES.isdisjoint(node.labels or ()) is not node.without:
            inner = strip_parens(node.expr)
            metric = query.metric(inner) if isinstance(inner, Selector) else None
            told = metric is not None and metric.common and metric.unit not in {Unit.INFO, Unit.TIMESTAMP}
            if metric is not None and told and not _asks_presence(query, node, metric):
                what = f"every process tells the same {metric.name}"
                yield query.problem(node, what, "take max, then add up", word="sum")


def _asks_presence(query: LintedQuery, node: Expr, metric: Metric) -> bool:
    """Whether an alert only asks if a sum is zero: that of copies is where the greatest of them is."""
    above = next((one for one in query.above(node) if not isinstance(one, Paren)), None)
    if not query.alerts or not isinstance(above, Binary) or strip_parens(above.left) is not node:
        return False
    number = literal(above.right)
    counts = metric.unit not in {Unit.SECONDS, Unit.BYTES, Unit.RATIO}
    asked = {0: {">", "==", "!=", "<="}, 1: {">=", "<"} if counts else set[str]()}
    return above.op in asked.get(int(number) if number in {0, 1} else -1, set())

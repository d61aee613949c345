"""Checks of counters, gauges and windows: what is done to a series against what it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

from regobs.catalog.model import Exposer, Kind, Unit
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.durations import duration_text
from regobs.promql.functions import CHANGE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Paren, Selector, Subquery, Unary
from regobs.promql.walk import selectors, strip_parens

# Of what happens, there are counters only: one rate of it is enough to tell.
_EVENTS = frozenset(
    """
    request requests responses calls queries events error errors failure failures failed exceptions panics deaths
    crashes restarts retries timeouts evictions hits misses received sent dropped
    seconds started handled succeeded success attempt attempts
    """.split()  # noqa: SIM905 - one name a line would be a page
)
# With one of these a number of events is how many there are now: `pending_requests_total`.
_STATES = frozenset(
    {"pending", "active", "current", "open", "queued", "waiting", "running", "inflight", "flight", "max", "limit"}
)
_GAUGES = ("_ratio", "_percent", "_percentage", "_info", "_in_flight", "_in_progress", "_celsius")
_COUNTERS = ("_total", "_bucket")
# What may be asked of a counter as it is: whether it is there, when, and how often it began anew.
_EXISTENCE = frozenset(
    {"absent", "absent_over_time", "present_over_time", "count_over_time", "changes", "resets", "timestamp", "scalar"}
)
_MACRO = re.compile(r"\$\{?__interval(?:_ms)?\b")
_MINUTE = 60_000
# A title that says over which time its numbers are: "last 24 hours", "[1w]", "(5m)", "per day".
_WINDOW_TOLD = re.compile(
    r"\b(?:last|past|previous|per|each|every) (?:[0-9]{1,6} ?)?(?:second|minute|hour|day|week|month)s?\b"
    r"|\b[0-9]{1,6}[ -]?(?:[smhdw]|sec|min|seconds?|minutes?|hours?|days?|weeks?)\b|\b(?:hourly|daily|weekly)\b",
    re.IGNORECASE,
)


@check("rate-of-gauge", Severity.ERROR)
def rate_of_gauge(query: LintedQuery) -> Iterator[LintProblem]:
    """A rate or increase is taken of a gauge.

    Why: each fall of a gauge is read as a restart of a counter, so the result is too high and means nothing.

    Wrong:
        sum(rate(go_sql_dbstats_connections_open[5m]))
        rate(queue_utilization_ratio[5m])
    Right:
        sum(deriv(registry_http_in_flight_requests[5m]))
    """
    for node in query.selectors:
        metric = query.metric(node)
        if metric is not None and metric.exposer is Exposer.STACKDRIVER:
            return  # with --monitoring.aggregate-deltas the exporter turns these gauges into counters
    for fault, found in query.faults_by_node("rate-of-gauge"):
        if not _counts_starts(query, fault):
            yield replace(found, next_step="take delta or deriv of it, or its value over time")
    for call, node in _grown(query):
        name = str(node.metric or "")
        if name.endswith(_GAUGES) and query.metric(node) is None:
            what = f"{name} is a gauge by its name: its {call.function} makes no sense"
            yield query.problem(node, what, "use delta, deriv or its value over time", Severity.WARNING, word=name)


def _counts_starts(query: LintedQuery, node: Expr) -> bool:
    """Whether it is the increase of a state: how often what is 0 or 1 became 1."""
    states = [query.metric(one) for one in selectors(node)]
    increase = isinstance(node, Call) and node.function == "increase"
    return increase and all(metric is not None and metric.unit is Unit.BOOL for metric in states)


@check("delta-of-counter", Severity.WARNING)
def delta_of_counter(query: LintedQuery) -> Iterator[LintProblem]:
    """`delta`, `idelta` or `deriv` is taken of a counter.

    Why: each restart of a process is read as a fall.

    Wrong:
        delta(registry_gc_runs_total[1h])
    Right:
        increase(registry_gc_runs_total[1h])
    """
    yield from (found for node, found in query.faults_by_node("delta-of-counter") if not _falls_left_out(query, node))
    for node in query.nodes:
        if isinstance(node, Call) and node.function in CHANGE - {"predict_linear"} and not _falls_left_out(query, node):
            inner = strip_parens(node.args[0])
            if isinstance(inner, Selector) and query.metric(inner) is None:
                name = str(inner.metric or "")
                if name.endswith(_COUNTERS) and name in query.context.rated:
                    better = "increase" if node.function in {"delta", "idelta"} else "rate"
                    problem = query.problem(
                        node, f"{name} is a counter: a restart looks like a fall", f"write {better}"
                    )
                    edit = query.edit(node, f"{node.function}({name}", f"{better}({name}")
                    yield problem.fixed_by(None if _may_be_gauge(query, name) else edit)


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
    for node in query.nodes:
        if not (isinstance(node, Call) and node.function in GROWTH and node.args):
            continue
        inner = strip_parens(node.args[0])
        if isinstance(inner, Subquery) and isinstance(strip_parens(inner.expr), Aggregate):
            aggregate = strip_parens(inner.expr)
            leaf = strip_parens(aggregate.expr) if isinstance(aggregate, Aggregate) else aggregate
            if isinstance(leaf, Selector) and query.metric(leaf) is None and str(leaf.metric).endswith(_COUNTERS):
                what = f"{node.function} over an aggregation: a restart of one process looks like events"
                yield query.problem(node, what, f"take the {node.function} first, then the aggregation")


@check("raw-counter", Severity.WARNING)
def raw_counter(query: LintedQuery) -> Iterator[LintProblem]:
    """A counter is shown, compared or divided as it is.

    Whether it is above zero may be asked; but not in a window, of which its highest value says nothing, nor what it
    was some time before, when its process may have begun since, nor whether it exceeds another counter.

    Why: its value only says how much there was since its process began, and falls when that restarts.

    Wrong:
        sum(registry_storage_rate_limit_total) > 100
        sum(registry_storage_rate_limit_total) - sum(registry_storage_rate_limit_total offset 5m)
        max_over_time(registry_storage_rate_limit_total[5m]) > 0
    Right:
        sum(increase(registry_storage_rate_limit_total[5m])) > 100
    """
    if query.role not in {"alert", "panel", "record", "bare"}:
        return
    for node in query.selectors:
        entry = query.entry(node)
        counter = entry is not None and entry[0].kind in {Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY}
        counter = counter and entry is not None and (bool(entry[1]) or entry[0].kind is Kind.COUNTER)
        counter = counter or (entry is not None and entry[0].cumulative)
        name = str(node.metric or "")
        if entry is None:
            told = query.context.records.type(name)
            counter = name.endswith("_total") and (name in query.context.rated or _counts_events(query, name))
            counter = counter or (told is not None and told.raw_counter)
        # The cluster counts for the object, as `kubectl get` shows it: no process begins anew.
        kept = entry is not None and entry[0].exposer is Exposer.KUBE_STATE
        if counter and not kept and (then := _difference(query, node)):
            if node.offset is None:
                what = f"{name} is a counter: after a restart it is below what it was {duration_text(then)} ago"
                yield query.problem(node, what, f"write increase({name}[{duration_text(then)}])", word=name)
        elif counter and not (kept and query.role == "panel") and _read_raw(query, node):
            what = f"{name} is a counter, and read as it is"
            if entry is None and _may_be_gauge(query, name):
                what = f"{name} is read as it is here, but as a counter where a rate is taken of it"
                yield query.problem(node, what, "make both the same", Severity.NOTE, word=name)
            else:
                yield query.problem(node, what, _instead(query), word=name)


def _counts_events(query: LintedQuery, name: str) -> bool:
    """Whether the name of what an alert asks for can only be that of a counter: `x_errors_total`."""
    words = name.removesuffix("_total").split("_")
    return query.alerts and words[-1] in _EVENTS - {"seconds"} and _STATES.isdisjoint(words)


def _may_be_gauge(query: LintedQuery, name: str) -> bool:
    """Whether the rate may be what is wrong: some gauges end in `_total` too, such as `db_indexes_total`."""
    context = query.context
    return context.rated[name] <= context.read_raw[name] and _EVENTS.isdisjoint(name.split("_"))


def _instead(query: LintedQuery) -> str:
    window = "$__rate_interval" if query.role == "panel" else "5m"
    return f"take rate(...[{window}]) or increase(...) of it"


def _read_raw(query: LintedQuery, node: Selector) -> bool:
    """Whether the value of a counter reaches the result, an aggregation or a comparison with a number."""
    if (node.range is not None and not _over_time(query, node)) or _only_kept(query, node):
        return False
    child: Expr = node
    for above in query.above(node):
        if isinstance(above, Call) and above.function in _EXISTENCE | GROWTH | CHANGE:
            return False
        if isinstance(above, Call) and above.function in {"histogram_quantile", "histogram_count", "histogram_sum"}:
            # Of a native histogram another check tells.
            return above.function == "histogram_quantile" and str(node.metric or "").endswith("_bucket")
        if isinstance(above, Aggregate) and above.op in {"count", "group", "count_values"}:
            return False
        if isinstance(above, Binary) and (_of_two_counters(above) or _asks_existence(query, node, above, child)):
            return False
        child = above
    return query.role != "record" or _divided(query, node)


def _only_kept(query: LintedQuery, node: Selector) -> bool:
    """Whether an alert only asks whether a series is left over: `x unless x offset 5m`, `x and on (job) up == 0`."""
    filtered = False
    child: Expr = node
    for above in query.above(node):
        if isinstance(above, Binary) and above.op in {"and", "unless"} and child is above.left:
            filtered = True
        elif not isinstance(above, Paren | Aggregate) and not (isinstance(above, Binary) and above.op == "or"):
            return False
        child = above
    return filtered and query.role in {"alert", "bare"}


def _over_time(query: LintedQuery, node: Selector) -> bool:
    parent = query.parents.get(id(node))
    return isinstance(parent, Call) and parent.function in {"max_over_time", "avg_over_time", "min_over_time"}


def _divided(query: LintedQuery, node: Selector) -> bool:
    return any(isinstance(above, Binary) and above.op == "/" for above in query.above(node))


def _asks_existence(query: LintedQuery, node: Selector, above: Binary, child: Expr) -> bool:
    """`x > 0`, `y unless x`, `x - x offset 1h`, and a product with an info metric: none reads how much it is.

    The highest value of a window is above zero ever since the first event, and so says nothing of the window.
    """
    if above.op in {"and", "unless"}:
        return child is above.right
    if above.op in COMPARISONS:
        other = above.right if child is above.left else above.left
        number = literal(other)
        if number is None:
            return not _compares_counters(above)
        return number == 0 and not (above.op in {">", "!="} and _over_time(query, node))
    shifted = any(one.offset is not None or one.at is not None for one in selectors(above))
    return above.op == "-" and shifted


def _compares_counters(above: Binary) -> bool:
    """Whether one counter is asked to exceed another one: each says how long its process has run."""
    sides = [bare(side) for side in (above.left, above.right)]
    names = {one.metric for one in sides if isinstance(one, Selector) and one.offset is None and one.at is None}
    return above.op not in {"==", "!="} and len(names) == 2 and all(str(name).endswith("_total") for name in names)


def _difference(query: LintedQuery, node: Selector) -> Duration | None:
    """How long ago the value is that is taken from a counter, as in `x - x offset 5m`; None where there is none.

    With an `unless` beside it, it is there for the first value of a series, which an increase does not see; compared
    with `==`, for a counter that stands still.
    """
    top = next((one for one in query.above(node) if isinstance(one, Binary)), None)
    beside = any(isinstance(one, Binary) and one.op == "unless" for one in query.nodes)
    if query.role == "record" or beside or top is None or top.op != "-":
        return None
    if any(isinstance(one, Binary) and one.op in {"==", "!="} for one in query.above(top)):
        return None
    (clauses, now), (others, then) = _summed(top.left), _summed(top.right)
    if clauses != others or not isinstance(now, Selector) or not isinstance(then, Selector) or now.offset is not None:
        return None
    ago = then.offset
    return ago if ago is not None and ago.ms > 0 and replace(then, offset=None) == now else None


def _summed(expr: Expr) -> tuple[list[object], Expr]:
    """What is added up, and by which labels."""
    clauses: list[object] = []
    inner = bare(expr)
    while isinstance(inner, Aggregate) and inner.op == "sum":
        clauses.append((inner.labels, inner.without))
        inner = bare(inner.expr)
    return clauses, inner


def _of_two_counters(above: Binary) -> bool:
    """Whether it is `started - finished`, how many are under way: both begin anew at the same restart.

    Of positions in a log it is how far one is behind the other.
    """
    names = [{str(one.metric or "") for one in selectors(side)} for side in (above.left, above.right)]
    if above.op != "-" or not all(names):
        return False
    return all(name.endswith(_COUNTERS) or "offset" in name for side in names for name in side)


@check("short-range", Severity.WARNING)
def short_range(query: LintedQuery) -> Iterator[LintProblem]:
    """The window of a rate holds fewer than two scrapes.

    Why: a rate needs two samples; where a window has fewer, there is no result, and the alert cannot fire.

    Wrong:
        rate(http_requests_total[30s])
    Right:
        rate(http_requests_total[5m])
    """
    every = query.context.scrape_interval_ms
    for node in query.nodes:
        if not (isinstance(node, Call) and node.function in GROWTH | {"delta", "idelta", "deriv"} and node.args):
            continue
        inner = strip_parens(node.args[0])
        if not isinstance(inner, Selector) or inner.range is None or inner.range.macro:
            continue
        window, shown = inner.range.ms, duration_text(inner.range)
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


@check("interval-in-rate", Severity.WARNING)
def interval_in_rate(query: LintedQuery) -> Iterator[LintProblem]:
    """The window of a rate is `$__interval`.

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
            window = inner.range if isinstance(inner, Selector) else None
            if window is not None and _MACRO.match(window.macro):
                better = "$__range with an instant query" if query.instant else "$__rate_interval"
                step = f"write {better}"
                if node.function not in {"rate", "irate"} and not query.instant:  # a longer window is a greater amount
                    step = "set Min step to four scrape intervals, say 1m; or write $__rate_interval"
                problem = query.problem(inner, f"{node.function} over {window.macro}", step, word=window.macro)
                sure = (
                    node.function in {"rate", "irate"} and not query.instant and getattr(inner, "offset", None) is None
                )
                yield problem.fixed_by(query.edit(inner, f"[{window.macro}]", f"[{better}]") if sure else None)


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
    for node in query.nodes:
        if isinstance(node, Call) and node.function in GROWTH and node.args:
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
    for node in query.nodes:
        targets = {"instance", "pod"} & set(node.labels or ()) if isinstance(node, Aggregate) else set()
        if isinstance(node, Aggregate) and node.op == "sum" and bool(targets) is node.without:
            inner = strip_parens(node.expr)
            metric = query.metric(inner) if isinstance(inner, Selector) else None
            told = metric is not None and metric.common and metric.unit not in {Unit.INFO, Unit.TIMESTAMP}
            if metric is not None and told:
                what = f"every process tells the same {metric.name}"
                yield query.problem(node, what, "take max, then add up", word="sum")

"""Checks of histograms, quantiles and means: what may be added up, averaged, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.lint.buckets import nearest
from regobs.lint.findings import LintEdit, LintProblem, Severity, check
from regobs.lint.named_shares import bare, core, is_usage, named_share
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector, Subquery
from regobs.promql.printer import number_text
from regobs.promql.series import series_of
from regobs.promql.walk import selectors, strip_parens, walk

_RECORDS = 20  # of records of records a quantile is looked for in
_PROCESSES = frozenset({"instance", "pod"})
_LEAST_PERCENT = 10
_NO_SUM = frozenset({"max", "min", "count", "quantile", "stddev", "stdvar", "group"})
_ENDS = frozenset({"0", "0.0", "1", "1.0"})  # the lowest and the highest value, of which one may ask the average


@check("quantile-without-le", Severity.ERROR)
def quantile_without_le(query: LintedQuery) -> Iterator[LintProblem]:
    """`histogram_quantile` gets buckets whose `le` is gone.

    Why: without bounds there is no quantile: the result is empty.

    Wrong:
        histogram_quantile(0.9, sum by (method) (rate(http_request_duration_seconds_bucket[5m])))
    Right:
        histogram_quantile(0.9, sum by (method, le) (rate(http_request_duration_seconds_bucket[5m])))
    """
    calls = [node for node in query.calls if node.function == "histogram_quantile"]
    found = set()
    for problem in query.faults("quantile-without-le"):
        found.add(problem.start)
        yield problem.fixed_by(_keeping_le(query, calls[0].args[1]) if len(calls) == 1 else None)
    for node in query.calls:
        if node.function != "histogram_quantile":
            continue
        labels = query.parts.of(node.args[1]).possible_labels
        recorded = query.context.records.expressions
        names = [str(one.metric or "") for one in selectors(node.args[1])]
        if names and all(name.endswith(("_sum", "_count")) and not recorded(name) for name in names):
            what = f"{names[0]} has no le, and is no histogram of its own"
            yield query.problem(node, what, "read the buckets: ..._bucket", word=names[0])
        series = [name for name in names if name.endswith("_bucket") or recorded(name)]
        if labels is None and (names and all(name.endswith("_bucket") for name in names)) and _drops_le(node.args[1]):
            labels = frozenset()
        # VictoriaMetrics keeps the bounds of its own histograms in vmrange, and PromQL of Prometheus knows none such.
        if labels is None or labels & {"le", "vmrange"} or any(name.startswith("$") for name in labels) or not series:
            continue
        problem = query.problem(
            node,
            "histogram_quantile needs le, but the aggregation dropped it",
            "add le to the by list",
            word="histogram_quantile",
        )
        if problem.start not in found:
            yield problem.fixed_by(_keeping_le(query, node.args[1]))


def _drops_le(buckets: Expr) -> bool:
    """Whether the outermost aggregation drops `le` by name."""
    node = bare(buckets)
    return isinstance(node, Aggregate) and node.without and "le" in (node.labels or ())


def _keeping_le(query: LintedQuery, buckets: Expr) -> LintEdit | None:
    """The edit that adds `le` to the one aggregation of the buckets."""
    groups = [node for node in walk(buckets) if isinstance(node, Aggregate)]
    if len(groups) != 1 or groups[0].without or groups[0].span is None:
        return None
    written = query.text[slice(*groups[0].span)]
    if groups[0].labels is None:
        head = re.match(r"\w+\s*\(", written)
        return query.edit(groups[0], head[0], f"{groups[0].op} by (le) (") if head else None
    head = re.search(r"\bby\s*\(", written)
    comma = ", " if groups[0].labels else ""
    return query.edit(groups[0], head[0], f"{head[0]}le{comma}") if head else None


@check("quantile-out-of-range", Severity.ERROR)
def quantile_out_of_range(query: LintedQuery) -> Iterator[LintProblem]:
    """The quantile is no number from 0 to 1.

    Why: `histogram_quantile(95, ...)` is plus infinity.

    Wrong:
        histogram_quantile(95, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))
    Right:
        histogram_quantile(0.95, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))
    """
    for node in query.nodes:
        first = None
        if isinstance(node, Call) and node.function in {"histogram_quantile", "quantile_over_time"}:
            first = node.args[0]
        if isinstance(node, Aggregate) and node.op == "quantile":
            first = node.param
        number = literal(first) if first is not None else None
        if first is not None and number is not None and not 0 <= number <= 1:
            percent = _LEAST_PERCENT <= number <= 100  # 1.5 is no percentage that anyone asks for
            right = number_text(number / 100) if percent else "a number from 0 to 1"
            problem = query.problem(first, f"{number_text(number)} is no quantile", f"write {right}")
            yield problem.fixed_by(query.edit(first, number_text(number), right) if percent else None)


@check("threshold-between-buckets", Severity.NOTE)
def threshold_between_buckets(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert compares a quantile with a number that is no bound of the histogram's buckets.

    Why: between two bounds Prometheus assumes that all durations are spread evenly, so it fires by a guess.

    Wrong:
        - alert: RequestsSlow
          expr: histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m]))) > 3
          labels: {severity: ticket}
          annotations: {summary: Requests are slow}
    Right:
        - alert: RequestsSlow
          expr: histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m]))) > 2.5
          labels: {severity: ticket}
          annotations: {summary: Requests are slow}
    """
    for node, value, op, number in query.compared if query.alerts else ():
        if op in {"==", "!="}:
            continue
        edges = _quantile_edges(query, value)
        if edges and float(number) not in edges and edges[0] < float(number) < edges[-1]:
            side = node.right if literal(node.right) is not None else node.left
            yield query.problem(side, f"no bucket ends at {number_text(number)}", nearest(number, edges))


def _quantile_edges(query: LintedQuery, value: Expr) -> list[float]:
    """The bounds between which a quantile lies: as it is, the highest of several, or as a rule records it."""
    for _ in range(_RECORDS):
        inner = bare(value)
        while isinstance(inner, Aggregate) and inner.op in {"max", "min", "topk", "bottomk"}:
            inner = bare(inner.expr)
        if isinstance(inner, Call) and inner.function == "histogram_quantile":
            return query.values.edges(inner.args[1])
        rules = query.context.records.rules.get(str(inner.metric), ()) if isinstance(inner, Selector) else ()
        if len(rules) != 1 or not isinstance(rules[0], LintedQuery) or rules[0].expr is None:
            return []
        query, value = rules[0], rules[0].expr
    return []


@check("mixed-buckets", Severity.ERROR)
def mixed_buckets(query: LintedQuery) -> Iterator[LintProblem]:
    """Buckets are added up without `le`.

    Why: each bucket contains the smaller ones, so every event is counted several times.

    Wrong:
        sum by (method) (rate(registry_http_request_duration_seconds_bucket[5m]))
    Right:
        sum by (method) (rate(registry_http_request_duration_seconds_count[5m]))
    """
    quantiles = [node for node in query.calls if node.function == "histogram_quantile"]
    inside = {id(node) for call in quantiles for node in walk(call)}
    for node, error in query.parts.faults:
        if error.check == "mixed-buckets" and id(node) not in inside:
            yield query.problem(node, error.message, f"write {error.expected}")


@check("buckets-not-summed", Severity.WARNING)
def buckets_not_summed(query: LintedQuery) -> Iterator[LintProblem]:
    """The buckets of several processes are not added up before `histogram_quantile`, but the highest of each is taken.

    Of each bucket the highest may be of another process. An average is no fault: all buckets are divided by one number.

    Why: buckets that no process has together give a quantile of no requests.

    Wrong:
        histogram_quantile(0.9, max by (le) (rate(http_request_duration_seconds_bucket[5m])))
    Right:
        histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))
    """
    for node in query.calls:
        if node.function not in {"histogram_quantile", "histogram_fraction"}:
            continue
        inner = bare(node.args[-1])
        if not isinstance(inner, Aggregate) or inner.op not in _NO_SUM or inner.without:
            continue
        kept = set(inner.labels or ())
        # With the process kept, it only picks one of the servers that scraped it.
        if "le" in kept and not kept & {*_PROCESSES, "node"} and not any(one.startswith("$") for one in kept):
            step = f"write sum in place of {inner.op}"
            sure = Severity.WARNING if kept == {"le"} else Severity.NOTE  # else it may be of what all tell alike
            problem = query.problem(
                inner, f"{inner.op} of buckets mixes those of several processes", step, sure, inner.op
            )
            yield problem.fixed_by(query.edit(inner, f"{inner.op} by", "sum by") if inner.param is None else None)


@check("average-of-quantiles", Severity.WARNING)
def average_of_quantiles(query: LintedQuery) -> Iterator[LintProblem]:
    """Quantiles are added up or averaged.

    Why: the average of the slowest tenths of ten processes is not the slowest tenth of their requests.

    Wrong:
        avg(histogram_quantile(0.95, sum by (le, pod) (rate(http_request_duration_seconds_bucket[5m]))))
        sum(rpc_duration_seconds{quantile="0.99"})
    Right:
        histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))
    """
    for node in query.nodes:
        if isinstance(node, Call) and node.function in {"avg_over_time", "sum_over_time"}:
            over = strip_parens(node.args[0])
            of = bare(over.expr) if isinstance(over, Subquery) else over
            if isinstance(of, Call) and of.function == "histogram_quantile":
                what = f"{node.function} over a quantile: minutes with few requests weigh as much as others"
                yield query.problem(node, what, "take the quantile of a longer rate", word=node.function)
        if not (isinstance(node, Aggregate) and node.op in {"sum", "avg"}):
            continue
        if not node.without and {"quantile", *_PROCESSES} & set(node.labels or ()):
            continue  # each group holds the quantiles of one process, most often a single one
        inner = strip_parens(node.expr)
        quantile = isinstance(inner, Call) and inner.function in {"histogram_quantile", "quantile_over_time"}
        if isinstance(inner, Selector):
            asked = next((one.value for one in inner.matchers if one.label == "quantile"), "")
            if asked in _ENDS:
                continue
            quantile = bool(asked)
            quantile = quantile or re.search(r"(^|[:_])p(?:50|90|95|99|999)(?:[:_]|$)", str(inner.metric)) is not None
        if quantile or (query.parts.of(node.expr).quantile and not isinstance(inner, Binary)):
            what = f"{node.op} over a quantile: quantiles cannot be added up or averaged"
            yield query.problem(node, what, "aggregate the buckets first, or take max", word=node.op)


@check("average-of-ratios", Severity.WARNING)
def average_of_ratios(query: LintedQuery) -> Iterator[LintProblem]:
    """Ratios of rates are averaged, in the query or over time by the panel.

    The mean over time of how full something is hides its peak: that is a note.

    Why: one process, or hour, with three requests weighs as much as one with a million.

    Wrong:
        avg(rate(http_errors_total[5m]) / rate(http_requests_total[5m]))
    Right:
        sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))
    """
    for node in query.nodes:
        if isinstance(node, Aggregate) and node.op == "avg":
            inner = strip_parens(node.expr)
            rules = query.context.records.expressions(str(inner.metric)) if isinstance(inner, Selector) else ()
            recorded = bare(rules[0]) if len(rules) == 1 else None
            summed = recorded if recorded is not None else inner
            if isinstance(inner, Binary) and inner.op == "/" and _rates(inner.left) and _rates(inner.right):
                within = Severity.NOTE if node.labels or node.without else None  # say of one machine's disks
                yield query.problem(node, "an average of ratios", "divide the sums", within, word="avg")
            elif (
                isinstance(summed, Binary)
                and summed.op == "/"
                and all(_sums(one) for one in (summed.left, summed.right))
            ):
                yield query.problem(node, "an average of ratios", "divide the sums", Severity.NOTE, word="avg")
            elif isinstance(inner, Aggregate) and inner.op == "avg" and inner.labels and not inner.without:
                what = "an average of averages: each group weighs the same, however many are in it"
                yield query.problem(node, what, "take one average of all", Severity.NOTE, word="avg")
        elif isinstance(node, Call) and node.function == "avg_over_time" and node.args:
            points = strip_parens(node.args[0])
            ratio = strip_parens(points.expr) if isinstance(points, Subquery) else None
            if isinstance(ratio, Binary) and ratio.op == "/" and _grows(ratio.left) and _grows(ratio.right):
                what = "a mean over time of a ratio: minutes with few requests weigh as much as others"
                yield query.problem(node, what, "divide longer rates", Severity.NOTE, word=node.function)
    if query.averaged and query.expr is not None:
        yield from _averaged_by_panel(query, query.expr)


def _averaged_by_panel(query: LintedQuery, expr: Expr) -> Iterator[LintProblem]:
    """A ratio, were it in percent or taken from one, of which a panel shows the mean of its points."""
    shown = core(expr)
    if isinstance(shown, Binary) and shown.op == "*":
        shown = core(shown.right if literal(shown.left) is not None else shown.left)
    if isinstance(shown, Binary) and shown.op == "/" and _grows(shown.left) and _grows(shown.right):
        what = "the panel shows the mean over time of a ratio"
        step = "ask once over $__range, as an instant query"
        events = query.values.share(shown) is not None or named_share(shown, query.values.busy)
        sure = events or any(query.entry(one) is not None for one in selectors(shown))
        yield query.problem(shown, what, step, None if sure else Severity.NOTE, word="/")  # else weights may be equal
    elif isinstance(shown, Binary) and shown.op == "/" and is_usage(shown) and not _of_events(shown):
        what = "the panel shows the mean over time of how full something is"
        yield query.problem(shown, what, "show the last value, or the highest", Severity.NOTE, word="/")


def _of_events(node: Binary) -> bool:
    """Whether a side is a counter as it is: `x_seconds_sum / x_requests_total` is no use of anything."""
    return any(str(one.metric or "").endswith(("_total", "_sum", "_count")) for one in selectors(node))


@check("sum-of-durations", Severity.WARNING)
def sum_of_durations(query: LintedQuery) -> Iterator[LintProblem]:
    """The time that all events took is shown in place of the time that one takes.

    Why: the growth of a histogram's `_sum` rises with the traffic; it is no latency.

    Wrong:
        avg(increase(registry_storage_action_seconds_sum[5m]))
    Right:
        sum(rate(registry_storage_action_seconds_sum[5m])) / sum(rate(registry_storage_action_seconds_count[5m]))
    """
    for node in query.aggregates:
        if node.op == "avg":
            inner = strip_parens(node.expr)
            if isinstance(inner, Call) and inner.function in GROWTH and _is_sum(inner):
                divided = any(isinstance(above, Binary) and above.op == "/" for above in query.above(node))
                if not divided:
                    step = "divide the rate of _sum by the rate of _count"
                    yield query.problem(node, "an average of the growth of _sum is no duration", step)


def _is_sum(call: Call) -> bool:
    inner = strip_parens(call.args[0])
    entry = series_of(inner) if isinstance(inner, Selector) else None
    return entry is not None and entry[1] == "_sum"


def _grows(node: Expr) -> bool:
    return any(isinstance(one, Call) and one.function in GROWTH for one in walk(node))


def _rates(node: Expr) -> bool:
    return _grows(node) and not any(isinstance(one, Aggregate) for one in walk(node))


def _sums(node: Expr) -> bool:
    """Whether it adds up rates for each of several groups."""
    sums = [one for one in walk(node) if isinstance(one, Aggregate)]
    grouped = any(one.op == "sum" and (one.labels or one.without) for one in sums)
    return grouped and _grows(node)

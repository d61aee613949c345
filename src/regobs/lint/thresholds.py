"""Checks of thresholds that no value, or every value, is beyond."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from math import inf

from regobs.catalog.model import Unit
from regobs.lint.beyond import beyond_both, beyond_whole
from regobs.lint.bounds import OPPOSITE, SWITCH, never
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare, core, named_share, says_fill, says_percentage, says_share
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Number, Selector
from regobs.promql.printer import number_text
from regobs.promql.types import Bounds
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.promql.walk import selectors, walk

_RECORDS = 20  # records of records
# A text for people that takes the value for a percentage; `%.1f` is a format, and humanizePercentage takes a ratio.
_PERCENT = re.compile(r"\bper ?cent|%(?![-+#0-9.]{0,8}[a-z])", re.IGNORECASE)
_NEVER = {">": True, ">=": True, "==": True, "<": False, "<=": False, "!=": False}


@check("ratio-compared-with-percent", Severity.ERROR)
def ratio_compared_with_percent(query: LintedQuery) -> Iterator[LintProblem]:
    """A ratio, which lies between 0 and 1, is compared with a percentage, or a percentage with a ratio.

    Why: the comparison is true of no value or of every value, so the alert never fires, not even at 100 %, or always.

    Wrong:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 70
        sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m])) < 99
        100 * process_open_fds / process_max_fds > 0.9
    Right:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 0.7
        sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m])) < 0.99
    """
    for node, value, op, number in query.compared:
        if kind := _ratio(query, value, number):
            shown = number_text(number)
            step = f"{shown} percent is {number_text(number / 100)}"
            told = "is compared with" if _NEVER[op] else "is always below"
            what = f"{kind} lies between 0 and 1 and {told} {shown}"
            if op == "!=":
                what = f"{kind} lies between 0 and 1 and never equals {shown}"
            # What only a name calls a ratio may be exposed, or recorded, in percent all the same.
            named = kind.startswith("what is called") or (kind.startswith("the ratio") and _only_named(query, value))
            by_name = Severity.WARNING if named else None
            problem = query.problem(_side(node), what, step, by_name)
            edit = query.edit(_side(node), _written(query, _side(node)), number_text(number / 100))
            yield problem.fixed_by(None if _PERCENT.search(query.texts) else edit)
        elif kind := _percentage(query, value, op, number):
            shown, right = number_text(number), number_text(number * 100)
            problem = query.problem(
                _side(node), f"{kind} is a percentage and is compared with {shown}", f"write {right}"
            )
            yield replace(problem, severity=Severity.WARNING).fixed_by(
                query.edit(_side(node), _written(query, _side(node)), right)
            )


def _side(node: Binary) -> Expr:
    """The side of a comparison that is the number."""
    return node.right if literal(node.right) is not None else node.left


def _written(query: LintedQuery, side: Expr) -> str:
    """A number as it is written, with its zeros; "" for one that is computed."""
    return query.text[slice(*side.span)] if isinstance(side, Number) and side.span is not None else ""


def _ratio(query: LintedQuery, value: Expr, number: Decimal) -> str:  # noqa: PLR0911 - one case a kind of share
    """What kind of a share is compared with a percentage; nothing for what may be more than 1."""
    if not 1 < number <= 100:
        return ""
    inner, of = core(value), query.values.of(value)
    if divided := _hundredth(query, inner):
        return divided
    if 0 <= of.low < of.high <= 1 and not _is_bool(inner):
        if isinstance(inner, Selector):
            metric = query.metric(inner)
            if metric is not None and query.values.of(inner) == SWITCH and metric.unit == "ratio":
                return f"the ratio {metric.name}"
            if inner.metric and query.context.records.expressions(str(inner.metric)):
                return f"the share {inner.metric}" if number >= 10 or _recorded_share(query, inner) else ""
            averaged = bare(value) is not inner and any(
                getattr(one, "function", getattr(one, "op", "")) in {"avg", "avg_over_time"} for one in walk(value)
            )
            switch = query.values.of(inner) == SWITCH
            mean = f"the mean of {inner.metric}" if averaged else ""
            return (mean if switch else "the value") if number >= 10 else ""
        if isinstance(inner, Binary) and inner.op == "/" and query.values.share(inner) is not None:
            return "a part of a whole"
        if isinstance(inner, Binary) and inner.op == "/":
            return "the use of what has an end" if number >= 10 else ""
        return "the value" if number >= 10 else ""
    return _by_name(query, value, inner) if number >= 10 or says_share(value) else ""


def _by_name(query: LintedQuery, value: Expr, inner: Expr) -> str:
    """What a value most likely is by its name; nothing where its rule says more, as a product with 100."""
    recorded = isinstance(inner, Selector) and query.context.records.expressions(str(inner.metric))
    if recorded and isinstance(inner, Selector) and not _recorded_share(query, inner):
        return ""
    return named_share(value, query.values.busy)


def _only_named(query: LintedQuery, value: Expr) -> bool:
    """Whether neither the catalog nor a rule of these files says what a series is."""
    inner = core(value)
    if not isinstance(inner, Selector):
        return False
    return query.metric(inner) is None and not query.context.records.expressions(str(inner.metric))


def _hundredth(query: LintedQuery, node: Expr) -> str:
    """What a percentage is called that is divided by 100; nothing for anything else."""
    if not (isinstance(node, Binary) and node.op == "/" and literal(node.right) == 100):
        return ""
    part = core(node.left)
    metric = query.metric(part) if isinstance(part, Selector) else None
    if metric is not None and metric.unit is Unit.PERCENT:
        return f"the percentage {metric.name} / 100"
    return f"what is called the percentage {name}, divided by 100," if (name := says_percentage(part)) else ""


def _recorded_share(query: LintedQuery, node: Selector) -> bool:
    """Whether a rule records a quotient, and not what is only 0 or 1."""
    inner: Expr = node
    for _ in range(_RECORDS):
        rules = query.context.records.expressions(str(inner.metric)) if isinstance(inner, Selector) else ()
        if not rules:
            break
        inner = core(rules[0])
    return isinstance(inner, Binary) and inner.op == "/"


def _is_bool(node: Expr) -> bool:
    return isinstance(node, Binary) and node.op in COMPARISONS and node.bool


def _percentage(query: LintedQuery, value: Expr, op: str, number: Decimal) -> str:
    """What kind of a percentage is compared with a ratio: 0.9 % of what may be full, 0.99 % of all requests.

    A share of errors of half a percent is a threshold, so only what can hardly be meant as a percentage is named.
    """
    if not (0 < number < 1) or op in {"==", "!="}:
        return ""
    rises = op in {">", ">="}
    if (name := says_fill(value, free=not rises)) and (number >= Decimal("0.5") or not rises):
        return name
    share = hundredfold(core(value)) if number >= Decimal("0.5") else None
    if share is None:
        return ""
    if rises:
        return "the use of what has an end, times 100," if _fills(query, share) else ""
    part = query.values.of(share) == SWITCH and number >= Decimal("0.9")
    return "a part of a whole, times 100," if part else ""


def _fills(query: LintedQuery, share: Expr) -> bool:
    inner = core(share)
    if isinstance(inner, Binary) and inner.op == "/" and query.likely_values.part(inner) is not None:
        return not any(isinstance(one, Call) and one.function in GROWTH for one in walk(inner))
    return bool(named_share(share, query.values.busy)) and not _of_events(share)


def _of_events(share: Expr) -> bool:
    """Whether it is a share of events, of which half a percent may be too much."""
    inner = core(share)
    return isinstance(inner, Binary) and any(isinstance(one, Call) and one.function in GROWTH for one in walk(inner))


def hundredfold(node: Expr) -> Expr | None:
    """What is multiplied by 100: `x / y * 100`, `100 * x / y`, `100 - 100 * x / y`; None for anything else."""
    inner = bare(node)
    if isinstance(inner, Binary) and inner.op == "-" and literal(inner.left) == 100:
        inner = bare(inner.right)
    if not isinstance(inner, Binary):
        return None
    if inner.op == "*":
        sides = ((inner.left, inner.right), (inner.right, inner.left))
        return next((bare(other) for hundred, other in sides if literal(hundred) == 100), None)
    left = hundredfold(inner.left) if inner.op == "/" and isinstance(bare(inner.left), Binary) else None
    return replace(inner, left=left) if left is not None else None


@check("never-true", Severity.ERROR)
def never_true(query: LintedQuery) -> Iterator[LintProblem]:
    """A comparison that no value can fulfil.

    Why: the alert never fires.

    Wrong:
        clamp_max(pg_stat_activity_count / 100, 1) > 1
        disk_used_percent > 100
        process_open_fds / process_max_fds > 1.5
        go_goroutines > 1000 and go_goroutines < 500
        my_pool_used_bytes / my_pool_max_bytes > 1.2
        max(redis_up == 0) > 0
        increase(http_errors_total[5m]) < 0
    Right:
        max(redis_up == bool 0) > 0
    """
    for node, value, op, number in query.compared:
        yield from _beyond(query, node, value, op, number)
    yield from beyond_whole(query)
    yield from beyond_both(query)
    for part in query.binaries:
        if part.op not in COMPARISONS - {"!="} or part.bool:
            continue
        if _is_nan(part.left) or _is_nan(part.right):
            yield query.problem(part, "nothing equals NaN, not even NaN", "write x != x to find NaN")


def _beyond(query: LintedQuery, node: Binary, value: Expr, op: str, number: Decimal) -> Iterator[LintProblem]:
    of = query.values.of(value)
    named = says_percentage(value) if _beyond_hundred(op, number) and of.high > number else ""
    if named:
        what = f"{named} is a percentage by its name, so {op} {number_text(number)} is never true"
        yield query.problem(node, what, _STEP, Severity.WARNING)
    elif not _ratio(query, value, number):
        yield from _always_false(query, node, value, op, number)


def _always_false(query: LintedQuery, node: Binary, value: Expr, op: str, number: Decimal) -> Iterator[LintProblem]:
    of = query.values.of(value)
    if not never(op, of, float(number)):
        yield from _hardly_true(query, node, value, op, number)
        return
    if (node.bool and of.low == of.high) or _sum_of_zeros(value):  # of which filter-before-aggregation tells
        return
    shown = f"is always {of.low:g}" if of.low == of.high else _range(of)
    if node.bool:
        yield query.problem(node, f"this {shown}, so {op} bool {number_text(number)} is always 0", _STEP)
        return
    step = "write bool behind the inner comparison" if _filtered(value) else _STEP
    if _counts_none(value, op, number):  # `== bool 0` would be counted just as well
        step = "write absent(...): of nothing there is no count"
    yield query.problem(node, f"this {shown}, so {op} {number_text(number)} is never true", step)


def _sum_of_zeros(value: Expr) -> bool:
    node = bare(value)
    inner = bare(node.expr) if isinstance(node, Aggregate) and node.op == "sum" else None
    return isinstance(inner, Binary) and inner.op == "==" and not inner.bool and literal(inner.right) == 0


def _hardly_true(query: LintedQuery, node: Binary, value: Expr, op: str, number: Decimal) -> Iterator[LintProblem]:
    """A threshold that is beyond what names tell, or a limit that may not be set."""
    if number < 0 or op == "!=" or node.bool:
        return
    of = query.likely_values.of(value)
    if never(op, of, float(number)):
        what = f"this most likely {_range(of)}, so {op} {number_text(number)} is never true"
        yield query.problem(node, what, _STEP, Severity.WARNING)


_STEP = "correct the threshold"


def _beyond_hundred(op: str, number: Decimal) -> bool:
    return (op == ">" and number >= 100) or (op in {">=", "=="} and number > 100)


def _counts(value: Expr) -> bool:
    node = bare(value)
    return isinstance(node, Aggregate) and node.op in {"count", "group"}


def _counts_chosen(value: Expr) -> bool:
    """Whether it is how many series there are of a state that a label tells, which may be none."""
    chosen = (one for series in selectors(value) for one in series.matchers if one.op is MatchOp.EQUAL and one.value)
    return _counts(value) and any(one.label not in TARGET_LABELS for one in chosen)


def _counts_none(value: Expr, op: str, number: Decimal) -> bool:
    return _counts(value) and op in {"==", "<", "<="} and number <= 1


def _is_nan(node: Expr) -> bool:
    inner = bare(node)
    return isinstance(inner, Number) and inner.value.is_nan()


def _range(of: Bounds) -> str:
    if of.high == inf:
        return f"is never below {of.low:g}"
    return f"lies between {of.low:g} and {of.high:g}" if of.low != -inf else f"is never above {of.high:g}"


def _filtered(value: Expr) -> bool:
    inner = bare(value)
    while isinstance(inner, Aggregate):
        inner = bare(inner.expr)
    return isinstance(inner, Binary) and inner.op in COMPARISONS


@check("always-true", Severity.WARNING)
def always_true(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert's comparison that every value fulfils.

    Also `or vector(...)` behind the comparison, of which any value fires, and a series divided by itself, which is 1.

    Why: it fires as long as the series exists.

    Wrong:
        - alert: ReplicasMissing
          expr: count(registry_database_lb_pool_size) >= 0
          labels: {severity: page}
          annotations: {summary: Replicas are missing}
        - alert: RegistryDown
          expr: up{job="registry"} < 2
          labels: {severity: page}
          annotations: {summary: The registry is down}
    Right:
        - alert: ReplicasMissing
          expr: count(registry_database_lb_pool_size) < 2
          labels: {severity: page}
          annotations: {summary: Replicas are missing}
        - alert: RegistryDown
          expr: up{job="registry"} < 1
          labels: {severity: page}
          annotations: {summary: The registry is down}
    """
    if query.role not in {"alert", "bare"}:
        return
    for node, value, op, number in query.compared:
        of = query.values.of(value)
        if of.low == of.high or not never(OPPOSITE[op], of, float(number)) or _ratio(query, value, number):
            continue
        if not _decides(query, node) or _asks_whether_there_is(query, node, value, op, number):
            continue
        problem = f"this {_range(of)}, so {op} {number_text(number)} is always true"
        yield query.problem(node, problem, _STEP)
    for node, value, op, number in query.compared:
        if _by_itself(value) and _decides(query, node) and never(OPPOSITE[op], Bounds(1, 1), float(number)):
            what = "each series is divided by itself, which is 1"
            yield query.problem(node, what, "add up both sides: sum(...) / sum(...)")
    if query.alerts and query.expr is not None and (always := _always_there(query.expr)) is not None:
        what = "behind `or` there is always a value, and any value fires"
        yield query.problem(always, what, "put the comparison behind it, or leave it out")


def _by_itself(value: Expr) -> bool:
    """Whether a quotient has the same series on both sides, chosen more closely on one of them."""
    node = bare(value)
    if not isinstance(node, Binary) or node.op != "/" or node.group or node.on is not None or node.ignoring is not None:
        return False
    sides = [bare(node.left), bare(node.right)]
    if any(isinstance(one, Call) and (one.function not in GROWTH or not one.args) for one in sides):
        return False
    series = [bare(one.args[0]) if isinstance(one, Call) else one for one in sides]
    functions = {one.function if isinstance(one, Call) else "" for one in sides}
    first, second = series
    if len(functions) > 1 or not isinstance(first, Selector) or not isinstance(second, Selector):
        return False
    asked = [set(one.matchers) for one in (first, second)]
    return replace(first, matchers=()) == replace(second, matchers=()) and (
        asked[0] >= asked[1] or asked[0] <= asked[1]
    )


def _always_there(expr: Expr) -> Expr | None:
    """What stands behind an `or` and is never empty, whatever its value: `vector(0)`, `vector(0) < 1`."""
    node = bare(expr)
    if not isinstance(node, Binary) or node.op != "or":
        return None
    for side in (node.left, node.right):
        inner = bare(side)
        number = literal(inner.right) if isinstance(inner, Binary) and inner.op in COMPARISONS else None
        value = _constant(inner.left) if isinstance(inner, Binary) and number is not None else _constant(inner)
        if value is None:
            found = _always_there(side)
        else:
            held = number is None or not never(inner.op, Bounds(value, value), float(number))  # type: ignore[attr-defined]
            found = inner if held else None
        if found is not None:
            return found
    return None


def _constant(expr: Expr) -> float | None:
    node = bare(expr)
    number = literal(node.args[0]) if isinstance(node, Call) and node.function == "vector" and node.args else None
    return float(number) if number is not None else None


def _decides(query: LintedQuery, node: Binary) -> bool:
    """Whether a comparison is a condition of the alert, and none within what is counted or averaged."""
    return not node.bool and all(
        bare(above) is not above or (isinstance(above, Binary) and above.op in {"and", "or", "unless"})
        for above in query.above(node)
    )


def _asks_whether_there_is(query: LintedQuery, node: Binary, value: Expr, op: str, number: Decimal) -> bool:
    """Whether a comparison that every value fulfils is written on purpose: for any value, or for none that is NaN."""
    parts = list(walk(value))
    if any(one.function in ABSENCE for one in query.calls):
        return True
    filters = (one for one in parts if isinstance(one, Binary) and not one.bool)
    if op in {">", ">="} and any(one.op in {*COMPARISONS, "and", "unless"} for one in filters):
        return True  # what passed a filter is counted
    if (op == ">" and number == 0) or (op == ">=" and number == 1 and _counts_chosen(value)):
        return True
    alone = bare(query.expr) is node if query.expr is not None else False
    may_be_nan = any(
        (isinstance(one, Binary) and one.op in {"/", "%"})
        or (isinstance(one, Call) and one.function.startswith("histogram_"))
        for one in parts
    )
    return number <= 0 and op in {">", ">="} and (may_be_nan or not alone)

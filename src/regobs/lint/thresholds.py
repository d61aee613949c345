"""Checks of thresholds that no value, or every value, is beyond."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from math import inf

from regobs.lint.beyond import beyond_both, beyond_whole
from regobs.lint.bounds import OPPOSITE, never
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare, says_percentage
from regobs.lint.percents import kind_of_ratio
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, MatchOp, Number, Selector
from regobs.promql.printer import number_text
from regobs.promql.types import Bounds
from regobs.promql.vocabulary import TARGET_LABELS
from regobs.promql.walk import selectors, walk


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
    elif not kind_of_ratio(query, value, number):
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
        if of.low == of.high or not never(OPPOSITE[op], of, float(number)) or kind_of_ratio(query, value, number):
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

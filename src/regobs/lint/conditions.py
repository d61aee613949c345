"""The check of alerts that decide by nothing: their result is there whatever the values are."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.catalog.model import Exposer, Kind, Unit
from regobs.lint.bounds import is_switch
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import ABSENCE, CHANGE, GROWTH, SCALARS
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector, Subquery, Unary
from regobs.promql.walk import selectors

# An alert that is to fire always, so that its absence is noticed.
_ON_PURPOSE = re.compile(r"(?i:watch.?dog|dead.?man|heart.?beat|always|alive|e2e|\btest)|Test(?![a-z])")
_SETS = frozenset({"and", "or", "unless"})
_COUNTS = frozenset({"count", "group", "count_values"})
_STATES = frozenset({Unit.BOOL, Unit.INFO, Unit.TIMESTAMP, Unit.NONE})
_GROWN = GROWTH | CHANGE | {"changes", "resets"}
_RECORDS = 5  # of records of records
# What ends so is a measure, of which there is a value at any time; other gauges may be there only in a fault.
_MEASURES = (
    "_bytes", "_seconds", "_ratio", "_percent", "_percentage", "_celsius", "_length", "_depth", "_lag", "_usage",
    "_utilization", "_utilisation", "_in_use",
)  # fmt: skip
_BOOL = "with bool the result is 0 or 1, and 0 is a result too: it fires whatever the value is"


@check("no-condition", Severity.WARNING)
def no_condition(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert decides by no comparison, or by one with `bool`.

    Also `count` of a comparison with `bool`, in any query: of each series it has a result, and so all are counted.

    Why: whatever the result is, an alert fires for it: with `bool` for 0 as well, and without a comparison always.

    Wrong:
        - alert: RequestsFail
          expr: sum(rate(registry_http_requests_total{code=~"5.."}[5m])) > bool 5
          labels: {severity: page}
          annotations: {summary: Requests fail}
        - alert: PoolFull
          expr: go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open
          labels: {severity: page}
          annotations: {summary: The pool is full}
    Right:
        - alert: RequestsFail
          expr: sum(rate(registry_http_requests_total{code=~"5.."}[5m])) > 5
          labels: {severity: page}
          annotations: {summary: Requests fail}
        - alert: PoolFull
          expr: go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open > 0.9
          labels: {severity: page}
          annotations: {summary: The pool is full}
    """
    for node in query.nodes:
        if isinstance(node, Aggregate | Call) and (counted := _counted_bool(query, node)) is not None:
            step = "leave bool out, or write sum in place of count"
            problem = query.problem(counted, "count counts each series, those that are 0 too", step, Severity.ERROR)
            yield problem
    if not query.alerts or query.expr is None or _ON_PURPOSE.search(query.subject):
        return
    switched = [one for one in _operands(query.expr) if _is_bool(one)]
    for node in switched:
        step = "leave bool out" if isinstance(node, Binary) and node.op in COMPARISONS else "compare it with 0"
        problem = query.problem(node, _BOOL, step, Severity.ERROR, word="bool")
        alone = isinstance(node, Binary) and node.op in COMPARISONS and query.text.count("bool") == 1
        found = re.search(r"\bbool\s+", query.text) if alone else None
        yield problem.fixed_by(query.edit(query.expr, found[0], "") if found else None)
    if switched:
        return
    if query.type.value == "scalar":
        yield query.problem(query.expr, "a number is always a result, so this always fires", "compare a series")
    elif query.type.value == "vector" and _always_there(query, query.expr, 0):
        what = "nothing is compared, so this fires as long as the series exist"
        yield query.problem(query.expr, what, "compare it with a threshold")


def _counted_bool(query: LintedQuery, node: Aggregate | Call) -> Binary | None:
    """The comparison with `bool` whose results are counted, were they 0; below a `/` it may be meant as the whole."""
    if isinstance(node, Call) and node.function != "count_over_time":
        return None
    if isinstance(node, Aggregate) and node.op != "count":
        return None
    inner = bare(node.args[0] if isinstance(node, Call) else node.expr)
    inner = bare(inner.expr) if isinstance(inner, Subquery) else inner
    if not (isinstance(inner, Binary) and inner.op in COMPARISONS and inner.bool):
        return None
    child: Expr = node
    for above in query.above(node):
        if isinstance(above, Binary) and above.op == "/" and child is above.right:
            return None
        child = above
    return inner


def _operands(expr: Expr) -> Iterator[Expr]:
    """What the set operators of a query combine, of which only the presence counts; else the query itself."""
    waiting = [bare(expr)]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Binary) and node.op in _SETS:
            waiting += (bare(node.right), bare(node.left))
        else:
            yield node


def _is_bool(node: Expr) -> bool:
    """Whether it is a comparison with `bool`, or a product or sum of such."""
    waiting, found = [node], False
    while waiting:
        one = bare(waiting.pop())
        if isinstance(one, Aggregate) and one.op in {"max", "min", "sum", "avg"}:
            waiting.append(one.expr)
        elif isinstance(one, Binary) and one.op in COMPARISONS and one.bool:
            found = True
        elif isinstance(one, Binary) and one.op in {"+", "-", "*"}:
            waiting += (one.left, one.right)
        elif literal(one) is None:
            return False
    return found and any(True for _ in selectors(node))


def _always_there(query: LintedQuery, expr: Expr, depth: int) -> bool:  # noqa: PLR0911 - one case a node
    """Whether an expression certainly has a result while its targets are scraped, well or not."""
    node = bare(expr)
    match node:
        case Selector():
            return _is_exposed(query, node, depth)
        case Unary(_, inner) | Subquery(inner):
            return _always_there(query, inner, depth)
        case Aggregate("sum", inner) if isinstance(bare(inner), Selector) and _is_any_info(bare(inner)):
            return True
        case Aggregate(op, inner):
            return op not in _COUNTS and _always_there(query, inner, depth)
        case Call():
            return _called(query, node, depth)
        case Binary(op, left, right):
            if (op in COMPARISONS and not node.bool) or op in _SETS - {"or"}:
                return False
            sides = [one for one in (left, right) if query.parts.of(one).value != "scalar"]
            return bool(sides) and all(_always_there(query, one, depth) for one in sides)
    return False


def _is_any_info(node: Expr) -> bool:
    """Whether it is all series of what only has labels, as `kube_pod_info`: there are some at any time."""
    return isinstance(node, Selector) and str(node.metric or "").endswith("_info") and not node.matchers


def _called(query: LintedQuery, node: Call, depth: int) -> bool:
    if node.function in ABSENCE | SCALARS | {"vector"} or not node.args:
        return False
    inner = next((one for one in node.args if query.parts.of(one).value in {"vector", "matrix"}), None)
    if inner is None:
        return False
    if node.function in _GROWN and isinstance(bare(inner), Selector):
        return True  # of what is counted there is a rate also where nothing happened
    return _always_there(query, inner, depth)


def _is_exposed(query: LintedQuery, node: Selector, depth: int) -> bool:
    """Whether a series is there also while all is well: a state, or a measure; and not only an alert or a fault."""
    name = str(node.metric or "")
    if (entry := query.entry(node)) is not None:
        forms = query.context.forms(entry[0])
        ours = entry[0].exposer is Exposer.REGISTRY and entry[0].kind is Kind.GAUGE
        amount = ours and entry[0].unit not in _STATES  # once it was asked for, it is there, were it 0
        there = any((amount or not form.absent_until_observed) and not form.only for form in forms)
        return there and entry[0].unit is not Unit.INFO and entry[0].kind in {Kind.GAUGE, Kind.COUNTER}
    if rules := query.context.records.rules.get(name):
        read = [one for one in rules if isinstance(one, LintedQuery) and one.expr is not None]
        return (
            depth < _RECORDS
            and len(read) == len(rules)
            and all(_always_there(one, one.expr, depth + 1) for one in read if one.expr is not None)
        )
    return is_switch(name) or (":" not in name and name.endswith(_MEASURES))

"""The interval that every value of an expression lies in, from what is certain: counts, clamps, shares, filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from decimal import Decimal
from math import inf, isnan

from regobs.catalog.model import Kind, Unit
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import InferredParts, literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Paren, Selector, Subquery, Unary
from regobs.promql.series import known_metric
from regobs.promql.types import Bounds
from regobs.promql.walk import selectors, walk

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
_OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
_ANY = Bounds(-inf, inf)
_POSITIVE = Bounds(0, inf)
_CALENDAR = {
    "hour": Bounds(0, 23),
    "minute": Bounds(0, 59),
    "day_of_week": Bounds(0, 6),
    "day_of_month": Bounds(1, 31),
    "day_of_year": Bounds(1, 366),
    "days_in_month": Bounds(28, 31),
    "month": Bounds(1, 12),
}
_SWITCHES = frozenset({"up", "probe_success"})
_COUNTED = frozenset(
    {"count_over_time", "changes", "resets", "stddev_over_time", "stdvar_over_time", "histogram_count"}
)
_KEPT = frozenset(
    {
        "avg_over_time",
        "min_over_time",
        "max_over_time",
        "last_over_time",
        "first_over_time",
        "ceil",
        "sort",
        "sort_desc",
    }
    | {"scalar", "vector", "label_replace", "label_join", "sort_by_label", "sort_by_label_desc", "round", "floor"}
)
# A name for the whole of which something is a part: used connections of the most that there may be.
_WHOLES = ("max", "limit", "capacity", "quota", "total", "size", "allocatable")


def compared_with_number(nodes: Iterable[Expr]) -> Iterator[tuple[Binary, Expr, str, Decimal]]:
    """Each comparison of a value with a number, as `value op number`."""
    for node in nodes:
        if isinstance(node, Binary) and node.op in COMPARISONS:
            right, left = literal(node.right), literal(node.left)
            if right is not None and left is None:
                yield node, node.left, node.op, right
            elif left is not None and right is None:
                yield node, node.right, _TURNED[node.op], left


def bounds(node: Expr, parts: InferredParts) -> Bounds:  # noqa: PLR0911 - one case a node
    """The interval. What is not known is minus to plus infinity."""
    match node:
        case Number():
            value = literal(node)
            return Bounds(float(value), float(value)) if value is not None else _ANY
        case Paren(inner) | Subquery(inner):
            return bounds(inner, parts)
        case Unary(op, inner):
            of = bounds(inner, parts)
            return Bounds(-of.high, -of.low) if op == "-" else of
        case Selector():
            return _selected(node)
        case Call():
            return _called(node, parts)
        case Aggregate():
            return _aggregated(node, parts)
        case Binary():
            return _computed(node, parts)
    return _ANY


def _selected(node: Selector) -> Bounds:
    if node.metric in _SWITCHES:
        return Bounds(0, 1)
    metric = known_metric(node)
    if metric is None:
        counted = isinstance(node.metric, str) and node.metric.endswith(("_total", "_count", "_bucket"))
        return _POSITIVE if counted else _ANY
    if metric.signed:
        return _ANY
    if metric.kind is Kind.GAUGE and metric.unit in {Unit.RATIO, Unit.BOOL}:
        return Bounds(0, 1)
    return _POSITIVE


def _called(node: Call, parts: InferredParts) -> Bounds:  # noqa: PLR0911 - one case a group of functions
    name = node.function
    if name in {"absent", "absent_over_time", "present_over_time"}:
        return Bounds(1, 1)
    if name in _CALENDAR:
        return _CALENDAR[name]
    if name in _COUNTED or name == "abs":
        return _POSITIVE
    if not node.args or name not in {*_KEPT, *GROWTH, "clamp", "clamp_min", "clamp_max", "histogram_quantile"}:
        return _POSITIVE if name == "time" else _ANY
    if name in GROWTH:
        return _POSITIVE
    of = bounds(node.args[-1] if name == "histogram_quantile" else node.args[0], parts)
    if name == "histogram_quantile":
        return _quantile(node, parts)
    limits = [literal(arg) for arg in node.args[1:]]
    if name in {"clamp", "clamp_min"} and limits and (low := limits[0]) is not None:
        of = Bounds(max(of.low, float(low)), max(of.high, float(low)))
    if name in {"clamp", "clamp_max"} and limits and (high := limits[-1]) is not None:
        of = Bounds(min(of.low, float(high)), min(of.high, float(high)))
    if name in {"ceil", "floor", "round"} and of != Bounds(0, 1):
        return Bounds(0 if of.low >= 0 else -inf, inf)
    return of


def _quantile(node: Call, parts: InferredParts) -> Bounds:
    """From zero to the highest finite bucket, which stands for all above it; of a quantile that is one."""
    edges = [edge for edge in parts.of(node.args[-1]).le or () if edge < inf]
    asked = literal(node.args[0])
    if not edges or asked is None or not 0 < asked < 1 or min(edges) <= 0:
        return _ANY
    return Bounds(0, max(edges))


def _aggregated(node: Aggregate, parts: InferredParts) -> Bounds:
    of = bounds(node.expr, parts)
    if node.op == "sum":
        return Bounds(0 if of.low >= 0 else -inf, 0 if of.high <= 0 else inf)
    if node.op == "count":
        return Bounds(1, inf)
    if node.op == "group":
        return Bounds(1, 1)
    if node.op in {"stddev", "stdvar"}:
        return _POSITIVE
    return of if node.op in {"avg", "min", "max", "topk", "bottomk", "quantile", "limitk"} else _ANY


def _computed(node: Binary, parts: InferredParts) -> Bounds:  # noqa: PLR0911 - one case an operator
    left, right = bounds(node.left, parts), bounds(node.right, parts)
    if node.op in COMPARISONS:
        if node.bool:
            return Bounds(0, 1)
        number = literal(node.right)
        return _filtered(node.op, left, float(number)) if number is not None else left
    if node.op in {"and", "unless"}:
        return left
    if node.op == "or":
        return Bounds(min(left.low, right.low), max(left.high, right.high))
    if node.op == "/" and is_part(node):
        return Bounds(0, 1)
    if node.op == "+":
        return _sound(left.low + right.low, left.high + right.high)
    if node.op == "-":
        return _sound(left.low - right.high, left.high - right.low)
    if node.op == "*" and left.low >= 0 and right.low >= 0:
        return _sound(left.low * right.low, left.high * right.high)
    if node.op == "/" and left.low >= 0 and right.low == right.high and 0 < right.low < inf:
        return _sound(left.low / right.low, left.high / right.low)
    return _POSITIVE if node.op == "/" and left.low >= 0 and right.low >= 0 else _ANY


def _filtered(op: str, of: Bounds, number: float) -> Bounds:
    """What is left of an interval behind a comparison; where nothing is left, the number itself."""
    low, high = of.low, of.high
    if op == "==":
        return Bounds(number, number)
    if op in {">", ">="}:
        return Bounds(max(low, number), max(high, number))
    if op in {"<", "<="}:
        return Bounds(min(low, number), min(high, number))
    return of


def _sound(low: float, high: float) -> Bounds:
    return Bounds(-inf if isnan(low) else low, inf if isnan(high) else high)


def never(op: str, of: Bounds, number: float) -> bool:
    """Whether `value op number` is true of no value of the interval."""
    outcomes = {
        ">": of.high <= number,
        ">=": of.high < number,
        "<": of.low >= number,
        "<=": of.low > number,
        "==": not of.low <= number <= of.high,
        "!=": of.low == of.high == number,
    }
    return outcomes[op]


def asks_presence(node: Expr, around: Iterable[Expr], parts: InferredParts) -> bool:
    """Whether it only matters that there is a value: `... and on() sum(up == 0)`, `avg(x > 5) > 0`, `count(...)`.

    `around` is what the part stands in, from the inside out.
    """
    for above in around:
        if isinstance(above, Call) and above.function in ABSENCE | {"label_replace", "label_join"}:  # labels are shown
            return True
        if isinstance(above, Aggregate) and above.op in {"count", "group"}:
            return True
        if isinstance(above, Binary) and above.op in {"and", "unless"}:
            return node is above.right
        if isinstance(above, Binary) and above.op in COMPARISONS:
            number = literal(above.right)
            return number is not None and never(_OPPOSITE[above.op], bounds(node, parts), float(number))
        node = above
    return False


def is_part(node: Binary) -> bool:
    """Whether a quotient is certainly a part of a whole: the same series, of which the numerator selects fewer."""
    sides = [list(selectors(side)) for side in (node.left, node.right)]
    if len(sides[0]) != 1 or len(sides[1]) != 1 or _shape(node.left) != _shape(node.right):
        return False
    part, whole = sides[0][0], sides[1][0]
    same = (part.metric, part.range, part.offset, part.at) == (whole.metric, whole.range, whole.offset, whole.at)
    return same and part.metric is not None and set(whole.matchers) <= set(part.matchers)


def is_usage(node: Binary) -> bool:
    """Whether a quotient is most likely the use of something that has an end: used bytes over all bytes."""
    if is_part(node):
        return True
    sides = [list(selectors(side)) for side in (node.left, node.right)]
    if len(sides[0]) != 1 or len(sides[1]) != 1:
        return False
    part, whole = str(sides[0][0].metric or ""), str(sides[1][0].metric or "")
    named = [word for word in whole.lower().replace(":", "_").split("_") if word in _WHOLES]
    counts = whole.endswith("_total") and part.endswith("_total")  # two counters: any quotient
    scaled = any(isinstance(one, Number) for one in walk(node))  # times 100, before or behind an aggregation
    return (
        bool(named) and not counts and not scaled and part.split("_", maxsplit=1)[0] == whole.split("_", maxsplit=1)[0]
    )


def _shape(node: Expr) -> object:
    """The functions around the one series of a side, so that a rate is only compared with a rate."""
    match node:
        case Paren(inner):
            return _shape(inner)
        case Call(function, args) if args:
            return function, len(args), _shape(args[-1])
        case Aggregate(op, inner, labels, without):
            return op if op in {"sum", "count"} else None, labels if not without else None, _shape(inner)
        case Selector():
            return "series"
    return id(node)

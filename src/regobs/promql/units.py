"""The algebra of units: what adding, multiplying, dividing and comparing makes of them.

A measure (seconds, bytes, ...) differs from a count of things: measures of different dimensions cannot be added or
compared, and a measure divided by a count is that measure per thing (the mean of a histogram). NONE stands for
unknown and goes with everything.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Unit
from regobs.promql.types import Type

MEASURES = frozenset({Unit.SECONDS, Unit.TIMESTAMP, Unit.BYTES, Unit.RATIO, Unit.PERCENT, Unit.CORES})
_TIMES = {Unit.SECONDS, Unit.TIMESTAMP}


def comparable(left: Type, right: Type) -> bool:
    """Whether two values may be compared: not seconds with bytes, not a ratio with a percentage."""
    return left.unit == right.unit or left.unit not in MEASURES or right.unit not in MEASURES


def addable(left: Type, right: Type) -> bool:
    """Whether two values may be added or subtracted: like comparable, but a moment and seconds go together."""
    return comparable(left, right) or {left.unit, right.unit} == _TIMES


def added(op: str, left: Type, right: Type) -> Type:
    """The unit of `left + right` or `left - right`."""
    if left.unit is Unit.TIMESTAMP and right.unit is Unit.TIMESTAMP and op == "-":
        return replace(left, unit=Unit.SECONDS, fraction=False)
    if right.unit is Unit.TIMESTAMP:
        return replace(left, unit=Unit.TIMESTAMP, fraction=False)
    unit = right.unit if left.unit is Unit.NONE else left.unit
    return replace(left, unit=unit, per_second=left.per_second or right.per_second, fraction=False)


def multiplied(left: Type, right: Type) -> Type:
    """The unit of `left * right`, neither of them a literal."""
    for one, other in ((left, right), (right, left)):
        if one.unit is Unit.RATIO:
            return replace(left, unit=other.unit, per_second=other.per_second, fraction=one.fraction and other.fraction)
        if one.per_second and other.unit is Unit.SECONDS and not other.per_second:
            return replace(left, unit=one.unit, per_second=False, fraction=False)
    return replace(left, unit=Unit.NONE, per_second=False, fraction=False)


def divided(left: Type, right: Type) -> Type:
    """The unit of `left / right`, neither of them a literal."""
    unit, per_second = Unit.NONE, False
    if left.unit == right.unit and left.unit is not Unit.NONE:
        if left.per_second == right.per_second:
            unit = Unit.RATIO
        elif right.per_second:
            unit = Unit.SECONDS  # a backlog over its rate: the time to drain
    elif right.per_second and not left.per_second and _counts(left.unit) and _counts(right.unit):
        unit = Unit.SECONDS  # rows that wait over the runs that take one each
    elif right.unit is Unit.SECONDS and not left.per_second and not right.per_second:
        unit, per_second = left.unit, True
    elif left.unit in MEASURES and right.unit not in MEASURES and left.per_second == right.per_second:
        unit = Unit.NONE if right.unit is Unit.NONE else left.unit
    elif right.unit is Unit.RATIO:
        unit, per_second = left.unit, left.per_second
    # A time over another, such as a run over its interval, has no end.
    part = unit is Unit.RATIO and (left.per_second or left.unit is not Unit.SECONDS)
    return replace(left, unit=unit, per_second=per_second, fraction=part)


def _counts(unit: Unit) -> bool:
    """Whether a unit is a count of things."""
    return unit not in MEASURES | {Unit.NONE, Unit.BOOL, Unit.INFO}


def scaled(op: str, value: Type, factor: Decimal, *, literal_first: bool) -> Type:
    """The unit after an operation with a number in the text."""
    if op in {"+", "-"}:
        complement = op == "-" and literal_first and factor == 1
        return replace(value, fraction=value.fraction and complement)
    if op == "*" and factor == 100 and value.unit is Unit.RATIO:
        return replace(value, unit=Unit.PERCENT, fraction=False)
    if op == "/" and factor == 100 and value.unit is Unit.PERCENT and not literal_first:
        return replace(value, unit=Unit.RATIO, fraction=True)
    if op == "^" or (op == "/" and literal_first):
        return replace(value, unit=Unit.NONE, per_second=False, fraction=False)
    shrinks = (op == "*" and 0 <= factor <= 1) or (op == "/" and factor >= 1)
    return replace(value, fraction=value.fraction and shrinks)


def finished(value: Type) -> Type:
    """The type as a reader sees it: seconds per second are a ratio (busy time per time), except for CPU (cores)."""
    if value.unit is Unit.SECONDS and value.per_second:
        return replace(value, unit=Unit.RATIO, per_second=False)
    return value

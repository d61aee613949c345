"""Units of what a constant multiplies: `100 * a / b` is a percentage, `x * 60` of seconds no seconds any more.

A type keeps the factor until it is known what comes of it, as the constant may stand anywhere: `100 * a / b`,
`a / b * 100`, `a / (b / 100)`. `settled` is what a reader sees: a ratio times 100 is a percentage, and what has another
factor is a number without a unit.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from regobs.catalog.model import Unit
from regobs.promql.types import ONE, Type

Compute = Callable[[Type, Type], Type]
_HUNDRED = Decimal(100)
_NEAR = Decimal("1e-15")  # what 1 / 3 * 3 may be off
_LARGEST = 60  # decimal places that a factor may have before or behind the point


def _is(factor: Decimal, number: Decimal) -> bool:
    return abs(factor / number - 1) < _NEAR


def settled(value: Type) -> Type:
    """A type without a factor: in the unit that is sure, or in none."""
    if value.factor == ONE:
        return value
    if value.unit is Unit.RATIO and _is(value.factor, _HUNDRED):
        return value._replace(unit=Unit.PERCENT, fraction=False, factor=ONE)
    if _is(value.factor, ONE):
        return value._replace(factor=ONE)
    return _plain(value)


def _plain(value: Type) -> Type:
    return value._replace(unit=Unit.NONE, per_second=False, fraction=False, factor=ONE)


def computed(
    op: str, left: Type, right: Type, numbers: tuple[Decimal | None, Decimal | None], compute: Compute
) -> Type:
    """The unit of `left op right`. `numbers` are the sides that are constants; `compute` knows units without factor."""
    first, second = numbers
    if op in {"*", "/"} and second is not None:
        return _times(left, second, divide=op == "/")
    if op == "*" and first is not None:
        return _times(right, first, divide=False)
    if op in {"*", "/"} and first is None:
        left, right = _in_ratios(left), _in_ratios(right)
        result = compute(left._replace(factor=ONE), right._replace(factor=ONE))
        factor = left.factor * right.factor if op == "*" else left.factor / right.factor
        return _with(result, factor)
    if op in {"+", "-"} and left.unit is right.unit and left.factor == right.factor:
        return compute(left, right)
    sides = settled(left), settled(right)
    result = compute(*sides)
    lost = [
        one.unit is Unit.NONE and given.unit is not Unit.NONE for one, given in zip(sides, (left, right), strict=True)
    ]
    return _plain(result) if any(lost) else result


def _in_ratios(value: Type) -> Type:
    """A percentage as the ratio that it is a hundred times of."""
    if value.unit is not Unit.PERCENT:
        return value
    return value._replace(unit=Unit.RATIO, factor=value.factor * _HUNDRED, fraction=False)


def _times(value: Type, number: Decimal, *, divide: bool) -> Type:
    """The type of a value times a constant, or divided by it. 0 of one unit is 0 of any other."""
    size = abs(number)
    if not size.is_finite() or size == 0 or abs(size.adjusted()) > _LARGEST:
        return _plain(value)
    percentage, value = value.unit is Unit.PERCENT, _in_ratios(value)
    found = _with(value, value.factor / size if divide else value.factor * size)
    return found._replace(fraction=True) if percentage and _is(found.factor, ONE) else found


def _with(value: Type, factor: Decimal) -> Type:
    if abs(factor.adjusted()) > _LARGEST:
        return _plain(value)
    return value._replace(factor=factor, fraction=value.fraction and factor <= 1)

"""Between which values a result lies: whether it can be below zero, and the range that its type promises.

What a registry counts or measures is never negative; only changes, differences and some functions are.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from math import inf

from regobs.catalog.model import Unit
from regobs.promql.functions import CHANGE
from regobs.promql.types import Type

_BELOW_ZERO = CHANGE | {"ln", "log2", "log10", "sgn", "sin", "cos", "tan", "asin", "atan", "sinh", "tanh", "asinh"}
_NOT_BELOW = frozenset({"abs", "exp", "sqrt", "acos", "cosh", "acosh", "stddev_over_time", "stdvar_over_time"})
_ABOVE = frozenset({">", ">="})


@dataclass(frozen=True, slots=True)
class Bounds:
    """The values that make sense, both ends included; an end that there is not is infinite."""

    low: float
    high: float

    def holds(self, value: float) -> bool:
        """Whether a value is in between: a number that is finite, not NaN."""
        return self.low <= value <= self.high and abs(value) != inf


def bounds_of(kind: Type) -> Bounds:
    """What the type of an expression promises of its values."""
    high = 100.0 if kind.unit is Unit.PERCENT else 1.0 if kind.fraction else inf
    return Bounds(-inf if kind.signed else 0.0, high)


def called_is_signed(function: str, args: Sequence[Type], literals: Sequence[Decimal | None]) -> bool:
    """Whether a call of a function can be below zero. `literals` are the arguments that are numbers."""
    if function in _BELOW_ZERO:
        return True
    lowest = literals[1] if function in {"clamp_min", "clamp"} and len(literals) > 1 else None
    if function in _NOT_BELOW or (lowest is not None and lowest >= 0):
        return False
    return any(arg.signed for arg in args)


def computed_is_signed(op: str, left: Type, right: Type, first: Decimal | None, second: Decimal | None) -> bool:
    """Whether `left op right` can be below zero. `first` and `second` are the sides that are numbers."""
    if op in _ABOVE and second is not None and second >= 0:
        return False
    if op == "-":
        since = left.unit is Unit.TIMESTAMP and left.value == "scalar"  # time() minus what is over
        switch = (
            right.unit is Unit.BOOL and right.kind is not None
        )  # as it was exposed: a sum of them may be more than 1
        rest = first == 1 and (right.fraction or switch)
        return right.signed or not (rest or since)
    return left.signed or right.signed or op == "atan2"

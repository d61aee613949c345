"""What is known about the value of an expression: its type, its bounds, and what arithmetic makes of units."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from math import inf
from typing import Literal, NamedTuple

from regobs.catalog.model import Kind, Unit
from regobs.common.frozen import frozen
from regobs.promql.functions import CHANGE

# What servers add to all series that they pass on, and what teams put on all of their targets.
DEPLOYMENT_LABELS = frozenset(
    {
        "__name__",
        "cluster",
        "environment",
        "env",
        "stage",
        "region",
        "zone",
        "datacenter",
        "dc",
        "site",
        "tenant",
        "tier",
    }
    | {"tenant_id", "shard", "replica", "prometheus", "prometheus_replica", "monitor", "team", "project", "type"}
    | {"k8s_cluster", "cluster_id", "cluster_name", "receive", "account", "provider", "organization", "org"}
)
ONE = Decimal(1)
ValueType = Literal["scalar", "vector", "matrix", "string"]


class Type(NamedTuple):
    """The type of an expression.

    `unit` and `per_second` are those of the value; NONE also stands for unknown. `kind` is None for computed values.
    `labels` are the label names of the results, None when unknown; while `open`, target labels come on top of them.
    `le` are the bucket edges that are told apart, None when the value is no bucket. `raw_counter` marks a value that
    only grows, `quantile` one that must not be averaged or added up, `fraction` one that lies between 0 and 1.
    `observed` is the unit of the observations that buckets count, `signed` marks a value that may be below zero,
    `busy` the counter of seconds in which one thing was busy, `mixed` results that have only some of the labels each.
    `recorded` marks what rules record: while `open`, only labels that a deployment adds come on top of the known ones.
    `factor` is the constant by which the value is larger than its unit says, where inference keeps it (exact.py).
    """

    value: ValueType
    unit: Unit = Unit.NONE
    per_second: bool = False
    kind: Kind | None = None
    labels: frozenset[str] | None = None
    le: tuple[float, ...] | None = None
    raw_counter: bool = False
    open: bool = False
    quantile: bool = False
    fraction: bool = False
    observed: Unit | None = None
    signed: bool = False
    busy: bool = False
    mixed: bool = False
    recorded: bool = False
    factor: Decimal = ONE

    @property
    def closed_labels(self) -> frozenset[str] | None:
        """The labels, where they are known completely."""
        return None if self.open else self.labels

    @property
    def possible_labels(self) -> frozenset[str] | None:
        """All labels that there can be, where that is known: of what is recorded those that a deployment adds, too."""
        if self.labels is None or not self.open:
            return self.labels
        return self.labels | DEPLOYMENT_LABELS if self.recorded else None


_BELOW_ZERO = CHANGE | {"ln", "log2", "log10", "sgn", "sin", "cos", "tan", "asin", "atan", "sinh", "tanh", "asinh"}
_NOT_BELOW = frozenset({"abs", "exp", "sqrt", "acos", "cosh", "acosh", "stddev_over_time", "stdvar_over_time"})
_ABOVE = frozenset({">", ">="})


@frozen
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


MEASURES = frozenset({Unit.SECONDS, Unit.TIMESTAMP, Unit.BYTES, Unit.RATIO, Unit.PERCENT, Unit.CORES})
_TIMES = {Unit.SECONDS, Unit.TIMESTAMP}
_BYTES_IN_BITS = {Decimal("0.125"), Decimal(125), Decimal(128), Decimal(125_000), Decimal(131_072)}  # of k, Ki, M, Mi


def comparable(left: Type, right: Type) -> bool:
    """Whether two values may be compared: not seconds with bytes, not a ratio with a percentage."""
    return left.unit == right.unit or left.unit not in MEASURES or right.unit not in MEASURES


def addable(left: Type, right: Type) -> bool:
    """Whether two values may be added or subtracted: like comparable, but a moment and seconds go together."""
    return comparable(left, right) or {left.unit, right.unit} == _TIMES


def added(op: str, left: Type, right: Type) -> Type:
    """The unit of `left + right` or `left - right`."""
    if left.unit is Unit.TIMESTAMP and right.unit is Unit.TIMESTAMP and op == "-":
        return left._replace(unit=Unit.SECONDS, fraction=False)
    if op == "-" and {left.unit, right.unit} == {Unit.TIMESTAMP, Unit.NONE}:  # what is not known may be a moment too
        return left._replace(unit=Unit.NONE, fraction=False)
    if right.unit is Unit.TIMESTAMP:
        return left._replace(unit=Unit.TIMESTAMP, fraction=False)
    unit = right.unit if left.unit is Unit.NONE else left.unit
    return left._replace(unit=unit, per_second=left.per_second or right.per_second, fraction=False)


def multiplied(left: Type, right: Type) -> Type:
    """The unit of `left * right`, neither of them a literal."""
    for one, other in ((left, right), (right, left)):
        if one.unit is Unit.RATIO:
            return left._replace(unit=other.unit, per_second=other.per_second, fraction=one.fraction and other.fraction)
        if one.per_second and other.unit is Unit.SECONDS and not other.per_second:
            return left._replace(unit=one.unit, per_second=False, fraction=False)
    return left._replace(unit=Unit.NONE, per_second=False, fraction=False)


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
    return left._replace(unit=unit, per_second=per_second, fraction=part)


def _counts(unit: Unit) -> bool:
    """Whether a unit is a count of things."""
    return unit not in MEASURES | {Unit.NONE, Unit.BOOL, Unit.INFO}


def scaled(op: str, value: Type, factor: Decimal, *, literal_first: bool) -> Type:
    """The unit after an operation with a number in the text."""
    if op in {"+", "-"}:
        complement = op == "-" and literal_first and factor == 1
        if complement and value.unit is Unit.CORES:  # one minus the idle time of a processor
            return value._replace(unit=Unit.RATIO, fraction=False)
        return value._replace(fraction=value.fraction and complement)
    if op == "*" and factor == 100 and value.unit is Unit.RATIO:
        return value._replace(unit=Unit.PERCENT, fraction=False)
    if op == "/" and factor == 100 and value.unit is Unit.PERCENT and not literal_first:
        return value._replace(unit=Unit.RATIO, fraction=True)
    bits = value.unit is Unit.BYTES and ((op == "*" and factor == 8) or (op == "/" and factor in _BYTES_IN_BITS))
    hundredths = op == "*" and factor == 100 and value.unit in {Unit.BYTES, Unit.CORES}
    if op == "^" or (op == "/" and literal_first) or bits or hundredths:
        return value._replace(unit=Unit.NONE, per_second=False, fraction=False)
    shrinks = (op == "*" and 0 <= factor <= 1) or (op == "/" and factor >= 1)
    return value._replace(fraction=value.fraction and shrinks)


def finished(value: Type) -> Type:
    """The type as a reader sees it: seconds per second are how many at a time (40 callers that wait), no share."""
    if value.unit is Unit.SECONDS and value.per_second:
        return value._replace(unit=Unit.NONE, per_second=False)
    return value

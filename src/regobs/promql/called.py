"""The type of a function call, from the types of its arguments."""

from __future__ import annotations

from regobs.catalog.model import Kind, Unit
from regobs.errors import PromqlError
from regobs.promql.functions import (
    ABSENCE,
    CHANGE,
    COUNTED,
    DATES,
    GROWTH,
    MATHS,
    OVER_TIME,
    SAME_UNIT,
    SCALARS,
)
from regobs.promql.nodes import Aggregate, Call, Expr, MatchOp, Number, Paren, Selector, String, Subquery
from regobs.promql.printer import number_text
from regobs.promql.types import Type
from regobs.promql.walk import selectors

_PLAIN = Type("vector")


def call_type(node: Call, args: list[Type]) -> Type:  # noqa: PLR0911  (one branch a group of functions)
    """The type of a call. Raises PromqlError for a function that makes no sense of its argument."""
    name = node.function
    if name in GROWTH:
        return _growth(node, args[0])
    if name in CHANGE:
        return _change(node, args[0])
    if name.startswith("histogram_"):
        return _histogram(node, args)
    if name in OVER_TIME:
        kept = args[1] if name == "quantile_over_time" else args[0]
        return kept._replace(value="vector", fraction=kept.fraction and name != "sum_over_time")
    if name in SAME_UNIT:
        return _same_unit(node, args)
    if name in ABSENCE:
        return _PLAIN if name == "present_over_time" else _absent(node)
    if name in SCALARS:
        seconds = {"time": Unit.TIMESTAMP, "start": Unit.TIMESTAMP, "end": Unit.TIMESTAMP, "pi": Unit.NONE}
        return Type("scalar", unit=seconds.get(name, Unit.SECONDS))
    if name == "timestamp":
        return _without_unit(args[0])._replace(unit=Unit.TIMESTAMP)
    if name in COUNTED | MATHS | DATES:  # without an argument, of the time now: one value without labels
        return _without_unit(args[0]) if args else Type("vector", labels=frozenset())
    return _PLAIN


def _absent(node: Call) -> Type:
    """One series, with the labels that its matchers give a value."""
    inner = _bare(node.args[0])
    if not isinstance(inner, Selector) or inner.choices:
        return Type("vector", labels=None if isinstance(inner, Selector) else frozenset())
    equal = [one.label for one in inner.matchers if one.op is MatchOp.EQUAL and one.value]
    asked = [one.label for one in inner.matchers]
    return Type("vector", labels=frozenset(label for label in equal if asked.count(label) == 1))


def _without_unit(value: Type) -> Type:
    return Type("vector", labels=value.labels, open=value.open)


def _same_unit(node: Call, args: list[Type]) -> Type:
    value = args[0]
    if node.function == "vector":
        return value._replace(value="vector", labels=frozenset(), open=False)
    if node.function == "scalar":
        return value._replace(value="scalar", labels=None, le=None)
    if node.function in {"label_replace", "label_join"} and value.labels is not None:
        target = node.args[1]
        new = frozenset({target.value}) if isinstance(target, String) else frozenset[str]()
        return value._replace(labels=value.labels | new)
    return value


def _growth(node: Call, value: Type) -> Type:
    subject = _subject(node)
    inner = _bare(node.args[0])
    if value.kind is Kind.GAUGE and not value.raw_counter:
        raise PromqlError(
            f"{subject} is a gauge: its {node.function} makes no sense",
            check="rate-of-gauge",
            value=subject,
            expected="a counter; of a gauge delta, deriv or its value over time",
        )
    if isinstance(inner, Subquery) and isinstance(_bare(inner.expr), Aggregate) and value.raw_counter:
        raise PromqlError(
            f"{node.function} over an aggregation of {subject}: a restart of one process looks like lost events",
            check="rate-of-aggregate",
            value=node.function,
            expected=f"the {node.function} first, then the aggregation",
        )
    grown = value._replace(value="vector", kind=None, raw_counter=False)
    if node.function == "increase":
        return grown
    if value.busy:  # seconds in which one thing was busy: at most one a second
        return grown._replace(unit=Unit.RATIO, fraction=True)
    if value.unit is Unit.SECONDS and "cpu" in subject:
        return grown._replace(unit=Unit.CORES)
    return grown._replace(per_second=True)


def _change(node: Call, value: Type) -> Type:
    if value.raw_counter and value.kind is Kind.COUNTER and node.function != "predict_linear":
        better = "increase" if node.function in {"delta", "idelta"} else "rate"
        raise PromqlError(
            f"{_subject(node)} is a counter: {node.function} takes each restart for a fall",
            check="delta-of-counter",
            value=node.function,
            expected=better,
        )
    changed = value._replace(value="vector", kind=None, fraction=False)
    return changed._replace(per_second=True) if node.function == "deriv" else changed


def _histogram(node: Call, args: list[Type]) -> Type:
    position = {"histogram_quantile": 1, "histogram_fraction": 2}.get(node.function)
    if position is None or len(args) <= position:
        return _without_unit(args[0]) if args else _PLAIN
    buckets = args[position]
    _check_buckets(node, buckets)
    labels = None if buckets.labels is None else buckets.labels - {"le"}
    result = Type("vector", labels=labels, open=buckets.open, raw_counter=buckets.raw_counter)
    if node.function == "histogram_fraction":
        return result._replace(unit=Unit.RATIO, fraction=True)
    fraction = _bare(node.args[0])
    if isinstance(fraction, Number) and not fraction.value.is_nan() and not 0 <= fraction.value <= 1:
        given = number_text(fraction.value)
        raise PromqlError(
            f"{given} is no quantile", check="quantile-out-of-range", value=given, expected="a number from 0 to 1"
        )
    unit = buckets.observed or Unit.NONE
    return result._replace(unit=unit, quantile=True, fraction=unit is Unit.RATIO)


def _check_buckets(node: Call, buckets: Type) -> None:
    subject = _subject(node)
    known = buckets.observed is not None or buckets.kind is not None or buckets.unit is not Unit.NONE
    if buckets.labels is not None and "le" not in buckets.labels and known:
        why = "the aggregation dropped le" if buckets.observed is not None else f"{subject} has no buckets"
        raise PromqlError(
            f"{node.function} needs le, but {why}",
            check="quantile-without-le",
            value=node.function,
            expected=f"le in the by list over {subject}" if buckets.observed is not None else "a _bucket series",
        )
    if buckets.le is not None and len(buckets.le) == 1:
        raise PromqlError(
            f"{node.function} needs every bucket of {subject}, but a matcher picks one",
            check="quantile-without-le",
            value=node.function,
            expected="no matcher on le",
        )


def _subject(node: Call) -> str:
    return next((_name(selector) for selector in selectors(node)), node.function)


def _name(selector: Selector) -> str:
    return str(selector.metric or "the selector") + selector.suffix


def _bare(node: Expr) -> Expr:
    while isinstance(node, Paren):
        node = node.expr
    return node

"""TypeInference: the type of any expression, built or parsed, and the errors that types can show."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Unit
from regobs.common.closest import closest_first
from regobs.errors import Location, PromqlError
from regobs.promql.called import call_type
from regobs.promql.exact import computed, settled
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Number,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
    Variable,
)
from regobs.promql.parse import parse_located
from regobs.promql.printer import number_text, to_text
from regobs.promql.selected import SelectorTypes
from regobs.promql.series import Lookup, catalog_lookup
from regobs.promql.shares import is_share
from regobs.promql.types import (
    Type,
    addable,
    added,
    called_is_signed,
    comparable,
    computed_is_signed,
    divided,
    finished,
    multiplied,
    scaled,
)
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import selectors

Locate = Callable[[Expr, str], Location]
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_SETS = frozenset({"and", "or", "unless"})
_PICKS = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_NO_UNIT = frozenset({"count", "group", "count_values", "stdvar"})
_CONSTANT = frozenset({Number, Paren, Unary, Binary})
_MIXES = frozenset({"sum", "avg", "stddev", "stdvar", "quantile"})


def infer(
    expr: Expr,
    vocabulary: Vocabulary | None = None,
    *,
    extra_labels: Iterable[str] = (),
    lookup: Lookup = catalog_lookup,
    locate: Locate | None = None,
    deployment: Vocabulary | None = None,
    exact: bool = False,
) -> Type:
    """The type of an expression, bound in `vocabulary` (None: in any) or unbound.

    `extra_labels` are label names every series may have, such as those of the scope; target labels need not be
    listed. Values may be those of `deployment` too, for which text in another vocabulary is translated later.
    Where `exact`, a unit is that of the very number: 1000 times some seconds have none.
    Raises PromqlError for what makes no sense, with a place when `locate` knows one.
    """
    selected = SelectorTypes(vocabulary, extra_labels, lookup, deployment=deployment)
    return finished(settled(TypeInference(selected, locate, exact).visit(expr)))


def infer_text(
    text: str,
    vocabulary: Vocabulary | None = None,
    *,
    file: str = "",
    extra_labels: Iterable[str] = (),
    lookup: Lookup = catalog_lookup,
) -> Type:
    """The type of a query as text. Raises PromqlError with line and column, for syntax and sense alike."""
    parsed = parse_located(text, file=file)
    return infer(parsed.expr, vocabulary, extra_labels=extra_labels, lookup=lookup, locate=parsed.locate)


class TypeInference:
    """Types, from the leaves of a tree upward; a part that makes no sense ends it with PromqlError."""

    def __init__(self, selected: SelectorTypes, locate: Locate | None, exact: bool = False) -> None:
        self._selected = selected
        self._locate = locate
        self._exact = exact

    def visit(self, node: Expr) -> Type:
        try:
            return self._type(node)
        except PromqlError as error:
            if self._locate is not None and error.location is None:
                error.location = self._locate(node, error.value if isinstance(error.value, str) else "")
            raise

    def _type(self, node: Expr) -> Type:  # noqa: C901, PLR0911  (one case a node)
        match node:  # the most frequent first
            case Selector():
                return self._selected.infer(node)
            case Binary():
                return self._binary(node)
            case Call():
                return self._call(node)
            case Aggregate():
                return self._aggregate(node)
            case Number(value):
                return Type("scalar", signed=value.is_signed())
            case Variable(name):
                # Grafana's convention: `$__range_s` and `$__rate_interval_s` are seconds.
                return Type("scalar", unit=Unit.SECONDS if name.strip("${}").endswith("_s") else Unit.NONE)
            case String():
                return Type("string")
            case Paren(inner):
                return self.visit(inner)
            case Unary(op, inner):
                of = self.visit(inner)
                return of._replace(signed=of.signed or op == "-")
            case Subquery(inner):
                return self.visit(inner)._replace(value="matrix")
        raise PromqlError(f"{type(node).__name__} has no type")

    def _call(self, node: Call) -> Type:
        args = [settled(self.visit(arg)) for arg in node.args]
        signed = called_is_signed(node.function, args, [literal(arg) for arg in node.args])
        return call_type(node, args)._replace(signed=signed)

    def _known(self, value: Type) -> frozenset[str] | None:
        """Every label name that can stand in a clause over these results, None when any can."""
        if value.labels is None:
            return None
        return value.labels | self._selected.everywhere if value.open else value.labels

    def _check_labels(self, names: Iterable[str], value: Type, node: Expr, where: str) -> None:
        known = self._known(value)
        for name in names:
            if known is None or name in known or name.startswith("$"):
                continue
            subject = next((_series_name(selector) for selector in selectors(node)), "the expression")
            had = "no longer has the label" if not value.open else "has no label"
            raise PromqlError(
                f"{subject} {had} {name}, which {where} names",
                check="lost-label",
                value=name,
                expected=closest_first(name, sorted(value.labels or ())) or "an aggregation below it that keeps it",
            )

    def _aggregate(self, node: Aggregate) -> Type:
        if node.param is not None:
            self.visit(node.param)
        inner = self.visit(node.expr)
        if not node.without:
            self._check_labels(node.labels or (), inner, node.expr, f"the by list of {node.op}")
        if inner.quantile and node.op in _MIXES:
            raise PromqlError(
                f"{node.op} over a quantile: quantiles cannot be added up or averaged",
                check="average-of-quantiles",
                value=node.op,
                expected=f"{node.op} the buckets first, then histogram_quantile over the result; or max",
            )
        result = _grouped(node, inner)
        self._check_buckets(node, inner, result)
        if node.op in _NO_UNIT:
            plain = result._replace(raw_counter=False, fraction=False, observed=None, signed=False)
            return plain._replace(unit=Unit.NONE, per_second=False)
        added_up = node.op in {"sum", "stddev"}
        unit = Unit.NONE if added_up and inner.unit is Unit.BOOL else inner.unit  # how many are, not whether one is
        return result._replace(unit=unit, fraction=inner.fraction and not added_up)

    def _check_buckets(self, node: Aggregate, inner: Type, result: Type) -> None:
        if node.op in {"sum", "avg"} and inner.le is not None and len(inner.le) > 1 and result.le is None:
            name = next(_series_name(selector) for selector in selectors(node.expr))
            raise PromqlError(
                f"{node.op} without le mixes the buckets of {name}, each of which contains the smaller ones",
                check="mixed-buckets",
                value=node.op,
                expected="le in the by list, one le in the selector, or the _count series",
            )

    def _binary(self, node: Binary) -> Type:
        left, right = self.visit(node.left), self.visit(node.right)
        if left.value == "vector" and right.value == "vector":
            self._check_matching(node, left, right)
        if node.op in _SETS:
            labels = left.labels | right.labels if left.labels is not None and right.labels is not None else None
            if node.op != "or":
                return left
            signed = left.signed or right.signed
            mixed = left.mixed or right.mixed or left.labels != right.labels
            recorded = all(one.recorded or not one.open for one in (left, right))
            opened = left.open or right.open
            return left._replace(labels=labels, open=opened, signed=signed, mixed=mixed, recorded=recorded)
        shape = _matched(node, left, right)
        raw = left.raw_counter or right.raw_counter
        result = self._resulting(node, left, right)
        # the comparison of an event count with zero filters, it does not read the count
        return shape._replace(
            unit=result.unit,
            per_second=result.per_second,
            fraction=result.fraction,
            quantile=left.quantile or right.quantile,
            raw_counter=raw,
            signed=not node.bool and computed_is_signed(node.op, left, right, literal(node.left), literal(node.right)),
            kind=left.kind if node.op in _COMPARISONS and not node.bool else None,
            factor=result.factor,
        )

    def _resulting(self, node: Binary, left: Type, right: Type) -> Type:
        if node.op in _COMPARISONS:
            return self._compared(node, settled(left), settled(right))
        if not self._exact:
            return self._computed(node, left, right)
        numbers = literal(node.left), literal(node.right)
        return computed(node.op, left, right, numbers, lambda one, other: self._computed(node, one, other))

    def _compared(self, node: Binary, left: Type, right: Type) -> Type:
        kept = right if left.value == "scalar" else left
        for value, other in ((left, node.right), (right, node.left)):
            self._check_threshold(value, literal(other), node)
        if not comparable(left, right):
            raise PromqlError(
                f"{left.unit} compared with {right.unit}",
                check="unit-mismatch",
                value=node.op,
                expected="the same unit",
            )
        return kept._replace(unit=Unit.BOOL, per_second=False, fraction=False) if node.bool else kept

    def _check_threshold(self, value: Type, threshold: Decimal | None, node: Binary) -> None:
        if threshold is None or not value.fraction or (threshold <= 1 and (threshold >= 0 or value.signed)):
            return
        subject = next((_series_name(selector) for selector in selectors(node)), "this")
        shown = number_text(threshold)
        hint = f"; {shown} percent is the ratio {number_text(threshold / 100)}" if threshold > 1 else ""
        raise PromqlError(
            f"the ratio over {subject} lies between 0 and 1, so comparing it with {shown} makes no sense",
            check="ratio-compared-with-percent",
            value=shown,
            expected=f"a number from 0 to 1{hint}",
        )

    def _computed(self, node: Binary, left: Type, right: Type) -> Type:
        for value, other, first in ((left, node.right, False), (right, node.left, True)):
            number = literal(other)
            if number is not None:
                return scaled(node.op, value, number, literal_first=first)
        if node.op in {"+", "-"}:
            if not addable(left, right):
                what = "added to" if node.op == "+" else "minus"
                raise PromqlError(
                    f"{left.unit} {what} {right.unit}", check="unit-mismatch", value=node.op, expected="the same unit"
                )
            return added(node.op, left, right)
        if node.op == "*":
            return multiplied(left, right)
        if node.op == "/":
            result = divided(left, right)
            if result.unit is Unit.NONE and is_share(node):
                result = result._replace(unit=Unit.RATIO, per_second=False)
            return result._replace(fraction=result.fraction and not _same_series(node))
        return left._replace(unit=left.unit if node.op == "%" else Unit.NONE, fraction=False)

    def _check_matching(self, node: Binary, left: Type, right: Type) -> None:
        if node.on is not None:
            for value, side in ((left, node.left), (right, node.right)):
                self._check_labels(node.on, value, side, f"on() of {node.op}")
            return
        here, there = left.closed_labels, right.closed_labels
        if here is None or there is None or node.op == "or" or left.mixed or right.mixed:
            return
        ignored = frozenset(node.ignoring or ())
        if (here ^ there) - ignored and not any(name.startswith("$") for name in here | there):
            sides = [", ".join(sorted(labels - ignored)) or "no label" for labels in (here, there)]
            grouped = "" if node.op in _SETS else " with group_left or group_right"
            raise PromqlError(
                f"the sides of {node.op} never match: left has {sides[0]}, right has {sides[1]}",
                check="sides-never-match",
                value=node.op,
                expected=f"the same by list on both sides, or on(...){grouped}",
            )


def literal(node: Expr) -> Decimal | None:  # noqa: PLR0911  (one case a node)
    """The number that a constant such as `0.5`, `-1` or `14.4 * 0.001` is; None for anything else."""
    if type(node) not in _CONSTANT:  # asked of every part of every query, most of which are none of these
        return None
    match node:
        case Number(value):
            return None if value.is_nan() else value
        case Paren(inner):
            return literal(inner)
        case Unary("-", inner):
            number = literal(inner)
            return None if number is None else -number
        case Binary(op, left, right) if op in {"+", "-", "*"}:
            first = literal(left)
            second = literal(right) if first is not None else None
            if first is None or second is None:
                return None
            if not (first.is_finite() and second.is_finite()):
                return None
            return {"+": first + second, "-": first - second, "*": first * second}[op]
    return None


def _grouped(node: Aggregate, inner: Type) -> Type:
    """Labels and bucket edges after an aggregation."""
    if node.op in _PICKS:
        return inner
    names = frozenset(node.labels or ())
    if node.without:
        labels = None if inner.labels is None else inner.labels - names
        return inner._replace(labels=labels, le=None if "le" in names else inner.le, kind=None)
    if node.op == "count_values" and isinstance(node.param, String):
        names |= {node.param.value}
    return inner._replace(labels=names, open=False, le=inner.le if "le" in names else None, kind=None, mixed=False)


def _matched(node: Binary, left: Type, right: Type) -> Type:
    """Labels and bucket edges of what a binary operation returns."""
    if left.value == "scalar" or node.group == "right":
        base = right
    elif right.value == "scalar" or node.group or node.op in _COMPARISONS:
        base = left
    elif node.on is not None:
        le = left.le if "le" in node.on else None
        return left._replace(labels=frozenset(node.on), open=False, le=le, mixed=False)
    else:
        ignored = frozenset(node.ignoring or ())
        base = left._replace(labels=None if left.labels is None else left.labels - ignored)
    return base._replace(labels=base.labels | set(node.include)) if base.labels is not None else base


def _series_name(selector: Selector) -> str:
    return str(selector.metric or "") + selector.suffix or to_text(replace(selector, range=None))


def _same_series(node: Binary) -> bool:
    """Whether both sides read the same series, so that the quotient compares a value with itself at another time."""
    sides = [
        {(str(part.metric), part.suffix, part.choices, part.matchers) for part in selectors(side)}
        for side in (node.left, node.right)
    ]
    return sides[0] == sides[1]

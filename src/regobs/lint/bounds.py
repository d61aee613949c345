"""The interval that every value of an expression lies in, from what is certain: counts, clamps, shares, filters."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from math import inf, isnan
from typing import Protocol

from regobs.catalog import node as host
from regobs.catalog.model import Kind, Metric, Unit
from regobs.lint.named_shares import COMPARISONS, PICKS, bare, hits, named_share, tells_share
from regobs.lint.shares import is_part, share, terms
from regobs.lint.sources import SourceText
from regobs.lint.wholes import idle_matcher, part_of_whole
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.inferred_parts import InferredParts
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Paren, Selector, Subquery, Unary
from regobs.promql.series import Lookup, catalog_lookup, series_of
from regobs.promql.types import Bounds, Type
from regobs.promql.walk import selectors, walk
from regobs.promql.words import metric_buckets

TURNED = {">": "<", ">=": "<=", "<": ">", "<=": ">=", "==": "==", "!=": "!="}
OPPOSITE = {">": "<=", ">=": "<", "<": ">=", "<=": ">", "==": "!=", "!=": "=="}
SWITCH = Bounds(0, 1)
NEARLY_ONE = 1 + 1e-9  # a rate is stretched to its window, and an event may be counted twice
_ANY = Bounds(-inf, inf)
_POSITIVE = Bounds(0, inf)
_FIXED = {
    "absent": Bounds(1, 1),
    "absent_over_time": Bounds(1, 1),
    "present_over_time": Bounds(1, 1),
    "count_over_time": Bounds(1, inf),
    "histogram_fraction": SWITCH,
    "sgn": Bounds(-1, 1),
    "sin": Bounds(-1, 1),
    "cos": Bounds(-1, 1),
    "hour": Bounds(0, 23),
    "minute": Bounds(0, 59),
    "day_of_week": Bounds(0, 6),
    "day_of_month": Bounds(1, 31),
    "day_of_year": Bounds(1, 366),
    "days_in_month": Bounds(28, 31),
    "month": Bounds(1, 12),
}
_SWITCHES = frozenset({"up", "probe_success", "ALERTS"})
_NEVER_NEGATIVE = GROWTH | {"changes", "resets", "stddev_over_time", "stdvar_over_time", "mad_over_time"}
_NEVER_NEGATIVE |= {"histogram_count", "histogram_stddev", "histogram_stdvar", "abs", "sqrt", "exp", "timestamp"}
_CLAMPS = frozenset({"clamp", "clamp_min", "clamp_max"})
_KEPT = frozenset(f"{name}_over_time" for name in ("avg", "min", "max", "last", "first"))
_KEPT |= {"sort", "sort_desc", "sort_by_label", "sort_by_label_desc", "scalar", "vector", "label_replace", "label_join"}
_KEPT |= {"ceil", "floor", "round"}


def compared_with_number(nodes: Iterable[Expr]) -> Iterator[tuple[Binary, Expr, str, Decimal]]:
    """Each comparison of a value with a number, as `value op number`."""
    for node in nodes:
        if isinstance(node, Binary) and node.op in COMPARISONS:
            right, left = literal(node.right), literal(node.left)
            if right is not None and left is None:
                yield node, node.left, node.op, right
            elif left is not None and right is None:
                yield node, node.right, TURNED[node.op], left


class RecordedQuery(Protocol):
    """The query of a recording rule, as far as it was read."""

    @property
    def expr(self) -> Expr | None:
        """The tree."""

    @property
    def values(self) -> Values:
        """What its parts may be."""

    @property
    def source(self) -> SourceText:
        """The file that it stands in."""

    @property
    def recorded_type(self) -> Type | None:
        """The type of what it records."""


@dataclass(eq=False)
class Records:
    """The rules of all files by the name that they record."""

    rules: Mapping[str, Sequence[RecordedQuery]] = field(default_factory=dict)
    _expressions: dict[str, tuple[Expr, ...]] = field(default_factory=dict)
    _names: dict[str, frozenset[str]] = field(default_factory=dict)
    _known: dict[str, Bounds] = field(default_factory=dict)
    _types: dict[str, Type | None] = field(default_factory=dict)

    def expressions(self, name: str) -> tuple[Expr, ...]:
        """The expressions of the rules that record a name; none where one of them could not be read."""
        if name not in self._expressions:
            rules = self.rules.get(name, ())
            read = tuple(one.expr for one in rules if one.expr is not None)
            self._expressions[name] = read if len(read) == len(rules) else ()
        return self._expressions[name]

    def names(self, name: str) -> frozenset[str]:
        """The names of the series that the rules of a name read; none where no rule records it."""
        if name not in self._names:
            read = (str(one.metric) for expr in self.expressions(name) for one in selectors(expr))
            self._names[name] = frozenset(read)
        return self._names[name]

    def bounds(self, name: str) -> Bounds:
        """What a name may be by its rules; nothing is known of one that reads itself."""
        for inner in self._inside_out(name, self._known):
            self._known[inner] = _ANY
            found = [one.values.of(one.expr) for one in self.rules[inner] if one.expr is not None]
            self._known[inner] = Bounds(min(one.low for one in found), max(one.high for one in found))
        return self._known[name]

    def type(self, name: str) -> Type | None:
        """The type of a name by its rules; None where there are none, and where they differ in more than labels."""
        if not self.expressions(name):
            return None
        for inner in self._inside_out(name, self._types):
            self._types[inner] = None
            found = [one.recorded_type for one in self.rules[inner]]
            self._types[inner] = _common(found)
        return self._types[name]

    def _inside_out(self, name: str, done: Mapping[str, object]) -> Iterator[str]:
        """A name and what its rules read, the innermost first, so that no chain is too long."""
        waiting = [name]
        while waiting and name not in done:
            top = waiting[-1]
            inner = [one for one in self._read_by(top) if one not in done and one not in waiting]
            waiting += inner
            if not inner:
                yield waiting.pop()

    def _read_by(self, name: str) -> set[str]:
        """The recorded names that the rules of a name read."""
        return {one for one in self.names(name) if self.expressions(one)}


def _common(found: Sequence[Type | None]) -> Type | None:
    """The type of several that only differ in their labels, with those of all."""
    first = found[0] if found else None
    labels: frozenset[str] = frozenset()
    for one in found:
        if first is None or one is None or one._replace(labels=None) != first._replace(labels=None):
            return None
        labels |= one.labels or frozenset()
    known = all(one is not None and one.labels is not None for one in found)
    return first._replace(labels=labels if known else None) if first is not None else None


@dataclass(eq=False)
class Values:
    """What values the parts of one query may have, by what the catalog and the recording rules say.

    With `named`, names are believed too, and limits that a deployment may not have.
    """

    parts: InferredParts
    lookup: Lookup = catalog_lookup
    records: Records = field(default_factory=Records)
    named: bool = False

    def of(self, node: Expr) -> Bounds:  # noqa: PLR0911 - one case a node
        """The interval. What is not known is minus to plus infinity."""
        match node:  # the most frequent first
            case Selector():
                return self._selected(node)
            case Binary():
                return self._computed(node)
            case Call():
                return self._called(node)
            case Aggregate():
                return self._aggregated(node)
            case Number():
                value = literal(node)
                return Bounds(float(value), float(value)) if value is not None else _ANY
            case Paren(inner) | Subquery(inner):
                return self.of(inner)
            case Unary(op, inner):
                of = self.of(inner)
                return Bounds(-of.high, -of.low) if op == "-" else of
        return _ANY

    def share(self, node: Binary) -> Bounds | None:
        """The interval of a quotient that is certainly a share of a whole."""
        return share(node, self.records.expressions, lambda one: self._selected(one).low >= 0)

    def part(self, node: Binary) -> Bounds | None:
        """The interval of a quotient of a part and its whole, by what the two are; by their names where it is asked."""
        found = part_of_whole(node, self._metric, named=self.named)
        if found is None and self.named and named_share(node, self.busy) == "the share of an outcome":
            part = next(selectors(node.left), None)
            found = Bounds(0, 1 if part is not None and hits(str(part.metric)) else NEARLY_ONE)
        return found

    def _metric(self, node: Selector) -> Metric | None:
        entry = series_of(node, self.lookup)
        return entry[0] if entry else None

    def _of_one_core(self, node: Expr) -> bool:
        return isinstance(node, Selector) and (self.busy(node) or idle_matcher(node) is not None)

    def busy(self, node: Selector) -> bool:
        """Whether it counts the seconds in which one thing was busy."""
        metric = self._metric(node)
        return metric is not None and (metric.busy or metric.name == host.CPU.name)

    def averages_cores(self, node: Expr) -> bool:
        """Whether it is an average of what each core of a machine does: as it is, or as a rule records it."""
        waiting, seen = [node], set[str]()
        while waiting:
            for part in walk(waiting.pop()):
                if isinstance(part, Aggregate) and part.op == "avg" and any(map(self._of_a_core, selectors(part))):
                    return True
                name = str(part.metric or "") if isinstance(part, Selector) else ""
                if name and name not in seen:
                    seen.add(name)
                    waiting += self.records.expressions(name)
        return False

    def _of_a_core(self, node: Selector) -> bool:
        metric = self._metric(node)
        return metric is not None and metric.name == host.CPU.name

    def _selected(self, node: Selector) -> Bounds:  # noqa: PLR0911 - one case a kind of name
        name = str(node.metric or "")
        entry = series_of(node, self.lookup)
        if entry is None and self.records.expressions(name):
            return self.records.bounds(name)
        if name in _SWITCHES or (entry is None and is_switch(name)):
            return SWITCH
        if entry is None and self.named and tells_share(name):
            return Bounds(0, 1 if hits(name) else NEARLY_ONE)
        if entry is None:
            counted = name.endswith(("_total", "_count", "_bucket"))
            timed = name.endswith("_seconds") and any(one.label == "quantile" for one in node.matchers)
            return _POSITIVE if counted or timed else _ANY
        metric, suffix = entry
        if metric.signed:
            return _POSITIVE if suffix in {"_count", "_bucket"} else _ANY
        if metric.kind is Kind.GAUGE and metric.unit in {Unit.RATIO, Unit.BOOL}:
            return SWITCH
        return _POSITIVE

    def _called(self, node: Call) -> Bounds:  # noqa: PLR0911 - one case a group of functions
        name = node.function
        if self.named and name in {"rate", "irate"} and node.args and self._of_one_core(bare(node.args[0])):
            return Bounds(0, NEARLY_ONE)
        if name in _FIXED:
            return _FIXED[name]
        if name in _NEVER_NEGATIVE or (name == "time" and not node.args):
            return _POSITIVE
        if name in {"histogram_quantile", "quantile_over_time"}:
            return self._quantile(node) if name == "histogram_quantile" else self.of(node.args[-1])
        if not node.args:
            return _ANY
        of = self.of(node.args[0])
        if name == "sum_over_time":
            return Bounds(0 if of.low >= 0 else -inf, 0 if of.high <= 0 else inf)
        if name in _CLAMPS:
            return _clamped(name, of, [literal(arg) for arg in node.args[1:]])
        if name in {"ceil", "floor", "round"} and of != SWITCH:
            return Bounds(0 if of.low >= 0 else -inf, inf)
        return of if name in _KEPT else _ANY

    def _quantile(self, node: Call) -> Bounds:
        """From zero to the highest finite bucket, which stands for all above it; of a quantile that is one."""
        edges = self.edges(node.args[-1])
        asked = literal(node.args[0])
        if asked is None or not 0 < asked < 1:
            return _ANY
        if edges and min(edges) > 0:
            return Bounds(0, max(edges))
        names = [str(one.metric or "") for one in selectors(node.args[-1])]
        timed = all(name.endswith(("_seconds_bucket", "_bytes_bucket")) for name in names)
        return _POSITIVE if not edges and names and timed else _ANY

    def edges(self, buckets: Expr) -> list[float]:
        """The finite bounds of buckets, those below a recorded name too; none where they are not known."""
        if known := self.parts.of(buckets).le:
            return [edge for edge in known if edge < inf]
        found: set[float] = set()
        for one in terms(buckets, self.records.expressions) or ():
            entry = series_of(one.series, self.lookup)
            if entry is None or entry[1] != "_bucket":
                return []
            found |= set(metric_buckets(entry[0]))
        return sorted(found)

    def _aggregated(self, node: Aggregate) -> Bounds:
        of = self.of(node.expr)
        if node.op == "sum":
            return Bounds(0 if of.low >= 0 else -inf, 0 if of.high <= 0 else inf)
        if node.op in {"count", "count_values"}:
            return Bounds(1, inf)
        if node.op == "group":
            return Bounds(1, 1)
        if node.op in {"stddev", "stdvar"}:
            return _POSITIVE
        return of if node.op in PICKS else _ANY

    def _computed(self, node: Binary) -> Bounds:  # noqa: PLR0911 - one case an operator
        left, right = self.of(node.left), self.of(node.right)
        if node.op in COMPARISONS:
            if node.bool:
                return SWITCH
            number, first = literal(node.right), literal(node.left)
            if number is None and first is not None:
                return _filtered(TURNED[node.op], right, float(first))
            return _filtered(node.op, left, float(number)) if number is not None else left
        if node.op in {"and", "unless"}:
            return left
        if node.op == "or":
            return Bounds(min(left.low, right.low), max(left.high, right.high))
        if node.op == "/" and (found := self.share(node) or self._mean(node) or self.part(node)) is not None:
            return found
        return _calculated(node, left, right)

    def _mean(self, node: Binary) -> Bounds | None:
        """The interval of `sum(x) / count(x)`, which is that of x."""
        left, right = bare(node.left), bare(node.right)
        if not (
            isinstance(left, Aggregate) and isinstance(right, Aggregate) and (left.op, right.op) == ("sum", "count")
        ):
            return None
        of = self.of(left.expr)
        sides = [list(selectors(side)) for side in (left, right)]
        filters = any(isinstance(one, Binary) for one in walk(right))
        if (left.labels, left.without) != (right.labels, right.without) or len(sides[0]) != 1 or len(sides[1]) != 1:
            return None
        part, whole = (terms(side[0], lambda _: ()) or [] for side in sides)
        return Bounds(0, of.high) if of.low >= 0 and not filters and is_part(part[0], whole[0]) else None


def is_switch(name: str) -> bool:
    """Whether a series is 1 while something is reached, and 0 while it is not."""
    return (name in _SWITCHES and name != "ALERTS") or name.endswith("_up")


def _clamped(name: str, of: Bounds, limits: Sequence[Decimal | None]) -> Bounds:
    if name in {"clamp", "clamp_min"} and limits and (low := limits[0]) is not None:
        of = Bounds(max(of.low, float(low)), max(of.high, float(low)))
    if name in {"clamp", "clamp_max"} and limits and (high := limits[-1]) is not None:
        of = Bounds(min(of.low, float(high)), min(of.high, float(high)))
    return of


def _calculated(node: Binary, left: Bounds, right: Bounds) -> Bounds:  # noqa: PLR0911 - one case an operator
    number = literal(node.right)
    if node.op == "+":
        return _sound(left.low + right.low, left.high + right.high)
    if node.op == "-":
        return _sound(left.low - right.high, left.high - right.low)
    if node.op == "*" and left.low >= 0 and right.low >= 0:
        return _sound(left.low * right.low, left.high * right.high)
    if node.op == "/" and left.low >= 0 and right.low == right.high and 0 < right.low < inf:
        return _sound(left.low / right.low, left.high / right.low)
    if node.op == "%" and number is not None and number > 0 and left.low >= 0:
        return Bounds(0, float(number))
    if node.op == "^" and number is not None and number > 0 and (number % 2 == 0 or left.low >= 0):
        return _POSITIVE
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

"""Whether a quotient is a share of a whole: certainly, as its numerator counts some of what its denominator counts.

A side is read as a sum of terms, each a factor and a series below the same functions. What a rule recorded is read in
the place of its name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from regobs.lint.named_shares import COMPARISONS
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Paren, Selector, Subquery, Unary
from regobs.promql.types import Bounds
from regobs.promql.words import read_edge

Recorded = Callable[[str], tuple[Expr, ...]]
_OVER = frozenset({"sum_over_time", "max_over_time", "count_over_time"})  # of a part never more than of the whole
_KEEPS = frozenset({"label_replace", "label_join", "sort", "sort_desc", "scalar", "clamp_min"})
_POSITIVE = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_DEEPEST = 20  # records of records: below, a name stands for itself


@dataclass(frozen=True, slots=True)
class _Term:
    factor: float
    shape: tuple[object, ...]
    series: Selector


def share(node: Binary, recorded: Recorded, counts: Callable[[Selector], bool]) -> Bounds | None:
    """The values of a quotient whose sides count the same; None where the numerator may be anything.

    `counts` tells whether a series is certainly never below zero.
    """
    if node.group == "right":
        return None
    part, whole = terms(node.left, recorded), terms(node.right, recorded, whole=True)
    if not part or not whole or any(one.factor <= 0 for one in whole):
        return None
    if len(whole) == 1:
        return _of_one(part, whole[0])
    return _of_several(part, whole) if all(counts(one.series) or _grows(one) for one in whole) else None


def _grows(term: _Term) -> bool:
    return any(name in GROWTH for name in term.shape)


def _of_one(part: list[_Term], whole: _Term) -> Bounds | None:
    """Of a single whole: `a / w`, `(a + b) / 2 / w`, `(w - a) / w`."""
    if any(not is_part(one, whole) for one in part):
        return None
    added = [one for one in part if one.factor > 0]
    taken = [one for one in part if one.factor < 0]
    high = sum(one.factor for one in added)
    if _disjoint(added):
        high = max((one.factor for one in added), default=0.0)
    low = sum(one.factor for one in taken)
    # What is taken away was counted before: the rest is not below zero.
    inside = len(added) == 1 and all(is_part(one, added[0]) for one in taken)
    if inside and -low <= high and (len(taken) == 1 or _disjoint(taken)):
        low = 0.0
    return Bounds(low / whole.factor, high / whole.factor)


def _of_several(part: list[_Term], whole: list[_Term]) -> Bounds | None:
    """Of a sum: `hits / (hits + misses)`, each addend of the numerator a part of one of the denominator."""
    left = list(whole)
    for one in part:
        found = next(
            (at for at, all_of in enumerate(left) if 0 < one.factor <= all_of.factor and is_part(one, all_of)), -1
        )
        if found < 0:
            return None
        del left[found]
    return Bounds(0, 1)


def _disjoint(found: list[_Term]) -> bool:
    """Whether no series is counted by two of the terms: they ask for different values of one label, buckets aside."""
    asked = [
        {one.label: one.value for one in term.series.matchers if one.op is MatchOp.EQUAL and one.label != "le"}
        for term in found
    ]
    names = set.intersection(*(set(one) for one in asked)) if asked else set[str]()
    return any(len({one[name] for one in asked}) == len(asked) for name in names)


def is_part(part: _Term, whole: _Term) -> bool:
    """Whether one term counts only what the other counts too."""
    if part.shape != whole.shape or (part.series.range, part.series.offset, part.series.at) != (
        whole.series.range,
        whole.series.offset,
        whole.series.at,
    ):
        return False
    here, there = str(part.series.metric or ""), str(whole.series.metric or "")
    asked = whole.series.matchers
    if not here or not there:
        return False
    if here.endswith("_bucket") and there in {here, here.removesuffix("_bucket") + "_count"}:
        edge, end = bucket_edge(part.series), bucket_edge(whole.series)
        if edge is not None and (end is None or edge <= end):
            if end is None and there == here:
                return implied(asked, part.series.matchers)  # all buckets together, this one among them
            asked = tuple(one for one in asked if one.label != "le")
        elif there != here:
            return False
    elif here != there:
        return False
    return implied(asked, part.series.matchers)


def bucket_edge(node: Selector) -> float | None:
    """The one bound that a selector of buckets asks for, in one spelling or in both; None where there are several."""
    for one in node.matchers:
        if one.label == "le" and one.op in _POSITIVE:
            texts = [one.value] if one.op is MatchOp.EQUAL else one.value.strip("()").replace("\\", "").split("|")
            edges = {read_edge(text.replace("[.]", ".")) for text in texts}
            edge = edges.pop() if len(edges) == 1 else None
            return float(edge) if edge is not None else None
    return None


def implied(asked: Iterable[Matcher], given: Iterable[Matcher]) -> bool:
    """Whether what fulfils the given matchers fulfils all that are asked."""
    known = tuple(given)
    return all(one in known or _accepts_all(one, known) for one in asked)


def _accepts_all(asked: Matcher, given: tuple[Matcher, ...]) -> bool:
    """Whether what passes the given matchers passes this one too, as far as its texts say."""
    if asked.op is MatchOp.REGEX and asked.value == ".*":
        return True
    chosen = next((one for one in given if one.label == asked.label and one.op in _POSITIVE), None)
    if chosen is None or "$" in chosen.value + asked.value:
        return False
    some = (asked.op is MatchOp.NOT_EQUAL and not asked.value) or (asked.op, asked.value) == (MatchOp.REGEX, ".+")
    if chosen.op is MatchOp.REGEX:
        return some and regex_matches(chosen.value, "") is False
    if asked.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return (asked.value == chosen.value) == (asked.op is MatchOp.EQUAL)
    return regex_matches(asked.value, chosen.value) is (asked.op is MatchOp.REGEX)


def terms(node: Expr, recorded: Recorded, *, whole: bool = False) -> list[_Term] | None:
    """A side of a quotient as a sum; None where it is none. A `whole` may be more than its terms, a part less."""
    return _Reader(recorded, whole=whole).read(node, ())


class _Reader:
    def __init__(self, recorded: Recorded, *, whole: bool) -> None:
        self._recorded = recorded
        self._whole = whole
        self._open: list[str] = []

    def read(self, node: Expr, shape: tuple[object, ...]) -> list[_Term] | None:  # noqa: PLR0911 - one case a node
        """The terms of a part of the side, which stands below the functions of `shape`."""
        match node:
            case Paren(inner):
                return self.read(inner, shape)
            case Unary("-", inner):
                return _scaled(self.read(inner, shape), -1)
            case Subquery(inner) if shape and shape[-1] in _OVER:
                return self.read(inner, (*shape, node.range, node.step, node.offset, node.at))
            case Aggregate(op, inner):
                return self._aggregate(op, inner, shape)
            case Call(function, args) if args:
                return self._call(function, args, shape)
            case Binary():
                return self._binary(node, shape)
            case Selector():
                return self._series(node, shape)
        return None

    def _aggregate(self, op: str, inner: Expr, shape: tuple[object, ...]) -> list[_Term] | None:
        if op == "sum":
            return self.read(inner, shape)
        if op not in {"count", "max"}:
            return None
        found = self.read(inner, (*shape, op))
        return found if found is not None and len(found) == 1 and found[0].factor == 1 else None

    def _call(self, function: str, args: tuple[Expr, ...], shape: tuple[object, ...]) -> list[_Term] | None:
        if function in GROWTH | _OVER:
            return self.read(args[-1], (*shape, function))
        if function not in _KEEPS:
            return None
        if function == "clamp_min" and not (self._whole and (literal(args[1]) or 0) > 0):
            return None
        return self.read(args[0], shape)

    def _binary(self, node: Binary, shape: tuple[object, ...]) -> list[_Term] | None:  # noqa: PLR0911 - as above
        if node.op in {"and", "unless"}:
            return self.read(node.left, shape)
        if node.op in COMPARISONS:
            filtered = not node.bool and literal(node.right) is not None
            return self.read(node.left, shape) if filtered and not (self._whole and shape) else None
        if node.op == "or":
            return self.read(node.left, shape) if not self._whole and _is_nothing(node.right) else None
        number = literal(node.right)
        if node.op in {"*", "/"} and number is not None and number > 0:
            factor = float(number)
            return _scaled(self.read(node.left, shape), factor if node.op == "*" else 1 / factor)
        first = literal(node.left)
        if node.op == "*" and first is not None and first > 0:
            return _scaled(self.read(node.right, shape), float(first))
        if node.op not in {"+", "-"} or node.group or (shape and shape[-1] in {"count", "max"}):
            return None
        left, right = self.read(node.left, shape), self.read(node.right, shape)
        if left is None or right is None:
            return None
        return [*left, *(right if node.op == "+" else _scaled(right, -1) or [])]

    def _series(self, node: Selector, shape: tuple[object, ...]) -> list[_Term] | None:
        name = str(node.metric or "")
        rules = self._recorded(name) if name else ()
        if not rules or node.range is not None or node.at is not None or name in self._open:
            return [_Term(1.0, shape, node)]
        if len(rules) > 1 or len(self._open) >= _DEEPEST:
            return [_Term(1.0, shape, node)]
        self._open.append(name)
        found = self.read(rules[0], shape)
        self._open.pop()
        if found is None:
            return [_Term(1.0, shape, node)]
        return [replace(one, series=_narrowed(one.series, node)) for one in found]


def _narrowed(series: Selector, by: Selector) -> Selector:
    """What a rule reads, by the matchers and the offset with which its result is asked for."""
    offset = by.offset if by.offset is not None else series.offset
    return replace(series, matchers=(*series.matchers, *by.matchers), offset=offset)


def _scaled(found: list[_Term] | None, factor: float) -> list[_Term] | None:
    return None if found is None else [replace(one, factor=one.factor * factor) for one in found]


def _is_nothing(node: Expr) -> bool:
    """Whether it is zero, which stands for what is missing: `vector(0)`, `0 * whole`."""
    match node:
        case Paren(inner):
            return _is_nothing(inner)
        case Call("vector", (inner,)):
            return literal(inner) == 0
        case Binary("*", left, right):
            return 0 in {literal(left), literal(right)}
        case Binary("or", left, right):
            return _is_nothing(left) and _is_nothing(right)
    return literal(node) == 0

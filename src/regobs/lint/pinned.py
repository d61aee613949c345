"""What labels the results of an expression have with which values, as far as its matchers and groupings say."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from regobs.lint.matchers import excludes
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.promql.inferred_parts import InferredParts
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Expr,
    Matcher,
    MatchOp,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
)

Pins = Mapping[str, tuple[Matcher, ...]]  # by the label
_PICKS = frozenset({"topk", "bottomk", "limitk", "limit_ratio"})
_ABSENT = frozenset({"absent", "absent_over_time"})
_NO_LABELS = frozenset({"vector", "scalar", "time", "pi"})


@dataclass(frozen=True)
class Conflict:
    """A label of which no value fulfils what both sides of an operator ask."""

    label: str
    left: Matcher
    right: Matcher

    def __str__(self) -> str:
        if self.left.op is self.right.op is MatchOp.EQUAL and "" not in {self.left.value, self.right.value}:
            return f"{self.label} is {self.left.value!r} on one side and {self.right.value!r} on the other"
        told = [f"has no {self.label}" if one == _lacking(self.label) else f"has {_text(one)}" for one in self.sides]
        return f"one side {told[0]}, the other {told[1]}"

    @property
    def sides(self) -> tuple[Matcher, Matcher]:
        """What each side asks."""
        return self.left, self.right


def _text(one: Matcher) -> str:
    return f'{one.label}{one.op}"{one.value}"'


def _lacking(label: str) -> Matcher:
    return Matcher(label, MatchOp.EQUAL, "")


def conflict(node: Binary, parts: InferredParts, known: dict[int, Pins]) -> Conflict | None:
    """The label by which two sides never match; None where there is none, or the matching leaves it out.

    `known` keeps what was found of the parts of one query, by their `id`.
    """
    left, right = _Pinned(parts, node.left, known), _Pinned(parts, node.right, known)
    for label in sorted({*left.pins, *right.pins}):
        if label in (node.ignoring or ()) or (node.on is not None and label not in node.on) or label.startswith("$"):
            continue
        for one in left.of(label):
            for other in right.of(label):
                if excludes(one, other):
                    return Conflict(label, one, other)
    return None


class _Pinned:
    def __init__(self, parts: InferredParts, node: Expr, known: dict[int, Pins]) -> None:
        self.pins = pins(node, known)
        self._labels = parts.of(node).closed_labels

    def of(self, label: str) -> tuple[Matcher, ...]:
        """What the value of a label fulfils; an empty one is that of a label that there is not."""
        if label in self.pins:
            return self.pins[label]
        lacks = self._labels is not None and label not in self._labels
        return (_lacking(label),) if lacks and not any(one.startswith("$") for one in self._labels or ()) else ()


def pins(node: Expr, known: dict[int, Pins] | None = None) -> Pins:
    """The conditions that the labels of all results certainly fulfil."""
    known = {} if known is None else known
    found = known.get(id(node))
    if found is None:
        found = known[id(node)] = _pins(node, known)
    return found


def _pins(node: Expr, known: dict[int, Pins]) -> Pins:  # noqa: PLR0911 - one case a node
    match node:
        case Selector():
            return _by_label(one for one in node.matchers if one.label != "__name__" and "$" not in one.label)
        case Paren(inner) | Unary(_, inner) | Subquery(inner):
            return pins(inner, known)
        case Aggregate(op, inner):
            if op in _PICKS:
                return pins(inner, known)
            named = node.labels or ()
            if any(one.startswith("$") for one in named):
                return {}
            if node.without:
                return {**_left(pins(inner, known), named, kept=False), **{one: (_lacking(one),) for one in named}}
            return _left(pins(inner, known), named, kept=True)
        case Call():
            return _called(node, known)
        case Binary():
            return _computed(node, known)
    return {}


def _by_label(matchers: Iterable[Matcher]) -> Pins:
    found: dict[str, tuple[Matcher, ...]] = {}
    for one in matchers:
        found[one.label] = (*found.get(one.label, ()), one)
    return found


def _left(found: Pins, labels: Iterable[str], *, kept: bool) -> Pins:
    named = set(labels)
    return {label: one for label, one in found.items() if (label in named) is kept}


def _called(node: Call, known: dict[int, Pins]) -> Pins:
    if node.function in _NO_LABELS or not node.args:
        return {}
    if node.function in _ABSENT:
        inner = node.args[0]
        asked = inner.matchers if isinstance(inner, Selector) else ()
        equal = _by_label(one for one in asked if one.op is MatchOp.EQUAL and one.value)
        return {label: found for label, found in equal.items() if len(found) == 1 and "$" not in label}
    if node.function in {"label_replace", "label_join", "info"}:
        changed = [one.value for one in node.args[1:2] if isinstance(one, String)]
        return _left(pins(node.args[0], known), changed, kept=False) if changed else {}
    found = next((one for arg in node.args if (one := pins(arg, known))), {})
    return _left(found, ("le",), kept=False) if node.function.startswith("histogram_") else found


def _computed(node: Binary, known: dict[int, Pins]) -> Pins:
    left, right = pins(node.left, known), pins(node.right, known)
    if node.op == "unless":
        return left
    if node.op == "and":
        matched = _left(right, node.ignoring or (), kept=False) if node.on is None else _left(right, node.on, kept=True)
        return {label: (*left.get(label, ()), *matched.get(label, ())) for label in {**left, **matched}}
    if node.op == "or":
        return {label: one for label, one in left.items() if right.get(label) == one}
    if node.group:
        return _left(right if node.group == "right" else left, node.include, kept=False)
    if node.on is not None:
        return _left(left or right, node.on, kept=True)
    found = left or right  # the other one may be a number
    return _left(found, node.ignoring or (), kept=False)


def never_beside(node: Binary) -> Selector | None:
    """The series of which an operator asks that it is absent and present at once: `absent(x) and on () x`."""
    for side, other in ((node.left, node.right), (node.right, node.left)):
        gone = _absent(side)
        if gone is None:
            continue
        for there in _needed(other):
            same = there.metric == gone.metric and set(gone.matchers) <= set(there.matchers)
            plain = all(one.range is None and one.offset is None and one.at is None for one in (gone, there))
            if same and plain:
                return there
    return None


def _absent(side: Expr) -> Selector | None:
    node = _core(side)
    inner = _core(node.args[0]) if isinstance(node, Call) and node.function == "absent" else None
    while isinstance(inner, Aggregate):
        inner = bare(inner.expr)
    return inner if isinstance(inner, Selector) else None


def _needed(side: Expr) -> Iterator[Selector]:
    """The series without which a side has no result."""
    node = _core(side)
    if isinstance(node, Selector):
        yield node
    elif isinstance(node, Aggregate):
        yield from _needed(node.expr)


def _core(side: Expr) -> Expr:
    node = side
    while True:
        if isinstance(node, Paren | Unary):
            node = node.expr
        elif isinstance(node, Binary) and node.op in COMPARISONS | {"and", "unless"}:
            node = node.left
        else:
            return node

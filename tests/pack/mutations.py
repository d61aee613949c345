"""Broken versions of an alert: each changes one threshold, window, matcher, operator or `for` of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from regobs.promql import to_text
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import Binary, Duration, Expr, Matcher, MatchOp, Number, Selector
from regobs.promql.parse import parse
from regobs.promql.walk import children, rebuild, selectors

_OTHER = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "==", "and": "unless", "unless": "and"}
_WITH_EQUAL = {">": ">=", "<": "<="}
_FACTOR = 4  # a fault of this size in a threshold or a window must be seen
_NEGATED = {
    MatchOp.EQUAL: MatchOp.NOT_EQUAL,
    MatchOp.NOT_EQUAL: MatchOp.EQUAL,
    MatchOp.REGEX: MatchOp.NOT_REGEX,
    MatchOp.NOT_REGEX: MatchOp.REGEX,
}


@dataclass(frozen=True)
class Mutant:
    """A broken rule and what is broken."""

    what: str
    rule: dict[str, Any]


def mutants(rule: dict[str, Any], step: int) -> Iterator[Mutant]:
    """All of them; `step` in ms is the least difference of time that tests see."""
    hold = read_duration(rule["for"])
    assert hold is not None
    for changed in {hold.ms * 2 + 2 * step, max(0, hold.ms - 2 * step - hold.ms // 2)} - {hold.ms}:
        yield Mutant(f"for {duration_text(Duration(changed))}", {**rule, "for": duration_text(Duration(changed))})
    if "keep_firing_for" in rule:
        yield Mutant("no keep_firing_for", {name: value for name, value in rule.items() if name != "keep_firing_for"})
    expr = parse(rule["expr"])
    for what, broken in _broken(expr):
        yield Mutant(what, {**rule, "expr": to_text(broken)})


def _broken(expr: Expr) -> Iterator[tuple[str, Expr]]:
    """The expression with one node changed, for every node and every change of it."""
    for change in (_numbers, _operators, _offsets, _matchers):
        yield from _each(expr, change)
    for window in dict.fromkeys(node.range for node in selectors(expr) if node.range is not None):
        yield f"[{duration_text(Duration(window.ms * _FACTOR))}]", _with_window(expr, window)


def _with_window(expr: Expr, window: Duration) -> Expr:
    """All windows of this length, longer: the two sides of a ratio have the same one."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector):
            return replace(node, range=Duration(window.ms * _FACTOR)) if node.range == window else node
        return rebuild(node, visit)

    return visit(expr)


def _each(expr: Expr, change: Callable[[Expr], list[tuple[str, Expr]]]) -> Iterator[tuple[str, Expr]]:
    yield from change(expr)
    for index, part in enumerate(children(expr)):
        for what, broken in _each(part, change):
            yield what, _with_child(expr, index, broken)


def _with_child(expr: Expr, index: int, new: Expr) -> Expr:
    """The expression with another part in one place."""
    place = iter(range(len(children(expr))))
    return rebuild(expr, lambda old: new if next(place) == index else old)


def _numbers(node: Expr) -> list[tuple[str, Expr]]:
    if not isinstance(node, Binary) or node.op not in _OTHER or not isinstance(node.right, Number):
        return []
    value = float(str(node.right.value))
    if not value and node.op in _WITH_EQUAL:
        return [(f"{_WITH_EQUAL[node.op]} 0", replace(node, op=_WITH_EQUAL[node.op]))]
    others = (value * _FACTOR, value / _FACTOR) if value else (1.0,)
    return [(f"{node.op} {other:g}", replace(node, right=parse(repr(other)))) for other in others]


def _operators(node: Expr) -> list[tuple[str, Expr]]:
    if not isinstance(node, Binary) or node.op not in _OTHER or node.bool:
        return []
    return [(f"{_OTHER[node.op]} for {node.op}", replace(node, op=_OTHER[node.op]))]


def _offsets(node: Expr) -> list[tuple[str, Expr]]:
    if not isinstance(node, Selector) or node.offset is None:
        return []
    return [("no offset", replace(node, offset=None))]


def _matchers(node: Expr) -> list[tuple[str, Expr]]:
    if not isinstance(node, Selector):
        return []
    found: list[tuple[str, Expr]] = []
    for index, matcher in enumerate(node.matchers):
        negated = Matcher(matcher.label, _NEGATED[matcher.op], matcher.value)
        found.append(
            (
                f"{negated.label}{negated.op}",
                replace(node, matchers=(*node.matchers[:index], negated, *node.matchers[index + 1 :])),
            )
        )
    return found

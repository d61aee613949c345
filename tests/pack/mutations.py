"""Broken versions of an alert: each changes one threshold, factor, window, matcher, operator, label or `for` of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

from regobs.promql import to_text
from regobs.promql.durations import duration_text, read_duration
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Number,
    Selector,
    Subquery,
)
from regobs.promql.parse import parse
from regobs.promql.walk import children, rebuild, selectors

_OTHER = {">": "<", "<": ">", ">=": "<", "<=": ">", "==": "!=", "!=": "==", "and": "unless", "unless": "and"}
_WITH_EQUAL = {">": ">=", "<": "<="}
_ALERT, _PROCESS = "alertname", "instance"  # what tells two alerts apart, and two processes
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
    for change in (_numbers, _operators, _offsets, _matchers, _factors, _groups, _matches, _subqueries):
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


def _factors(node: Expr) -> list[tuple[str, Expr]]:
    """A number that something is multiplied with or divided by, larger and smaller; 1 for a 0."""
    if not isinstance(node, Binary) or node.op not in {"*", "/"}:
        return []
    found: list[tuple[str, Expr]] = []
    if isinstance(node.left, Number):
        others = _other_factors(node.left)
        found += [(f"{other:g} {node.op}", replace(node, left=parse(repr(other)))) for other in others]
    if isinstance(node.right, Number):
        others = _other_factors(node.right)
        found += [(f"{node.op} {other:g}", replace(node, right=parse(repr(other)))) for other in others]
    return found


def _other_factors(factor: Number) -> tuple[float, ...]:
    value = float(factor.value)
    return (value * _FACTOR, value / _FACTOR) if value else (1.0,)


def _groups(node: Expr) -> list[tuple[str, Expr]]:
    """An aggregation with one label less, or with one more."""
    if not isinstance(node, Aggregate) or node.labels is None:
        return []
    word = "without" if node.without else "by"
    lists = _lists(node.labels, _added(node.expr))
    return [(f"{node.op} {word}{what}", replace(node, labels=labels)) for what, labels in lists]


def _matches(node: Expr) -> list[tuple[str, Expr]]:
    """Two sides that are matched on one label less, or on one more."""
    if not isinstance(node, Binary) or node.on is None:
        return []
    lists = _lists(node.on, _added(node.left, node.right))
    return [(f"{node.op} on{what}", replace(node, on=labels)) for what, labels in lists]


def _added(*sides: Expr) -> str:
    """The label that all of these could be told apart by, which one of them has: that of an alert, or of a process."""
    if any(_of_alerts(node) for side in sides for node in selectors(side)):
        return _ALERT if any(_has(side, _ALERT) for side in sides) else ""
    return _PROCESS if any(_has(side, _PROCESS) for side in sides) else ""


def _of_alerts(node: Selector) -> bool:
    """Whether a selector reads alerts."""
    return node.metric == "ALERTS"


def _has(expr: Expr, label: str) -> bool:
    """Whether results have a label: an aggregation ends what is not in its list, and a record is one."""
    match expr:
        case Aggregate() if expr.op not in {"topk", "bottomk"}:
            return expr.labels is not None and (label in expr.labels) is not expr.without
        case Binary() if expr.op in {"and", "unless"}:
            return _has(expr.left, label)
        case Selector():
            return not str(expr.metric).startswith("registry:") and (label != _ALERT or _of_alerts(expr))
    return any(_has(part, label) for part in children(expr))


def _lists(labels: tuple[str, ...], added: str) -> list[tuple[str, tuple[str, ...]]]:
    """The labels without each of them, and with one more."""
    found = [(f" -{label}", tuple(one for one in labels if one != label)) for label in labels]
    return found if not added or added in labels else [*found, (f" +{added}", (*labels, added))]


def _subqueries(node: Expr) -> list[tuple[str, Expr]]:
    """A longer and a shorter time for what is asked again and again."""
    if not isinstance(node, Subquery):
        return []
    step = f":{duration_text(node.step)}" if node.step else ":"
    return [
        (f"[{duration_text(Duration(ms))}{step}]", replace(node, range=Duration(ms)))
        for ms in (node.range.ms * _FACTOR, node.range.ms // _FACTOR)
    ]

"""Going through an expression tree and rebuilding it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal
from operator import attrgetter, is_
from typing import Any, TypeVar

from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Number,
    Paren,
    Selector,
    String,
    Subquery,
    Unary,
    Variable,
)

_E = TypeVar("_E", bound=Expr)


# By class, as this runs for every node of every pass: a chain of questions takes twice as long.
_CHILDREN: dict[type[Expr], Callable[[Any], tuple[Expr, ...]]] = {
    Call: attrgetter("args"),
    Binary: attrgetter("left", "right"),
    Aggregate: lambda node: (node.expr,) if node.param is None else (node.param, node.expr),
    **{kind: lambda node: (node.expr,) for kind in (Subquery, Unary, Paren)},
    **{kind: lambda _: () for kind in (Selector, Number, String, Variable)},
}


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of a node, in the order of the text."""
    return _CHILDREN[type(expr)](expr)


def walk(expr: Expr) -> Iterator[Expr]:
    """The node and everything below it, parents first, in the order of the text."""
    below = [expr]
    while below:
        node = below.pop()
        yield node
        below += _CHILDREN[type(node)](node)[::-1]


def selectors(expr: Expr) -> Iterator[Selector]:
    """Every selector of the tree, in the order of the text."""
    below = [expr]
    while below:
        node = below.pop()
        if type(node) is Selector:
            yield node
        else:
            below += _CHILDREN[type(node)](node)[::-1]


def ranges(expr: Expr) -> Iterator[Selector | Subquery]:
    """Every range vector of the tree: selectors with a range, and subqueries."""
    return (node for node in walk(expr) if isinstance(node, Selector | Subquery) and node.range is not None)


def rebuild(expr: _E, change: Callable[[Expr], Expr]) -> _E:
    """The same node with `change` applied to each direct part; the node itself when nothing changed."""
    parts = children(expr)
    if not parts:
        return expr
    changed = tuple([change(part) for part in parts])
    if all(map(is_, parts, changed)):
        return expr
    return _with_parts(expr, changed)  # type: ignore[return-value]  # a node of the same class


def _with_parts(expr: Expr, parts: tuple[Expr, ...]) -> Expr:
    """The node with other parts; built directly, because `dataclasses.replace` takes three times as long."""
    match expr:
        case Call():
            return Call(expr.function, parts, span=expr.span)
        case Binary():
            left, right = parts
            clauses = expr.on, expr.ignoring, expr.group, expr.include
            return Binary(expr.op, left, right, *clauses, bool=expr.bool, span=expr.span)
        case Aggregate():
            param = parts[0] if len(parts) > 1 else None
            return Aggregate(expr.op, parts[-1], expr.labels, expr.without, param, span=expr.span)
        case Subquery():
            return Subquery(parts[0], expr.range, expr.step, expr.offset, expr.at, span=expr.span)
        case Unary():
            return Unary(expr.op, parts[0], span=expr.span)
        case _:
            return Paren(parts[0], span=expr.span)


def strip_parens(expr: Expr) -> Expr:
    """The tree without its Paren nodes: two texts that differ in needless parentheses give equal trees."""
    while isinstance(expr, Paren):
        expr = expr.expr
    # Most have none: looking takes a fifth of the time that building anew does.
    return rebuild(expr, _without_parens) if _has_parens(expr) else expr


def _has_parens(expr: Expr) -> bool:
    below = [expr]
    for node in below:
        if type(node) is Paren:
            return True
        below.extend(children(node))  # a list may grow while a loop goes through it
    return False


def _without_parens(expr: Expr) -> Expr:
    while isinstance(expr, Paren):
        expr = expr.expr
    return rebuild(expr, _without_parens)


def with_durations(expr: Expr, change: Callable[[Duration], Duration]) -> Expr:
    """The same expression with each of its ranges, offsets and steps changed."""

    def changed(duration: Duration | None) -> Duration | None:
        return None if duration is None else change(duration)

    def visit(node: Expr) -> Expr:
        match node:
            case Selector():
                return replace(node, range=changed(node.range), offset=changed(node.offset))
            case Subquery():
                inner = rebuild(node, visit)
                return replace(inner, range=change(node.range), step=changed(node.step), offset=changed(node.offset))
        return rebuild(node, visit)

    return visit(expr)


def fill_durations(expr: Expr, window: Duration, span: Duration = Duration(3_600_000)) -> Expr:
    """Grafana's macros as a server needs them: `$__range` becomes `span`, every other one `window`.

    `$__range_s` and `$__range_ms` become numbers, and so do those of `$__interval`.
    """

    def real(duration: Duration) -> Duration:
        if not duration.macro:
            return duration
        return span if duration.macro.strip("${}") == "__range" else window

    def numbers(node: Expr) -> Expr:
        if isinstance(node, Variable) and (filled := _number(node.name, window, span)) is not None:
            return filled
        return rebuild(node, numbers)

    return numbers(with_durations(expr, real))


def _number(name: str, window: Duration, span: Duration) -> Number | None:
    """What a macro in the place of a number stands for; None for a variable of a dashboard."""
    sign = -1 if name.startswith("-") else 1
    macro, _, unit = name.lstrip("+-").strip("${}").rpartition("_")
    if macro not in {"__range", "__interval"} or unit not in {"s", "ms"}:
        return None
    ms = Decimal((span if macro == "__range" else window).ms * sign)
    return Number(ms / 1000 if unit == "s" else ms)

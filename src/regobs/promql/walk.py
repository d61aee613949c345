"""Going through an expression tree and rebuilding it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TypeVar

from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Paren, Selector, Subquery, Unary

_E = TypeVar("_E", bound=Expr)


def children(expr: Expr) -> tuple[Expr, ...]:
    """The direct parts of a node, in the order of the text."""
    match expr:
        case Call(args=args):
            return args
        case Aggregate(expr=inner, param=param):
            return (inner,) if param is None else (param, inner)
        case Binary(left=left, right=right):
            return (left, right)
        case Subquery(expr=inner) | Unary(expr=inner) | Paren(expr=inner):
            return (inner,)
        case _:
            return ()


def walk(expr: Expr) -> Iterator[Expr]:
    """The node and everything below it, parents first, in the order of the text."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def selectors(expr: Expr) -> Iterator[Selector]:
    """Every selector of the tree, in the order of the text."""
    return (node for node in walk(expr) if isinstance(node, Selector))


def rebuild(expr: _E, change: Callable[[Expr], Expr]) -> _E:
    """The same node with `change` applied to each direct part; the node itself when nothing changed."""
    parts = children(expr)
    changed = tuple(change(part) for part in parts)
    if all(old is new for old, new in zip(parts, changed, strict=True)):
        return expr
    return replace(expr, **_fields(expr, changed))


def _fields(expr: Expr, parts: tuple[Expr, ...]) -> dict[str, object]:
    match expr:
        case Call():
            return {"args": parts}
        case Aggregate(param=None):
            return {"expr": parts[0]}
        case Aggregate():
            return {"param": parts[0], "expr": parts[1]}
        case Binary():
            return {"left": parts[0], "right": parts[1]}
        case _:
            return {"expr": parts[0]}


def strip_parens(expr: Expr) -> Expr:
    """The tree without its Paren nodes: two texts that differ in needless parentheses give equal trees."""
    while isinstance(expr, Paren):
        expr = expr.expr
    return rebuild(expr, strip_parens)

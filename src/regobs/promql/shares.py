"""Which quotients are shares of a whole."""

from __future__ import annotations

from regobs.promql.nodes import Binary, Expr, Number, Paren
from regobs.promql.walk import strip_parens


def is_share(node: Binary) -> bool:
    """Whether a quotient is written as `ratio` writes it: `(part or 0 * whole) / (whole > 0)`, a share of the whole."""
    if node.op != "/" or _operator(node.left) != "or" or _operator(node.right) != ">":
        return False
    match strip_parens(node):
        case Binary("/", Binary("or", _, Binary("*", Number(zero), whole)), Binary(">", other, Number(edge))):
            return zero == edge == 0 and whole == other
    return False


def _operator(node: Expr) -> str:
    while isinstance(node, Paren):
        node = node.expr
    return node.op if isinstance(node, Binary) else ""

"""Queries over a time range that say the same at each of its points: which lines are drawn, and whether they go on.

The `@ end()` modifier reads a series at the end of the range, whichever point is evaluated. Prometheus has it since
2.33, Thanos since 0.25, Mimir always, VictoriaMetrics since 1.76.
"""

from __future__ import annotations

from dataclasses import replace

from regobs.promql.nodes import RANGE, RATE_INTERVAL, Aggregate, At, Binary, Call, Expr, Selector, Subquery
from regobs.promql.walk import rebuild, walk

_END = At(edge="end")


def choose_once(expr: Expr) -> Expr:
    """Where the largest results are wanted, those of the whole time range.

    `topk` alone chooses anew at each point, so that ten of a hundred become thirty lines with gaps. Rates are compared
    by their mean over the range, gauges by their highest value (where the smallest are wanted, by their lowest).
    """

    def visit(node: Expr) -> Expr:
        if isinstance(node, Aggregate) and node.op in {"topk", "bottomk"}:
            lowest = node.op == "bottomk"
            return Binary("and", node.expr, replace(node, expr=_over_the_range(node.expr, lowest=lowest)))
        return rebuild(node, visit)

    return visit(expr)


def at_the_end(expr: Expr) -> Expr:
    """The value that the expression has at the end of the time range."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector | Subquery):
            return replace(node, at=_END)
        return rebuild(node, visit)

    return visit(expr)


def is_flow(expr: Expr) -> bool:
    """Whether an expression is made of rates, of which the course says more than the value now."""
    ranges = {node.range for node in walk(expr) if isinstance(node, Selector)}
    return RATE_INTERVAL in ranges and RANGE not in ranges


def _over_the_range(expr: Expr, *, lowest: bool) -> Expr:
    if not isinstance(expr, Selector):
        return rebuild(expr, lambda part: _over_the_range(part, lowest=lowest))
    if expr.range is None:
        recorded = isinstance(expr.metric, str) and ":" in expr.metric  # a rate already
        extreme = "min_over_time" if lowest else "max_over_time"
        return Call("avg_over_time" if recorded else extreme, (replace(expr, range=RANGE, at=_END),))
    return replace(expr, range=RANGE if expr.range == RATE_INTERVAL else expr.range, at=_END)

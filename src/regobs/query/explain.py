"""An expression as a tree: type and unit of each part, and what a server has for it now."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

from regobs.catalog.model import Unit
from regobs.errors import EndpointError, PromqlError, QueryError
from regobs.prometheus import Prometheus
from regobs.prometheus.analysis import AskedStore, Operator
from regobs.promql.infer import infer
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Paren, Selector, String, Subquery, Unary
from regobs.promql.printer import to_text
from regobs.promql.walk import children

MOST = 60  # nodes that are asked


@dataclass(frozen=True, slots=True)
class ExplainedNode:
    """One part. `varying` are the labels with more than one value; what was not asked of a server is None."""

    branch: str
    head: str
    text: str
    type: str
    unit: str
    series: int | None = None
    varying: tuple[str, ...] | None = None
    samples: int | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class ExplainedOperator:
    """One operator of Thanos, and the stores that it asked."""

    branch: str
    operator: str
    seconds: float
    samples: int
    peak: int
    stores: tuple[AskedStore, ...] = ()


def operators(expr: Expr, server: Prometheus, at: float | None = None) -> list[ExplainedOperator]:
    """How a Thanos Query evaluates the whole expression, parents first; empty for another server or engine."""
    try:
        server.stores()
        found = server.analysis(to_text(expr), at)
    except (EndpointError, QueryError):  # no Thanos, or one without an engine of its own
        return []
    return [] if found is None else list(_operators(found, "", ""))


def _operators(node: Operator, first: str, others: str) -> Iterator[ExplainedOperator]:
    yield ExplainedOperator(first, node.name, node.seconds, node.samples, node.peak, node.stores)
    for part in node.children:
        last = part is node.children[-1]
        yield from _operators(part, others + ("└─ " if last else "├─ "), others + ("   " if last else "│  "))


def explain(expr: Expr, server: Prometheus | None, at: float | None = None) -> list[ExplainedNode]:
    """The parts of an expression, parents first. Each is asked of the server at one moment, where one is given."""
    lines = list(_tree(expr, "", ""))
    return [
        _explained(branch, node, server if place < MOST else None, at) for place, (branch, node) in enumerate(lines)
    ]


def _tree(node: Expr, first: str, others: str) -> Iterator[tuple[str, Expr]]:
    while isinstance(node, Paren):
        node = node.expr
    yield first, node
    below = [part for part in children(node) if not isinstance(part, String)]
    for part in below:
        last = part is below[-1]
        yield from _tree(part, others + ("└─ " if last else "├─ "), others + ("   " if last else "│  "))


def _explained(branch: str, node: Expr, server: Prometheus | None, at: float | None) -> ExplainedNode:
    try:
        kind = infer(node, exact=True)
        type_text, unit = str(kind.value), "" if kind.unit is Unit.NONE else f"{kind.unit}{'/s' * kind.per_second}"
    except PromqlError as error:
        type_text, unit = "?", error.message
    plain = ExplainedNode(branch, head(node), to_text(node), type_text, unit)
    if server is None or isinstance(node, Number | String):
        return plain
    asked = Call("last_over_time", (node,)) if isinstance(node, Selector | Subquery) and node.range else node
    begin = time.monotonic()
    try:
        answer = server.query(to_text(asked), at, stats=True)
    except QueryError as error:
        return ExplainedNode(branch, plain.head, plain.text, type_text, f"{unit} refused: {error.expected}".strip())
    taken = answer.stats.seconds if answer.stats else time.monotonic() - begin
    values: dict[str, set[str]] = {}
    names = {name for sample in answer.samples for name in sample.labels}
    for sample in answer.samples:
        for name in names:
            values.setdefault(name, set()).add(sample.labels.get(name, ""))
    varying = tuple(sorted(name for name, found in values.items() if len(found) > 1))
    samples = answer.stats.samples if answer.stats else None
    return ExplainedNode(branch, plain.head, plain.text, type_text, unit, len(answer.samples), varying, samples, taken)


def head(node: Expr) -> str:
    """A node without its parts: `sum by (code)`, `rate`, `/ on (pod)`, a selector whole."""
    match node:
        case Aggregate(op, _, labels, without):
            return op if labels is None else f"{op} {'without' if without else 'by'} ({', '.join(labels)})"
        case Call(function):
            return function
        case Binary(op, _, _, on, ignoring, group, include):
            words = [op, "bool" if node.bool else ""]
            words += [f"on ({', '.join(on)})"] if on is not None else []
            words += [f"ignoring ({', '.join(ignoring)})"] if ignoring else []
            words += [f"group_{group}" + (f" ({', '.join(include)})" if include else "")] if group else []
            return " ".join(filter(None, words))
        case Unary(op):
            return op
        case Subquery():
            return f"subquery {to_text(node)[len(to_text(node.expr)) :].lstrip(')')}"
    return to_text(node)

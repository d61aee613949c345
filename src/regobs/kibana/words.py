"""Queries in the words of Kibana, whichever form they are written in: KQL, labels, top values, formulas."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from regobs.logs.fields import FIELDS, Field
from regobs.logs.kql import And, Node, Not, Or, parse, to_text
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Query, QueryMetric

TIME = "time"  # the time field of every data view
BACKSLASH = "\\"
MOST = 1000  # groups of one field; Lens takes no more in its editor
INNER = 10  # groups of a field inside each group of another
OPERATIONS = {
    MetricKind.COUNT: "count",
    MetricKind.SUM: "sum",
    MetricKind.AVG: "average",
    MetricKind.MIN: "min",
    MetricKind.MAX: "max",
    MetricKind.PERCENTILE: "percentile",
    MetricKind.CARDINALITY: "unique_count",
}
FORMULAS = frozenset({MetricKind.RATIO, MetricKind.SHARE})
SCALES = {1: "s", 60: "m", 3600: "h", 86400: "d"}  # of a rate: Kibana's units by their seconds


@cache
def kql(text: str) -> str:
    """A KQL text on one line; every environment asks for the same ones."""
    return to_text(parse(text))


def operation(metric: QueryMetric) -> str:
    """Lens's name for what a metric computes; a rate is a count or sum with a time scale."""
    if metric.kind is MetricKind.RATE:
        return "count" if metric.field is None else "sum"
    return OPERATIONS[metric.kind]


def label(name: str) -> str:
    """The name of a column as words; one that is called as its field has the field's."""
    return FIELDS[name].title if name in FIELDS else name.replace("_", " ")


def formula(metric: QueryMetric) -> str:
    """A ratio, or a share of all rows that are shown, as a Lens formula."""
    if metric.kind is MetricKind.SHARE:
        amount = _amount(metric.where, metric.field)
        return f"{amount} / overall_sum({amount})"
    return f"{_amount(metric.where)} / {_amount(metric.whole)}"


def _amount(clause: Clause, field: Field | None = None) -> str:
    """How many lines, or the sum of a field over them."""
    name = field.term if field else ""
    operation = "sum" if field else "count"
    if not clause.text:
        return f"{operation}({name})"
    # In a formula a backslash is one, unless a quote follows it: no text may end with one.
    escaped = kql(clause.text).replace("'", "\\'")
    return f"{operation}({f'{name}, ' if name else ''}kql='{escaped}{' ' if escaped.endswith(BACKSLASH) else ''}')"


def filters(group: ByFilters) -> tuple[tuple[str, str], ...]:
    """Labels and KQL of a group by filters. Kibana's overlap: each leaves out the lines of those before it."""
    texts = _exclusive(tuple(clause.text for _, clause in group.clauses))
    names = [*(name for name, _ in group.clauses), *([group.other] if group.other is not None else [])]
    return tuple(zip(names, texts, strict=False))


@cache
def _exclusive(texts: tuple[str, ...]) -> tuple[str, ...]:
    """Each text without the lines of the earlier ones, then a text for the lines of none."""
    nodes = [parse(text) for text in texts]
    found = [to_text(_without(node, nodes[:index])) for index, node in enumerate(nodes)]
    return (*found, to_text(Not(_any(nodes))))


def _without(node: Node, others: list[Node]) -> Node:
    if not others:
        return node
    own = node.of if isinstance(node, And) else (node,)
    return And((*own, Not(_any(others))))


def _any(nodes: list[Node]) -> Node:
    return nodes[0] if len(nodes) == 1 else Or(tuple(nodes))


def ordered(query: Query) -> tuple[Group, ...]:
    """The groups from the outside in: on a chart over time the values of the other field are chosen once."""
    return tuple(sorted(query.groups, key=lambda group: isinstance(group, ByTime)))


def field_name(group: ByTerms) -> str:
    """The field of the data view whose values make the groups: for a part of a field a runtime field of its own."""
    if not group.part:
        return group.field.term
    first = f"{group.first.name}_or_" if group.first else ""
    return f"{first}{group.part}_of_{group.field.name}"


def size(query: Query, group: ByTerms) -> int:
    """How many values of a field are shown. Kibana has no limit over all groups, so the outermost gets it."""
    outer = [group for group in query.groups if isinstance(group, ByTerms)]
    wanted = query.limit or INNER
    return min(wanted, MOST) if outer[0] is group else min(wanted, INNER)


def ranking(query: Query) -> tuple[int, bool] | None:
    """The metric that top values are chosen by, as its index, and whether the largest come first; None: by name.

    Lens cannot choose by a formula.
    """
    plain = {metric.name: index for index, metric in enumerate(query.metrics) if metric.kind not in FORMULAS}
    for order in query.order:
        if order.column in plain:
            return plain[order.column], order.descending
        if order.column in {group.name for group in query.groups}:
            return None
    return (next(iter(plain.values())), True) if plain else None


def texts(query: Query) -> Iterator[str]:
    """Every KQL text that a query sends to Kibana."""
    yield query.where.text
    for metric in query.metrics:
        yield from (clause.text for clause in (metric.where, metric.whole) if clause.text)
    for group in query.groups:
        if isinstance(group, ByFilters):
            yield from (text for _, text in filters(group))

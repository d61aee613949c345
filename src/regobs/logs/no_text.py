"""An empty text is as good as none where lines are grouped, and where their texts are counted or the last is taken.

Registries write `""` for what is not there (a request without a namespace, a client without a name), and on the next
line nothing at all. VictoriaLogs and Loki know no difference; here a query is changed so that files and clusters make
none either. What a condition says of an empty text stays as it is.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec.structs import replace

from regobs.logs.fields import Field, FieldType
from regobs.logs.kql.condition import All, Condition, Equals, No, Present, both
from regobs.logs.query import ByTerms, Clause, Group, MetricKind, Query, QueryMetric

_OF_TEXTS = frozenset({MetricKind.CARDINALITY, MetricKind.MIN, MetricKind.MAX})


def without_empty_texts(query: Query) -> Query:
    """The query, in which an empty text makes no group where one must be there, and is no value of a metric."""
    terms = [group for group in query.groups if isinstance(group, ByTerms)]
    needed = [_not_empty(one.field) for one in terms if may_be_empty(one) and not one.missing]
    if needed:
        query = replace(query, where=Clause(query.where.text, both(query.where.condition, *needed)))
    return replace(query, metrics=tuple(map(_metric, query.metrics)))


def may_be_empty(group: Group) -> bool:
    """Whether an empty text would make a group."""
    return isinstance(group, ByTerms) and group.field.type is FieldType.KEYWORD and not group.part


def with_and_without(query: Query) -> list[tuple[Query, tuple[int, ...]]]:
    """The query as several, of lines that have a text and of those that have none, for servers that tell `""` apart.

    Beside each stands which of its groups, by their place, it leaves out: all its lines have none there.
    """
    found: list[tuple[Query, tuple[int, ...]]] = [(query, ())]
    for at, group in enumerate(query.groups):
        if isinstance(group, ByTerms) and group.missing and may_be_empty(group):
            found = [one for made, gone in found for one in _two(made, gone, at, group)]
    return found


def _two(query: Query, gone: tuple[int, ...], at: int, group: ByTerms) -> Iterator[tuple[Query, tuple[int, ...]]]:
    place, has = at - len(gone), All((Present(group.field), _not_empty(group.field)))
    before, after = query.groups[:place], query.groups[place + 1 :]
    within = Clause(query.where.text, both(query.where.condition, has))
    yield replace(query, where=within, groups=(*before, replace(group, missing=False), *after)), gone
    without = Clause(query.where.text, both(query.where.condition, No(has)))
    yield replace(query, where=without, groups=(*before, *after)), (*gone, at)


def _metric(metric: QueryMetric) -> QueryMetric:
    if metric.kind not in _OF_TEXTS or metric.field is None or metric.field.type is not FieldType.KEYWORD:
        return metric
    chosen = both(metric.where.condition, _not_empty(metric.field))
    return replace(metric, where=Clause(metric.where.text, chosen))


def _not_empty(field: Field) -> Condition:
    return No(Equals(field, ""))

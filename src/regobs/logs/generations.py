"""Queries for lines that name the same things in another way: the newer labkit generation, CNCF Distribution.

A query is written in the fields of GitLab Container Registry 4.x. `merged` makes each of them one that is read from
whichever name a line has: a step from query to query before the compiler to SQL. Elasticsearch needs none, there the
ingest pipeline has given each line the names of the catalogue. A duration under another name is whole in the unit of
the field, as the older generation writes it: 1.0019 s are 1001 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import cache

from msgspec.structs import replace

from regobs.logs.fields import ALIASES, Alias, Field
from regobs.logs.kql import condition as kinds
from regobs.logs.kql.condition import Condition
from regobs.logs.query import ByFilters, ByTerms, Clause, Group, Query, QueryMetric

GENERATIONS = frozenset(alias.generation for alias in ALIASES.values())


@dataclass(frozen=True, slots=True)
class Merged(Field):
    """A field with the names that it has elsewhere; the first of them that a line has is its value."""

    aliases: tuple[Alias, ...] = ()


def merged(query: Query, generations: Collection[str] = GENERATIONS) -> Query:
    """The query over fields that are read from any name of these generations."""
    return _changed(query, lambda field: merged_field(field, generations))


def merged_field(field: Field, generations: Collection[str] = GENERATIONS) -> Field:
    """The field, read from any name of these generations."""
    aliases = tuple(alias for alias in _aliases().get(field.name, ()) if alias.generation in generations)
    if not aliases or isinstance(field, Merged):
        return field
    return Merged(**{name: getattr(field, name) for name in Field.__slots__}, aliases=aliases)


@cache
def _aliases() -> dict[str, list[Alias]]:
    found: dict[str, list[Alias]] = {}
    for alias in ALIASES.values():
        found.setdefault(alias.field, []).append(alias)
    return found


def _changed(query: Query, field: Callable[[Field], Field]) -> Query:
    """The query with each of its fields changed."""

    def clause(one: Clause) -> Clause:
        return Clause(one.text, condition(one.condition))

    def condition(one: Condition) -> Condition:
        if isinstance(one, kinds.All | kinds.Any | kinds.Anywhere):
            return replace(one, of=tuple(condition(part) for part in one.of))
        if isinstance(one, kinds.No):
            return kinds.No(condition(one.of))
        return one if isinstance(one, kinds.Fixed) else replace(one, field=field(one.field))

    def group(one: Group) -> Group:
        if isinstance(one, ByFilters):
            return replace(one, clauses=tuple((name, clause(part)) for name, part in one.clauses))
        if isinstance(one, ByTerms) and one.first:
            one = replace(one, first=field(one.first))
        return replace(one, field=field(one.field))

    def metric(one: QueryMetric) -> QueryMetric:
        measured = field(one.field) if one.field else None
        return replace(one, field=measured, where=clause(one.where), whole=clause(one.whole))

    return replace(
        query,
        where=clause(query.where),
        groups=tuple(map(group, query.groups)),
        metrics=tuple(map(metric, query.metrics)),
        columns=tuple(map(field, query.columns)),
    )

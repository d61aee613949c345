"""Queries for lines that name the same things in another way: the newer labkit generation, CNCF Distribution.

A query is written in the fields of GitLab Container Registry 4.x. `merged` makes each of them one that is read from
whichever name a line has, for what can compute with values (DuckDB). `spelled` asks for each name, with the bounds in
its unit, for what only compares (Elasticsearch). Both are steps from query to query, before the compilers. A duration
under another name is whole in the unit of the field, as the older generation writes it: 1.0019 s are 1001 ms.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from regobs.logs.fields import ALIASES, FIELDS, Alias, Conversion, Field, as_written
from regobs.logs.kql import condition as kinds
from regobs.logs.kql.condition import Between, Bound, Condition, Equals, Leaf, Like, Present
from regobs.logs.query import ByFilters, Clause, Group, Metric, Query

GENERATIONS = frozenset(alias.generation for alias in ALIASES.values())
# Only access lines have it, so it tells where a name is the alias and where a field of its own.
ACCESS_MARK = FIELDS["written_bytes"]


@dataclass(frozen=True, slots=True)
class Merged(Field):
    """A field with the names that it has elsewhere; the first of them that a line has is its value."""

    aliases: tuple[Alias, ...] = ()


def merged(query: Query, generations: Collection[str] = GENERATIONS) -> Query:
    """The query over fields that are read from any name of these generations."""
    return _changed(query, lambda field: merged_field(field, generations), _with)


def spelled(query: Query, generations: Collection[str] = GENERATIONS) -> Query:
    """The query whose conditions ask for any name of these generations. What is grouped and measured stays the field's.

    Left out is what a comparison cannot say: an order of Go durations.
    """
    return _changed(query, lambda field: field, lambda leaf, _: _asked(leaf, generations))


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


def _changed(query: Query, field: Callable[[Field], Field], leaf: Callable[[Any, Field], Condition]) -> Query:
    """The query with each of its fields and each leaf of its conditions changed."""

    def clause(one: Clause) -> Clause:
        return Clause(one.text, condition(one.condition))

    def condition(one: Condition) -> Condition:
        if isinstance(one, kinds.All | kinds.Any | kinds.Anywhere):
            return replace(one, of=tuple(condition(part) for part in one.of))
        if isinstance(one, kinds.No):
            return kinds.No(condition(one.of))
        return one if isinstance(one, kinds.Fixed) else leaf(one, field(one.field))

    def group(one: Group) -> Group:
        if isinstance(one, ByFilters):
            return replace(one, clauses=tuple((name, clause(part)) for name, part in one.clauses))
        return replace(one, field=field(one.field))

    def metric(one: Metric) -> Metric:
        measured = field(one.field) if one.field else None
        return replace(one, field=measured, where=clause(one.where), whole=clause(one.whole))

    return replace(
        query,
        where=clause(query.where),
        groups=tuple(map(group, query.groups)),
        metrics=tuple(map(metric, query.metrics)),
        columns=tuple(map(field, query.columns)),
    )


def _with(leaf: Any, field: Field) -> Condition:
    changed: Condition = replace(leaf, field=field)
    return changed


def _asked(leaf: Any, generations: Collection[str]) -> Condition:
    """The leaf, or what asks the same under another name."""
    found: list[Condition] = [leaf]
    for alias in _aliases().get(leaf.field.name, ()):
        other = _converted(leaf, alias) if alias.generation in generations else None
        if other is not None:
            found.append(kinds.All((other, Present(ACCESS_MARK))) if alias.access_only else other)
    return found[0] if len(found) == 1 else kinds.Any(tuple(found))


def _converted(leaf: Leaf, alias: Alias) -> Condition | None:
    """What the leaf asks of the alias; None when that cannot be asked."""
    assert not isinstance(leaf, kinds.Fixed)  # noqa: S101 - it has no field to ask for
    field = as_written(alias)
    if alias.conversion is Conversion.SAME or isinstance(leaf, Present):
        return replace(leaf, field=field)
    if alias.conversion is Conversion.SCALED:
        return _scaled(leaf, field, alias.factor)
    if alias.conversion is Conversion.WORDS and isinstance(leaf, Equals | Like):
        return _words(leaf, field)
    return None


def _words(leaf: Equals | Like, field: Field) -> Condition | None:
    """An error code as Distribution writes it; None for what is no part of a code and so fits none."""
    parts = leaf.parts if isinstance(leaf, Like) else (str(leaf.value),)
    if any(part != part.upper() or " " in part for part in parts):
        return None
    said = tuple(part.lower().replace("_", " ") for part in parts)
    return Like(field, said) if isinstance(leaf, Like) else Equals(field, said[0])


def _scaled(leaf: Leaf, field: Field, factor: int) -> Condition | None:
    """A whole number stands for all that it is cut from: 5 ms for 0.005 s up to 0.006 s."""
    if isinstance(leaf, Equals):
        leaf = Between(leaf.field, Bound(leaf.value), Bound(leaf.value))
    if not isinstance(leaf, Between):
        return None
    low = high = None
    if leaf.low is not None:
        low = Bound((int(leaf.low.value) + (not leaf.low.inclusive)) / factor)
    if leaf.high is not None:
        high = Bound((int(leaf.high.value) + leaf.high.inclusive) / factor, inclusive=False)
    return Between(field, low, high)

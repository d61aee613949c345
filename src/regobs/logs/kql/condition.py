"""A KQL tree after typing: every field is one of the catalogue, every value is what that field compares with.

Both compilers read this, so that what a value means is decided once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regobs.logs.fields import Field
from regobs.logs.kql.nodes import Word

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Fixed:
    """Holds for every line, or for none."""

    holds: bool


@dataclass(frozen=True, slots=True)
class Present:
    """The field has a value that is not null; the empty text is one."""

    field: Field


@dataclass(frozen=True, slots=True)
class Equals:
    """A keyword, number or boolean is this value, case-sensitive; of a list, one element."""

    field: Field
    value: Value


@dataclass(frozen=True, slots=True)
class Bound:
    """One end of a range."""

    value: Value
    inclusive: bool = True


@dataclass(frozen=True, slots=True)
class Between:
    """In a range; an end may be open. Dates are milliseconds since 1970 UTC, addresses the key of `addresses`."""

    field: Field
    low: Bound | None
    high: Bound | None


@dataclass(frozen=True, slots=True)
class Like:
    """The whole keyword, or one of a list, is the parts with anything between them."""

    field: Field
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Terms:
    """Analysed text has one of the terms, or as a phrase all of them in a row. `written` is what was asked for."""

    field: Field
    terms: tuple[str, ...]
    phrase: bool
    written: str


@dataclass(frozen=True, slots=True)
class TermLike:
    """One term of analysed text is the parts with anything between them."""

    field: Field
    parts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Any:
    """One part holds, or more."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class No:
    """The part does not hold; a missing field makes it not hold."""

    of: Condition


@dataclass(frozen=True, slots=True)
class Anywhere:
    """Text without a field: `of` asks each field of the catalogue that can have such a value."""

    written: Word
    of: tuple[Condition, ...]


Leaf = Fixed | Present | Equals | Between | Like | Terms | TermLike
Condition = Leaf | All | Any | No | Anywhere


def fields_of(condition: Condition) -> Iterator[Field]:
    """The fields that a condition reads; one may come more than once."""
    stack = [condition]
    while stack:
        top = stack.pop()
        if isinstance(top, All | Any | Anywhere):
            stack.extend(top.of)
        elif isinstance(top, No):
            stack.append(top.of)
        elif not isinstance(top, Fixed):
            yield top.field


def both(*conditions: Condition) -> Condition:
    """Every one of the conditions; those that always hold are left out."""
    kept = tuple(one for one in conditions if one != Fixed(holds=True))
    if not kept:
        return Fixed(holds=True)
    return kept[0] if len(kept) == 1 else All(kept)

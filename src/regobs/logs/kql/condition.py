"""A KQL tree after typing: every field is one of the catalogue, every value is what that field compares with.

Both compilers read this, so that what a value means is decided once.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from regobs.logs.fields import Field
from regobs.logs.kql.nodes import Word

Value = str | int | float | bool


class Fixed(Struct, frozen=True):
    """Holds for every line, or for none."""

    holds: bool


class Present(Struct, frozen=True):
    """The field has a value that is not null; the empty text is one."""

    field: Field


class Equals(Struct, frozen=True):
    """A keyword, number or boolean is this value, case-sensitive; of a list, one element."""

    field: Field
    value: Value


class Bound(Struct, frozen=True):
    """One end of a range."""

    value: Value
    inclusive: bool = True


class Between(Struct, frozen=True):
    """In a range; an end may be open. Dates are milliseconds since 1970 UTC, addresses the key of `addresses`."""

    field: Field
    low: Bound | None
    high: Bound | None


class Like(Struct, frozen=True):
    """The whole keyword, or one of a list, is the parts with anything between them."""

    field: Field
    parts: tuple[str, ...]


class Terms(Struct, frozen=True):
    """Analysed text has one of the terms, or as a phrase all of them in a row. `written` is what was asked for."""

    field: Field
    terms: tuple[str, ...]
    phrase: bool
    written: str


class TermLike(Struct, frozen=True):
    """One term of analysed text is the parts with anything between them."""

    field: Field
    parts: tuple[str, ...]


class All(Struct, frozen=True):
    """Every part holds."""

    of: tuple[Condition, ...]


class Any(Struct, frozen=True):
    """One part holds, or more."""

    of: tuple[Condition, ...]


class No(Struct, frozen=True):
    """The part does not hold; a missing field makes it not hold."""

    of: Condition


class Anywhere(Struct, frozen=True):
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

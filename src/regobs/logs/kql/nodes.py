"""The tree of a KQL text. Frozen; positions are offsets into the text and take no part in comparison."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from msgspec import Struct


@dataclass(frozen=True, slots=True)
class Literal:
    """A value or a field name without wildcard. `quoted` makes a value a phrase. None and bools stand unquoted."""

    value: str | bool | None
    quoted: bool = False
    at: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """Text with wildcards: `parts` are what stands before, between and after the stars, at least two."""

    parts: tuple[str, ...]
    at: int = field(default=0, compare=False)

    @property
    def is_any(self) -> bool:
        """Whether it is the lone `*`, which asks for existence."""
        return not any(self.parts)


Word = Literal | Pattern


class Everything(Struct, frozen=True):
    """The empty query."""


class Is(Struct, frozen=True):
    """`field: value`; without a field, text that is looked for in all of them."""

    field: Word | None
    value: Word


class Range(Struct, frozen=True):
    """`field op value`; `op` is one of < <= > >=."""

    field: Word
    op: str
    value: Word


class Not(Struct, frozen=True):
    """What its part is not; a line without the field is not."""

    of: Node


class And(Struct, frozen=True):
    """Two parts or more that all hold."""

    of: tuple[Node, ...]


class Or(Struct, frozen=True):
    """Two parts or more of which one holds."""

    of: tuple[Node, ...]


class Nested(Struct, frozen=True):
    """`path: { query }`: one element of the list at `path` fits the whole query."""

    path: Word
    of: Node


Node = Everything | Is | Range | Not | And | Or | Nested


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it, from left to right."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        if isinstance(top, And | Or):
            stack.extend(reversed(top.of))
        elif isinstance(top, Not | Nested):
            stack.append(top.of)

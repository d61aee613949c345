"""Queries that Kibana reads without complaint, and not as they were meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from regobs.errors import Location
from regobs.logs.kql.nodes import Is, Literal, Node, Range, Word, walk
from regobs.logs.kql.tokens import Text

_KEYWORD = re.compile(r"(?i)(?:^|\s)(and|or|not)$|^(and|or)\s")
_LUCENE = re.compile(r"^/.+/$|^\[.+ TO .+\]$|\S[~^][0-9.]*$|&&|\|\|")


@dataclass(frozen=True, slots=True)
class Hint:
    """What may not be meant, where, and what to write instead."""

    message: str
    location: Location
    next_step: str

    def __str__(self) -> str:
        return f"{self.location}: {self.message}; {self.next_step}"


def hints(node: Node, text: str, *, file: str = "") -> tuple[Hint, ...]:
    """The hints for a tree that was parsed from `text`."""
    source = Text(text, file)
    found = (_hint(value, source) for part in walk(node) for value in _values(part))
    return tuple(hint for hint in found if hint is not None)


def _values(node: Node) -> list[Word]:
    return [node.value] if isinstance(node, Is | Range) else []


def _hint(value: Word, source: Text) -> Hint | None:
    if not isinstance(value, Literal) or not isinstance(value.value, str) or value.quoted:
        return None
    written = source.text[value.at :]
    keyword = _KEYWORD.search(value.value)
    if keyword and not written.startswith("\\"):
        name = keyword.group(1) or keyword.group(2)
        return Hint(
            f"{name!r} is part of the text {value.value!r} here, not an operator",
            source.location(value.at),
            "complete the query, or quote the text",
        )
    if _LUCENE.search(value.value):
        return Hint(
            f"{value.value!r} looks like Lucene syntax, which KQL takes as text",
            source.location(value.at),
            "use KQL: wildcards with *, ranges with >= and <=, `and`, `or`; or quote the text",
        )
    return None

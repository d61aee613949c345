"""Queries that Kibana reads without complaint, and not as they were meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from regobs.errors import Location
from regobs.logs.kql.nodes import Is, Node, Pattern, Range, Word, walk
from regobs.logs.kql.tokens import Text

_KEYWORD = re.compile(r"(?i)(?:^|\s)(and|or|not)$|^(and|or)\s")
_EXPRESSION = re.compile(r"^/.*[.\])}]\*.*/$")  # /v2.*/ is a wildcard too, but nobody's path has a dot before a star
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
    place = source.location(value.at)
    if isinstance(value, Pattern):
        text = "*".join(value.parts)
        return _lucene(text, place) if _EXPRESSION.search(text) else None
    if not isinstance(value.value, str):
        return None
    if value.quoted:
        return _star(value.value, place) if "*" in value.value else None
    written = source.text[value.at :]
    keyword = _KEYWORD.search(value.value)
    if keyword and not written.startswith("\\"):
        name = keyword.group(1) or keyword.group(2)
        return Hint(
            f"{name!r} is part of the text {value.value!r} here, not an operator",
            place,
            "complete the query, or quote the text",
        )
    return _lucene(value.value, place) if _LUCENE.search(value.value) else None


def _lucene(text: str, place: Location) -> Hint:
    return Hint(
        f"{text!r} looks like Lucene syntax, which KQL takes as text",
        place,
        "use KQL: wildcards with *, ranges with >= and <=, `and`, `or`; or quote the text",
    )


def _star(text: str, place: Location) -> Hint:
    return Hint(
        f"the * of {text!r} is a star here, not anything, for it is in quotes",
        place,
        "leave the quotes out, with a backslash before : ( ) and quotes; or write \\* for the star",
    )

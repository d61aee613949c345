"""Queries that Kibana reads without complaint, and not as they were meant."""

from __future__ import annotations

import re
from dataclasses import dataclass

from regobs.common.closest import did_you_mean
from regobs.errors import Location
from regobs.logs.fields import ALIASES, FIELDS
from regobs.logs.kql.nodes import Is, Literal, Node, Pattern, Range, Word, walk
from regobs.logs.kql.tokens import Text

_KEYWORD = re.compile(r"(?i)(?:^|\s)(and|or|not)$|^(and|or)\s")
_EXPRESSION = re.compile(r"^/.*[.\])}]\*.*/$")  # /v2.*/ is a wildcard too, but nobody's path has a dot before a star
_LUCENE = re.compile(r"^/.+/$|^\[.+ TO .+\]$|\S[~^][0-9.]*$|&&|\|\|")
_COMPARISON = re.compile(r"([\w.-]+)\s*(==?|=~|!=|!~|~|<>)\s*\S")  # of SQL, PromQL and LogQL


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
    found = (hint for part in walk(node) for hint in (_of_part(part, source), *_of_values(part, source)))
    return tuple(hint for hint in found if hint is not None)


def _of_part(part: Node, source: Text) -> Hint | None:
    """What a condition asks that no line fits: a value that its field never has, or text that is a comparison."""
    if not isinstance(part, Is) or not isinstance(part.value, Literal) or not isinstance(part.value.value, str):
        return None
    value, place = part.value.value, source.location(part.value.at)
    if part.field is None:
        compared = None if part.value.quoted else _COMPARISON.match(value)
        name = compared.group(1) if compared else ""
        if name not in FIELDS and name not in ALIASES:
            return None
        return Hint(
            f"{value!r} is text that is looked for, no comparison", place, f"write {name}: value or not {name}: value"
        )
    field = FIELDS.get(str(part.field.value)) if isinstance(part.field, Literal) else None
    known = field.values if field else ()
    if field is None or not known or value in known:
        return None
    return Hint(
        f"{value!r} is none of the values that {field.name} has",
        place,
        did_you_mean(value, known, f"they are {', '.join(known)}"),
    )


def _of_values(node: Node, source: Text) -> list[Hint | None]:
    return [_hint(node.value, source)] if isinstance(node, Is | Range) else []


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

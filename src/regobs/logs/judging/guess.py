"""What a field may be, from the values that were seen of it."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any

from regobs.logs.fields.field import Field, FieldType
from regobs.logs.fields.field import field as declared
from regobs.logs.fields.request import DIGEST, ISO_TIME
from regobs.logs.redact import sample

_MOST_SAMPLES = 4
_LONG_TEXT = 200  # characters; longer than a path, an address or a name
_WORDS = 4  # a text of more words is a sentence
_LONGS = (-(2**63), 2**63 - 1)
_UNITS = {
    "ms": "ms",
    "milliseconds": "ms",
    "s": "s",
    "seconds": "s",
    "ns": "ns",
    "nanoseconds": "ns",
    "bytes": "bytes",
    "percent": "percent",
    "ratio": "ratio",
    "count": "count",
    "total": "count",
}
_FORMS = {"digest": re.compile(DIGEST), "time": re.compile(ISO_TIME)}
NO_MEANING = "(what it means)"


@dataclass(slots=True)
class Seen:
    """The values of one field, counted by what they are."""

    kinds: Counter[str] = field(default_factory=Counter)
    low: float = 0
    high: float = 0
    forms: Counter[str] = field(default_factory=Counter)  # of texts: digest, time, address, sentence
    samples: dict[str, None] = field(default_factory=dict)

    def add(self, value: Any, name: str) -> None:
        """Count a value."""
        kind = _kind(value)
        if kind in {"integer", "number"}:
            first = not (self.kinds["integer"] or self.kinds["number"])
            self.low, self.high = (value, value) if first else (min(self.low, value), max(self.high, value))
        if kind == "string":
            self.forms.update(_text_forms(value))
        self.kinds[kind] += 1
        if len(self.samples) < _MOST_SAMPLES and value is not None:
            self.samples[sample(value, name, longest=40)] = None

    @property
    def count(self) -> int:
        """How many values were seen, nulls among them."""
        return self.kinds.total()


def _kind(value: Any) -> str:  # noqa: PLR0911 - a case for each kind
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer" if _LONGS[0] <= value <= _LONGS[1] else "number"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    if isinstance(value, list):
        return "list" if all(isinstance(one, str) for one in value) else "mixed list"
    return "object"


def _text_forms(value: str) -> set[str]:
    found = {name for name, form in _FORMS.items() if form.search(value)}
    try:
        ip_address(value)
        found.add("address")
    except ValueError:
        pass
    if len(value) > _LONG_TEXT or value.count(" ") >= _WORDS:
        found.add("sentence")
    return found


_TYPES = {
    frozenset({"boolean"}): FieldType.BOOLEAN,
    frozenset({"integer"}): FieldType.LONG,
    frozenset({"number"}): FieldType.DOUBLE,
    frozenset({"integer", "number"}): FieldType.DOUBLE,
    frozenset({"list"}): FieldType.KEYWORD_LIST,
    frozenset({"object"}): FieldType.OBJECT,
}


def guessed(name: str, seen: Seen) -> Field:
    """The field that all of the values fit. Its meaning is for a person to write.

    A unit is guessed from the name alone, and only where no value contradicts it.
    """
    kinds = frozenset(seen.kinds) - {"null"}
    nullable = seen.kinds["null"] > 0
    if kinds == {"string"}:
        return _text(name, seen, nullable=nullable)
    kind = _TYPES.get(kinds)
    if kind is None:  # several kinds, or nothing but null
        return declared(name, FieldType.KEYWORD, NO_MEANING, loose=True, nullable=nullable)
    unit = unit_of(name) if kind in {FieldType.LONG, FieldType.DOUBLE} else None
    minimum = int(seen.low // 1) if unit and seen.low < 0 else None
    return declared(name, kind, NO_MEANING, unit, nullable=nullable, minimum=minimum)


def _text(name: str, seen: Seen, *, nullable: bool) -> Field:
    texts = seen.kinds["string"]
    if seen.forms["time"] == texts:
        return declared(name, FieldType.DATE, NO_MEANING, pattern=ISO_TIME, nullable=nullable)
    if seen.forms["address"] == texts:
        return declared(name, FieldType.IP, NO_MEANING, nullable=nullable)
    if seen.forms["digest"] == texts:
        return declared(name, FieldType.KEYWORD, NO_MEANING, pattern=DIGEST, nullable=nullable)
    kind = FieldType.TEXT if seen.forms["sentence"] else FieldType.KEYWORD
    return declared(name, kind, NO_MEANING, nullable=nullable)


def unit_of(name: str) -> str | None:
    """The unit that a name ends in: `wait_ms`, `lag-bytes`, `count`."""
    return _UNITS.get(re.split(r"[^A-Za-z0-9]", name)[-1].lower())


def stem_of(name: str) -> str:
    """The name without the unit that it ends in."""
    words = re.split(r"[^A-Za-z0-9]", name)
    return name[: -len(words[-1])].rstrip("_.-") if unit_of(name) and len(words) > 1 else name

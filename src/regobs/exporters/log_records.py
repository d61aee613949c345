"""The fields of a log line that are counted: decoded at once where a line is as registries write it, else one by one.

An access line is one although a field of it is broken: what is broken counts as unknown, and is named.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Annotated, Any

import msgspec

from regobs.logs.fields import ALIASES, FIELDS
from regobs.logs.fields.field import MOST_STATUS, FieldType
from regobs.logs.reading.values import values

# Fields by what they are, in the order of the record; the mark of an access line is `written_bytes`.
ACCESS = ("written_bytes", "read_bytes", "duration_ms", "status", "method", "uri", "user_agent")
_APPLICATION = ("msg", "level", "code", "auth_user_type", "size_bytes", "redirect")
ACCESS_MESSAGE = "access"  # of GitLab's registry, on no other line
# Every access line has them, but for the time, which one in Apache's form lacks.
_NEEDED = frozenset({"written_bytes", "status", "method", "uri", "duration_ms"})
_NEEDED_OF_COMBINED = _NEEDED - {"duration_ms"}
# A number below zero would let a counter go down, and one without end would break every scrape from then on: either is
# broken. 2^53 is the largest number of bytes that Prometheus counts exactly; 10^12 ms are 32 years.
MOST_BYTES, _MOST_MILLISECONDS = 1 << 53, 10**12
_BYTES = Annotated[int, msgspec.Meta(ge=0, le=MOST_BYTES)]
_MILLISECONDS = Annotated[float, msgspec.Meta(ge=0, le=_MOST_MILLISECONDS)]
_LARGEST: Mapping[str, int] = {
    **dict.fromkeys(("written_bytes", "read_bytes"), MOST_BYTES),
    "duration_ms": _MOST_MILLISECONDS,
    "status": MOST_STATUS,
}
_WHOLE = frozenset({"written_bytes", "read_bytes", "status"})  # a fraction is broken
_TYPES: Mapping[str, Any] = {
    **dict.fromkeys(("written_bytes", "read_bytes"), _BYTES | None),
    **dict.fromkeys(("size_bytes", "redirect"), Any),  # of one message; a line of another may hold what it likes there
    "status": Annotated[int, msgspec.Meta(ge=0, le=MOST_STATUS)] | None,
    "duration_ms": _MILLISECONDS | None,
}
_NAMES: Mapping[str, tuple[str, ...]] = {
    name: (FIELDS[name].name, *(alias.name for alias in ALIASES.values() if alias.field == name)) for name in ACCESS
}
_Record: Any = msgspec.defstruct(
    "_Record", [(FIELDS[name].name, _TYPES.get(name, str | None), None) for name in (*ACCESS, *_APPLICATION)]
)
decode_record = msgspec.json.Decoder(_Record).decode  # raises where a value is not of the type of its field


def record_of(found: Mapping[str, Any], form: str = "") -> tuple[Any, bool, tuple[str, ...]]:
    """What is counted of a line of any registry, whether it is an access line, and which of its fields are broken.

    `form` is that of the line, `combined` for one in Apache's.
    """
    needed = _NEEDED_OF_COMBINED if form == "combined" else _NEEDED
    told = {name: (values(found, FIELDS[name]) or [None])[0] for name in _APPLICATION}
    record = _Record(**told)
    raw = {name: _raw(found, name) for name in ACCESS}
    if raw["written_bytes"] is None and record.msg != ACCESS_MESSAGE:
        return record, False, ()
    broken = []
    for name, value in raw.items():
        right = _right(found, name, value)
        setattr(record, FIELDS[name].name, right)
        if right is None and (value is not None or name in needed):
            broken.append(name)
    return record, True, tuple(broken)


def _raw(found: Mapping[str, Any], name: str) -> Any:
    """A field as it stands in the line, under whichever name; None where it is missing or null."""
    return next((found[one] for one in _NAMES[name] if found.get(one) is not None), None)


def _right(found: Mapping[str, Any], name: str, raw: Any) -> Any:
    """The value of a field; None where it is missing, null, of another type, or a number that no registry writes."""
    text = FIELDS[name].type not in {FieldType.LONG, FieldType.DOUBLE}
    if raw is None or isinstance(raw, bool | list | dict) or (text and not isinstance(raw, str)):
        return None
    value = next(iter(values(found, FIELDS[name])), None)
    if value is None or text or name not in _LARGEST:
        return value
    if name in _WHOLE and Decimal(str(raw)) != value:
        return None
    return value if 0 <= value <= _LARGEST[name] else None

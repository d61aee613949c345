"""The values that a field of the catalogue has in one log line.

They are those that DuckDB reads from the line, so that a condition holds for the same lines in both.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import msgspec

from regobs.logs.fields import ACCESS_MARK, ALIASES, TEXT_FIELDS, Alias, Conversion
from regobs.logs.fields.field import Field, FieldType
from regobs.logs.reading import text
from regobs.logs.reading.moments import milliseconds
from regobs.logs.reading.read import Line
from regobs.logs.reading.record import Record, parse
from regobs.logs.reading.wrapping import Unwrapper

_TRUE, _FALSE = frozenset({"true", "t", "yes", "y", "1"}), frozenset({"false", "f", "no", "n", "0"})
_BIGINT = range(-(1 << 63), 1 << 63)
_OF_A_NUMBER = re.compile(r"[-+.0-9A-Za-z \t\n\v\f\r]*")  # Python also takes digits and spaces of other scripts
_DIGITS = 19  # of the longest of them


def read_record(line: bytes) -> Record | None:
    """What stands in a line of any registry and form, whatever a collector puts around it; None when nothing."""
    return next(iter(read_records(line)), None)


def read_records(line: bytes) -> list[Record | None]:
    """What stands in a line: several in a list of JSON; None for each that cannot be read."""
    found = Unwrapper().add(Line(1, 0, line)) if line[:2] != b'{"' else [Line(1, 0, line)]
    return [parse(one, TEXT_FIELDS).record for one in found]


def as_json(line: Line) -> bytes:
    """A line as JSON where it can be read, else as it is."""
    if line.content[:1] == b"{" or line.fault:
        return line.content
    record = parse(line, TEXT_FIELDS).record
    return line.content if record is None else msgspec.json.encode(record)


def values(record: Record, field: Field) -> list[Any]:
    """The values of a field, under whichever name the line has it; none when it is missing or null.

    Text, whole numbers, fractions, truth values; milliseconds since 1970 of a time.
    """
    found = _typed(record.get(field.name), field.type)
    if found:
        return found
    for alias in _aliases(field.name):
        if alias.name in record and not (alias.access_only and record.get(ACCESS_MARK.name) is None):
            found = _converted(record[alias.name], alias, field)
            if found:
                return found
    return []


def _aliases(name: str) -> tuple[Alias, ...]:
    return _BY_FIELD.get(name, ())


_BY_FIELD: dict[str, tuple[Alias, ...]] = {}
for _alias in ALIASES.values():
    _BY_FIELD[_alias.field] = (*_BY_FIELD.get(_alias.field, ()), _alias)


def _converted(value: Any, alias: Alias, field: Field) -> list[Any]:
    """The value of another name in the type and unit of the field."""
    if alias.conversion is Conversion.SAME:
        return _typed(value, field.type)
    if alias.conversion is Conversion.SCALED:
        return [int(round(number * alias.factor, 6) // 1) for number in _typed(value, FieldType.DOUBLE)]
    words = _typed(value, FieldType.KEYWORD)
    if alias.conversion is Conversion.GO_DURATION:
        return [length // 1_000_000 for length in map(text.nanoseconds, words) if length is not None]
    return [word.replace(" ", "_").upper() for word in words]


def _typed(value: Any, kind: FieldType) -> list[Any]:
    if value is None:
        return []
    if kind is FieldType.KEYWORD_LIST:
        listed = value if isinstance(value, list) else []
        return [_text(one) for one in listed if one is not None]
    convert: Callable[[Any], Any] = _AS.get(kind, _text)
    found = convert(value)
    return [] if found is None else [found]


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _long(value: Any) -> int | None:
    """Whole numbers; a fraction is rounded, and text is read, as the database does."""
    if isinstance(value, str) and not _OF_A_NUMBER.fullmatch(value):
        return None
    try:
        exact = Decimal(str(int(value) if isinstance(value, bool) else value))
        if exact.adjusted() > _DIGITS:  # of 1e999999999 an integer would fill the memory
            return None
        number = int(exact.to_integral_value(ROUND_HALF_EVEN))
    except (ArithmeticError, ValueError):
        return None
    return number if number in _BIGINT else None


def _double(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def _boolean(value: Any) -> bool | None:
    if isinstance(value, str):
        word = value.lower()
        return True if word in _TRUE else False if word in _FALSE else None
    return bool(value) if isinstance(value, bool | int | float) else None


def _date(value: Any) -> int | None:
    return milliseconds(value) if isinstance(value, str) else None


def _address(value: Any) -> str | None:
    return _text(value) or None


_AS: dict[FieldType, Callable[[Any], Any]] = {
    FieldType.LONG: _long,
    FieldType.DOUBLE: _double,
    FieldType.BOOLEAN: _boolean,
    FieldType.DATE: _date,
    FieldType.IP: _address,
}

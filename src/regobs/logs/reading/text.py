"""Log lines that are no JSON: logfmt of logrus' text formatter, Apache combined form, Go's standard logger."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from regobs.logs.fields.field import Field, FieldType

_PAIR = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:[^"\\]|\\.)*"|[^\s"]*)(?: +|$)')
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}  # strconv.Quote of Go
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_COMBINED = re.compile(
    r'(?P<remote_ip>\S+) \S+ (?P<auth_user_name>\S+) \[(?P<time>[^\]]{1,40})\] '
    r'"(?P<request>(?:[^"\\]|\\.)*)" (?P<status>[0-9]{1,3}) (?P<written_bytes>[0-9]{1,19}|-)'
    r' "(?P<referrer>(?:[^"\\]|\\.)*)" "(?P<user_agent>(?:[^"\\]|\\.)*)"'
)  # fmt: skip
_STANDARD = re.compile(r"(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d(?:\.\d{6})?) (.+)", re.DOTALL)
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ns|us|µs|μs|ms|s|m|h)")
_NANOSECONDS = {
    "ns": 1,
    "us": 10**3,
    "µs": 10**3,
    "μs": 10**3,
    "ms": 10**6,
    "s": 10**9,
    "m": 60 * 10**9,
    "h": 3600 * 10**9,
}


def nanoseconds(text: str) -> int | None:
    """A Go duration such as `1m2.5s` in nanoseconds; None when it is none.

    >>> nanoseconds("55.474µs")
    55474
    """
    sign, digits = (-1, text[1:]) if text.startswith("-") else (1, text)
    if digits == "0":
        return 0
    total, place = Decimal(0), 0
    while place < len(digits):
        part = _DURATION.match(digits, place)
        if part is None:
            return None
        total += Decimal(part[1]) * _NANOSECONDS[part[2]]
        place = part.end()
    return sign * int(total) if digits else None


def standard(line: str) -> dict[str, Any] | None:
    """`time` and `msg` of a line of Go's standard logger, in which net/http complains; None when it is no such line."""
    match = _STANDARD.fullmatch(line)
    if match is None:
        return None
    year, month, day, clock, message = match.groups()
    return {"time": f"{year}-{month}-{day}T{clock}", "msg": message}


def logfmt(line: str, fields: Mapping[str, Field]) -> dict[str, Any] | None:
    """The pairs of a logfmt line; None when it is no such line.

    logfmt knows text only, so a value becomes a number or a boolean where the catalogue says that its field is one.
    """
    found: dict[str, Any] = {}
    place = 0
    while place < len(line):
        pair = _PAIR.match(line, place)
        if pair is None:
            return None
        name, value = pair.groups()
        field = fields.get(name)
        # A quoted number is text. A duration is quoted because of its µ, which says nothing about its type.
        if value[:1] == '"':
            value = _unquoted(value[1:-1])
            field = field if field is not None and field.unit == "ns" else None
        found[name] = _typed(value, field)
        place = pair.end()
    return found or None


def combined(line: str) -> dict[str, Any] | None:
    """The fields of an access line in the Apache combined form; None when it is no such line."""
    match = _COMBINED.fullmatch(line)
    if match is None:
        return None
    found: dict[str, Any] = match.groupdict()
    time = _time(found["time"])
    request = _unquoted(found.pop("request")).split(" ")
    if time is None or len(request) < 2:
        return None
    written = found["written_bytes"]
    found |= {"time": time, "status": int(found["status"]), "written_bytes": 0 if written == "-" else int(written)}
    found |= {"method": request[0], "uri": " ".join(request[1:-1]) if len(request) > 2 else request[1]}
    if len(request) > 2:
        found["proto"] = request[-1]
    if found["auth_user_name"] == "-":
        del found["auth_user_name"]
    return found | {name: _unquoted(found[name]) for name in ("referrer", "user_agent")}


def _time(text: str) -> str | None:
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z").isoformat()
    except ValueError:
        return None


def _typed(value: str, field: Field | None) -> Any:
    kind = field.type if field else FieldType.KEYWORD
    if kind is FieldType.BOOLEAN and value in {"true", "false"}:
        return value == "true"
    if kind in {FieldType.LONG, FieldType.DOUBLE} and len(value) <= 40 and _NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    if field is not None and field.unit == "ns" and len(value) <= 40:
        length = nanoseconds(value)  # JSON has the number, text the duration
        return value if length is None else length
    return value


def _unquoted(text: str) -> str:
    return _ESCAPE.sub(_unescaped, text) if "\\" in text else text


def _unescaped(match: re.Match[str]) -> str:
    *codes, letter = match.groups()
    code = next((code for code in codes if code), None)
    if code is None:
        return _NAMED.get(str(letter), str(letter))
    number = int(code, 16)
    # A surrogate or a number beyond Unicode is no character.
    return chr(number) if number < 0xD800 or 0xDFFF < number <= 0x10FFFF else "\ufffd"

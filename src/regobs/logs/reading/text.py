"""Log lines that are no JSON: logfmt and the terminal form of logrus, Apache's access lines, what Go itself writes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from regobs.logs.fields.field import Field, FieldType

_PAIR = re.compile(r'([A-Za-z_][\w.\-]*)=("(?:[^"\\]|\\.)*+"|[^\s"]*)(?: +|$)')
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|(.))", re.DOTALL)
_NAMED = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}  # strconv.Quote of Go
_NUMBER = re.compile(r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
# Combined, common, with fields behind it as nginx has them, and labkit's, which begins with the host.
_QUOTED = r'(?:[^"\\]|\\.)*+'
_COMBINED = re.compile(
    r"(?:(?P<host>\S+) )?(?P<remote_ip>\S+) \S+ (?P<auth_user_name>\S+) \[(?P<time>[^\]]{1,40})\] "
    rf'"(?P<request>{_QUOTED})" (?P<status>[0-9]{{1,3}}) (?P<written_bytes>[0-9]{{1,19}}|-)'
    rf'(?: "(?P<referrer>{_QUOTED})" "(?P<user_agent>{_QUOTED})"(?: (?:"{_QUOTED}"|[^\s"]+(?:"{_QUOTED}")?)){{0,20}})?'
)
_DATES = ("%d/%b/%Y:%H:%M:%S %z", "%Y/%m/%d:%H:%M:%S %z")  # of Apache, of labkit
# The prefix is that of a library with a logger of its own: `redis: `, `SDK `.
_STANDARD = re.compile(r"([\w./-]{1,40}:? )?(\d{4})/(\d\d)/(\d\d) (\d\d:\d\d:\d\d(?:\.\d{6})?) (.+)", re.DOTALL)
# The seconds since the start, or the time with FullTimestamp.
_TERMINAL = re.compile(
    r"(TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)\[([0-9]{4,}|[0-9]{4}-[0-9T:.+Z-]{6,36})\] ?(.*)", re.DOTALL
)
_LEVELS = {
    "TRAC": "trace", "DEBU": "debug", "INFO": "info", "WARN": "warning", "ERRO": "error", "FATA": "fatal",
    "PANI": "panic",
}  # fmt: skip
_SPACES = re.compile(r" +")
# Go, runtime/panic.go and runtime/traceback.go.
_DUMP = re.compile(
    r"(?:panic|fatal error|runtime|unexpected fault address): .*|\[(?:signal|recovered).*\]|goroutine [0-9]+ .*\[.*\]:"
    r"|created by \S.*|\S+\.(?:go|s):[0-9]+(?: \+0x[0-9a-f]+)?|\.\.\.[0-9]* ?(?:additional )?frames elided\.\.\."
    r"|exit status [0-9]+|[a-z][a-z0-9]{1,6} +0x[0-9a-f]+|(?:PC|SP)=0x.*"
    # The error with which a registry ends, or a command of it.
    r"|(?:configuration error|creating new registry instance|running http server|failed to (?:construct (?:registry"
    r"|database connection|[a-z0-9_]{2,20} driver)|garbage collect|import metadata|run database migrations"
    r"|(?:prepare|detect|check|fetch|pause|resume) [A-Za-z ]{2,40})): .*"
)
_CALL = re.compile(r"(?:[\w/%@-]{1,100}\.){1,8}[\w.*()\[\]-]{1,200}\(|panic\(")
_GO_TIME = re.compile(r"(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d(?:\.\d{1,9})?) ([+-]\d\d)(\d\d)(?: |$)")  # time.Time.String
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
    prefix, year, month, day, clock, message = match.groups()
    return {"time": f"{year}-{month}-{day}T{clock}", "msg": f"{prefix or ''}{message}"}


def runtime(line: str) -> dict[str, Any] | None:
    """The text of a line that Go's runtime writes when a program fails; None when it is no such line."""
    said = _DUMP.fullmatch(line) or (line.endswith(")") and _CALL.match(line))
    return {"msg": line} if said else None


def terminal(line: str, fields: Mapping[str, Field]) -> dict[str, Any] | None:
    """A line of logrus in a terminal, `INFO[0000] text   name=value`; None when it is no such line.

    It has no time but the seconds since the start, unless full timestamps are on.
    """
    match = _TERMINAL.fullmatch(line)
    if match is None:
        return None
    level, moment, rest = match.groups()
    found = {"time": moment} if "-" in moment else {}
    place, begin = 0, None  # where the pairs begin that go to the end
    while place < len(rest):
        if pair := _PAIR.match(rest, place):
            begin, place = place if begin is None else begin, pair.end()
        else:
            space, begin = _SPACES.search(rest, place), None
            place = space.end() if space else len(rest)
    text, pairs = (rest, "") if begin is None else (rest[:begin], rest[begin:])
    return {**found, "level": _LEVELS[level], "msg": text.rstrip(), **(logfmt(pairs, fields) or {})}


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
        # A quoted number is text. What Go writes with spaces, brackets or µ is quoted whatever its type is.
        if value[:1] == '"':
            value = _unquoted(value[1:-1])
            field = field if field is not None and (field.unit == "ns" or field.type in _SPELLED) else None
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
    if time is None:
        return None
    written = found["written_bytes"]
    found |= {"time": time, "status": int(found["status"]), "written_bytes": 0 if written == "-" else int(written)}
    found |= _request(_unquoted(found.pop("request")))
    if found["auth_user_name"] == "-":
        del found["auth_user_name"]
    found |= {name: _unquoted(found[name]) for name in ("referrer", "user_agent") if found[name] is not None}
    return {name: value for name, value in found.items() if value is not None}


def _request(text: str) -> dict[str, str]:
    """What a request asks. One that a proxy could not read is `-`, or bytes that are no HTTP: then that is the URI."""
    method, *rest = text.split(" ")
    if not rest or not method.isalpha():
        return {} if text == "-" else {"uri": text}
    if len(rest) == 1:
        return {"method": method, "uri": rest[0]}
    return {"method": method, "uri": " ".join(rest[:-1]), "proto": rest[-1]}


def _time(text: str) -> str | None:
    for form in _DATES:
        try:
            return datetime.strptime(text, form).isoformat()
        except ValueError:
            continue
    return None


def _typed(value: str, field: Field | None) -> Any:
    kind = field.type if field else FieldType.KEYWORD
    if kind in _SPELLED:
        return _SPELLED[kind](value)
    if kind is FieldType.BOOLEAN and value in {"true", "false"}:
        return value == "true"
    if kind in {FieldType.LONG, FieldType.DOUBLE} and len(value) <= 40 and _NUMBER.fullmatch(value):
        return float(value) if set(value) & set(".eE") else int(value)
    if field is not None and field.unit == "ns" and len(value) <= 40:
        length = nanoseconds(value)  # JSON has the number, text the duration
        return value if length is None else length
    return value


def _listed(value: str) -> str | list[str]:
    """`[a b]`, as Go prints a list of texts; one with a space in it counts as two."""
    return value[1:-1].split() if value[:1] == "[" and value[-1:] == "]" else value


def _moment(value: str) -> str:
    """`2026-11-29 00:05:38.265 +0000 UTC m=+3.02`, as Go prints a time, in the form of JSON."""
    match = _GO_TIME.match(value)
    return f"{match[1]}T{match[2]}{match[3]}:{match[4]}" if match else value


def _printed(value: str) -> str | dict[str, str]:
    """`{bob build}`, `&{bob build}` or `map[name:bob]`, as Go prints an object, not always with names."""
    return {"text": value} if value.startswith(("{", "&{", "map[")) and value[-1:] in {"}", "]"} else value


_SPELLED: dict[FieldType, Callable[[str], Any]] = {
    FieldType.KEYWORD_LIST: _listed,
    FieldType.DATE: _moment,
    FieldType.OBJECT: _printed,
}


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

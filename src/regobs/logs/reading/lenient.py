"""Objects of JSON as DuckDB reads them, which queries of files go through: every command takes the lines that it takes.

`read_object` is for the lines of registries, and quick. What it is unsure of goes through `_Reader`, which takes what
DuckDB takes beside JSON (yyjson's ALLOW_INF_AND_NAN, ALLOW_TRAILING_COMMAS, BIGNUM_AS_RAW): NaN and Infinity, a comma
before a closing bracket, numbers beyond a double, any depth; of a key that stands twice the first counts.
"""

from __future__ import annotations

import math
import re
from typing import Any

import msgspec

DEEPEST = 100  # levels; a value that goes deeper stands as its text, since few programs follow it
UNDECODABLE = (msgspec.MsgspecError, ValueError, RecursionError)
decode = msgspec.json.Decoder().decode
_TOKEN = re.compile(
    rb"""[ \t\r\n]*+(?:(?P<text>"(?:[^"\\\x00-\x1f]|\\.)*+")|(?P<sign>[\[\]{}:,])
    |(?P<number>-?(?:0|[1-9][0-9]*+)(?:\.[0-9]++)?(?:[eE][+-]?[0-9]++)?)
    |(?P<odd>-?(?i:nan|infinity|inf))|(?P<word>true|false|null))[ \t\r\n]*+""",
    re.VERBOSE,
)
_WORDS = {b"true": True, b"false": False, b"null": None}
_VALUE, _MEMBER, _COLON, _END = (
    "value",
    "member",
    "colon",
    "end",
)  # what may come next


def read_object(content: bytes) -> dict[str, Any]:
    """The record of a line that begins with a brace. Raises one of UNDECODABLE where DuckDB takes it for malformed."""
    return read_odd(content)[0]


def read_odd(content: bytes) -> tuple[dict[str, Any], str]:
    """The record as `read_object` reads it, and what in the line is no JSON or hardly read: nothing in most lines."""
    try:
        record: Any = decode(content)
    except UNDECODABLE:
        return _Reader(content).read()
    return (record, "") if _sure(content, record) else _Reader(content).read()


def _sure(content: bytes, record: Any) -> bool:
    """Whether no key stands twice and nothing is deep: every key has its colon at once, and there are as many."""
    colons = content.count(b'":')
    if colons != len(record) and colons != _keys(record, DEEPEST):
        return False
    if b" :" in content or b"\t" in content or b"\r" in content or b"\n" in content:
        return False
    return content.count(b"[") + content.count(b"{") <= DEEPEST


def _keys(value: Any, depth: int) -> int:
    """How many keys the objects within a value have; fewer where it is too deep."""
    if depth and isinstance(value, dict):
        return len(value) + sum(_keys(one, depth - 1) for one in value.values() if isinstance(one, dict | list))
    if depth and isinstance(value, list):
        return sum(_keys(one, depth - 1) for one in value if isinstance(one, dict | list))
    return 0


# What stands for containers that are too deep: their text is kept, and they are not built, which takes 200 bytes each.
_TOO_DEEP: dict[bytes, tuple[Any, str]] = {b"{": ({}, ""), b"[": ([], "")}


class _Reader:
    """Reads one object, in time and memory that are linear in its length, whatever it holds."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self._odd = ""
        self._record: dict[str, Any] = {}
        self._open: list[tuple[Any, str]] = []  # containers, each with the key of the member that is being read
        self._written = bytearray()  # the text of the member of the record, without what stands between its parts
        self._tokens = (b"", b"")  # the last but one, and the last
        self._deepest = 0

    def read(self) -> tuple[dict[str, Any], str]:
        """The object, and what in it is no JSON. Raises ValueError for what is no object."""
        at, expected, may_close = 0, _VALUE, False
        while at < len(self._content):
            found = _TOKEN.match(self._content, at)
            if found is None or (expected is _VALUE and not self._open and (at or found["sign"] != b"{")):
                raise ValueError(at)
            at = found.end()
            token = found[found.lastgroup or 0]
            expected, may_close = self._take(token, found.lastgroup or "", expected, may_close=may_close)
        if expected is not _END or self._open:
            raise ValueError(at)
        return self._record, self._odd

    def _take(self, token: bytes, kind: str, expected: str, *, may_close: bool) -> tuple[str, bool]:
        """What may come behind a token, and whether that may be a closing bracket."""
        self._tokens = self._tokens[1], token
        if self._open:
            self._written += token
        if kind == "sign":
            return self._signed(token, expected, may_close=may_close)
        if expected is _MEMBER and kind == "text":
            name = decode(token)
            if len(self._open) <= DEEPEST:
                self._open[-1] = (self._open[-1][0], name)
            if len(self._open) == 1:
                self._written, self._deepest = bytearray(), 0
            return _COLON, False
        if expected is not _VALUE:
            raise ValueError(token)
        self._put(self._scalar(token, kind))
        return _END, True

    def _signed(self, token: bytes, expected: str, *, may_close: bool) -> tuple[str, bool]:
        if token in {b"{", b"["} and expected is _VALUE:
            built: tuple[Any, str] = ({} if token == b"{" else [], "")
            self._open.append(built if len(self._open) < DEEPEST else _TOO_DEEP[token])
            self._deepest = max(self._deepest, len(self._open))
            return (_MEMBER if token == b"{" else _VALUE), True
        if token == b":" and expected is _COLON:
            self._written = bytearray() if len(self._open) == 1 else self._written
            return _VALUE, False
        if not self._open or (token in {b"}", b"]"} and not may_close):
            raise ValueError(token)
        is_object = isinstance(self._open[-1][0], dict)
        if token == b"," and expected is _END:
            return (_MEMBER if is_object else _VALUE), True
        if token != (b"}" if is_object else b"]"):
            raise ValueError(token)
        if expected is not _END and self._tokens[0] == b",":
            self._odd = self._odd or "a comma before a closing bracket"
        self._close()
        return _END, bool(self._open)

    def _close(self) -> None:
        value, _ = self._open.pop()
        if not self._open:
            self._record = value
            return
        if len(self._open) == 1 and self._deepest > DEEPEST:
            value = self._written.decode()
            self._odd = self._odd or f"nested deeper than {DEEPEST} levels"
        self._put(value)

    def _put(self, value: Any) -> None:
        if len(self._open) > DEEPEST:
            return
        container, key = self._open[-1]
        if isinstance(container, list):
            container.append(value)
        else:
            container.setdefault(key, value)

    def _scalar(self, token: bytes, kind: str) -> Any:
        """A value; what no double holds, and NaN, is its text."""
        if kind == "word":
            return _WORDS[token]
        if kind == "odd":
            self._odd = self._odd or "NaN or Infinity"
            return token.decode()
        if kind == "number" and not math.isfinite(float(token)):
            self._odd = self._odd or "a number beyond a double"
            return token.decode()
        return decode(token)

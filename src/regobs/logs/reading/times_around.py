"""The time that a collector wrote beside a line for a terminal, which has seconds since the start and no time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

from regobs.logs.reading.lenient import UNDECODABLE, decode

_LEVEL = rb"(?:TRAC|DEBU|INFO|WARN|ERRO|FATA|PANI)(?:\x1b\[0?m)?\["
_TERMINAL = re.compile(rb"((?:\x1b\[[0-9;]{0,9}m){0,4}" + _LEVEL + rb")[0-9]{4,20}\]")
_COLOURED = re.compile(_LEVEL + rb"[0-9]")
_WRITTEN = re.compile(
    rb"(?<![0-9])([0-9]{4}-[0-9]{2}-[0-9]{2})[T _]([0-9]{2}:[0-9]{2}:[0-9]{2})(?:[.,]([0-9]{1,9}))?"
    rb"(Z|[+-][0-9]{2}:?[0-9]{2})?(?![0-9:])"
)
_OF_1970 = re.compile(rb"([0-9]{10}\.[0-9]{6}) ")  # journalctl -o short-unix
# Of Docker and shippers, of the journal, of exports; in microseconds, milliseconds or seconds where they are numbers.
_NAMES = (
    "time", "timestamp", "@timestamp", "_time", "date", "TimeGenerated", "__REALTIME_TIMESTAMP",
    "_SOURCE_REALTIME_TIMESTAMP",
)  # fmt: skip
_WITHIN = ("_source", "result", "attributes", "content")
_SECOND, _MILLISECOND = 10**11, 10**14  # above the first a number is milliseconds, above the second microseconds


def with_time(content: bytes, around: bytes) -> bytes:
    """A line for a terminal with the time that stands around it in place of the seconds; any other as it is.

    >>> with_time(b"INFO[0037] a", b"2026-11-23T11:05:00.1Z stdout F INFO[0037] a")
    b'INFO[2026-11-23T11:05:00.1Z] a'
    """
    begin = _TERMINAL.match(content)
    if begin is None:
        return content
    time = _around(around)
    return begin[1] + time + content[begin.end() - 1 :] if time else content


def _around(around: bytes) -> bytes:
    """The time in an object, before the line, or in an object behind something, such as `data: {`."""
    begin = around.find(b"{")
    if begin >= 0 and not around[:begin].strip():
        return _of_object(around)
    return _of_text(around) or (_of_object(around[begin:]) if begin >= 0 else b"")


def of_journal(content: bytes, microseconds: bytes) -> bytes:
    """A line of the journal's export form, with its time in the same way."""
    begin = _TERMINAL.match(content)
    time = _since_1970(microseconds.decode("latin-1").strip()) if begin else b""
    return begin[1] + time + content[begin.end() - 1 :] if begin and time else content


def _of_text(around: bytes) -> bytes:
    """The first time before the line."""
    line = _COLOURED.search(around)
    before = around[: line.start()] if line else around[:1000]
    if found := _WRITTEN.search(before):
        day, clock, fraction, offset = found.groups()
        return day + b"T" + clock + (b"." + fraction if fraction else b"") + (offset or b"Z")
    seconds = _OF_1970.search(before)
    return _since_1970(seconds[1].decode()) if seconds else b""


def _of_object(around: bytes) -> bytes:
    try:
        record = decode(around)
    except UNDECODABLE:
        return b""
    within = [record.get(name) for name in _WITHIN] if isinstance(record, dict) else []
    for one in (record, *within):
        if isinstance(one, dict) and (found := next(filter(None, (_read(one.get(name)) for name in _NAMES)), b"")):
            return found
    return b""


def _read(value: Any) -> bytes:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return b""
    if isinstance(value, str) and (found := _WRITTEN.match(value.encode("utf-8", "replace"))):
        return _of_text(found[0])
    return _since_1970(str(value))


def _since_1970(text: str) -> bytes:
    """A number as a time; nothing of what is none, or of no year with logs."""
    try:
        number = float(text)
        number /= 1 if number < _SECOND else 10**3 if number < _MILLISECOND else 10**6
        moment = datetime.fromtimestamp(number, UTC)
    except (ValueError, OverflowError, OSError):
        return b""
    if moment.year < 2013:
        return b""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z").encode()

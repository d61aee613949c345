"""Every line of one request: access and application lines of any files, in order of time."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO

from regobs.errors import LogQueryError
from regobs.logs.fields import FIELDS
from regobs.logs.reading.outcome import looked_at
from regobs.logs.reading.read import LONGEST_LINE, blocks
from regobs.logs.reading.record import Record
from regobs.logs.reading.sources import STDIN, LogSource, found, sources
from regobs.logs.reading.values import read_records, values

_CORRELATION, _TIME = FIELDS["correlation_id"], FIELDS["time"]
_UNSET = -62_135_596_800_000  # 0001-01-01T00:00:00Z, which Go writes for a time that was never set
_SHORTEST = 4  # characters of an id that are looked for; less than that is in every line


@dataclass(frozen=True, slots=True)
class TraceLine:
    """One line of a request. `at` is its time in milliseconds since 1970, None when it has none."""

    at: int | None
    file: str
    line: int
    record: Record


@dataclass(frozen=True, slots=True)
class Trace:
    """The lines of a request in order of time, and how many lines with its id cannot be read.

    `unread`: the files that have lines, none of which is one of a registry in any form. `broken`: those that end within
    what was packed. `empty`: whether no file has a line.
    """

    events: tuple[TraceLine, ...]
    malformed: int
    unread: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    empty: bool = False


def trace(correlation_id: str, files: Sequence[str], *, stdin: BinaryIO | None = None) -> Trace:
    """The lines that have the correlation id, of files, glob patterns, or `-`.

    The text is looked for before anything is read as JSON, so that a million lines take less than a second. Raises
    LogQueryError for an id that is too short to look for, InputError for a file that cannot be read.
    """
    needle = max(re.findall(r"[A-Za-z0-9_.-]+", correlation_id), key=len, default="").encode()
    if len(needle) < _SHORTEST:
        raise LogQueryError(
            "this is no correlation id",
            value=correlation_id,
            expected=f"at least {_SHORTEST} letters and digits in a row",
        )
    events: list[TraceLine] = []
    malformed = 0
    logs, tars = found(files)
    with sources(logs, stdin, piped=STDIN in files) as folder:
        broken = [*folder.broken]
        for source in folder.sources:
            for number, line in _candidates(source, needle, broken):
                for record in read_records(line) or [None]:
                    if record is None:
                        malformed += 1
                    elif correlation_id in values(record, _CORRELATION):
                        events.append(TraceLine(_time(record), source.name, number, record))
        came = looked_at(((source.name, source.given) for source in folder.sources), tars)
    return Trace(tuple(_ordered(events)), malformed, came.unread, tuple(broken), came.empty)


def _ordered(events: list[TraceLine]) -> list[TraceLine]:
    """By time; a line without one stays behind the line before it, lines of one moment as the files have them."""
    last = 0
    keyed = []
    for event in events:
        last = event.at if event.at is not None else last
        keyed.append((last, event))
    return [event for _, event in sorted(keyed, key=lambda pair: pair[0])]


def _time(record: Record) -> int | None:
    at = next(iter(values(record, _TIME)), None)
    return None if at == _UNSET else at


def _candidates(source: LogSource, needle: bytes, broken: list[str]) -> Iterator[tuple[int, bytes]]:
    """The lines that hold the text, with their numbers. The name of a broken archive is put to those of others."""
    rest, before = b"", 0
    with source.readable.open("rb") as file:
        for block, fault in blocks(file):
            if fault:
                broken.append(source.name)
                return  # what is left is a part of a line
            text = rest + block
            end = text.rfind(b"\n") + 1
            yield from _in(text, 0, end, needle, before)
            before += text.count(b"\n", 0, end)
            rest = text[end:][:LONGEST_LINE]
    yield from _in(rest, 0, len(rest), needle, before)


def _in(text: bytes, begin: int, end: int, needle: bytes, before: int) -> Iterator[tuple[int, bytes]]:
    """The lines of a text that hold the needle; `before` lines come before the text."""
    while (at := text.find(needle, begin, end)) >= 0:
        start = text.rfind(b"\n", 0, at) + 1
        stop = text.find(b"\n", at, end)
        stop = end if stop < 0 else stop
        yield before + text.count(b"\n", 0, start) + 1, text[start:stop]
        begin = stop

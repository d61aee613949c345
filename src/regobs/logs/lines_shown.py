"""Log lines as a person or a program reads them, without secrets."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from regobs.logs.answer import Answer
from regobs.logs.changes import Changes
from regobs.logs.fields import ALIASES, FIELDS
from regobs.logs.kql.dates import iso
from regobs.logs.reading.record import Record
from regobs.logs.reading.tail import Written
from regobs.logs.reading.values import read_record, values
from regobs.logs.trace import Trace, TraceLine
from regobs.secrets.fields import redacted_fields, redacted_text

# What a line shows first, and what every line of a process has alike.
_FIRST = ("time", "level", "component", "msg")
_ALIKE = ("correlation_id", "go_version", "version", "instance_id", "service", "environment", "system", "proto")
_LEFT_OUT = frozenset(
    {*_FIRST, *_ALIKE, *(alias.name for alias in ALIASES.values() if alias.field in {*_FIRST, *_ALIKE})}
)


def trace_as_json(trace: Trace) -> str:
    """An object with `malformed` and `lines`, each with its file, number and record."""
    lines = [{"file": event.file, "line": event.line, "record": _masked(event.record)} for event in trace.events]
    return json.dumps({"malformed": trace.malformed, "lines": lines}, indent=2, ensure_ascii=False) + "\n"


def trace_as_text(trace: Trace) -> str:
    """A line for each, with the milliseconds since the first."""
    start = next((event.at for event in trace.events if event.at is not None), 0)
    return "".join(f"{_since(event, start)}  {_line(event.record)}\n" for event in trace.events)


def _since(event: TraceLine, start: int) -> str:
    return f"{event.at - start:>+8,} ms" if event.at is not None else " " * 11


def followed(
    written: Iterable[Written],
    fits: Callable[[Record], bool],
    tally: dict[str, int],
    *,
    as_json: bool,
    strict: bool,
    named: bool,
) -> Iterator[str]:
    """The lines that fit. One that cannot be read is shown as text, unless they are chosen by a `strict` condition.

    `tally` gets how many lines came of each file.
    """
    for file, content in written:
        record = read_record(content)
        tally[file] = tally.get(file, 0) + 1
        if record is None:
            if not strict and not as_json and content.strip():
                yield _printable(redacted_text(content.decode(errors="replace")))
        elif fits(record):
            shown = json.dumps(_masked(record), ensure_ascii=False) if as_json else _line(record)
            yield f"{file}: {shown}" if named and not as_json else shown


def changes_as_answer(changes: Changes) -> Answer:
    """The changes as rows; durations have no rate."""
    columns = ("change", "what", "before", "after", "before_per_hour", "after_per_hour", "times")
    rates = (
        (one.before_per_hour, one.after_per_hour) if one.kind not in {"slower", "faster"} else (None, None)
        for one in changes.found
    )
    rows = (
        (one.kind, redacted_text(one.what), one.before, one.after, *rate, one.times)
        for one, rate in zip(changes.found, rates, strict=True)
    )
    return Answer(columns, tuple(rows), changes.lines, changes.malformed)


def _line(record: Record) -> str:
    """Time, level, component and message, then what else the line has."""
    masked = _masked(record)
    time, level, component, message = (next(iter(values(masked, FIELDS[name])), "") for name in _FIRST)
    moment = iso(time) if isinstance(time, int) else "-"
    head = f"{moment} {level:<7} {f'{component}: ' if component else ''}{message}"
    rest = (
        f"{name}={_plain(value)}" for name, value in masked.items() if name not in _LEFT_OUT and value not in ("", None)
    )
    return _printable("  ".join((head, *rest)))


def _masked(record: Record) -> dict[str, Any]:
    return redacted_fields(record)


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _printable(text: str) -> str:
    """Without what a terminal would obey."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode() for char in text)

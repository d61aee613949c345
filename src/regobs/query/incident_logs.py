"""What changed in log files between the hour before an incident and the incident: `regobs logs diff` of its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from regobs.errors import InputError
from regobs.pack import Pack
from regobs.query.complete import Gap
from regobs.query.times import AskedRange

if TYPE_CHECKING:
    from regobs.logs.changes import Window

REQUESTS = "requests-by-route-and-status"  # the saved query whose groups tell kinds of requests apart
HEADS = ("change", "what", "before", "since", "times")


@dataclass(frozen=True, slots=True)
class LogKind:
    """One kind of line that changed: new, gone, more, less, slower or faster. Counts, of the last two milliseconds.

    `times` is the rate since as a multiple of the rate before; None where there was none before.
    """

    change: str
    what: str
    before: int
    since: int
    times: float | None


@dataclass(frozen=True, slots=True)
class LogsCompared:
    """The kinds of lines that changed, the surest first, how many lines were read, and what is not the whole."""

    found: tuple[LogKind, ...] = ()
    lines: int = 0
    malformed: int = 0
    notes: tuple[str, ...] = ()
    gaps: tuple[Gap, ...] = ()


def log_windows(asked: tuple[AskedRange, AskedRange], over: float) -> tuple[Window, Window]:
    """The hour before and the incident up to `over`, seconds since 1970, as stretches of lines."""
    from regobs.logs.changes import Window  # noqa: PLC0415 - loads DuckDB

    before, since = asked
    return Window(before.start, since.start), Window(since.start, max(since.end, round(over * 1000)) + 1)


def compare_logs(pack: Pack, files: Sequence[str], windows: tuple[Window, Window]) -> LogsCompared:
    """What changed in the logs. Raises InputError for files that are not there.

    Files of which no line is in one of the two times are a gap: the rest of an incident can be told without them.
    """
    from regobs.logs.changes import changes  # noqa: PLC0415
    from regobs.logs.reading.sources import names  # noqa: PLC0415
    from regobs.logs.saved import load_query  # noqa: PLC0415
    from regobs.secrets import redacted_text  # noqa: PLC0415

    names(files)
    requests = load_query(pack, REQUESTS, now=datetime.now(UTC))
    try:
        found = changes(requests, files, *windows)
    except InputError as error:
        said = f"{error.message}: {error.value}" if error.value is not None else error.message
        return LogsCompared(gaps=(Gap("no data", f"the logs are not compared: {said}"),))
    if not found.lines:
        return LogsCompared(gaps=(Gap("no data", "the logs are not compared: they have no line"),))
    unread = [f"no line of {one} can be read" for one in found.unread]
    broken = [f"{one} ends within what was packed" for one in found.broken]
    return LogsCompared(
        tuple(LogKind(one.kind, redacted_text(one.what), one.before, one.after, one.times) for one in found.found),
        found.lines,
        found.malformed,
        found.notes,
        tuple(Gap("partial", text) for text in (*unread, *broken)),
    )

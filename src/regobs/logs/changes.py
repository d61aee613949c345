"""What is new, gone, more, less, slower or faster in one stretch of time against another.

Compared are requests by route and status: how many, and how long they took; access lines of a web server in the same
way; and all other lines by their message, whatever they lack.

Counts vary by chance. A change is told when fewer than one in a thousand pairs of windows of an unchanged registry
would differ that much (the counts of a pair are binomial when lines come independently), and the rate changed by the
factor that is asked for. A severe line that is new is told even when there is only one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, BinaryIO

from msgspec.structs import replace

from regobs.errors import InputError, LogQueryError
from regobs.logs.answer import Answer
from regobs.logs.duckdb.cache import Place
from regobs.logs.duckdb.run import run_all
from regobs.logs.fields import FIELDS
from regobs.logs.kql.condition import All, Between, Bound, No, Present
from regobs.logs.kql.condition import Any as AnyOf
from regobs.logs.kql.dates import iso, span
from regobs.logs.query import ByTerms, Clause, MetricKind, Order, Query, QueryMetric
from regobs.logs.reading.outcome import refuse
from regobs.logs.redact import shape
from regobs.logs.untimed import note, without_time

CHANCE = 0.001
FACTOR = 1.5
_SEVERE = frozenset({"warning", "error", "fatal", "panic"})
_SERVER_ERROR = 500
_MOST = 100_000  # kinds of lines that are compared, the frequent first; hostile input must not fill the memory
_EXACT = 1000  # lines up to which the chance is summed exactly; above, the normal distribution is as good
_BEFORE, _AFTER = "before", "after"
_SLACK = 60_000  # ms that a window may begin before the first line or end after the last
# What is compared of durations, and of how many requests in each window at least.
_DURATIONS = (("median duration", 1, 30), ("95th percentile of the duration", 2, 200))
_LEAST_MS = 5  # a smaller difference of durations is none that anyone notices
_NO_LEVEL, _NO_MESSAGE = "(no level)", "(no message)"
_ACCESS_LINE = "access line: "  # before what is told of one
# Access lines of a web server, CNCF Distribution's second line of a request among them, have a status and no message.
_OF_A_WEB_SERVER = All((Present(FIELDS["status"]), No(Present(FIELDS["msg"]))))


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of time in milliseconds since 1970, its end not included."""

    start: int
    end: int

    def __str__(self) -> str:
        return f"{iso(self.start)}..{iso(self.end)}"

    @property
    def hours(self) -> float:
        """How long it is."""
        return (self.end - self.start) / 3_600_000

    @property
    def clause(self) -> Clause:
        """The lines within it."""
        text = f'time >= "{iso(self.start)}" and time < "{iso(self.end)}"'
        return Clause(text, Between(FIELDS["time"], Bound(self.start), Bound(self.end, inclusive=False)))


@dataclass(frozen=True, slots=True)
class LogChange:
    """One kind of line that changed: new, gone, more or less; counts and lines per hour in each window.

    Of what is slower or faster both pairs are durations in milliseconds.
    """

    kind: str
    what: str
    before: int
    after: int
    before_per_hour: float
    after_per_hour: float

    @property
    def times(self) -> float | None:
        """The rate after as a multiple of the rate before; None when there was none before."""
        return self.after_per_hour / self.before_per_hour if self.before else None


@dataclass(frozen=True, slots=True)
class Changes:
    """The changes, the surest first, how many lines were read, malformed ones among them, and what to know of them.

    `unread` are the files of which no line can be read, `broken` those that end within what was packed.
    """

    found: tuple[LogChange, ...]
    lines: int
    malformed: int
    notes: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()


def read_window(text: str, now: datetime) -> Window:
    """A window as it is written: `START..END`, or a time that covers one, such as `2026-11-23T11`.

    Raises LogQueryError when it is none.
    """
    first, dots, second = text.partition("..")
    start, end = span(first, now), span(second, now) if dots else None
    if start is None or (dots and end is None):
        raise LogQueryError("this is no stretch of time", value=text, expected="START..END, such as now-2h..now-1h")
    window = Window(start.first, end.first if end else start.last + 1)
    if window.end <= window.start:
        raise LogQueryError("the stretch of time ends before it begins", value=text, expected="START..END")
    return window


def changes(
    requests: Query,
    files: Sequence[str],
    before: Window,
    after: Window,
    *,
    where: Clause | None = None,
    factor: float = FACTOR,
    stdin: BinaryIO | None = None,
    cache: Place | None = None,
) -> Changes:
    """What changed in the logs. `requests` is a saved query whose groups tell kinds of access lines apart.

    Raises InputError when a window has no lines at all, and what `run_all` raises.
    """
    windows = (before, after)
    if before.start < after.end and after.start < before.end:
        raise LogQueryError(
            "the two stretches of time overlap",
            value=f"{before} and {after}",
            expected="two that have no line in common",
            next_step="let one end where the other begins",
        )
    kinds = _messages(requests), _whole(requests), _accesses(requests)
    queries = [_counted(query, windows, where) for query in kinds]
    timed = [_timed(requests, window, where) for window in windows]
    unseen = without_time(*([where.condition] if where else []))
    messages, *shown, span_answer, late, before_took, after_took = run_all(
        [*queries, _SPAN, unseen, *timed], files, stdin=stdin, cache=cache
    )
    if messages.nothing:
        refuse(messages.unread, messages.broken)
    if not messages.lines:
        return Changes((), 0, 0)
    counts, severe = _told(messages, *shown)
    for place, window in enumerate(windows):
        if not any(pair[place] for pair in counts.values()):
            refuse(messages.unread, messages.broken)
            raise InputError(
                "no line is in one of the windows",
                value=f"{iso(window.start)}..{iso(window.end)}",
                expected="times that the files hold",
                next_step="look at the first and last time: regobs logs query '' FILES --columns time",
            )
    (before, first_note), (after, second_note) = (_within(window, span_answer) for window in windows)
    windows = (before, after)
    found = [
        (chance, LogChange(kind, what, pair[0], pair[1], pair[0] / before.hours, pair[1] / after.hours))
        for what, pair in counts.items()
        for kind, chance in _judged(pair, windows, factor, severe=what in severe)
    ]
    found += _slower(before_took, after_took, factor)
    told = tuple(change for _, change in sorted(_once(found), key=_rank))
    notes = tuple(told for told in (first_note, second_note, note(late)) if told)
    return Changes(told, messages.lines, messages.malformed, notes, messages.unread, messages.broken)


# The first and the last time of all lines.
_SPAN = Query(
    "span",
    metrics=(QueryMetric("first", MetricKind.MIN, FIELDS["time"]), QueryMetric("last", MetricKind.MAX, FIELDS["time"])),
)


def _within(window: Window, span: Answer) -> tuple[Window, str]:
    """The part of a window that the logs cover, and what to tell of the rest: nobody knows what happened then."""
    first, last = (_milliseconds(value) for value in span.rows[0])
    if first is None or last is None:
        return window, ""
    start = first if first - window.start > _SLACK else window.start
    end = last + 1 if window.end - last > _SLACK else window.end
    if (start, end) == (window.start, window.end) or start >= end:
        return window, ""
    cut = Window(start, end)
    return cut, f"{window} is not within the logs, which go from {iso(first)} to {iso(last)}; rates are those of {cut}"


def _milliseconds(value: object) -> int | None:
    """A time as an answer shows it."""
    found = span(str(value), datetime.now(UTC)) if value is not None else None
    return found.first if found else None


def _timed(requests: Query, window: Window, where: Clause | None) -> Query:
    """Requests of a window by their kind: how many, and how long half of them took."""
    metrics = (
        QueryMetric("requests", MetricKind.COUNT),
        QueryMetric("half", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=50),
        QueryMetric("most", MetricKind.PERCENTILE, FIELDS["duration_ms"], percent=95),
    )
    timed = replace(_whole(requests), metrics=metrics, order=(Order("requests", descending=True),), limit=_MOST)
    return timed.narrowed(window.clause, *([where] if where else []))


def _slower(before: Answer, after: Answer, factor: float) -> list[tuple[float, LogChange]]:
    """Kinds of requests whose median or 95th percentile of the duration changed by the factor, where there are enough.

    Of so many requests these vary by less than that when nothing changed, unless durations are spread very wide.
    """
    known = {row[:-3]: row[-3:] for row in before.rows}
    found: list[tuple[float, LogChange]] = []
    for row in after.rows:
        was = known.get(row[:-3], (0, 0, 0))
        requests = min(_number(was[0]), _number(row[-3]))
        for name, place, enough in _DURATIONS:
            old, new = _number(was[place]), _number(row[place - 3])
            if requests < enough or not old or abs(new - old) < _LEAST_MS or 1 / factor < new / old < factor:
                continue
            what = f"{_joined(row[:-3])}: {name} in ms"
            found.append(
                (CHANCE, LogChange("slower" if new > old else "faster", what, round(old), round(new), old, new))
            )
    return found


def _number(value: Any) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def _rank(found: tuple[float, LogChange]) -> tuple[float, int, str]:
    chance, change = found
    return chance, -change.before - change.after, change.what


def _messages(requests: Query) -> Query:
    """Lines that are neither requests nor access lines, by level, component, error code and message."""
    names = {"level": "level", "component": "component", "code": "code", "message": "msg"}
    groups = tuple(ByTerms(name, FIELDS[field], missing=True) for name, field in names.items())
    neither = All((No(requests.where.condition), No(_OF_A_WEB_SERVER)))
    return Query("messages", where=Clause("", neither), groups=groups)


def _whole(requests: Query) -> Query:
    """The same requests, also those that lack what they are told apart by."""
    groups = (replace(group, missing=True) if isinstance(group, ByTerms) else group for group in requests.groups)
    return replace(requests, groups=tuple(groups))


def _accesses(requests: Query) -> Query:
    """Access lines of a web server by what requests are told apart by."""
    return replace(_whole(requests), where=Clause("", _OF_A_WEB_SERVER))


def _told(messages: Answer, requests: Answer, accesses: Answer) -> tuple[dict[str, list[int]], set[str]]:
    """How many lines of each kind are in the windows, and which kinds are severe."""
    counts: dict[str, list[int]] = {}
    severe: set[str] = set()
    for level, component, code, message, *pair in messages.rows:
        parts = [part for part in (component, code) if part]
        shown = _NO_MESSAGE if message is None else shape(str(message))
        what = ": ".join(map(str, (level or _NO_LEVEL, *parts, shown)))
        _add(counts, what, pair)
        if level in _SEVERE:
            severe.add(what)
    for begin, answer in (("", requests), (_ACCESS_LINE, accesses)):
        for *names, before, after in answer.rows:
            what = begin + _joined(names)
            _add(counts, what, (before, after))
            if any(isinstance(part, int) and part >= _SERVER_ERROR for part in names):
                severe.add(what)
    return counts, severe


def _joined(names: Sequence[object]) -> str:
    return " ".join("-" if part is None else str(part) for part in names)


def _once(found: list[tuple[float, LogChange]]) -> list[tuple[float, LogChange]]:
    """The changes without those of access lines that requests tell: CNCF Distribution writes both of each request."""
    told = {(change.kind, change.what) for _, change in found}
    return [
        (chance, change)
        for chance, change in found
        if not change.what.startswith(_ACCESS_LINE) or (change.kind, change.what.removeprefix(_ACCESS_LINE)) not in told
    ]


def _counted(query: Query, windows: tuple[Window, Window], where: Clause | None) -> Query:
    """The query with the lines of each window counted, the frequent kinds first."""
    clauses = [window.clause for window in windows]
    names = (f"{_BEFORE}_lines", f"{_AFTER}_lines")
    metrics = tuple(
        QueryMetric(name, MetricKind.COUNT, where=clause) for name, clause in zip(names, clauses, strict=True)
    )
    either = Clause("", AnyOf(tuple(clause.condition for clause in clauses)))
    counted = replace(
        query, metrics=metrics, order=tuple(Order(name, descending=True) for name in names[::-1]), limit=_MOST
    )
    return counted.narrowed(either, *([where] if where else []))


def _add(counts: dict[str, list[int]], what: str, pair: Sequence[Any]) -> None:
    """Add to the counts; messages that differ in values only are one."""
    known = counts.setdefault(what, [0, 0])
    for place, count in enumerate(pair):
        known[place] += int(count)


def _judged(pair: list[int], windows: tuple[Window, Window], factor: float, *, severe: bool) -> list[tuple[str, float]]:
    """What kind of change the counts are and by what chance, or nothing."""
    before, after = pair
    chance = _chance(before, after, windows[1].hours / (windows[0].hours + windows[1].hours))
    if chance >= CHANCE and not (severe and not before):
        return []
    if not before or not after:
        return [("new" if not before else "gone", chance)]
    times = (after / windows[1].hours) / (before / windows[0].hours)
    if times >= factor:
        return [("more", chance)]
    return [("less", chance)] if times <= 1 / factor else []


def _chance(before: int, after: int, share: float) -> float:
    """How often lines that fall into the second window with this share would be as uneven, on either side."""
    total = before + after
    if total > _EXACT:
        off = abs(after - total * share) - 0.5
        return math.erfc(max(off, 0) / math.sqrt(2 * total * share * (1 - share)))
    low = math.fsum(_binomial(total, count, share) for count in range(after + 1))
    high = math.fsum(_binomial(total, count, share) for count in range(after, total + 1))
    return min(1.0, 2 * min(low, high))


def _binomial(total: int, count: int, share: float) -> float:
    ways = math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
    return math.exp(ways + count * math.log(share) + (total - count) * math.log1p(-share))

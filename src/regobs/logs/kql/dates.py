"""Times as Elasticsearch reads them in a query: `2026-11-23`, `2026-11-23T11:05Z`, `now-15m`, `2026-11-23||+1M/d`.

Source of the rules (missing parts are filled from below or above, by operator): Elasticsearch reference, range query,
"date math" and "missing date components"; the format is the default one, strict_date_optional_time||epoch_millis.
"""

from __future__ import annotations

import calendar
import re
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)(?:T(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)"
    r"(?:[.,](?P<fraction>\d{1,9}))?)?)?(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_MILLIS = re.compile(r"-?\d{5,15}", re.ASCII)
_STEP = re.compile(r"(?P<sign>[+-])(?P<count>\d{0,6})(?P<unit>[yMwdhHms])|/(?P<round>[yMwdhHms])", re.ASCII)
_NAMES = ("month", "day", "hour", "minute", "second")
_SECONDS = {"w": 604800, "d": 86400, "h": 3600, "H": 3600, "m": 60, "s": 1}
_MILLISECOND = timedelta(milliseconds=1)
_YEARS, _ROUND = 400, 146_097 * 86_400_000  # after which the calendar repeats, and its milliseconds


@dataclass(frozen=True, slots=True)
class Span:
    """The first and the last millisecond that a written time covers; equal when it is exact."""

    first: int
    last: int


def span(text: str, now: datetime) -> Span | None:
    """The milliseconds since 1970 UTC that a time covers; None when it is no time."""
    anchor, math = ("now", text[3:]) if text.startswith("now") else text.split("||", 1) if "||" in text else (text, "")
    try:
        start, end = (now, now + _MILLISECOND) if anchor == "now" else _anchor(anchor)
        for step in _steps(math):
            start, end = _moved(start, end, step)
    except (ValueError, OverflowError):
        return None
    return Span(millis(start), millis(end) - 1)


def millis(moment: datetime) -> int:
    """Whole milliseconds since 1970 UTC, rounded down."""
    return (moment - EPOCH) // _MILLISECOND


def iso(millis_since_epoch: int) -> str:
    """Milliseconds since 1970 as text, the way the registry writes times; of any year, in the form of ISO 8601.

    A year before 0 or behind 9999 has a sign: `-0001-01-01T00:00:00.000Z`, `+12345-01-01T00:00:00.000Z`.
    """
    rounds, rest = divmod(millis_since_epoch, _ROUND)
    moment = EPOCH + timedelta(milliseconds=rest)
    year = moment.year + _YEARS * rounds
    written = f"{year:04d}" if 0 <= year <= MAXYEAR else f"{year:+05d}"
    return f"{written}-{moment:%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"


def _anchor(text: str) -> tuple[datetime, datetime]:
    """The written moment and the first one after what it covers."""
    if _MILLIS.fullmatch(text):
        start = EPOCH + timedelta(milliseconds=int(text))
        return start, start + _MILLISECOND
    found = _ISO.fullmatch(text)
    if found is None:
        raise ValueError(text)
    given = [int(found[name]) for name in _NAMES if found[name] is not None]
    filled = [*given, *(1, 1, 0, 0, 0)[len(given) :]]
    start = datetime(int(found["year"]), *filled, tzinfo=UTC) - _offset(found["zone"])  # type: ignore[misc, arg-type]
    if found["fraction"]:
        start += timedelta(milliseconds=int(found["fraction"].ljust(3, "0")[:3]))
        return start, start + _MILLISECOND
    return start, _after(start, "yMdhms"[len(given)])


def _offset(zone: str | None) -> timedelta:
    if zone in {None, "Z"}:
        return timedelta(0)
    assert zone is not None  # noqa: S101 - for the type checker
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size


def _steps(math: str) -> list[re.Match[str]]:
    steps, at = [], 0
    while at < len(math):
        found = _STEP.match(math, at)
        if found is None:
            raise ValueError(math)
        steps.append(found)
        at = found.end()
    return steps


def _moved(start: datetime, end: datetime, step: re.Match[str]) -> tuple[datetime, datetime]:
    if unit := step["round"]:
        start = _floor(start, unit)
        return start, _after(start, unit)
    count = int(step["count"] or 1) * (-1 if step["sign"] == "-" else 1)
    return _later(start, step["unit"], count), _later(end, step["unit"], count)


def _after(moment: datetime, unit: str) -> datetime:
    return _later(moment, unit, 1)


def _later(moment: datetime, unit: str, count: int) -> datetime:
    if unit in _SECONDS:
        return moment + timedelta(seconds=_SECONDS[unit] * count)
    months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "y" else 1)
    year, month = divmod(months, 12)
    day = min(moment.day, calendar.monthrange(year, month + 1)[1])
    return moment.replace(year=year, month=month + 1, day=day)


def _floor(moment: datetime, unit: str) -> datetime:
    if unit in {"y", "M"}:
        return datetime(moment.year, moment.month if unit == "M" else 1, 1, tzinfo=UTC)
    if unit == "w":
        moment -= timedelta(days=moment.weekday())
        unit = "d"
    size = timedelta(seconds=_SECONDS[unit])
    return EPOCH + (moment - EPOCH) // size * size

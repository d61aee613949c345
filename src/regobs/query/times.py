"""Moments and ranges as a person types them: `now-6h`, `yesterday 14:00`, `2026-05-31 12:00 Europe/Berlin`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo

from regobs.common.frozen import frozen
from regobs.common.late_pattern import LatePattern
from regobs.errors import InputError, reversed_range

NO_DATA_YET = "Note: this time is in the future, no server has data of it"
POINTS = 250  # of a range without --step: what a chart or a table's trend can show
# Seconds between two points; people read these without counting. Beyond: whole days.
STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
_DAY = 86400
_WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_EXPECTED = (
    "now, now-6h, -6h, 14:03, yesterday 14:00, monday 9:00, 2026-05-31 12:00 (with Z, +02:00 or a zone such as "
    "Europe/Berlin behind it), or seconds since 1970"
)
_EPOCH = LatePattern(r"\d{9,13}(?:\.\d{1,9})?", re.ASCII)
_RELATIVE = LatePattern(r"(?:now)?([+-])(\w+)", re.ASCII)
_CLOCK = LatePattern(r"(\d{1,2}):(\d{2})(?::(\d{2}))?", re.ASCII)
_DATE = LatePattern(r"\d{4}-\d{2}-\d{2}(?:[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?)?", re.ASCII)
_LONGEST = 80  # characters of a moment


@frozen
class AskedRange:
    """The points of a range query: from `start` to `end`, one each `step`; milliseconds since 1970, and milliseconds.

    Whole milliseconds, because that is what servers evaluate at: no point is lost to rounding.
    """

    start: int
    end: int
    step: int

    @property
    def points(self) -> int:
        """How many points a series has at most."""
        return (self.end - self.start) // self.step + 1


def zone_named(name: str) -> tzinfo:
    """The time zone `UTC`, `local` or one of the tz database. Raises InputError."""
    if name in {"UTC", "utc", "Z"}:
        return UTC
    if name == "local":
        found = datetime.now().astimezone().tzinfo
        assert found is not None  # noqa: S101 - astimezone always sets one
        return found
    from zoneinfo import ZoneInfo  # noqa: PLC0415 - UTC needs none

    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # ZoneInfoNotFoundError is a KeyError; a folder is an OSError
        raise InputError(
            "no such time zone", value=name, expected="UTC, local, or a name such as Europe/Berlin"
        ) from None


def read_moment(option: str, text: str, now: float, zone: tzinfo = UTC) -> float:
    """Seconds since 1970 of what a person typed. Raises InputError, which names the option.

    What names no time zone is in `zone`. A time of day alone is the last one that is not after `now`; a weekday the
    last one before today. An hour that there is twice, when clocks are set back, is the first.
    """
    words = " ".join(text.split())
    if len(words) > _LONGEST:
        raise _no_moment(option, words[:_LONGEST] + " ...")
    if words == "now":
        return now
    if _EPOCH.fullmatch(words):
        number = float(words)
        return number / 1000 if number >= 1e11 else number  # milliseconds, as Grafana's addresses have them
    if (relative := _RELATIVE.fullmatch(words)) is not None:
        seconds = read_seconds(option, relative[2])
        return now - seconds if relative[1] == "-" else now + seconds
    if words.endswith(" ago"):
        return now - read_seconds(option, words.removesuffix(" ago"))
    words, _, last = words.rpartition(" ") if re.search(r" [A-Za-z][\w/+-]*\Z", words) else (words, "", "")
    try:
        found = _calendar(words, now, zone_named(last) if last else zone)
    except InputError:
        raise _no_moment(option, text) from None
    if found is None:
        raise _no_moment(option, text)
    return _timestamp(option, found, text)


def _calendar(text: str, now: float, zone: tzinfo) -> datetime | None:
    """A day and a time of day; None for what is neither."""
    today = datetime.fromtimestamp(now, zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if _DATE.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:  # the 31st of June
            return None
        return moment if moment.tzinfo else moment.replace(tzinfo=zone)
    day, _, rest = text.lower().partition(" ")
    if _CLOCK.fullmatch(day) and not rest:
        last = _at(today, day)
        return _at(today - timedelta(days=1), day) if last is not None and last.timestamp() > now else last
    if day in _WEEKDAYS:
        back = (today.weekday() - _WEEKDAYS.index(day)) % 7 or 7
    elif day in {"today", "yesterday"}:
        back = int(day == "yesterday")
    else:
        return None
    return _at(today - timedelta(days=back), rest or "0:00")


def _at(day: datetime, clock: str) -> datetime | None:
    found = _CLOCK.fullmatch(clock)
    if found is None:
        return None
    hour, minute, second = (int(part or 0) for part in found.groups())
    if hour > 23 or minute > 59 or second > 59:
        return None
    return day.replace(hour=hour, minute=minute, second=second)


def _timestamp(option: str, moment: datetime, text: str) -> float:
    seconds = moment.timestamp()
    back = datetime.fromtimestamp(seconds, moment.tzinfo)
    if (back.hour, back.minute) != (moment.hour, moment.minute):
        raise InputError(
            f"{option} is an hour that there was not: clocks were set forward",
            value=text,
            expected="a time before or after the change",
            next_step=f"write {back:%Y-%m-%d %H:%M}, or the time in UTC with a Z behind it",
        )
    return seconds


def read_seconds(option: str, text: str) -> float:
    """The seconds of a duration such as `90s`, `1h30m` or `7d`. Raises InputError, which names the option."""
    from regobs.promql.durations import read_duration  # noqa: PLC0415 - durations alone load less than the package

    found = read_duration(text) if len(text) <= _LONGEST else None
    if found is None or found.macro or found.ms <= 0:
        raise InputError(
            f"{option} is not a duration",
            value=text[:_LONGEST],
            expected="a time such as 90s, 5m, 1h30m or 7d",
            next_step="correct it",
        )
    return found.ms / 1000


def asked_range(start: float, end: float, step: float | None) -> AskedRange:
    """The points of a range. Raises InputError when it ends before it begins.

    Without a step one is chosen, and the points are multiples of it, so that asking again soon gives the same points.
    """
    if start > end:
        raise reversed_range(moment_text(start), moment_text(end))
    if step is not None:
        return AskedRange(round(start * 1000), round(end * 1000), max(round(step * 1000), 1))
    wanted = (end - start) / POINTS
    seconds = next((step for step in STEPS if step >= wanted), int(-(-wanted // _DAY)) * _DAY)
    return AskedRange(int(start // seconds) * seconds * 1000, int(end // seconds) * seconds * 1000, seconds * 1000)


def moment_text(time: float, zone: tzinfo = UTC) -> str:
    """A moment as a person reads it: `2026-05-31 12:00:00 UTC`, with milliseconds where it has some."""
    moment = datetime.fromtimestamp(round(time, 3), zone)
    fraction = f".{moment.microsecond // 1000:03}" if moment.microsecond >= 1000 else ""
    return f"{moment:%Y-%m-%d %H:%M:%S}{fraction} {moment:%Z}"


def _no_moment(option: str, text: str) -> InputError:
    return InputError(f"{option} is no time", value=text, expected=_EXPECTED, next_step="correct it")

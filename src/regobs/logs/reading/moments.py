"""Times of lines, as DuckDB casts text to TIMESTAMP WITH TIME ZONE in UTC: every command reads the same ones."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

# A date, and a time with or without an offset. DuckDB reads also names of time zones, of which UTC and GMT are read
# here, `epoch`, and years before Christ that are marked with `(BC)`.
_TIME = re.compile(
    r"[ \t\n\v\f\r]{0,9}(?P<year>-?[0-9]{1,6})(?P<mark>[-/])(?P<month>[0-9]{1,2})(?P=mark)(?P<day>[0-9]{1,2})"
    r"(?:(?:T| {1,9})(?P<hour>[0-9]{1,2}):(?P<minute>[0-9]{1,2})(?::(?P<second>[0-9]{1,2})(?:\.(?P<fraction>[0-9]*))?)?"
    r"(?:Z|(?P<sign>[+-])(?P<hours>[0-9]{2})(?P<rest>[0-9]{2}|:[0-9]{2}(?::[0-9]{2})?)?| (?i:UTC|GMT))?"
    r"[ \t\n\v\f\r]{0,9})?"
)
_EPOCH, _MILLISECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(milliseconds=1)
_ROUND = 146_097 * 86_400  # seconds of 400 years, after which the calendar repeats
_LAST = 9_223_372_036_854_775  # milliseconds, of which the microseconds are the largest whole number of 64 bits


def milliseconds(text: str) -> int | None:
    """Whole milliseconds since 1970 UTC, rounded down, of a time of any year; None where the text is none.

    >>> milliseconds("2026-11-23T12:00:00.5+01:00")
    1795431600500
    """
    if text[10:20:3] == "T::." and text[4:8:3] == "--" and text[-1] == "Z":  # as nearly every line has it
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _MILLISECOND
        except ValueError:
            pass
    found = _TIME.fullmatch(text)
    if found is None:
        return None
    year, month, day, hour, minute, second = (
        int(found[name] or 0) for name in ("year", "month", "day", "hour", "minute", "second")
    )
    fraction = int((found["fraction"] or "")[:6].ljust(6, "0"))
    whole_day = hour == 24 and not minute and not second and not fraction
    rounds, year = divmod(year, 400)
    try:
        moment = datetime(2000 + year, month, day, 0 if whole_day else hour, minute, second, tzinfo=UTC)
    except ValueError:
        return None
    at = int(moment.timestamp()) + (rounds - 5) * _ROUND + 86_400 * whole_day - _offset(found)
    result = at * 1000 + fraction // 1000
    return result if abs(result) < _LAST else None


def _offset(found: re.Match[str]) -> int:
    """How far the clock is ahead of UTC, in seconds."""
    rest = (found["rest"] or "").replace(":", "").ljust(4, "0")
    ahead = int(found["hours"] or 0) * 3600 + int(rest[:2]) * 60 + int(rest[2:])
    return -ahead if found["sign"] == "-" else ahead

"""The time range of a snapshot: how it is written, and how densely it is asked."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

from regobs.errors import InputError, reversed_range
from regobs.promql.durations import read_duration

# A chart of a third of a common screen is 600 pixels wide: a point each second pixel is what an eye can tell apart.
MOST_POINTS = 300
# Seconds between two points; people read these off an axis without counting.
STEPS = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1200, 1800, 3600, 7200, 10800, 21600, 43200, 86400)
LONGEST = STEPS[-1] * MOST_POINTS
_EXPECTED = "now, a time before now such as -24h or now-90m, or a date and time such as 2026-05-31T12:00:00Z"
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}([T ]\d{2}:\d{2}(:\d{2}(\.\d+)?)?(Z|[+-]\d{2}:\d{2})?)?")


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """From `start` to `end`, both in seconds since 1970; range queries take a point each `step` seconds.

    `first` and `last` are the outermost points: multiples of the step, so that snapshots taken soon after each other
    show the same points.
    """

    start: float
    end: float
    step: int

    @property
    def first(self) -> int:
        """The first point, at the start or less than a step before it."""
        return int(self.start // self.step * self.step)

    @property
    def last(self) -> int:
        """The last point, at the end or less than a step before it."""
        return int(self.end // self.step * self.step)

    @property
    def points(self) -> int:
        """How many points there are."""
        return (self.last - self.first) // self.step + 1

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end - self.start

    def moment(self, time: float) -> str:
        """A time in this range as a person reads it, in UTC; with its day where the range is longer than one."""
        days = "%Y-%m-%d " if self.seconds > STEPS[-1] else ""
        return f"{datetime.fromtimestamp(time, UTC):{days}%H:%M:%S}"


def span_of(start: float, end: float, scrape_interval: float) -> TimeSpan:
    """The span with the shortest step that is at least a scrape interval and gives no more points than are seen.

    Raises InputError when it does not begin before its end, or is longer than can be shown.
    """
    if start >= end:
        raise reversed_range(utc(start), utc(end))
    if end - start > LONGEST:
        raise InputError(
            "the time range is too long",
            value=f"{(end - start) / STEPS[-1]:.0f} days",
            expected=f"at most {LONGEST // STEPS[-1]} days",
            next_step="choose a later --from",
        )
    wanted = max((end - start) / MOST_POINTS, scrape_interval)
    return TimeSpan(start, end, next((step for step in STEPS if step >= wanted), STEPS[-1]))


def read_time(option: str, text: str, now: float) -> float:
    """Seconds since 1970 of `now`, `-24h`, `now-24h`, a date, or a date and time (UTC unless it says otherwise).

    Raises InputError, which names the option.
    """
    if text == "now":
        return now
    back = re.fullmatch(r"(?:now)?-(?P<span>\w+)", text)
    duration = read_duration(back["span"]) if back else None
    if duration is not None and not duration.macro:
        return now - duration.ms / 1000
    if _DATE.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError:  # the 31st of June
            moment = None
        if moment is not None:
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    raise InputError(f"{option} is no time", value=text, expected=_EXPECTED, next_step="correct it")


def utc(time: float) -> str:
    """A time as a person reads it, to the minute: `2026-05-31 12:00`, in UTC."""
    return f"{datetime.fromtimestamp(time, UTC):%Y-%m-%d %H:%M}"

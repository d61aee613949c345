"""The traffic curve: what share of the highest rate is asked for, by hour of the day and day of the week."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from regobs.errors import InputError

# People in two continents, and pipelines at night.
_HOURS = (
    *(0.35, 0.30, 0.28, 0.27, 0.30, 0.38, 0.50, 0.68, 0.82, 0.92, 0.95, 0.93),
    *(0.90, 0.95, 1.00, 0.98, 0.92, 0.84, 0.74, 0.66, 0.58, 0.50, 0.44, 0.39),
)
_DAYS = (0.95, 1.0, 1.0, 0.98, 0.90, 0.42, 0.38)


@dataclass(frozen=True, slots=True)
class Curve:
    """Shares from 0 to 1: `hours` of the day in UTC from midnight on, `days` of the week from Monday on."""

    hours: tuple[float, ...] = _HOURS
    days: tuple[float, ...] = _DAYS

    def __post_init__(self) -> None:
        for name, shares, count in (("hours", self.hours, len(_HOURS)), ("days", self.days, len(_DAYS))):
            if len(shares) != count or not all(0 <= share <= 1 for share in shares):
                expected = f"{count} shares from 0 to 1, in UTC, from {'midnight' if name == 'hours' else 'Monday'} on"
                raise InputError(f"the {name} of a traffic curve are wrong", value=list(shares), expected=expected)

    def level(self, time: float) -> float:
        """The share of the highest rate at a Unix time; hours are joined by straight lines."""
        moment = datetime.fromtimestamp(time, UTC)
        share = (moment.minute * 60 + moment.second) / 3600
        now, later = self.hours[moment.hour], self.hours[(moment.hour + 1) % len(self.hours)]
        return (now + (later - now) * share) * self.days[moment.weekday()]

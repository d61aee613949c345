"""Simulated time: as fast as the wall's, faster or slower."""

from __future__ import annotations

import time
from collections.abc import Callable

from regobs.errors import InputError
from regobs.promql.durations import read_duration


class Clock:
    """Simulated Unix time in seconds: `start` at the moment it is made, then `speed` times as fast as the wall's."""

    def __init__(self, start: float, speed: float = 1.0, wall: Callable[[], float] = time.monotonic) -> None:
        if speed <= 0:
            raise ValueError("speed must be above 0")
        self.start = start
        self.speed = speed
        self._wall = wall
        self._began = wall()

    def now(self) -> float:
        """Simulated Unix time."""
        return self.start + (self._wall() - self._began) * self.speed

    def until(self, moment: float) -> float:
        """Seconds of the wall's time until a simulated moment; 0 when it is over."""
        return max(0.0, (moment - self.now()) / self.speed)


def seconds_of(text: str, what: str) -> float:
    """The seconds that `90s`, `1h30m` or `0` says; `what` names it in the InputError."""
    if text == "0":
        return 0.0
    duration = read_duration(text)
    if duration is None or duration.macro or duration.ms < 0:
        raise InputError(f"{what} is not a time", value=text, expected="a time such as 90s, 5m or 1h30m")
    return duration.ms / 1000

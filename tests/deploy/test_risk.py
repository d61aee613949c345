"""How often a condition would have fired, both sides of `for`."""

from __future__ import annotations

import pytest

from regobs.deploy.risk import fired
from regobs.prometheus.answers import RangeSeries

MINUTE = 60.0


def series(*minutes: int) -> RangeSeries:
    return RangeSeries({}, tuple((MINUTE * minute, 1.0) for minute in minutes))


@pytest.mark.parametrize(
    ("minutes", "hold", "times", "seconds"),
    [
        ((), 0, 0, 0),
        ((5,), 0, 1, 60),
        ((5, 6, 7), 0, 1, 180),
        ((5, 7), 0, 2, 120),
        ((0, 1, 2, 3, 4, 5), 5, 1, 60),
        ((0, 1, 2, 3, 4), 5, 0, 0),
        ((0, 1, 2, 3, 4, 5, 6, 8, 9), 5, 1, 120),
    ],
    ids=["never", "once", "for a while", "twice", "just as long as `for`", "one minute less", "broken off"],
)
def test_a_condition_fires_once_it_has_held_for_as_long_as_for(
    minutes: tuple[int, ...], hold: int, times: int, seconds: float
) -> None:
    assert fired(series(*minutes), hold * 60_000) == (times, seconds)

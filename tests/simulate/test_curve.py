"""The laws of the traffic curve."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.simulate.curve import Curve

MONDAY = 1_795_392_000  # 2026-11-23 00:00 UTC
HOUR, DAY = 3600, 86_400


@given(st.floats(0, 2e9))
def test_the_level_is_a_share(time: float) -> None:
    assert 0 < Curve().level(time) <= 1


@given(st.integers(0, 7 * DAY))
def test_the_level_has_no_jump_but_at_midnight(second: int) -> None:
    later = second + 1
    if later % DAY:
        assert Curve().level(MONDAY + later) == pytest.approx(Curve().level(MONDAY + second), abs=0.001)


def test_there_is_less_traffic_at_night_and_on_sunday() -> None:
    noon, level = MONDAY + 14 * HOUR, Curve().level
    assert level(noon) > 2 * level(MONDAY + 3 * HOUR)
    assert level(noon) > 2 * level(noon + 6 * DAY)


def test_hours_begin_at_midnight_and_days_on_monday() -> None:
    curve = Curve(hours=(1.0, *[0.5] * 23), days=(1.0, *[0.0] * 5, 0.5))
    assert [curve.level(MONDAY + hour * HOUR) for hour in (-24, -23, 0, 1, 24)] == [0.5, 0.25, 1.0, 0.5, 0.0]
    assert curve.level(MONDAY + HOUR / 2) == 0.75


@pytest.mark.parametrize("shares", [(), (0.5,) * 23, (0.5,) * 25, (1.01, *[0.5] * 23), (-0.1, *[0.5] * 23)])
def test_what_is_no_share_of_each_hour_is_refused(shares: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="the hours of a traffic curve"):
        Curve(hours=shares)
    with pytest.raises(InputError, match="the days of a traffic curve"):
        Curve(days=shares)

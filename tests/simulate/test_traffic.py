"""The laws of the draws and of the traffic curve."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.simulate.clock import Clock
from regobs.simulate.draw import events, spread
from regobs.simulate.traffic import blob_size, level

seeded = Random  # an alias: a model needs no cryptographic generator
MONDAY = 1_795_392_000  # 2026-11-23 00:00 UTC


@given(st.floats(0, 2e9))
def test_the_level_is_a_share(time: float) -> None:
    assert 0 < level(time) <= 1


@given(st.integers(0, 7 * 86_400))
def test_the_level_has_no_jump_but_at_midnight(second: int) -> None:
    later = second + 1
    if later % 86_400:
        assert level(MONDAY + later) == pytest.approx(level(MONDAY + second), abs=0.001)


def test_there_is_less_traffic_at_night_and_on_sunday() -> None:
    noon = MONDAY + 14 * 3600
    assert level(noon) > 2 * level(MONDAY + 3 * 3600)
    assert level(noon) > 2 * level(noon + 6 * 86_400)


@given(st.integers(), st.floats(-5, 500))
def test_a_number_of_events_is_never_negative(seed: int, mean: float) -> None:
    assert events(seeded(seed), mean) >= 0


@pytest.mark.parametrize("mean", [0.1, 5, 30, 31, 200])
def test_the_mean_of_events_is_the_one_asked_for(mean: float) -> None:
    rng = seeded(7)
    assert sum(events(rng, mean) for _ in range(5000)) / 5000 == pytest.approx(mean, rel=0.1)


def test_half_of_a_spread_is_below_its_median() -> None:
    rng = seeded(7)
    assert sum(spread(rng, 3.0) < 3.0 for _ in range(4000)) / 4000 == pytest.approx(0.5, abs=0.03)


@given(st.integers())
def test_a_blob_has_a_size_that_a_registry_takes(seed: int) -> None:
    assert 32 <= blob_size(seeded(seed)) <= 10 * 2**30


def test_simulated_time_runs_at_its_speed() -> None:
    wall = [50.0]
    clock = Clock(1000.0, 20.0, lambda: wall[0])
    wall[0] += 3
    assert clock.now() == 1060.0
    assert clock.until(1100.0) == 2.0
    assert clock.until(900.0) == 0.0
    with pytest.raises(ValueError, match="stand still"):
        Clock(0, 0)

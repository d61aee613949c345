"""The laws of the draws, the mix of requests, and simulated time."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Flavor
from regobs.errors import InputError
from regobs.simulate import Plan
from regobs.simulate.clock import Clock
from regobs.simulate.draw import events, spread
from regobs.simulate.traffic import Mix, requests_of

seeded = Random  # an alias: a model needs no cryptographic generator


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


def test_a_weight_of_a_plan_takes_the_place_of_the_usual_one() -> None:
    weights = {kind.name: 0.0 for kind in requests_of(Flavor.GITLAB)} | {"GET tags": 3.0, "PUT manifest": 1.0}
    drawn = [outcome.kind.name for outcome in Mix(Plan(requests=weights)).draw(seeded(7), 4000)]
    assert set(drawn) == {"GET tags", "PUT manifest"}
    assert drawn.count("GET tags") == pytest.approx(3000, rel=0.05)


def test_a_mix_needs_a_request() -> None:
    with pytest.raises(InputError, match="weight of the mix is 0"):
        Mix(Plan(requests={kind.name: 0.0 for kind in requests_of(Flavor.GITLAB)}))


def test_routes_of_gitlab_s_api_are_asked_of_gitlab_alone() -> None:
    only = {kind.name for kind in requests_of(Flavor.GITLAB)} - {kind.name for kind in requests_of(Flavor.DISTRIBUTION)}
    assert {name.partition(" v1_")[0] for name in only} == {"GET"}


def test_simulated_time_runs_at_its_speed() -> None:
    wall = [50.0]
    clock = Clock(1000.0, 20.0, lambda: wall[0])
    wall[0] += 3
    assert clock.now() == 1060.0
    assert clock.until(1100.0) == 2.0
    assert clock.until(900.0) == 0.0
    with pytest.raises(ValueError, match="above 0"):
        Clock(0, 0)

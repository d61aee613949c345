"""What may be asked for: sizes, versions, capabilities that stand on others."""

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Capability, Flavor, Version
from regobs.errors import InputError
from regobs.simulate import Fault, Plan, Schedule
from regobs.simulate.faults import EFFECTS, FaultName
from regobs.simulate.plan import BlobSizeDistribution, Curve, chosen, possible, usual, version_of


@pytest.mark.parametrize("flavor", Flavor)
def test_a_plan_without_wishes_has_the_newest_version_and_the_usual_capabilities(flavor: Flavor) -> None:
    plan = Plan(flavor=flavor)
    assert plan.version is not None
    assert plan.capabilities == usual(flavor, plan.version) <= possible(flavor, plan.version)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"pods": 0}, "size of the fleet is wrong"),
        ({"replicas": 0}, "size of the fleet is wrong"),
        ({"rate": -1}, "size of the fleet is wrong"),
        ({"pods": 1, "zones": ("b", "c")}, "more zones than pods"),
        ({"version": Version(4, 30)}, "not simulated"),
        ({"flavor": Flavor.DISTRIBUTION, "capabilities": frozenset({Capability.REDIS})}, "has no redis"),
        ({"capabilities": frozenset({Capability.LOAD_BALANCING})}, "needs metadata_database and redis"),
        ({"capabilities": frozenset({Capability.METADATA_DATABASE, Capability.DESCRIPTOR_CACHE})}, "never asks"),
        ({"capabilities": frozenset({Capability.NODE_EXPORTER})}, "has no node_exporter"),
    ],
)
def test_a_fleet_that_can_not_be_is_refused(values: dict[str, Any], part: str) -> None:
    with pytest.raises(InputError, match=part):
        Plan(**values)


@pytest.mark.parametrize("name", FaultName)
def test_a_fault_that_can_strike_nothing_is_refused(name: FaultName) -> None:
    bare = Plan(capabilities=frozenset())
    if EFFECTS[name].needs or name is FaultName.ZONE_OUTAGE:
        with pytest.raises(InputError, match="strikes nothing"):
            replace(bare, faults=Schedule([Fault(name, 0, 60)]))
    Plan(zones=("b",), faults=Schedule([Fault(name, 0, 60)])).check_fault(name)


def test_the_oldest_version_that_is_simulated_is_taken() -> None:
    assert Plan(version=Version(4, 31)).has(Capability.METADATA_DATABASE)


def test_capabilities_are_switched_on_and_off_by_name() -> None:
    found = chosen(Flavor.DISTRIBUTION, None, ["proxy"], ["notifications"])
    assert Capability.PROXY in found
    assert Capability.NOTIFICATIONS not in found


def test_a_version_is_read_or_refused() -> None:
    assert version_of(None) is None
    assert version_of("v4.32.1-gitlab") == Version(4, 32, 1)
    with pytest.raises(InputError, match="no version"):
        version_of("newest")


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


seeded = Random  # an alias: a model needs no cryptographic generator


@given(st.integers())
def test_a_blob_has_a_size_that_a_registry_takes(seed: int) -> None:
    assert 32 <= BlobSizeDistribution().draw(seeded(seed)) <= 10 * 2**30


def test_half_is_below_the_median_and_one_of_a_hundred_above_p99() -> None:
    sizes, rng = BlobSizeDistribution(median=1000, p99=50_000, largest=10**9), seeded(7)
    drawn = [sizes.draw(rng) for _ in range(20_000)]
    assert sum(size < 1000 for size in drawn) / 20_000 == pytest.approx(0.5, abs=0.01)
    assert sum(size > 50_000 for size in drawn) / 20_000 == pytest.approx(0.01, abs=0.003)


def test_all_may_have_one_size() -> None:
    assert BlobSizeDistribution(median=32, p99=32, largest=32).draw(seeded(7)) == 32


@pytest.mark.parametrize("sizes", [(31, 50, 60), (50, 49, 60), (50, 60, 59)])
def test_sizes_that_are_not_in_order_are_refused(sizes: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="not in order"):
        BlobSizeDistribution(*sizes)

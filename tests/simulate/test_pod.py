"""Parts of pods that are left out, and pods that are, change nothing in what stays."""

from __future__ import annotations

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Flavor
from regobs.simulate import Fleet, Plan
from regobs.simulate.pod import PartName, independent, parts_for

COMPONENTS = sorted({metric.component for metric in METRICS.values() if metric.exposer == "registry"})
START = 1_795_000_000.0


def families(*components: str) -> frozenset[str]:
    return frozenset(name for name, metric in METRICS.items() if metric.component in components)


def plan(flavor: Flavor = Flavor.GITLAB) -> Plan:
    return Plan(flavor=flavor, pods=2, rate=2, start=START, warm=300)


def lines(fleet: Fleet, pod: int, shown: frozenset[str]) -> list[str]:
    made = fleet.pods[pod].instruments
    families = [family for family in made.families() if family.name in shown]
    return [child.lines(openmetrics=True) for family in families for child in family.children()]


@pytest.fixture(scope="module", params=Flavor)
def whole(request: pytest.FixtureRequest) -> Fleet:
    fleet = Fleet(plan(request.param))
    fleet.advance(60)
    return fleet


@pytest.mark.parametrize("component", COMPONENTS)
def test_what_a_part_shows_is_the_same_without_the_other_parts(whole: Fleet, component: str) -> None:
    shown = families(component)
    fleet = Fleet(whole.plan, families=shown)
    fleet.advance(60)
    for pod in range(2):
        assert lines(fleet, pod, shown) == lines(whole, pod, shown)


def test_a_part_that_is_left_out_does_not_move_on() -> None:
    fleet = Fleet(plan(), families=families("http"))
    assert fleet.pods[0].instruments.render().count(b"registry_storage_action_seconds_bucket") == 0


@pytest.mark.parametrize("component", [name for name in COMPONENTS if independent(parts_for(families(name)))])
def test_a_pod_alone_is_as_it_is_in_its_fleet(whole: Fleet, component: str) -> None:
    shown = families(component)
    fleet = Fleet(whole.plan, numbers=[1], families=shown)
    fleet.advance(60)
    assert [pod.name for pod in fleet.pods] == ["registry-1"]
    assert lines(fleet, 0, shown) == lines(whole, 1, shown)


def test_pods_that_collect_garbage_share_its_queues() -> None:
    assert not independent(parts_for(families("gc")))
    assert not independent(parts_for(None))
    assert independent(parts_for(families("http", "redis", "process")))
    assert parts_for(families("database")) == {PartName.COLLECTION, PartName.LEADER, PartName.DATABASE}

"""What may be asked for: sizes, versions, capabilities that stand on others."""

from dataclasses import replace
from typing import Any

import pytest

from regobs.catalog.model import Capability, Flavor, Version
from regobs.errors import InputError
from regobs.simulate import Fault, Plan, Schedule
from regobs.simulate.effects import EFFECTS
from regobs.simulate.faults import Name
from regobs.simulate.plan import chosen, possible, usual, version_of


@pytest.mark.parametrize("flavor", Flavor)
def test_a_plan_without_wishes_has_the_newest_version_and_the_usual_capabilities(flavor: Flavor) -> None:
    plan = Plan(flavor=flavor)
    assert plan.version is not None
    assert plan.capabilities == usual(flavor, plan.version) <= possible(flavor, plan.version)


@pytest.mark.parametrize(
    ("values", "part"),
    [
        ({"pods": 0}, "no size"),
        ({"replicas": 0}, "no size"),
        ({"rate": -1}, "no size"),
        ({"pods": 1, "zones": ("b", "c")}, "zone without a pod"),
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


@pytest.mark.parametrize("name", Name)
def test_a_fault_that_can_strike_nothing_is_refused(name: Name) -> None:
    bare = Plan(capabilities=frozenset())
    if EFFECTS[name].needs or name is Name.ZONE_OUTAGE:
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

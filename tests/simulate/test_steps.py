"""Which pods are there during faults, and that the others get their requests."""

import pytest

from regobs.catalog import process
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.faults import FaultName
from regobs.simulate.steps import TimeStep, load, present
from regobs.testing import sample

START = 1_795_000_000.0
ZONES = ("b", "c", "d")


def there(plan: Plan, name: FaultName, elapsed: float) -> tuple[list[int], float]:
    moment = TimeStep(START + elapsed + 10, elapsed, 10, {name: 0.5})
    return [number for number in range(plan.pods) if present(plan, number, moment)], load(plan, moment)


def test_pods_are_put_into_zones_in_turn() -> None:
    assert [Plan(pods=4, zones=ZONES).zone(number) for number in range(4)] == ["b", "c", "d", "b"]
    assert Plan(pods=2).zone(1) == ""


@pytest.mark.parametrize(
    ("fault", "elapsed", "found", "share"),
    [
        (FaultName.ERROR_BURST, 0, [0, 1, 2, 3], 1),
        (FaultName.CRASH_LOOP, 39, [0, 1, 2, 3], 1),
        (FaultName.CRASH_LOOP, 41, [0, 1, 2], 4 / 3),
        (FaultName.ZONE_OUTAGE, 0, [0, 1, 3], 4 / 3),
    ],
)
def test_those_that_are_there_get_the_requests(
    fault: FaultName, elapsed: float, found: list[int], share: float
) -> None:
    assert there(Plan(pods=4, zones=ZONES), fault, elapsed) == (found, share)


def test_the_only_zone_takes_all_pods_with_it() -> None:
    assert there(Plan(pods=2, zones=("b",)), FaultName.ZONE_OUTAGE, 0) == ([], 0)


def test_a_zone_goes_and_comes_back_with_processes_that_have_just_started() -> None:
    outage = Schedule([Fault(FaultName.ZONE_OUTAGE, 0, 60)])
    fleet = Fleet(Plan(pods=4, zones=("b", "c"), rate=1, warm=60, start=START, faults=outage))
    fleet.advance(10)
    assert [pod.up for pod in fleet.pods] == [True, False, True, False]
    assert [pod.labels for pod in fleet.pods[:2]] == [{"zone": "b"}, {"zone": "c"}]
    for _ in range(6):
        fleet.advance(10)
    assert [pod.up for pod in fleet.pods] == [True] * 4
    began = [sample(pod.instruments, process.START_TIME) for pod in fleet.pods]
    assert began == [START - 60, START + 70, START - 60, START + 70]

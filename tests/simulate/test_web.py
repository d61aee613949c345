"""The laws of the requests of a pod: how many, which, how they end, how long they take."""

from __future__ import annotations

import math

import pytest

from regobs.catalog import http
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.plan import Curve
from regobs.simulate.steps import TimeStep
from regobs.simulate.traffic import REQUESTS

START = 1_795_000_000.0
RATE, STEP, STEPS = 40.0, 300.0, 100
SIGMAS = 5  # deviations that a draw of a fixed seed may have


def advanced(*faults: str) -> Fleet:
    schedule = Schedule(Fault.parse(text) for text in faults)
    families = frozenset({http.REQUESTS.name, http.DURATION.name})
    fleet = Fleet(Plan(pods=1, rate=RATE, start=START, warm=0, faults=schedule), families=families)
    for _ in range(STEPS):
        fleet.advance(STEP)
    return fleet


@pytest.fixture(scope="module")
def calm() -> Fleet:
    return advanced()


def counts(fleet: Fleet) -> dict[tuple[str, str, str], float]:
    """Requests by route, method and code as exposed."""
    samples = fleet.pods[0].instruments.counter(http.REQUESTS).samples()
    return {(labels["route"], labels["method"], labels["code"]): value for _, labels, value in samples}


def expected_requests() -> float:
    return sum(RATE * Curve().level(START + STEP * (number + 1)) * STEP for number in range(STEPS))


def near(found: float, expected: float) -> bool:
    return abs(found - expected) <= SIGMAS * math.sqrt(expected) + 1


def test_as_many_requests_come_as_the_plan_says(calm: Fleet) -> None:
    assert near(sum(counts(calm).values()), expected_requests())


def test_each_kind_ends_in_each_way_as_often_as_its_weights_say(calm: Fleet) -> None:
    form = http.REQUESTS.form(calm.plan.flavor)
    assert form is not None
    routes = form.label("route")
    assert routes is not None
    found, total = counts(calm), sum(kind.weight for kind in REQUESTS)
    wanted: dict[tuple[str, str, str], float] = {}
    for kind in REQUESTS:
        for code, share in kind.codes:
            shown = 307 if kind.blob == "out" and code < 400 else code
            exposed = routes.words.get(kind.route, kind.route)
            key = (exposed, kind.method.lower(), str(shown))
            wanted[key] = wanted.get(key, 0) + expected_requests() * kind.weight / total * share
    assert {key for key, mean in wanted.items() if mean > 50} <= found.keys() <= wanted.keys()
    assert {key: found.get(key, 0) for key, mean in wanted.items() if not near(found.get(key, 0), mean)} == {}


@pytest.mark.parametrize("kind", REQUESTS, ids=lambda kind: f"{kind.route}-{kind.method}")
def test_the_ways_in_which_a_kind_ends_are_all_of_it(kind: object) -> None:
    assert sum(share for _, share in kind.codes) == pytest.approx(1)  # type: ignore[attr-defined]


def test_half_of_the_manifests_take_longer_than_the_median(calm: Fleet) -> None:
    family = calm.pods[0].instruments.histogram(http.DURATION)
    child = family.child(route="manifest", method="get", code=200)
    below = dict(zip(family.edges, child.numbers(), strict=False))
    share = below[0.025] / child.numbers()[-2]
    median = next(kind.median for kind in REQUESTS if (kind.route, kind.method) == ("manifest", "GET"))
    expected = 0.5 * math.erfc(-math.log(0.025 / median) / 0.6 / math.sqrt(2))
    assert share == pytest.approx(expected, abs=0.01)


def test_an_error_burst_breaks_its_share() -> None:
    found = counts(advanced("error-burst@0+1d"))
    broken = sum(value for (_, _, code), value in found.items() if code in {"500", "502", "503"})
    assert broken / sum(found.values()) == pytest.approx(0.3, abs=0.01)


def test_those_inside_are_as_many_as_the_law_of_little_says() -> None:
    plan = Plan(pods=1, rate=RATE, start=START, warm=0)
    fleet = Fleet(plan, families=frozenset({http.IN_FLIGHT.name}))
    gauge, found, mean = fleet.pods[0].instruments.gauge(http.IN_FLIGHT), 0.0, 0.0
    for _ in range(400):
        before = fleet.pods[0]._web._seconds
        fleet.advance(15)
        mean += RATE * Curve().level(fleet.time) * before
        found += sum(child.value for child in gauge.children())
    assert near(found, mean)


def test_requests_that_are_inside_end_in_the_next_step() -> None:
    fleet = Fleet(Plan(pods=1, rate=10 * RATE, start=START, warm=0))
    web = fleet.pods[0]._web
    web.advance(TimeStep(START, 0, 15, {}))
    inside = len(web._inside)
    assert inside > 0
    assert web.advance(TimeStep(START, 0, 0, {})).requests == inside

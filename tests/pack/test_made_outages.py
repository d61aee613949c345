"""Thirteen outages, signal by signal as a real registry showed them: each is told once, in time, by its right cause."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import yaml

from regobs.catalog.model import Capability
from regobs.pack import bundled
from regobs.promql.infer import infer
from regobs.promql.parse import parse
from regobs.slo import outputs
from tests.pack.made_outages import ALONE, ALWAYS, LENGTH, OUTAGES, START, TWICE, Outage, recording
from tests.pack.replay import Fired, replay
from tests.pack.told import Told, told
from tests.slo.conftest import promtool_of
from tests.slo.packs import BUNDLED, GITLAB, bundled_alerts, bundled_rules

pytestmark = pytest.mark.server

NOT_THERE = {
    *(Capability.REGISTRY_PROBE, Capability.KUBERNETES, Capability.PGBOUNCER_EXPORTER, Capability.PROMETHEUS),
    *(Capability.ALERTMANAGER, Capability.LOG_EXPORTER, Capability.NOTIFICATION_EXPORTER, Capability.DATABASE_EXPORTER),
}
# The SLO that most of these outages burn; all of them would take a minute.
BURNING = "slo-blob-upload-availability.yaml"
HELPERS = {
    "RegistryWatchdog",
    "RegistryOutageRecent",
    "RegistryEveryInstanceFails",
    "RegistryFailureOfOutage",
    "RegistryFailureRecent",
    "RegistryOutageInWindow",
    "RegistryBurnOver",
    "RegistryRedisOutageRecent",
    "RegistryNotificationsFailRecent",
}
FAULTS = [name for name, outage in OUTAGES.items() if outage.cause]


@dataclass(frozen=True, slots=True)
class Replayed:
    """What fired and what was told, in seconds from the start."""

    fired: tuple[Fired, ...]
    told: tuple[Told, ...]


def replayed(directory: Path, outages: Iterable[Outage], length: int, *, probe: bool) -> Replayed:
    missing = NOT_THERE if probe else {*NOT_THERE, Capability.PROBE}
    config = replace(GITLAB, capabilities=frozenset(Capability) - missing)
    for name, content in outputs.files(BUNDLED, config).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    files = sorted((directory / "prometheus/rules").iterdir())
    rules = [path for path in files if not path.name.startswith("slo-") or (probe and path.name == BURNING)]
    fired = replay(promtool_of("debian"), recording(outages, length, probe=probe), rules, directory)
    told_ = told(directory, fired)
    return Replayed(
        tuple(replace(one, start=one.start - START, end=one.end - START) for one in fired),
        tuple(replace(one, time=one.time - START) for one in told_),
    )


@pytest.fixture(scope="module", params=[True, False], ids=["with a probe", "without a probe"])
def all_of_them(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[bool, Replayed]:
    probe: bool = request.param
    return probe, replayed(tmp_path_factory.mktemp("build"), OUTAGES.values(), LENGTH, probe=probe)


@pytest.mark.parametrize("name", FAULTS)
def test_the_cause_is_told_in_time_and_while_it_lasts(all_of_them: tuple[bool, Replayed], name: str) -> None:
    probe, seen = all_of_them
    outage = OUTAGES[name]
    cause = outage.cause if probe or not outage.without_probe else outage.without_probe
    times = [one.time for one in seen.told if one.name == cause and outage.start <= one.time <= outage.end]
    assert len(times) == 1, outage.what
    assert times[0] - outage.start <= (180 if outage.pages else 300)
    receiver = next(one.receiver for one in seen.told if one.time == times[0] and one.name == cause)
    assert receiver == ("pager" if outage.pages else "tickets")


def test_nothing_else_is_told_and_nothing_after_recovery(all_of_them: tuple[bool, Replayed]) -> None:
    probe, seen = all_of_them
    expected = [
        outage.cause if probe or not outage.without_probe else outage.without_probe
        for outage in OUTAGES.values()
        if outage.cause
    ]
    apart = [one for one in seen.told if one.name not in HELPERS and 'endpoint="bad"' not in one.labels]
    assert [one.name for one in apart] == expected


def test_the_endpoint_that_always_fails_is_told_once(all_of_them: tuple[bool, Replayed]) -> None:
    _, seen = all_of_them
    assert [one.name for one in seen.told if 'endpoint="bad"' in one.labels] == ["RegistryNotificationsStuck"]


def test_a_replica_that_is_not_taken_back_stays_a_ticket_until_the_restart(all_of_them: tuple[bool, Replayed]) -> None:
    _, seen = all_of_them
    (empty,) = [one for one in seen.fired if one.name == "RegistryReplicaPoolEmpty"]
    assert OUTAGES["5"].end < OUTAGES["a third restart"].start <= empty.end <= OUTAGES["a third restart"].end + 30


def test_no_alert_begins_after_the_last_recovery_of_an_outage(all_of_them: tuple[bool, Replayed]) -> None:
    _, seen = all_of_them
    spans = [(outage.start, outage.end + 15) for outage in OUTAGES.values()]
    for one in seen.fired:
        if one.name not in HELPERS and one.name not in ALWAYS:
            assert any(start <= one.start <= end for start, end in spans), one


@pytest.mark.parametrize("name", ALONE)
def test_an_outage_alone_is_told_once_by_its_cause_and_not_by_its_burn(tmp_path: Path, name: str) -> None:
    outage = ALONE[name]
    seen = replayed(tmp_path, [outage], outage.end + 900, probe=True)
    burns = [one for one in seen.fired if one.name == "RegistryAvailabilityBurn"]
    cause = next(one for one in seen.fired if one.name == outage.cause)
    assert not outage.pages or burns
    assert all(one.start < cause.end for one in burns)  # while the cause fires, which alone is told
    apart = [one for one in seen.told if one.name not in HELPERS and not re.search('endpoint="bad"', one.labels)]
    limit = 180 if outage.pages else 300
    assert [(one.name, one.time - outage.start <= limit) for one in apart] == [(outage.cause, True)]


def test_an_outage_that_begins_a_minute_after_another_one_is_told(tmp_path: Path) -> None:
    seen = replayed(tmp_path, TWICE, TWICE[-1].end + 900, probe=True)
    apart = [one for one in seen.told if one.name not in HELPERS and 'endpoint="bad"' not in one.labels]
    assert [one.name for one in apart] == [outage.cause for outage in TWICE]
    assert all(one.time - outage.start <= 180 for one, outage in zip(apart, TWICE, strict=True))


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All rules and the routing of a deployment that has everything."""
    directory = tmp_path_factory.mktemp("build")
    for name, content in outputs.files(BUNDLED, replace(GITLAB, capabilities=frozenset(Capability))).items():
        (directory / name).parent.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(content)
    return directory


@pytest.mark.parametrize(("tier", "announced"), [("1h", True), ("6h", False), ("1d", False), ("3d", False)])
def test_a_burn_of_a_slower_tier_is_not_told_while_an_announced_outage_is_in_its_windows(
    build: Path, tier: str, announced: bool
) -> None:
    seen = [Fired("RegistryOutageInWindow", f'tier="{slower}"', 0, 3600) for slower in ("6h", "1d", "3d")]
    burn = Fired("RegistryAvailabilityBurn", f'slo="blob-upload-availability", tier="{tier}"', 600, 3600)
    assert bool(told(build, [*seen, burn])) is announced


@pytest.mark.parametrize(("route", "announced"), [("/v2/{name}/tags/list", False), ("/v2/_catalog", True)])
def test_a_route_that_fails_after_an_announced_outage_is_told_unless_it_fails_since_then(
    build: Path, route: str, announced: bool
) -> None:
    outage = [Fired(name, "", 0, 1080) for name in ("RegistryOutageRecent", "RegistryOutageInWindow")]
    since = Fired("RegistryFailureOfOutage", 'method="get", route="/v2/{name}/tags/list"', 0, 480)
    fails = Fired("RegistryRouteFails", f'method="get", route="{route}"', 300, 480)
    assert bool(told(build, [*outage, since, fails])) is announced


def test_what_holds_back_routes_knows_the_same_outages_as_what_holds_back_burns() -> None:
    announced = "registry:outages_announced:count"
    assert all(
        announced in bundled_alerts()[name]["expr"] for name in ("RegistryOutageRecent", "RegistryFailureOfOutage")
    )
    (file,) = (file for file in bundled_rules().rule_files if file.name == "incidents")
    (record,) = (rule for group in file.groups for rule in group["rules"] if rule.get("record") == announced)
    listed = set(re.findall(r"Registry\w+", record["expr"]))
    assert len(listed) > 15
    assert listed <= set(bundled_alerts())


@pytest.mark.parametrize(("slo", "announced"), [("blob-upload-availability", False), ("pull-blob-availability", True)])
def test_a_burn_that_few_requests_keep_up_is_not_told_while_they_go_well(
    build: Path, slo: str, announced: bool
) -> None:
    over = Fired("RegistryBurnOver", 'slo="blob-upload-availability", tier="1h"', 0, 3600)
    burn = Fired("RegistryAvailabilityBurn", f'slo="{slo}", tier="1h"', 600, 3600)
    assert bool(told(build, [over, burn])) is announced


def test_what_holds_a_burn_back_has_the_labels_that_must_be_equal() -> None:
    text = yaml.safe_load((bundled() / "alerts/routing.yaml").read_text())
    asked = {
        name: set(rule["equal"])
        for rule in text["inhibit_rules"]
        for matcher in rule.get("source_matchers", ())
        for name in re.findall(r"Registry\w+", matcher)
        if name in ("RegistryBurnOver", "RegistryOutageInWindow")
    }
    assert asked == {"RegistryBurnOver": {"slo", "tier"}, "RegistryOutageInWindow": {"tier"}}
    for name, labels in asked.items():
        for group in (group for file in bundled_rules().rule_files for group in file.groups):
            for rule in (rule for rule in group["rules"] if rule.get("alert") == name):
                kept = set(infer(parse(rule["expr"])).labels or ()) | set(rule["labels"])
                assert labels <= kept, name


@pytest.mark.parametrize(("operation", "announced"), [("notification", False), ("blob_upload", True)])
def test_a_burn_of_notifications_is_not_told_beside_their_endpoint(
    build: Path, operation: str, announced: bool
) -> None:
    stuck = Fired("RegistryNotificationsStuck", 'endpoint="a"', 0, 3600)
    burn = Fired("RegistryAvailabilityBurn", f'slo="a", operation="{operation}", tier="1h"', 60, 3600)
    names = {one.name for one in told(build, [stuck, burn])}
    assert names == {"RegistryNotificationsStuck"} | ({"RegistryAvailabilityBurn"} if announced else set())

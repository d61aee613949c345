"""Each fault of a fleet fires its alerts in a real Prometheus rule engine; without a fault none fires.

What the pods expose is given to promtool, which evaluates the rules of a build on it: with Debian's promtool those for
causes and those of one SLO of each kind, with that of Prometheus 3 all.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs import slo
from regobs.catalog.model import Flavor
from regobs.config import Config, PrometheusSettings
from regobs.instrument.core.exposition import slices
from regobs.pack import find_pack
from regobs.promql import Duration, parse
from regobs.promql.walk import selectors
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.faults import EFFECTS, FaultName
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.pod import Pod
from tests.slo.conftest import DEBIAN, PEER, promtool_of
from tests.slo.packs import run_tests

pytestmark = pytest.mark.timeout(200)

MINUTE, HOUR = 60, 3600
START = 1_795_003_200.0  # 2026-11-18 12:00 UTC, a Wednesday
CALM = 15 * MINUTE  # before the fault; RegistryNoTraffic wants traffic that it can miss
STEP = 30  # seconds of a step of the model at most
FLAVOR = Flavor.GITLAB
CONFIG = Config(
    flavor=FLAVOR,
    version=NEWEST[FLAVOR],
    capabilities=usual(FLAVOR, NEWEST[FLAVOR]),
    prometheus=PrometheusSettings(scrape_interval=Duration(MINUTE * 1000)),  # rates over a minute become some over four
)
BURNS = ("RegistryAvailabilityBurn", "RegistryLatencyBurn")
FEW = re.compile(r"(?!slo-).*|slo-pull-manifest-(availability|latency)")
# What follows from a cause by alerts/routing.yaml is not announced beside it.
FOLLOWS = frozenset(
    name
    for rule in yaml.safe_load(find_pack().file("alerts", "routing.yaml").read())["inhibit_rules"]
    for matcher in rule.get("target_matchers", ())
    for name in re.findall(r"Registry\w+", matcher)
)
# They tell nobody.
HELPERS = (
    "RegistryWatchdog",
    "RegistryOutageRecent",
    "RegistryEveryInstanceFails",
    "RegistryFailureOfOutage",
    "RegistryFailureRecent",
    "RegistryOutageInWindow",
    "RegistryBurnOver",
    "RegistryRedisOutageRecent",
    "RegistryNotificationsFailRecent",
)


@dataclass(frozen=True)
class Case:
    """A fault of so many minutes, and after how many more its alerts are silent (None: that takes days)."""

    fault: FaultName
    minutes: int
    silent: int | None = 20
    step: int = MINUTE  # seconds between two scrapes


CASES = (
    Case(FaultName.ERROR_BURST, 10),
    Case(FaultName.LATENCY_RAMP, 40),
    Case(FaultName.POOL_EXHAUSTION, 12),
    Case(FaultName.REPLICA_LAG, 20),
    Case(FaultName.REDIS_LOSS, 12),
    Case(FaultName.GC_BACKLOG, 90, silent=None),
    Case(FaultName.NOTIFICATIONS_DOWN, 35, silent=35),
    Case(FaultName.STORAGE_THROTTLING, 20),
    Case(FaultName.STUCK_MIGRATION, 20),
    Case(FaultName.CRASH_LOOP, 15, step=20),
    Case(FaultName.NO_TRAFFIC, 15),
    Case(FaultName.ZONE_OUTAGE, 6),
)


# Of the oldest Prometheus that is supported `make test` asks these, `make test-all` the others too; `make test-peers`
# asks all of Prometheus 3.
OFTEN = {
    *(FaultName.ERROR_BURST, FaultName.LATENCY_RAMP, FaultName.POOL_EXHAUSTION),
    *(FaultName.CRASH_LOOP, FaultName.NO_TRAFFIC, FaultName.ZONE_OUTAGE),
}


@dataclass(frozen=True)
class Rules:
    """Rule files, the promtool that evaluates them, and the names of the series that they read."""

    files: tuple[Path, ...]
    promtool: Path
    names: frozenset[str]


@pytest.fixture(scope="module")
def rules(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Rules:
    """The rules of a build in a directory."""
    promtool = promtool_of(request.param)
    folder, files = tmp_path_factory.mktemp("rules"), []
    for name, content in slo.files(find_pack(), CONFIG).items():
        file = folder / Path(name).name
        if name.startswith("prometheus/rules/") and (request.param != "debian" or FEW.fullmatch(file.stem)):
            file.write_bytes(content)
            files.append(file)
    texts = (
        rule["expr"]
        for file in files
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
    )
    names = {str(selector.metric) for text in texts for selector in selectors(parse(text))}
    return Rules(tuple(files), promtool, frozenset(names))


def scraped(pod: Pod, names: frozenset[str]) -> Iterator[tuple[str, str]]:
    """The series of a pod that have these names, as Prometheus labels them, with their values."""
    target = f'instance="{pod.name}:5001",job="registry"'
    yield f"up{{{target}}}", str(int(pod.up))
    families = (one for one in pod.instruments.families() if any(name.startswith(one.name) for name in names))
    for line in b"".join(slices(families if pod.up else (), openmetrics=False)).decode().splitlines():
        series, _, value = line.rpartition(" ")
        name, _, labels = series.partition("{")
        if name in names:
            own = labels.replace('instance="', 'exported_instance="', 1).removesuffix("}")
            yield f"{name}{{{','.join(filter(None, (target, own)))}}}", value


def history(fleet: Fleet, seconds: int, step: int, names: frozenset[str]) -> list[dict[str, str]]:
    """What Prometheus would have scraped every `step` seconds, in promtool's notation; `_` is no sample."""
    count = seconds // step
    found: dict[str, list[str]] = {}
    for number in range(count):
        for _ in range(max(1, step // STEP)):
            fleet.advance(min(step, STEP))
        for pod in fleet.pods:
            for series, value in scraped(pod, names):
                found.setdefault(series, ["_"] * count)[number] = value
    return [{"series": name, "values": " ".join(values)} for name, values in found.items()]


def firing(second: int, alerts: tuple[str, ...] = (), ignored: tuple[str, ...] = ()) -> dict[str, Any]:
    """The expectation that these alerts fire at this time, and no others; whether `ignored` do is not looked at."""
    but = f',alertname!~"{"|".join((*ignored, *HELPERS))}"'
    return {
        "expr": f'group by (alertname) (ALERTS{{alertstate="firing"{but}}})',
        "eval_time": f"{second}s",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in sorted(alerts)],
    }


def check(rules: Rules, folder: Path, step: int, fed: list[dict[str, str]], looks: list[dict[str, Any]]) -> str:
    """What promtool says against it."""
    tests = {
        "rule_files": [str(file) for file in rules.files],
        "evaluation_interval": f"{step}s",
        "tests": [{"interval": f"{step}s", "input_series": fed, "promql_expr_test": looks}],
    }
    file = folder / "fault.test.yaml"
    file.write_text(json.dumps(tests))  # JSON is YAML, and quickly written
    done = run_tests(rules.promtool, file)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def fleet(*faults: Fault) -> Fleet:
    return Fleet(Plan(pods=2, zones=("b", "c"), rate=1, start=START, faults=Schedule(faults)))


def test_every_fault_has_a_case_and_an_alert() -> None:
    assert sorted(one.fault for one in CASES) == sorted(EFFECTS) == sorted(FaultName)
    assert all(effect.alerts for effect in EFFECTS.values())


def judged(program: str, one: Case) -> Any:
    """A case for one promtool, marked for the run that asks it."""
    marks = [pytest.mark.peer] if program == "3.x" else [pytest.mark.server]
    marks += [pytest.mark.long] if program == "debian" and one.fault not in OFTEN else []
    return pytest.param(program, one, marks=marks, id=f"{program}-{one.fault}")


@pytest.mark.parametrize(
    ("rules", "one"), [judged(program, one) for program in ("debian", "3.x") for one in CASES], indirect=["rules"]
)
def test_a_fault_fires_its_alerts_and_no_others(rules: Rules, tmp_path: Path, one: Case) -> None:
    effect, until = EFFECTS[one.fault], CALM + one.minutes * MINUTE
    end = until + (one.silent or 0) * MINUTE
    looks = [
        firing(CALM - one.step),  # as promtool counts: its first sample was taken after one step
        firing(until - one.step, effect.alerts, (*effect.pains, *sorted(FOLLOWS - {*effect.alerts}))),
    ]
    if one.silent is not None:
        looks.append(firing(end - one.step, ignored=BURNS))  # budgets remember for days
    fed = history(fleet(Fault(one.fault, CALM, one.minutes * MINUTE)), end, one.step, rules.names)
    assert check(rules, tmp_path, one.step, fed, looks) == ""


@pytest.mark.parametrize("rules", [DEBIAN, PEER], indirect=True)
def test_a_fleet_without_faults_fires_none(rules: Rules, tmp_path: Path) -> None:
    longest = CALM + max(one.minutes + (one.silent or 0) for one in CASES) * MINUTE
    fed = history(fleet(), longest, MINUTE, rules.names)
    assert len({one["series"].partition("{")[0] for one in fed}) > 15
    looks = [firing(second) for second in range(5 * MINUTE, longest, 5 * MINUTE)]
    assert check(rules, tmp_path, MINUTE, fed, looks) == ""

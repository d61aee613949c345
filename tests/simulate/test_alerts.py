"""Each fault of a fleet fires its alerts in a real Prometheus rule engine; without a fault none fires.

What the pods expose is given to promtool, which evaluates the rules of a build on it: with Debian's promtool those for
causes and those of one SLO of each kind, with that of Prometheus 3 all.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs import slo
from regobs.catalog.model import Flavor
from regobs.config import Config
from regobs.instrument.exposition import slices
from regobs.pack import find_pack
from regobs.promql import parse
from regobs.promql.walk import selectors
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.effects import EFFECTS
from regobs.simulate.faults import Name
from regobs.simulate.plan import NEWEST, usual
from regobs.simulate.pod import Pod
from tests.slo.conftest import DEBIAN, PEER, promtool_of

pytestmark = pytest.mark.timeout(200)

MINUTE, HOUR = 60, 3600
START = 1_795_003_200.0  # 2026-11-18 12:00 UTC, a Wednesday
CALM = 15 * MINUTE  # before the fault; RegistryNoTraffic wants traffic that it can miss
STEP = 30  # seconds of a step of the model at most
FLAVOR = Flavor.GITLAB
CONFIG = Config(flavor=FLAVOR, version=NEWEST[FLAVOR], capabilities=usual(FLAVOR, NEWEST[FLAVOR]))
BURNS = ("RegistryAvailabilityBurn", "RegistryLatencyBurn")
FEW = re.compile(r"causes|slo-pull-manifest-(availability|latency)")


@dataclass(frozen=True)
class Case:
    """A fault of so many minutes, and after how many more its alerts are silent (None: that takes days)."""

    fault: Name
    minutes: int
    silent: int | None = 20
    step: int = MINUTE  # seconds between two scrapes


CASES = (
    Case(Name.ERROR_BURST, 10),
    Case(Name.LATENCY_RAMP, 40),
    Case(Name.POOL_EXHAUSTION, 12),
    Case(Name.REPLICA_LAG, 20),
    Case(Name.REDIS_LOSS, 12),
    Case(Name.GC_BACKLOG, 90, silent=None),
    Case(Name.NOTIFICATIONS_DOWN, 35, silent=35),
    Case(Name.STORAGE_THROTTLING, 20),
    Case(Name.STUCK_MIGRATION, 20),
    Case(Name.CRASH_LOOP, 15, step=20),
    Case(Name.NO_TRAFFIC, 15),
    Case(Name.ZONE_OUTAGE, 6),
)


@dataclass(frozen=True)
class Rules:
    """Rule files, the promtool that evaluates them, and the names of the series that they read."""

    files: tuple[Path, ...]
    promtool: Path
    names: frozenset[str]


@pytest.fixture(scope="module", params=[DEBIAN, PEER])
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
    but = f',alertname!~"{"|".join(ignored)}"' if ignored else ""
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
    command = [str(rules.promtool), "test", "rules", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else done.stdout + done.stderr


def fleet(*faults: Fault) -> Fleet:
    return Fleet(Plan(pods=2, zones=("b", "c"), rate=1, start=START, faults=Schedule(faults)))


def test_every_fault_has_a_case_and_an_alert() -> None:
    assert sorted(one.fault for one in CASES) == sorted(EFFECTS) == sorted(Name)
    assert all(effect.alerts for effect in EFFECTS.values())


@pytest.mark.parametrize("one", CASES, ids=lambda one: str(one.fault))
def test_a_fault_fires_its_alerts_and_no_others(rules: Rules, tmp_path: Path, one: Case) -> None:
    effect, until = EFFECTS[one.fault], CALM + one.minutes * MINUTE
    end = until + (one.silent or 0) * MINUTE
    looks = [firing(CALM), firing(until - one.step, effect.alerts, effect.pains)]
    if one.silent is not None:
        looks.append(firing(end - one.step, ignored=BURNS))  # budgets remember for days
    fed = history(fleet(Fault(one.fault, CALM, one.minutes * MINUTE)), end, one.step, rules.names)
    assert check(rules, tmp_path, one.step, fed, looks) == ""


def test_a_fleet_without_faults_fires_none(rules: Rules, tmp_path: Path) -> None:
    longest = CALM + max(one.minutes + (one.silent or 0) for one in CASES) * MINUTE
    fed = history(fleet(), longest, MINUTE, rules.names)
    assert len({one["series"].partition("{")[0] for one in fed}) > 15
    looks = [firing(second) for second in range(5 * MINUTE, longest, 5 * MINUTE)]
    assert check(rules, tmp_path, MINUTE, fed, looks) == ""

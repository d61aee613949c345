"""`regobs query runbook`, `alert` and `slo` on real servers: the rules of the pack, a fleet that lost its Redis."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.build.runbooks import runbook_queries
from regobs.catalog.model import Flavor
from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.config import Config
from regobs.config.model import capabilities_of
from regobs.demo import servers
from regobs.errors import ExitCode
from regobs.pack import find_pack
from regobs.prometheus import Prometheus
from regobs.simulate import Plan
from regobs.simulate.faults import Fault, FaultName, Schedule
from regobs.slo.outputs import RULES, compile_rules
from tests.e2e.conftest import require
from tests.e2e.simulated import STEP, backfill
from tests.peers import required_prometheus3

pytestmark = pytest.mark.timeout(180)

MINUTES = 30
LOST = 20  # minute in which Redis is lost
Output = pytest.CaptureFixture[str]
EVERYTHING = Config(capabilities=capabilities_of(Flavor.GITLAB))


@pytest.fixture(scope="module", params=["2", pytest.param("3", marks=pytest.mark.peer)])
def live(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, float]]:
    """The address of a server, and the time of the last sample of its fleet."""
    require("prometheus", package="prometheus")
    directory, end = tmp_path_factory.mktemp("live"), time.time() - 900
    faults = Schedule((Fault(FaultName.REDIS_LOSS, LOST * 60, MINUTES * 60),))
    plan = Plan(pods=2, rate=3, start=end - MINUTES * 60, faults=faults)
    blocks = backfill(plan, MINUTES * 60, directory)
    for name, text in compile_rules(find_pack(), EVERYTHING).files().items():
        if name.startswith(RULES):
            (directory / Path(name).name).write_bytes(text)
    config = {"global": {"scrape_interval": f"{STEP}s"}, "rule_files": [str(directory / "*.yaml")]}
    program = required_prometheus3() if request.param == "3" else None
    with Supervisor() as supervisor:
        yield servers.prometheus(supervisor, config, data=blocks, program=program).url, end - 2 * STEP


def query(capsys: Output, live: tuple[str, float], *arguments: str, at: float = 0) -> tuple[int, str]:
    code = run(["query", *arguments, "--prometheus", live[0], "--at", str(live[1] + at)])
    out, err = capsys.readouterr()
    return code, out + err


def test_the_conditions_of_an_alert_hold_while_its_fault_lasts(capsys: Output, live: tuple[str, float]) -> None:
    def conditions(at: float) -> list[int]:
        code, out = query(capsys, live, "alert", "RegistryRedisUnreachable", "--format", "json", at=at)
        assert code == ExitCode.OK
        (rule,) = json.loads(out)["rules"]
        assert json.loads(out)["note"] is None, "the server has loaded it"
        return [part["series"] for part in rule["conditions"]]

    assert all(count > 0 for count in conditions(0)), "Redis is lost"
    assert 0 in conditions(-(MINUTES - LOST + 5) * 60), "a pool may be asked nothing for a while, but it answers"


def test_a_runbook_shows_what_the_server_has(capsys: Output, live: tuple[str, float]) -> None:
    code, out = query(capsys, live, "runbook", "RegistryRedisUnreachable")
    assert code == ExitCode.OK
    assert "## Meaning" in out
    assert "registry_redis_pool_stats" in out
    assert "ratelimiting" in out, "the answer names the instance"


def test_a_real_server_takes_every_query_of_every_runbook(live: tuple[str, float]) -> None:
    asked = 0
    with Prometheus(live[0]) as prometheus:
        for one in runbook_queries(find_pack(), EVERYTHING):
            assert not one.lacks, one.name
            prometheus.query(one.text, live[1])
            asked += 1
    assert asked > 200


def test_a_real_server_takes_the_parts_of_a_burn_rate_alert(capsys: Output, live: tuple[str, float]) -> None:
    code, out = query(capsys, live, "alert", "RegistryLatencyBurn", "--slo", "pull-manifest-latency")
    assert code == ExitCode.OK
    assert out.count("nearest value") == 4


def test_the_events_of_an_slo_are_counted_on_a_server_that_has_not_recorded_them_yet(
    capsys: Output, live: tuple[str, float]
) -> None:
    code, out = query(capsys, live, "slo", "pull-manifest-availability", "--format", "json")
    assert code == ExitCode.OK
    *recorded, events, bad = json.loads(out)["queries"]
    assert all(entry["result"] == [] for entry in recorded)
    assert events["result"][0]["value"] > bad["result"][0]["value"] >= 0

"""`regobs incident` on a real Prometheus: of each fault of the simulator the ill part is in the first three lines."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from regobs.cli.main import run
from regobs.common.programs import Supervisor
from regobs.demo import servers
from regobs.errors import ExitCode
from regobs.simulate import Plan
from regobs.simulate.faults import Fault, FaultName, Schedule
from tests.e2e.conftest import require
from tests.e2e.simulated import STEP, backfill

pytestmark = pytest.mark.timeout(280)

HOUR, CALM, LASTS = (
    3600,
    300,
    1200,
)  # seconds: before the time that is asked about, in it before the fault, of the fault

# What a person has to read among the first three lines of what moved to know the ill part.
ILL = {
    FaultName.REDIS_LOSS: "Redis",
    FaultName.POOL_EXHAUSTION: "connections",
    FaultName.ERROR_BURST: "errors|code=5",  # the share of server errors, or the requests with such a status
    FaultName.LATENCY_RAMP: "latency",
    FaultName.REPLICA_LAG: "Replica lag",
    FaultName.GC_BACKLOG: "Garbage Collection",
    FaultName.NOTIFICATIONS_DOWN: "otification",
    FaultName.STORAGE_THROTTLING: "torage",
    FaultName.STUCK_MIGRATION: "igration",
    FaultName.CRASH_LOOP: "Process restarts|Instance",
    FaultName.NO_TRAFFIC: "equests",
    FaultName.ZONE_OUTAGE: "Instance",
}
_IN_THE_TIMELINE = {FaultName.CRASH_LOOP: "has started", FaultName.ZONE_OUTAGE: "is down"}
QUICK = (FaultName.REDIS_LOSS, FaultName.POOL_EXHAUSTION)


def test_every_fault_of_the_simulator_is_asked_about() -> None:
    assert set(ILL) == set(FaultName)


@pytest.mark.parametrize(
    "fault", [pytest.param(one, marks=() if one in QUICK else pytest.mark.long, id=one.value) for one in FaultName]
)
def test_the_ill_part_is_among_the_first_three_lines(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: FaultName
) -> None:
    require("prometheus", package="prometheus")
    monkeypatch.chdir(tmp_path)
    end = time.time() - 900
    begin, length = end - CALM - LASTS - 300, HOUR + CALM + LASTS + 300
    faults = Schedule((Fault(fault, HOUR + CALM, LASTS),))
    plan = Plan(pods=3, rate=3, start=begin - HOUR, faults=faults, zones=("a", "b", "c"))
    blocks = backfill(plan, length, tmp_path)
    with Supervisor() as supervisor:
        server = servers.prometheus(supervisor, {"global": {"scrape_interval": f"{STEP}s"}}, data=blocks)
        times = ["--from", str(begin), "--to", str(end - STEP)]
        assert run(["incident", *times, "--prometheus", server.url, "--format", "json"]) == ExitCode.OK
    found = json.loads(capsys.readouterr().out)
    assert found["refused"] == [], "a real server takes every query"
    lines = [
        f"{one['dashboard']}: {one['panel']} " + " ".join(f"{k}={v}" for k, v in one["labels"].items())
        for one in found["moved"][:3]
    ]
    assert any(word in line for line in lines for word in ILL[fault].split("|")), lines
    happened = [event["text"] for event in found["events"][:3]]
    assert any(_IN_THE_TIMELINE.get(fault, "") in text for text in happened or [""]), happened

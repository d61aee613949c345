"""The logs of a fleet: every line valid, the same requests as in the metrics, the same for the same seed."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog import gc, http, notifications, storage
from regobs.catalog.model import Capability, Flavor
from regobs.cli.main import run as regobs
from regobs.errors import ExitCode, InputError
from regobs.instrument.http.routes import Routes
from regobs.simulate import Fault, Fleet, Plan, Schedule
from regobs.simulate.plan import usual
from regobs.testing import sample

FAULTS = ("error-burst@10s+1m", "replica-lag@0+2m", "notifications-down@0+3m", "gc-backlog@0+2m", "no-traffic@4m+1m")
Lines = list[dict[str, Any]]


def fleet(folder: Path | None, *faults: str, warm: float = 60, **values: Any) -> Fleet:
    schedule = Schedule(Fault.parse(text) for text in faults)
    return Fleet(Plan(start=1_795_000_000.0, warm=warm, faults=schedule, **{"pods": 1} | values), logs=folder)


def run(made: Fleet, seconds: int, step: float = 10) -> Fleet:
    for _ in range(int(seconds / step)):
        made.advance(step)
    made.close()
    return made


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Fleet, Path]:
    """A pod after all of its faults, and its log."""
    folder = tmp_path_factory.mktemp("logs")
    return run(fleet(folder, *FAULTS), 300), folder / "registry-0.log"


@pytest.fixture(scope="module")
def lines(told: tuple[Fleet, Path]) -> Lines:
    return [json.loads(line) for line in told[1].read_text().splitlines()]


def named(lines: Lines, msg: str) -> Lines:
    return [line for line in lines if line["msg"] == msg]


def test_every_line_is_valid_and_known(told: tuple[Fleet, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert regobs(["logs", "validate", "--strict", str(told[1])]) == ExitCode.OK
    assert re.match(r"(\d,?\d+) lines, \1 valid, 0 invalid, 0 malformed", capsys.readouterr().out)


def test_the_lines_stand_in_the_order_of_time(lines: Lines) -> None:
    times = [line["time"] for line in lines]
    assert times == sorted(times)
    assert times[0].startswith("2026-11-18T")


def test_each_counted_request_has_an_access_line(told: tuple[Fleet, Path], lines: Lines) -> None:
    routes = Routes(Flavor.GITLAB)
    access = named(lines, "access")
    seen = Counter((routes.word(line["uri"].partition("?")[0]), line["method"], line["status"]) for line in access)
    assert None not in {route for route, _, _ in seen}
    instruments = told[0].pods[0].instruments
    for (route, method, code), count in seen.items():
        assert sample(instruments, http.REQUESTS, route=route, method=method.lower(), code=code) == count
    assert len(seen) > 20
    text = instruments.render().decode()
    total = sum(map(float, re.findall(r"^registry_http_requests_total\{.*\} (\S+)$", text, re.MULTILINE)))
    assert total == len(access) > 500


def test_the_bytes_are_those_of_the_metrics(told: tuple[Fleet, Path], lines: Lines) -> None:
    text = told[0].pods[0].instruments.render().decode()
    sent = sum(map(float, re.findall(r"^registry_http_response_size_bytes_sum\{.*\} (\S+)$", text, re.MULTILINE)))
    assert sum(line["written_bytes"] for line in named(lines, "access")) == sent
    downloads = [line for line in named(lines, "blob downloaded") if "size_bytes" in line]
    assert {line["redirect"] for line in downloads} == {True}
    uploads = sum(line["size_bytes"] for line in named(lines, "blob uploaded"))
    assert uploads == sample(told[0].pods[0].instruments, storage.BLOB_UPLOADS, part="sum")


def test_a_download_has_two_lines_and_only_one_knows_the_size(lines: Lines) -> None:
    by_request: dict[str, list[bool]] = {}
    for line in named(lines, "blob downloaded"):
        by_request.setdefault(line["correlation_id"], []).append("size_bytes" in line)
    asked = {line["correlation_id"]: line["method"] for line in named(lines, "access")}
    for identity, sizes in by_request.items():
        assert sorted(sizes) == ([False, True] if asked[identity] == "GET" else [False])
    assert {asked[identity] for identity in by_request} == {"GET", "HEAD"}


def test_the_runs_of_the_garbage_collection_are_those_of_the_metrics(told: tuple[Fleet, Path], lines: Lines) -> None:
    text = told[0].pods[0].instruments.render().decode()

    def total(name: str) -> float:
        return sum(map(float, re.findall(rf"^{name}\{{.*\}} (\S+)$", text, re.MULTILINE)))

    runs = [line for line in named(lines, "run complete") if line["component"] == "registry.gc.Agent"]
    assert len(runs) == total(gc.RUNS.name)
    assert len(named(lines, "postponing next review")) == total(gc.POSTPONES.name) > 0
    assert len(named(lines, "failed run")) >= len(named(lines, "postponing next review"))
    deleted = len(named(lines, "blob deleted"))
    assert deleted == sample(told[0].pods[0].instruments, gc.DELETES, artifact="blob", backend="storage") > 0


def test_lost_notifications_and_replicas_are_told(told: tuple[Fleet, Path], lines: Lines) -> None:
    instruments = told[0].pods[0].instruments
    lost = sample(instruments, notifications.DELIVERIES, delivery_type="lost", endpoint="rails")
    assert len(named(lines, "eventqueue: event lost")) == lost > 0
    assert len(named(lines, "replica quarantined due to excessive replication lag")) == 1
    assert len(named(lines, "replica reintegrated after catching up on replication lag")) == 1


def test_the_same_seed_writes_the_same_lines_and_leaves_the_metrics_as_they_are(tmp_path: Path) -> None:
    texts = []
    for number in range(2):
        folder = tmp_path / str(number)
        folder.mkdir()
        made = run(fleet(folder, "crash-loop@0+2m", pods=2), 120)
        texts.append([(folder / f"registry-{pod}.log").read_text() for pod in range(2)])
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[0][1]
    assert len(set(re.findall(r'"instance_id":"([^"]+)"', texts[0][1]))) == 2  # a life each
    without = run(fleet(None, "crash-loop@0+2m", pods=2), 120)
    assert [pod.render() for pod in made.pods] == [pod.render() for pod in without.pods]


def test_a_log_that_is_there_is_not_overwritten_and_no_other_is_begun(tmp_path: Path) -> None:
    (tmp_path / "registry-1.log").write_text("mine")
    with pytest.raises(InputError, match="there is a log already"):
        fleet(tmp_path, pods=3)
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_the_fleets_that_write_no_logs_say_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="GitLab registries with a metadata database"):
        fleet(tmp_path, flavor=Flavor.DISTRIBUTION)
    without = usual(Flavor.GITLAB, None) & {Capability.NOTIFICATIONS, Capability.OBJECT_STORAGE}
    with pytest.raises(InputError, match="GitLab registries with a metadata database"):
        fleet(tmp_path, capabilities=without)
    with pytest.raises(InputError, match="no such folder"):
        fleet(tmp_path / "none")
    assert list(tmp_path.iterdir()) == []


def test_the_command_writes_logs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["simulate", "--pods", "1", "--port", "0", "--duration", "100ms", "--logs", str(tmp_path)]
    assert regobs(arguments) == ExitCode.OK
    assert (tmp_path / "registry-0.log").stat().st_size > 1000
    assert regobs(arguments) == ExitCode.INPUT
    assert "there is a log already" in capsys.readouterr().err

"""`regobs demo` as a person runs it: the whole story, of a registry and of a fleet."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from regobs.errors import ExitCode
from tests.e2e.demo_runs import demo_programs, left_behind, place

__all__ = ["demo_programs", "place"]

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]


def test_the_whole_story_is_seen_and_leaves_nothing(tmp_path: Path, place: dict[str, str]) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "regobs", "demo", "--quick", "--keep", str(out)]
    done = subprocess.run(command, env=place, capture_output=True, text=True, timeout=350, check=False)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "not everything was seen" not in done.stdout
    assert done.stderr == ""
    told = iter(done.stdout.splitlines())
    for pattern in (
        r"Build the pack",
        r"promtool accepts \d{2,} rules",
        r"docker-registry +http://127\.0\.0\.1:\d+",
        r"log exporter +http://127\.0\.0\.1:\d+",
        r"notifications +http://127\.0\.0\.1:\d+",
        r"pulled all 5 images, .* every digest verified",
        r"\d+ times 404, 0 server errors",
        r"SLO +target",
        r"blob-upload-availability",
        r"data +Clients +Access log requests by route",
        r"data +Events by namespace .* Received events by action",
        r"\d+ of \d+ panels have data",
        r"Inject a fault: ",
        r"after \d+\.\d s pager is notified: RegistryUploadsFail ",
        r"held back by inhibition: RegistryAvailabilityBurn \(slo blob-upload-availability, ",
        r"clients got [1-9]\d* server errors",
        r"s after the repair it is resolved: ",
        r"s after the repair no page is pending or firing",
        r"all of it as one page: \S+/demo\.html ",
        r"Done$",
    ):
        assert any(re.search(pattern, line) for line in told), (
            f"not said, or not in this order: {pattern}\n{done.stdout}"
        )
    page = (out / "demo.html").read_text(encoding="utf-8")
    assert page.count('data-chart="') > 60
    assert "blob-upload-availability" in page
    for build in ("production", "demo"):
        assert (out / build / "manifest.json").is_file()
        assert list((out / build / "dashboards").glob("*.json"))
    assert left_behind(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_the_story_of_a_fleet_is_seen_and_leaves_nothing(tmp_path: Path, place: dict[str, str]) -> None:
    command = [sys.executable, "-m", "regobs", "demo", "--fleet", "--quick", "--keep", str(tmp_path / "out")]
    done = subprocess.run(command, env=place, capture_output=True, text=True, timeout=350, check=False)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "MISSING" not in done.stdout
    assert done.stderr == ""
    told = iter(done.stdout.splitlines())
    for pattern in (
        r"promtool accepts \d{3,} rules",
        r"simulated fleet +http://127\.0\.0\.1:\d+, 2 pods at 127\.0\.0\.1:\d+, 127",
        r" 0 alerts firing",
        r"pull-manifest-availability +99\.9 %",
        r"Inject a fault: error-burst",
        r"after \d+\.\d s pager is notified: RegistryAvailabilityBurn ",
        r"registry: gitlab 4\.32",
        r"(2[4-9]\d|[3-9]\d\d) of \1 panels have data .*; 0 query errors",
        r"s after the repair it is resolved: RegistryAvailabilityBurn",
        r"all of it as one page: \S+/demo\.html ",
        r"Done$",
    ):
        assert any(re.search(pattern, line) for line in told), (
            f"not said, or not in this order: {pattern}\n{done.stdout}"
        )
    assert left_behind(tmp_path) == []
    assert list((tmp_path / "tmp").iterdir()) == []


def test_a_fleet_has_no_disk_that_could_be_full(capsys: pytest.CaptureFixture[str]) -> None:
    from regobs.cli.main import run

    assert run(["demo", "--fleet", "--fault", "full-disk"]) == ExitCode.INPUT
    assert "no disk" in capsys.readouterr().err


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regobs.common import programs as processes

    monkeypatch.setattr(processes, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    from regobs.cli.main import run

    assert run(["demo", "--keep", str(tmp_path / "out")]) == ExitCode.MACHINE

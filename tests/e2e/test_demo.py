"""`regobs demo` as a person runs it: the whole story once, and an end at any moment."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from regobs.errors import ExitCode
from tests.e2e.conftest import require

pytestmark = [pytest.mark.server, pytest.mark.timeout(400)]

# The story without its long pauses: what is tested is how it ends.
_HASTY = """
import sys
from dataclasses import replace
from pathlib import Path
from regobs.demo.progress import Progress
from regobs.demo.story import QUICK, tell
sys.exit(tell(replace(QUICK, settle=0.0), Path(sys.argv[1]), Progress()))
"""
_HASTY_FLEET = """
import sys
from dataclasses import replace
from pathlib import Path
from regobs.demo.fleet_story import QUICK_FLEET, tell_fleet
from regobs.demo.progress import Progress
sys.exit(tell_fleet(replace(QUICK_FLEET, settle=0.0), Path(sys.argv[1]), Progress()))
"""

_ACTS = ("Build the pack", "Start the servers", "Push and pull", "Let clients", "Break it")


@pytest.fixture(autouse=True)
def _programs() -> None:
    for names in (("docker-registry", "registry"), ("prometheus",), ("prometheus-alertmanager", "alertmanager")):
        require(*names, package=names[0])


@pytest.fixture
def place(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment with a directory for temporary files of its own: what was started can be told by it."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    yield os.environ | {"TMPDIR": str(temporary), "PYTHONUNBUFFERED": "1"}
    for pid in started_in(tmp_path):  # only after a failure
        os.kill(pid, signal.SIGKILL)


def started_in(directory: Path) -> list[int]:
    """The processes that work in this directory or were started with a path in it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes().decode(errors="replace")
            if command and (str(directory) in command or str((process / "cwd").readlink()).startswith(str(directory))):
                found.append(int(process.name))
        except OSError:
            continue
    return found


def left_behind(directory: Path) -> list[str]:
    """Processes and mounts that are still there."""
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if str(directory) in line]
    return [*map(str, started_in(directory)), *mounts]


def test_the_whole_story_is_seen_and_leaves_nothing(tmp_path: Path, place: dict[str, str]) -> None:
    out = tmp_path / "out"
    command = [sys.executable, "-m", "regobs", "demo", "--quick", "--keep", str(out)]
    done = subprocess.run(command, env=place, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "not everything was seen" not in done.stdout
    assert done.stderr == ""
    told = iter(done.stdout.splitlines())
    for pattern in (
        r"Build the pack",
        r"promtool accepts \d{2,} rules",
        r"docker-registry +http://127\.0\.0\.1:\d+",
        r"pulled all 5 images, .* every digest verified",
        r"\d+ times 404, 0 server errors",
        r"SLO +target",
        r"blob-upload-availability",
        r"\d+ of \d+ panels have data",
        r"Break it: ",
        r"after \d+\.\d s \S+ is notified: \w+ \(slo blob-upload-availability, ",
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
    done = subprocess.run(command, env=place, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == ExitCode.OK, done.stdout + done.stderr
    assert "MISSING" not in done.stdout
    assert done.stderr == ""
    told = iter(done.stdout.splitlines())
    for pattern in (
        r"promtool accepts \d{3,} rules",
        r"simulated fleet +http://127\.0\.0\.1:\d+, 2 pods at 127\.0\.0\.1:\d+, 127",
        r" 0 alerts firing",
        r"pull-manifest-availability +99\.9 %",
        r"Break it: error-burst",
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


@pytest.mark.parametrize(
    ("act", "number", "story"),
    [(act, signal.SIGINT, _HASTY) for act in _ACTS]
    + [(act, number, _HASTY) for act in ("Start the servers",) for number in (signal.SIGTERM, signal.SIGKILL)]
    + [("Start the servers", signal.SIGINT, _HASTY_FLEET), ("Let the fleet", signal.SIGKILL, _HASTY_FLEET)]
    + [("Break it", signal.SIGINT, _HASTY_FLEET)],
)
def test_an_end_in_any_act_leaves_no_process_and_no_mount(
    tmp_path: Path, place: dict[str, str], act: str, number: signal.Signals, story: str
) -> None:
    moment = random.Random(f"{act}{number}").uniform(0, 1.5)  # noqa: S311 - a moment, no secret
    with subprocess.Popen(
        [sys.executable, "-c", story, str(tmp_path / "out")],
        env=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as demo:
        assert demo.stdout is not None
        for line in demo.stdout:
            if act in line:
                break
        time.sleep(moment)
        assert demo.poll() is None
        demo.send_signal(number)
        demo.stdout.read()
        code = demo.wait(30)
    assert code in {-number, 128 + number}
    deadline = time.monotonic() + (5 if number is signal.SIGKILL else 0)  # the kernel ends them, we cannot wait for it
    while left_behind(tmp_path) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert left_behind(tmp_path) == []
    if number is not signal.SIGKILL:
        assert list((tmp_path / "tmp").iterdir()) == []


def test_a_fleet_has_no_disk_that_could_be_full(capsys: pytest.CaptureFixture[str]) -> None:
    from regobs.cli.main import run

    assert run(["demo", "--fleet", "--fault", "full-disk"]) == ExitCode.INPUT
    assert "no disk" in capsys.readouterr().err


def test_a_missing_program_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from regobs.demo import processes

    monkeypatch.setattr(processes, "_SYSTEM_FOLDERS", ())
    monkeypatch.setenv("PATH", str(tmp_path))
    from regobs.cli.main import run

    assert run(["demo", "--keep", str(tmp_path / "out")]) == ExitCode.MACHINE

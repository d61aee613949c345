"""What the tests of `regobs demo` share: the programs it needs, a place to run in, and what a run left behind there."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.conftest import require


@pytest.fixture(autouse=True)
def demo_programs() -> None:
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

"""A crew of processes: what it writes stands in order, what fails is raised, and nobody waits for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regobs.simulate.turns import Crew, board


def late(number: int) -> bytes:
    time.sleep(0.02 * (number % 3 == 0))
    return b"%d\n" % number * 1000


def fail(number: int) -> bytes:
    if number == 5:
        raise ValueError("five")
    return late(number)


def square(number: int) -> int:
    board().count(1)
    return number * number


def nothing() -> None:
    pass


@pytest.mark.parametrize("processes", [1, 3])
def test_a_crew_writes_in_order(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "out"
    file.touch()
    crew = Crew(processes)
    with crew.working():
        assert list(crew.map(square, ((n,) for n in range(20)), nothing)) == [n * n for n in range(20)]
        assert crew.board.done == 20
        sizes = list(crew.write(late, ((n,) for n in range(20)), file, nothing))
        sizes += crew.write(late, ((n,) for n in range(20, 25)), file, nothing)
    expected = [b"%d\n" % number * 1000 for number in range(25)]
    assert file.read_bytes() == b"".join(expected)
    assert sizes == list(map(len, expected))


@pytest.mark.parametrize("processes", [1, 3])
def test_what_fails_is_raised_after_what_stands_before_it(tmp_path: Path, processes: int) -> None:
    file = tmp_path / "out"
    file.touch()
    crew = Crew(processes)
    with pytest.raises(ValueError, match="five"), crew.working():
        list(crew.write(fail, ((n,) for n in range(20)), file, nothing))
    assert file.read_bytes() == b"".join(b"%d\n" % number * 1000 for number in range(5))


def alive(number: int) -> bool:
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2][0] != "Z"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_signal_ends_all_processes(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "regobs", "simulate", "--openmetrics", str(tmp_path / "h.om"), "--days", "30"]
    with subprocess.Popen([*command, "--only", "go_threads", "--pods", "4", "--processes", "2"], stderr=-3) as first:
        children = Path(f"/proc/{first.pid}/task/{first.pid}/children")
        until = time.monotonic() + 60
        while len(list(tmp_path.glob("*/registry-*"))) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        started = [int(child) for child in children.read_text().split()]
        first.send_signal(number)
        first.wait(20)
    while any(map(alive, started)) and time.monotonic() < until:
        time.sleep(0.05)
    assert len(started) >= 2
    assert not any(map(alive, started))
    assert number == signal.SIGKILL or list(tmp_path.iterdir()) == []

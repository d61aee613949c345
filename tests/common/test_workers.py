"""Work in several processes: results in order, what fails is raised, and nobody waits for ever."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regobs.common.workers import WorkerProcesses, count_done
from regobs.errors import SloError


def late(number: int) -> int:
    time.sleep(0.02 * (number % 3 == 0))
    return number * number


def fail(number: int) -> int:
    if number == 5:
        raise SloError("five", value=number)
    return late(number)


def counted(number: int) -> int:
    count_done(number)
    return late(number)


def endless(number: int) -> int:
    if number == 1:
        time.sleep(0.5)
        raise SloError("one")
    while True:
        count_done(1)
        time.sleep(0.01)


@pytest.mark.parametrize("processes", [1, 3])
def test_results_come_in_the_order_of_the_tasks_and_what_is_done_is_counted(processes: int) -> None:
    seen = []
    with WorkerProcesses(processes) as workers:
        found = list(workers.map(counted, ((n,) for n in range(20)), lambda: seen.append(workers.done)))
        assert workers.done == sum(range(20))
    assert found == [n * n for n in range(20)]
    assert seen == sorted(seen)


@pytest.mark.parametrize("processes", [1, 3])
def test_what_fails_is_raised_whole_after_the_results_before_it(processes: int) -> None:
    found: list[int] = []
    with pytest.raises(SloError, match="five") as caught, WorkerProcesses(processes) as workers:
        found.extend(workers.map(fail, ((n,) for n in range(20))))
    assert found == [n * n for n in range(5)]
    assert caught.value.value == 5


def test_work_that_is_no_longer_wanted_ends_when_other_work_fails() -> None:
    begun = time.monotonic()
    with pytest.raises(SloError), WorkerProcesses(2) as workers:
        list(workers.map(endless, ((n,) for n in (1, 2))))
    assert time.monotonic() - begun < 60


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

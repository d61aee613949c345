"""Nothing that a Supervisor starts outlives it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from regobs.common.programs import SmallDisk, Supervisor, find_program, free_port
from regobs.errors import ExitCode, MachineError

# Starts three programs, one of which ignores SIGTERM, says who they are, and waits.
_PARENT = """
import sys, time
from regobs.common.programs import Supervisor
with Supervisor(grace=0.3) as supervisor:
    print(supervisor.directory, flush=True)
    for script in ("exec sleep 600", "trap '' TERM; sleep 601 & wait", "exec sleep 602"):
        print(supervisor.start("sleeper", ["sh", "-c", script]).pid, flush=True)
    print("started", flush=True)
    {body}
"""


def running(group: int) -> bool:
    """Whether a process of this group is alive (a zombie is not)."""
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if int(fields[2]) == group and fields[0] != "Z":
            return True
    return False


def gone(groups: list[int], seconds: float = 8) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if not any(map(running, groups)):
            return True
        time.sleep(0.02)
    return False


def run_parent(body: str, send: signal.Signals | None, temporary: Path) -> tuple[int, Path, list[int]]:
    """Run the parent, send it a signal when all is started; its exit code, directory and the groups it started."""
    command = [sys.executable, "-c", _PARENT.format(body=body)]
    place = os.environ | {"TMPDIR": str(temporary)}
    with subprocess.Popen(command, env=place, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as parent:
        assert parent.stdout is not None
        lines = []
        for line in parent.stdout:
            if line == "started\n":
                break
            lines.append(line.strip())
        if send is not None:
            parent.send_signal(send)
        code = parent.wait(30)
    return code, Path(lines[0]), [int(line) for line in lines[1:]]


@pytest.mark.parametrize(
    ("body", "send", "code"),
    [
        ("pass", None, 0),
        ("raise ValueError", None, 1),
        ("sys.exit(7)", None, 7),
        ("time.sleep(60)", signal.SIGINT, -signal.SIGINT),
        ("time.sleep(60)", signal.SIGTERM, 128 + signal.SIGTERM),
        ("time.sleep(60)", signal.SIGHUP, 128 + signal.SIGHUP),
    ],
    ids=["end of block", "exception", "exit", "SIGINT", "SIGTERM", "SIGHUP"],
)
def test_leaving_the_block_stops_everything_and_removes_the_directory(
    body: str, send: signal.Signals | None, code: int, tmp_path: Path
) -> None:
    seen, directory, groups = run_parent(body, send, tmp_path)
    assert seen == code
    assert len(groups) == 3
    assert not any(map(running, groups))
    assert not directory.exists()


def test_the_programs_die_with_a_parent_that_is_killed(tmp_path: Path) -> None:
    code, _, groups = run_parent("time.sleep(60)", signal.SIGKILL, tmp_path)
    assert code == -signal.SIGKILL
    # The shell that ignores SIGTERM and has a child of its own leaves that child: only direct children are covered.
    assert gone([groups[0], groups[2]])
    os.killpg(groups[1], signal.SIGKILL)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay", [0.15, 0.25, 0.3, 0.35, 0.4, 0.5])
def test_a_signal_at_any_moment_of_the_start_leaves_nothing(
    number: signal.Signals, delay: float, tmp_path: Path
) -> None:
    script = _PARENT.format(body="time.sleep(60)").replace("sleep 60", f"exec sleep 60{tmp_path.name[-1]}")
    script = f"import os; os.environ['TMPDIR'] = {str(tmp_path)!r}\n{script}"
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as parent:
        time.sleep(delay)
        parent.send_signal(number)
        parent.wait(30)
        output = parent.stdout.read().decode() if parent.stdout else ""
    groups = [int(line) for line in output.splitlines() if line.isdigit()]
    assert not any(map(running, groups))
    assert not list(tmp_path.glob("regobs-*"))


def test_two_signals_do_not_interrupt_the_stopping(tmp_path: Path) -> None:
    body = "import os; os.kill(os.getpid(), 15); os.kill(os.getpid(), 2)"
    _, directory, groups = run_parent(body, signal.SIGINT, tmp_path)
    assert not any(map(running, groups))
    assert not directory.exists()


def test_a_program_that_dies_is_reported_with_the_end_of_its_log(supervisor: Supervisor) -> None:
    process = supervisor.start("server", ["sh", "-c", "echo cannot open the database; exit 3"])
    with pytest.raises(MachineError, match=r"server stopped with exit code 3(.|\n)*cannot open the database") as error:
        supervisor.wait_until_ready(process, f"http://127.0.0.1:{free_port()}/")
    assert error.value.exit_code is ExitCode.MACHINE


def test_a_program_that_is_not_ready_in_time_is_reported(supervisor: Supervisor) -> None:
    process = supervisor.start("server", ["sleep", "60"])
    with pytest.raises(MachineError, match=r"server was not ready after 0 s"):
        supervisor.wait_until_ready(process, f"http://127.0.0.1:{free_port()}/", seconds=0.2)


def test_a_program_that_was_killed_is_noticed(supervisor: Supervisor) -> None:
    process = supervisor.start("server", ["sleep", "60"])
    supervisor.check()
    process.signal(signal.SIGKILL)
    process.stop(1)
    with pytest.raises(MachineError, match="server was killed by SIGKILL"):
        supervisor.check()


def test_a_missing_program_names_the_package_to_install() -> None:
    with pytest.raises(MachineError, match=r"apt-get install some-package"):
        find_program("no-such-program-anywhere", package="some-package")


def test_programs_are_started_inside_the_block_only() -> None:
    with Supervisor() as supervisor:
        pass
    with pytest.raises(RuntimeError, match="inside its with block"):
        supervisor.start("server", ["true"])


def test_handlers_of_signals_are_given_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)]
    with Supervisor():
        assert signal.getsignal(signal.SIGTERM) != before[1]
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)] == before


def test_a_small_disk_is_seen_by_its_process_only_and_ends_with_it(supervisor: Supervisor, tmp_path: Path) -> None:
    script = f"echo inside > {tmp_path}/note && exec sleep 600"
    process = supervisor.start("writer", ["sh", "-c", script], small_disk=SmallDisk(tmp_path, 65536))
    seen = Path(f"/proc/{process.pid}/root{tmp_path}")
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline and process.alive and not (seen / "note").exists():
        time.sleep(0.02)
    if not process.alive and "Operation not permitted" in process.tail():
        pytest.skip("this machine allows no mount namespace")
    assert (seen / "note").read_text() == "inside\n"
    assert os.statvfs(seen).f_blocks * os.statvfs(seen).f_frsize == 65536
    assert list(tmp_path.iterdir()) == []
    assert str(tmp_path) not in Path("/proc/mounts").read_text()
    process.stop(1)
    assert not seen.exists()

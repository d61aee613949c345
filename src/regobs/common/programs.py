"""Programs that run for a while beside us, and never longer than us.

    with Supervisor() as supervisor:
        server = supervisor.start("alertmanager", [program, "--web.listen-address=127.0.0.1:9093"])
        supervisor.wait_until_ready(server, "http://127.0.0.1:9093/-/ready")

Three things stop what was started: leaving the `with` (also by an exception, SIGINT, SIGTERM or SIGHUP), `atexit`, and,
when we are killed with no chance to act, the kernel: each program asks for SIGKILL at the death of its parent
(see `launch`).
"""

from __future__ import annotations

import atexit
import contextlib
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

import requests

from regobs.errors import MachineError, code_of_signal

_LAUNCH = Path(__file__).with_name("launch.py")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SYSTEM_FOLDERS = ("/usr/bin", "/usr/local/bin", "/usr/sbin")
_GRACE_SECONDS = 5.0  # Prometheus needs well under a second to close a database of this size
_TAIL_LINES = 15


def find_program(*names: str, package: str) -> Path:
    """The first of `names` that is installed: the distribution's folders first, then PATH.

    Raises MachineError that names the `package` to install.
    """
    path = os.pathsep.join((*_SYSTEM_FOLDERS, os.environ.get("PATH", "")))
    for name in names:
        if found := shutil.which(name, path=path):
            return Path(found)
    raise MachineError(
        f"{names[0]} is not installed",
        expected=f"a program {' or '.join(names)} on PATH",
        next_step=f"apt-get install {package}",
    )


def local_session() -> requests.Session:
    """HTTP to servers on this machine, whatever proxy, .netrc or certificate bundle the user's environment names."""
    made = requests.Session()
    made.trust_env = False
    return made


def free_port() -> int:
    """A TCP port on 127.0.0.1 that nobody listens on now.

    Below 32768, where Linux' range of ports for outgoing connections starts: a client cannot take it before the server.
    """
    while True:
        port = random.randrange(18000, 32000)  # noqa: S311 - no secret
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


def free_ports(count: int) -> int:
    """The first of so many TCP ports in a row on 127.0.0.1 that nobody listens on now."""
    while True:
        first = free_port()
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            for port in range(first, first + count):
                stack.enter_context(socket.socket()).bind(("127.0.0.1", port))
            return first


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of `size` bytes over `directory`, for one process and only as long as it lives."""

    directory: Path
    size: int


@dataclass(slots=True)
class Process:
    """One program that a Supervisor started; `log` is the file that holds its output."""

    name: str
    log: Path
    _popen: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        """Its process id, which is its process group and session as well."""
        return self._popen.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._popen.poll() is None

    def tail(self, lines: int = _TAIL_LINES) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def check(self) -> None:
        """Raise MachineError with the end of the log if it has stopped."""
        if (code := self._popen.poll()) is not None:
            how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"stopped with exit code {code}"
            raise MachineError(f"{self.name} {how}", value=f"the end of its log:\n{self.tail()}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to it and its children; nothing happens when it is gone."""
        if self._popen.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.pid, number)

    def stop(self, grace: float) -> None:
        """End it: SIGTERM, and SIGKILL when it still runs after `grace` seconds."""
        self.signal(signal.SIGTERM)
        try:
            self._popen.wait(grace)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._popen.wait()
        with contextlib.suppress(ProcessLookupError):  # what it may have left in its group
            os.killpg(self.pid, signal.SIGKILL)


class Supervisor:
    """Starts programs in a fresh directory and stops them, the last one first, whatever happens.

    Signals that arrive while a program is being started or while we stop are held until that is done. SIGINT raises
    KeyboardInterrupt, SIGTERM and SIGHUP raise SystemExit(128 + number); both unwind the `with`.
    `grace` is the seconds between SIGTERM and SIGKILL; `keep` leaves the directory.
    """

    def __init__(self, *, keep: bool = False, grace: float = _GRACE_SECONDS) -> None:
        self.directory = Path(tempfile.gettempdir())
        self._keep = keep
        self._grace = grace
        self._processes: list[Process] = []
        self._old_handlers: dict[signal.Signals, Any] = {}
        self._holding = 0
        self._held: signal.Signals | None = None
        self._open = False

    def __enter__(self) -> Self:
        self.directory = Path(tempfile.mkdtemp(prefix="regobs-"))
        self._open = True
        atexit.register(self._stop)
        if threading.current_thread() is threading.main_thread():
            self._old_handlers = {number: signal.signal(number, self._on_signal) for number in _SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._stop()
        finally:
            atexit.unregister(self._stop)
            for number, handler in self._old_handlers.items():
                signal.signal(number, handler)

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._holding:
            self._held = signal.Signals(number)
        elif number == signal.SIGINT:
            raise KeyboardInterrupt
        else:
            raise SystemExit(code_of_signal(number))

    @contextlib.contextmanager
    def _signals_held(self) -> Iterator[None]:
        self._holding += 1
        try:
            yield
        finally:
            self._holding -= 1
        if self._held is not None and not self._holding:
            held, self._held = self._held, None
            self._on_signal(held, None)

    def start(
        self,
        name: str,
        command: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        small_disk: SmallDisk | None = None,
    ) -> Process:
        """Start a program in the supervisor's directory, with its output in `<name>-<n>.log` there and no terminal.

        Of our environment it sees PATH and what `environment` adds: no variable of the user's shell changes a result.
        Raises MachineError when it cannot be started.
        """
        if not self._open:
            raise RuntimeError("a Supervisor starts programs inside its with block only")
        # The kernel takes the death of the *thread* that started it for the parent's: not asked for in other threads.
        parent = os.getpid() if threading.current_thread() is threading.main_thread() else 0
        disk = ["--tmpfs", str(small_disk.directory), str(small_disk.size)] if small_disk else []
        arguments = [sys.executable, "-I", "-S", str(_LAUNCH), str(parent), *disk, "--", *map(str, command)]
        log = self.directory / f"{name}-{len(self._processes) + 1}.log"
        seen = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.directory), "LC_ALL": "C.UTF-8"}
        with self._signals_held(), log.open("wb") as output:
            popen = subprocess.Popen(
                arguments,
                cwd=self.directory,
                env=seen | dict(environment or {}),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            process = Process(name, log, popen)
            self._processes.append(process)
        return process

    def wait_until_ready(self, process: Process, url: str, *, seconds: float = 30.0) -> None:
        """Return when `url` answers 200; MachineError when the process dies first or `seconds` pass."""
        deadline = time.monotonic() + seconds
        with local_session() as session:
            while time.monotonic() < deadline:
                process.check()
                with contextlib.suppress(requests.RequestException):
                    if session.get(url, timeout=2).status_code == requests.codes.ok:
                        return
                time.sleep(0.05)
        raise MachineError(
            f"{process.name} was not ready after {seconds:.0f} s", value=f"{url}; the end of its log:\n{process.tail()}"
        )

    def stop(self, process: Process) -> None:
        """Stop one program before the others."""
        with self._signals_held():
            process.stop(self._grace)
            self._processes.remove(process)

    def check(self) -> None:
        """Raise MachineError if a program has died."""
        for process in self._processes:
            process.check()

    def _stop(self) -> None:
        with self._signals_held():
            while self._processes:
                self._processes[-1].stop(self._grace)
                self._processes.pop()
            if self._open and not self._keep:
                shutil.rmtree(self.directory, ignore_errors=True)
            self._open = False

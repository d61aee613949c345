"""One piece of work in a process of its own, while this process does another.

Half of a build's time is reading and rendering dashboards (and importing grafanalib), the other half is compiling SLOs;
neither needs the other. Threads would not help: both halves are Python code.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

from regobs.errors import MachineError

T = TypeVar("T")


class Apart(Generic[T]):
    """Starts `work` at once in a copy of this process; `result()` waits for it.

    `work` must return something that pickle can carry. Where a copy cannot be made safely (no `fork`, or other threads
    that may hold locks) the work is done by `result()` itself.
    """

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._child: int | None = None
        self._pipe = -1
        if hasattr(os, "fork") and threading.active_count() == 1:
            self._start()

    def _start(self) -> None:
        self._pipe, sending = os.pipe()
        try:
            self._child = os.fork()
        except OSError:  # no room for another process: the work is done here then
            os.close(self._pipe)
            os.close(sending)
            return
        if self._child == 0:
            os.close(self._pipe)
            _send(self._work, sending)
        os.close(sending)

    def result(self) -> T:
        """What the work returned; call it once. Raises what the work raised, MachineError when its process died."""
        if self._child is None:
            return self._work()
        with os.fdopen(self._pipe, "rb") as pipe:
            sent = pipe.read()
        _, status = os.waitpid(self._child, 0)
        if status != 0:
            raise MachineError(
                "a part of the build was ended from outside",
                value=f"wait status {status}",
                next_step="look for an out-of-memory kill, then build again",
            )
        # Our own child wrote these bytes into a pipe that nobody else has.
        failed, value = pickle.loads(sent)  # noqa: S301
        if failed:
            raise value
        return value  # type: ignore[no-any-return]


def _send(work: Callable[[], object], pipe: int) -> NoReturn:
    """The life of the copy. It ends without the exit handlers and buffers that belong to the original."""
    status = 1
    try:
        try:
            outcome: tuple[bool, object] = (False, work())
        except Exception as error:  # noqa: BLE001 - raised again where it is waited for
            outcome = (True, error)
        with os.fdopen(pipe, "wb") as sending:
            pickle.dump(outcome, sending, pickle.HIGHEST_PROTOCOL)
        status = 0
    finally:
        os._exit(status)

"""Work shared among processes whose results are written in order: each process writes its own, when it is its turn.

So the text does not depend on how many processes there are, and none of it is sent from one to another.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import contextmanager
from ctypes import c_longlong
from multiprocessing.context import SpawnContext
from pathlib import Path
from types import FrameType
from typing import Any, TypeVar

R = TypeVar("R")
_STDOUT = 1  # descriptor
_AHEAD = 4  # tasks given out for each process
_PATIENCE = 0.2  # seconds between two looks at what is done
_STOPPED = -1


class Stopped(Exception):  # noqa: N818 (no error of its own: another process has failed)
    """The work of this process is no longer wanted."""


class Board:
    """What the processes of a crew see of each other: whose turn it is, how much is done."""

    def __init__(self, context: SpawnContext | None) -> None:
        # Semaphores and shared memory only where there is somebody to share them with.
        self._turn: Any = context.Value("q", 0, lock=False) if context else c_longlong()
        self._done: Any = context.Value("q", 0, lock=False) if context else c_longlong()
        self._changed = context.Condition() if context else threading.Condition()

    @property
    def done(self) -> int:
        """How much is done, as told to `count`."""
        return int(self._done.value)

    def count(self, amount: int) -> None:
        """So much more is done. Raises Stopped when it is not wanted."""
        if self._turn.value == _STOPPED:
            raise Stopped
        with self._changed:
            self._done.value += amount

    def wait(self, number: int) -> None:
        """Until it is the turn of this number. Raises Stopped."""
        with self._changed:
            self._changed.wait_for(lambda: self._turn.value in {number, _STOPPED})
            if self._turn.value == _STOPPED:
                raise Stopped

    def next(self, number: int) -> None:
        """It is the turn of this number, or, with _STOPPED, of none any more."""
        with self._changed:
            self._turn.value = number
            self._changed.notify_all()


class Crew:
    """So many processes, or with 1 this one. What is raised in one of them is raised here.

    Functions and their arguments are pickled; what they do they tell `board()`.
    """

    def __init__(self, processes: int) -> None:
        self.processes = processes
        self._context = multiprocessing.get_context("spawn")
        self.board = Board(self._context if processes > 1 else None)
        self._pool: ProcessPoolExecutor | None = None
        self._written = 0

    @contextmanager
    def working(self) -> Iterator[None]:
        """The time in which the processes are there. SIGTERM and SIGHUP unwind it, as Ctrl-C does."""
        with _unwinding():
            if self.processes == 1:
                _begin(self.board)
                yield
            else:
                with self._pooled():
                    yield

    @contextmanager
    def _pooled(self) -> Iterator[None]:
        pool = ProcessPoolExecutor(self.processes, self._context, initializer=_follow, initargs=(self.board,))
        try:
            self._pool = pool
            yield
        except BaseException:
            self.board.next(_STOPPED)
            raise
        finally:
            pool.shutdown(cancel_futures=True)

    def map(self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]], watch: Callable[[], None]) -> Iterator[R]:
        """What `work` gives for the arguments of each task, in order; `watch` is called from time to time."""
        if self._pool is None:
            for task in tasks:
                yield work(*task)
                watch()
            return
        pending: deque[Future[R]] = deque()
        for task in tasks:
            pending.append(self._pool.submit(work, *task))
            if len(pending) > _AHEAD * self.processes:
                yield _result(pending.popleft(), watch)
        while pending:
            yield _result(pending.popleft(), watch)

    def write(
        self, make: Callable[..., bytes], tasks: Iterable[tuple[Any, ...]], path: Path | None, watch: Callable[[], None]
    ) -> Iterator[int]:
        """Put what `make` gives for each task at the end of a file, or with None on stdout; the bytes of each."""
        numbered = ((number, path, make, task) for number, task in enumerate(tasks, self._written))
        for size in self.map(_write, numbered, watch):
            self._written += 1
            yield size


def _result(future: Future[R], watch: Callable[[], None]) -> R:
    while True:
        try:
            return future.result(_PATIENCE)
        except NotYet:
            if future.done():
                return future.result()
        watch()


@contextmanager
def _unwinding() -> Iterator[None]:
    """A signal that would end this process at once raises SystemExit instead, so that nothing is left behind."""

    def leave(number: int, _: FrameType | None) -> None:
        raise SystemExit(128 + number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, leave) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


_boards: list[Board] = []


def board() -> Board:
    """The board of this process."""
    return _boards[-1]


def _begin(shared: Board) -> None:
    _boards[:] = [shared]


def _follow(shared: Board) -> None:
    """Begin a process of the crew."""
    # Ctrl-C reaches all of them; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = multiprocessing.parent_process()
    assert first is not None  # noqa: S101 (it is who started this one)

    def end() -> None:  # a process of a pool would wait for work for ever
        first.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
    _begin(shared)


def _write(number: int, path: Path | None, make: Callable[..., bytes], task: tuple[Any, ...]) -> int:
    try:
        content = make(*task)
    except BaseException:
        board().wait(number)  # what comes before it is written, and fails or not for a reason of its own
        board().next(_STOPPED)
        raise
    board().wait(number)
    try:
        append(path, content)
    except BaseException:
        board().next(_STOPPED)
        raise
    board().next(number + 1)
    return len(content)


def append(path: Path | None, content: bytes) -> None:
    """Put it at the end of a file that is there, or on stdout."""
    file = _STDOUT if path is None else os.open(path, os.O_WRONLY | os.O_APPEND)
    try:
        rest = memoryview(content)
        while rest:
            rest = rest[os.write(file, rest) :]
    finally:
        if path is not None:
            os.close(file)

"""Work on several processors by processes of `concurrent.futures`: results in order, and all of it ends with us."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import AbstractContextManager, ExitStack, nullcontext
from types import TracebackType
from typing import Any, Self, TypeVar

from regobs.common.signals import signals_raise

R = TypeVar("R")
_AHEAD = 4  # tasks given out for each process
_PATIENCE = 0.2  # seconds between two looks at what is done
_STOPPED = -1
_done: list[Any] = []  # of this process: the counter of its Workers


class WorkerProcesses:
    """So many processes, or with 1 this one; they are there inside the `with`. What one raises is raised here.

    Functions and their arguments are pickled. Work that takes long calls `count_done` now and then: `done` is the sum,
    and work that is no longer wanted ends there. SIGTERM and SIGHUP unwind the `with`, as Ctrl-C does.
    """

    def __init__(self, processes: int) -> None:
        self._processes = processes
        self._context = multiprocessing.get_context("spawn")
        # Semaphores and shared memory only where there is somebody to share them with.
        self._counter: Any = self._context.Value("q", 0) if processes > 1 else _Counter()
        self._pool: ProcessPoolExecutor | None = None
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        self._stack.enter_context(signals_raise())
        _use(self._counter)
        if self._processes > 1:
            self._pool = ProcessPoolExecutor(
                self._processes, self._context, initializer=_begin, initargs=(self._counter,)
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._stack:
            if error is not None:
                self._counter.value = _STOPPED
            if self._pool is not None:
                self._pool.shutdown(cancel_futures=True)

    @property
    def done(self) -> int:
        """How much is done, as told to `count_done`."""
        return int(self._counter.value)

    def map(
        self, work: Callable[..., R], tasks: Iterable[tuple[Any, ...]], watch: Callable[[], None] = lambda: None
    ) -> Iterator[R]:
        """What `work` gives for the arguments of each task, in their order; `watch` is called from time to time."""
        if self._pool is None:
            for task in tasks:
                yield work(*task)
                watch()
            return
        pending: deque[Future[R]] = deque()
        for task in tasks:
            pending.append(self._pool.submit(work, *task))
            if len(pending) > _AHEAD * self._processes:
                yield _result(pending.popleft(), watch)
        while pending:
            yield _result(pending.popleft(), watch)


class _Counter:
    """In one process what `multiprocessing.Value` is in several."""

    value = 0

    def get_lock(self) -> AbstractContextManager[object]:
        return nullcontext()


def count_done(amount: int) -> None:
    """So much more is done. Raises SystemExit in a process whose work is no longer wanted."""
    counter = _done[-1]
    with counter.get_lock():
        if counter.value == _STOPPED:
            raise SystemExit(1)
        counter.value += amount


def _result(future: Future[R], watch: Callable[[], None]) -> R:
    while True:
        try:
            return future.result(_PATIENCE)
        except NotYet:
            if future.done():
                return future.result()
        watch()


def _use(counter: Any) -> None:
    _done[:] = [counter]


def _begin(counter: Any) -> None:
    """What a process of the pool does first."""
    # Ctrl-C reaches all of them; the first one stops the others.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    first = multiprocessing.parent_process()
    assert first is not None  # noqa: S101 (it is who started this one)

    def end() -> None:  # a process of a pool would wait for work for ever
        first.join()
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()
    _use(counter)

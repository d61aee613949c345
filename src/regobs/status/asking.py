"""Asking several things at once, no more of them than a server should get from one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from regobs.doctor.gather import THREADS
from regobs.prometheus.answers import QueryAnswer
from regobs.slo.status import QueryServer

T = TypeVar("T")


class AtOnce:
    """Threads that ask; what is not asked yet when the block is left is not asked any more.

    Nobody waits for them: a failure, Ctrl-C and the end of the process come at once, also while a server hangs.
    """

    def __init__(self) -> None:
        self._todo: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._futures: list[Future[Any]] = []
        self._threads = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for future in self._futures:
            future.cancel()
        for _ in range(self._threads):
            self._todo.put(None)

    def _work(self) -> None:
        while (task := self._todo.get()) is not None:
            task()

    def begin(self, look: Callable[[], T]) -> Future[T]:
        """Begin to ask; the answer comes later."""
        future: Future[T] = Future()

        def task() -> None:
            if not future.set_running_or_notify_cancel():
                return
            try:
                future.set_result(look())
            except BaseException as error:  # noqa: BLE001 - it is raised where the answer is waited for
                future.set_exception(error)

        self._futures.append(future)
        self._todo.put(task)
        if self._threads < THREADS:
            self._threads += 1
            Thread(target=self._work, daemon=True).start()
        return future

    def together(self, looks: Sequence[Callable[[], T]]) -> list[T]:
        """Ask and wait for all."""
        return [one.result() for one in [self.begin(look) for look in looks]]


class ExpectedQueries:
    """Queries that are asked before somebody calls for their answers, one after the other."""

    def __init__(self, server: QueryServer, at_once: AtOnce, texts: Iterable[str]) -> None:
        self._server = server
        self._expected = {text: at_once.begin(lambda text=text: server.query(text)) for text in texts}  # type: ignore[misc]

    def query(self, text: str) -> QueryAnswer:
        """The answer of an expected query, or of any other. Raises ServerError."""
        expected = self._expected.get(text)
        answer: QueryAnswer = expected.result() if expected is not None else self._server.query(text)
        return answer

"""Asking several things at once, no more of them than a server should get from one person."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from regobs.doctor.gather import THREADS
from regobs.prometheus.answers import QueryAnswer
from regobs.slo.status import QueryServer

T = TypeVar("T")


class AtOnce:
    """Threads that ask; what is not asked yet when the block is left is not asked any more."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(THREADS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)

    def begin(self, look: Callable[[], T]) -> Future[T]:
        """Begin to ask; the answer comes later."""
        return self._pool.submit(look)

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

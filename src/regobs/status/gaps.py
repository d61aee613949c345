"""Queries whose answers are put together on one screen, and what of them is not the whole."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import isfinite

from regobs.errors import QueryError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import QueryAnswer, Sample
from regobs.prometheus.thanos import Store
from regobs.query import complete


class GapRecorder:
    """Asks a server, and keeps the warnings of its answers and the names of queries that it refuses.

    Threads may share one.
    """

    def __init__(self, prometheus: Prometheus) -> None:
        self._prometheus = prometheus
        self._warnings: dict[str, None] = {}
        self._refused: dict[str, str] = {}
        self._partial = False

    def query(self, text: str) -> QueryAnswer:
        """The answer, at the client's moment. Raises ServerError."""
        answer = self._prometheus.query(text)
        self._hear(answer)
        return answer

    def asked(self, name: str, text: str) -> QueryAnswer | None:
        """The answer; None where the server refuses the query, so that a screen has the others."""
        return self._unless_refused(name, lambda: self.query(text))

    def asked_range(self, name: str, text: str, start: float, end: float, step: float) -> QueryAnswer | None:
        """The answer over a range (seconds since 1970), in the same way."""

        def ask() -> QueryAnswer:
            answer = self._prometheus.query_range(text, start, end, step)
            self._hear(answer)
            return answer

        return self._unless_refused(name, ask)

    def samples(self, name: str, text: str) -> Sequence[Sample]:
        """The finite values that a query gives; none where the server refuses it."""
        answer = self.asked(name, text)
        return [one for one in answer.samples if isfinite(one.value)] if answer is not None else ()

    def _unless_refused(self, name: str, ask: Callable[[], QueryAnswer]) -> QueryAnswer | None:
        try:
            return ask()
        except QueryError as error:
            self._refused[name] = error.message
            return None

    def _hear(self, answer: QueryAnswer) -> None:
        self._warnings.update(dict.fromkeys(answer.warnings))
        self._partial = self._partial or answer.partial

    @property
    def refused(self) -> tuple[str, ...]:
        """The names of the queries that the server refused, with the reason."""
        return tuple(f"{name}: {reason}" for name, reason in sorted(self._refused.items()))

    def gaps(self, stores: Sequence[Store] = ()) -> tuple[complete.Gap, ...]:
        """What is missing from the answers so far, asked of these stores of a Thanos Query."""
        return complete.gaps(tuple(self._warnings), self._prometheus.thanos, stores, partial=self._partial)

"""Webhook notifications: the queue of one endpoint and the delivery of its events.

    from regobs.instrument.adapters.notifications import Endpoint

    endpoint = Endpoint(instruments, "harbor-hook")
    event = endpoint.queued(action="push", artifact="manifest")
    if queue.full():
        event.dropped()
    ...
    with event.attempt() as attempt:                      # once for each try; no answer: let it raise, or do nothing
        attempt.answered(post(url, body).status)
    event.delivered()                                     # or event.lost(), when no try is left

An event that is dropped stays among the pending ones, as in the real registry: the panels and alerts of this pack know
of it.
"""

from __future__ import annotations

import http
from collections.abc import Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import TYPE_CHECKING

from regobs.catalog import notifications
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

_HIGHEST = 999
# Where Go's net/http words a status in its own way.
_GO = {
    413: "Request Entity Too Large",
    414: "Request URI Too Long",
    416: "Requested Range Not Satisfiable",
    422: "Unprocessable Entity",
}


def status_text(code: int) -> str:
    """The label of a status as Go words it: `200 OK`, `404 Not Found`, `599 ` for one without a text."""
    if code in _GO:
        return f"{code} {_GO[code]}"
    try:
        return f"{code} {http.HTTPStatus(code).phrase}"
    except ValueError:
        return f"{code} "


class Endpoint:
    """The queue of one endpoint; `name` is that of its configuration."""

    def __init__(self, instruments: Instruments, name: str) -> None:
        self.name = name
        self.events = Recorder(instruments, notifications.EVENTS)
        self.answers = Recorder(instruments, notifications.STATUS)
        self.errors = Recorder(instruments, notifications.ERRORS)
        self.deliveries = Recorder(instruments, notifications.DELIVERIES)
        self.retries = Recorder(instruments, notifications.RETRIES)
        self.attempt_times = Recorder(instruments, notifications.HTTP_LATENCY)
        self.total_times = Recorder(instruments, notifications.TOTAL_LATENCY)
        # The gauge has two names over the versions; no version has both.
        self._pending = [
            Recorder(instruments, notifications.PENDING),
            Recorder(instruments, notifications.PENDING_TOTAL),
        ]

    def queued(self, *, action: str, artifact: str) -> Event:
        """An event enters the queue. Renames, and deletes of blobs and repositories, have the artifact `manifest`."""
        event = Event(self, action, artifact)
        event.became("Events")
        self.pending(1)
        return event

    def pending(self, change: int) -> None:
        """So many more, or fewer, wait in the queue."""
        for gauge in self._pending:
            gauge.add(change, endpoint=self.name)


class Attempt:
    """One try to deliver."""

    def __init__(self, answers: Recorder) -> None:
        self.status: int | None = None
        self._answers = answers

    def answered(self, status: object) -> None:
        """The endpoint answered with this HTTP status."""
        if isinstance(status, int) and 0 <= status <= _HIGHEST:
            self.status = status
        else:
            self._answers.wrong_value(status, "a status as int, of three digits")


class Event:
    """One event from the queue to its end. Its age is counted from the making of this object."""

    def __init__(self, endpoint: Endpoint, action: str, artifact: str) -> None:
        self._endpoint = endpoint
        self._labels = {"action": action, "artifact": artifact, "endpoint": endpoint.name}
        self._born = perf_counter()
        self._attempts = 0

    def became(self, what: str) -> None:
        """Count it under a type of the catalog: Events, Successes, Failures, Errors, Dropped."""
        if self._endpoint.events.has("type", what):
            self._endpoint.events.add(1, **self._labels, type=what)

    def dropped(self) -> None:
        """The queue was full."""
        self.became("Dropped")

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """One HTTP request; 200 to 399 is a success, another answer a failure, no answer an error.

        One that is cancelled before its answer, as when the process ends, is none of them.
        """
        endpoint, attempt = self._endpoint, Attempt(self._endpoint.answers)
        self._attempts += 1
        start = perf_counter()
        cancelled = False
        try:
            yield attempt
        except BaseException as error:
            cancelled = not isinstance(error, Exception)
            raise
        finally:
            if not cancelled or attempt.status is not None:
                endpoint.attempt_times.observe(perf_counter() - start, endpoint=endpoint.name)
            if attempt.status is None and cancelled:
                self._attempts -= 1
            elif attempt.status is None:
                endpoint.errors.add(1, endpoint=endpoint.name)
                self.became("Errors")
            else:
                endpoint.answers.add(1, endpoint=endpoint.name, code=status_text(attempt.status))
                self.became("Successes" if 200 <= attempt.status < 400 else "Failures")

    def delivered(self) -> None:
        """It left the queue because an attempt was a success."""
        self._left("delivered")

    def lost(self) -> None:
        """It left the queue because no attempt is left."""
        self._left("lost")

    def _left(self, how: str) -> None:
        endpoint = self._endpoint
        endpoint.pending(-1)
        endpoint.deliveries.add(1, endpoint=endpoint.name, delivery_type=how)
        endpoint.retries.observe(max(0, self._attempts - 1), endpoint=endpoint.name)
        endpoint.total_times.observe(perf_counter() - self._born, endpoint=endpoint.name)

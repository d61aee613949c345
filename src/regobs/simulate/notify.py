"""Notifications of a pod: the queue of events to one endpoint, attempts, what was lost."""

from __future__ import annotations

from collections import deque
from random import Random

from regobs.catalog import notifications
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments
from regobs.simulate.draw import events, spread
from regobs.simulate.faults import FaultName
from regobs.simulate.journal import BackgroundLog
from regobs.simulate.plan import Plan
from regobs.simulate.steps import TimeStep, Work

_ENDPOINT = "rails"
_ATTEMPTS = 0.5  # in a second, while nobody answers
_RETRIES = 10  # then an event is lost
_OK, _FAILED, _AWAY = "200 OK", "500 Internal Server Error", "503 Service Unavailable"

Event = tuple[str, str, float]  # action, artifact, when


class Notify:
    """The endpoint as one pod sees it."""

    def __init__(self, plan: Plan, instruments: Instruments, rng: Random, log: BackgroundLog | None = None) -> None:
        self._in = instruments
        self._rng = rng
        self._log = log
        self._room = plan.notifying.queue
        self._gitlab = plan.flavor is Flavor.GITLAB
        self._queue: deque[Event] = deque()
        self._tries = 0
        self._dropped = 0  # never taken off the gauge, see the pitfalls of the catalog

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Put the events of this step into the queue and deliver what can be delivered."""
        for (action, artifact), count in sorted(work.events.items()):
            for _ in range(count):
                self._count(action, artifact, "Events")
                if len(self._queue) >= self._room:
                    self._dropped += 1
                    if self._log is not None:
                        self._log.dropped(len(self._queue))
                    if self._gitlab:
                        self._count(action, artifact, "Dropped")
                else:
                    self._queue.append((action, artifact, moment.time))
        if moment.suffers(FaultName.NOTIFICATIONS_DOWN):
            self._fail(moment)
        else:
            self._deliver(moment)
        pending = notifications.PENDING if self._gitlab else notifications.PENDING_TOTAL
        waiting = len(self._queue) + (self._dropped if self._gitlab else 0)
        self._in.gauge(pending).child(endpoint=_ENDPOINT).set(waiting)

    def _count(self, action: str, artifact: str, kind: str) -> None:
        family = self._in.counter(notifications.EVENTS)
        if self._gitlab:
            family.child(action=action, artifact=artifact, endpoint=_ENDPOINT, type=kind).inc()
        else:
            family.child(endpoint=_ENDPOINT, type=kind).inc()

    def _deliver(self, moment: TimeStep) -> None:
        while self._queue:
            action, artifact, since = self._queue.popleft()
            retries = self._tries + (self._rng.random() < 0.002)
            for _ in range(retries - self._tries):
                self._answer(action, artifact, _FAILED, "Failures")
                self._say(_FAILED)
            self._answer(action, artifact, _OK, "Successes")
            self._tries = 0
            self._leave("delivered", retries, moment.time - since + spread(self._rng, 0.05))

    def _fail(self, moment: TimeStep) -> None:
        for _ in range(events(self._rng, _ATTEMPTS * moment.seconds) if self._queue else 0):
            if not self._queue:
                break
            action, artifact, since = self._queue[0]
            if self._rng.random() < 0.5:
                self._answer(action, artifact, _AWAY, "Failures")
                self._say(_AWAY)
            else:
                self._count(action, artifact, "Failures" if self._gitlab else "Errors")
                if self._gitlab:
                    self._in.counter(notifications.ERRORS).child(endpoint=_ENDPOINT).inc()
                self._say("")
            self._tries += 1
            if self._tries > _RETRIES:
                self._queue.popleft()
                self._leave("lost", self._tries - 1, moment.time - since)
                if self._log is not None:
                    self._log.lost(action, artifact)
                self._tries = 0

    def _say(self, status: str) -> None:
        """The line of an attempt that failed, by an answer or without one."""
        if self._log is not None:
            self._log.unsent(f"response status {status} unaccepted" if status else "error posting: connection refused")

    def _answer(self, action: str, artifact: str, status: str, kind: str) -> None:
        self._count(action, artifact, kind)
        self._in.counter(notifications.STATUS).child(code=status, endpoint=_ENDPOINT).inc()
        if self._gitlab:
            self._in.histogram(notifications.HTTP_LATENCY).child(endpoint=_ENDPOINT).observe(spread(self._rng, 0.04))

    def _leave(self, end: str, retries: int, seconds: float) -> None:
        if not self._gitlab:
            return
        self._in.counter(notifications.DELIVERIES).child(delivery_type=end, endpoint=_ENDPOINT).inc()
        self._in.histogram(notifications.RETRIES).child(endpoint=_ENDPOINT).observe(retries)
        self._in.histogram(notifications.TOTAL_LATENCY).child(endpoint=_ENDPOINT).observe(seconds)

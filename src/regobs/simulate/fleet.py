"""The fleet: pods that move through simulated time together."""

from __future__ import annotations

from random import Random
from threading import Lock
from typing import Protocol

from regobs.catalog import METRICS
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.cache import Cache
from regobs.simulate.collection import Collection
from regobs.simulate.database import Database
from regobs.simulate.faults import Fault, Name, Schedule
from regobs.simulate.leader import Leader
from regobs.simulate.machine import Machine
from regobs.simulate.moment import Moment, Work
from regobs.simulate.notify import Notify
from regobs.simulate.plan import Plan
from regobs.simulate.shared import Shared
from regobs.simulate.storage import Storage
from regobs.simulate.web import Web

_WARMING = 15.0  # seconds of a step before the start
_LIVES, _RESTARTS = 40.0, 20.0  # seconds that a pod in a crash loop is up, then away


class Part(Protocol):
    """A part of a pod."""

    def advance(self, moment: Moment, work: Work) -> None:
        """Move on by one step, with what its requests left to do."""


class Pod:
    """One registry process. `up` is false while it is not there to be scraped."""

    def __init__(self, plan: Plan, number: int, shared: Shared) -> None:
        self.number = number
        self.name = f"registry-{number}"
        self.up = True
        self._plan = plan
        self._shared = shared
        self._life = 0
        self._lock = Lock()
        self._start(plan.start - plan.warm)

    def advance(self, moment: Moment) -> None:
        """Move on by one step."""
        with self._lock:
            self._crash(moment)
            if self.up:
                work = self._web.advance(moment)
                for part in self._parts:
                    part.advance(moment, work)

    def render(self, *, openmetrics: bool = False) -> bytes:
        """The exposition of this moment; it counts as a scrape."""
        with self._lock:
            text = self.instruments.render(openmetrics=openmetrics)
            self._machine.scraped()
            return text

    def _crash(self, moment: Moment) -> None:
        """The last pod comes and goes during a crash loop; at its end it is there."""
        if self.number != self._plan.pods - 1:
            return
        looping = moment.suffers(Name.CRASH_LOOP)
        up = not looping or moment.elapsed % (_LIVES + _RESTARTS) < _LIVES
        if up and not self.up:
            self._life += 1
            self._start(moment.time)
        self.up = up

    def _start(self, time: float) -> None:
        plan, shared = self._plan, self._shared
        # A generator of its own for each life: what one pod draws changes nothing in the others.
        rng = Random(f"{plan.seed}/{self.number}/{self._life}")  # noqa: S311 (a model, no secret)
        self.instruments = Instruments(
            plan.flavor, version=plan.version, capabilities=plan.capabilities or (), strict=True
        )
        self.instruments.declare(METRICS.values())
        self._web = Web(plan, self.instruments, rng)
        self._machine = Machine(plan, self.instruments, rng, time)
        self._parts: list[Part] = [Storage(plan, self.instruments, rng)]
        if plan.has(Capability.GARBAGE_COLLECTION):
            self._parts.append(Collection(self.instruments, rng, shared))
        if plan.has(Capability.DATABASE_METRICS):
            self._parts.append(Leader(plan, self.instruments, rng, shared, holds=self.number == 0))
        if plan.has(Capability.METADATA_DATABASE):  # after those that ask it
            self._parts.append(Database(plan, self.instruments, rng, shared))
        if plan.has(Capability.REDIS):
            self._parts.append(Cache(plan, self.instruments, rng))
        if plan.has(Capability.NOTIFICATIONS):
            self._parts.append(Notify(plan, self.instruments, rng))
        self._parts.append(self._machine)


class Fleet:
    """All pods. `time` is the simulated Unix time up to which everything has happened, `faults` what goes wrong."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.time = plan.start - plan.warm
        self.faults = Schedule(plan.faults.faults)
        self._rng = Random(f"{plan.seed}/shared")  # noqa: S311 (a model, no secret)
        self.shared = Shared.of(plan)
        self.pods = [Pod(plan, number, self.shared) for number in range(plan.pods)]
        past = _past(plan.warm)
        while self.time < plan.start:
            self._step(min(_WARMING, plan.start - self.time), past)

    @property
    def elapsed(self) -> float:
        """Simulated seconds since the start."""
        return self.time - self.plan.start

    def advance(self, seconds: float) -> None:
        """Let so many seconds pass in one step."""
        self._step(seconds, self.faults)

    def _step(self, seconds: float, faults: Schedule) -> None:
        elapsed = self.elapsed
        self.time += seconds
        moment = Moment(self.time, elapsed, seconds, faults.active(elapsed))
        self.shared.advance(moment, self._rng)
        for pod in self.pods:
            pod.advance(moment)


def _past(warm: float) -> Schedule:
    """What went wrong before the start: some families are there only once that has happened, as in an old fleet."""
    begin = -0.9 * warm
    return Schedule(
        Fault(name, begin, warm * share)
        for name, share in ((Name.NOTIFICATIONS_DOWN, 0.2), (Name.STUCK_MIGRATION, 0.1), (Name.GC_BACKLOG, 0.05))
    )

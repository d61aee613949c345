"""One registry process of the fleet."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from random import Random
from threading import Lock
from typing import Protocol

from regobs.catalog import METRICS
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate import parts
from regobs.simulate.background_log import BackgroundLog
from regobs.simulate.cache import Cache
from regobs.simulate.collection import Collection
from regobs.simulate.content import Content
from regobs.simulate.database import Database
from regobs.simulate.draw import stream
from regobs.simulate.journal import Journal
from regobs.simulate.leader import Leader
from regobs.simulate.machine import Machine
from regobs.simulate.moment import Moment, Work
from regobs.simulate.notify import Notify
from regobs.simulate.plan import Plan
from regobs.simulate.presence import present
from regobs.simulate.request_log import RequestLog
from regobs.simulate.shared import Shared
from regobs.simulate.storage import Storage
from regobs.simulate.web import Web


class Part(Protocol):
    """A part of a pod."""

    def advance(self, moment: Moment, work: Work) -> None:
        """Move on by one step, with what its requests left to do."""


class Pod:
    """One registry process. `up` is false while it is not there to be scraped.

    With `families`, names of the catalog, only the parts that fill them move on; what other families show is old.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        shared: Shared,
        journal: Journal | None = None,
        *,
        families: frozenset[str] | None = None,
    ) -> None:
        self.number = number
        self.name = self.name_of(number)
        self.up = True
        self._plan = plan
        self._shared = shared
        self._life = 0
        self._lock = Lock()
        self._journal = journal
        self._families = families
        self._filling = parts.filling(families)
        self._start(plan.start - plan.warm)

    @staticmethod
    def name_of(number: int) -> str:
        """The name of a pod."""
        return f"registry-{number}"

    def advance(self, moment: Moment) -> None:
        """Move on by one step."""
        with self._lock:
            if self._journal is not None:
                self._journal.begin(moment)
            self._come_and_go(moment)
            if self.up:
                work = self._web.advance(moment)
                for part in self._parts:
                    part.advance(moment, work)
            if self._journal is not None:
                self._journal.end()

    @property
    def labels(self) -> dict[str, str]:
        """What service discovery says of its target, beside the address: its zone where there are zones."""
        zone = self._plan.zone(self.number)
        return {"zone": zone} if zone else {}

    def close(self) -> None:
        """End its log."""
        if self._journal is not None:
            self._journal.close()

    def render(self, *, openmetrics: bool = False) -> bytes:
        """The exposition of this moment; it counts as a scrape."""
        with self._lock:
            text = self.instruments.render(openmetrics=openmetrics)
            self.scraped()
            return text

    def scraped(self) -> None:
        """Count a scrape, at its end."""
        self._machine.scraped()

    def _come_and_go(self, moment: Moment) -> None:
        """Who comes back is a process that has just started."""
        up = present(self._plan, self.number, moment)
        if up and not self.up:
            self._life += 1
            self._start(moment.time)
        self.up = up

    def _start(self, time: float) -> None:
        plan, shared = self._plan, self._shared
        self.instruments = made = Instruments(
            plan.flavor, version=plan.version, capabilities=plan.capabilities or (), strict=True
        )
        made.declare(METRICS.values())
        requests, background = self._logs(time)
        self._web = Web(
            *(plan, made, lambda name: self._stream(f"{parts.HTTP}/{name}"), requests),
            families=self._families,
            alone=not self._filling,
        )
        self._machine = machine = Machine(plan, made, self._stream(parts.Name.MACHINE), time)
        makers: Mapping[parts.Name, Callable[[Random], Part]] = {
            parts.Name.STORAGE: lambda rng: Storage(plan, made, rng),
            parts.Name.COLLECTION: lambda rng: Collection(plan, made, rng, shared, background),
            parts.Name.LEADER: lambda rng: Leader(plan, made, rng, shared, background, holds=self.number == 0),
            parts.Name.DATABASE: lambda rng: Database(plan, made, rng, shared, background),
            parts.Name.CACHE: lambda rng: Cache(plan, made, rng),
            parts.Name.NOTIFY: lambda rng: Notify(plan, made, rng, background),
            parts.Name.MACHINE: lambda _: machine,
        }
        self._parts = [
            makers[name](self._stream(name))
            for name in parts.Name
            if name in self._filling and (name not in parts.NEEDS or plan.has(parts.NEEDS[name]))
        ]

    def _stream(self, part: str) -> Random:
        """A generator of its own for each part of each life: what one draws changes nothing in the others."""
        return stream(self._plan.seed, self.number, self._life, part)

    def _logs(self, time: float) -> tuple[RequestLog, BackgroundLog] | tuple[None, None]:
        if self._journal is None:
            return None, None
        content = Content(self._plan.clients)
        background = BackgroundLog(self._journal, content)
        self._journal.born()
        background.started(
            time,
            collects=self._plan.has(Capability.GARBAGE_COLLECTION),
            notifies=self._plan.has(Capability.NOTIFICATIONS),
            counts=self._plan.has(Capability.DATABASE_METRICS),
        )
        return RequestLog(self._journal, content), background

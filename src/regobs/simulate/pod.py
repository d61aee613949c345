"""One registry process of the fleet, and its parts: which components of the catalog each fills, whose work it needs.

A history that shows a few families only needs only the parts that fill them. Each part draws from a generator of its
own, so what is left out changes nothing in the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from random import Random
from threading import Lock
from typing import Protocol

from regobs.catalog import METRICS
from regobs.catalog.model import Capability
from regobs.instrument import Instruments
from regobs.simulate.background import Collection, Leader
from regobs.simulate.cache import Cache
from regobs.simulate.database import Database
from regobs.simulate.draw import stream
from regobs.simulate.journal import BackgroundLog, Content, PodLog
from regobs.simulate.machine import Machine
from regobs.simulate.notify import Notify
from regobs.simulate.plan import Plan
from regobs.simulate.request_log import RequestLog
from regobs.simulate.shared import SharedServices
from regobs.simulate.steps import TimeStep, Work, present
from regobs.simulate.storage import Storage
from regobs.simulate.web import Web


class PartName(StrEnum):
    """The parts, in the order in which they move on; the HTTP part is always there and goes before them."""

    STORAGE = "storage"
    COLLECTION = "collection"
    LEADER = "leader"
    DATABASE = "database"
    CACHE = "cache"
    NOTIFY = "notify"
    MACHINE = "machine"


HTTP = "http"
_FILLS: Mapping[PartName, frozenset[str]] = {
    PartName.STORAGE: frozenset({"storage", "proxy"}),
    PartName.COLLECTION: frozenset({"gc"}),
    PartName.LEADER: frozenset({"row_counts", "background_migrations"}),
    PartName.DATABASE: frozenset({"database", "load_balancing", "sql_pool"}),
    PartName.CACHE: frozenset({"redis"}),
    PartName.NOTIFY: frozenset({"notifications"}),
    PartName.MACHINE: frozenset({"process", "go_runtime", "build_info", "scrape"}),
}
# The rows that the leader counts are tasks of the collection; the database is asked by both.
_AFTER: Mapping[PartName, frozenset[PartName]] = {
    PartName.LEADER: frozenset({PartName.COLLECTION}),
    PartName.DATABASE: frozenset({PartName.COLLECTION, PartName.LEADER}),
}
NEEDS: Mapping[PartName, Capability] = {
    PartName.COLLECTION: Capability.GARBAGE_COLLECTION,
    PartName.LEADER: Capability.DATABASE_METRICS,
    PartName.DATABASE: Capability.METADATA_DATABASE,
    PartName.CACHE: Capability.REDIS,
    PartName.NOTIFY: Capability.NOTIFICATIONS,
}
_TOGETHER = frozenset({PartName.COLLECTION})  # what it does for one pod changes what the others find


def parts_for(families: frozenset[str] | None) -> frozenset[PartName]:
    """The parts that these families of the catalog need, None for all of them."""
    if families is None:
        return frozenset(PartName)
    components = {METRICS[name].component for name in families if name in METRICS}
    found = {part for part, fills in _FILLS.items() if fills & components}
    return frozenset(found.union(*(_AFTER.get(part, frozenset()) for part in found)))


def independent(parts: frozenset[PartName]) -> bool:
    """Whether pods with these parts change nothing in each other, so that each can be simulated without the others."""
    return not parts & _TOGETHER


class PodPart(Protocol):
    """A part of a pod."""

    def advance(self, moment: TimeStep, work: Work) -> None:
        """Move on by one step, with what its requests left to do."""


class Pod:
    """One registry process. `up` is false while it is not there to be scraped.

    With `families`, names of the catalog, only the parts that fill them move on; what other families show is old.
    """

    def __init__(
        self,
        plan: Plan,
        number: int,
        shared: SharedServices,
        journal: PodLog | None = None,
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
        self._filling = parts_for(families)
        self._start(plan.start - plan.warm)

    @staticmethod
    def name_of(number: int) -> str:
        """The name of a pod."""
        return f"registry-{number}"

    def advance(self, moment: TimeStep) -> None:
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

    def _come_and_go(self, moment: TimeStep) -> None:
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
            *(plan, made, lambda name: self._stream(f"{HTTP}/{name}"), requests),
            families=self._families,
            alone=not self._filling,
        )
        self._machine = machine = Machine(plan, made, self._stream(PartName.MACHINE), time)
        makers: Mapping[PartName, Callable[[Random], PodPart]] = {
            PartName.STORAGE: lambda rng: Storage(plan, made, rng),
            PartName.COLLECTION: lambda rng: Collection(plan, made, rng, shared, background),
            PartName.LEADER: lambda rng: Leader(plan, made, rng, shared, background, holds=self.number == 0),
            PartName.DATABASE: lambda rng: Database(plan, made, rng, shared, background),
            PartName.CACHE: lambda rng: Cache(plan, made, rng),
            PartName.NOTIFY: lambda rng: Notify(plan, made, rng, background),
            PartName.MACHINE: lambda _: machine,
        }
        self._parts = [
            makers[name](self._stream(name))
            for name in PartName
            if name in self._filling and (name not in NEEDS or plan.has(NEEDS[name]))
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

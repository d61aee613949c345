"""What goes wrong, and when: a schedule of faults in simulated seconds from the start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from regobs.errors import InputError
from regobs.simulate.clock import seconds_of


class Name(StrEnum):
    """The faults there are."""

    ERROR_BURST = "error-burst"
    LATENCY_RAMP = "latency-ramp"
    POOL_EXHAUSTION = "pool-exhaustion"
    REPLICA_LAG = "replica-lag"
    REDIS_LOSS = "redis-loss"
    GC_BACKLOG = "gc-backlog"
    NOTIFICATIONS_DOWN = "notifications-down"
    STORAGE_THROTTLING = "storage-throttling"
    STUCK_MIGRATION = "stuck-migration"
    CRASH_LOOP = "crash-loop"
    NO_TRAFFIC = "no-traffic"
    ZONE_OUTAGE = "zone-outage"

    @classmethod
    def read(cls, text: str) -> Name:
        """The fault of this name. Raises InputError for one that there is not."""
        if text not in set(cls):
            raise InputError("there is no such fault", value=text, expected=", ".join(cls))
        return cls(text)


MOST = 1000  # faults in a schedule that grows
_FORM = "NAME@START+DURATION, for example error-burst@2m+5m"
_TEXT = re.compile(r"(?P<name>[^@]+)@(?P<start>[^+]+)\+(?P<duration>.+)")


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault from `start` on for `duration`, both in seconds, the first from the start of the simulation."""

    name: Name
    start: float
    duration: float

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `error-burst@2m+5m`. Raises InputError for an unknown name or a wrong time."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise InputError("a fault can not be read", value=text, expected=_FORM)
        name = Name.read(found["name"])
        start, duration = (seconds_of(found[part], f"the {part} of {text}") for part in ("start", "duration"))
        if duration == 0:
            raise InputError("a fault takes some time", value=text, expected=_FORM)
        return cls(name, start, duration)

    def progress(self, elapsed: float) -> float | None:
        """How much of it is over, from 0 to 1; None before its start and from its end on."""
        share = (elapsed - self.start) / self.duration
        return share if 0 <= share < 1 else None


class Schedule:
    """The faults of a simulation. More may strike while it runs, and each can be repaired before its end."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)
        self._lock = Lock()

    def __reduce__(self) -> tuple[type[Schedule], tuple[tuple[Fault, ...]]]:
        return Schedule, (self.faults,)

    def strike(self, fault: Fault) -> None:
        """Add a fault; those that are over by its start are forgotten. Raises InputError when there are too many."""
        with self._lock:
            kept = [one for one in self.faults if one.start + one.duration > fault.start]
            if len(kept) >= MOST:
                raise InputError("so many faults are not kept", value=len(kept), expected=f"fewer than {MOST}")
            self.faults = (*kept, fault)

    def repair(self, name: Name, elapsed: float) -> bool:
        """End the faults of a name that are active, and leave those to come; whether there was one."""
        with self._lock:
            struck = [one for one in self.faults if one.name is name and one.progress(elapsed) is not None]
            kept = [one for one in self.faults if one not in struck]
            # What it did until now stays; one that strikes at this very moment did nothing.
            ended = [Fault(name, one.start, elapsed - one.start) for one in struck if elapsed > one.start]
            self.faults = (*kept, *ended)
        return bool(struck)

    def active(self, elapsed: float) -> Mapping[Name, float]:
        """The faults of this moment with their progress; of two with one name, that which is further."""
        found: dict[Name, float] = {}
        for fault in self.faults:
            progress = fault.progress(elapsed)
            if progress is not None:
                found[fault.name] = max(progress, found.get(fault.name, 0.0))
        return found

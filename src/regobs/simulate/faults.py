"""What goes wrong, and when: a schedule of faults in simulated seconds from the start."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum

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
        if found["name"] not in set(Name):
            raise InputError("there is no such fault", value=found["name"], expected=", ".join(Name))
        start, duration = (seconds_of(found[part], f"the {part} of {text}") for part in ("start", "duration"))
        if duration == 0:
            raise InputError("a fault takes some time", value=text, expected=_FORM)
        return cls(Name(found["name"]), start, duration)

    def progress(self, elapsed: float) -> float | None:
        """How much of it is over, from 0 to 1; None before its start and from its end on."""
        share = (elapsed - self.start) / self.duration
        return share if 0 <= share < 1 else None


class Schedule:
    """The faults of a simulation."""

    def __init__(self, faults: Iterable[Fault] = ()) -> None:
        self.faults = tuple(faults)

    def active(self, elapsed: float) -> Mapping[Name, float]:
        """The faults of this moment with their progress; of two with one name, that which is further."""
        found: dict[Name, float] = {}
        for fault in self.faults:
            progress = fault.progress(elapsed)
            if progress is not None:
                found[fault.name] = max(progress, found.get(fault.name, 0.0))
        return found

"""What goes wrong, and when: a schedule of faults in simulated seconds from the start.

`EFFECTS` says what each does to a fleet, and which alerts of the bundled pack tell of it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from threading import Lock

from regobs.catalog.model import Capability
from regobs.errors import InputError
from regobs.simulate.clock import seconds_of


class FaultName(StrEnum):
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
    def read(cls, text: str) -> FaultName:
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

    name: FaultName
    start: float
    duration: float

    @classmethod
    def parse(cls, text: str) -> Fault:
        """Read `error-burst@2m+5m`. Raises InputError for an unknown name or a wrong time."""
        found = _TEXT.fullmatch(text.strip())
        if found is None:
            raise InputError("a fault can not be read", value=text, expected=_FORM)
        name = FaultName.read(found["name"])
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
            kept = [known for known in self.faults if known.start + known.duration > fault.start]
            if len(kept) >= MOST:
                raise InputError("so many faults are not kept", value=len(kept), expected=f"fewer than {MOST}")
            self.faults = (*kept, fault)

    def repair(self, name: FaultName, elapsed: float) -> bool:
        """End the faults of a name that are active, and leave those to come; whether there was one."""
        with self._lock:
            active = [fault for fault in self.faults if fault.name is name and fault.progress(elapsed) is not None]
            kept = [fault for fault in self.faults if fault not in active]
            # What it did until now stays; one that strikes at this very moment did nothing.
            ended = [Fault(name, fault.start, elapsed - fault.start) for fault in active if elapsed > fault.start]
            self.faults = (*kept, *ended)
        return bool(active)

    def active(self, elapsed: float) -> Mapping[FaultName, float]:
        """The faults of this moment with their progress; of two with one name, that which is further."""
        found: dict[FaultName, float] = {}
        for fault in self.faults:
            progress = fault.progress(elapsed)
            if progress is not None:
                found[fault.name] = max(progress, found.get(fault.name, 0.0))
        return found


@dataclass(frozen=True, slots=True)
class FaultEffect:
    """What happens, and the alerts that fire when it lasts longer than their `for`.

    `alerts` are those for this cause; `pains` are those that may fire with them, because users notice it too.
    It strikes only fleets that have one of the capabilities `needs`, where there are any.
    """

    text: str
    alerts: tuple[str, ...]
    pains: tuple[str, ...] = ()
    needs: tuple[Capability, ...] = ()


_BURNS = ("RegistryAvailabilityBurn", "RegistryLatencyBurn")
EFFECTS: Mapping[FaultName, FaultEffect] = {
    FaultName.ERROR_BURST: FaultEffect(
        "3 of 10 requests are answered with 500, 502 or 503", ("RegistryAvailabilityBurn",)
    ),
    FaultName.LATENCY_RAMP: FaultEffect(
        "requests, queries and storage calls take longer and longer, up to 60 times; who waits 60 s hangs up",
        ("RegistryLatencyBurn", "RegistryStorageSlow"),
    ),
    FaultName.POOL_EXHAUSTION: FaultEffect(
        "all connections to the primary database are in use, and requests wait for one or fail",
        ("RegistryDatabasePoolSaturated",),
        _BURNS,
        needs=(Capability.METADATA_DATABASE,),
    ),
    FaultName.REPLICA_LAG: FaultEffect(
        "the replicas of the database fall behind, one every two minutes, until they are quarantined",
        ("RegistryReplicasQuarantined", "RegistryReplicaQuarantined"),
        needs=(Capability.LOAD_BALANCING,),
    ),
    FaultName.REDIS_LOSS: FaultEffect(
        "Redis answers no pod",
        ("RegistryRateLimiterUnreachable", "RegistryRedisUnreachable"),
        needs=(Capability.REDIS, Capability.REDIS_DESCRIPTOR_CACHE),
    ),
    FaultName.GC_BACKLOG: FaultEffect(
        "garbage collection fails while cleanup policies delete much",
        ("RegistryGarbageQueueGrowing",),
        ("RegistryFreshnessBurn",),
        needs=(Capability.GARBAGE_COLLECTION,),
    ),
    FaultName.NOTIFICATIONS_DOWN: FaultEffect(
        "the endpoint of the notifications answers 503",
        ("RegistryNotificationsStuck", "RegistryNotificationsLost"),
        ("RegistryNotificationsDropped",),
        needs=(Capability.NOTIFICATIONS,),
    ),
    FaultName.STORAGE_THROTTLING: FaultEffect(
        "the object store answers 429: calls are repeated, slow, and some fail",
        ("RegistryStorageRateLimited", "RegistryStorageRetries"),
        _BURNS,
        needs=(Capability.OBJECT_STORAGE,),
    ),
    FaultName.STUCK_MIGRATION: FaultEffect(
        "the background migration fails and does not go on",
        ("RegistryMigrationFailed",),
        needs=(Capability.BACKGROUND_MIGRATIONS,),
    ),
    FaultName.CRASH_LOOP: FaultEffect(
        "the last pod is up for 40 s and away for 20 s, again and again", ("RegistryRestarting",)
    ),
    FaultName.NO_TRAFFIC: FaultEffect("no client reaches the fleet", ("RegistryRequestsStopped",)),
    FaultName.ZONE_OUTAGE: FaultEffect(
        "all pods of the last zone are away; the others get their requests", ("RegistryTargetDown",)
    ),
}

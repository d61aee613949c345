"""What the pods of a fleet share: replicas of the database, queues of the garbage collection, a migration."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from regobs.instrument import Instruments
from regobs.simulate.draw import spread
from regobs.simulate.faults import FaultName
from regobs.simulate.journal import BackgroundLog
from regobs.simulate.plan import Plan
from regobs.simulate.steps import TimeStep

# Where the registry takes a replica out: both are exceeded (facts of its load balancer).
_QUARANTINE_SECONDS, _QUARANTINE_BYTES = 30.0, 8 * 2**20
_LAGGING = 2.0  # seconds that a stuck replica falls back in a second; it also loses what it had replayed late
_SPREADS = 120.0  # seconds until the replica that takes its reads falls back too, and so on
_LOG_RATE = 600_000  # bytes of write-ahead log in a second


@dataclass(slots=True)
class Replica:
    """A replica of the metadata database; the lag is in seconds."""

    name: str
    lag: float = 0.01
    quarantined: bool = False

    @property
    def lag_bytes(self) -> int:
        """How many bytes of the log it is behind."""
        return int(self.lag * _LOG_RATE)


@dataclass(slots=True)
class Queue:
    """Tasks of the garbage collection. A task falls due a day after its event: of those that wait, few are due."""

    waiting: int
    due: int = 0

    def add(self, count: int) -> None:
        """Tasks of events, and as many fall due, from the day before."""
        self.waiting += count
        self.due += count

    def done(self) -> None:
        """A task is."""
        self.waiting -= 1
        self.due -= 1


@dataclass(slots=True)
class SharedServices:
    """The state behind all pods."""

    replicas: list[Replica]
    tasks: Mapping[str, Queue] = field(default_factory=lambda: {"blob": Queue(40), "manifest": Queue(25)})
    migrated: float = 0.0  # percent
    migrating: float = 1.0  # seconds of all of it
    lagging: float = 0.0  # seconds since a replica got stuck
    changed: list[Replica] = field(default_factory=list)  # taken out or back in this step

    @classmethod
    def of(cls, plan: Plan) -> SharedServices:
        """That of a new fleet."""
        replicas = [Replica(f"10.0.2.{number + 11}:5432") for number in range(plan.replicas)]
        return cls(replicas, migrated=plan.migrating.done, migrating=plan.migrating.seconds)

    def advance(self, moment: TimeStep, rng: Random) -> None:
        """Move the replicas and the migration on."""
        self.changed = []
        self.lagging = self.lagging + moment.seconds if moment.suffers(FaultName.REPLICA_LAG) else 0.0
        # The last replica first, then one after the other.
        stuck = 1 + int((self.lagging - moment.seconds) // _SPREADS) if self.lagging else 0
        for number, replica in enumerate(reversed(self.replicas)):
            if number < stuck:
                replica.lag += _LAGGING * moment.seconds
            elif replica.lag > 1:
                replica.lag = max(0.01, replica.lag - 5 * moment.seconds)
            else:
                replica.lag = spread(rng, 0.01, 0.8)
            behind = replica.lag > _QUARANTINE_SECONDS and replica.lag_bytes > _QUARANTINE_BYTES
            if behind != replica.quarantined:
                replica.quarantined = behind
                self.changed.append(replica)
        if not moment.suffers(FaultName.STUCK_MIGRATION):
            self.migrated = min(100.0, self.migrated + 100 * moment.seconds / self.migrating)


class SharingPart:
    """A part of one pod: what it plays, where it counts, and what all pods share."""

    def __init__(
        self,
        plan: Plan,
        instruments: Instruments,
        rng: Random,
        shared: SharedServices,
        log: BackgroundLog | None = None,
    ) -> None:
        self._plan = plan
        self._in = instruments
        self._rng = rng
        self._shared = shared
        self._log = log

"""The steps of simulated time: what the parts of a pod are given, what requests leave to do, which pods are there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from regobs.simulate.faults import FaultName
from regobs.simulate.plan import Plan

_SLOWEST = 60.0  # times a latency ramp makes everything that is waited for longer at its end


@dataclass(slots=True)
class Work:
    """What the requests of a step asked of the other parts: how many of each."""

    requests: int = 0
    seconds: float = 0.0  # spent in handlers, all requests together
    bytes_in: int = 0
    bytes_out: int = 0
    storage: Counter[str] = field(default_factory=Counter)  # by content word of the action
    queries: Counter[str] = field(default_factory=Counter)  # by name of the store's method
    events: Counter[tuple[str, str]] = field(default_factory=Counter)  # by action and artifact
    downloads: list[int] = field(default_factory=list)  # sizes of served blobs, bytes
    uploads: list[int] = field(default_factory=list)
    tasks: Counter[str] = field(default_factory=Counter)  # for the garbage collection, by event


@dataclass(frozen=True, slots=True)
class TimeStep:
    """A step of `seconds` that begins `elapsed` seconds after the start and ends at the Unix time `time`.

    `load` is what a pod gets of the traffic, as a multiple of what it gets while all pods are there.
    """

    time: float
    elapsed: float
    seconds: float
    faults: Mapping[FaultName, float]
    load: float = 1.0

    def suffers(self, name: FaultName) -> bool:
        """Whether a fault is active."""
        return name in self.faults

    def progress(self, name: FaultName) -> float:
        """How far a fault is, 0 without it."""
        return self.faults.get(name, 0.0)

    @property
    def slowness(self) -> float:
        """How many times longer what is waited for takes: 1, and more the further a latency ramp is."""
        return 1 + (_SLOWEST - 1) * self.progress(FaultName.LATENCY_RAMP)


_LIVES, _RESTARTS = 40.0, 20.0  # seconds that a pod in a crash loop is up, then away


def present(plan: Plan, number: int, moment: TimeStep) -> bool:
    """Whether a pod is there: a crash loop takes the last one away again and again, an outage all of the last zone."""
    if moment.suffers(FaultName.ZONE_OUTAGE) and plan.zone(number) == plan.zones[-1]:
        return False
    crashing = moment.suffers(FaultName.CRASH_LOOP) and number == plan.pods - 1
    return not crashing or moment.elapsed % (_LIVES + _RESTARTS) < _LIVES


def load(plan: Plan, moment: TimeStep) -> float:
    """What a pod gets, as a multiple of what it gets while all are there: a load balancer asks those that answer."""
    if not (moment.suffers(FaultName.ZONE_OUTAGE) or moment.suffers(FaultName.CRASH_LOOP)):
        return 1.0
    there = sum(present(plan, number, moment) for number in range(plan.pods))
    return plan.pods / there if there else 0.0

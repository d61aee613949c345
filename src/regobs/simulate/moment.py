"""What the parts of a pod are given at each step, and what a request leaves for them to do."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from regobs.simulate.faults import Name

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
class Moment:
    """A step of `seconds` that begins `elapsed` seconds after the start and ends at the Unix time `time`.

    `load` is what a pod gets of the traffic, as a multiple of what it gets while all pods are there.
    """

    time: float
    elapsed: float
    seconds: float
    faults: Mapping[Name, float]
    load: float = 1.0

    def suffers(self, name: Name) -> bool:
        """Whether a fault is active."""
        return name in self.faults

    def progress(self, name: Name) -> float:
        """How far a fault is, 0 without it."""
        return self.faults.get(name, 0.0)

    @property
    def slowness(self) -> float:
        """How many times longer what is waited for takes: 1, and more the further a latency ramp is."""
        return 1 + (_SLOWEST - 1) * self.progress(Name.LATENCY_RAMP)

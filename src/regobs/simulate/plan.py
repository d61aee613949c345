"""What is simulated: flavor, version, capabilities, size and clients of the fleet, blobs, traffic, seed, faults."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.errors import InputError
from regobs.simulate.draw import spreads
from regobs.simulate.faults import EFFECTS, FaultName, Schedule

_DAY = 86_400.0


@dataclass(frozen=True, slots=True)
class Collecting:
    """Garbage collection: seconds between two runs of a worker, and tasks a second that cleanup policies add."""

    interval: float = 5.0
    cleanup: float = 0.0


@dataclass(frozen=True, slots=True)
class Notifying:
    """Notifications: how many events wait for the endpoint before more are dropped."""

    queue: int = 500


@dataclass(frozen=True, slots=True)
class Migrating:
    """A background migration: seconds that all of it takes, and the percentage that is done at the start."""

    seconds: float = 3 * _DAY
    done: float = 12.0


@dataclass(frozen=True, slots=True)
class Connections:
    """The highest number of connections of a pod to each host of the database, and to each Redis."""

    database: int = 25
    redis: int = 20


# User agents with their weights: clients of pipelines before those of people.
CLIENTS: Mapping[str, float] = {
    "docker/27.3.1 go/go1.22.7 git-commit/41ca978 kernel/6.1.0 os/linux arch/amd64": 46,
    "containerd/1.7.22": 24,
    "buildkit/v0.16": 10,
    "kaniko/v1.23.2": 7,
    "cri-o/1.30.5 go/go1.22.5 os/linux arch/amd64": 5,
    "skopeo/1.16.1": 3,
    "containers/5.32 (github.com/containers/image)": 3,
    "GitLab": 2,
}


# People in two continents, and pipelines at night.
_HOURS = (
    *(0.35, 0.30, 0.28, 0.27, 0.30, 0.38, 0.50, 0.68, 0.82, 0.92, 0.95, 0.93),
    *(0.90, 0.95, 1.00, 0.98, 0.92, 0.84, 0.74, 0.66, 0.58, 0.50, 0.44, 0.39),
)
_DAYS = (0.95, 1.0, 1.0, 0.98, 0.90, 0.42, 0.38)


@dataclass(frozen=True, slots=True)
class Curve:
    """Shares from 0 to 1: `hours` of the day in UTC from midnight on, `days` of the week from Monday on."""

    hours: tuple[float, ...] = _HOURS
    days: tuple[float, ...] = _DAYS

    def __post_init__(self) -> None:
        for name, shares, count in (("hours", self.hours, len(_HOURS)), ("days", self.days, len(_DAYS))):
            if len(shares) != count or not all(0 <= share <= 1 for share in shares):
                expected = f"{count} shares from 0 to 1, in UTC, from {'midnight' if name == 'hours' else 'Monday'} on"
                raise InputError(f"the {name} of a traffic curve are wrong", value=list(shares), expected=expected)

    def level(self, time: float) -> float:
        """The share of the highest rate at a Unix time; hours are joined by straight lines."""
        moment = datetime.fromtimestamp(time, UTC)
        share = (moment.minute * 60 + moment.second) / 3600
        now, later = self.hours[moment.hour], self.hours[(moment.hour + 1) % len(self.hours)]
        return (now + (later - now) * share) * self.days[moment.weekday()]


_NORMAL_99 = 2.3263478740  # standard deviations above the mean that 99 % of a normal distribution are below
_SMALLEST = 32
_MIB = 2**20


@dataclass(frozen=True)
class BlobSizeDistribution:
    """A lognormal distribution, in bytes: layers have a long tail beside their small configurations."""

    median: int = 2 * _MIB
    p99: int = 330 * _MIB
    largest: int = 10 * 2**30
    _sigma: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not _SMALLEST <= self.median <= self.p99 <= self.largest:
            raise InputError(
                "the sizes of blobs are not in order",
                value=f"median {self.median}, p99 {self.p99}, largest {self.largest} bytes",
                expected=f"{_SMALLEST} <= median <= p99 <= largest",
            )
        object.__setattr__(self, "_sigma", math.log(self.p99 / self.median) / _NORMAL_99)

    def draw(self, rng: Random) -> int:
        """Bytes of a blob."""
        return self.draws(rng, 1)[0]

    def draws(self, rng: Random, count: int) -> list[int]:
        """Bytes of so many."""
        sizes = spreads(rng, self.median, self._sigma, count)
        return [max(_SMALLEST, min(self.largest, int(size))) for size in sizes]


NEWEST: Mapping[Flavor, Version] = {Flavor.GITLAB: Version(4, 32), Flavor.DISTRIBUTION: Version(3, 0, 0)}
# Older ones have other labels and families than the model fills.
_OLDEST: Mapping[Flavor, Version] = {Flavor.GITLAB: Version(4, 31), Flavor.DISTRIBUTION: Version(2, 8)}

# What a capability stands on: with a metadata database the registry looks nothing up in the descriptor cache, so
# that one is not here but among what excludes each other.
_STANDS_ON: Mapping[Capability, tuple[Capability, ...]] = {
    Capability.LOAD_BALANCING: (Capability.METADATA_DATABASE, Capability.REDIS),
    Capability.DATABASE_METRICS: (Capability.METADATA_DATABASE, Capability.REDIS),
    Capability.GARBAGE_COLLECTION: (Capability.METADATA_DATABASE,),
    Capability.BACKGROUND_MIGRATIONS: (Capability.METADATA_DATABASE, Capability.DATABASE_METRICS),
    Capability.REDIS_DESCRIPTOR_CACHE: (Capability.DESCRIPTOR_CACHE,),
    Capability.CDN: (Capability.OBJECT_STORAGE,),
    Capability.URL_CACHE: (Capability.OBJECT_STORAGE, Capability.REDIS),
}
_WITHOUT_DATABASE = frozenset({Capability.DESCRIPTOR_CACHE, Capability.REDIS_DESCRIPTOR_CACHE})

MOST_PODS, MOST_REPLICAS = 200, 20


def possible(flavor: Flavor, version: Version | None) -> frozenset[Capability]:
    """The capabilities that a registry of this flavor and version can have: those that fill one of its families."""
    own = (metric for metric in METRICS.values() if metric.exposer is Exposer.REGISTRY)
    forms = (metric.form(flavor, version) for metric in own)
    found = {form.needs for form in forms if form is not None and form.needs is not None}
    return frozenset(found - {Capability.PYTHON})  # what simulates is written in Python, what it simulates is not


def usual(flavor: Flavor, version: Version | None) -> frozenset[Capability]:
    """All that go together: with GitLab's database no descriptor cache; a pull-through cache is another deployment."""
    off = _WITHOUT_DATABASE if flavor is Flavor.GITLAB else {Capability.PROXY}
    return possible(flavor, version) - off


def chosen(flavor: Flavor, version: Version | None, on: Iterable[str], off: Iterable[str]) -> frozenset[Capability]:
    """The usual capabilities with these switched on and those off."""
    return (usual(flavor, version or NEWEST[flavor]) | {Capability(name) for name in on}) - {
        Capability(name) for name in off
    }


def version_of(text: str | None) -> Version | None:
    """The version that a text says, None for None. Raises InputError for what is none."""
    try:
        return Version.parse(text) if text is not None else None
    except ValueError as error:
        raise InputError("no version", value=text, expected="a version such as 4.32.0") from error


@dataclass(frozen=True)
class Plan:
    """A fleet. `rate` is the highest rate of requests of a pod in a second of simulated time, `curve` its course.

    `requests` are weights of kinds of requests, by names such as `GET manifest`, where they are not the usual ones;
    `clients` weights of user agents. With `zones` each pod is in one of them, in turn, and its target is labelled so.
    `start` is the simulated Unix time of the start. `warm` seconds are simulated before it, so that the counters of
    rare events are there from the start, as they are in a registry that has run for a while.
    """

    flavor: Flavor = Flavor.GITLAB
    version: Version | None = None
    capabilities: frozenset[Capability] | None = None
    pods: int = 3
    replicas: int = 2
    seed: int = 1
    rate: float = 5.0
    start: float = 0.0
    warm: float = 900.0
    faults: Schedule = field(default_factory=Schedule)
    zones: tuple[str, ...] = ()
    curve: Curve = field(default_factory=Curve)
    requests: Mapping[str, float] = field(default_factory=dict)
    blobs: BlobSizeDistribution = field(default_factory=BlobSizeDistribution)
    clients: Mapping[str, float] = field(default_factory=lambda: CLIENTS)
    connections: Connections = field(default_factory=Connections)
    collecting: Collecting = field(default_factory=Collecting)
    notifying: Notifying = field(default_factory=Notifying)
    migrating: Migrating = field(default_factory=Migrating)

    def __post_init__(self) -> None:
        version = self.version or NEWEST[self.flavor]
        object.__setattr__(self, "version", version)
        if self.capabilities is None:
            object.__setattr__(self, "capabilities", usual(self.flavor, version))
        if self.pods < 1 or self.replicas < 1 or self.rate < 0 or self.warm < 0:
            raise InputError(
                "the size of the fleet is wrong",
                value=f"{self.pods} pods, {self.replicas} replicas, {self.rate} requests a second",
                expected="at least one pod and one replica, and no negative rate",
            )
        if len(self.zones) > self.pods:
            raise InputError(
                "there are more zones than pods",
                value=f"{len(self.zones)} zones, {self.pods} pods",
                expected="at most as many zones as pods",
            )
        self._check(version)
        for fault in self.faults.faults:
            self.check_fault(fault.name)

    def has(self, capability: Capability) -> bool:
        """Whether it is switched on."""
        return capability in (self.capabilities or ())

    def zone(self, number: int) -> str:
        """The zone of a pod; an empty text without zones."""
        return self.zones[number % len(self.zones)] if self.zones else ""

    def check_fault(self, name: FaultName) -> None:
        """Raise InputError for a fault that can strike nothing in this fleet."""
        needs = EFFECTS[name].needs
        if needs and not any(self.has(capability) for capability in needs):
            raise InputError(
                f"{name} strikes nothing in this fleet", value=name, expected=f"a fleet with {' or '.join(needs)}"
            )
        if name is FaultName.ZONE_OUTAGE and not self.zones:
            raise InputError(f"{name} strikes nothing in this fleet", value=name, expected="a fleet with zones")

    def _check(self, version: Version) -> None:
        if version < _OLDEST[self.flavor]:
            oldest = f"{_OLDEST[self.flavor]} or later"
            raise InputError(f"{self.flavor} of this version is not simulated", value=version, expected=oldest)
        on = self.capabilities or frozenset()
        strange = on - possible(self.flavor, version)
        if strange:
            raise InputError(
                f"{self.flavor} {version} has no {', '.join(sorted(strange))}",
                expected=", ".join(sorted(possible(self.flavor, version))),
            )
        for capability in sorted(on):
            lacking = [part for part in _STANDS_ON.get(capability, ()) if part not in on]
            if lacking and self.flavor is Flavor.GITLAB:
                raise InputError(f"{capability} needs {' and '.join(lacking)}", next_step="switch on both, or neither")
        if Capability.METADATA_DATABASE in on and on & _WITHOUT_DATABASE:
            raise InputError(
                "with metadata_database a registry never asks its descriptor cache",
                next_step="switch one of the two off",
            )

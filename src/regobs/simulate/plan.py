"""What is simulated: flavor, version, capabilities, size of the fleet, seed, faults."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.errors import InputError
from regobs.simulate.background import Collecting, Connections, Migrating, Notifying
from regobs.simulate.blobs import BlobSizes
from regobs.simulate.clients import CLIENTS
from regobs.simulate.curve import Curve
from regobs.simulate.effects import EFFECTS
from regobs.simulate.faults import Name, Schedule

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
    own = (one for one in METRICS.values() if one.exposer is Exposer.REGISTRY)
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
    blobs: BlobSizes = field(default_factory=BlobSizes)
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
                "a fleet of no size",
                value=f"{self.pods} pods, {self.replicas} replicas, {self.rate} requests a second",
                expected="at least one pod and one replica, and no negative rate",
            )
        if len(self.zones) > self.pods:
            raise InputError(
                "a zone without a pod",
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

    def check_fault(self, name: Name) -> None:
        """Raise InputError for a fault that can strike nothing in this fleet."""
        needs = EFFECTS[name].needs
        if needs and not any(self.has(one) for one in needs):
            raise InputError(
                f"{name} strikes nothing in this fleet", value=name, expected=f"a fleet with {' or '.join(needs)}"
            )
        if name is Name.ZONE_OUTAGE and not self.zones:
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

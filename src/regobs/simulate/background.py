"""What works behind the requests of a fleet, and how hard: settings of its plan."""

from __future__ import annotations

from dataclasses import dataclass

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

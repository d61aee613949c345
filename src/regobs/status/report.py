"""The status as values, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any

from regobs.doctor.report import FiringAlert, Problem
from regobs.query.complete import Gap
from regobs.slo.status import SloStatus


@dataclass(frozen=True, slots=True)
class RouteStatus:
    """One route: requests a second, the share of them that failed, the 95th percentile in seconds; None: no data."""

    route: str
    requests: float | None
    failed: float | None
    latency: float | None


@dataclass(frozen=True, slots=True)
class Usage:
    """How full something with a limit is, from 0 to 1; `where` are the labels of the one that it is about."""

    name: str
    where: Mapping[str, str]
    used: float


@dataclass(frozen=True, slots=True)
class ProcessStatus:
    """One process of the registry: whether its last scrape worked, its error when not, and its age in seconds.

    `seen` is how many seconds ago a scrape of one that is down last worked; None beyond an hour.
    """

    instance: str
    up: bool
    error: str = ""
    age: float | None = None
    seen: float | None = None


@dataclass(frozen=True, slots=True)
class OutsideView:
    """What a probe gets of an address of the registry: whether it is what it wants, and in words what it is."""

    address: str
    works: bool
    text: str


@dataclass(frozen=True, slots=True)
class StatusReport:
    """Everything on the screen. `now` is the server's own time, in seconds since 1970; `window` that of rates.

    `firing` are the alerts of the pack, `pending` how many of them wait, `others` how many other alerts fire there,
    `silent` how many of the pack fire and tell nobody;
    `loaded` is how many of the pack's `alerts` the server evaluates, None where it does not say; `load` what is to be
    done where it is none of them, and nothing shows that another server does. `budgets` and `routes` have the worst
    first. `problems` are those of the server, `failing_rules` the rules that it cannot evaluate.

    `stale` is how many seconds old the newest sample of the registry is, where no instance is up: requests and routes
    are then of what was before; None else. `recent` are the requests of `recent_window`, a shorter one; `outside` is
    what probes see.

    `past` says that it is of an earlier moment: what a server tells of the present only is missing then (its rules and
    their health, errors of scrapes). `gaps` is what answers lack, `refused` which queries the server did not evaluate.
    """

    server: str
    server_version: str
    now: float
    window: str
    flavor: str
    versions: Mapping[str, int]
    firing: tuple[FiringAlert, ...]
    pending: int
    others: int
    alerts: int
    loaded: int | None
    budgets: tuple[SloStatus, ...]
    requests: float | None
    in_flight: float | None
    routes: tuple[RouteStatus, ...]
    usage: tuple[Usage, ...]
    processes: tuple[ProcessStatus, ...]
    failing_rules: Mapping[str, str]
    problems: tuple[Problem, ...]
    links: Mapping[str, str]
    past: bool = False
    gaps: tuple[Gap, ...] = ()
    refused: tuple[str, ...] = ()
    stale: float | None = None
    outside: tuple[OutsideView, ...] = ()
    recent: float | None = None
    recent_window: str = ""
    silent: int = 0
    load: str = ""

    @property
    def stands_still(self) -> bool:
        """Whether no request is counted any more, though some were a moment ago, by a registry that is scraped."""
        return self.stale is None and self.recent == 0 and bool(self.requests)

    @property
    def rules_elsewhere(self) -> bool:
        """Whether no alert of the build is loaded here, and what rules wrote is: another server evaluates them."""
        return self.loaded == 0 and bool(self.budgets or self.firing or self.pending or self.silent)

    @property
    def complete(self) -> bool:
        """Whether nothing that was asked is missing."""
        return not self.gaps and not self.refused

    def as_data(self) -> dict[str, Any]:
        """The stable JSON form; shares are from 0 to 1, times in seconds."""
        return {
            "server": self.server,
            "server_version": self.server_version,
            "time": self.now,
            "past": self.past,
            "complete": self.complete,
            "gaps": [{"kind": one.kind, "text": one.text} for one in self.gaps],
            "refused": list(self.refused),
            "window": self.window,
            "flavor": self.flavor,
            "versions": dict(self.versions),
            "alerts": {
                "firing": [one.as_data() for one in self.firing],
                "pending": self.pending,
                "others_firing": self.others,
                "of_the_pack": self.alerts,
                "loaded": self.loaded,
                "load": self.load or None,
            },
            "budgets": [_budget(one) for one in self.budgets],
            "stale_seconds": self.stale,
            "stands_still": self.stands_still,
            "outside": [{"address": one.address, "works": one.works, "text": one.text} for one in self.outside],
            "requests_per_second": _finite(self.requests),
            "requests_in_flight": _finite(self.in_flight),
            "routes": [
                {
                    "route": one.route,
                    "requests_per_second": _finite(one.requests),
                    "failed": _finite(one.failed),
                    "latency_p95": _finite(one.latency),
                }
                for one in self.routes
            ],
            "usage": [{"name": one.name, "where": dict(one.where), "used": one.used} for one in self.usage],
            "processes": [
                {"instance": one.instance, "up": one.up, "error": one.error or None, "age": one.age, "seen": one.seen}
                for one in self.processes
            ],
            "failing_rules": [{"rule": name, "error": error} for name, error in self.failing_rules.items()],
            "server_state": [{"problem": one.text, "change": one.change} for one in self.problems],
            "links": dict(self.links),
        }


def _finite(value: float | None) -> float | None:
    """JSON has neither NaN nor infinity."""
    return value if value is not None and isfinite(value) else None


def _budget(one: SloStatus) -> dict[str, Any]:
    """As `regobs slo status` has it, with the fastest burn and its window."""
    data = {**one.as_data(), "burn": one.burn, "burn_window": one.window or None}
    return {name: _finite(value) if isinstance(value, float) else value for name, value in data.items()}

"""How each SLO stands, read from a Prometheus that evaluates its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Protocol

from regobs.catalog import slo as names
from regobs.catalog.targets import ALERTS
from regobs.common.counts import amount_text
from regobs.config import Config
from regobs.promql.nodes import Selector
from regobs.promql.printer import to_text
from regobs.promql.scope import inject
from regobs.slo.model import Slo, Windows
from regobs.slo.recording import interval_of

ScopeKey = frozenset[tuple[str, str]]
OWN_LABELS = {"__name__", "slo", "operation", "sli"}


class QueryServer(Protocol):
    """What can answer a query: `regobs.prometheus.Prometheus` can."""

    @property
    def query(self) -> Callable[[str], Any]:
        """Evaluate a query; the answer's `samples` have `labels` and a `value`."""


@dataclass(frozen=True, slots=True)
class SloStatus:
    """One SLO in one scope. `events` and `ratio` are of the whole period; None where there is no data.

    `burn` is the highest current burn rate of all tiers' long windows and `window` the one it is from; `burns` has all
    of them. `scope` are the labels that tell this row's registry from others. `watched` is the share of the period that
    was evaluated, `firing` has the tiers whose alert fires. `period` is in seconds.
    """

    slo: str
    title: str
    target: float
    scope: Mapping[str, str]
    events: float | None
    ratio: float | None
    remaining: float | None
    burn: float | None
    window: str
    burns: Mapping[str, float]
    watched: float | None
    firing: tuple[str, ...]
    period: float
    period_text: str

    @property
    def achieved(self) -> float | None:
        """The share of good events; None without events."""
        return None if self.ratio is None else 1 - self.ratio

    @property
    def events_left(self) -> float | None:
        """How many more events may be bad, if the rest of the period has as much traffic as what was watched of it."""
        if self.remaining is None or not self.events or not self.watched:
            return None
        return max(self.remaining, 0.0) * (1 - self.target) * self.events / self.watched

    @property
    def outage_left(self) -> float | None:
        """The seconds for which everything may fail, at the period's average traffic."""
        return None if self.remaining is None else max(self.remaining, 0.0) * (1 - self.target) * self.period

    @property
    def lasts(self) -> float | None:
        """The seconds until the budget is spent at `burn`; None where the period ends before, and new budget comes."""
        if self.remaining is None or self.burn is None:
            return None
        if self.remaining <= 0:
            return 0.0
        seconds = self.remaining * self.period / self.burn if self.burn > 0 else self.period
        return seconds if seconds < self.period else None

    def as_data(self) -> dict[str, Any]:
        """As JSON: shares between 0 and 1, times in seconds, null where there is no data."""
        return {
            "slo": self.slo,
            "title": self.title,
            "scope": dict(self.scope),
            "period": self.period_text,
            "target": self.target,
            "achieved": self.achieved,
            "events": self.events,
            "budget_left": self.remaining,
            "events_left": self.events_left,
            "outage_seconds_left": self.outage_left,
            "watched": self.watched,
            "burn_rates": dict(self.burns),
            "spent_in_seconds": self.lasts,
            "firing": list(self.firing),
        }

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text: SLO, scope, target, events, bad, budget left, burn rate."""
        scope = " ".join(self.scope.values())
        return (
            self.slo,
            scope,
            f"{self.target * 100:.6g} %",
            "no data" if self.events is None else amount_text(self.events).replace(",", ""),
            _text(self.ratio, "{:.3%}"),
            _text(self.remaining, "{:.1%}"),
            "no data" if self.burn is None else f"{amount_text(self.burn, 2)} ({self.window})",
        )


HEADER = ("SLO", "scope", "target", "events", "bad", "budget left", "burn rate")


def _text(value: float | None, form: str) -> str:
    return "no data" if value is None else form.format(value)


def read_status(server: QueryServer, slos: Iterable[Slo], windows: Windows, config: Config) -> list[SloStatus]:
    """The status of each SLO, one row for each scope that has data, else one row without. Raises ServerError."""
    reader = _Reader(server, config)
    return [row for slo in slos for row in _rows(reader, slo, windows, config)]


def status_queries(slos: Iterable[Slo], windows: Windows, config: Config) -> list[str]:
    """What `read_status` asks, as it is sent, so that it can be asked at once."""
    periods = dict.fromkeys(slo.period.text for slo in slos)
    series = [family(one).name for one in periods for family in (names.EVENTS, names.BAD_EVENTS, names.EVALUATIONS)]
    series += [names.BUDGET_REMAINING.name, *(names.BURN_RATE(tier.name).name for tier in windows.tiers)]
    return [*(_query(one, config) for one in series), _FIRING]


def _query(series: str, config: Config) -> str:
    return to_text(inject(Selector(series), config.rules_scope))


_FIRING = f'{ALERTS.name}{{alertstate="firing",slo!=""}}'


class _Reader:
    """Reads each recorded metric once, for all SLOs, within the scope of the settings."""

    def __init__(self, server: QueryServer, config: Config) -> None:
        self._server, self._config = server, config
        self._found: dict[str, dict[str, dict[ScopeKey, float]]] = {}
        self._alerts: list[Mapping[str, str]] | None = None

    def values(self, series: str, slo: str) -> dict[ScopeKey, float]:
        """The values of a recorded metric of one SLO, by scope."""
        if series not in self._found:
            by_slo: dict[str, dict[ScopeKey, float]] = {}
            for sample in self._server.query(_query(series, self._config)).samples:
                labels = dict(sample.labels)
                scope = frozenset((name, value) for name, value in labels.items() if name not in OWN_LABELS)
                if not isnan(value := float(sample.value)):  # no number is no data
                    by_slo.setdefault(labels.get("slo", ""), {})[scope] = value
            self._found[series] = by_slo
        return self._found[series].get(slo, {})

    def firing(self, slo: str, scope: ScopeKey) -> set[str]:
        """The tiers of an SLO whose alert fires in a scope. An alert may have more labels than a recorded series."""
        if self._alerts is None:
            self._alerts = [dict(sample.labels) for sample in self._server.query(_FIRING).samples]
        mine = (labels for labels in self._alerts if labels.get("slo") == slo and scope <= labels.items())
        return {labels.get("tier", "") for labels in mine}


def _rows(reader: _Reader, slo: Slo, windows: Windows, config: Config) -> list[SloStatus]:
    period = slo.period.text
    events = reader.values(names.EVENTS(period).name, slo.name)
    bad = reader.values(names.BAD_EVENTS(period).name, slo.name)
    left = reader.values(names.BUDGET_REMAINING.name, slo.name)
    counted = reader.values(names.EVALUATIONS(period).name, slo.name)
    burns = {tier.name: reader.values(names.BURN_RATE(tier.name).name, slo.name) for tier in windows.tiers}
    scopes = sorted({*events, *(scope for values in burns.values() for scope in values)}, key=sorted)
    most = slo.period.length.ms / interval_of(slo, windows, config).ms
    rows = []
    for scope in scopes or [frozenset()]:
        current = {window: values[scope] for window, values in burns.items() if scope in values}
        worst = max(current, key=lambda window: current[window], default="")
        count = events.get(scope)
        firing = reader.firing(slo.name, scope)
        rows.append(
            SloStatus(
                slo=slo.name,
                title=slo.title,
                target=float(slo.target),
                scope=dict(sorted(scope)),
                events=count,
                ratio=bad.get(scope, 0.0) / count if count else None,
                remaining=left.get(scope),
                burn=current.get(worst),
                window=worst,
                burns=current,
                watched=min(counted[scope] / most, 1.0) if scope in counted else None,
                firing=tuple(tier.name for tier in windows.tiers if tier.name in firing),
                period=slo.period.length.ms / 1000,
                period_text=period,
            )
        )
    return rows

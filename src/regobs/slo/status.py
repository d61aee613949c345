"""How each SLO stands, read from a Prometheus that evaluates its rules."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from regobs.catalog import slo as names
from regobs.slo.model import Slo, Windows, window_text


class Server(Protocol):
    """What can answer a query: `regobs.prometheus.Prometheus` can."""

    @property
    def query(self) -> Callable[[str], Any]:
        """Evaluate a query; the answer's `samples` have `labels` and a `value`."""


@dataclass(frozen=True, slots=True)
class Row:
    """One SLO in one scope. `events` and `ratio` are of the whole period; None where there is no data.

    `burn` is the highest current burn rate of all tiers' long windows and `window` the one it is from; `scope` are the
    labels that tell this row's registry from others.
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

    @property
    def cells(self) -> tuple[str, ...]:
        """The row as text: SLO, scope, target, events, bad, budget left, burn rate."""
        scope = " ".join(self.scope.values())
        return (
            self.slo,
            scope,
            f"{self.target * 100:.6g} %",
            _text(self.events, "{:.0f}"),
            _text(self.ratio, "{:.3%}"),
            _text(self.remaining, "{:.1%}"),
            "no data" if self.burn is None else f"{self.burn:.2f} ({self.window})",
        )


HEADER = ("SLO", "scope", "target", "events", "bad", "budget left", "burn rate")


def _text(value: float | None, form: str) -> str:
    return "no data" if value is None else form.format(value)


def read_status(server: Server, slos: Iterable[Slo], windows: Windows) -> list[Row]:
    """The status of each SLO, one row for each scope that has data, else one row without. Raises ServerError."""
    reader = _Reader(server)
    return [row for slo in slos for row in _rows(reader, slo, windows)]


class _Reader:
    """Reads each recorded metric once, for all SLOs."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._found: dict[str, dict[str, dict[frozenset[tuple[str, str]], float]]] = {}

    def values(self, series: str, slo: str) -> dict[frozenset[tuple[str, str]], float]:
        """The values of a recorded metric of one SLO, by scope."""
        if series not in self._found:
            by_slo: dict[str, dict[frozenset[tuple[str, str]], float]] = {}
            for sample in self._server.query(series).samples:
                labels = dict(sample.labels)
                own = {"__name__", "slo", "operation", "sli"}
                scope = frozenset((name, value) for name, value in labels.items() if name not in own)
                by_slo.setdefault(labels.get("slo", ""), {})[scope] = float(sample.value)
            self._found[series] = by_slo
        return self._found[series].get(slo, {})


def _rows(reader: _Reader, slo: Slo, windows: Windows) -> list[Row]:
    period = window_text(slo.period)
    events = reader.values(names.EVENTS(period).name, slo.name)
    bad = reader.values(names.BAD_EVENTS(period).name, slo.name)
    left = reader.values(names.BUDGET_REMAINING.name, slo.name)
    burns = {tier.name: reader.values(names.BURN_RATE(tier.name).name, slo.name) for tier in windows.tiers}
    scopes = sorted({*events, *(scope for values in burns.values() for scope in values)}, key=sorted)
    rows = []
    for scope in scopes or [frozenset()]:
        current = {window: values[scope] for window, values in burns.items() if scope in values}
        worst = max(current, key=lambda window: current[window], default="")
        count = events.get(scope)
        rows.append(
            Row(
                slo=slo.name,
                title=slo.title,
                target=float(slo.target),
                scope=dict(sorted(scope)),
                events=count,
                ratio=bad.get(scope, 0.0) / count if count else None,
                remaining=left.get(scope),
                burn=current.get(worst),
                window=worst,
            )
        )
    return rows

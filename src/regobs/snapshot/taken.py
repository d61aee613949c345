"""What a snapshot holds: dashboards, their rows and panels, and what the server answered for each."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from regobs.grafana.bound import BoundPanel, BoundQuery, LeftOut
from regobs.grafana.layout import PanelPlace
from regobs.prometheus import QueryAnswer
from regobs.snapshot.span import TimeSpan


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of a panel as it was sent, and the answer; `error` is what the server said in place of one."""

    query: BoundQuery
    text: str
    answer: QueryAnswer | None = None
    error: str = ""

    @property
    def empty(self) -> bool:
        """Whether there is nothing to show."""
        return self.answer is None or not (self.answer.samples or self.answer.ranges)


@dataclass(frozen=True, slots=True)
class TakenPanel:
    """A panel at its place on the grid.

    `description` is Grafana's, `hint` says what the server may lack where there is no data, `runbook` is the address of
    the alert's runbook; both may be "".
    `severities` are those of alerts, the gravest first.
    """

    bound: BoundPanel
    place: PanelPlace
    asked: tuple[Asked, ...]
    description: str
    hint: str = ""
    runbook: str = ""
    severities: tuple[str, ...] = ()

    @property
    def title(self) -> str:
        """The panel's title."""
        return self.bound.panel.title

    @property
    def empty(self) -> bool:
        """Whether no query has anything to show."""
        return all(one.empty for one in self.asked)

    @property
    def error(self) -> str:
        """What the server said of the first query that it rejected; "" when it answered all."""
        return next((one.error for one in self.asked if one.error), "")


@dataclass(frozen=True, slots=True)
class TakenRow:
    """A row: its panels, places counted from the row's top, and what this deployment does not have."""

    title: str
    panels: tuple[TakenPanel, ...]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True, slots=True)
class TakenDashboard:
    """A dashboard with the rows that show something, or with the reason why none does."""

    slug: str
    title: str
    rows: tuple[TakenRow, ...]
    left_out: str = ""

    def panels(self) -> Iterator[TakenPanel]:
        """Every panel, in reading order."""
        return (panel for row in self.rows for panel in row.panels)


@dataclass(frozen=True, slots=True)
class SnapshotEvent:
    """Something that happened at a time (seconds since 1970). `kind` is fault, repair, alert or end (of an alert)."""

    time: float
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Dashboards with the data of one time range. `server` is its address without user and password.

    `warnings` are the server's own, each once: a Thanos that lacks a store says so there. `events` are marked on every
    chart over time, in the order of their times. `colors` are those of series by name; a panel chooses its own without.
    """

    dashboards: tuple[TakenDashboard, ...]
    span: TimeSpan
    server: str
    warnings: tuple[str, ...]
    events: tuple[SnapshotEvent, ...] = ()
    colors: Mapping[str, str] = field(default_factory=dict)

    def panels(self) -> Iterator[TakenPanel]:
        """Every panel of every dashboard."""
        return (panel for dashboard in self.dashboards for panel in dashboard.panels())

    @property
    def errors(self) -> tuple[str, ...]:
        """What the server rejected, each text once."""
        return tuple(dict.fromkeys(panel.error for panel in self.panels() if panel.error))

"""The words of a dashboard file: `Dashboard`, `Row`, the panels, and those of expressions (`regobs.promql`).

    from regobs.catalog import http
    from regobs.grafana.words import *

dashboard = Dashboard(
    "Registry Overview",
    Row("Requests and instances",
        Stat("Requests", rate(http.REQUESTS), good="follows the time of day"),
        Lines("Errors", ratio(rate(failed), rate(http.REQUESTS)), good="0", alert="RegistryErrors")),
)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regobs.catalog.model import Capability
from regobs.errors import DashboardError
from regobs.grafana.levels import capped, down, firing, gone, level, lost, off, while_zero
from regobs.grafana.panels import (
    Alerts,
    Bars,
    GaugePanel,
    Heat,
    Lines,
    LongTable,
    Panel,
    Resource,
    Saturation,
    Stat,
    States,
    Table,
    Tile,
    by_version,
    caller,
    wording,
)
from regobs.grafana.resources import left, used
from regobs.promql.build import (
    age,
    any_of,
    at_least,
    bottom,
    burn_time,
    change,
    count,
    drain_time,
    drawn_up_to,
    forecast,
    highest,
    increase,
    latest,
    lowest,
    mean,
    other_than,
    per,
    quantile,
    rate,
    ratio,
    raw,
    select,
    shifted,
    time_left,
    top,
    total,
    trend,
    volume,
    within,
    without,
    zero_filled,
)

INSTANCE = "instance"  # the one label that a row may be repeated by

__all__ = [
    "Alerts",
    "Bars",
    "Capability",
    "Dashboard",
    "GaugePanel",
    "Heat",
    "Lines",
    "LongTable",
    "Resource",
    "Row",
    "Saturation",
    "Stat",
    "States",
    "Table",
    "Tile",
    "age",
    "any_of",
    "at_least",
    "bottom",
    "burn_time",
    "by_version",
    "capped",
    "change",
    "count",
    "down",
    "drain_time",
    "drawn_up_to",
    "firing",
    "forecast",
    "gone",
    "highest",
    "increase",
    "latest",
    "left",
    "level",
    "lost",
    "lowest",
    "mean",
    "off",
    "other_than",
    "per",
    "quantile",
    "rate",
    "ratio",
    "raw",
    "select",
    "shifted",
    "time_left",
    "top",
    "total",
    "trend",
    "used",
    "volume",
    "while_zero",
    "within",
    "without",
    "zero_filled",
]


class Row:
    """Panels under one heading, which is a question an operator asks or a part of the registry.

    A `collapsed` row is closed until someone opens it, and costs no query until then. `logs` names the saved log query
    of those of its panels that name none, `see` the dashboard that they lead to. `repeat="instance"` lets the row
    stand there once for each instance that is chosen above. `recorded` lets its panels read recorded series where a
    rule answers the same question: of all instances, whichever are chosen. Raises DashboardError for a row without
    panels and for two panels of the same title.
    """

    def __init__(
        self,
        title: str,
        *panels: Panel,
        collapsed: bool = False,
        recorded: bool = False,
        logs: str | None = None,
        see: str | None = None,
        repeat: str | None = None,
    ) -> None:
        self.spot = caller()
        self.title = wording(title, "the title of a row", self.spot)
        self.panels = panels
        self.collapsed = collapsed
        self.recorded = recorded
        self.logs = logs if logs is None else wording(logs, f"`logs` of row {title!r}", self.spot)
        self.see = see if see is None else wording(see, f"`see` of row {title!r}", self.spot)
        self.repeat = self._repeats(repeat)
        seen: set[str] = set()
        for panel in panels:
            if not isinstance(panel, Panel):
                raise DashboardError(
                    f"row {title!r} holds something that is no panel",
                    location=self.spot.location,
                    value=repr(panel),
                    expected="a panel such as Stat, Tile, Lines, States, Bars, Table or Heat",
                    next_step="wrap the expression in a panel with a title",
                )
            if panel.title in seen:
                raise DashboardError(
                    f"row {title!r} holds two panels of one title",
                    location=panel.location,
                    value=panel.title,
                    expected="a title once in a row, because the panel's id follows from it",
                    next_step="name what tells the two apart",
                )
            seen.add(panel.title)
        if not panels:
            raise DashboardError(
                f"row {title!r} is empty",
                location=self.spot.location,
                expected="at least one panel",
                next_step="add a panel or remove the row",
            )

    def _repeats(self, label: str | None) -> str | None:
        if label in {None, INSTANCE}:
            return label
        raise DashboardError(
            f"row {self.title!r} is repeated by something else than the instance",
            location=self.spot.location,
            value=label,
            expected=f'repeat="{INSTANCE}"',
            next_step="leave `repeat` out, or repeat by the instance",
        )

    def logs_of(self, panel: Panel) -> str:
        """The name of the saved log query of one of its panels, "" for none."""
        return panel.logs or self.logs or ""

    def see_of(self, panel: Panel) -> str:
        """The dashboard that the file says one of its panels leads to, by its slug, "" for none."""
        return panel.see or self.see or ""


class Dashboard:
    """A dashboard: a title and rows.

    `needs` is the capability without which it is left out as a whole. `recorded` lets all of its
    rows read recorded series. `links` are further links, title to address. `choose` are labels of what it shows that
    can be chosen at its top, beside those that tell deployments apart; its every series must have them.
    Raises DashboardError for a dashboard without rows and for two rows of the same title.
    """

    def __init__(
        self,
        title: str,
        *rows: Row,
        needs: Capability | None = None,
        recorded: bool = False,
        links: Mapping[str, str] | None = None,
        choose: Sequence[str] = (),
    ) -> None:
        self.spot = caller()
        self.choose = tuple(choose)
        self.title = wording(title, "the title of a dashboard", self.spot)
        self.rows = rows
        self.needs = needs
        self.recorded = recorded
        self.links = dict(links or {})
        seen: set[str] = set()
        for row in rows:
            if not isinstance(row, Row):
                raise DashboardError(
                    f"dashboard {title!r} holds something that is no row",
                    location=row.location if isinstance(row, Panel) else self.spot.location,
                    value=type(row).__name__,
                    expected="rows, each with its panels",
                    next_step="put the panel into a Row",
                )
            if row.title in seen:
                raise DashboardError(
                    f"dashboard {title!r} holds two rows of one title",
                    location=row.spot.location,
                    value=row.title,
                    expected="a title once in a dashboard, because panel ids follow from it",
                    next_step="name what tells the two apart",
                )
            seen.add(row.title)
        if not rows:
            raise DashboardError(
                f"dashboard {title!r} is empty",
                location=self.spot.location,
                expected="at least one row",
                next_step="add a Row with panels",
            )

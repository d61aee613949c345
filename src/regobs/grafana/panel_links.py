"""The links of a panel: its alert and runbook, its log lines, and the dashboards that show more of what it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from grafanalib import core

from regobs.catalog.model import Flavor, Metric
from regobs.config import Config
from regobs.documents import load_yaml
from regobs.errors import DashboardError, LogQueryError
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.panels import Panel, Spot
from regobs.grafana.words import Row
from regobs.kibana.log_view import LogView, log_view
from regobs.pack import Pack

UID_LENGTH = 40  # Grafana refuses longer ones
# Grafana puts the time range and the variables of the dashboard at hand in their place.
# Source: Grafana documentation, "Manage dashboard links", variables of panel links.
_KEEPS = "${__url_time_range}&${__all_variables}"


def uid_of(slug: str) -> str:
    """The stable uid of a dashboard: its address does not change with its title."""
    return f"regobs-{slug}"[:UID_LENGTH]


@dataclass(frozen=True, slots=True)
class Links:
    """Where the panels of a build lead.

    `runbooks` is the address below which a runbook lies as `<Alert>.md`, "" for none; `logs` are the views of saved
    log queries by name; `homes` is the dashboard with most panels about a metric, by the metric's name, and `titles`
    are those of the dashboards by slug.
    """

    runbooks: str = ""
    logs: Mapping[str, LogView] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)

    def of(self, slug: str, row: Row, bound: BoundPanel) -> Iterator[core.DataLink]:
        """The links of one panel of the dashboard `slug`."""
        panel = bound.panel
        if panel.alert:
            yield core.DataLink(f"Alert {panel.alert}", f"/alerting/list?search={panel.alert}", isNewTab=True)
        if panel.alert and self.runbooks:
            yield core.DataLink("Runbook", f"{self.runbooks.rstrip('/')}/{panel.alert}.md", isNewTab=True)
        view = self.logs.get(row.logs_of(panel))
        if view and view.url:
            yield core.DataLink(f"Logs: {view.title}", view.url, isNewTab=True)
        for other in self._related(slug, bound):
            yield core.DataLink(self.titles[other], f"/d/{uid_of(other)}?{_KEEPS}")

    def log_command(self, row: Row, panel: Panel) -> str:
        """The command that shows the panel's log lines, "" where it has none or a link leads to them."""
        view = self.logs.get(row.logs_of(panel))
        return view.command if view and not view.url else ""

    def _related(self, slug: str, bound: BoundPanel) -> list[str]:
        """The homes of what the panel reads; none for a panel that is at home itself."""
        homes = {self.homes[metric.name] for metric in metrics_of(bound) if metric.name in self.homes}
        return [] if slug in homes else sorted(homes)


def metrics_of(bound: BoundPanel) -> set[Metric]:
    """The catalog entries that a panel reads."""
    return {metric for query in bound.queries for metric in query.metrics}


def homes(dashboards: Sequence[BoundDashboard]) -> dict[str, str]:
    """The dashboard with most panels about each metric; of several, that with most about the metric's component."""
    about: dict[str, Counter[str]] = {}
    part: dict[str, Counter[str]] = {}
    components: dict[str, str] = {}
    for one in dashboards:
        for _, panel in one.panels():
            found = metrics_of(panel)
            components.update({metric.name: metric.component for metric in found})
            for name in {metric.name for metric in found}:
                about.setdefault(name, Counter())[one.slug] += 1
            for component in {metric.component for metric in found}:
                part.setdefault(component, Counter())[one.slug] += 1

    def home(name: str) -> str:
        return min(about[name], key=lambda slug: (-about[name][slug], -part[components[name]][slug], slug))

    return {name: home(name) for name in about}


def links_of(dashboards: Sequence[BoundDashboard], pack: Pack, config: Config) -> Links:
    """Where the panels of all dashboards of a pack lead. Raises DashboardError for a log query that does not exist."""
    views: dict[str, LogView] = {}
    for row in (row for one in dashboards for row in one.dashboard.rows):
        for name, spot in [(row.logs, row.spot), *((panel.logs, panel.spot) for panel in row.panels)]:
            if name and name not in views:
                views[name] = _view(name, spot, pack, config)
    if config.flavor is not Flavor.GITLAB:
        views = {name: view for name, view in views.items() if not _asks_for_messages(pack, name)}
    titles = {one.slug: one.dashboard.title for one in dashboards}
    return Links(config.runbook_url, views, homes(dashboards), titles)


def _asks_for_messages(pack: Pack, name: str) -> bool:
    """Whether a query selects lines by their message: those of the pack are messages of GitLab's registry."""
    file = pack.file("log_schemas", f"queries/{name}.query.yaml")
    query = load_yaml(file.read(), str(file.path), error=LogQueryError).data
    return re.search(r"\bmsg\b", str(query.get("where", ""))) is not None


def _view(name: str, spot: Spot, pack: Pack, config: Config) -> LogView:
    try:
        return log_view(config, pack, name)
    except LogQueryError as error:
        if error.location is not None:
            raise
        raise DashboardError(
            f"`logs`: {error.message}",
            location=spot.location,
            value=name,
            expected=error.expected,
            next_step=error.next_step,
        ) from error

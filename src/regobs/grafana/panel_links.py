"""The links of a panel: its alert and runbook, its log lines, and the dashboards that show more of what it shows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from grafanalib import core

from regobs.catalog.model import Exposer, Flavor, Metric
from regobs.config import Config
from regobs.documents import load_yaml
from regobs.errors import DashboardError, LogQueryError
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.panels import Panel, Spot, Tile
from regobs.grafana.variables import DATASOURCE
from regobs.grafana.words import Row
from regobs.kibana.log_view import LogView, log_view
from regobs.pack import Pack
from regobs.promql.nodes import Selector
from regobs.promql.walk import selectors
from regobs.slo.links import uid_of

Json = dict[str, Any]
_PROCESSES = "application-detail"  # shows one process
_KIND_OF_ROWS = "query_name"  # of registry_database_rows, one metric for all that is counted
# Grafana puts the time range and the variables of the dashboard at hand in their place.
# Source: Grafana documentation, "Manage dashboard links", variables of panel links.
_KEEPS = "${__url_time_range}&${__all_variables}"


@dataclass(frozen=True, slots=True)
class Links:
    """Where the panels of a build lead.

    `runbooks` is the address below which a runbook lies as `<Alert>.md`, "" for none; `logs` are the views of saved
    log queries by name; `homes` is the dashboard with most panels about a subject (see `subjects_of`), and `titles`
    are those of the dashboards by slug, `instance` is the label of the processes.
    """

    runbooks: str = ""
    logs: Mapping[str, LogView] = field(default_factory=dict)
    homes: Mapping[str, str] = field(default_factory=dict)
    titles: Mapping[str, str] = field(default_factory=dict)
    instance: str = "instance"

    def of(self, slug: str, row: Row, bound: BoundPanel, variables: Container[str] = ()) -> Iterator[core.DataLink]:
        """The links of one panel of the dashboard `slug`, which has these `variables`."""
        panel = bound.panel
        if panel.alert:
            yield core.DataLink(f"Alert {panel.alert}", f"/alerting/list?search={panel.alert}", isNewTab=True)
        if panel.alert and self.runbooks:
            yield core.DataLink("Runbook", f"{self.runbooks.rstrip('/')}/{panel.alert}.md", isNewTab=True)
        view = self.logs.get(row.logs_of(panel))
        if view and view.address:
            yield core.DataLink(f"Logs: {view.title}", view.url(variables), isNewTab=True)
        for other in self._related(slug, row, bound):
            yield core.DataLink(self.titles[other], f"/d/{uid_of(other)}?{_KEEPS}")

    def of_series(self, slug: str, row: Row, bound: BoundPanel, variables: Collection[str] = ()) -> Iterator[Json]:
        """The links of one line, bar or cell: to the same instance, and to the dashboards that tell more.

        The instance is that of the line; all other variables stay as they are chosen, the data source too.
        """
        if any(self.instance in (query.type.labels or ()) or query.type.open for query in bound.queries):
            exposers = {metric.exposer for metric in metrics_of(bound)}
            others = "".join(f"${{{name}:queryparam}}&" for name in sorted({DATASOURCE, *variables} - {self.instance}))
            chosen = f"{others}var-{self.instance}=${{__field.labels.{self.instance}}}"
            if exposers == {Exposer.REGISTRY} and _PROCESSES in self.titles:
                yield _data_link("Only this instance", f"/d/{uid_of(_PROCESSES)}?${{__url_time_range}}&{chosen}")
        for other in self._related(slug, row, bound):
            yield _data_link(self.titles[other], f"/d/{uid_of(other)}?{_KEEPS}")

    def log_command(self, row: Row, panel: Panel) -> str:
        """The command that shows the panel's log lines, "" where it has none or a link leads to them."""
        view = self.logs.get(row.logs_of(panel))
        return view.command if view and not view.address else ""

    def _related(self, slug: str, row: Row, bound: BoundPanel) -> list[str]:
        """The dashboards that tell more: the one that the file names, else the homes of what the panel reads.

        A panel that is at home itself leads to none but a named one.
        """
        if (named := row.see_of(bound.panel)) in self.titles:
            return [named] if named != slug else []
        homes = {self.homes[subject] for subject in subjects_of(bound) if subject in self.homes}
        return [] if slug in homes else sorted(homes)


def _data_link(title: str, url: str) -> Json:
    return {"title": title, "url": url, "targetBlank": False}


def metrics_of(bound: BoundPanel) -> set[Metric]:
    """The catalog entries that a panel reads."""
    return {metric for query in bound.queries for metric in query.metrics}


def subjects_of(bound: BoundPanel) -> dict[str, Metric]:
    """What a panel is about, each with its metric: a metric, or those of its series that a label with a meaning picks.

    Rows of the database are counted in one metric: those of garbage collection are another subject than migrations.
    """
    found: dict[str, Metric] = {}
    for query in bound.queries:
        for selector in selectors(query.expr):
            metric = next((one for one in query.metrics if str(selector.metric) in one.series), None)
            if metric is not None:
                found[metric.name + _picked(selector)] = metric
        found |= {one.name: one for one in query.metrics if one not in found.values()}  # read as recorded series
    return found


def _picked(selector: Selector) -> str:
    """The choice among kinds of rows, "" where there is none."""
    return next((matcher.value for matcher in selector.matchers if matcher.label == _KIND_OF_ROWS), "")


def homes(dashboards: Sequence[BoundDashboard]) -> dict[str, str]:
    """The dashboard with most panels about each subject; of several, that with most about the metric's component.

    A tile is about everything that can be wrong with a part: it is no home.
    """
    about: dict[str, Counter[str]] = {}
    part: dict[str, Counter[str]] = {}
    components: dict[str, str] = {}
    for one in dashboards:
        for _, panel in one.panels():
            if isinstance(panel.panel, Tile):
                continue
            found = subjects_of(panel)
            components.update({subject: metric.component for subject, metric in found.items()})
            for subject in found:
                about.setdefault(subject, Counter())[one.slug] += 1
            for component in {metric.component for metric in found.values()}:
                part.setdefault(component, Counter())[one.slug] += 1

    def home(subject: str) -> str:
        return min(about[subject], key=lambda slug: (-about[subject][slug], -part[components[subject]][slug], slug))

    return {subject: home(subject) for subject in about}


def links_of(dashboards: Sequence[BoundDashboard], pack: Pack, config: Config) -> Links:
    """Where the panels of all dashboards of a pack lead. Raises DashboardError for a log query that does not exist."""
    views: dict[str, LogView] = {}
    for row in (row for one in dashboards for row in one.dashboard.rows):
        for name, spot in [(row.logs, row.spot), *((panel.logs, panel.spot) for panel in row.panels)]:
            if name and name not in views:
                views[name] = _view(name, spot, pack, config)
    if config.flavor is not Flavor.GITLAB:
        views = {name: view for name, view in views.items() if not _asks_for_messages(pack, name)}
    _refuse_unknown(dashboards)
    titles = {one.slug: one.dashboard.title for one in dashboards if any(one.panels())}
    return Links(config.runbook_url, views, homes(dashboards), titles, config.labels.instance)


def _refuse_unknown(dashboards: Sequence[BoundDashboard]) -> None:
    """Raise DashboardError for a panel that leads to a dashboard which the pack does not have."""
    slugs = {one.slug for one in dashboards}
    for row in (row for one in dashboards for row in one.dashboard.rows):
        for slug, spot in [(row.see, row.spot), *((panel.see, panel.spot) for panel in row.panels)]:
            if slug and slug not in slugs:
                raise DashboardError(
                    "`see` names a dashboard that does not exist",
                    location=spot.location,
                    value=slug,
                    expected=", ".join(sorted(slugs)),
                    next_step="correct the name: it is that of the file without its suffix",
                )


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

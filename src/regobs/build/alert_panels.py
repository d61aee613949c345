"""The panel that each alert leads to: one that names the alert, else the first that shows what the alert reads."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.catalog.model import Metric
from regobs.grafana.boards import board_of
from regobs.grafana.bound import BoundPanel
from regobs.grafana.outputs import Dashboards
from regobs.grafana.panel_links import metrics_of as metrics_of_panel
from regobs.grafana.panels import Tile
from regobs.grafana.render import panel_ids
from regobs.promql.bind import metrics_of
from regobs.promql.parse import parse
from regobs.promql.walk import selectors
from regobs.slo.links import uid_of
from regobs.slo.outputs import CompiledRules


def alert_panels(rules: CompiledRules, dashboards: Dashboards) -> dict[str, int]:
    """The id of the panel by the alert's name. An alert whose dashboard has none leads to all of the dashboard."""
    by_uid = {uid_of(slug): slug for slug in (one.slug for one in dashboards.bound)}
    panels = {slug: list(_panels(slug, dashboards)) for slug in by_uid.values()}
    found: dict[str, int] = {}
    for alert, metrics in _read(rules):
        uid = rules.dashboard_paths[alert].partition("?")[0].removeprefix("/d/")
        there = panels.get(by_uid.get(uid, ""), [])
        named = [number for number, one in there if one.panel.alert == alert]
        shown = [number for number, one in there if metrics & metrics_of_panel(one)]
        if chosen := (*named, *shown)[:1]:
            found[alert] = chosen[0]
    return found


def _read(rules: CompiledRules) -> Iterator[tuple[str, set[Metric]]]:
    """The alerts by name, each with what its rules read, and what the recorded series are made of that they read."""
    behind = {record.name: metrics_of(record.expr) for record in rules.records}
    found: dict[str, set[Metric]] = {}
    for rule in (rule for groups in rules.group_data.values() for group in groups for rule in group["rules"]):
        if "alert" in rule:
            expr = parse(rule["expr"])
            recorded = (behind.get(str(node.metric), ()) for node in selectors(expr))
            found.setdefault(rule["alert"], set()).update(metrics_of(expr), *recorded)
    yield from found.items()


def _panels(slug: str, dashboards: Dashboards) -> Iterator[tuple[int, BoundPanel]]:
    """The panels of a dashboard with their ids, as its overlay leaves them. A tile is about more than one alert."""
    one = next(one for one in dashboards.bound if one.slug == slug)
    ids = panel_ids(uid_of(slug), one)
    left = {panel.number for panel in board_of(dashboards.built(one)).panels} if slug in dashboards.overlays else None
    for row, panel in one.panels():
        number = ids[row.title, panel.panel.title]
        if not isinstance(panel.panel, Tile) and (left is None or number in left):
            yield number, panel

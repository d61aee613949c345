"""Dashboards read back from their JSON: as they were built, as an overlay leaves them, and as anybody wrote them."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog.model import Capability, Unit
from regobs.config import Config
from regobs.errors import DashboardError
from regobs.grafana.boards import board_of, read_board
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.outputs import Dashboards
from regobs.grafana.overlay import apply_overlay
from regobs.grafana.panels import Heat, Lines, Stat, States, Table
from regobs.grafana.reader import read_bound
from regobs.grafana.readings import unit_of
from regobs.grafana.variables import Variables
from regobs.pack import find_pack
from regobs.promql.printer import to_text

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "overlays.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"`dashboards/([\w-]+)\.overlay\.jsonnet`.*?```jsonnet\n(.*?)```", TEXT, re.DOTALL))
CONFIG = Config(capabilities=frozenset(Capability))
SLUGS = sorted(path.name.removesuffix(".dashboard.py") for path in (ROOT / "dashboards").glob("*.dashboard.py"))


@cache
def found() -> Dashboards:
    return Dashboards.of(find_pack(), CONFIG)


@cache
def bound() -> dict[str, BoundDashboard]:
    return {one.slug: one for one in found().bound}


@cache
def read() -> dict[str, BoundDashboard]:
    return {one.slug: one for one in found().as_built()}


def changed(slug: str, text: str, folder: Path) -> BoundDashboard:
    path = folder / f"{slug}.overlay.jsonnet"
    path.write_text(text)
    board = board_of(apply_overlay(found().built(bound()[slug]), path))
    return read_bound(slug, board, CONFIG.vocabulary, str(path), bound()[slug].rows)


def panels(dashboard: BoundDashboard) -> dict[str, BoundPanel]:
    return {panel.panel.title: panel for _, panel in dashboard.panels()}


def asked(panel: BoundPanel) -> list[str]:
    """What a snapshot sends for a panel, without the windows."""
    variables = Variables.of(CONFIG).selectors_only
    return [to_text(query.expr if query.scoped else variables.apply(query.expr)) for query in panel.queries]


@pytest.mark.parametrize("slug", SLUGS)
def test_what_was_built_is_read_back_as_it_was(slug: str) -> None:
    before, after = bound()[slug], read()[slug]
    assert [row.row.title for row in after.rows if row.panels] == [row.row.title for row in before.rows if row.panels]
    assert {one.reason for _, one in after.left_out()} == {one.reason for _, one in before.left_out()}
    for (_, old), (_, new) in zip(before.panels(), after.panels(), strict=True):
        assert asked(new) == asked(old)
        assert isinstance(old.panel, type(new.panel)) or isinstance(new.panel, Stat)
        assert (new.panel.title, new.panel.good, new.panel.alert) == (old.panel.title, old.panel.good, old.panel.alert)
        assert isinstance(old.panel, States) or new.panel.thresholds == old.panel.thresholds
        for query, own in zip(new.queries, old.queries, strict=True):
            assert (query.legend, query.instant, query.words) == (own.legend, own.instant, own.words)
            assert query.edges == own.edges
            assert query.metrics == own.metrics
        if isinstance(old.panel, Lines):
            assert isinstance(new.panel, Lines)
            drawn = [(one.stacked, one.log, one.zoom) for one in (new.panel, old.panel)]
            assert drawn[0] == drawn[1] or old.queries[0].type.signed
            assert new.queries[0].type.unit == old.queries[0].type.unit
        if isinstance(old.panel, Table):
            assert isinstance(new.panel, Table)
            assert new.panel.colored == old.panel.colored
            assert [unit_of(query) for query in new.queries] == [unit_of(query) for query in old.queries]
        if isinstance(old.panel, Heat):
            assert isinstance(new.panel, Heat)
            assert new.panel.histogram == old.panel.histogram


def test_every_kind_of_panel_is_read_back() -> None:
    kinds = {type(panel.panel).__name__ for one in read().values() for _, panel in one.panels()}
    assert kinds == {"Alerts", "Bars", "Heat", "Lines", "Stat", "States", "Table", "Tile"}


OTHERS: dict[str, Any] = {
    "title": "Somebody's own",
    "panels": [
        {"type": "text", "title": "Read me", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 2}},
        {
            "type": "graph",
            "title": "Rate",
            "id": 3,
            "gridPos": {"x": 0, "y": 2, "w": 12, "h": 7},
            "targets": [{"refId": "A", "expr": 'sum(rate(their_total{env="$env"}[$__interval])) by (job)'}],
        },
        {
            "type": "graph",
            "title": "Rate",
            "id": 4,
            "gridPos": {"x": 12, "y": 2, "w": 12, "h": 7},
            "targets": [{"refId": "A", "expr": "up"}, {"refId": "B", "expr": "down", "hide": True}],
        },
        {
            "type": "heatmap",
            "title": "",
            "id": 5,
            "gridPos": {"x": 0, "y": 9, "w": 12, "h": 7},
            "options": {"yAxis": {"unit": "s"}},
            "targets": [{"refId": "A", "expr": "sum by (le) (rate(their_seconds_bucket[5m]))"}],
        },
    ],
}


def test_a_dashboard_that_somebody_else_wrote_is_read_too(tmp_path: Path) -> None:
    file = tmp_path / "theirs.json"
    file.write_text(json.dumps({"dashboard": OTHERS}))
    read = read_bound("theirs", read_board(file), CONFIG.vocabulary, str(file))
    found = panels(read)
    assert list(found) == ["Rate", "Rate (2)", "Panel 5"]  # two of one title are told apart, the text is left out
    assert asked(found["Rate"]) == ["sum by (job) (rate(their_total[$__interval]))"]
    assert asked(found["Rate (2)"]) == ["up"]
    spread = found["Panel 5"].panel
    assert isinstance(spread, Heat)
    assert spread.histogram.unit is Unit.SECONDS
    places = [(one.x, one.y, one.w, one.h) for panel in found.values() if (one := panel.place) is not None]
    assert places == [(0, 2, 12, 7), (12, 2, 12, 7), (0, 9, 12, 7)]


def test_colours_that_a_panel_gives_its_series_are_read() -> None:
    color = {"id": "color", "value": {"mode": "fixed", "fixedColor": "dark-red"}}
    other = {"id": "color", "value": {"mode": "thresholds"}}
    panel = {
        "type": "timeseries",
        "title": "Rate",
        "targets": [{"refId": "A", "expr": "sum by (job) (up)"}],
        "fieldConfig": {
            "overrides": [
                {"matcher": {"id": "byName", "options": "api"}, "properties": [color]},
                {"matcher": {"id": "byName", "options": "web"}, "properties": [other]},
            ]
        },
    }
    read = read_bound("theirs", board_of({"title": "T", "panels": [panel]}), CONFIG.vocabulary)
    assert panels(read)["Rate"].colors == (("api", "dark-red"),)


@pytest.mark.parametrize("kept", [[], OTHERS["panels"][:1]], ids=["no panel", "text only"])
def test_a_dashboard_without_numbers_says_so(kept: list[Any]) -> None:
    with pytest.raises(DashboardError, match="no panel that can be drawn"):
        read_bound("theirs", board_of({"title": "T", "panels": kept}), CONFIG.vocabulary)


def test_the_example_with_other_thresholds(tmp_path: Path) -> None:
    before, after = panels(read()["overview"]), panels(changed("overview", EXAMPLES["overview"], tmp_path))
    assert after["HTTP latency p95, 5 min"].panel.thresholds == (3, 15)
    assert before["HTTP latency p95, 5 min"].panel.thresholds != (3, 15)
    assert {title: asked(panel) for title, panel in after.items()} == {
        title: asked(panel) for title, panel in before.items()
    }


def test_the_example_with_a_panel_less_and_a_description_more(tmp_path: Path) -> None:
    before, after = panels(bound()["rules-health"]), panels(changed("rules-health", EXAMPLES["rules-health"], tmp_path))
    assert before.keys() - after.keys() == {"Samples dropped by relabeling (top 10)"}
    assert after["Instances down"].description.endswith("Ours: ask #registry before you restart one.")
    assert after["Instances down"].description.startswith("Good: ")


def test_the_example_with_a_panel_of_ones_own(tmp_path: Path) -> None:
    slug = "application-detail"
    after = changed(slug, EXAMPLES[slug], tmp_path)
    [row] = [row for row in after.rows if row.row.title == "Requests"]
    own = row.panels[-1]
    assert isinstance(own.panel, Lines)
    assert own.panel.title == "Answers of the load balancer"
    assert own.description == "Good: the same as `Requests by status`."
    [query] = own.queries
    assert (query.type.unit, query.type.per_second, query.legend) == (Unit.REQUESTS, True, "{{code}}")
    assert query.scoped  # it is asked as it stands there, without the registry's matchers
    assert to_text(query.expr).startswith("sum by (code) (rate(haproxy_backend_http_responses_total{backend=")


def test_a_variable_of_the_dashboard_is_everything_and_a_macro_stays(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    function(dashboard) regobs.patch(dashboard, 'Requests by status', { title: 'Mine', targets: [{
      refId: 'A', expr: 'sum(rate(x_total{a="b", instance=~"$instance"}[$__rate_interval]))', legendFormat: '' }] })"""
    after = panels(changed("application-detail", text, tmp_path))
    assert "Requests by status" not in after
    assert to_text(after["Mine"].queries[0].expr) == 'sum(rate(x_total{a="b"}[$__rate_interval]))'


def test_falling_thresholds_are_read_back_and_one_step_is_none(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    local steps(found) = { fieldConfig+: { defaults+: { thresholds+: { steps: found } } } };
    local falling = [{ color: 'red', value: null }, { color: 'yellow', value: 1 }, { color: 'green', value: 2 }];
    local one = [{ color: 'green', value: null }];
    function(dashboard) regobs.patch(regobs.patch(dashboard, 'Requests by status', steps(one)),
      'Requests by method', steps(falling))"""
    after = panels(changed("application-detail", text, tmp_path))
    assert after["Requests by method"].panel.thresholds == (2, 1)
    assert after["Requests by status"].panel.thresholds is None


def test_a_panel_without_numbers_is_not_drawn_and_a_query_that_is_none_is_an_error(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    function(dashboard) regobs.add(dashboard, 'Requests', { title: 'Note', type: '%s', targets: [%s] })"""
    after = panels(changed("application-detail", text % ("text", ""), tmp_path))
    assert after.keys() == panels(bound()["application-detail"]).keys()
    with pytest.raises(DashboardError, match="cannot ask the query A of the panel 'Note'") as caught:
        changed("application-detail", text % ("stat", "{ refId: 'A', expr: 'sum(' }"), tmp_path)
    assert str(caught.value.location).endswith("application-detail.overlay.jsonnet")

"""Snapshots show what an overlay made of a dashboard: the three documented examples, and what one can write besides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from regobs.catalog.model import Capability, Unit
from regobs.config import Config
from regobs.errors import DashboardError
from regobs.grafana.bound import BoundDashboard, BoundPanel
from regobs.grafana.outputs import Dashboards, setting_of
from regobs.grafana.panels import Lines
from regobs.pack import find_pack
from regobs.promql.printer import to_text
from regobs.snapshot.overlaid import overlaid

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "overlays.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"`dashboards/([\w-]+)\.overlay\.jsonnet`.*?```jsonnet\n(.*?)```", TEXT, re.DOTALL))
CONFIG = Config(capabilities=frozenset(Capability))
BOUND = {one.slug: one for one in Dashboards.of(find_pack(), CONFIG).bound}


def changed(slug: str, text: str, folder: Path) -> BoundDashboard:
    path = folder / f"{slug}.overlay.jsonnet"
    path.write_text(text)
    return overlaid(BOUND[slug], setting_of(CONFIG), path)


def panels(dashboard: BoundDashboard) -> dict[str, BoundPanel]:
    return {panel.panel.title: panel for _, panel in dashboard.panels()}


@pytest.mark.parametrize("slug", sorted(BOUND))
def test_an_overlay_that_changes_nothing_changes_nothing(slug: str, tmp_path: Path) -> None:
    before, after = BOUND[slug], changed(slug, "{}", tmp_path)
    shown = [row for row in before.rows if row.panels]
    assert [(row.row.title, row.panels, row.left_out) for row in after.rows] == [
        (row.row.title, row.panels, row.left_out) for row in shown
    ]


def test_the_example_with_other_thresholds(tmp_path: Path) -> None:
    before, after = panels(BOUND["overview"]), panels(changed("overview", EXAMPLES["overview"], tmp_path))
    assert after["p95 latency"].panel.thresholds == (3, 15)
    assert before["p95 latency"].panel.thresholds != (3, 15)
    assert after["p95 latency"].queries == before["p95 latency"].queries
    assert {title: panel for title, panel in after.items() if title != "p95 latency"} == {
        title: panel for title, panel in before.items() if title != "p95 latency"
    }


def test_the_example_with_a_panel_less_and_a_description_more(tmp_path: Path) -> None:
    before, after = panels(BOUND["rules-health"]), panels(changed("rules-health", EXAMPLES["rules-health"], tmp_path))
    assert before.keys() - after.keys() == {"Samples left out by relabeling"}
    assert after["Targets down"].description.endswith("Ours: ask #registry before you restart one.")
    assert after["Targets down"].description.startswith("Good: ")


def test_the_example_with_a_panel_of_ones_own(tmp_path: Path) -> None:
    slug = "application-detail"
    after = changed(slug, EXAMPLES[slug], tmp_path)
    [row] = [row for row in after.rows if row.row.title == "Requests"]
    own = row.panels[-1]
    assert isinstance(own.panel, Lines)
    assert own.panel.title == "Answers of the load balancer"
    assert own.description == "Good: the same as `By status`."
    [query] = own.queries
    assert (query.type.unit, query.type.per_second, query.legend) == (Unit.REQUESTS, True, "{{code}}")
    assert query.scoped  # it is asked as it stands there, without the registry's matchers
    assert to_text(query.expr).startswith("sum by (code) (rate(haproxy_backend_http_responses_total{backend=")


def test_a_variable_of_the_dashboard_is_everything_and_a_macro_stays(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    function(dashboard) regobs.patch(dashboard, 'By status', { title: 'Mine', targets: [{
      refId: 'A', expr: 'sum(rate(x_total{a="b", instance=~"$instance"}[$__rate_interval]))', legendFormat: '' }] })"""
    after = panels(changed("application-detail", text, tmp_path))
    assert "By status" not in after
    assert to_text(after["Mine"].queries[0].expr) == 'sum(rate(x_total{a="b"}[$__rate_interval]))'


def test_falling_thresholds_are_read_back_and_one_step_is_none(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    local steps(found) = { fieldConfig+: { defaults+: { thresholds+: { steps: found } } } };
    local falling = [{ color: 'red', value: null }, { color: 'yellow', value: 1 }, { color: 'green', value: 2 }];
    function(dashboard) regobs.patch(regobs.patch(dashboard, 'By status', steps([{ color: 'green', value: null }])),
      'By method', steps(falling))"""
    after = panels(changed("application-detail", text, tmp_path))
    assert after["By method"].panel.thresholds == (2, 1)
    assert after["By status"].panel.thresholds is None


def test_a_panel_without_numbers_is_not_drawn_and_a_query_that_is_none_is_an_error(tmp_path: Path) -> None:
    text = """local regobs = import 'regobs.libsonnet';
    function(dashboard) regobs.add(dashboard, 'Requests', { title: 'Note', type: '%s', targets: [%s] })"""
    after = panels(changed("application-detail", text % ("text", ""), tmp_path))
    assert after.keys() == panels(BOUND["application-detail"]).keys()
    with pytest.raises(DashboardError, match="cannot ask the query A of the panel 'Note'") as caught:
        changed("application-detail", text % ("stat", "{ refId: 'A', expr: 'sum(' }"), tmp_path)
    assert str(caught.value.location).endswith("application-detail.overlay.jsonnet")

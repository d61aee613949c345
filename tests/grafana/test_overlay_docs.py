"""The three examples of docs/overlays.md, each on the bundled dashboard that it names."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from regobs.errors import DashboardError
from regobs.grafana.overlay import apply_overlay
from tests.pack import test_dashboards as pack

TEXT = (pack.ROOT / "docs" / "overlays.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"`dashboards/([\w-]+)\.overlay\.jsonnet`.*?```jsonnet\n(.*?)```", TEXT, re.DOTALL))
Json = dict[str, Any]


def before(slug: str) -> Json:
    copy: Json = json.loads(json.dumps(pack.DASHBOARDS["gitlab", slug]))
    return copy


@pytest.fixture
def after(tmp_path: Path) -> Any:
    def changed(slug: str, text: str = "") -> Json:
        path = tmp_path / f"{slug}.overlay.jsonnet"
        path.write_text(text or EXAMPLES[slug])
        return apply_overlay(before(slug), path)

    return changed


def panel(dashboard: Json, title: str) -> Json:
    [found] = [one for one in pack.charts(dashboard) if one["title"] == title]
    return found


def titles(dashboard: Json) -> list[str]:
    return [one["title"] for one in pack.panels(dashboard)]


def test_there_are_three_examples() -> None:
    assert list(EXAMPLES) == ["overview", "rules-health", "application-detail"]


def test_other_thresholds_and_nothing_else(after: Any) -> None:
    old, new = before("overview"), after("overview")
    steps = panel(new, "HTTP latency p95, 5 min")["fieldConfig"]["defaults"].pop("thresholds")["steps"]
    assert [(step["color"], step["value"]) for step in steps] == [("green", None), ("yellow", 3), ("red", 15)]
    del panel(old, "HTTP latency p95, 5 min")["fieldConfig"]["defaults"]["thresholds"]
    assert new == old


def test_a_panel_less_and_a_description_more(after: Any) -> None:
    old, new = before("rules-health"), after("rules-health")
    gone = "Samples dropped by relabeling (top 10)"
    assert titles(new) == [title for title in titles(old) if title != gone]
    said = panel(old, "Instances down")["description"]
    assert panel(new, "Instances down")["description"] == f"{said}\n\nOurs: ask #registry before you restart one."
    ids = {one["title"]: one["id"] for one in pack.charts(old)}
    assert all(ids[one["title"]] == one["id"] for one in pack.charts(new))
    pack.check_places(new)


def test_a_panel_more_at_the_end_of_its_row_with_id_place_and_data_source(after: Any) -> None:
    new = after("application-detail")
    added = panel(new, "Answers of the load balancer")
    assert added["datasource"]["uid"] == "${datasource}"
    assert titles(new)[titles(new).index(added["title"]) + 1] == "Latency"
    ids = [one["id"] for one in pack.panels(new)]
    assert len(set(ids)) == len(ids)
    assert added["id"] == panel(after("application-detail"), added["title"])["id"]
    pack.check_places(new)


def test_a_panel_can_be_added_to_a_closed_row(after: Any) -> None:
    call = "regobs.add(d, 'Kubernetes (top 10 pods)', { title: 'New', type: 'stat' })"
    new = after("application-detail", f"local regobs = import 'regobs.libsonnet'; function(d) {call}")
    [row] = [one for one in new["panels"] if one["title"] == "Kubernetes (top 10 pods)"]
    assert row["panels"][-1]["title"] == "New"
    pack.check_places(new)


@pytest.mark.parametrize(
    ("call", "says"),
    [
        ("regobs.remove(d, 'Nothing')", "no panel Nothing"),
        ("regobs.thresholds(d, 'Nothing', 1, 2)", "no panel Nothing"),
        ("regobs.add(d, 'Nothing', {})", "no row Nothing"),
    ],
)
def test_a_title_that_does_not_exist_stops_the_build(after: Any, call: str, says: str) -> None:
    with pytest.raises(DashboardError, match=says):
        after("overview", f"local regobs = import 'regobs.libsonnet'; function(d) {call}")

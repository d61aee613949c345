from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import _jsonnet
import pytest

from regobs.grafana.mixin import FILE, mixin

SELECTOR = 'job="registry", env=~"a\\\\d"'
RULES = """\
groups:
  - name: records
    rules:
      - record: a:b
        expr: up
  - name: both
    rules:
      - record: c:d
        expr: up
      - alert: Down
        expr: up == 0
"""


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for name, text in {
        "dashboards/overview.json": json.dumps({"title": "Overview", "tags": ["regobs", "own"], "panels": []}),
        "prometheus/rules/slo.yaml": RULES,
        FILE: mixin(["overview"], ["prometheus/rules/slo.yaml"]).decode(),
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def evaluate(tree: Path, expression: str) -> Any:
    program = f"local m = import {json.dumps(str(tree / FILE))}; {expression}"
    return json.loads(_jsonnet.evaluate_snippet("test", program))


def test_the_mixin_holds_every_dashboard(tree: Path) -> None:
    dashboards = evaluate(tree, "m.grafanaDashboards")
    assert list(dashboards) == ["overview.json"]
    assert dashboards["overview.json"]["title"] == "Overview"


def test_alerts_and_records_are_told_apart(tree: Path) -> None:
    alerts = evaluate(tree, "m.prometheusAlerts.groups")
    rules = evaluate(tree, "m.prometheusRules.groups")
    assert [(g["name"], [r["alert"] for r in g["rules"]]) for g in alerts] == [("both", ["Down"])]
    assert [(g["name"], [r["record"] for r in g["rules"]]) for g in rules] == [("records", ["a:b"]), ("both", ["c:d"])]


def test_the_importer_changes_names_and_adds_tags(tree: Path) -> None:
    change = "m { _config+:: { dashboardNamePrefix: 'EU: ', dashboardTags: ['team'] } }"
    dashboard = evaluate(tree, f"({change}).grafanaDashboards['overview.json']")
    assert dashboard["title"] == "EU: Overview"
    assert dashboard["tags"] == ["own", "regobs", "team"]


def test_the_importer_says_which_series_are_the_registrys(tree: Path) -> None:
    query = f'sum(up{{code="2", {SELECTOR}, a="b"}})'
    (tree / "dashboards/overview.json").write_text(json.dumps({"title": "O", "tags": [], "panels": [{"expr": query}]}))
    (tree / "prometheus/rules/slo.yaml").write_text(
        json.dumps({"groups": [{"name": "both", "rules": [{"alert": "Down", "expr": f"{query} == 0"}]}]})
    )
    (tree / FILE).write_bytes(mixin(["overview"], ["prometheus/rules/slo.yaml"], SELECTOR))
    other = 'service="r\\\\d", x="y"'
    change = f"(m {{ _config+:: {{ registrySelector: {json.dumps(other)} }} }})"
    [panel] = evaluate(tree, f"{change}.grafanaDashboards['overview.json'].panels")
    [group] = evaluate(tree, f"{change}.prometheusAlerts.groups")
    assert panel["expr"] == f'sum(up{{code="2", {other}, a="b"}})'
    assert group["rules"][0]["expr"] == f"{panel['expr']} == 0"
    [same] = evaluate(tree, "m.grafanaDashboards['overview.json'].panels")
    assert same["expr"] == query


def test_a_mixin_without_rules_has_none(tree: Path) -> None:
    (tree / FILE).write_bytes(mixin(["overview"]))
    assert evaluate(tree, "m.prometheusAlerts.groups + m.prometheusRules.groups") == []


def test_the_mixin_does_not_depend_on_the_order_of_its_parts() -> None:
    assert mixin(["b", "a"], ["y", "x"]) == mixin(["a", "b"], ["x", "y"])

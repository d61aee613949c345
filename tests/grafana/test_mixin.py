from __future__ import annotations

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import _jsonnet
import pytest

from regobs.build import build_files
from regobs.catalog.model import Exposer
from regobs.config import Config
from regobs.config.model import GrafanaSettings, LabelNames
from regobs.grafana.mixin import FILE, MixinDefaults, MixinRules, mixin
from regobs.promql.nodes import Matcher, MatchOp
from tests.e2e.conftest import require
from tests.slo.packs import BUNDLED, GITLAB, write

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
        FILE: mixin(["overview"], MixinRules(("prometheus/rules/slo.yaml",))).decode(),
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
    assert [(g["name"], [r["alert"] for r in g["rules"]]) for g in alerts] == [("both:alerts", ["Down"])]
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
    (tree / FILE).write_bytes(mixin(["overview"], MixinRules(("prometheus/rules/slo.yaml",)), MixinDefaults(SELECTOR)))
    other = 'service="r\\\\d", x="y"'
    change = f"(m {{ _config+:: {{ registrySelector: {json.dumps(other)} }} }})"
    [panel] = evaluate(tree, f"{change}.grafanaDashboards['overview.json'].panels")
    [group] = evaluate(tree, f"{change}.prometheusAlerts.groups")
    assert panel["expr"] == f'sum(up{{code="2", {other}, a="b"}})'
    assert group["rules"][0]["expr"] == f"{panel['expr']} == 0"
    [same] = evaluate(tree, "m.grafanaDashboards['overview.json'].panels")
    assert same["expr"] == query


def test_the_link_of_a_burn_shows_the_period_of_its_tier(tree: Path) -> None:
    burns = [{"alert": "Burn", "expr": "up == 0", "labels": {"tier": tier}, "annotations": {}} for tier in ("1h", "3d")]
    (tree / "prometheus/rules/slo.yaml").write_text(json.dumps({"groups": [{"name": "a", "rules": burns}]}))
    told = MixinRules(("prometheus/rules/slo.yaml",), {"Burn": "/d/regobs-slo?from=now-{{ $labels.tier }}&to=now"})
    defaults = MixinDefaults(grafana_url="https://old.example")
    (tree / FILE).write_bytes(mixin(["overview"], told, defaults))
    [group] = evaluate(tree, "m.prometheusAlerts.groups")
    assert [rule["annotations"]["dashboard_url"] for rule in group["rules"]] == [
        f"https://old.example/d/regobs-slo?from=now-{tier}&to=now" for tier in ("1h", "3d")
    ]


def test_a_mixin_without_rules_has_none(tree: Path) -> None:
    (tree / FILE).write_bytes(mixin(["overview"]))
    assert evaluate(tree, "m.prometheusAlerts.groups + m.prometheusRules.groups") == []


def test_the_mixin_does_not_depend_on_the_order_of_its_parts() -> None:
    assert mixin(["b", "a"], MixinRules(("y", "x"))) == mixin(["a", "b"], MixinRules(("x", "y")))


JOINED = "(m.prometheusAlerts + m.prometheusRules).groups"


def test_alerts_and_records_joined_are_one_file_that_prometheus_takes(tree: Path) -> None:
    names = [group["name"] for group in evaluate(tree, JOINED)]
    assert len(set(names)) == len(names) == 3


def test_the_importer_names_severities_runbooks_grafana_and_neighbours(tree: Path) -> None:
    down = {
        "alert": "Down",
        "expr": 'up{job="node", x="y"} == 0',
        "labels": {"severity": "page"},
        "annotations": {"dashboard_url": "https://old.example/d/regobs-capacity?from=now-1h"},
    }
    rules = {"groups": [{"name": "a", "rules": [down, {**down, "alert": "Watchdog", "labels": {"severity": "none"}}]}]}
    (tree / "prometheus/rules/slo.yaml").write_text(json.dumps(rules))
    defaults = MixinDefaults(
        neighbours={"node_exporter": 'job="node"'},
        severities={"page": "page", "ticket": "ticket"},
        grafana_url="https://old.example",
    )
    told = MixinRules(
        ("prometheus/rules/slo.yaml",), dict.fromkeys(("Down", "Watchdog"), "/d/regobs-capacity?from=now-1h")
    )
    (tree / FILE).write_bytes(mixin(["overview"], told, defaults))
    change = """(m { _config+:: {
        severities+: { page: 'critical' }, runbookUrl: 'https://runbooks.example', grafanaUrl: 'https://new.example',
        neighbourSelectors+: { node_exporter: 'job="nodes"' },
    } })"""
    [group] = evaluate(tree, f"{change}.prometheusAlerts.groups")
    rule, watchdog = group["rules"]
    assert rule["labels"]["severity"] == "critical"
    assert watchdog["labels"]["severity"] == "none"
    assert rule["expr"] == 'up{job="nodes", x="y"} == 0'
    assert rule["annotations"] == {
        "dashboard_url": "https://new.example/d/regobs-capacity?from=now-1h",
        "runbook_url": "https://runbooks.example/Down.md",
    }
    assert evaluate(tree, "m.prometheusAlerts.groups")[0]["rules"] == rules["groups"][0]["rules"]


def test_recorded_series_and_pods_follow_the_selector_of_the_importer(tmp_path: Path) -> None:
    def told(selector: str) -> Config:
        matchers = (Matcher("job", MatchOp.EQUAL, "registry"), Matcher("namespace", MatchOp.EQUAL, selector))
        return replace(GITLAB, matchers=matchers, labels=LabelNames(namespace="namespace"))

    read = "[o.grafanaDashboards, o.prometheusAlerts, o.prometheusRules]"
    tree = write(build_files(told("built"), BUNDLED), tmp_path)
    change = """registrySelector: 'job="registry", namespace="wanted"'"""
    changed = evaluate(tree, f"local o = m {{ _config+:: {{ {change} }} }}; {read}")
    assert 'namespace=\\"built\\"' not in json.dumps(changed)
    wider = evaluate(tree, f"""local o = m {{ _config+:: {{ registrySelector: 'job="registry"' }} }}; {read}""")
    assert 'namespace=\\"built\\"' not in json.dumps(wider)
    assert 'http_requests:rate5m{namespace=~\\".*\\"' in json.dumps(wider)
    wanted = evaluate(write(build_files(told("wanted"), BUNDLED), tmp_path), f"local o = m; {read}")
    same = changed == wanted
    assert same  # not compared by pytest, which would take minutes to tell how


@pytest.mark.server
def test_promtool_takes_the_bundled_pack_joined(tmp_path: Path) -> None:
    directory = write({**build_files(GITLAB, BUNDLED)}, tmp_path)
    program = f"local m = import {json.dumps(str(directory / FILE))}; m.prometheusAlerts + m.prometheusRules"
    joined = tmp_path / "joined.yaml"
    joined.write_text(_jsonnet.evaluate_snippet("test", program))  # JSON is YAML
    promtool = require("promtool", package="prometheus")
    done = subprocess.run([promtool, "check", "rules", joined], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "rules found" in done.stdout


def test_a_neighbour_without_a_selector_is_given_one_by_the_importer(tmp_path: Path) -> None:
    config = replace(GITLAB, exposer_matchers={Exposer.NODE: (Matcher("job", MatchOp.EQUAL, "hosts"),)})
    tree = write({**build_files(config, BUNDLED)}, tmp_path)
    plain = evaluate(tree, "[m.grafanaDashboards, m.prometheusAlerts, m.prometheusRules]")
    assert "regobs_neighbour" not in json.dumps(plain)
    change = 'neighbourSelectors+: { redis_exporter: \'job="red"\', postgres_exporter: \'job="pg", env="x"\' }'
    program = (
        f"local o = m {{ _config+:: {{ {change} }} }}; [o.grafanaDashboards, o.prometheusAlerts, o.prometheusRules]"
    )
    changed = evaluate(tree, program)
    assert "regobs_neighbour" not in json.dumps(changed)
    chosen = {
        Exposer.REDIS: (Matcher("job", MatchOp.EQUAL, "red"),),
        Exposer.POSTGRES: (Matcher("job", MatchOp.EQUAL, "pg"), Matcher("env", MatchOp.EQUAL, "x")),
    }
    built = write(
        build_files(replace(config, exposer_matchers={**config.exposer_matchers, **chosen}), BUNDLED), tmp_path
    )
    wanted = evaluate(built, "[m.grafanaDashboards, m.prometheusAlerts, m.prometheusRules]")
    # of a panel about several neighbours the note on those that have no selector goes as well
    same = _without_notes(changed) == _without_notes(wanted) != _without_notes(plain)
    assert same  # not compared by pytest, which would take minutes to tell how


def test_runbooks_and_grafana_that_the_build_did_not_know_are_linked(tmp_path: Path) -> None:
    settings = "{ runbookUrl: 'https://runbooks.example', grafanaUrl: 'https://grafana.example' }"
    read = "[o.grafanaDashboards, o.prometheusAlerts, o.prometheusRules]"
    without = evaluate(
        write(build_files(GITLAB, BUNDLED), tmp_path), f"local o = m {{ _config+:: {settings} }}; {read}"
    )
    config = replace(
        GITLAB, runbook_url="https://runbooks.example", grafana=GrafanaSettings(url="https://grafana.example")
    )
    built = evaluate(write(build_files(config, BUNDLED), tmp_path), f"local o = m; {read}")
    same = without == built
    assert same
    assert "https://runbooks.example/RegistryDown.md" in json.dumps(built[0])


def _without_notes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _without_notes(part) for name, part in value.items() if name != "description"}
    return [_without_notes(part) for part in value] if isinstance(value, list) else value

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import _jsonnet
import pytest
import yaml

from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.config import Config, GrafanaSettings, LabelNames, PrometheusSettings
from regobs.errors import DashboardError
from regobs.grafana import Dashboards, files, load_dashboards, manifest, panel_queries
from regobs.grafana.classic import find_dashboards
from regobs.grafana.configmaps import FILE as CONFIGMAPS
from regobs.grafana.mixin import FILE as MIXIN
from regobs.grafana.mixin import MixinRules
from regobs.grafana.outputs import PROVISIONING
from regobs.pack import Pack
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.parse import parse
from regobs.promql.recorded import Record
from tests.grafana.conftest import HEAD

SOURCE = f"""{HEAD}
dashboard = Dashboard(
    "Own",
    Row("R", Stat("Requests", rate(http.REQUESTS), good="g"), Lines("Runs", rate(gc.RUNS, by="worker"), good="g")),
    Row("Node", Lines("Space", lowest(node.FILESYSTEM_AVAILABLE), good="g")),
    recorded=True,
)
"""
PLAIN = Config()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "dashboards"
    folder.mkdir()
    (folder / "own.dashboard.py").write_text(SOURCE)
    return folder


@pytest.fixture
def pack(folder: Path) -> Pack:
    return Pack((("own", folder.parent),))


def built(pack: Pack, config: Config = PLAIN) -> dict[str, Any]:
    data: dict[str, Any] = json.loads(files(pack, config)["dashboards/own.json"])
    return data


def expressions(dashboard: dict[str, Any]) -> list[str]:
    return [target["expr"] for panel in dashboard["panels"] for target in panel.get("targets", [])]


def test_dashboards_are_found_by_the_name_of_their_file(pack: Pack) -> None:
    assert {slug: found.title for slug, found in load_dashboards(pack).items()} == {"own": "Own"}


def test_files_are_the_dashboards_their_provisioning_resources_and_the_mixin(pack: Pack) -> None:
    resource = "grafana/resources/own.json"
    assert set(files(pack, PLAIN)) == {"dashboards/own.json", PROVISIONING, resource, CONFIGMAPS, MIXIN}


def test_a_resource_is_the_dashboard_under_its_uid(pack: Pack) -> None:
    written = files(pack, PLAIN)
    dashboard, resource = (json.loads(written[f"{folder}/own.json"]) for folder in ("dashboards", "grafana/resources"))
    assert resource["apiVersion"] == "dashboard.grafana.app/v1beta1"
    assert resource["kind"] == "Dashboard"
    assert resource["metadata"] == {"name": dashboard["uid"]}
    assert {"uid", "version"} & resource["spec"].keys() == set()
    assert resource["spec"] == {key: value for key, value in dashboard.items() if key not in {"uid", "version"}}
    assert find_dashboards(resource).boards == [(("spec",), resource["spec"])]


def test_a_dashboard_that_could_show_nothing_is_not_written(folder: Path, pack: Pack) -> None:
    only = f'{HEAD}dashboard = Dashboard("GC", Row("R", Stat("Runs", rate(gc.RUNS), good="g")))\n'
    (folder / "gc.dashboard.py").write_text(only)
    with_it = Config(capabilities=frozenset({Capability.GARBAGE_COLLECTION}))
    assert "dashboards/gc.json" in files(pack, with_it)
    assert "dashboards/gc.json" not in files(pack, PLAIN)
    assert b"gc.json" not in files(pack, PLAIN)[MIXIN]
    assert manifest(pack, PLAIN)["gc"]["left_out"][0]["panel"] == "Runs"


def test_the_mixin_evaluates_over_the_files_as_they_are_written(pack: Pack, tmp_path: Path) -> None:
    rules = b"groups:\n  - name: g\n    rules:\n      - alert: A\n        expr: up == 0\n"
    written = files(pack, PLAIN, rules=MixinRules(("prometheus/rules/a.yaml",))) | {"prometheus/rules/a.yaml": rules}
    for name, content in written.items():
        (tmp_path / "out" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "out" / name).write_bytes(content)
    program = "local m = import 'mixin.libsonnet'; { d: m.grafanaDashboards, a: m.prometheusAlerts }"
    result = json.loads(_jsonnet.evaluate_snippet(str(tmp_path / "out" / "mixin" / "x.jsonnet"), program))
    assert result["d"]["own.json"]["panels"] == json.loads(written["dashboards/own.json"])["panels"]
    assert result["a"]["groups"][0]["rules"][0]["alert"] == "A"


def test_provisioning_is_what_grafana_reads(pack: Pack) -> None:
    data = yaml.safe_load(files(pack, PLAIN)[PROVISIONING])
    assert data["apiVersion"] == 1
    assert [(provider["name"], provider["type"]) for provider in data["providers"]] == [("regobs", "file")]


def test_an_overlay_changes_what_is_written(folder: Path, pack: Pack) -> None:
    (folder / "own.overlay.jsonnet").write_text("{ refresh: '5m', title: 'Ours' }")
    assert (built(pack)["refresh"], built(pack)["title"]) == ("5m", "Ours")


def test_an_overlay_of_no_dashboard_is_refused(folder: Path, pack: Pack) -> None:
    (folder / "owm.overlay.jsonnet").write_text("{}")
    with pytest.raises(DashboardError, match="belongs to no dashboard") as caught:
        files(pack, PLAIN)
    assert caught.value.expected == "own.overlay.jsonnet"


def test_the_selector_and_labels_of_a_deployment_narrow_every_query(pack: Pack) -> None:
    config = Config(
        labels=LabelNames(environment="env", stage="stage"), matchers=(Matcher("app", MatchOp.EQUAL, "registry"),)
    )
    [expr] = expressions(built(pack, config))
    for matcher in ('app="registry"', 'env=~"$env"', 'stage=~"$stage"', 'instance=~"$instance"'):
        assert matcher in expr


def test_exporters_beside_the_registry_have_their_own_selector_and_the_shared_variables(pack: Pack) -> None:
    config = Config(
        capabilities=frozenset({Capability.NODE_EXPORTER}),
        labels=LabelNames(environment="env", stage="stage"),
        exposer_matchers={Exposer.NODE: (Matcher("mountpoint", MatchOp.EQUAL, "/srv"),)},
    )
    space = expressions(built(pack, config))[-1]
    assert space == 'min(node_filesystem_avail_bytes{mountpoint="/srv", env=~"$env"})'


def test_the_data_source_and_the_scrape_interval_are_those_of_the_configuration(pack: Pack) -> None:
    config = Config(
        grafana=GrafanaSettings(datasource="mimir"), prometheus=PrometheusSettings(scrape_interval=Duration(60_000))
    )
    dashboard = built(pack, config)
    assert dashboard["templating"]["list"][0]["current"]["value"] == "mimir"
    assert dashboard["panels"][1]["targets"][0]["interval"] == "1m"


def test_records_are_read_by_a_dashboard_that_allows_them(pack: Pack) -> None:
    records = [Record("registry:requests:rate5m", parse("sum by (route) (rate(registry_http_requests_total[5m]))"))]
    recorded = [query.text for query in panel_queries(pack, PLAIN, records) if query.title == "Requests"]
    assert recorded == ["sum(registry:requests:rate5m) and sum(registry:requests:rate5m @ end())"]
    assert "rate(" in next(query.text for query in panel_queries(pack, PLAIN) if query.title == "Requests")


def test_a_panel_query_says_what_it_needs_and_why_it_is_left_out(pack: Pack) -> None:
    shown, runs, space = panel_queries(pack, PLAIN)
    assert (shown.dashboard, shown.row, shown.title, shown.left_out) == ("own", "R", "Requests", None)
    assert (runs.needs, runs.cause, runs.text) == (Capability.GARBAGE_COLLECTION, "capability", "")
    assert runs.left_out is not None
    assert "garbage_collection" in runs.left_out
    assert space.needs is Capability.NODE_EXPORTER


def test_one_reading_gives_the_same_as_each_function_alone(pack: Pack) -> None:
    found = Dashboards.of(pack, PLAIN)
    assert found.files() == files(pack, PLAIN)
    assert found.manifest() == manifest(pack, PLAIN)
    assert list(found.queries()) == panel_queries(pack, PLAIN)


def test_the_manifest_says_what_a_dashboard_asks_of_a_server(pack: Pack) -> None:
    entry = manifest(pack, Config(capabilities=frozenset({Capability.GARBAGE_COLLECTION})))["own"]
    assert entry["minimum_version"] is not None
    assert [metric["name"] for metric in entry["metrics"]] == ["registry_gc_runs_total", "registry_http_requests_total"]
    assert entry["metrics"][0]["needs"] == "garbage_collection"
    assert entry["metrics"][1]["labels"] == ["code", "method", "route"]
    [lacking] = entry["left_out"]
    assert (lacking["row"], lacking["panel"], lacking["cause"]) == ("Node", "Space", "capability")
    assert json.loads(json.dumps(entry)) == entry


def test_both_flavors_give_the_same_panels_the_same_ids(pack: Pack) -> None:
    gitlab, distribution = (built(pack, Config(flavor=flavor, capabilities=frozenset())) for flavor in Flavor)
    assert [panel["id"] for panel in gitlab["panels"]] == [panel["id"] for panel in distribution["panels"]]

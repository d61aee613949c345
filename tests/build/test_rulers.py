"""The shapes of rules and routes: the same rules everywhere, in fields that each program knows."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.build.rulers import ruler_files
from regobs.config import read_config
from tests.slo.conftest import promtool_of
from tests.slo.packs import GITLAB, bundled_rules

# Fields of api/monitoring/v1 and v1alpha1 of prometheus-operator 0.7x that these objects may have.
RULE = {"record", "alert", "expr", "for", "keep_firing_for", "labels", "annotations"}
GROUP = {"name", "interval", "rules", "partial_response_strategy", "limit", "labels", "query_offset"}
ROUTE = {"receiver", "groupBy", "groupWait", "groupInterval", "repeatInterval", "matchers", "continue", "routes"}
OPERATORS = {"=", "!=", "=~", "!~"}


@pytest.fixture(scope="module")
def rules() -> dict[str, bytes]:
    return bundled_rules().files()


@pytest.fixture(scope="module")
def made() -> dict[str, Any]:
    return {name: yaml.safe_load(content) for name, content in ruler_files(bundled_rules(), GITLAB).items()}


def groups_of(rules: dict[str, bytes]) -> list[Any]:
    found = [yaml.safe_load(content)["groups"] for name, content in sorted(rules.items()) if "/rules/" in name]
    return [group for groups in found for group in groups]


def test_every_shape_has_the_same_groups(rules: dict[str, bytes], made: dict[str, Any]) -> None:
    wanted = groups_of(rules)
    assert [group for one in made["kubernetes/rules.yaml"]["items"] for group in one["spec"]["groups"]] == wanted
    assert made["mimir/rules.yaml"]["groups"] == wanted
    without = [
        {name: value for name, value in one.items() if name != "partial_response_strategy"}
        for one in made["thanos/rules.yaml"]["groups"]
    ]
    assert without == wanted
    assert {one["partial_response_strategy"] for one in made["thanos/rules.yaml"]["groups"]} == {"abort"}


def test_a_name_of_a_group_is_there_once(rules: dict[str, bytes]) -> None:
    names = [group["name"] for group in groups_of(rules)]
    assert len(names) == len(set(names))


def test_objects_have_only_fields_that_the_operator_knows(made: dict[str, Any]) -> None:
    kinds = []
    for file in ("rules", "monitors", "alertmanager"):
        listed = made[f"kubernetes/{file}.yaml"]
        assert (listed["apiVersion"], listed["kind"]) == ("v1", "List")
        for one in listed["items"]:
            assert set(one) == {"apiVersion", "kind", "metadata", "spec"}
            assert len(one["metadata"]["name"]) <= 253
            assert one["metadata"]["name"].replace("-", "").isalnum()
            kinds.append(one["kind"])
    assert set(kinds) == {"PrometheusRule", "PodMonitor", "Probe", "AlertmanagerConfig"}
    for one in made["kubernetes/rules.yaml"]["items"]:
        for group in one["spec"]["groups"]:
            assert set(group) <= GROUP
            assert all(set(rule) <= RULE for rule in group["rules"])


def test_routes_and_inhibitions_are_those_of_alertmanager(rules: dict[str, bytes], made: dict[str, Any]) -> None:
    (one,) = made["kubernetes/alertmanager.yaml"]["items"]
    source = yaml.safe_load(rules["alertmanager/alertmanager.yaml"])
    spec = one["spec"]
    assert set(spec["route"]) <= ROUTE
    assert [route["receiver"] for route in spec["route"]["routes"]] == [
        route["receiver"] for route in source["route"]["routes"]
    ]
    (matcher,) = spec["route"]["matchers"]
    assert (matcher["name"], matcher["matchType"]) == ("alertname", "=~")
    alerts = {rule["alert"] for group in groups_of(rules) for rule in group["rules"] if "alert" in rule}
    assert "RegistryWatchdog" in alerts
    assert (
        set(matcher["value"].split("|")) == alerts
    )  # what else a cluster's Alertmanager gets is not for these receivers
    assert len(spec["inhibitRules"]) == len(source["inhibit_rules"])
    for made_rule, rule in zip(spec["inhibitRules"], source["inhibit_rules"], strict=True):
        for name, texts in (("sourceMatch", "source_matchers"), ("targetMatch", "target_matchers")):
            assert [f'{m["name"]}{m["matchType"]}"{m["value"]}"' for m in made_rule[name]] == rule[texts]
            assert {matcher["matchType"] for matcher in made_rule[name]} <= OPERATORS


def pod_monitor(settings: str) -> Any:
    config = read_config(settings, Path("regobs.toml"))
    return yaml.safe_load(ruler_files(bundled_rules(), config)["kubernetes/monitors.yaml"])["items"][0]["spec"]


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ("", {}),
        ('namespace = "namespace"\npod = "pod"\n', {}),  # the operator writes these two itself
        ('node = "host"\n', {"host": "__meta_kubernetes_pod_node_name"}),
        ('pod = "pod_name"\n', {"pod_name": "__meta_kubernetes_pod_name"}),
        ('namespace = "ns"\n', {"ns": "__meta_kubernetes_namespace"}),
    ],
)
def test_a_pod_monitor_gives_the_labels_of_pods_that_the_settings_name(settings: str, given: dict[str, str]) -> None:
    (endpoint,) = pod_monitor(f"[labels]\n{settings}")["podMetricsEndpoints"]
    found = {one["targetLabel"]: one["sourceLabels"] for one in endpoint["relabelings"] if "sourceLabels" in one}
    assert found == {label: [source] for label, source in given.items()}


@pytest.mark.parametrize(
    ("settings", "dropped"),
    [
        ("", ["endpoint"]),  # of notifications: what the operator calls so is the port
        ('target_labels = ["instance", "job", "endpoint"]\n', []),  # then rules say exported_endpoint
        ("honor_labels = true\n", []),
    ],
)
def test_a_pod_monitor_drops_the_operators_labels_that_the_registry_has_too(settings: str, dropped: list[str]) -> None:
    (endpoint,) = pod_monitor(f"[labels]\n{settings}")["podMetricsEndpoints"]
    assert [one["regex"] for one in endpoint["relabelings"] if one["action"] == "labeldrop"] == dropped


@pytest.mark.parametrize(
    ("selector", "namespaces"),
    [
        ('job="registry"', None),
        ('namespace="gitlab"', {"matchNames": ["gitlab"]}),
        ('namespace=~"gitlab|other"', None),
        ('namespace!="gitlab"', None),
    ],
)
def test_a_pod_monitor_looks_in_the_namespace_that_the_selector_names(selector: str, namespaces: object) -> None:
    settings = f"[labels]\nnamespace = 'namespace'\n[prometheus]\nselector = '{selector}'\n"
    assert pod_monitor(settings).get("namespaceSelector") == namespaces


def test_pods_get_the_labels_that_the_scrape_configuration_gives() -> None:
    alone = "[environments.prod]\nselector = 'env=\"prod\"'\n"
    for more, given in (
        (alone, {"region": "eu", "env": "prod", "job": "registry"}),
        (alone + alone.replace("prod", "dev"), {"region": "eu", "job": "registry"}),
    ):
        (endpoint,) = pod_monitor(f"[prometheus.scrape_labels]\nregion = 'eu'\n{more}")["podMetricsEndpoints"]
        found = {one["targetLabel"]: one["replacement"] for one in endpoint["relabelings"] if "replacement" in one}
        assert found == given


def test_each_environment_that_says_what_is_probed_has_a_probe_with_its_labels() -> None:
    settings = """
[registry]
capabilities = ["probe"]
[labels]
environment = "env"
[prometheus.exporters]
blackbox_exporter = ["blackbox:9115"]
[environments.prod]
selector = 'env="prod"'
probes = ["https://prod.example.com/v2/"]
[environments.dev]
selector = 'env="dev"'
probes = ["https://dev.example.com/v2/"]
"""
    written = ruler_files(bundled_rules(), read_config(settings, Path("regobs.toml")))["kubernetes/monitors.yaml"]
    probes = [one for one in yaml.safe_load(written)["items"] if one["kind"] == "Probe"]
    assert [(one["metadata"]["name"], one["spec"]["targets"]["staticConfig"]) for one in probes] == [
        (f"regobs-{name}", {"static": [f"https://{name}.example.com/v2/"], "labels": {"env": name}})
        for name in ("prod", "dev")
    ]
    assert {one["spec"]["prober"]["url"] for one in probes} == {"blackbox:9115"}


@pytest.mark.server
def test_the_groups_of_all_files_are_valid_in_one(tmp_path: Path, made: dict[str, Any]) -> None:
    file = tmp_path / "all.yaml"
    file.write_text(yaml.safe_dump({"groups": made["mimir/rules.yaml"]["groups"]}))
    done = subprocess.run([promtool_of("debian"), "check", "rules", file], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_pods_are_asked_with_the_scheme_and_query_of_the_settings() -> None:
    (endpoint,) = pod_monitor("[prometheus]\nscheme = 'https'\nparams = {comp = ['registry']}")["podMetricsEndpoints"]
    assert (endpoint["scheme"], endpoint["params"]) == ("https", {"comp": ["registry"]})
    (endpoint,) = pod_monitor("")["podMetricsEndpoints"]
    assert endpoint.keys().isdisjoint({"scheme", "params"})

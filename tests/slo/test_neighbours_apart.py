"""A registry and what runs beside it in other namespaces of a cluster: they are joined all the same."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from regobs.catalog.model import Capability
from regobs.config import Config, read_config
from regobs.config.model import GrafanaSettings
from regobs.slo import outputs
from regobs.slo.outputs import ALERTMANAGER
from tests.setup_pages import DOCS, files_of
from tests.slo.packs import BUNDLED, rules_of, run_tests, write

TOLD = """
[environments.prod]
selector = 'namespace="prod"'
targets = ["a:5001"]
[environments.dev]
selector = 'namespace="dev"'
targets = ["b:5001"]
"""


def documented(more: str = "") -> Config:
    """The settings of docs/setup-kubernetes.md, with what runs beside a registry."""
    settings = files_of("setup-kubernetes.md")["regobs.toml"]
    config = read_config(settings + more, Path("regobs.toml"))
    beside = {Capability.POSTGRES_EXPORTER, Capability.METADATA_DATABASE, Capability.REDIS, Capability.REDIS_EXPORTER}
    return replace(config, capabilities=config.capabilities | beside | {Capability.NOTIFICATIONS})


@pytest.fixture(scope="module")
def files() -> dict[str, bytes]:
    return outputs.files(BUNDLED, documented(), tests=False)


def expr_of(files: dict[str, bytes], file: str, alert: str) -> str:
    rules = rules_of(files[f"prometheus/rules/{file}.yaml"])
    return str(next(rule["expr"] for rule in rules if rule.get("alert") == alert))


def equal_of(files: dict[str, bytes], source: str, target: str) -> list[list[str]]:
    """The labels that two alerts have to have in common, by every inhibition of the one by the other."""

    def names(texts: list[str], alert: str) -> bool:
        found = [text.partition("=")[2].strip('~"') for text in texts if text.startswith("alertname=")]
        return any(alert in text.split("|") for text in found)

    rules = yaml.safe_load(files[ALERTMANAGER])["inhibit_rules"]
    return [
        rule["equal"]
        for rule in rules
        if names(rule["source_matchers"], source) and names(rule["target_matchers"], target)
    ]


@pytest.mark.parametrize(
    ("file", "alert", "joined"),
    [
        ("hosts", "RegistryStarvedOfCpu", "and on ()"),
        ("database", "RegistryDatabaseHangs", "and on ()"),
        ("incidents", "RegistryBurnOver", "and on ()"),
        ("traffic", "RegistryRequestsStopped", "and on (namespace)"),  # both sides are of the registry
    ],
)
def test_a_join_with_a_neighbour_leaves_out_the_namespace(
    files: dict[str, bytes], file: str, alert: str, joined: str
) -> None:
    assert joined in expr_of(files, file, alert)


@pytest.mark.parametrize(
    ("source", "target", "equal"),
    [
        (
            "RegistryStarvedOfCpu",
            "RegistryTargetDown",
            [["instance", "namespace"]],
        ),  # both name the place of the registry
        ("RegistryEveryInstanceFails", "RegistryDown", [["namespace"]]),
        ("RegistryDatabaseDown", "RegistryRequestsStopped", [[]]),
        ("RegistryRedisDown", "RegistryRedisUnreachable", [[]]),
        ("RegistryOutageRecent", "RegistryAvailabilityBurn", [[]]),  # of any outage
        ("RegistryDown", "RegistryTargetDown", [["namespace"]]),
        ("RegistryNotificationsStuck", "RegistryNotificationsLost", [["endpoint", "namespace"]]),
    ],
)
def test_an_inhibition_by_a_neighbour_leaves_it_out_too(
    files: dict[str, bytes], source: str, target: str, equal: list[list[str]]
) -> None:
    assert equal_of(files, source, target) == equal


def test_environments_that_are_namespaces_stay_apart() -> None:
    files = outputs.files(BUNDLED, documented(TOLD), tests=False)
    assert "and on (namespace)" in expr_of(files, "hosts", "RegistryStarvedOfCpu")
    assert equal_of(files, "RegistryEveryInstanceFails", "RegistryDown") == [["namespace"]]


def test_an_endpoint_of_notifications_is_compared_by_the_name_that_alerts_give_it() -> None:
    labels = documented().target_labels | {"endpoint"}
    files = outputs.files(BUNDLED, replace(documented(), target_labels=labels), tests=False)
    assert "sum by (exported_endpoint, namespace)" in expr_of(files, "notifications", "RegistryNotificationsLost")
    found = equal_of(files, "RegistryNotificationsStuck", "RegistryNotificationsLost")
    assert found == [["exported_endpoint", "namespace"]]


REGISTRY = 'job="registry", namespace="gitlab", pod="registry-0", instance="10.1.0.1:5001"'
HOST = 'job="node-exporter", namespace="monitoring", instance="n1:9100"'
POOL = f'{{host_type="primary", {REGISTRY}}}'
FIRE: dict[str, tuple[str, dict[str, str]]] = {
    "RegistryStarvedOfCpu": (
        "hosts",
        {
            f"up{{{REGISTRY}}}": "1x20 0x30",
            f"scrape_duration_seconds{{{REGISTRY}}}": ".02x20 10x30",
            f'node_cpu_seconds_total{{cpu="0", mode="idle", {HOST}}}': "0+29x20 600x30",
        },
    ),
    "RegistryDatabaseHangs": (
        "database",
        {
            'up{job="postgres-exporter", namespace="db", instance="pg:9187"}': "1x20 0x30",
            f"go_sql_dbstats_connections_in_use{POOL}": "0x20 10x30",
            f"go_sql_dbstats_connections_max_open{POOL}": "10x50",
            f'registry_database_queries_total{{name="manifest_find", {REGISTRY}}}': "0+600x20 12000+6x30",
        },
    ),
}


@pytest.mark.parametrize("alert", FIRE)
def test_it_fires_across_namespaces(promtool: Path, files: dict[str, bytes], tmp_path: Path, alert: str) -> None:
    file, series = FIRE[alert]
    (tmp_path / "rules.yaml").write_bytes(files[f"prometheus/rules/{file}.yaml"])
    checked: dict[str, Any] = {
        "expr": f'count(ALERTS{{alertname="{alert}", alertstate="firing"}})',
        "exp_samples": [{"labels": "{}", "value": 1}],
        "eval_time": "20m",
    }
    given = [{"series": name, "values": values} for name, values in series.items()]
    test = {
        "rule_files": ["rules.yaml"],
        "evaluation_interval": "30s",
        "tests": [{"interval": "30s", "input_series": given, "promql_expr_test": [checked]}],
    }
    (tmp_path / "test.yaml").write_text(yaml.safe_dump(test))
    done = run_tests(promtool, tmp_path / "test.yaml")
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_shows_pods_is_watched_by_the_job_of_its_own_target_not_by_the_place_of_the_pods() -> None:
    chosen = """
[prometheus.selectors]
cadvisor = 'namespace="gitlab", pod=~"gitlab-registry-.*"'
kube-state-metrics = 'namespace="gitlab", job="ksm"'
"""
    config = replace(documented(chosen), grafana=GrafanaSettings(url="https://grafana.example.com"))
    made = outputs.files(BUNDLED, config, tests=False)
    assert expr_of(made, "kubernetes", "RegistryKubeStateMetricsDown") == 'up{job="ksm"} == 0'
    cadvisor = expr_of(made, "kubernetes", "RegistryCadvisorDown")
    assert cadvisor == 'min by (instance, namespace) (up{job=~".*cadvisor.*|kubelet"}) == 0'
    rules = {rule["alert"]: rule for rule in rules_of(made["prometheus/rules/kubernetes.yaml"]) if "alert" in rule}
    links = {alert: rule["annotations"]["dashboard_url"] for alert, rule in rules.items()}
    assert {alert for alert, link in links.items() if "var-namespace" not in link} == {
        "RegistryKubeStateMetricsDown",
        "RegistryCadvisorDown",
    }


def test_cases_about_pods_hold_where_selectors_choose_pods_and_their_namespace(promtool: Path, tmp_path: Path) -> None:
    page = (DOCS / "setup-kubernetes.md").read_text(encoding="utf-8")
    block = re.search(r"^```toml\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)
    assert block is not None
    capabilities = '"kubernetes", "node_exporter", "postgres_exporter", "pgbouncer_exporter", "redis_exporter"'
    config = read_config(f"[registry]\ncapabilities = [{capabilities}]\n{block[1]}", Path("regobs.toml"))
    made = write(outputs.files(BUNDLED, config), tmp_path)
    names = ("kubernetes", "hosts", "postgresql", "pgbouncer", "redis-server")
    tests = [path for name in names for path in sorted((made / "prometheus/tests").glob(f"{name}.*"))]
    assert len(tests) > len(names)
    text = (made / "prometheus/tests/kubernetes.15s.test.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r'pod="([^"]*)"', text)) == {"gitlab-registry-0a"}
    done = run_tests(promtool, *tests)
    assert done.returncode == 0, done.stdout + done.stderr

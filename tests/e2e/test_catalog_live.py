"""The catalog against servers that run now, not against what was once recorded of them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from regobs.catalog import METRICS
from regobs.catalog.check import Why
from regobs.catalog.model import Capability, Exposer, Flavor
from regobs.catalog.targets import ALERTS
from regobs.cli.main import run
from regobs.common.programs import free_port
from regobs.demo import servers, traffic
from regobs.demo.client import RegistryClient
from regobs.errors import ExitCode
from regobs.prometheus import Prometheus
from tests.e2e.conftest import PrometheusFactory

LARGEST = 2**20


def _check(url: str, capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    code = run(["catalog", "check", url, "--format", "json"])
    report: dict[str, object] = json.loads(capsys.readouterr().out)
    assert (code, report["differences"]) == (ExitCode.OK, [])
    return report


def test_a_registry_without_traffic_is_what_the_catalog_predicts(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    report = _check(f"{docker_registry.debug_url}/metrics", capsys)
    assert report["flavor"] == "distribution"


def test_a_registry_with_traffic_exposes_every_family_and_no_other(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    with RegistryClient(docker_registry.url) as client:
        traffic.first_round(client, traffic.images("catalog", LARGEST), lambda _: None)
    report = _check(docker_registry.debug_url, capsys)  # a URL without a path means /metrics
    absent = report["absent"]
    assert isinstance(absent, list)
    told = {str(why) for why in (Why.LATER, Why.LINKED, Why.LIBRARY)}
    unexpected = [one for one in absent if one["why"] not in told]
    assert {one["detail"] for one in unexpected} <= {Capability.PYTHON}, "it is written in Go, and has all the rest"


def test_what_is_no_metrics_endpoint_is_exit_code_3(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", "check", f"{docker_registry.url}/v2/"]) == ExitCode.SERVER
    assert f"{docker_registry.url}/v2/" in capsys.readouterr().err


def test_the_flavor_of_the_live_registry_can_be_wrong_on_purpose(
    docker_registry: servers.RegistryServer, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["catalog", "check", docker_registry.debug_url, "--flavor", "gitlab"]) == ExitCode.DIFFERENCE
    assert METRICS["gitlab_build_info"].flavors == (Flavor.GITLAB,)
    assert METRICS["gitlab_build_info"].exposer is Exposer.REGISTRY
    assert "gitlab_build_info: absent family" in capsys.readouterr().out


def test_prometheus_adds_the_series_that_the_catalog_says(prometheus_server: PrometheusFactory, tmp_path: Path) -> None:
    rules = tmp_path / "rules.yaml"
    own = {"alertname", "alertstate"}  # which Prometheus adds; the others are of the alerts of the pack
    labels = {label.exposed: "any" for label in ALERTS.forms[0].labels if label.exposed not in own}
    alert = {"alert": "Always", "expr": "vector(1)", "labels": labels}
    rules.write_text(json.dumps({"groups": [{"name": "g", "interval": "1s", "rules": [alert]}]}))
    port = free_port()  # nobody listens there: `up` is 0, and the other series are there all the same
    scrape = {"job_name": "registry", "scrape_interval": "1s", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}
    server = prometheus_server({"scrape_configs": [scrape], "rule_files": [str(rules)]})
    expected = {
        metric.name: {label.exposed for label in metric.forms[0].labels}
        for metric in METRICS.values()
        if metric.component == "prometheus"
    }
    with Prometheus.connect(server.url) as prometheus:
        deadline = time.monotonic() + 120
        while expected.keys() - set(prometheus.label_values("__name__")) and time.monotonic() < deadline:
            time.sleep(0.2)
        found = {name: set(prometheus.label_names(name)) - {"__name__"} for name in expected}
    assert found == expected

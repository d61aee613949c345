"""What a Prometheus of the operator stores of a registry: its labels are those that rules and dashboards ask for."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from regobs.build.rulers import ruler_files
from regobs.config import Config, read_config
from regobs.slo import outputs
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.exposition_server import ExpositionServer
from tests.slo.packs import BUNDLED

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

SETTINGS = (
    '[registry]\ncapabilities = ["notifications"]\n[labels]\nnamespace = "namespace"\npod = "pod"\nnode = "node"\n'
)
ALL = 'target_labels = ["instance", "job", "namespace", "pod", "container", "endpoint", "node"]\n'
METRICS = 'registry_notifications_pending{endpoint="hook"} 1547\n'
# The relabelling that the operator itself writes before that of a PodMonitor, for a pod of the chart.
GIVEN = {
    "namespace": "gitlab",
    "container": "registry",
    "pod": "registry-0",
    "job": "gitlab/regobs",
    "endpoint": "debug",
}
_FIELDS = {"sourceLabels": "source_labels", "targetLabel": "target_label"}


def scrape(config: Config, target: str) -> dict[str, Any]:
    """A scrape job as the operator makes it of the PodMonitor of the build."""
    compiled = outputs.compile_rules(BUNDLED, config)
    written = yaml.safe_load(ruler_files(compiled, config)["kubernetes/monitors.yaml"])
    (endpoint,) = written["items"][0]["spec"]["podMetricsEndpoints"]
    own = [{_FIELDS.get(key, key): value for key, value in one.items()} for one in endpoint["relabelings"]]
    return {
        "job_name": "podMonitor/gitlab/regobs/0",
        "honor_labels": endpoint["honorLabels"],
        "scrape_interval": "1s",
        "static_configs": [{"targets": [target]}],
        "relabel_configs": [*({"target_label": key, "replacement": value} for key, value in GIVEN.items()), *own],
    }


@pytest.mark.parametrize(("more", "label"), [("", "endpoint"), (ALL, "exported_endpoint")], ids=["dropped", "kept"])
def test_the_endpoint_of_notifications_has_the_name_that_rules_have(
    prometheus_server: PrometheusFactory, more: str, label: str
) -> None:
    config = read_config(SETTINGS + more, Path("regobs.toml"))
    rules = outputs.files(BUNDLED, config, tests=False)["prometheus/rules/notifications.yaml"].decode()
    assert f"sum by ({label}, namespace)" in rules
    with ExpositionServer(METRICS) as registry:
        url = prometheus_server({"scrape_configs": [scrape(config, registry.address)]}).url.rstrip("/")
        query = 'registry_notifications_pending{job="registry"}'
        found: list[dict[str, str]] = []
        deadline = time.monotonic() + 60
        while not found and time.monotonic() < deadline:
            time.sleep(0.5)
            answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=30).json()
            found = [one["metric"] for one in answer["data"]["result"]]
    (series,) = found
    assert (series[label], series["namespace"], series["pod"]) == ("hook", "gitlab", "registry-0")

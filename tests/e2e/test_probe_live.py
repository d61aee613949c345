"""What no metric of a registry shows is seen from outside: the real blackbox_exporter, Prometheus and Alertmanager."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from regobs.build.produce import build_files
from regobs.build.write import write_atomically
from regobs.catalog import alertmanager, blackbox
from regobs.catalog.exposition import parse
from regobs.catalog.model import Capability, Flavor
from regobs.common.programs import Supervisor, free_port
from regobs.config import read_config
from regobs.pack import find_pack
from tests.e2e.conftest import AlertmanagerFactory, PrometheusFactory, require
from tests.e2e.registry_variants import start_registry

pytestmark = [pytest.mark.server, pytest.mark.timeout(240)]

ROOT = Path(__file__).parents[2]


@pytest.fixture
def exporter(supervisor: Supervisor) -> str:
    """host:port of a blackbox_exporter with the module of the pack."""
    program = require("prometheus-blackbox-exporter", "blackbox_exporter", package="prometheus-blackbox-exporter")
    address = f"127.0.0.1:{free_port()}"
    config = ROOT / "exporters/blackbox.yaml"
    process = supervisor.start("blackbox", [program, f"--config.file={config}", f"--web.listen-address={address}"])
    supervisor.wait_until_ready(process, f"http://{address}/metrics")
    return address


def within(seconds: int, found: Callable[[], Any]) -> Any:
    deadline = time.monotonic() + seconds
    while not (got := found()) and time.monotonic() < deadline:
        time.sleep(0.5)
    return got


def counted(debug_url: str) -> float:
    """Requests that the registry has counted."""
    families = parse(requests.get(f"{debug_url}/metrics", timeout=30).content).families
    family = families.get("registry_http_requests_total")
    return sum(sample.value for sample in family.samples) if family else 0.0


def test_the_exporters_expose_what_the_catalog_says(
    supervisor: Supervisor, exporter: str, tmp_path: Path, alertmanager_server: AlertmanagerFactory
) -> None:
    registry = start_registry(supervisor, tmp_path / "registry")
    url = f"http://{exporter}/probe?module=registry&target={registry.url}/v2/"
    answer = parse(requests.get(url, timeout=30).content).families
    for metric in vars(blackbox).values():
        form = metric.form(Flavor.GITLAB) if hasattr(metric, "forms") else None
        if form is None or form.absent_until_observed:
            continue
        assert {frozenset(sample.labels) for sample in answer[metric.name].samples} == {
            frozenset(label.exposed for label in form.labels)
        }
    assert answer[blackbox.SUCCESS.name].samples[0].value == 1
    server = alertmanager_server({"route": {"receiver": "nobody"}, "receivers": [{"name": "nobody"}]})
    own = parse(requests.get(f"{server.url.rstrip('/')}/metrics", timeout=30).content).families
    assert {alertmanager.MESSAGES.name, alertmanager.MESSAGES_FAILED.name} <= set(own)


def test_a_page_that_is_no_registry_fails_the_probe(exporter: str) -> None:
    answer = parse(
        requests.get(f"http://{exporter}/probe?module=registry&target=http://{exporter}/", timeout=30).content
    ).families
    assert answer[blackbox.STATUS_CODE.name].samples[0].value == 200
    assert answer[blackbox.SUCCESS.name].samples[0].value == 0


def test_a_failing_health_check_is_paged_though_no_request_is_counted(
    supervisor: Supervisor,
    exporter: str,
    tmp_path: Path,
    prometheus_server: PrometheusFactory,
    alertmanager_server: AlertmanagerFactory,
) -> None:
    sick = tmp_path / "sick"
    health = {"file": [{"file": str(sick), "interval": "1s", "threshold": 1}]}
    registry = start_registry(supervisor, tmp_path / "registry", health=health)
    config = read_config(
        f"""
        [registry]
        flavor = "distribution"
        capabilities = ["{Capability.PROBE}"]
        [prometheus]
        scrape_interval = "1s"
        evaluation_interval = "1s"
        targets = ["{registry.debug_url.removeprefix("http://")}"]
        probes = ["{registry.url}/v2/"]
        exporters = {{blackbox_exporter = ["{exporter}"]}}
        alertmanagers = []
        """,
        tmp_path / "regobs.toml",
    )
    built = tmp_path / "build"
    write_atomically(built, build_files(config, find_pack()))
    alerts = alertmanager_server(built / "alertmanager/alertmanager.yaml").url.rstrip("/")
    scrape = built / "prometheus/scrape.yaml"
    target = alerts.removeprefix("http://")
    scrape.write_text(
        scrape.read_text() + f"alerting: {{alertmanagers: [{{static_configs: [{{targets: ['{target}']}}]}}]}}\n"
    )
    prometheus = prometheus_server(scrape).url.rstrip("/")

    def up() -> bool:
        answer = requests.get(f"{prometheus}/api/v1/query", params={"query": "probe_success == 1"}, timeout=30).json()
        return bool(answer["data"]["result"])

    assert within(120, up)
    sick.touch()
    assert within(120, lambda: requests.get(f"{registry.url}/v2/", timeout=30).status_code == 503)
    before = counted(registry.debug_url)
    started = time.monotonic()

    def paged() -> list[dict[str, Any]]:
        found = requests.get(f"{alerts}/api/v2/alerts?receiver=pager", timeout=30).json()
        return [one for one in found if one["status"]["state"] == "active"]

    def cause_paged() -> list[dict[str, Any]]:
        """The pages once the cause is one of them: the burn of the probe's SLO, evaluated each second here, has enough
        evaluations before it, and is held back from then on."""
        found = paged()
        return found if any(one["labels"]["alertname"] == "RegistryRefusesRequests" for one in found) else []

    (alert,) = within(120, cause_paged)
    assert "503" in alert["annotations"]["summary"]
    assert "/debug/health" in alert["annotations"]["description"]
    assert time.monotonic() - started < 120
    assert counted(registry.debug_url) == before  # no refused request is in it
    sick.unlink()
    assert within(60, lambda: not paged())

"""The written scrape configuration and the rules agree, on a real Prometheus, about which environment is there."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
import requests

from regobs.build.produce import scrape_file
from regobs.config import read_config
from regobs.documents import load_yaml
from regobs.slo import outputs
from tests.e2e.conftest import PrometheusFactory
from tests.e2e.exposition_server import ExpositionServer
from tests.slo.packs import BUNDLED

pytestmark = [pytest.mark.server, pytest.mark.timeout(120)]

TWO = """
[labels]
environment = "env"
[prometheus]
scrape_interval = "1s"
evaluation_interval = "1s"
alertmanagers = []
[environments.production]
selector = 'env="production"'
targets = ["{production}"]
[environments.staging]
selector = 'env="staging"'
"""


@pytest.mark.parametrize(
    ("staging", "missing"),
    [pytest.param("", {"staging"}, id="of one it has no target"), pytest.param("targets", set(), id="of both it has")],
)
def test_an_environment_is_missing_where_it_has_no_target_and_not_otherwise(
    prometheus_server: PrometheusFactory, tmp_path: Path, staging: str, missing: set[str]
) -> None:
    with ExpositionServer("up_and_running 1\n") as registry, ExpositionServer("up_and_running 1\n") as other:
        text = TWO.format(production=registry.address) + (f"targets = ['{other.address}']" if staging else "")
        config = read_config(text, tmp_path / "regobs.toml")
        rules = outputs.files(BUNDLED, config)["prometheus/rules/process.yaml"]
        (tmp_path / "process.yaml").write_bytes(rules.replace(b"for: 5m", b"for: 2s"))
        settings: dict[str, Any] = load_yaml(scrape_file(BUNDLED, config), "scrape.yaml").data
        settings["rule_files"] = [str(tmp_path / "process.yaml")]
        settings["global"]["scrape_timeout"] = "1s"
        url = prometheus_server(settings).url.rstrip("/")
        wanted = len(settings["scrape_configs"][0]["static_configs"])
        assert _soon(lambda: len(_ask(url, "up == 1")) == wanted)
        firing = 'ALERTS{alertname="RegistryTargetMissing", alertstate="firing"}'
        if missing:
            assert _soon(lambda: {one["env"] for one in _ask(url, firing)} == missing)
        time.sleep(5)  # the time of two alerts that are not due
        assert {one["env"] for one in _ask(url, firing)} == missing


def _soon(holds: Any) -> bool:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if holds():
            return True
        time.sleep(0.5)
    return False


def _ask(url: str, query: str) -> list[dict[str, str]]:
    answer = requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=30).json()
    return [one["metric"] for one in answer["data"]["result"]]

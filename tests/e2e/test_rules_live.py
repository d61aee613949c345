"""Real Prometheus servers load every rule and evaluate it without an error."""

from __future__ import annotations

import os
import re
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from regobs.slo import outputs
from tests.e2e.conftest import PrometheusFactory, require
from tests.peers import required_prometheus3
from tests.slo.packs import BUNDLED, CONFIGS, write

RELEASES = [pytest.param("debian", marks=pytest.mark.server), pytest.param("3.x", marks=pytest.mark.peer)]


def program_of(release: str) -> Path:
    if release == "debian":
        return require("prometheus", package="prometheus")
    named = os.environ.get("REGOBS_PROMETHEUS3")
    return Path(named) if named else required_prometheus3()


def groups_of(url: str) -> list[dict[str, Any]]:
    answer = requests.get(f"{url}/api/v1/rules", timeout=30).json()
    found: list[dict[str, Any]] = answer["data"]["groups"]
    return found


@pytest.mark.parametrize("flavor", CONFIGS)
@pytest.mark.parametrize("release", RELEASES)
def test_every_rule_is_loaded_and_evaluated(
    prometheus_server: PrometheusFactory, tmp_path: Path, release: str, flavor: str
) -> None:
    files = write(outputs.files(BUNDLED, CONFIGS[flavor]), tmp_path)
    for path in (files / "prometheus/rules").glob("*.yaml"):
        # evaluated once a second here, so that the test need not wait a minute for the first time
        path.write_text(re.sub(r"interval: \w+\n", "interval: 1s\n", path.read_text()))
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [f"{files}/prometheus/rules/*.yaml"],
        "scrape_configs": [{"job_name": "registry", "static_configs": [{"targets": ["127.0.0.1:9"]}]}],
    }
    url = prometheus_server(config, program=program_of(release)).url.rstrip("/")
    expected = sum(
        content.count(b"\n  - record: ") + content.count(b"\n  - alert: ")
        for name, content in outputs.files(BUNDLED, CONFIGS[flavor]).items()
        if name.startswith("prometheus/rules/")
    )
    rules: list[dict[str, Any]] = []
    down: list[str] = []
    for _ in range(600):
        rules = [rule for group in groups_of(url) for rule in group["rules"]]
        down = [rule["state"] for rule in rules if rule["name"] == "RegistryDown"]
        # nothing listens on the port of the only target
        if down and down != ["inactive"] and all(rule["health"] != "unknown" for rule in rules):
            break
        time.sleep(0.2)
    assert len(rules) == expected > 350
    assert {rule["health"] for rule in rules} == {"ok"}
    assert [rule["lastError"] for rule in rules if rule.get("lastError")] == []
    assert down == ["pending"]

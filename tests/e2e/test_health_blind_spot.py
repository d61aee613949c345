"""A real docker-registry whose storage is taken away: its own health check refuses every request, and counts none.

Which signal then sees what clients get, as the table of docs/alerts.md says it.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import requests

from regobs.catalog import http
from regobs.catalog import logs as metrics
from regobs.catalog.exposition import parse
from regobs.common.programs import Supervisor
from regobs.demo.client import Blob, Image, RegistryClient
from regobs.exporters.probe import TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget
from regobs.instrument import Instruments
from tests.e2e.conftest import require
from tests.e2e.registry_variants import RunningRegistry, start_registry

pytestmark = pytest.mark.server
REFUSED = 12


@pytest.fixture
def registry(supervisor: Supervisor, tmp_path: Path) -> RunningRegistry:
    require("docker-registry", "registry", package="docker-registry")
    check = {"enabled": True, "interval": "100ms", "threshold": 1}
    mount = tmp_path / "mount"
    storage = {"filesystem": {"rootdirectory": str(mount / "data")}}
    started = start_registry(
        supervisor,
        tmp_path / "registry",
        health={"storagedriver": check},
        storage={**storage, "delete": {"enabled": True}},
    )
    return replace(started, storage=mount)


def own_count(registry: RunningRegistry) -> float:
    """Requests that the registry's own counter has, of every route and status."""
    families = parse(requests.get(f"{registry.debug_url}/metrics", timeout=30).content).families
    return sum(one.value for one in families[http.REQUESTS.name].samples if one.name == http.REQUESTS.name)


def status_of(registry: RunningRegistry, path: str) -> int:
    return requests.get(f"{registry.url}{path}", timeout=30).status_code


def logged(supervisor: Supervisor) -> tuple[int, int]:
    """Requests with a server error in the log, and all, as `regobs export logs` counts them."""
    files = [str(path) for path in supervisor.directory.glob("docker-registry-*.log")]
    command = [sys.executable, "-m", "regobs", "export", "logs", "--once", *files, "--flavor", "distribution"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    samples = parse(output).families[metrics.REQUESTS.name].samples
    failed = sum(one.value for one in samples if one.labels["status"] == "5xx")
    return int(failed), int(sum(one.value for one in samples))


def test_storage_that_is_gone_is_seen_by_probe_and_log_and_not_by_the_registrys_own_counters(
    supervisor: Supervisor, registry: RunningRegistry
) -> None:
    with RegistryClient(registry.url) as client:
        client.push_image(Image("group/app", "v1", (Blob("layer", 1000),)))
    target = ProbeTarget("one", registry.url, debug_url=registry.debug_url)
    probe = TargetProbe(target, DEFAULT_TIMING, Instruments("gitlab"))
    assert {one.result for one in probe.run(all_steps=True)} == {"ok"}
    there = registry.storage.rename(registry.storage.with_name("away"))
    registry.storage.touch()  # no directory, so that the driver has an error
    deadline = time.monotonic() + 60
    while status_of(registry, "/v2/") != 503 and time.monotonic() < deadline:
        time.sleep(0.1)

    before, (failed, every) = own_count(registry), logged(supervisor)
    for _ in range(REFUSED // 2):
        assert status_of(registry, "/v2/group/app/manifests/v1") == 503
        assert status_of(registry, "/v2/") == 503
    assert own_count(registry) == before, "/metrics shows none of them"
    assert logged(supervisor) == (failed + REFUSED, every + REFUSED), "the log has each"
    results = {one.step: one.result for one in probe.run(all_steps=True)}
    assert results["base"] == results["push"] == results["health"] == "status"
    assert results["connect"] == "ok"
    assert own_count(registry) == before, "nor those of the probe"

    registry.storage.unlink()
    there.rename(registry.storage)
    while status_of(registry, "/v2/") != 200 and time.monotonic() < deadline:
        time.sleep(0.1)
    assert own_count(registry) > before

    shutil.rmtree(registry.storage / "data")  # as where a mount is lost
    time.sleep(1)  # ten of its checks
    assert (status_of(registry, "/v2/"), status_of(registry, "/v2/group/app/manifests/v1")) == (200, 404)
    lost = [{one.step: one.result for one in probe.run(all_steps=True)}["pull_manifest"] for _ in range(2)]
    assert lost == ["status", "ok"], "once: it pushes its own image again"

"""`regobs export logs` beside a real docker-registry: what it counts is what the registry itself counts."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
import requests

from regobs.catalog import http
from regobs.catalog import logs as metrics
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor
from regobs.common.programs import Supervisor
from regobs.demo.client import Blob, Image, RegistryClient
from tests.e2e.conftest import require
from tests.e2e.registry_variants import start_registry

pytestmark = pytest.mark.server

Counts = Counter[tuple[str, str, str]]


def own_counts(exposition: bytes) -> Counts:
    """What the registry counted, by method, route as GitLab's registry writes it, and class of status."""
    form = http.REQUESTS.form(Flavor.DISTRIBUTION)
    assert form is not None
    label = form.label("route")
    assert label is not None
    words = {value: word for word, value in label.words.items()}
    counts: Counts = Counter()
    for sample in parse(exposition).families[http.REQUESTS.name].samples:
        route = http.ROUTE.words[words[sample.labels[label.exposed]]]
        counts[sample.labels["method"], route, f"{sample.labels['code'][0]}xx"] += int(sample.value)
    return +counts


def log_counts(exposition: bytes) -> Counts:
    samples = parse(exposition).families[metrics.REQUESTS.name].samples
    return Counter(
        {
            (one.labels["method"], one.labels["route"], one.labels["status"]): int(one.value)
            for one in samples
            if one.labels["route"] != metrics.UNMATCHED
        }
    )


def test_requests_of_the_log_are_those_of_the_registrys_own_metrics(supervisor: Supervisor, tmp_path: Path) -> None:
    require("docker-registry", "registry", package="docker-registry")
    log = {"level": "info", "formatter": "json", "accesslog": {"disabled": True}}
    registry = start_registry(supervisor, tmp_path / "registry", log=log)
    files = [str(path) for path in supervisor.directory.glob("docker-registry-*.log")]
    command = [sys.executable, "-m", "regobs", "export", "logs", *files, "--flavor", "distribution"]
    command += ["--state", str(tmp_path / "state.json"), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        address = exporter.stdout.readline().strip()
        with RegistryClient(registry.url) as client:
            for number in range(3):
                image = Image(f"group{number}/app", "v1", (Blob(f"layer {number}", 1000),))
                digest = client.push_image(image)
                client.pull_image(image.repository, "v1")
            client.tags("group0/app")
            client.tags("nobody/here")
            client.delete_manifest("group2/app", digest)
        requests.get(f"{registry.url}/nothing", timeout=30)  # no route: in the log only
        own = own_counts(requests.get(f"{registry.debug_url}/metrics", timeout=30).content)
        deadline = time.monotonic() + 120
        found: Counts = Counter()
        while found != own and time.monotonic() < deadline:
            time.sleep(0.2)
            answer = requests.get(address, timeout=30)
            found = log_counts(answer.content) if answer.ok and metrics.REQUESTS.name in answer.text else Counter()
        exporter.send_signal(signal.SIGTERM)
        exporter.communicate(timeout=90)
    assert found == own
    assert sum(own.values()) > 20
    assert exporter.returncode == 0
    assert (tmp_path / "state.json").exists()


@pytest.mark.parametrize("form", ["json", "text", "logstash"])
def test_a_request_with_several_errors_counts_once_and_each_error_by_its_code(
    supervisor: Supervisor, tmp_path: Path, form: str
) -> None:
    require("docker-registry", "registry", package="docker-registry")
    registry = start_registry(supervisor, tmp_path / "registry", log={"level": "info", "formatter": form})
    files = [str(path) for path in supervisor.directory.glob("docker-registry-*.log")]
    kind = "application/vnd.docker.distribution.manifest.v2+json"
    blobs = [{"mediaType": "application/octet-stream", "size": 1, "digest": "sha256:" + one * 64} for one in "1234"]
    manifest = {"schemaVersion": 2, "mediaType": kind, "config": blobs[0], "layers": blobs[1:]}
    for number in range(3):
        address = f"{registry.url}/v2/several/app/manifests/t{number}"
        answer = requests.put(address, json=manifest, headers={"Content-Type": kind}, timeout=30)
        assert len(answer.json()["errors"]) == 4
    requests.get(f"{registry.url}/v2/several/app/manifests/none", timeout=30)
    own = own_counts(requests.get(f"{registry.debug_url}/metrics", timeout=30).content)
    time.sleep(1)  # until the last line is written
    command = [sys.executable, "-m", "regobs", "export", "logs", "--once", *files, "--flavor", "distribution"]
    output = subprocess.run(command, capture_output=True, check=True).stdout
    assert log_counts(output) == own
    samples = parse(output).families[metrics.API_ERRORS.name].samples
    assert {one.labels["code"]: one.value for one in samples} == {"MANIFEST_BLOB_UNKNOWN": 12, "MANIFEST_UNKNOWN": 1}


@pytest.mark.parametrize("form", ["json", "text"])
def test_requests_that_were_sent_are_those_of_a_log_with_both_kinds_of_access_lines(
    supervisor: Supervisor, tmp_path: Path, form: str
) -> None:
    require("docker-registry", "registry", package="docker-registry")
    registry = start_registry(supervisor, tmp_path / "registry", log={"level": "info", "formatter": form})
    files = [str(path) for path in supervisor.directory.glob("docker-registry-*.log")]
    command = [sys.executable, "-m", "regobs", "export", "logs", "--once", *files, "--flavor", "distribution"]

    def counted() -> tuple[int, int]:
        output = subprocess.run(command, capture_output=True, check=True).stdout
        samples = parse(output).families[metrics.REQUESTS.name].samples
        unmatched = (int(one.value) for one in samples if one.labels["route"] == metrics.UNMATCHED)
        return int(sum(one.value for one in samples)), sum(unmatched)

    requests.get(f"{registry.url}/v2/", timeout=30)
    before, unmatched = counted()
    sent = [("GET", "/nix")] * 10 + [("GET", "/v2/")] * 5 + [("GET", "/v2/_catalog?n=5")] * 2 + [("GET", "/")] * 3
    sent += [("GET", "/v2/a/b/manifests/latest")] * 4 + [("PATCH", "/v2/a/b/tags/list")] * 6
    for method, path in sent:
        requests.request(method, registry.url + path, timeout=30)
    time.sleep(1)  # until the last line is written
    assert counted() == (before + len(sent), unmatched + 13)

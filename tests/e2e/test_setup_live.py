"""The set-up pages run: Debian's registry, nginx and Prometheus with their files, the jobs of both pipelines."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import requests
import yaml

from regobs.cli.main import run
from regobs.common.programs import Supervisor, free_port
from regobs.demo import servers
from regobs.prometheus import Prometheus
from tests.e2e.conftest import require
from tests.setup_pages import commands_of, files_of

pytestmark = pytest.mark.timeout(240)
LARGE = os.urandom(3 * 1024 * 1024)  # more than nginx takes into a body by default


def placed(text: str, places: Mapping[str, str]) -> str:
    """The text of a page with ports and paths of this run in the place of its own."""
    for old, new in places.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def registry(supervisor: Supervisor, config: str) -> None:
    program = require("docker-registry", "registry", package="docker-registry")
    file = supervisor.directory / "registry.yml"
    file.write_text(config)
    process = supervisor.start("docker-registry", [program, "serve", file])
    http = yaml.safe_load(config)["http"]
    supervisor.wait_until_ready(process, f"http://{http['debug']['addr']}/metrics")


def push_and_pull(url: str) -> None:
    """A layer as Docker pushes it, back through what stands before the registry."""
    import hashlib

    digest = f"sha256:{hashlib.sha256(LARGE).hexdigest()}"
    begun = requests.post(f"{url}/v2/a/blobs/uploads/", timeout=20)
    assert begun.status_code == 202
    assert begun.headers["Location"].startswith(url)
    sent = requests.put(f"{begun.headers['Location']}&digest={digest}", data=LARGE, timeout=20)
    assert sent.status_code == 201, sent.text
    assert requests.get(f"{url}/v2/a/blobs/{digest}", timeout=20).content == LARGE


def scraped_and_evaluated(supervisor: Supervisor, config: Path) -> str:
    """Start Prometheus with a configuration of the build: its registry is up, its rules are evaluated without error."""
    require("prometheus", package="prometheus")
    server = servers.prometheus(supervisor, config)
    with Prometheus(server.url) as prometheus:
        end = time.monotonic() + 60
        up, health = list[float](), set[str]()
        while time.monotonic() < end and not (up == [1.0] and "ok" in health):
            time.sleep(0.5)
            up = [one.value for one in prometheus.query('up{job="registry"}').samples]
            health = {rule.health for group in prometheus.rules() for rule in group.rules}
        assert up == [1.0]
        assert "ok" in health
        assert "err" not in health  # some groups are evaluated later
    return server.url


def first_values(prometheus: Prometheus, query: str) -> list[float]:
    """The values of a query once there are any: each job is scraped first at a time of its own."""
    end, values = time.monotonic() + 60, list[float]()
    while not values and time.monotonic() < end:
        values = [one.value for one in prometheus.query(query).samples]
        time.sleep(0.2)
    return values


def build(folder: Path, settings: str) -> Path:
    (folder / "regobs.toml").write_text(settings)
    assert run(["build", "--config", str(folder / "regobs.toml"), "--out", str(folder / "out")]) == 0
    return folder / "out" / "prometheus" / "scrape.yaml"


QUICK = {"[prometheus]\n": '[prometheus]\nscrape_interval = "1s"\nevaluation_interval = "1s"\n'}


def test_the_compose_file_s_registry_stands_behind_its_nginx_and_its_prometheus_scrapes_it(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    files = files_of("setup-compose.md")
    port, debug, front = free_port(), free_port(), free_port()
    at = {":5000": f"127.0.0.1:{port}", ":5001": f"127.0.0.1:{debug}", "/var/lib/registry": str(tmp_path / "data")}
    registry(supervisor, placed(files["registry.yml"], at))
    nginx = require("nginx", package="nginx-light")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    folders = " ".join(f"{kind}_temp_path {tmp_path}/{kind};" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"daemon off; pid {tmp_path}/nginx.pid; error_log {tmp_path}/error.log;\n"
        + placed(
            files["nginx.conf"],
            {
                "registry:5000": f"127.0.0.1:{port}",
                "listen 5000": f"listen 127.0.0.1:{front}",
                "http {": f"http {{ access_log off; {folders}",
            },
        )
    )
    process = supervisor.start("nginx", [nginx, "-p", tmp_path, "-c", tmp_path / "nginx.conf", "-e", "error.log"])
    url = f"http://127.0.0.1:{front}"
    supervisor.wait_until_ready(process, f"{url}/v2/")
    push_and_pull(url)
    settings = placed(files["regobs.toml"], {"registry:5001": f"127.0.0.1:{debug}", **QUICK})
    scraped_and_evaluated(supervisor, build(tmp_path, settings))


def debian_s_config(address: str, data: Path) -> dict[str, Any]:
    """/etc/docker/registry/config.yml of Debian's package, less the file of users, which the package does not have."""
    check = {"enabled": True, "interval": "10s", "threshold": 3}
    storage = {"cache": {"blobdescriptor": "inmemory"}, "filesystem": {"rootdirectory": str(data)}}
    return {
        "version": 0.1,
        "log": {"fields": {"service": "registry"}},
        "storage": {**storage, "delete": {"enabled": True}},
        "http": {"addr": address, "headers": {"X-Content-Type-Options": ["nosniff"]}},
        "health": {"storagedriver": check},
    }


def test_the_plain_machine_s_registry_probe_and_prometheus_run_as_configured(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    files = files_of("setup-vm.md")
    port, debug, asked = free_port(), free_port(), free_port()
    places = {"127.0.0.1:5001": f"127.0.0.1:{debug}"}
    config = debian_s_config(f"127.0.0.1:{port}", tmp_path / "data")
    for part, added in yaml.safe_load(placed(files["config.yml"], places)).items():
        config[part] |= added
    registry(supervisor, yaml.safe_dump(config))
    push_and_pull(f"http://127.0.0.1:{port}")
    places |= {"127.0.0.1:5000": f"127.0.0.1:{port}", **QUICK}
    settings = placed(files["regobs.toml"], places).replace(
        "[contexts.local]", f'[prometheus.exporters]\nblackbox_exporter = ["127.0.0.1:{asked}"]\n[contexts.local]'
    )
    scrape = build(tmp_path, settings)
    exporter = require("prometheus-blackbox-exporter", "blackbox_exporter", package="prometheus-blackbox-exporter")
    modules = tmp_path / "out/exporters/blackbox.yaml"
    process = supervisor.start(
        "blackbox_exporter", [exporter, f"--config.file={modules}", f"--web.listen-address=127.0.0.1:{asked}"]
    )
    supervisor.wait_until_ready(process, f"http://127.0.0.1:{asked}/metrics")
    url = scraped_and_evaluated(supervisor, scrape)
    with Prometheus(url) as prometheus:
        assert first_values(prometheus, "probe_success") == [1.0]
    kept = re.findall(r"retention.time=(\w+)", files["default-prometheus"])
    assert f'retention = "{kept[0]}"' in files["regobs.toml"]


def test_an_upgrade_of_the_plain_machine_leaves_no_rule_file_of_the_build_before(tmp_path: Path) -> None:
    require("rsync", package="rsync")
    (line,) = [line for line in commands_of("setup-vm.md") if "out/prometheus/rules" in line]
    words = line.removeprefix("sudo ").replace("/etc/prometheus", str(tmp_path / "etc")).split()
    (tmp_path / "etc").mkdir()
    settings = files_of("setup-vm.md")["regobs.toml"]
    for capabilities, has_probe in ((settings, True), (settings.replace(', "probe"', ""), False)):
        rules = build(tmp_path, capabilities).parent / "rules"
        subprocess.run(words, cwd=tmp_path, check=True, timeout=60)
        there = {file.name: file.read_bytes() for file in (tmp_path / "etc/rules").iterdir()}
        assert there == {file.name: file.read_bytes() for file in rules.iterdir()}
        assert any("probe" in name for name in there) is has_probe


@pytest.fixture
def repository(tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A repository with settings and what they give, its first commit, and the environment of a job in it."""
    require("promtool", package="prometheus")
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "regobs.toml").write_text('[registry]\nflavor = "distribution"\nversion = "2.8.2"\n')
    bin_folder = tmp_path / "bin"
    bin_folder.mkdir()
    (bin_folder / "regobs").write_text(f'#!/bin/sh\nexec {sys.executable} -m regobs "$@"\n')
    (bin_folder / "regobs").chmod(0o755)
    environment = {**os.environ, "PATH": f"{bin_folder}:{os.environ['PATH']}", "GITHUB_STEP_SUMMARY": "summary.md"}
    for name in ("AUTHOR", "COMMITTER"):
        environment |= {f"GIT_{name}_NAME": "a", f"GIT_{name}_EMAIL": "a@example.com"}
    done = job(["regobs build --out out", "git init -q", "git add .", "git commit -qm first"], folder, environment)
    assert done.returncode == 0, done.stderr
    first = job(["git rev-parse HEAD"], folder, environment).stdout.strip()
    return folder, {**environment, "CI_MERGE_REQUEST_DIFF_BASE_SHA": first, "BASE": first}


def job(lines: list[str], folder: Path, environment: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """The lines of a job as both runners run them: one shell that ends at the first that fails."""
    script = "\n".join(["set -eo pipefail", *lines])
    return subprocess.run(
        ["/bin/bash", "-c", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )


def gitlab_jobs() -> dict[str, list[str]]:
    pipeline = yaml.safe_load(files_of("ci.md")[".gitlab-ci.yml"])
    return {name: one["script"] for name, one in pipeline.items() if "script" in one}


def github_jobs() -> dict[str, list[str]]:
    workflow = yaml.safe_load(files_of("ci.md")[".github/workflows/regobs.yml"])
    steps = workflow["jobs"]["check"]["steps"]
    return {one["name"].lower(): one["run"].splitlines() for one in steps if "run" in one}


@pytest.mark.parametrize("jobs", [gitlab_jobs, github_jobs])
def test_the_jobs_pass_show_a_change_and_fail_where_they_should(
    jobs: Callable[[], dict[str, list[str]]], repository: tuple[Path, dict[str, str]]
) -> None:
    folder, environment = repository
    found = jobs()
    tests = sorted((folder / "out/prometheus/tests").glob("*.test.yaml"), key=lambda file: file.stat().st_size)
    found["rules"] = [  # all of them take minutes; `make test` runs them
        line.replace("*.test.yaml", tests[0].name) for line in found["rules"]
    ]
    assert found.keys() == {"build", "lint", "rules", "changes", "snapshot"}
    for name in ("build", "lint", "rules"):
        done = job(found[name], folder, environment)
        assert done.returncode == 0, (name, done.stdout[-800:], done.stderr[-800:])

    (folder / "regobs.toml").write_text('[registry]\nflavor = "distribution"\nversion = "3.0.0"\n')
    assert job(found["build"], folder, environment).returncode == 1
    assert job(["regobs build --out out"], folder, environment).returncode == 0
    done = job(found["changes"], folder, environment)
    assert done.returncode == 0, done.stderr
    summary = done.stdout if jobs is gitlab_jobs else (folder / "summary.md").read_text()
    assert re.search(r"### Dashboards: \d+ changes", summary)
    assert "| dashboard | panel | what | before | after |" in summary

    for file in (folder / "out" / "prometheus" / "rules").glob("*.yaml"):
        file.write_text(file.read_text().replace("sum(rate(", "sum(sum("))
    assert job(found["rules"], folder, environment).returncode != 0
    assert job(found["lint"], folder, environment).returncode in {1, 2}


@pytest.mark.parametrize("jobs", [gitlab_jobs, github_jobs])
def test_the_snapshot_of_a_pipeline_is_written_from_a_server_in_the_environment(
    jobs: Callable[[], dict[str, list[str]]], repository: tuple[Path, dict[str, str]], supervisor: Supervisor
) -> None:
    folder, environment = repository
    server = servers.prometheus(supervisor, {"scrape_configs": []})
    done = job(jobs()["snapshot"], folder, {**environment, "REGOBS_PROMETHEUS_URL": server.url})
    assert done.returncode == 0, done.stderr
    assert "<html" in (folder / "snapshot.html").read_text(encoding="utf-8")


def test_the_report_of_lint_is_what_gitlab_reads(repository: tuple[Path, dict[str, str]]) -> None:
    folder, environment = repository
    assert job(gitlab_jobs()["lint"], folder, environment).returncode == 0
    report: list[dict[str, Any]] = json.loads((folder / "gl-code-quality-report.json").read_text())
    assert all({"description", "check_name", "fingerprint", "severity", "location"} <= one.keys() for one in report)

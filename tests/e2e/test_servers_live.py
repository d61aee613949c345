"""One set of questions to every kind of server that answers PromQL, each reached by a context of regobs.toml."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from regobs.cli.main import run
from regobs.common.programs import Supervisor, free_port
from regobs.demo import servers
from tests import peers
from tests.e2e.conftest import require
from tests.e2e.exposition_server import ExpositionServer, read_exposition
from tests.peers import metric_servers, thanos_servers

pytestmark = [pytest.mark.peer, pytest.mark.timeout(180)]

SAMPLE = Path(__file__).parents[1] / "data" / "gitlab-registry-4.32.prom.gz"
Output = pytest.CaptureFixture[str]


def settings(target: str, **more: Any) -> dict[str, Any]:
    return {
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "registry", "static_configs": [{"targets": [target]}]}],
        **more,
    }


@pytest.fixture(scope="module")
def supervisor() -> Iterator[Supervisor]:
    with Supervisor() as running:
        yield running


@pytest.fixture(scope="module")
def registry() -> Iterator[str]:
    with ExpositionServer(read_exposition(SAMPLE)) as served:
        yield served.address


def written_to(supervisor: Supervisor, registry: str, url: str, **write: Any) -> None:
    """A Prometheus 3 that sends what it scrapes to another server."""
    remote = [{"url": url, "queue_config": {"batch_send_deadline": "500ms"}, **write}]
    servers.prometheus(supervisor, settings(registry, remote_write=remote), program=peers.required_prometheus3())


def prometheus_2(supervisor: Supervisor, registry: str) -> str:
    require("prometheus", package="prometheus")
    return f'url = "{servers.prometheus(supervisor, settings(registry)).url}"'


def prometheus_3(supervisor: Supervisor, registry: str) -> str:
    program = peers.required_prometheus3()
    return f'url = "{servers.prometheus(supervisor, settings(registry), program=program).url}"'


def thanos(supervisor: Supervisor, registry: str) -> str:
    require("prometheus", package="prometheus")
    program, data = peers.required_thanos(), supervisor.directory / "thanos-data"
    sidecar = thanos_servers.replica(supervisor, program, "a", settings(registry), data)
    return f'url = "{thanos_servers.query(supervisor, program, [sidecar]).url}"'


def victoriametrics(supervisor: Supervisor, registry: str) -> str:
    url = metric_servers.victoriametrics(supervisor, peers.required_victoriametrics())
    written_to(supervisor, registry, f"{url}/api/v1/write")
    return f'url = "{url}"'


def cortex(supervisor: Supervisor, registry: str) -> str:
    url = metric_servers.cortex(supervisor, peers.required_cortex())
    headers = {"X-Scope-OrgID": metric_servers.TENANT}
    written_to(supervisor, registry, f"{url}/api/v1/push", headers=headers)
    return f'url = "{url}/prometheus"\ntenant = "{metric_servers.TENANT}"'


@pytest.fixture(scope="module", params=[prometheus_2, prometheus_3, thanos, victoriametrics, cortex])
def context(request: pytest.FixtureRequest, supervisor: Supervisor, registry: str, tmp_path_factory: Any) -> Path:
    """A directory with a regobs.toml that has the server as its context."""
    start: Callable[[Supervisor, str], str] = request.param
    folder = tmp_path_factory.mktemp(start.__name__)
    text = f'context = "{start.__name__}"\n[contexts.{start.__name__}]\n{start(supervisor, registry)}\n'
    (folder / "regobs.toml").write_text(text, encoding="utf-8")
    return Path(folder)


@pytest.fixture(autouse=True)
def in_the_directory(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    named = "context" in request.fixturenames
    monkeypatch.chdir(request.getfixturevalue("context") if named else tmp_path)


def answers(capsys: Output, *arguments: str) -> tuple[int, Any]:
    code = run([*arguments, "--format", "json"])
    out, err = capsys.readouterr()
    assert out, err
    return code, json.loads(out)


def test_a_panel_shows_the_same_series_on_every_server(context: Path, capsys: Output) -> None:
    requests = re.findall(r'^registry_http_requests_total{.*code="(\d+)"', read_exposition(SAMPLE), re.MULTILINE)
    found: set[str] = set()
    end = time.monotonic() + 120
    while time.monotonic() < end and found != set(requests):
        _, data = answers(
            capsys, "query", "panel", "application-detail", "Requests by status", "--run", "--window", "10s"
        )
        found = {one["labels"]["code"] for one in data["queries"][0]["result"]}
        time.sleep(0.5)
    assert found == set(requests), context


def test_settings_are_proposed_and_the_status_is_shown_from_every_server(context: Path, capsys: Output) -> None:
    end, found = time.monotonic() + 60, dict[str, Any]()
    before = (context / "regobs.toml").read_text(encoding="utf-8")
    while time.monotonic() < end and "registry.capabilities" not in found:
        time.sleep(0.5)
        if run(["init", "--update", "--format", "json"]) == 0:
            found = {one["setting"]: one["value"] for one in json.loads(capsys.readouterr().out)["settings"]}
        capsys.readouterr()
    (context / "regobs.toml").write_text(before, encoding="utf-8")
    assert {"redis", "garbage_collection"} <= {*found["registry.capabilities"]}, context
    up: list[bool] = []
    while time.monotonic() < end + 60 and up != [True]:  # a server that is written to has a scrape only some time later
        _, data = answers(capsys, "status")
        up = [one["up"] for one in data["processes"]]
    assert up == [True], context


def test_the_doctor_examines_every_server(context: Path, capsys: Output) -> None:
    code, data = answers(capsys, "doctor", "--dashboard", "application-detail", "--window", "10s")
    assert code in {0, 1}
    assert data["summary"]["query_errors"] == 0
    assert data["summary"]["data"] > 5
    known = {"prometheus_2": "2.", "prometheus_3": "3.9.1", "thanos": "0.42.0", "victoriametrics": "2.", "cortex": ""}
    name = (context / "regobs.toml").read_text().split('"')[1]
    assert data["server_version"].startswith(known[name])
    assert name != "cortex" or data["server_version"] == ""
    run(["doctor", "--dashboard", "application-detail", "--window", "10s"])
    program = {"thanos": "Thanos", "victoriametrics": "VictoriaMetrics"}.get(name, "Prometheus")
    assert capsys.readouterr().out.startswith(f"{program} ")


RECORDED = "registry:slo_events:increase5m"


@pytest.mark.parametrize("start", [victoriametrics, cortex])
def test_rules_that_another_server_evaluates_are_not_asked_for_here(
    start: Callable[[Supervisor, str], str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """Before a Prometheus with rules writes there: how this kind of server gets them. Then: that they run elsewhere."""
    monkeypatch.chdir(tmp_path)
    fired = {"alert": "RegistryDown", "expr": "up == 1", "labels": {"severity": "page"}}
    groups = {"groups": [{"name": "g", "rules": [{"record": RECORDED, "expr": "sum by (job) (up)"}, fired]}]}
    (tmp_path / "rules.yaml").write_text(json.dumps(groups), encoding="utf-8")
    with Supervisor() as running, ExpositionServer(read_exposition(SAMPLE)) as served:
        text = start(running, served.address)
        (tmp_path / "regobs.toml").write_text(f'context = "a"\n[contexts.a]\n{text}\n', encoding="utf-8")
        end, said = time.monotonic() + 60, ""
        while time.monotonic() < end and "rules of this build are not loaded" not in said:
            run(["doctor"])
            said = capsys.readouterr().out
        assert ("vmalert (-rule)" if start is victoriametrics else "mimir/rules.yaml") in said
        assert "under `rule_files`" not in said
        url, headers = text.split('"')[1], {"X-Scope-OrgID": metric_servers.TENANT}
        path = f"{url}/api/v1/write" if start is victoriametrics else f"{url.removesuffix('/prometheus')}/api/v1/push"
        remote = [{"url": path, "headers": headers, "queue_config": {"batch_send_deadline": "500ms"}}]
        every = {"scrape_interval": "1s", "evaluation_interval": "1s"}
        files = [str(tmp_path / "rules.yaml")]
        given = settings(served.address, remote_write=remote, rule_files=files) | {"global": every}
        servers.prometheus(running, given, program=peers.required_prometheus3())
        end, data = time.monotonic() + 60, dict[str, Any]()
        while time.monotonic() < end and not (data and data["alerts"]["firing"]):
            _, data = answers(capsys, "status")
        assert data["alerts"]["firing"][0]["since"]
        run(["status"])
        assert "rules run elsewhere" in capsys.readouterr().out
        run(["doctor"])
        said = capsys.readouterr().out
    assert "what its rules record is: they are evaluated elsewhere" in said
    assert "under `rule_files`" not in said


def test_what_a_server_leaves_to_others_or_ignores_is_said_of_that_server_alone(context: Path, capsys: Output) -> None:
    name = (context / "regobs.toml").read_text().split('"')[1]
    for verb, program in (("rules", "vmalert"), ("alerts", "vmalert"), ("targets", "vmagent")):
        run(["query", verb])
        assert (program in capsys.readouterr().err) is (name == "victoriametrics"), (name, verb)
    assert run(["query", "vector(1)", "--dedup"]) == 0
    assert ("other servers ignore --dedup" in capsys.readouterr().err) is (name != "thanos")


@pytest.mark.parametrize(("points", "step"), [(55, 3.0), (10_020, 3.0), (10_060, 1.5)])
def test_a_range_of_victoriametrics_has_the_moments_that_were_asked(capsys: Output, points: int, step: float) -> None:
    with Supervisor() as running:
        url = metric_servers.victoriametrics(running, peers.required_victoriametrics(), ("-retentionPeriod=10y",))
        begin = 1_796_000_000
        text = "\n".join(f"steady {number} {begin + 10 * number}000" for number in range(4_000))
        assert requests.post(f"{url}/api/v1/import/prometheus", data=text, timeout=60).ok
        assert requests.get(f"{url}/internal/force_flush", timeout=60).ok
        asked = begin + 301.25
        window = ["--from", f"{asked}", "--to", f"{asked + step * (points - 1)}", "--step", f"{round(step * 1000)}ms"]
        code, data = answers(capsys, "query", "steady", *window, "--prometheus", url, "--no-cache")
    assert code == 0
    moments = [moment for moment, _ in data["result"][0]["points"]]
    assert moments == [asked + step * number for number in range(points)]


def test_a_server_of_tenants_says_what_it_wants(capsys: Output) -> None:
    with Supervisor() as running:
        url = metric_servers.cortex(running, peers.required_cortex())
        code = run(["doctor", "--prometheus", f"{url}/prometheus"])
    said = capsys.readouterr().err
    assert code == 3
    assert "no org id" in said
    assert "--tenant" in said


def authority(folder: Path) -> None:
    """A certificate authority with one certificate for a server on 127.0.0.1 and one for a client."""

    def openssl(*arguments: str) -> None:
        subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)

    openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-out", "ca.pem", "-subj", "/CN=ca")
    (folder / "names").write_text("subjectAltName=IP:127.0.0.1")
    for name in ("server", "client"):
        openssl("req", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{name}.key", "-out", "csr", "-subj", f"/CN={name}")
        openssl(
            *("x509", "-req", "-in", "csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial"),
            *("-extfile", "names", "-out", f"{name}.pem"),
        )


WEB = """
tls_server_config:
  cert_file: server.pem
  key_file: server.key
  client_auth_type: RequireAndVerifyClientCert
  client_ca_file: ca.pem
"""


def test_a_prometheus_with_tls_client_certificates_and_a_path_prefix(
    supervisor: Supervisor, registry: str, capsys: Output, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    program = require("prometheus", package="prometheus")
    authority(tmp_path)
    (tmp_path / "web.yml").write_text(WEB)
    (tmp_path / "prometheus.yml").write_text(json.dumps(settings(registry)))
    port = free_port()
    process = supervisor.start(
        "prometheus-tls",
        [
            *(program, f"--config.file={tmp_path / 'prometheus.yml'}", f"--web.config.file={tmp_path / 'web.yml'}"),
            *(f"--storage.tsdb.path={tmp_path / 'data'}", f"--web.listen-address=127.0.0.1:{port}"),
            *("--web.route-prefix=/of/registry", "--log.level=warn"),
        ],
    )
    url = f"https://127.0.0.1:{port}/of/registry"
    ask = ["query", "panel", "application-detail", "Requests by status"]
    whole = ["--ca-file", "ca.pem", "--client-cert", "client.pem", "--client-key", "client.key"]
    for _ in range(600):
        process.check()
        if run([*ask, "--prometheus", url, *whole]) == 0:
            break
        time.sleep(0.1)
    else:
        pytest.fail(capsys.readouterr().err)
    capsys.readouterr()
    assert run([*ask, "--prometheus", url]) == 3
    assert "--ca-file" in capsys.readouterr().err
    assert run([*ask, "--prometheus", url, "--ca-file", "ca.pem"]) == 3
    said = capsys.readouterr().err
    assert "asks for a client certificate" in said  # for certain, or perhaps: its reason may be lost
    assert "--client-cert" in said
    (tmp_path / "regobs.toml").write_text(
        f'[contexts.tls]\nurl = "{url}"\nca_file = "ca.pem"\nclient_cert = "client.pem"\nclient_key = "client.key"\n'
    )
    assert run([*ask, "--context", "tls"]) == 0
    for name, file in (("CA_FILE", "ca.pem"), ("CLIENT_CERT", "client.pem"), ("CLIENT_KEY", "client.key")):
        monkeypatch.setenv(f"REGOBS_PROMETHEUS_{name}", file)
    monkeypatch.setenv("REGOBS_PROMETHEUS_URL", url)
    assert run([*ask, "--run"]) == 0

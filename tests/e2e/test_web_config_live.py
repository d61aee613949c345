"""A real Prometheus scrapes with a user and TLS, and says why where it may not."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import bcrypt
import pytest
import requests
import trustme

from regobs.common.programs import Supervisor, free_port
from regobs.instrument import Instruments, MetricsServer, MetricsWSGI, WebConfig
from tests.e2e.conftest import PrometheusFactory

pytestmark = [pytest.mark.server, pytest.mark.timeout(180)]
PASSWORD = "a word of a test"


@pytest.fixture
def authority(tmp_path: Path) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.crt")
    client = made.issue_cert("prometheus.example")
    client.private_key_pem.write_to_path(tmp_path / "client.key")
    (tmp_path / "client.crt").write_bytes(client.cert_chain_pems[0].bytes())
    return made


def served(folder: Path, authority: trustme.CA, *, until: datetime | None = None, clients: bool = False) -> WebConfig:
    certificate = authority.issue_cert("127.0.0.1", not_after=until)
    folder.mkdir()
    certificate.private_key_pem.write_to_path(folder / "server.key")
    (folder / "server.crt").write_bytes(certificate.cert_chain_pems[0].bytes())
    authority.cert_pem.write_to_path(folder / "ca.crt")
    hashed = bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()
    asked = "\n  client_ca_file: ca.crt\n  client_auth_type: RequireAndVerifyClientCert" if clients else ""
    (folder / "web.yaml").write_text(
        f"tls_server_config:\n  cert_file: server.crt\n  key_file: server.key{asked}\n"
        f"basic_auth_users:\n  prometheus: {hashed}\n"
    )
    return WebConfig(folder / "web.yaml")


@pytest.fixture
def addresses(tmp_path: Path, authority: trustme.CA) -> Iterator[dict[str, str]]:
    """Three servers: one in order, one whose certificate has expired, one that wants a client certificate."""
    webs = {
        "plain": served(tmp_path / "plain", authority),
        "expired": served(tmp_path / "expired", authority, until=datetime.now(UTC) - timedelta(days=1)),
        "clients": served(tmp_path / "clients", authority, clients=True),
    }
    servers = {
        name: MetricsServer(MetricsWSGI(Instruments("gitlab"), web=web), "127.0.0.1", 0, web=web)
        for name, web in webs.items()
    }
    yield {name: server.address for name, server in servers.items()}
    for server in servers.values():
        server.stop()


def job(
    folder: Path, name: str, address: str, *, password: str = PASSWORD, certificate: bool = False
) -> dict[str, Any]:
    tls = {"ca_file": str(folder / "ca.crt")}
    if certificate:
        tls |= {"cert_file": str(folder / "client.crt"), "key_file": str(folder / "client.key")}
    return {
        "job_name": name,
        "scheme": "https",
        "tls_config": tls,
        "basic_auth": {"username": "prometheus", "password": password},
        "static_configs": [{"targets": [address]}],
    }


def found(url: str, count: int) -> dict[str, tuple[str, str]]:
    """Health and error of every target, when each was scraped once."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        rows = requests.get(f"{url.rstrip('/')}/api/v1/targets", timeout=30).json()["data"]["activeTargets"]
        seen = {row["labels"]["job"]: (row["health"], row["lastError"]) for row in rows if row["health"] != "unknown"}
        if len(seen) == count:
            return seen
        time.sleep(0.3)
    raise AssertionError("Prometheus did not scrape every target")


def test_prometheus_scrapes_with_user_certificate_and_authority_and_is_refused_without(
    tmp_path: Path, addresses: dict[str, str], prometheus_server: PrometheusFactory
) -> None:
    jobs = [
        job(tmp_path, "right", addresses["plain"]),
        job(tmp_path, "wrong_password", addresses["plain"], password="another"),
        job(tmp_path, "expired", addresses["expired"]),
        job(tmp_path, "client_certificate", addresses["clients"], certificate=True),
        job(tmp_path, "no_client_certificate", addresses["clients"]),
    ]
    server = prometheus_server({"global": {"scrape_interval": "1s"}, "scrape_configs": jobs})
    seen = found(server.url, len(jobs))
    assert seen["right"] == ("up", "")
    assert seen["client_certificate"] == ("up", "")
    assert seen["wrong_password"] == ("down", "server returned HTTP status 401 Unauthorized")
    assert seen["expired"][0] == "down"
    assert "expired" in seen["expired"][1]
    assert seen["no_client_certificate"][0] == "down"
    # With TLS 1.3 the client has finished when the server refuses it: its request meets the alert or the closed socket.
    refused = seen["no_client_certificate"][1]
    assert any(reason in refused for reason in ("certificate", "connection reset", "broken pipe")), refused


def test_an_exporter_takes_the_file_as_an_option(
    tmp_path: Path, authority: trustme.CA, prometheus_server: PrometheusFactory, supervisor: Supervisor
) -> None:
    served(tmp_path / "web", authority)
    address = f"127.0.0.1:{free_port()}"
    (tmp_path / "token").write_text("a token of a test")
    options = [f"--state={tmp_path / 'state'}", f"--token-file={tmp_path / 'token'}", f"--listen={address}"]
    web = f"--web-config-file={tmp_path / 'web' / 'web.yaml'}"
    supervisor.start("notifications", [sys.executable, "-m", "regobs", "export", "notifications", *options, web])
    server = prometheus_server(
        {"global": {"scrape_interval": "1s"}, "scrape_configs": [job(tmp_path, "events", address)]}
    )
    deadline = time.monotonic() + 120
    while found(server.url, 1)["events"] != ("up", "") and time.monotonic() < deadline:
        time.sleep(0.5)
    assert found(server.url, 1)["events"] == ("up", "")
    trusted = str(tmp_path / "ca.crt")
    assert requests.get(f"https://{address}/-/healthy", verify=trusted, timeout=30).status_code == 401
    token = {"Authorization": "Bearer a token of a test"}
    media = {"Content-Type": "application/vnd.docker.distribution.events.v1+json"}
    posted = requests.post(
        f"https://{address}/events", json={"events": []}, headers=token | media, verify=trusted, timeout=30
    )
    assert posted.status_code == 200
    assert (
        requests.post(f"https://{address}/events", json={"events": []}, verify=trusted, timeout=30).status_code == 401
    )

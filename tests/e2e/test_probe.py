"""The probe against a real docker-registry: plain, with TLS, with tokens, and in each way in which it can fail."""

from __future__ import annotations

import contextlib
import json
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import create_connection, create_server
from typing import Any

import pytest
import requests
import trustme

from regobs.catalog import probe as metrics
from regobs.catalog.compare import compare_family
from regobs.catalog.exposition import parse
from regobs.catalog.model import Flavor, Metric
from regobs.common.programs import Supervisor
from regobs.exporters import probe_steps
from regobs.exporters.outside import Trust
from regobs.exporters.probe import TargetProbe
from regobs.exporters.probe_settings import DEFAULT_TIMING, ProbeTarget, StepTiming
from regobs.instrument import Instruments
from tests.e2e.conftest import require
from tests.e2e.registry_variants import (
    ISSUER,
    SERVICE,
    RunningRegistry,
    TokenService,
    start_nginx,
    start_registry,
)
from tests.stub_server import StubHandler, StubServer

pytestmark = pytest.mark.server
PASSWORD = "pass-of-the-probe"
QUICK = {step: StepTiming(timing.every, 2) for step, timing in DEFAULT_TIMING.items()}


@pytest.fixture
def registry(supervisor: Supervisor, tmp_path: Path) -> RunningRegistry:
    require("docker-registry", "registry", package="docker-registry")
    return start_registry(supervisor, tmp_path / "registry")


class Watched:
    """A probe whose rounds a test reads."""

    def __init__(self, target: ProbeTarget) -> None:
        self.instruments = Instruments("gitlab", strict=True)
        self.probe = TargetProbe(target, QUICK, self.instruments)
        self.why: dict[str, str] = {}

    def round(self) -> dict[str, str]:
        outcomes = self.probe.run(all_steps=True)
        self.why = {outcome.step: outcome.text for outcome in outcomes}
        return {outcome.step: outcome.result for outcome in outcomes}

    def value(self, series: str, **labels: str) -> float | None:
        families = parse(self.instruments.render()).families.values()
        samples = [sample for family in families for sample in family.samples if sample.name == series]
        return next((one.value for one in samples if labels.items() <= one.labels.items()), None)


def watched(registry: RunningRegistry, **more: Any) -> Watched:
    return Watched(ProbeTarget("registry", more.pop("url", registry.url), **more))


def failing(results: dict[str, str]) -> dict[str, str]:
    return {step: result for step, result in results.items() if result != "ok"}


def secrets_of(directory: Path, *, password: str = PASSWORD) -> dict[str, Path]:
    (directory / "user").write_text("probe\n")
    (directory / "password").write_text(f"{password}\n")
    return {"username_file": directory / "user", "password_file": directory / "password"}


# -- a registry that works


def test_every_step_works_on_a_plain_registry_and_no_image_stays_but_the_canary(registry: RunningRegistry) -> None:
    probe = watched(registry, debug_url=registry.debug_url)
    first, second = probe.round(), probe.round()
    assert list(first) == [step for step in metrics.STEPS if step != "tls"]
    assert failing(first) == failing(second) == {}
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert tags == [probe_steps.CANARY]
    assert probe.value(metrics.RUNS.name, step="push", result="ok") == 2
    assert probe.value(metrics.RUNS.name, step="push", result="status") == 0
    assert probe.value(metrics.SUCCESS.name, step="delete") == 1
    last = probe.value(metrics.LAST_SUCCESS.name, step="read_back")
    assert last is not None
    assert abs(last - time.time()) < 30


def test_what_it_exposes_is_what_the_catalog_says(registry: RunningRegistry) -> None:
    probe = watched(registry, debug_url=registry.debug_url)
    probe.round()
    families = parse(probe.instruments.render()).families
    entries = [entry for entry in vars(metrics).values() if isinstance(entry, Metric)]
    assert {entry.name for entry in entries} - {metrics.CERTIFICATE_EXPIRY.name, metrics.FAILING_CHECKS.name} <= set(
        families
    )
    for entry in entries:
        if entry.name in families:
            assert list(compare_family(families[entry.name], entry, Flavor.GITLAB, None)) == []


def test_images_of_rounds_that_were_killed_are_removed_later(registry: RunningRegistry) -> None:
    probe = watched(registry)
    probe.round()
    old = f"probe-{int(time.time()) - 700}-aaaaaaaa"
    young = f"probe-{int(time.time()) - 30}-bbbbbbbb"
    manifest = requests.get(
        f"{registry.url}/v2/regobs/probe/manifests/canary", headers={"Accept": probe_steps.MANIFEST}, timeout=30
    ).content
    for tag in (old, young):  # with another digest: a deletion by digest takes every tag of it
        body = manifest.rstrip(b"}") + f', "annotations": {{"of": "{tag}"}}}}'.encode() if tag else b""
        put = requests.put(
            f"{registry.url}/v2/regobs/probe/manifests/{tag}",
            data=body.replace(b"]}", b"]", 0),
            headers={"Content-Type": probe_steps.MANIFEST},
            timeout=5,
        )
        assert put.status_code == 201, put.text
    assert failing(probe.round()) == {}
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tags) == sorted([probe_steps.CANARY, young])


def test_where_images_cannot_be_deleted_one_tag_is_taken_over_again_and_again(
    supervisor: Supervisor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = tmp_path / "r" / "storage"
    registry = start_registry(supervisor, tmp_path / "r", storage={"filesystem": {"rootdirectory": str(storage)}})
    monkeypatch.setattr(probe_steps, "_LEFT_BEHIND", -1.0)  # all images of earlier rounds are to be removed
    monkeypatch.setattr(probe_steps, "_MOST_LEFT", 2)
    refused, next_process = watched(registry), watched(registry)
    for probe in (refused, refused, refused, refused, next_process):
        assert failing(probe.round()) == {"delete": "status"}  # a deletion that fails is no fault of pushes
    tags = requests.get(f"{registry.url}/v2/regobs/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tag.partition("-")[0] for tag in tags) == ["canary", "probe", "probe", "probe"]
    assert "probe" in tags
    for _ in range(2):
        assert failing(watched(registry, delete=False, repository="other/probe").round()) == {}
    tags = requests.get(f"{registry.url}/v2/other/probe/tags/list", timeout=30).json()["tags"]
    assert sorted(tags) == ["canary", "probe"]


def test_without_push_a_missing_canary_is_a_failure_of_its_step(registry: RunningRegistry) -> None:
    probe = watched(registry, push=False, delete=False)
    assert failing(probe.round()) == {"pull_manifest": "status", "pull_blob": "status"}
    assert probe.why["pull_blob"] == "prevented by pull_manifest"
    assert "404" in probe.why["pull_manifest"]


def test_a_canary_that_is_lost_fails_its_step_once_and_is_pushed_again(registry: RunningRegistry) -> None:
    probe = watched(registry, repository="lost/probe")
    assert failing(probe.round()) == {}
    manifests = f"{registry.url}/v2/lost/probe/manifests"
    found = requests.head(f"{manifests}/canary", headers={"Accept": probe_steps.MANIFEST}, timeout=30)
    gone = requests.delete(f"{manifests}/{found.headers['Docker-Content-Digest']}", timeout=30)
    assert gone.status_code == 202
    assert failing(probe.round()) == {"pull_manifest": "status", "pull_blob": "status"}
    assert probe.why["pull_manifest"] == (
        "GET /v2/lost/probe/manifests/canary: 404 MANIFEST_UNKNOWN: it was there before; pushed again"
    )
    assert failing(probe.round()) == {}
    assert failing(watched(registry, repository="lost/probe").round()) == {}  # another process knows nothing of it


# -- TLS


@pytest.fixture
def authority() -> trustme.CA:
    return trustme.CA()


def trusting(authority: trustme.CA, directory: Path) -> Trust:
    file = directory / "ca.pem"
    authority.cert_pem.write_to_path(str(file))
    return Trust(ca_file=file)


def test_through_tls_every_step_works_and_the_expiry_of_the_certificate_is_told(
    registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    ends = datetime.now(UTC).replace(microsecond=0) + timedelta(days=12)
    certificate = authority.issue_cert("localhost", not_after=ends)
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert failing(results) == {}
    assert results["tls"] == "ok"
    assert probe.value(metrics.CERTIFICATE_EXPIRY.name) == ends.timestamp()


@pytest.mark.parametrize("wrong", ["authority", "name", "expired"])
def test_a_certificate_that_is_wrong_is_a_failure_of_tls(
    wrong: str, registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    past = datetime.now(UTC) - timedelta(days=1)
    certificate = {
        "authority": lambda: trustme.CA().issue_cert("localhost"),
        "name": lambda: authority.issue_cert("elsewhere.test"),
        "expired": lambda: authority.issue_cert("localhost", not_after=past),
    }[wrong]()
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert results["connect"] == "ok"
    assert set(failing(results).values()) == {"tls"}
    assert next(iter(failing(results))) == "tls"


def test_a_registry_that_does_not_know_its_scheme_fails_where_it_names_an_address(
    registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    certificate = authority.issue_cert("localhost")
    url = start_nginx(supervisor, tmp_path / "nginx", registry.url, certificate, tells_scheme=False)
    probe = watched(registry, url=url, trust=trusting(authority, tmp_path))
    results = probe.round()
    assert results["base"] == "ok"
    assert results["push"] == "answer"
    assert "X-Forwarded-Proto" in probe.why["push"]


# -- authentication


@pytest.fixture
def tokens(tmp_path: Path) -> TokenService:
    return TokenService(tmp_path, "probe", PASSWORD)


def with_tokens(supervisor: Supervisor, tmp_path: Path, tokens: TokenService, realm: str) -> RunningRegistry:
    token = {"realm": realm, "service": SERVICE, "issuer": ISSUER, "rootcertbundle": str(tokens.bundle)}
    return start_registry(supervisor, tmp_path / "registry", auth={"token": token})


def test_with_a_token_service_every_step_works(supervisor: Supervisor, tmp_path: Path, tokens: TokenService) -> None:
    with tokens.running() as realm:
        registry = with_tokens(supervisor, tmp_path, tokens, realm)
        assert failing(watched(registry, **secrets_of(tmp_path)).round()) == {}
    assert set(tokens.scopes) == {"repository:regobs/probe:pull,push,delete"}


def test_a_token_service_that_is_gone_or_refuses_is_a_failure_of_auth(
    supervisor: Supervisor, tmp_path: Path, tokens: TokenService
) -> None:
    with tokens.running() as realm:
        registry = with_tokens(supervisor, tmp_path, tokens, realm)
        probe = watched(registry, **secrets_of(tmp_path))
        (tmp_path / "password").write_text("another")
        refused = probe.round()
        (tmp_path / "password").write_text(PASSWORD)  # read anew
        allowed = probe.round()
    gone = probe.round()
    assert (refused["connect"], refused["auth"], refused["push"]) == ("ok", "auth", "auth")
    assert failing(allowed) == {}
    assert (gone["connect"], gone["auth"]) == ("ok", "auth")
    assert "token service" in probe.why["auth"]


def test_basic_authentication_works_and_a_wrong_password_is_a_failure_of_auth(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    bcrypt = pytest.importorskip("bcrypt")
    (tmp_path / "htpasswd").write_text(f"probe:{bcrypt.hashpw(PASSWORD.encode(), bcrypt.gensalt(4)).decode()}\n")
    htpasswd = {"realm": "registry", "path": str(tmp_path / "htpasswd")}
    registry = start_registry(supervisor, tmp_path / "registry", auth={"htpasswd": htpasswd})
    probe = watched(registry, **secrets_of(tmp_path))
    assert failing(probe.round()) == {}
    (tmp_path / "password").write_text("another")
    assert probe.round()["base"] == "auth"
    assert watched(registry).round()["auth"] == "auth"


# -- a registry that is broken


def test_a_registry_that_is_gone_is_a_failure_of_connect_and_it_comes_back(registry: RunningRegistry) -> None:
    probe = watched(registry)
    assert failing(probe.round()) == {}
    registry.stop()
    gone = probe.round()
    assert gone.pop("resolve") == "ok"
    assert set(gone.values()) == {"connect"}
    assert probe.value(metrics.SUCCESS.name, step="push") == 0
    assert probe.value(metrics.RUNS.name, step="connect", result="connect") == 1


def test_a_name_that_has_no_address_is_a_failure_of_resolve(registry: RunningRegistry) -> None:
    results = watched(registry, url="http://registry.invalid").round()
    assert set(results.values()) == {"dns"}


def test_broken_storage_lets_the_base_work_and_pulls_and_pushes_fail(registry: RunningRegistry) -> None:
    probe = watched(registry)
    assert failing(probe.round()) == {}
    shutil.rmtree(registry.storage)
    registry.storage.write_text("no directory")
    results = probe.round()
    assert results["base"] == "ok"
    assert results["push"] == results["pull_manifest"] == "status"


def test_a_failing_health_check_is_seen_by_name_while_every_request_is_refused(
    supervisor: Supervisor, tmp_path: Path
) -> None:
    maintenance = tmp_path / "maintenance"  # a check that fails while the file is there
    checks = {"storagedriver": {"enabled": False}, "file": [{"file": str(maintenance), "interval": "100ms"}]}
    registry = start_registry(supervisor, tmp_path / "registry", health=checks)
    probe = watched(registry, debug_url=registry.debug_url)
    assert failing(probe.round()) == {}
    maintenance.touch()
    results = round_until(probe, "status")
    assert [results[step] for step in ("connect", "auth", "base", "push")] == ["ok", "status", "status", "status"]
    assert "503" in probe.why["auth"]
    assert probe.value(metrics.FAILING_CHECKS.name, check=str(maintenance)[:80]) == 1
    maintenance.unlink()
    assert failing(round_until(probe, "ok")) == {}
    assert probe.value(metrics.FAILING_CHECKS.name, check=str(maintenance)[:80]) == 0


def round_until(probe: Watched, health: str) -> dict[str, str]:
    """Rounds until the step `health` has this result: that of the round after it."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and probe.round()["health"] != health:
        time.sleep(0.1)
    return probe.round()


def test_other_bytes_than_were_pushed_are_a_failure_of_digest(registry: RunningRegistry) -> None:
    probe = watched(registry)
    assert failing(probe.round()) == {}
    layers = [file for file in registry.storage.rglob("data") if b"canary of regobs" in file.read_bytes()]
    assert len(layers) == 1
    layers[0].write_bytes(b"The canary of regobs export prob3.\n")
    assert failing(probe.round()) == {"pull_blob": "digest"}


# -- servers that are none


@contextlib.contextmanager
def raw_server(answer: Callable[[Any], None]) -> Iterator[str]:
    listener = create_server(("127.0.0.1", 0))
    end = threading.Event()

    def serve() -> None:
        listener.settimeout(0.1)
        while not end.is_set():
            with contextlib.suppress(OSError):
                plug, _ = listener.accept()
                threading.Thread(target=talk, args=(plug,), daemon=True).start()

    def talk(plug: Any) -> None:
        with contextlib.suppress(OSError), plug:
            plug.recv(65536)
            answer(plug)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        end.set()
        thread.join()
        listener.close()


def drip(plug: Any) -> None:
    """Send a byte of a header, again and again."""
    plug.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
    for _ in range(100):
        plug.sendall(b"a")
        time.sleep(0.1)


@pytest.mark.parametrize(
    ("answer", "result"),
    [
        (lambda plug: time.sleep(4), "timeout"),
        (drip, "timeout"),
        (lambda plug: plug.close(), "connect"),
        (lambda plug: plug.sendall(b"\x00\xff garbage\r\n\r\n"), "answer"),
        (lambda plug: plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort"), "answer"),
        (lambda plug: plug.sendall(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n"), "auth"),
        (
            lambda plug: plug.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 3000000\r\n\r\n" + b"x" * 3_000_000),
            "answer",
        ),
    ],
    ids=["hangs", "drips", "hangs up", "garbage", "cut short", "401 without a challenge", "endless"],
)
def test_a_server_that_is_no_registry_ends_the_step_within_its_time(
    registry: RunningRegistry, answer: Callable[[Any], None], result: str
) -> None:
    with raw_server(answer) as url:
        probe = watched(registry, url=url)
        start = time.monotonic()
        assert probe.round()["auth"] == result
        assert time.monotonic() - start < 4


def test_a_password_is_not_sent_to_a_token_service_without_tls_by_a_registry_with_it(
    registry: RunningRegistry, supervisor: Supervisor, authority: trustme.CA, tmp_path: Path
) -> None:
    seen: list[str] = []

    class Challenge(StubHandler):
        def do_GET(self) -> None:
            seen.append(str(self.headers.get("Authorization")))
            self.answer(401, b"", more={"WWW-Authenticate": f'Bearer realm="{server.url}/t"'})

    with StubServer(Challenge) as server:
        url = start_nginx(supervisor, tmp_path / "nginx", server.url, authority.issue_cert("localhost"))
        trust = trusting(authority, tmp_path)
        probe = watched(registry, url=url, trust=trust, **secrets_of(tmp_path))
        assert probe.round()["auth"] == "auth"
    assert "no password is sent" in probe.why["auth"]
    assert set(seen) == {"None"}


# -- the command


def settings(registry: RunningRegistry, tmp_path: Path, **more: Any) -> Path:
    target = {"name": "here", "url": registry.url, "debug_url": registry.debug_url, **more}
    file = tmp_path / "probe.yaml"
    file.write_text(json.dumps({"targets": [target], "steps": {"connect": {"every": "1s"}}}))
    return file


def test_the_command_serves_its_metrics_and_ends_in_order(registry: RunningRegistry, tmp_path: Path) -> None:
    secrets_of(tmp_path)
    file = settings(registry, tmp_path, username_file="user", password_file="password")
    command = [sys.executable, "-m", "regobs", "export", "probe", "--config", str(file), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        root = address.removesuffix("/metrics")
        deadline = time.monotonic() + 120
        while requests.get(f"{root}/-/ready", timeout=30).status_code != 200 and time.monotonic() < deadline:
            time.sleep(0.1)
        exposed = requests.get(address, timeout=30).text
        assert requests.get(f"{root}/-/healthy", timeout=30).status_code == 200
        assert requests.get(f"{root}/nowhere", timeout=30).status_code == 404
        registry.stop()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            later = requests.get(address, timeout=30).text
            if 'registry_probe_success{step="connect",target="here"} 0' in later:
                break
            time.sleep(0.2)
        process.send_signal(signal.SIGTERM)
        output, log = process.communicate(timeout=90)
    assert process.returncode == 0
    assert 'registry_probe_success{step="read_back",target="here"} 1' in exposed
    assert 'registry_probe_success{step="connect",target="here"} 0' in later
    lines = [json.loads(line) for line in log.splitlines()]
    assert {"msg": "probe step failed", "step": "connect", "result": "connect", "target": "here"}.items() <= lines[
        0
    ].items()
    assert PASSWORD not in output + log + later


def test_once_prints_each_step_and_its_exit_code_says_whether_all_worked(
    registry: RunningRegistry, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "regobs", "export", "probe", "--url", registry.url, "--once"]
    worked = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (worked.returncode, worked.stderr) == (0, "")
    assert "read_back" in worked.stdout
    registry.stop()
    failed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (failed.returncode, failed.stderr) == (1, "")
    assert "Connection refused" in failed.stdout
    with pytest.raises(OSError, match="refused"):
        create_connection(("127.0.0.1", int(registry.url.rpartition(":")[2])), timeout=1)

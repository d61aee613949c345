"""The probe against a real docker-registry and servers that are none, in each way in which they can fail."""

from __future__ import annotations

import contextlib
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from socket import create_server
from typing import Any

import pytest
import trustme

from regobs.catalog import probe as metrics
from regobs.common.programs import Supervisor
from tests.e2e.probed import Watched, failing, secrets_of, trusting, watched
from tests.e2e.registry_variants import (
    RunningRegistry,
    start_nginx,
    start_registry,
)
from tests.stub_server import StubHandler, StubServer

pytestmark = pytest.mark.server


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

"""Building Prometheus: refusals are clear, a failure leaves nothing, and what was built is used."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from regobs.common.programs import Supervisor
from regobs.demo import servers
from tests import peers
from tests.e2e.conftest import supervisor
from tests.peers import golang
from tests.peers import install_prometheus as install
from tests.peers.peer import InstallError, Peer

__all__ = ["supervisor"]

MakeGo = Callable[[str], None]


@pytest.fixture
def fake_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> MakeGo:
    """Put a shell script named go on PATH, in front of all others."""

    def make(script: str) -> None:
        program = tmp_path / "path" / "go"
        program.parent.mkdir()
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")

    return make


def test_a_missing_go_is_named_with_the_version_that_is_needed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(InstallError, match=r"Go is not installed: .* Go 1\.25 or later"):
        golang.check_go(golang.needed_go(install.MODULE), install.TITLE)


@pytest.mark.parametrize(
    ("version", "enough"), [("go1.24.9", False), ("go1.25.0", True), ("go1.26.8", True), ("go2.0", True)]
)
def test_go_must_be_new_enough(fake_go: MakeGo, version: str, *, enough: bool) -> None:
    fake_go(f"echo {version}")
    if enough:
        assert golang.check_go((1, 25), "Prometheus").endswith("/go")
    else:
        with pytest.raises(InstallError, match=f"too old: {version}"):
            golang.check_go((1, 25), "Prometheus")


def test_a_build_that_fails_leaves_nothing_in_the_cache(fake_go: MakeGo, tmp_path: Path) -> None:
    fake_go('[ "$1" = env ] && echo go1.26.0 && exit; mkdir -p "$GOBIN"; echo half > "$GOBIN/prometheus"; exit 1')
    cache = tmp_path / "cache"
    with pytest.raises(InstallError, match="exit code 1"):
        Peer("Prometheus", cache / "prometheus-0", (), install.build).install()
    assert list(cache.iterdir()) == []


def test_what_was_built_is_whole_and_replaces_what_was_there(fake_go: MakeGo, tmp_path: Path) -> None:
    fake_go('[ "$1" = env ] && echo go1.26.0 && exit; mkdir -p "$GOBIN"; echo new > "$GOBIN/prometheus"')
    target = tmp_path / "cache" / "prometheus-0"
    target.mkdir(parents=True)
    (target / "old").touch()
    peer = Peer("Prometheus", target, ("bin/prometheus",), install.build)
    assert not peer.present
    peer.install()
    assert [path.name for path in target.iterdir()] == ["bin"]
    assert (target / "bin" / "prometheus").read_text() == "new\n"


def test_a_peer_that_was_not_built_is_none(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REGOBS_PEERS", str(tmp_path))
    assert peers.prometheus3() is None
    assert peers.promtool3() is None


@pytest.mark.peer
def test_prometheus_3_runs_and_knows_its_version(supervisor: Supervisor) -> None:
    program, promtool = peers.required_prometheus3(), peers.promtool3()
    server = servers.prometheus(supervisor, {"global": {"scrape_interval": "15s"}}, program=program)
    answer = requests.get(f"{server.url}/api/v1/status/buildinfo", timeout=5).json()
    assert answer["data"]["version"] == peers.PROMETHEUS
    assert promtool is not None
    assert (
        peers.PROMETHEUS in subprocess.run([promtool, "--version"], capture_output=True, text=True, check=True).stdout
    )

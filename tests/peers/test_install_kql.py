"""Installing Kibana's KQL parser: refusals are clear, a failure leaves nothing, what is made can be run."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests import peers
from tests.peers import install_kql
from tests.peers.peer import InstallError


def _programs(folder: Path, **scripts: str) -> Path:
    folder.mkdir()
    for name, text in scripts.items():
        (folder / name).write_text(f"#!/bin/sh\n{text}\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REGOBS_PEERS", str(tmp_path / "cache"))


@pytest.mark.parametrize(("there", "named"), [({}, "node"), ({"node": ""}, "npm")])
def test_a_missing_program_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: dict[str, str], named: str
) -> None:
    monkeypatch.setenv("PATH", str(_programs(tmp_path / "path", **there)))
    with pytest.raises(InstallError, match=f"{named} is not installed: apt-get install .*npm"):
        install_kql.peer().install()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_npm_refuses_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _programs(tmp_path / "path", node="", npm="mkdir node_modules; exit 3")
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(InstallError, match="exit code 3"):
        install_kql.peer().install()
    assert list((tmp_path / "cache").iterdir()) == []


def test_what_is_made_is_the_program_that_the_tests_ask_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = _programs(tmp_path / "path", node="", npm='[ -f package-lock.json ] && [ "$1" = ci ]')
    monkeypatch.setenv("PATH", f"{path}{os.pathsep}{os.environ['PATH']}")
    peer = install_kql.peer()
    assert not peer.present
    peer.install()
    assert peer.present
    assert peers.required_kql_oracle() == peer.folder / install_kql.PROGRAM

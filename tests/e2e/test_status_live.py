"""`regobs status` on a real Prometheus that watches a real registry: what it shows in health and in an outage."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from regobs import slo
from regobs.cli.main import run
from regobs.common.programs import Supervisor, free_port
from regobs.config import load_config
from regobs.demo import servers
from regobs.demo.shortened import RULES, shorten_rules
from regobs.pack import find_pack
from tests.e2e.conftest import require
from tests.terminal import Terminal

Output = pytest.CaptureFixture[str]
pytestmark = pytest.mark.timeout(180)

SETTINGS = """
context = "here"
[contexts.here]
url = "{url}"
[registry]
flavor = "distribution"
version = "2.8.2"
[grafana]
url = "https://grafana.example.com"
[alerts]
runbook_url = "https://runbooks.example.com"
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Path, str]]:
    """A directory with a regobs.toml; a docker-registry and a closed port are its targets, short rules are loaded."""
    require("docker-registry", "registry", package="docker-registry")
    require("prometheus", package="prometheus")
    folder = Path(tmp_path_factory.mktemp("status"))
    (folder / "regobs.toml").write_text(SETTINGS.format(url="http://127.0.0.1:1"))
    config = load_config(folder / "regobs.toml")
    with Supervisor() as supervisor:
        registry = servers.docker_registry(supervisor)
        for name, content in slo.files(find_pack(), config).items():
            if name.startswith(RULES):
                (folder / Path(name).name).write_bytes(shorten_rules(content, name))
        broken = {"groups": [{"name": "broken", "rules": [{"record": "a", "expr": "up * on(nothing) group_left up"}]}]}
        (folder / "broken.yaml").write_text(json.dumps(broken))
        targets = [registry.debug_url.removeprefix("http://"), f"127.0.0.1:{free_port()}"]
        server = servers.prometheus(
            supervisor,
            {
                "global": {"scrape_interval": "500ms", "scrape_timeout": "500ms", "evaluation_interval": "500ms"},
                "rule_files": [f"{folder}/*.yaml"],
                "scrape_configs": [{"job_name": "registry", "static_configs": [{"targets": targets}]}],
            },
        )
        (folder / "regobs.toml").write_text(SETTINGS.format(url=server.url))
        yield folder, registry.url


def asked(capsys: Output) -> dict[str, Any]:
    assert run(["status", "--format", "json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert isinstance(data, dict)
    return data


def test_the_screen_shows_what_fires_which_routes_fail_what_is_down_and_which_rule_fails(
    world: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    folder, registry = world
    monkeypatch.chdir(folder)
    end, data = time.monotonic() + 90, dict[str, Any]()
    while time.monotonic() < end and not (data and data["alerts"]["firing"] and data["routes"] and data["budgets"]):
        for path in ("/v2/", "/v2/a/manifests/latest"):
            requests.get(registry + path, timeout=30)
        time.sleep(1)
        data = asked(capsys)
    firing = data["alerts"]["firing"]
    assert "RegistryTargetDown" in {one["name"] for one in firing}
    assert {"RegistryWatchdog"} & {one["name"] for one in firing} == set()
    assert all(one["runbook"] == f"https://runbooks.example.com/{one['name']}.md" and one["since"] for one in firing)
    assert data["alerts"]["loaded"] == data["alerts"]["of_the_pack"]
    assert sorted(one["up"] for one in data["processes"]) == [False, True]
    down = next(one for one in data["processes"] if not one["up"])
    assert "refused" in down["error"]
    routes = {one["route"]: one for one in data["routes"]}
    assert {"base", "manifest"} <= routes.keys()
    assert all(one["failed"] == 0 and one["latency_p95"] is not None for one in routes.values())
    assert data["budgets"]
    assert all(one["burn"] is not None or one["budget_left"] is not None for one in data["budgets"])
    assert [one["rule"] for one in data["failing_rules"]] == ["a"]
    assert {"overview", "error budgets", "alerts", "runbooks"} <= data["links"].keys()
    assert any(one["name"] == "file descriptors" and 0 < one["used"] < 1 for one in data["usage"])

    assert run(["status"]) == 0
    text = capsys.readouterr().out
    assert len(text.splitlines()) < 60
    for word in (
        "1 of 2 up",
        "RegistryTargetDown",
        "manifest",
        "connection refused",
        "the rule a fails",
        "/d/regobs-slo",
    ):
        assert word in text, word


def test_a_process_of_its_own_answers_within_two_seconds_of_processor_time(world: tuple[Path, str]) -> None:
    """Wall time on a machine that does other things is noise; on one that does not it is what is used here."""
    folder, _ = world
    code = (
        "import os, sys; from regobs.cli.main import run; run(['status']); print(sum(os.times()[:2]), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    used = re.findall(r"[\d.]+", done.stderr.splitlines()[-1])
    assert float(used[-1]) < 2, os.getloadavg()


def test_a_server_without_the_rules_says_that_its_silence_means_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    require("prometheus", package="prometheus")
    monkeypatch.chdir(tmp_path)
    with Supervisor() as supervisor:
        server = servers.prometheus(supervisor, {"scrape_configs": []})
        assert run(["status", "--prometheus", server.url]) == 0
    text = capsys.readouterr().out
    assert "No alert firing" in text
    assert re.search(r"none of the \d+ alerts of this build is loaded here: their silence says nothing; load ", text)
    assert "`rule_files`" in text
    assert "no request was counted" in text
    assert "no target of it is known here" in text


def test_the_live_view_shows_these_values_in_a_terminal_goes_down_to_an_instance_and_back_in_time(
    world: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    """What does not change between two questions is compared: routes, instances, alerts and limits by their names."""
    folder, registry = world
    monkeypatch.chdir(folder)
    data = dict[str, Any]()
    end = time.monotonic() + 90
    while time.monotonic() < end and not (data and data["alerts"]["firing"] and data["routes"]):
        requests.get(f"{registry}/v2/a/manifests/latest", timeout=30)
        time.sleep(1)
        data = asked(capsys)
    env = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "LC_ALL": "C.UTF-8",
    }
    program = Path(sys.executable).with_name("regobs")
    with Terminal([str(program), "top", "--every", "1s"], env, folder) as terminal:
        shown = terminal.wait(
            "1 Overview", "1 of 2 up", "RegistryTargetDown", "Closest to a limit", "The server itself"
        )
        first = re.search(r"[\d-]+ [\d:]+ UTC  now", shown)
        assert first is not None
        terminal.type("3", "Routes, the most failing first", *(one["route"] for one in data["routes"]))
        terminal.type("4", *(one["instance"] for one in data["processes"]), "connection refused")
        up = next(one["instance"] for one in data["processes"] if one["up"])
        terminal.send("j")
        terminal.type("\r", f"Instances > {up}", "Its routes", "manifest", "The process")
        terminal.type("t", "a time:")
        terminal.type("now-3s\r", "PAST", f"Instances > {up}")
        terminal.type("n", "UTC  now")
        terminal.type("1", "1 Overview", "Traffic")
        deadline = time.monotonic() + 60
        while first.group() in terminal.shown:
            assert time.monotonic() < deadline, "it does not ask again"
            time.sleep(0.2)
        terminal.send("q")
        assert terminal.ended() == 0


def test_the_status_of_a_moment_is_what_the_server_had_then(
    world: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, capsys: Output
) -> None:
    folder, _ = world
    monkeypatch.chdir(folder)
    end, then = time.monotonic() + 90, dict[str, Any]()
    while time.monotonic() < end and not (then and then["alerts"]["firing"]):
        time.sleep(1)
        assert run(["status", "--format", "json", "--at", "now-2s"]) == 0
        then = json.loads(capsys.readouterr().out)
    assert then["past"]
    assert then["alerts"]["loaded"] is None
    assert all(one["since"] for one in then["alerts"]["firing"])
    assert run(["status", "--format", "json", "--at", "now-1d"]) == 0
    before = json.loads(capsys.readouterr().out)
    assert (before["alerts"]["firing"], before["routes"], before["processes"]) == ([], [], [])

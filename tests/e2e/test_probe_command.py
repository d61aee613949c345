"""The probe against a real docker-registry: the command `regobs export probe`."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from socket import create_connection
from typing import Any

import pytest
import requests

from tests.e2e.probed import PASSWORD, secrets_of
from tests.e2e.registry_variants import (
    RunningRegistry,
)

pytestmark = pytest.mark.server


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

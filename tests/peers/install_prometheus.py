"""Build Prometheus 3 from source. Needs Go and nothing else.

It comes through this machine's Go settings; go.mod and go.sum in `prometheus/` pin each module by content.
Without the web assets: the API is complete, the UI is not served. Takes minutes when the build cache is cold.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.peers import PROMETHEUS, cache
from tests.peers.peer import InstallError, Peer

_MODULE = Path(__file__).with_name("prometheus")
_COMMANDS = ("prometheus", "promtool")
_PACKAGE = "github.com/prometheus/prometheus/cmd"
# `go install` has no idea of a release: without this the server calls itself version "".
_VERSION_FLAG = f"-X github.com/prometheus/common/version.Version={PROMETHEUS}"


def peer() -> Peer:
    """Prometheus and promtool."""
    programs = tuple(f"bin/{command}" for command in _COMMANDS)
    return Peer(f"Prometheus {PROMETHEUS}", cache() / f"prometheus-{PROMETHEUS}", programs, build)


def needed_go(module: Path = _MODULE) -> tuple[int, ...]:
    """The Go version that go.mod asks for."""
    found = re.search(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise InstallError(f"{module / 'go.mod'} names no Go version")
    return tuple(map(int, found.groups()))


def check_go(needed: tuple[int, ...]) -> str:
    """The program go, new enough; InstallError otherwise."""
    wanted = ".".join(map(str, needed))
    program = shutil.which("go")
    if program is None:
        raise InstallError(f"Go is not installed: Prometheus {PROMETHEUS} is built with Go {wanted} or later")
    answer = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)", answer)
    if found is None or tuple(map(int, found.groups())) < needed:
        raise InstallError(
            f"Go is too old: {answer or 'unknown version'}; Prometheus {PROMETHEUS} needs {wanted} or later"
        )
    return program


def build(target: Path) -> None:
    """Build both programs into `target`/bin."""
    flags = ["-trimpath", "-ldflags", f"-s -w {_VERSION_FLAG}"]
    command = [check_go(needed_go()), "install", *flags, *(f"{_PACKAGE}/{name}" for name in _COMMANDS)]
    built = subprocess.run(command, cwd=_MODULE, env=os.environ | {"GOBIN": str(target / "bin")}, check=False)
    if built.returncode != 0:
        raise InstallError(f"go install failed with exit code {built.returncode}; its messages are above")

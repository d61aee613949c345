"""Build the peers that are not there yet: `python -m tests.peers.install`. Needs Go and nothing else.

Prometheus 3 comes through this machine's Go settings; go.mod and go.sum in `prometheus/` pin each module by content.
Without the web assets: the API is complete, the UI is not served. Takes minutes when the build cache is cold.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.peers import PROMETHEUS, cache

_MODULE = Path(__file__).with_name("prometheus")
_COMMANDS = ("prometheus", "promtool")
_PACKAGE = "github.com/prometheus/prometheus/cmd"
# `go install` has no idea of a release: without this the server calls itself version "".
_VERSION_FLAG = f"-X github.com/prometheus/common/version.Version={PROMETHEUS}"


class InstallError(Exception):
    """What is missing, in words."""


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


def install(target: Path) -> Path:
    """Build Prometheus and promtool into `target`/bin; whole or not at all."""
    go = check_go(needed_go())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{target.name}.", dir=target.parent) as work:
        binaries = Path(work, "bin")
        command = [
            go,
            "install",
            "-trimpath",
            "-ldflags",
            f"-s -w {_VERSION_FLAG}",
            *(f"{_PACKAGE}/{c}" for c in _COMMANDS),
        ]
        built = subprocess.run(command, cwd=_MODULE, env=os.environ | {"GOBIN": str(binaries)}, check=False)
        if built.returncode != 0:
            raise InstallError(f"go install failed with exit code {built.returncode}; its messages are above")
        shutil.rmtree(target, ignore_errors=True)
        target.mkdir()
        binaries.rename(target / "bin")
    return target / "bin"


def main() -> int:
    """Build what is missing; the exit code."""
    target = cache() / f"prometheus-{PROMETHEUS}"
    if all(os.access(target / "bin" / name, os.X_OK) for name in _COMMANDS):
        print(f"Prometheus {PROMETHEUS} is there: {target / 'bin'}")
        return 0
    print(f"building Prometheus {PROMETHEUS} (a few minutes when it is the first time)", flush=True)
    started = time.monotonic()
    try:
        done = install(target)
    except InstallError as problem:
        print(problem, file=sys.stderr)
        return 1
    print(f"built in {time.monotonic() - started:.0f} s: {done}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

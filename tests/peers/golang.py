"""Programs built from source with Go, whose modules come through this machine's Go settings, pinned by content.

A folder with go.mod, go.sum and tools.go stands for one release: without it there is no `replace` and no sum.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

from tests.peers.peer import InstallError


def needed_go(module: Path) -> tuple[int, ...]:
    """The Go version that the module's go.mod asks for."""
    found = re.search(r"^go (\d+)\.(\d+)", (module / "go.mod").read_text(encoding="utf-8"), re.MULTILINE)
    if found is None:
        raise InstallError(f"{module / 'go.mod'} names no Go version")
    return tuple(map(int, found.groups()))


def check_go(needed: tuple[int, ...], title: str) -> str:
    """The program go, new enough for `title`; InstallError otherwise."""
    wanted = ".".join(map(str, needed))
    program = shutil.which("go")
    if program is None:
        raise InstallError(f"Go is not installed: {title} is built with Go {wanted} or later")
    answer = subprocess.run([program, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)", answer)
    if found is None or tuple(map(int, found.groups())) < needed:
        raise InstallError(f"Go is too old: {answer or 'unknown version'}; {title} needs {wanted} or later")
    return program


def install(module: Path, title: str, packages: Sequence[str], target: Path, *flags: str, variable: str = "") -> None:
    """Build the programs of a module into `target`/bin; `variable` is one of Go's linker, as name=value."""
    # `go install` has no idea of a release: without the variable a server calls itself version "".
    linked = f"-s -w -X {variable}" if variable else "-s -w"
    command = [check_go(needed_go(module), title), "install", "-trimpath", *flags, "-ldflags", linked, *packages]
    built = subprocess.run(command, cwd=module, env=os.environ | {"GOBIN": str(target / "bin")}, check=False)
    if built.returncode != 0:
        raise InstallError(f"go install failed with exit code {built.returncode}; its messages are above")

"""Which lines of files changed since a git revision."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterable
from pathlib import Path

from regobs.errors import InputError, MachineError

_HUNK = re.compile(r"^@@ -\S+ \+(\d+)(?:,(\d+))? @@", re.MULTILINE)

_PLAIN = ("--unified=0", "--no-color", "--no-ext-diff", "--no-textconv", "--relative")


def changed_lines(ref: str, files: Iterable[str]) -> dict[str, set[int]]:
    """The changed and added lines of each file. Raises InputError for no such revision, MachineError without git."""
    return {file: _changed(ref, Path(file)) for file in files}


def _changed(ref: str, path: Path) -> set[int]:
    folder = path.parent if path.parent.is_dir() else Path()
    if ref.startswith("-"):
        raise InputError(
            "this is no git revision", value=ref, expected="a branch, tag or commit", next_step="correct it"
        )
    known = _git(folder, "ls-files", "--error-unmatch", "--", path.name)
    if known.returncode != 0:
        commit = _git(folder, "rev-parse", "--verify", f"{ref}^{{commit}}")
        if commit.returncode != 0:
            raise _no_such_revision(ref, commit.stderr)
        return set(range(1, path.read_text(encoding="utf-8", errors="replace").count("\n") + 2))
    answer = _git(folder, "diff", *_PLAIN, ref, "--", path.name)
    if answer.returncode != 0:
        raise _no_such_revision(ref, answer.stderr)
    found: set[int] = set()
    for match in _HUNK.finditer(answer.stdout):
        first, count = int(match[1]), int(match[2] or 1)
        found |= set(range(first, first + count))
    return found


def _no_such_revision(ref: str, said: str) -> InputError:
    return InputError(
        "git cannot compare with this revision",
        value=f"{ref}: {said.strip().splitlines()[0] if said.strip() else 'no reason given'}",
        expected="a branch, tag or commit of the repository that holds the files",
        next_step="fetch it, or correct the name",
    )


def _git(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            ["git", "--literal-pathspecs", *arguments],
            cwd=folder, capture_output=True, text=True, errors="replace", check=False,
        )  # fmt: skip
    except OSError as fault:
        raise MachineError(
            "git cannot be run", value=fault.strerror, expected="git in PATH", next_step="install git"
        ) from None

"""The output directory: written whole or not at all, and compared with what a build gives."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import unified_diff
from itertools import islice
from pathlib import Path

from regobs.common.directories import replace_directory
from regobs.errors import InputError, Location, MachineError

MANIFEST = "manifest.json"
GENERATOR = "regobs"
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_MOUNT = {errno.EBUSY, errno.EXDEV}


def write_atomically(out: Path, files: Mapping[str, bytes]) -> None:
    """Replace the directory `out` by these files: relative path to content, `manifest.json` among them.

    They are written to a directory beside it, synced, and put in its place in one step. Whatever goes wrong before
    that, up to `kill -9`, leaves the old directory as it was; what is left over is removed by the next build.

    Raises InputError when `out` is not a directory that a build wrote, MachineError when the disk is full or the
    directory cannot be written.
    """
    target = Path(os.path.realpath(out))
    refuse_foreign(target, out)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_directory(target, files)
    except OSError as error:
        raise _machine_error(error, out) from error


def _built_files(directory: Path) -> set[str] | None:
    """The files that the manifest of a directory names, or None when no build wrote it."""
    try:
        manifest = json.loads((directory / MANIFEST).read_bytes())
    except (OSError, ValueError):
        return None
    if not isinstance(manifest, dict) or manifest.get("generator") != GENERATOR:
        return None
    return {MANIFEST, *manifest.get("files", ())}


def refuse_foreign(target: Path, out: Path) -> None:
    """Raise InputError when replacing `target` would destroy something that no build wrote."""
    place = Location(str(out))
    another = "give --out a directory of its own, such as ./out"
    if target == Path.cwd() or target == Path(target.anchor):
        raise InputError(
            "the output directory is replaced as a whole, so it cannot be the current directory or /",
            location=place,
            next_step=another,
        )
    if not target.exists():
        return
    if not target.is_dir():
        raise InputError("the output is a directory, this is a file", location=place, next_step=another)
    present = (path for path in target.rglob("*") if not path.is_dir() or path.is_symlink())
    built = _built_files(target)
    foreign = sorted(name for path in present if (name := path.relative_to(target).as_posix()) not in (built or ()))
    if foreign:
        message = "holds files that no build wrote" if built else "is not empty, and no build of regobs wrote it"
        more = f" and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise InputError(
            f"the output directory {message}",
            location=place,
            value=foreign[0] + more,
            expected="an empty or absent directory, or one that `regobs build` wrote",
            next_step=f"{another}, or move these files away",
        )


def _machine_error(error: OSError, out: Path) -> MachineError:
    reason = error.strerror or str(error)
    if error.errno in _FULL:
        step = "free some space and build again; the output directory is as it was before"
    elif error.errno in _MOUNT:
        step = "give --out a directory inside the mounted one"
    else:
        step = "correct the permissions or give another --out; the output directory is as it was before"
    return MachineError("the output cannot be written", location=Location(str(out)), value=reason, next_step=step)


SHOWN_LINES = 40  # of one file; who wants all of it builds into another directory and runs diff


@dataclass(frozen=True, slots=True)
class FileDifference:
    """One file that differs: `state` is missing, changed or foreign; `lines` is the diff, cut to a readable length."""

    name: str
    state: str
    lines: tuple[str, ...] = ()

    def __str__(self) -> str:
        return "\n".join((f"{self.state}: {self.name}", *self.lines))


def compare(out: Path, files: Mapping[str, bytes]) -> list[FileDifference]:
    """The differences of the directory `out` from `files`, by name; empty when a build would change nothing."""
    there = {path.relative_to(out).as_posix(): path for path in out.rglob("*") if path.is_file()}
    return [difference for name in sorted(there.keys() | files) if (difference := _one(name, there, files))]


def _one(name: str, there: Mapping[str, Path], files: Mapping[str, bytes]) -> FileDifference | None:
    if name not in there:
        return FileDifference(name, "missing")
    if name not in files:
        return FileDifference(name, "foreign")
    found = there[name].read_bytes()
    return None if found == files[name] else FileDifference(name, "changed", tuple(_diff(found, files[name])))


def _diff(found: bytes, built: bytes) -> Iterator[str]:
    before, after = (content.decode("utf-8", "replace").splitlines() for content in (found, built))
    lines = unified_diff(before, after, "in the directory", "as built", lineterm="", n=2)
    yield from islice(lines, SHOWN_LINES)
    more = sum(1 for _ in lines)
    if more:
        yield f"... {more} more lines of this file"

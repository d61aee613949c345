"""Writing the output directory: whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from regobs.build.swap import locked, recover, swap, sync
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
        with locked(target.parent):
            _replace(target, files)
    except OSError as error:
        raise _machine_error(error, out) from error


def _replace(target: Path, files: Mapping[str, bytes]) -> None:
    new, old = (target.with_name(f".{target.name}.regobs-{age}") for age in ("new", "old"))
    recover(target, old, new)
    try:
        _write_tree(new, files)
        if target.exists():
            new.chmod(target.stat().st_mode & 0o7777)
        swap(new, target, old)
    except BaseException:
        shutil.rmtree(new, ignore_errors=True)
        raise
    sync(target.parent)
    shutil.rmtree(old, ignore_errors=True)


def _write_tree(root: Path, files: Mapping[str, bytes]) -> None:
    root.mkdir()
    directories = {root}
    for name, content in sorted(files.items()):
        path = root / name
        if path.parent not in directories:
            path.parent.mkdir(parents=True, exist_ok=True)
            directories.update(parent for parent in path.parents if parent.is_relative_to(root))
        path.write_bytes(content)
    # After all are written: the file system then has one transaction to commit, not one a file.
    for path in (*(root / name for name in files), *directories):
        sync(path)


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

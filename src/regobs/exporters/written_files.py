"""The files that are counted once, each content one time: a shell hands over packed copies and links with the rest."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from regobs.common.reasons import reason_of
from regobs.errors import InputError
from regobs.logs.reading.copies import LogContent
from regobs.logs.reading.read import refuse_address
from regobs.logs.reading.sources import STDIN, in_time_order, matching, without_tars


class Distinct(NamedTuple):
    """The names of files that are counted, the archives of tar beside them, and what cannot be opened, with reasons."""

    names: list[str]
    tars: tuple[str, ...]
    unopened: tuple[str, ...]


def distinct_files(files: Sequence[str], warn: Callable[[str], None]) -> Distinct:
    """The names of the files that names, folders and patterns mean, `-` where it is named; each content once.

    Of a file under two names, of a packed copy and of one that is the beginning of another only one is left, and
    `warn` is told of the others. Raises InputError where none of the names means a file.
    """
    meant, lacking = _meant([file for file in files if file != STDIN])
    if lacking and not meant and STDIN not in files:
        raise next(iter(lacking.values()))
    faults = {path: fault for path in meant if (fault := _fault_of(path, alone=len(meant) == 1))}
    given = [path for path in meant if path not in faults]
    kept, tars = without_tars(in_time_order(given))
    chosen = {path: LogContent(path) for path in kept}
    for path in given:
        if path not in chosen and str(path) not in tars:
            warn(f"{path}: another name or a copy of a file that is counted, left out")
    for path, twin in _twins(chosen):
        warn(f"{path}: holds nothing that {twin} does not, left out")
        del chosen[path]
    names = [*map(str, chosen), *([STDIN] if STDIN in files else [])]
    unopened = [f"{path}: {fault}" for path, fault in faults.items()]
    unopened += [f"{file}: {fault.value or fault.message}" for file, fault in lacking.items()]
    return Distinct(names, tars, tuple(unopened))


def _meant(files: Sequence[str]) -> tuple[dict[Path, None], dict[str, InputError]]:
    """The files that names, folders and patterns mean, and the names that mean none: rotation may have been faster."""
    for file in files:
        refuse_address(file)
    meant: dict[Path, None] = {}
    lacking: dict[str, InputError] = {}
    for file in files:
        try:
            meant |= dict.fromkeys(matching(file, opened=False))
        except InputError as fault:
            lacking[file] = fault
    return meant, lacking


def _fault_of(path: Path, *, alone: bool) -> str:
    """Why a file cannot be read, nothing where it can.

    Nobody may write to a named pipe: it is read where it is all that is named, and else told, as a socket is. A pipe
    without a name of its own, which a shell makes of `<(...)`, has a writer.
    """
    try:
        mode = path.stat().st_mode
        if stat.S_ISREG(mode):
            with path.open("rb"):
                return ""
    except OSError as fault:
        return reason_of(fault)
    if stat.S_ISFIFO(mode) and (alone or not os.path.lexists(os.path.realpath(path))):
        return ""
    return "it is a named pipe" if stat.S_ISFIFO(mode) else "it is no regular file"


def _twins(contents: dict[Path, LogContent]) -> list[tuple[Path, Path]]:
    """The files that hold nothing that another one does not hold, each with that other."""
    alike: dict[bytes, list[Path]] = {}
    found: list[tuple[Path, Path]] = []
    for path, content in contents.items():
        start = content.start
        if not start:
            continue
        group = next(
            (names for first, names in alike.items() if first.startswith(start) or start.startswith(first)), []
        )
        if not group:
            alike[start] = group
        _sort_in(path, group, contents, found)
    return found


def _sort_in(path: Path, group: list[Path], contents: dict[Path, LogContent], found: list[tuple[Path, Path]]) -> None:
    """Put a file among those that begin alike, in the place of what it holds as well."""
    for other in group[:]:
        if contents[path].begins(contents[other]):
            found.append((path, other))
            return
        if contents[other].begins(contents[path]):
            found.append((other, path))
            group.remove(other)
    group.append(path)

"""How a command that reads logs ends, by what its files hold: one rule for all of them.

A file with lines of which none is one of a registry is an error, exit code 2. So is one that ends within what was
packed, and an archive of tar. What the others hold is answered before that is told. A file without lines is none.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from regobs.errors import InputError
from regobs.logs.fields import TEXT_FIELDS
from regobs.logs.reading.read import BROKEN, Line, LinePart, is_tar, parts, start_of, tar_fault
from regobs.logs.reading.record import parse
from regobs.logs.reading.text import is_left_by_go, is_of_registry
from regobs.logs.reading.wrapping import Unwrapper

NO_LINES = "Note: there is no line in what was read"


class LinesSeen:
    """Whether the lines of one file tell that a registry wrote it.

    What Go writes when a program fails is no sign of either: it may be what is left of a registry that failed.
    """

    def __init__(self, *, of_registry: int = 0) -> None:
        self.of_registry = of_registry
        self.broken = False  # whether the file ended within what was packed
        self._others = 0
        self._left_by_go = 0
        self._unwrapper = Unwrapper()

    @property
    def empty(self) -> bool:
        """Whether there was no line but blank ones."""
        return not self.of_registry and not self._others and not self._left_by_go and not self.broken

    @property
    def unread(self) -> bool:
        """Whether there are lines, and none that could be read as one of a registry."""
        return bool(self._others) and not self.of_registry

    @property
    def nothing(self) -> bool:
        """Whether there is nothing in it that could be answered from."""
        return not self.of_registry and (bool(self._others) or (self.broken and not self._left_by_go))

    def add(self, content: bytes, record: Mapping[str, Any] | None) -> None:
        """Count a line that stands alone; `record` is what could be read in it."""
        if record is not None and is_of_registry(content, record):
            self.of_registry += 1
        elif record is not None and is_left_by_go(content, record):
            self._left_by_go += 1
        elif content.strip():
            self._others += 1

    def read(self, part: LinePart) -> None:
        """Count lines of the file as they stand in it, up to the first that a registry wrote."""
        self.broken = self.broken or part.fault in BROKEN
        for place in range(len(part.contents)):
            if self.of_registry:
                return
            self.take(self._unwrapper.add(part.line(place)))

    def end(self) -> None:
        """Count what has begun and not ended."""
        self.take(self._unwrapper.rest())

    def take(self, lines: Iterable[Line]) -> None:
        """Count lines that stand alone, up to the first that a registry wrote."""
        for line in lines:
            if not self.of_registry:
                self.add(line.content, parse(line, TEXT_FIELDS).record)


class FilesRead(NamedTuple):
    """What came of files: which have lines, none of a registry, which were seen to be broken, what is so of all."""

    unread: tuple[str, ...] = ()
    broken: tuple[str, ...] = ()
    nothing: bool = False  # nothing can be answered from any, and one is not empty
    empty: bool = False
    unopened: tuple[str, ...] = ()  # what there is and cannot be opened, each with the reason


def summed(seen: Mapping[str, LinesSeen], tars: Iterable[str] = (), unopened: Iterable[str] = ()) -> FilesRead:
    """What came of files by their names, beside archives that were left out and files that cannot be opened."""
    unread = (*(name for name, one in seen.items() if one.unread), *tars)
    empty = bool(seen) and not unread and all(one.empty for one in seen.values())
    nothing = not empty and all(one.nothing or one.empty for one in seen.values())
    broken = tuple(name for name, one in seen.items() if one.broken)
    return FilesRead(unread, broken, nothing, empty, tuple(unopened))


def looked_at(files: Iterable[tuple[str, Path]], tars: Iterable[str] = ()) -> FilesRead:
    """What came of files, each of which is read to its first line of a registry. A pipe, gone by now, is left out."""
    seen: dict[str, LinesSeen] = {}
    for name, path in files:
        if stat.S_ISREG(path.stat().st_mode):
            seen[name] = LinesSeen()
            with path.open("rb") as file:
                for part in parts(file):
                    seen[name].read(part)
                    if seen[name].of_registry:
                        break
            seen[name].end()
    return summed(seen, tars)


def refuse(unread: Iterable[str], cut: Iterable[str], unopened: Iterable[str] = ()) -> None:
    """Raise InputError where logs could not be read, or not to their end: `unread` had no line, `cut` are broken.

    `unopened` are files that cannot be opened, each with the reason.
    """
    ended = list(dict.fromkeys(cut))
    left = [name for name in dict.fromkeys(unread) if name not in ended]
    tars = [name for name in left if _begins(name, is_tar)]
    none = [name for name in left if name not in tars]
    told = ((ended, broken), (tars, tar_fault), (none, nothing_read), (list(unopened), not_opened))
    faults = [fault(names) for names, fault in told if names]
    if len(faults) > 1:
        raise InputError(
            "not all of the files could be read",
            value="; ".join(f"{fault.message}: {fault.value}" for fault in faults),
            expected="whole logs of a registry",
            next_step="; ".join(str(fault.next_step) for fault in faults),
        )
    for fault in faults:
        raise fault


def broken(files: Iterable[str]) -> InputError:
    """That logs end within what was packed."""
    return InputError(
        "a broken archive: what stands before the break was read, the rest is missing",
        value=", ".join(files),
        expected="whole files",
        next_step="copy or rotate them anew; a file that is being packed now is whole a little later",
    )


def not_opened(files: Iterable[str]) -> InputError:
    """That files are there and cannot be opened, each with the reason; what the others hold was read."""
    return InputError(
        "a file cannot be read",
        value="; ".join(files),
        expected="regular files that this user may read",
        next_step="mend or remove it, or give a pattern that does not mean it; a pipe is read as `-`, or named alone",
    )


def nothing_read(files: Iterable[str]) -> InputError:
    """That no line of these files is one of a registry."""
    names = list(files)
    parquet = any(_begins(name, lambda start: start.startswith(b"PAR1")) for name in names)
    return InputError(
        "no line can be read as one of a registry",
        value=", ".join(names),
        expected="lines of a registry in one of the forms of docs/logs.md" + (", not Parquet" if parquet else ""),
        next_step="write the rows as JSON lines; --cache makes Parquet copies of logs, which answer faster"
        if parquet
        else "look at the first line; take off what stands before it, or unpack the file",
    )


def _begins(name: str, so: Callable[[bytes], bool]) -> bool:
    """Whether a file begins so, when it is unpacked."""
    path = Path(name)
    return path.is_file() and so(start_of(path)[1])

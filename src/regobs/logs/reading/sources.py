"""The files of a log query as DuckDB can read them: found, put in order of time, unwrapped, each once."""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, NamedTuple

from regobs.errors import InputError, Location
from regobs.logs.reading.copies import PACKED, without_packed_copies
from regobs.logs.reading.listed import is_batch
from regobs.logs.reading.looks import has_bare_values, has_batches, has_other_forms, has_over_long, has_wrapped_objects
from regobs.logs.reading.read import (
    BYTE_ORDER_MARKS,
    Line,
    LinePart,
    compression_of,
    is_tar,
    parts,
    raw_blocks,
    refuse_address,
    refuse_tar,
    start_of,
    tar_fault,
)
from regobs.logs.reading.values import as_json, read_record
from regobs.logs.reading.wrapping import Unwrapper

STDIN = "-"
STDIN_NAME = "(standard input)"

_OF_SVLOGD = frozenset({"config", "lock", "newstate", "state"})
# What logrotate, the kubelet and lumberjack (Go) write, each with what tells one file of a set from the others.
_NUMBERED = re.compile(r"(?P<stem>.+)\.(?P<number>[0-9]{1,5})")
_DATED = re.compile(
    r"(?P<stem>.+)[.-](?P<date>[0-9]{4}-?[0-9]{2}-?[0-9]{2}(?:[-T_][0-9][0-9.:-]{1,11})?)(?P<end>\.log)?"
)


@dataclass(frozen=True, slots=True)
class LogSource:
    """A log. `name` is how the user calls it, `readable` a file of JSON lines that DuckDB reads by its name's end.

    `file` is the log's own file, None for standard input or a pipe, of which a copy is of no use later. Lines that are
    `left_out` of `readable` are too long for any log, or cut by the end of a broken archive, which `broken` tells.
    `written` is whether `readable` was written from the log. `given` holds what the log does: itself, or a copy.
    """

    name: str
    readable: Path
    file: Path | None
    left_out: int = 0
    written: bool = False
    broken: bool = False
    given: Path = Path()


@contextmanager
def sources(files: Sequence[Path], stdin: BinaryIO | None = None, *, piped: bool = False) -> Iterator[Folder]:
    """A folder in which logs become sources, for as long as the context lasts; `piped` is standard input, the last.

    Raises InputError for a file that cannot be read.
    """
    with tempfile.TemporaryDirectory(prefix="regobs-logs-") as name:
        folder = Folder(Path(name))
        for file in files:
            folder.add(str(file), file, file)
        if piped:
            copy = folder.new("")
            with copy.open("wb") as out:
                shutil.copyfileobj(stdin or sys.stdin.buffer, out)
            folder.add(STDIN_NAME, copy, None)
        yield folder


class Folder:
    """A temporary folder for what DuckDB cannot read in place: pipes, lines that are no JSON, a misleading name."""

    def __init__(self, path: Path) -> None:
        self.sources: list[LogSource] = []
        self._path = path
        self._count = 0

    def new(self, end: str) -> Path:
        """The path of a new file here."""
        self._count += 1
        return self._path / f"{self._count}{end}"

    def add(self, name: str, path: Path, file: Path | None) -> None:
        """Make a log a source; of a broken archive what is before the break. Raises InputError as `raw_blocks`."""
        if not stat.S_ISREG(path.stat().st_mode):
            pipe, path, file = path, self.new(""), None
            with pipe.open("rb") as read, path.open("wb") as out:
                shutil.copyfileobj(read, out)
        packed, start = start_of(path)
        refuse_tar(start, name)
        end, named = f".{packed}" if packed else ".jsonl", path.suffix.lower()
        cut = packed == "zst" and _is_broken(path)  # of which DuckDB reads a part and says nothing
        unknown = packed in {"xz", "bz2"}  # to DuckDB
        if cut or unknown or start.startswith(BYTE_ORDER_MARKS) or not _is_json_lines(start) or has_over_long(path):
            self.sources.append(self._written(LogSource(name, path, file, given=path)))
        elif named == end:
            self.sources.append(LogSource(name, path, file, given=path))
        else:  # DuckDB takes a file for packed by its name, and knows more kinds of packing than it unpacks
            link = self.new(end)
            link.symlink_to(path.absolute())
            self.sources.append(LogSource(name, link, file, given=path))

    def rewrite(self, source: LogSource) -> LogSource:
        """Write a source anew without over-long lines, at which DuckDB gives up; what takes its place."""
        new = self._written(source)
        self.sources[self.sources.index(source)] = new
        return new

    def mend(self) -> bool:
        """Write those sources anew that DuckDB refuses, broken archives and padded ones; whether there was one."""
        cut = [
            one
            for one in self.sources
            if not one.written and (_may_be_padded(one.readable) or _is_broken(one.readable))
        ]
        for source in cut:
            self.rewrite(source)
        return bool(cut)

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the logs that end within what was packed."""
        return tuple(source.name for source in self.sources if source.broken)

    def settle(self) -> bool:
        """Write those sources anew that have readable lines of other forms among JSON; whether there was one."""
        return self._rewrite_where(lambda path: has_other_forms(path) or has_batches(path))

    def unwrap(self) -> bool:
        """Write those sources anew that have objects among their lines with a line in them; whether there was one."""
        return self._rewrite_where(has_wrapped_objects)

    def _rewrite_where(self, holds: Callable[[Path], bool]) -> bool:
        found = [one for one in self.sources if not one.written and holds(one.readable)]
        for source in found:
            self.rewrite(source)
        return bool(found)

    @property
    def has_no_messages(self) -> bool:
        """Whether the first lines of a log have no message: DuckDB cannot tell them from others, however it reads."""
        starts = (start_of(one.readable)[1] for one in self.sources)
        return any(start and b'"msg"' not in start and b'"message"' not in start for start in starts)

    @property
    def has_bare_values(self) -> bool:
        """Whether a line may be a value of JSON that is no object: it begins with no brace."""
        return any(has_bare_values(one.readable) for one in self.sources)

    def _written(self, source: LogSource) -> LogSource:
        target = self.new(".jsonl")
        with source.readable.open("rb") as file, target.open("wb") as out:
            left_out, cut = _write(parts(file), out)
        return replace(
            source,
            readable=target,
            left_out=source.left_out + left_out,
            written=True,
            broken=source.broken or cut,
        )


def _may_be_padded(path: Path) -> bool:
    """Whether a packed file ends with a zero, as one does that was filled up to a whole block."""
    with path.open("rb") as file:
        if not compression_of(file.read(4)):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\0"


def _is_broken(path: Path) -> bool:
    """Whether a packed file cannot be unpacked to its end."""
    with path.open("rb") as file:
        if not compression_of(file.read(4)):
            return False
        file.seek(0)
        return any(fault for _, fault in raw_blocks(file))


class Found(NamedTuple):
    """The files that are read, and the archives of tar among them, which are not."""

    logs: list[Path]
    tars: tuple[str, ...]


def found(files: Sequence[str]) -> Found:
    """The files that names, folders and patterns mean, in order of time; `-` is none of them.

    Raises InputError where there is nothing but archives of tar.
    """
    logs, tars = without_tars(in_time_order(path for file in files if file != STDIN for path in matching(file)))
    if tars and not logs and STDIN not in files:
        raise tar_fault(tars)
    return Found(logs, tars)


def without_tars(paths: Iterable[Path]) -> Found:
    """The files without the archives of tar among them."""
    logs, tars = list[Path](), list[str]()
    for path in paths:
        if stat.S_ISREG(path.stat().st_mode) and is_tar(start_of(path)[1]):
            tars.append(str(path))
        else:
            logs.append(path)
    return Found(logs, tuple(tars))


def names(files: Sequence[str]) -> tuple[list[str], tuple[str, ...]]:
    """The names of the files that `found` gives, `-` the last, and of the archives of tar among them."""
    logs, tars = found(files)
    return [*map(str, logs), *([STDIN] if STDIN in files else [])], tars


def matching(file: str, *, opened: bool = True) -> list[Path]:
    """A file that exists, those of a folder, or those that a pattern means. Raises InputError when none can be read.

    Without `opened` one of them may be what cannot be read: the caller looks at each.
    """
    refuse_address(file)
    if Path(file).is_dir():
        paths, kind = _of_folder(Path(file)), "a folder without a log"
    else:
        there = Path(file).exists() or (not opened and os.path.lexists(file))
        found = [file] if there else sorted(glob.glob(file, recursive=True))  # noqa: PTH207 - keeps `**`
        paths, kind = [Path(name) for name in found if not Path(name).is_dir()], "no such file"
    if not paths:
        raise InputError(
            kind,
            location=Location(file),
            expected="log files",
            next_step="give files, a folder, a pattern such as 'logs/*.gz', or -",
        )
    for path in paths if opened else ():
        try:
            if stat.S_ISREG(path.stat().st_mode):  # whoever opens a pipe must read it
                with path.open("rb"):
                    pass
            elif str(path) != file:
                raise InputError(
                    "no regular file",
                    location=Location(str(path)),
                    expected=f"log files for {file}",
                    next_step="give a pattern that does not mean it: a pipe is read where it is named, or as -",
                )
        except OSError as fault:
            raise InputError("cannot be read", location=Location(str(path)), value=fault.strerror) from None
    return paths


def _of_folder(folder: Path) -> list[Path]:
    """The logs in a folder, without what svlogd keeps beside them; folders in it are not entered."""
    try:
        inside = sorted(folder.iterdir())
    except OSError as fault:
        raise InputError("cannot be read", location=Location(str(folder)), value=fault.strerror) from None
    return [one for one in inside if one.is_file() and one.name not in _OF_SVLOGD and not one.name.startswith(".")]


def in_time_order(paths: Iterable[Path]) -> list[Path]:
    """The files, those of one rotated set from the oldest to the one that is written, each content once.

    Sets stay in the order in which their first file is given. A file that is given twice, by another name of the same
    file or as a packed copy beside its original, is read once.
    """
    once: dict[tuple[int, int], Path] = {}
    for path in paths:
        status = path.stat()
        once.setdefault((status.st_dev, status.st_ino), path)
    kept = without_packed_copies(once.values())
    first: dict[str, int] = {}
    for path in kept:
        first.setdefault(place_in_set(path)[0], len(first))
    return sorted(kept, key=lambda path: (first[place_in_set(path)[0]], *place_in_set(path)[1:]))


def place_in_set(path: Path) -> tuple[str, int, str, int]:
    """The set of a file, and its place there: dated ones, then numbered ones from the highest, then the one in use."""
    name = PACKED.sub("", path.name)
    if found := _DATED.fullmatch(name):
        return str(path.with_name(found["stem"] + (found["end"] or ""))), 0, re.sub(r"\D", "", found["date"]), 0
    if found := _NUMBERED.fullmatch(name):
        return str(path.with_name(found["stem"])), 1, "", -int(found["number"])
    return str(path.with_name(name)), 2, "", 0


def _is_json_lines(start: bytes) -> bool:
    """Whether the first lines are objects of JSON that nothing is wrapped around."""
    if start.lstrip()[:1] == b"[":  # a list, of which a part may be here
        return False
    whole = start[: start.rfind(b"\n") + 1] or start
    if is_batch(whole[: whole.find(b"\n")] if b"\n" in whole else whole):  # of which a part may be here
        return False
    unwrapper = Unwrapper()
    for content in whole.split(b"\n"):
        line = Line(1, 0, content)
        if content.strip() and [one.content for one in unwrapper.add(line)] != [content.strip()]:
            return False
        if content.strip()[:1] not in {b"{", b""} and read_record(content) is not None:
            return False
    return True


def _write(read: Iterator[LinePart], out: BinaryIO) -> tuple[int, bool]:
    """Write the lines of a log as JSON, without what is around them.

    How many are too long or cut by the end of a broken archive, and whether it is one. A line that goes on in the next
    leaves an empty one, so that each stands where it begins.
    """
    left_out, cut = 0, False
    unwrapper = Unwrapper()
    for part in read:
        for place in range(len(part.contents)):
            line = part.line(place)
            if line.fault:
                left_out += 1
                cut |= line.fault != "over-long"
                found = []
                unwrapper.rest()  # whose first part it may be
            else:
                found = unwrapper.add(line)
            out.write(b"\n".join(as_json(one) for one in found) + b"\n")
    out.write(b"".join(as_json(one) + b"\n" for one in unwrapper.rest()))
    return left_out, cut

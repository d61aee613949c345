"""The files of a log query as DuckDB can read them: found, put in order of time, unwrapped, each once."""

from __future__ import annotations

import glob
import shutil
import stat
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from regobs.errors import InputError, Location
from regobs.logs.reading.read import LONGEST_LINE, blocks, compression_of
from regobs.logs.reading.rotation import in_time_order
from regobs.logs.reading.wrapping import Wrapping, unwrapped, wrapping_of

STDIN = "-"
STDIN_NAME = "(standard input)"
_START = 1 << 16  # bytes that tell what a file is wrapped in; the first line is shorter
_BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Source:
    """A log. `name` is how the user calls it, `readable` a file of JSON lines that DuckDB reads by its name's end.

    `file` is the log's own file, None for standard input or a pipe, of which a copy is of no use later. Lines that are
    `left_out` of `readable` are too long for any log.
    """

    name: str
    readable: Path
    file: Path | None
    left_out: int = 0


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
    """A temporary folder for what DuckDB cannot read in place: pipes, wrapped lines, a misleading name."""

    def __init__(self, path: Path) -> None:
        self.sources: list[Source] = []
        self._path = path
        self._count = 0

    def new(self, end: str) -> Path:
        """The path of a new file here."""
        self._count += 1
        return self._path / f"{self._count}{end}"

    def add(self, name: str, path: Path, file: Path | None) -> None:
        """Make a log a source. Raises InputError when it is a broken archive."""
        if not stat.S_ISREG(path.stat().st_mode):
            pipe, path, file = path, self.new(""), None
            with pipe.open("rb") as read, path.open("wb") as out:
                shutil.copyfileobj(read, out)
        packed, start = _start(path)
        wrapping = wrapping_of(start)
        end, named = f".{packed}" if packed else ".jsonl", path.suffix.lower()
        if wrapping is not Wrapping.NONE or start.startswith(_BOM):
            self.sources.append(self._written(Source(name, path, file), wrapping))
        elif named == end or (not packed and named not in {".gz", ".zst"}):
            self.sources.append(Source(name, path, file))
        else:
            link = self.new(end)
            link.symlink_to(path.absolute())
            self.sources.append(Source(name, link, file))

    def rewrite(self, source: Source) -> Source:
        """Write a source anew without over-long lines, at which DuckDB gives up; what takes its place."""
        new = self._written(source, Wrapping.NONE)
        self.sources[self.sources.index(source)] = new
        return new

    def _written(self, source: Source, wrapping: Wrapping) -> Source:
        target = self.new(".jsonl")
        try:
            left_out = _write(source.readable, wrapping, target)
        except InputError as error:
            error.location = Location(source.name)
            raise
        return Source(source.name, target, source.file, source.left_out + left_out)


def found(files: Sequence[str]) -> list[Path]:
    """The files that names and patterns mean, in order of time; `-` is none of them."""
    return in_time_order(path for file in files if file != STDIN for path in _matching(file))


def _start(path: Path) -> tuple[str, bytes]:
    """How a file is compressed, and the beginning of what it holds."""
    with path.open("rb") as file:
        first = file.read(4)
        file.seek(0)
        if packed := compression_of(first):
            return packed, next(blocks(file), (b"", None))[0][:_START]
        return "", file.read(_START)


def _write(path: Path, wrapping: Wrapping, target: Path) -> int:
    """Write the lines of a file without what they are wrapped in; the number of those that are too long."""
    left_out = 0
    with path.open("rb") as file, target.open("wb") as out:
        for content in unwrapped(file, wrapping):
            if len(content) <= LONGEST_LINE:
                out.write(content + b"\n")
            else:
                left_out += 1
    return left_out


def _matching(file: str) -> list[Path]:
    """A file that exists, or those that a glob pattern means."""
    names = [file] if Path(file).exists() else sorted(glob.glob(file, recursive=True))  # noqa: PTH207 - keeps `**`
    paths = [Path(name) for name in names if not Path(name).is_dir()]
    if not paths:
        kind = "a folder, not a file" if Path(file).is_dir() else "no such file"
        raise InputError(
            kind,
            location=Location(file),
            expected="log files",
            next_step="give files, a pattern such as 'logs/*.gz', or -",
        )
    for path in paths:
        try:
            if stat.S_ISREG(path.stat().st_mode):  # whoever opens a pipe must read it
                with path.open("rb"):
                    pass
        except OSError as fault:
            raise InputError("cannot be read", location=Location(str(path)), value=fault.strerror) from None
    return paths

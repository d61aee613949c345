"""Lines as they are written: files by name, through rotation and truncation, and standard input."""

from __future__ import annotations

import os
import select
import sys
import time
from codecs import IncrementalDecoder
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

from regobs.errors import InputError, Location
from regobs.logs.reading.outcome import FilesRead, LinesSeen, looked_at, refuse, summed
from regobs.logs.reading.read import (
    BYTE_ORDER_MARKS,
    LONGEST_LINE,
    Line,
    Readable,
    blocks,
    compression_of,
    decoder_of,
    refuse_tar,
    unreadable,
)
from regobs.logs.reading.sources import STDIN, STDIN_NAME, matching
from regobs.logs.reading.wrapping import Unwrapper

_BLOCK = 1 << 20
_HEADER = 512  # bytes that tell what a file is
_LINES_OF_ONE = 50  # of a file, at most, in one of the journal's export form, or of JSON that is set out
POLL_SECONDS = 0.25  # how late a line is shown at most; a look costs one system call a file


class Written(NamedTuple):
    """A line, and the file it was written to."""

    file: str
    content: bytes


class Follower:
    """What is appended to a file, by its name.

    A file that was renamed is read to its end before the new one of its name is read from its beginning; so is what a
    file holds that has become shorter than what was read of it. A line comes when its end is written.
    """

    def __init__(self, path: Path, *, last: int = 0) -> None:
        self._path = path
        self._lines = _Lines(str(path))
        self._file: BinaryIO | None = None
        self._packed = False
        self._first: deque[Written] = deque()  # the last of what was there
        self._kept: int | None = None  # how many lines come of what is read first; none where all do
        try:
            self._open(last)
        except InputError:
            self.close()
            raise

    @property
    def written(self) -> _Lines:
        """What puts its lines together."""
        return self._lines

    def close(self) -> None:
        """Close the file."""
        if self._file:
            self._file.close()

    def lines(self) -> Iterator[Written]:
        """The lines that came since the last call."""
        if self._file is None and not self._open(None):
            return
        assert self._file is not None  # noqa: S101 - just opened
        while self._first:
            yield self._first.popleft()
        yield from self._read(self._file)
        if self._replaced(self._file):
            yield from self._read(self._file)  # what was written between the look and the rename
            yield from self._lines.end()
            self._file.close()
            self._file = None
            if self._open(None):
                assert self._file is not None  # noqa: S101 - just opened
                yield from self._read(self._file)

    def rest(self) -> Iterator[Written]:
        """A last line whose end was not written."""
        yield from self._lines.end()

    def once(self, last: int) -> Iterator[Written]:
        """The last lines of what is there now, among them one whose end was not written."""
        yield from deque((*self.lines(), *self.rest()), last)

    def _open(self, last: int | None) -> bool:
        """Open the file of the name at its beginning, or so that its `last` lines come first."""
        try:
            self._file = self._path.open("rb", buffering=0)
        except FileNotFoundError:
            return False  # between the rename and the new file
        except IsADirectoryError:
            raise InputError(
                "a folder, not a file",
                location=Location(str(self._path)),
                expected="log files",
                next_step="name the files in it, or a pattern such as 'logs/*.log'",
            ) from None
        except OSError as fault:
            raise InputError("cannot be read", location=Location(str(self._path)), value=fault.strerror) from None
        plain = self._begin(self._file)
        self._kept = None if plain else last  # the lines of others are found from the beginning
        if plain and last is not None:
            begin = self._file.tell()
            self._file.seek(max(place_of(self._file, last * _LINES_OF_ONE), begin))
            self._first = deque(self._added(self._file), last)
        return True

    def _begin(self, file: BinaryIO) -> bool:
        """Go behind the byte order mark of a file; whether it is UTF-8 and not compressed."""
        file.seek(0)
        start = _block(file, self._lines.name, _HEADER)
        refuse_tar(start, self._lines.name)
        self._packed = bool(compression_of(start))
        decoder = decoder_of(start)
        self._lines.begin(decoder)
        file.seek(next((len(mark) for mark in BYTE_ORDER_MARKS if start.startswith(mark)), 0))
        return not self._packed and decoder is None

    def _read(self, file: BinaryIO) -> Iterator[Written]:
        if os.fstat(file.fileno()).st_size < file.tell():
            yield from self._lines.end()
            self._begin(file)
        found = self._unpacked(file) if self._packed else self._added(file)
        if self._kept is not None:
            found, self._kept = iter(deque(found, self._kept)), None
        yield from found

    def _added(self, file: BinaryIO) -> Iterator[Written]:
        while block := _block(file, self._lines.name):
            yield from self._lines.add(block)

    def _unpacked(self, file: BinaryIO) -> Iterator[Written]:
        """The lines of a compressed file, which is read once: nobody writes to it line by line."""
        if file.tell():
            return
        yield from _lines_of(file, self._lines)

    def _replaced(self, file: BinaryIO) -> bool:
        """Whether the name stands for another file now."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        mine = os.fstat(file.fileno())
        return (status.st_dev, status.st_ino) != (mine.st_dev, mine.st_ino)


def _block(file: BinaryIO, name: str, size: int = _BLOCK) -> bytes:
    """The next bytes of a file."""
    try:
        return file.read(size)
    except OSError as fault:
        raise unreadable(name, fault) from None


class _Lines:
    """Blocks put together to lines, and taken out of what collectors put around them."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._rest = b""
        self._unwrapper = Unwrapper()
        self._decoder: IncrementalDecoder | None = None
        self.seen = LinesSeen()

    def begin(self, decoder: IncrementalDecoder | None) -> None:
        """Forget what has begun: another file comes, which `decoder` reads where it is not UTF-8."""
        self._rest, self._unwrapper, self._decoder = b"", Unwrapper(), decoder

    def add(self, block: bytes) -> Iterator[Written]:
        """The lines that end in a block."""
        if self._decoder:
            block = self._decoder.decode(block).encode()
        *whole, self._rest = (self._rest + block).split(b"\n")
        self._rest = self._rest[:LONGEST_LINE]
        for content in whole:
            yield from self._written(self._unwrapper.add(Line(0, 0, content)))

    def end(self) -> Iterator[Written]:
        """A last line without an end, and what has begun."""
        if self._rest:
            rest, self._rest = self._rest, b""
            yield from self._written(self._unwrapper.add(Line(0, 0, rest)))
        yield from self._written(self._unwrapper.rest())

    def _written(self, lines: list[Line]) -> Iterator[Written]:
        self.seen.take(lines)
        for line in lines:
            if line.content:
                yield Written(self.name, line.content)


def place_of(file: BinaryIO, last: int) -> int:
    """Where the last lines begin, whose ends are counted from the end on; no byte is looked at twice."""
    place, left = file.seek(0, os.SEEK_END), last + 1
    while place:
        size = min(place, 1 << 16)
        place = file.seek(place - size)
        block = file.read(size)
        ends = block.count(b"\n")
        if ends >= left:
            for _ in range(left):
                size = block.rfind(b"\n", 0, size)
            return place + size + 1
        left -= ends
    return 0


def named(files: Sequence[str]) -> list[str]:
    """The names to follow: of a pattern those that are there now. Raises InputError for a pattern that means none."""
    return [
        name
        for file in files
        for name in (map(str, matching(file)) if set(file) & set("*?[") and not Path(file).exists() else [file])
    ]


Seen = dict[str, LinesSeen]


def last_lines(files: Sequence[str], last: int, seen: Seen | None = None) -> Iterator[Written]:
    """The last lines of files, or of standard input, as they are now; one without an end is a line too.

    `seen` gets what the lines were, by file, and whoever gives it tells of what could not be read. Without it a broken
    archive is an error.
    """
    if STDIN in files:
        yield from deque(piped(sys.stdin.buffer, seen), last)
        return
    read: list[_Lines] = []
    for file in dict.fromkeys(files):
        follower = Follower(Path(file), last=last)
        read.append(follower.written)
        try:
            yield from follower.once(last)
        finally:
            follower.close()
    _end(read, seen)


def tail(
    files: Sequence[str], *, last: int = 0, poll: Callable[[], bool] | None = None, seen: Seen | None = None
) -> Iterator[Written]:
    """The last lines of files and all that are written from then on.

    `poll` waits for more and says whether to go on; by default it sleeps, and never ends. Files that are not there yet
    are waited for. `seen` is as for `last_lines`, but a broken archive is an error at once.
    """
    followers = [Follower(Path(file), last=last) for file in dict.fromkeys(files) if file != STDIN]
    wait = poll or sleep
    try:
        while True:
            for follower in followers:
                yield from follower.lines()
            _end([follower.written for follower in followers], None)
            if not wait():
                break
        for follower in followers:
            yield from follower.rest()
        _end([follower.written for follower in followers], seen)
    finally:
        for follower in followers:
            follower.close()


def piped(stdin: BinaryIO, seen: Seen | None = None) -> Iterator[Written]:
    """The lines of a pipe as they come, until it is closed. `seen` is as for `last_lines`."""
    lines = _Lines(STDIN_NAME)
    yield from _lines_of(_Pipe(stdin.fileno()), lines)
    _end([lines], seen)


def _lines_of(file: Readable, lines: _Lines) -> Iterator[Written]:
    """The lines of a whole file, unpacked and decoded; of a broken archive those before the break."""
    for block, fault in blocks(file):
        yield from lines.add(block)
        if fault:
            lines.begin(None)  # what is left is a part of a line
            lines.seen.broken = True
            return
    yield from lines.end()


def _end(read: Iterable[_Lines], seen: Seen | None) -> None:
    """Tell what the lines were; or raise InputError where one of them was a broken archive."""
    if seen is None:
        refuse((), (lines.name for lines in read if lines.seen.broken))
    else:
        seen.update({lines.name: lines.seen for lines in read})


def came_of(seen: Seen, tars: Iterable[str]) -> FilesRead:
    """What came of the files: one whose last lines are none of a registry may have others before them."""
    doubted = [(name, Path(name)) for name, one in seen.items() if one.unread and Path(name).is_file()]
    sure = looked_at(doubted).unread
    read = (name for name, _ in doubted if name not in sure)
    return summed({**seen, **{name: LinesSeen(of_registry=1) for name in read}}, tars)


class _Pipe:
    """A pipe of which is read what there is, without waiting for more."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._waiting = select.poll()  # and not `select`, which knows no descriptor above 1023
        self._waiting.register(descriptor, select.POLLIN)
        self._started = False

    def read(self, size: int = -1, /) -> bytes:
        """What there is, `size` bytes at most; the first time as many, for they tell what the file is."""
        found = b""
        while not found or (not self._started and len(found) < size):
            self._waiting.poll()
            block = os.read(self._descriptor, min(size - len(found), 1 << 16))
            if not block:
                break
            found += block
        self._started = True
        return found


def sleep() -> bool:
    """Wait until it is time to look again."""
    time.sleep(POLL_SECONDS)
    return True

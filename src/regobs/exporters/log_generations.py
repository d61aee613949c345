"""One log file and its generations: what rotation made of what was once read under a name.

A file is known by its inode and by the hash of its first bytes: a rename keeps both, a copy (`copytruncate`, `gzip`)
keeps the second, and a file that was truncated or replaced has another. A place says how far a file was read.
"""

from __future__ import annotations

import hashlib
import math
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import IO, Any, Self

from regobs.common.files import open_regular
from regobs.exporters.packed_files import (
    DAMAGED,
    ENDINGS,
    LONGEST_MAGIC,
    DamagedError,
    is_of_the_disk,
    packing_of,
    tells_size,
    unpacked,
)

_BLOCK = 1 << 20
LONGEST_LINE = 1 << 20  # bytes; of a longer line only the beginning is given
_SHOWN_OF_LONG = 200
_START = 1024  # bytes of a file's start that tell it from others

Lines = list[bytes]


@dataclass(frozen=True, slots=True)
class FilePlace:
    """How far a file was read. `start` is the SHA-256 of its first `known` bytes."""

    path: str
    device: int
    inode: int
    known: int
    start: str
    offset: int

    def data(self) -> list[Any]:
        """For a checkpoint."""
        return [self.path, self.device, self.inode, self.known, self.start, self.offset]


class FollowedFile:
    """One open file, read by whole lines. `offset` is behind the last line that was given.

    `place` is how far it was read before: where the file holds other content by now, it was replaced since.
    """

    def __init__(self, path: str, file: IO[bytes], offset: int = 0, place: FilePlace | None = None) -> None:
        self.path = self.shown = path  # its name, and under which path it is told of
        self.file = file
        self.offset = offset
        status = os.fstat(file.fileno())
        self.identity = (status.st_dev, status.st_ino)
        self._look_at_start()
        if place is not None:
            self.offset, self._known, self._start = place.offset, place.known, place.start
        self._skipping = False
        self.cut = False  # whether `most` ended what `blocks` gave last
        self.changed = monotonic()

    def _look_at_start(self) -> None:
        self._first = _start_of(self.file, _START)  # may fail: nothing has changed then
        self._known, self._start = _hashed(self._first)

    def place(self) -> FilePlace:
        """How far it was read; where it was replaced since, of the content that stood there."""
        return FilePlace(self.path, *self.identity, self._known, self._start, self.offset)

    def has_start_of(self, other: Generation, *, unread: bool = False) -> bool:
        """Whether another file begins as what was read of this one, and is no longer: a copy, whole or not yet.

        `unread`: of a file of which nothing was read its first line tells too, as among the generations of one name.
        A longer one is what a rotation made of a file that began with the same bytes, such as those of each start.
        """
        if not self.offset and not (unread and self._tells):
            return False
        known, start = other.start(self._known)
        if known == self._known:
            return start == self._start and (self._is_written_anew() or not self._is_shorter_than(other))
        return known > 0 and _hashed(_start_of(self.file, known)) == (known, start)  # a copy that is being made

    def _is_written_anew(self) -> bool:
        return _hashed(_start_of(self.file, self._known)) != (self._known, self._start)

    def _is_shorter_than(self, other: Generation) -> bool:
        theirs = other.plain_size  # asked first: this file may grow in between
        ours = os.fstat(self.file.fileno()).st_size
        # One that is shorter than its offset was truncated a moment ago: what was copied of it stays.
        return theirs is not None and self.offset <= ours < theirs

    def old_place(self) -> FilePlace:
        """How far the content was read that stood here before it was replaced; only a copy can hold it."""
        return FilePlace(self.path, -1, -1, self._known, self._start, self.offset)

    def leave_out_begun(self) -> None:
        """Leave out the rest of a line whose beginning was given: it was taken for the last one."""
        before = os.pread(self.file.fileno(), 1, self.offset - 1) if self.offset else b""
        self._skipping = before not in (b"", b"\n", b"\0")

    @property
    def size(self) -> int:
        """Bytes that it has now."""
        return os.fstat(self.file.fileno()).st_size

    @property
    def _tells(self) -> bool:
        """Whether it had a whole first line when its start was looked at: less of a start tells nothing."""
        return b"\n" in self._first or len(self._first) >= _START

    @property
    def is_new(self) -> bool:
        """Whether it has content and nothing tells whether that is the first that stood there."""
        return not self.offset and not self._tells and self.size > 0

    def behind(self) -> int:
        """Bytes that were not read yet."""
        return max(0, self.size - self.offset)

    def was_replaced(self) -> bool:
        """Whether it was written anew from its start since it was read.

        One that was shortened and begins as it did has lost lines that were given: it is gone on with at its end.
        """
        size = os.fstat(self.file.fileno()).st_size
        if size < self.offset:
            if not self._begins_as_before(size):
                return True
            self.offset = size
            self._look_at_start()
            return False
        first = _start_of(self.file, max(_START, self._known))  # once: it may be written anew between two reads
        if self._known and _hashed(first[: self._known]) != (self._known, self._start):
            return True
        if self._known < _START:
            self._first = first
            self._known, self._start = _hashed(first)
        return False

    def _begins_as_before(self, size: int) -> bool:
        """Whether so many bytes are the first of what was read; a part of a first line tells nothing."""
        first = self._first[: min(size, self._known)]
        if b"\n" not in first and len(first) < _START:
            return False
        whole = _hashed(self._first[: self._known]) == (self._known, self._start)
        return whole and _start_of(self.file, len(first)) == first

    @property
    def deleted(self) -> bool:
        """Whether no name leads to the file any more."""
        return os.fstat(self.file.fileno()).st_nlink == 0

    def begin_again(self) -> None:
        """Read from the start."""
        self._look_at_start()
        self.offset = 0
        self._skipping = False

    def blocks(self, *, ended: bool = False, limit: int | None = None, most: float = math.inf) -> Iterator[Lines]:
        """The lines that are complete, block by block. `ended`: what stands behind the last line end is a line too.

        `limit`: nothing of what stands behind so many bytes. `most`: no block more after so many bytes of lines.

        Zeros before a line are left out: copytruncate leaves a hole of them where the writer does not append.
        """
        given, self.cut = 0, False
        while not self.cut:
            wanted = _BLOCK if limit is None else max(0, min(_BLOCK, limit - self.offset))
            data = os.pread(self.file.fileno(), wanted, before := self.offset)
            # The second: what was just read may be of another content, or may be cut off.
            if not data or self.was_replaced() or self.offset != before:
                return
            if data[0] == 0 and (zeros := len(data) - len(data.lstrip(b"\0"))):
                if zeros == len(data) < _BLOCK and not ended:  # it may be filled yet
                    return
                self.offset += zeros
                continue
            end = data.rfind(b"\n") + 1
            if not end and len(data) < _BLOCK and not ended:
                return
            self.changed = monotonic()
            if not end and len(data) == _BLOCK:  # a line without an end in sight
                lines = [] if self._skipping else [data[:_SHOWN_OF_LONG]]
                self._skipping, end = True, len(data)
            else:
                last = not end or (ended and len(data) < _BLOCK)
                lines = (data if last else data[: end - 1]).split(b"\n")
                if last:
                    end = len(data)
                    lines = lines[:-1] if not lines[-1] else lines
                if self._skipping:
                    lines, self._skipping = lines[1:], False
            self.offset += end
            given += end
            self.cut = given >= most
            yield lines


class Generation:
    """A file that may hold what was once read under another name."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._file = open_file(path)  # closed by `close`
        self.status = status = os.fstat(self._file.fileno())
        self.device, self.inode, self.written = status.st_dev, status.st_ino, status.st_mtime
        first = os.pread(self._file.fileno(), LONGEST_MAGIC, 0)
        self._packing = packing_of(first)
        self._cut = not self._packing and len(first) < LONGEST_MAGIC and path.endswith(ENDINGS)
        self.packed = bool(self._packing) or self._cut
        self.fault: Exception | None = None  # why it cannot be unpacked
        self._starts: dict[int, tuple[int, str]] = {}  # of a packed file, by size
        self.offset = 0  # behind the last line that `rest` gave

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def open(self) -> IO[bytes]:
        """The file, which the caller closes."""
        return os.fdopen(os.dup(self._file.fileno()), "rb", buffering=0)

    def close(self) -> None:
        """Close it."""
        self._file.close()

    @property
    def identity(self) -> tuple[int, int]:
        """Device and inode."""
        return self.device, self.inode

    @property
    def size(self) -> int:
        """Bytes, unpacked. Where only unpacking tells them, more than any place has."""
        size = os.fstat(self._file.fileno()).st_size
        if not self.packed:
            return size
        if not tells_size(self._packing):
            return sys.maxsize
        return int.from_bytes(os.pread(self._file.fileno(), 4, size - 4), "little") if size > 4 else size

    @property
    def plain_size(self) -> int | None:
        """Bytes, unpacked; None where only unpacking tells them."""
        return self.size if not self.packed or tells_size(self._packing) else None

    def place(self) -> FilePlace:
        """Its identity, and its size as offset; unpacked."""
        known, start = self.start(_START)
        return FilePlace(self.path, self.device, self.inode, known, start, self.size)

    def is_file_of(self, place: FilePlace) -> bool:
        """Whether it is the very file of a place, though lines that were read may be cut off of its end."""
        return self.identity == (place.device, place.inode) and self.has_start_of(place)

    def is_copy_of(self, place: FilePlace) -> bool:
        """Whether it holds all that was read up to a place."""
        return self.has_start_of(place) and self.size >= place.offset

    def has_start_of(self, place: FilePlace) -> bool:
        """Whether it begins as the file of a place."""
        return self.start(place.known) == (place.known, place.start)

    def holds(self, place: FilePlace) -> bool:
        """Whether it is the file of a place, or a copy of it."""
        return self.is_file_of(place) or self.is_copy_of(place)

    def rest(self, offset: int) -> Iterator[Lines]:
        """What stands behind an offset, to the end; `offset` follows. Raises OSError where the disk cannot be read."""
        self.offset = offset
        if self.packed:
            yield from self._unpacked_rest(offset)
            return
        file = FollowedFile(self.path, self._file, offset)
        for lines in file.blocks(ended=True):
            self.offset = file.offset
            yield lines

    def _unpacked_rest(self, offset: int) -> Iterator[Lines]:
        try:
            with self._unpacked() as file:
                file.seek(offset)
                left = b""
                while block := file.read(_BLOCK):  # whole ones: what stands just before damage may be wrong
                    *lines, left = (left + block).split(b"\n")
                    offset += len(block)
                    self.offset = offset - len(left)
                    if len(left) > LONGEST_LINE:
                        left = left[:_SHOWN_OF_LONG]
                    yield lines
                if left:
                    self.offset = offset
                    yield [left]
        except DAMAGED as fault:
            if is_of_the_disk(fault):
                raise
            raise self._damaged(fault) from fault

    def _damaged(self, fault: Exception) -> DamagedError:
        damaged = DamagedError(str(fault))
        damaged.status = self.status
        return damaged

    @property
    def damage(self) -> DamagedError | None:
        """Why not even its start can be unpacked; None where it can, or where the disk cannot be read."""
        self.start(_START)
        return self._damaged(self.fault) if self.fault and not is_of_the_disk(self.fault) else None

    @contextmanager
    def _unpacked(self) -> Iterator[IO[bytes]]:
        """The content of a packed file, from the file that is open: its name may be another file's by now."""
        if self._cut:
            raise EOFError("it ends within its first bytes")
        with self.open() as packed:
            packed.seek(0)
            with unpacked(self._packing, packed) as file:
                yield file

    def start(self, size: int) -> tuple[int, str]:
        """How many of so many first bytes there are, and their hash."""
        if not self.packed:
            return _hashed(_start_of(self._file, size))
        if size not in self._starts:
            try:
                with self._unpacked() as file:
                    self._starts[size] = _hashed(file.read(size))
            except DAMAGED as fault:
                self.fault = fault
                return 0, ""
        return self._starts[size]


def open_file(path: str) -> IO[bytes]:
    """Open a file that has places. Raises OSError for what has none: to open a named pipe would wait for its writer."""
    return os.fdopen(open_regular(path, os.O_RDONLY), "rb", buffering=0)


def _start_of(file: IO[bytes], size: int) -> bytes:
    return os.pread(file.fileno(), size, 0)


def _hashed(start: bytes) -> tuple[int, str]:
    return len(start), hashlib.sha256(start).hexdigest()

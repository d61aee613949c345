"""The numbers of one process in a file that the other processes of the same server read.

A ledger is a sequence of chunks, each mapped into memory by its owner. A chunk holds records, one a series: a head
(length of the key, how many numbers, whether it still counts), the key (family and label values as JSON), the numbers
as doubles of this machine. The length of the key is written last, so a reader sees a record whole or not at all; where
it is 0 the chunk has no more. Counting is a store into mapped memory: what a process counted outlives `kill -9`.
"""

from __future__ import annotations

import fcntl
import json
import mmap
import os
import struct
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

from regobs.errors import InstrumentError
from regobs.instrument.core.children import Slot

CHUNK = 2**18  # bytes; some hundred histograms. A multiple of every page size in use.
_HEAD = struct.Struct("=IIII")
_INFINITE = float("inf")
_WORD = 8  # bytes of a double; every record begins and ends on a multiple of it

Key = tuple[str, tuple[str, ...]]  # the name of the family, the label values in its order
Record = tuple[Key, tuple[float, ...]]


class Ledger:
    """The file of this process. The lock on it ends with the process, however that ends.

    Make it while the lock of the directory is held: until it is locked itself it looks like that of a dead process.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        # Not flock: a forked child would inherit that lock, and would keep its parent's file alive.
        fcntl.lockf(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._chunks: list[mmap.mmap] = []
        self._places: dict[Key, tuple[mmap.mmap, int]] = {}
        self._end = CHUNK  # of what is used in the last chunk

    def slot(self, name: str, values: tuple[str, ...], count: int) -> Slot:
        """So many numbers for this series, 0 at first. The same place again for one that was forgotten."""
        known = self._places.get((name, values))
        if known is not None:
            return self._revived(*known)
        key = json.dumps([name, *values]).encode()
        words = _HEAD.size + -(-len(key) // _WORD) * _WORD  # where the numbers begin
        size = words + count * _WORD
        if size > CHUNK:
            raise InstrumentError(f"{name}: its label values are too long to be shared", value=f"{size} bytes")
        if self._end + size > CHUNK:
            self._grow()
        chunk, start = self._chunks[-1], self._end
        chunk[start + _HEAD.size : start + _HEAD.size + len(key)] = key
        _HEAD.pack_into(chunk, start, 0, count, 1, 0)
        struct.pack_into("=I", chunk, start, len(key))
        self._end += size
        self._places[name, values] = chunk, start
        return _doubles(chunk, start + words, count)

    def forget(self, name: str, values: tuple[str, ...]) -> None:
        """The series counts no more."""
        chunk, start = self._places[name, values]
        struct.pack_into("=I", chunk, start + 8, 0)

    def data(self) -> bytes:
        """The whole content."""
        return b"".join(chunk[:] for chunk in self._chunks)

    def _revived(self, chunk: mmap.mmap, start: int) -> Slot:
        length, count, _, _ = _HEAD.unpack_from(chunk, start)
        numbers = _doubles(chunk, start + _HEAD.size + -(-length // _WORD) * _WORD, count)
        for index in range(count):
            numbers[index] = 0.0
        struct.pack_into("=I", chunk, start + 8, 1)
        return numbers

    def _grow(self) -> None:
        offset = len(self._chunks) * CHUNK
        os.posix_fallocate(self._file, offset, CHUNK)  # a full device is an error here, and no signal at a later store
        self._chunks.append(mmap.mmap(self._file, CHUNK, offset=offset))
        self._end = 0


def _doubles(chunk: mmap.mmap, start: int, count: int) -> Slot:
    numbers = memoryview(chunk)[start : start + count * _WORD].cast("d")
    return cast("Slot", numbers)  # typeshed takes every memoryview for one of int


def can_be(numbers: Sequence[float]) -> bool:
    """Whether a process can have counted these: a loss of power leaves anything. More than two are of a histogram."""
    counts = numbers[:-1]
    return len(numbers) < 3 or (min(counts) >= 0 and sum(counts) < _INFINITE)  # a NaN makes the sum one


def _key(raw: bytes) -> Key | None:
    """The key of a series; None where the file is half-written."""
    try:
        name, *values = json.loads(raw)
    except (ValueError, TypeError, RecursionError):
        return None
    return (name, tuple(values)) if all(isinstance(one, str) for one in (name, *values)) else None


def records(data: bytes, keys: dict[bytes, Key]) -> Iterator[Record]:
    """The series of a ledger and their numbers. `keys` keeps what was read of keys before: they hardly change."""
    for start in range(0, len(data), CHUNK):
        end = min(start + CHUNK, len(data))
        while start + _HEAD.size <= end:
            length, count, counts, _ = _HEAD.unpack_from(data, start)
            words = start + _HEAD.size + -(-length // _WORD) * _WORD
            after = words + count * _WORD
            if length == 0 or after > end:
                break
            if counts:
                raw = data[start + _HEAD.size : start + _HEAD.size + length]
                key = keys.get(raw)
                if key is None:
                    key = _key(raw)
                    if key is None:
                        break
                    keys[raw] = key
                numbers = struct.unpack_from(f"={count}d", data, words)
                if can_be(numbers):
                    yield key, numbers
            start = after  # noqa: PLW2901 (from record to record, then from chunk to chunk)

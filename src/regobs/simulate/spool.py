"""The numbers of a pod's history in a file, until they are written as text.

A text wants all moments of a series together, a simulation makes all series of a moment together. So rows are turned
into columns: blocks of some thousand steps, in which the numbers of a series follow each other as doubles.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from regobs.simulate.tap import Layout, Track

_DOUBLE = 8  # bytes
_NUMBERS = 2**20  # of a block, at most: 8 MiB
_STEPS = 4096  # of a block, at most


@dataclass(frozen=True, slots=True)
class Extent:
    """A part of one column: `count` numbers from a place in the file on, the first of the step `first`."""

    first: int
    count: int
    offset: int


@dataclass(slots=True)
class Recording:
    """A finished spool, of the pod with this number: where the first column of each track stands.

    Those of its other series follow without a gap.
    """

    path: Path
    number: int
    tracks: dict[Track, list[Extent]] = field(default_factory=dict)
    samples: int = 0


class Spool:
    """Takes the rows of one pod, one for each step."""

    def __init__(self, path: Path, number: int) -> None:
        self.recording = Recording(path, number)
        self._file = path.open("xb", buffering=0)
        self._offset = 0
        self._layout: Layout | None = None
        self._first = self._count = self._room = 0
        self._numbers = array("d")

    def add(self, step: int, layout: Layout, row: Sequence[float]) -> None:
        """The row of a step."""
        if layout is not self._layout or self._count >= self._room:
            self._flush()
            self._layout, self._first = layout, step
            self._room = max(1, min(_STEPS, _NUMBERS // layout.width))
        self._numbers.extend(row)
        self._count += 1

    def close(self) -> Recording:
        """No more rows."""
        self._flush()
        self._file.close()
        return self.recording

    def _flush(self) -> None:
        count, width = self._count, len(self._numbers) // self._count if self._count else 0
        if self._layout is not None and count:
            for track, column in self._layout.tracks:
                extent = Extent(self._first, count, self._offset + column * count * _DOUBLE)
                self.recording.tracks.setdefault(track, []).append(extent)
            columns = array("d")
            for column in range(width):
                columns.extend(self._numbers[column::width])
            self._write(memoryview(columns).cast("B"))
            self._offset += len(columns) * _DOUBLE
            self.recording.samples += len(columns)
        self._numbers = array("d")
        self._count = 0

    def _write(self, content: memoryview) -> None:
        while content:
            content = content[self._file.write(content) :]


def read(file: int, extent: Extent, columns: int) -> list[array[float]]:
    """So many columns from the place of an extent on. `file` is a descriptor."""
    size = extent.count * _DOUBLE
    found = []
    for column in range(columns):
        numbers = array("d")
        numbers.frombytes(os.pread(file, size, extent.offset + column * size))
        found.append(numbers)
    return found

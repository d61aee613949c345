"""Spooled numbers as OpenMetrics lines with times.

Source: the OpenMetrics 1.0 specification: families one after the other, in a family one label set after the other, and
of that one moment after the other, the lines of a histogram's moment together.
"""

from __future__ import annotations

import math
import os
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import compress, groupby, pairwise
from operator import ne
from pathlib import Path

from regobs.simulate.recording import Extent, Recording, SeriesGroup, read

END = b"# EOF\n"
_LINES = 2**16  # of a piece; about 10 MB
_EXACT = 1e15  # whole numbers below it are written with all their digits


@dataclass(frozen=True, slots=True)
class TextPiece:
    """A part of the text: some moments of one track, after `header` where a family begins."""

    header: str
    path: Path
    heads: tuple[str, ...]
    extents: tuple[Extent, ...]


@dataclass(frozen=True, slots=True)
class Times:
    """When the steps were: the end of the first is `step` seconds after `start`, both Unix seconds."""

    start: float
    step: float

    def stamps(self, first: int, count: int) -> list[str]:
        """What ends the lines of these steps: a space, the time in seconds, a line feed."""
        return _stamps(self.start, self.step, first, count)


@lru_cache(maxsize=64)  # all series of a pod have the same ones
def _stamps(start: float, step: float, first: int, count: int) -> list[str]:
    return [f" {text(round(start + (first + number + 1) * step, 3))}\n" for number in range(count)]


def pieces(recordings: Sequence[Recording]) -> Iterator[TextPiece]:
    """All of a text but its end, in its order: families by name, then pods, then series."""
    tracks = sorted(
        (track.header, number, track.heads) for number, one in enumerate(recordings) for track in one.tracks
    )
    for header, of_family in groupby(tracks, key=lambda track: track[0]):
        begun = False
        for _, number, heads in of_family:
            recording = recordings[number]
            for extents in _portions(recording.tracks[SeriesGroup(header, heads)], len(heads)):
                yield TextPiece("" if begun else header, recording.path, heads, extents)
                begun = True


def _portions(extents: Iterable[Extent], lines: int) -> Iterator[tuple[Extent, ...]]:
    taken: list[Extent] = []
    room = _LINES
    for extent in extents:
        if taken and extent.count * lines > room:
            yield tuple(taken)
            taken, room = [], _LINES
        taken.append(extent)
        room -= extent.count * lines
    if taken:
        yield tuple(taken)


def render(piece: TextPiece, times: Times) -> bytes:
    """The lines of a piece."""
    parts = [piece.header]
    file = os.open(piece.path, os.O_RDONLY)
    try:
        for extent in piece.extents:
            columns = read(file, extent, len(piece.heads))
            stamps = times.stamps(extent.first, extent.count)
            parts += (
                _runs(piece.heads[0], columns[0], stamps) if len(columns) == 1 else _rows(piece.heads, columns, stamps)
            )
    finally:
        os.close(file)
    return "".join(parts).encode()


def _runs(head: str, numbers: array[float], stamps: list[str]) -> Iterator[str]:
    """The lines of one series: where its number stays for some steps, they are made by one join."""
    ends = compress(range(1, len(numbers)), map(ne, numbers, numbers[1:]))
    shown: Callable[[float], object] = int if all(map(float.is_integer, numbers)) else text
    for begin, end in pairwise((0, *ends, len(numbers))):
        line = f"{head}{shown(numbers[begin])}"
        yield line
        yield line.join(stamps[begin:end])


def _rows(heads: Sequence[str], columns: Sequence[array[float]], stamps: list[str]) -> Iterator[str]:
    """The lines of several series; they are made anew where one of the numbers is another."""
    whole = [all(map(float.is_integer, numbers)) for numbers in columns]
    forms = ("%d" if flag else "%s" for flag in whole)
    template = "".join(f"{head.replace('%', '%%')}{form}\n" for head, form in zip(heads, forms, strict=True))
    shown = [numbers if flag else map(text, numbers) for flag, numbers in zip(whole, columns, strict=True)]
    last, lines = None, ""
    for row, stamp in zip(zip(*shown, strict=True), stamps, strict=True):
        if row != last:
            last, lines = row, template % row
        # A line feed in a label is escaped: there is none but at the ends of lines.
        yield lines.replace("\n", stamp)


def text(value: float) -> str:
    """A number with all its digits."""
    if value == math.floor(value) and abs(value) < _EXACT if math.isfinite(value) else False:
        return str(int(value))
    if math.isfinite(value):
        return repr(value)
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"

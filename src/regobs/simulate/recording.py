"""What a history takes from a pod: the numbers of the chosen series, read after each step as a scrape reads them.

They wait in a file until they are written as text. A text wants all moments of a series together, a simulation makes
all series of a moment together. So rows are turned into columns: blocks of some thousand steps, in which the numbers of
a series follow each other as doubles.
"""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regobs.catalog.exposition import parse
from regobs.catalog.model import Kind
from regobs.instrument.core.children import Histogram, Summary
from regobs.instrument.core.family import Family
from regobs.instrument.core.text import help_text, label_pairs
from regobs.simulate.pod import Pod
from regobs.simulate.selection import UP, Selection

_FEW = 4  # lines of a histogram that are read one by one
_UP = "# HELP up Whether the scrape went well.\n# TYPE up gauge\n"


@dataclass(frozen=True, order=True, slots=True)
class SeriesGroup:
    """Series that stand together in the text: one sample, or all lines of a histogram or summary.

    `header` is that of their family, `heads` are the lines without a value: `name{labels} `.
    """

    header: str
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class RowLayout:
    """Where the numbers of each track stand in a row: the first of them; how long a row is."""

    tracks: tuple[tuple[SeriesGroup, int], ...]
    width: int


Reader = Callable[[], Sequence[float]]


class PodScraper:
    """Reads one pod. The layout of its rows is another object as soon as it differs."""

    def __init__(self, pod: Pod, selection: Selection, job: str) -> None:
        self._pod = pod
        self._selection = selection
        self._labels = {"instance": f"{pod.name}:5001", "job": job, **pod.labels}
        self._target = label_pairs(tuple(self._labels), tuple(self._labels.values()))
        self._up = SeriesGroup(_UP, (f"{UP}{{{self._target}}} ",))
        self._away = RowLayout(((self._up, 0),), 1)
        self._known: dict[Any, _Child] = {}
        self._watched: list[tuple[Family[Any], list[Any]]] = []
        self._families: list[Family[Any]] | None = None
        self._names: set[str] = set()
        self._singles: list[Any] = []
        self._readers: list[Reader] = []
        self._layout = self._away

    def read(self) -> tuple[RowLayout, list[float]]:
        """The numbers of this moment. It counts as a scrape; of a pod that is away only `up` is known."""
        pod = self._pod
        if not pod.up:
            return self._away, [0.0]
        if self._changed():
            self._arrange()
        row = [1.0]
        row += [child.value for child in self._singles]
        for reader in self._readers:
            row += reader()
        if len(row) != self._layout.width:  # a summary has got its first quantiles
            self._known.clear()
            self._arrange()
            return self.read()
        pod.scraped()
        return self._layout, row

    def _changed(self) -> bool:
        if self._pod.instruments.families() is not self._families:
            return True
        return any(family.children() is not children for family, children in self._watched)

    def _arrange(self) -> None:
        """Look up the children anew. Families and children keep their lists as long as nothing is added or removed."""
        families = self._pod.instruments.families()
        if families is not self._families:
            self._known = {}
        self._families = families
        self._names = {family.name for family in families}
        touched = [family for family in families if self._selection.touches(family.metric)]
        self._watched = [(family, family.children()) for family in touched]
        known, self._known = self._known, {}
        self._singles, self._readers = [], []
        tracks: list[tuple[SeriesGroup, int]] = [(self._up, 0)]
        grouped: list[_Child] = []
        for family, children in self._watched:
            for child in children:
                found = self._known[child] = known.get(child) or self._child(family, child)
                if found.reader is not None:
                    grouped.append(found)
                elif found.tracks:
                    self._singles.append(child)
                    tracks.append((found.tracks[0], len(self._singles)))
        width = 1 + len(self._singles)
        for found in grouped:
            self._readers += [found.reader] if found.reader is not None else []
            for track in found.tracks:
                tracks.append((track, width))
                width += len(track.heads)
        self._layout = RowLayout(tuple(tracks), width)

    def _child(self, family: Family[Any], child: Any) -> _Child:
        header = self._header(family)
        lines = child.lines(openmetrics=True)
        heads = [self._head(line) for line in lines.splitlines()]
        chosen = self._chosen(header + lines)
        if family.metric.kind not in {Kind.HISTOGRAM, Kind.SUMMARY}:
            return _Child((SeriesGroup(header, (heads[0],)),) if chosen else (), None)
        if self._selection.holds_all(family.metric):
            tracks: tuple[SeriesGroup, ...] = (SeriesGroup(header, tuple(heads)),)
        else:
            tracks = tuple(_part(heads[index], family) for index in chosen)
        if not tracks:
            return _Child((), None)
        reader = _Buckets(child, chosen) if isinstance(child, Histogram) else _Quantiles(child, chosen)
        return _Child(tracks, reader)

    def _header(self, family: Family[Any]) -> str:
        """The HELP and TYPE lines. A counter called like a gauge but for `_total` is named in full, as of no type.

        OpenMetrics takes `_total` off, and go_memstats_alloc_bytes would be two families.
        """
        if family.name.endswith("_total") and family.name.removesuffix("_total") in self._names:
            return _untyped(family.name, family.metric.help)
        return family.header(openmetrics=True)

    def _chosen(self, text: str) -> list[int]:
        """Which lines of a child are in the selection."""
        if self._selection.everything:
            return list(range(text.count("\n") - 2))
        if text.endswith("\n") and text.count("\n") == 2:
            return []  # a header alone: a summary before its first quantiles
        families = parse(f"{text}# EOF\n".encode()).families.values()
        samples = [sample for family in families for sample in family.samples]
        return [
            number
            for number, sample in enumerate(samples)
            if self._selection.holds(sample.name, self._scraped(sample.labels))
        ]

    def _scraped(self, labels: Mapping[str, str]) -> dict[str, str]:
        """The labels of a sample as a Prometheus stores them."""
        own = {f"exported_{name}" if name in self._labels else name: value for name, value in labels.items()}
        return {**own, **self._labels}

    def _head(self, line: str) -> str:
        """The line without its value and with the target's labels; a label of the same name becomes `exported_...`."""
        series = line.rpartition(" ")[0]
        name, brace, rest = series.partition("{")
        if not brace:
            return f"{name}{{{self._target}}} "
        if "instance=" in rest:
            rest = rest.replace('instance="', 'exported_instance="', 1)
        return f"{name}{{{self._target},{rest} "


@dataclass(frozen=True, slots=True)
class _Child:
    """The tracks of a child, none where no line of it is chosen; a reader where it has more than one number."""

    tracks: tuple[SeriesGroup, ...]
    reader: Reader | None


class _Buckets:
    """Reads chosen lines of a histogram; those of one that has not changed are kept."""

    __slots__ = ("_child", "_chosen", "_ends", "_numbers", "_seen")

    def __init__(self, child: Histogram, chosen: list[int]) -> None:
        self._child = child
        self._chosen = chosen
        count = len(child.edges) + 1
        # The sum of so many numbers of the slot is that of a bucket, and at last of all; the one after them is `_sum`.
        self._ends = [count if index > count else index + 1 for index in chosen]
        self._seen: list[float] = []
        self._numbers: list[float] = []

    def __call__(self) -> list[float]:
        slot = self._child.slot
        if slot != self._seen:
            self._seen = seen = list(slot)
            if len(self._chosen) > _FEW:
                *counts, total = self._child.numbers()
                numbers = [*counts, total, counts[-1]]
                self._numbers = [numbers[index] for index in self._chosen]
            else:
                self._numbers = [sum(seen[:end]) if end < len(seen) else seen[-1] for end in self._ends]
        return self._numbers


class _Quantiles:
    """Reads chosen lines of a summary."""

    __slots__ = ("_child", "_chosen")

    def __init__(self, child: Summary, chosen: list[int]) -> None:
        self._child = child
        self._chosen = chosen

    def __call__(self) -> list[float]:
        samples = self._child.samples()
        return [samples[index][2] for index in self._chosen] if len(samples) > max(self._chosen) else []


def _part(head: str, family: Family[Any]) -> SeriesGroup:
    """One series of a histogram or summary of which not all is written: OpenMetrics knows it as a family of its own."""
    name = head.partition("{")[0]
    return SeriesGroup(_untyped(name, f"Part of {family.name}."), (head,))


def _untyped(name: str, description: str) -> str:
    return f"# HELP {name} {help_text(description, openmetrics=True)}\n# TYPE {name} unknown\n"


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
    tracks: dict[SeriesGroup, list[Extent]] = field(default_factory=dict)
    samples: int = 0


class Spool:
    """Takes the rows of one pod, one for each step."""

    def __init__(self, path: Path, number: int) -> None:
        self.recording = Recording(path, number)
        self._file = path.open("xb", buffering=0)
        self._offset = 0
        self._layout: RowLayout | None = None
        self._first = self._count = self._room = 0
        self._numbers = array("d")

    def add(self, step: int, layout: RowLayout, row: Sequence[float]) -> None:
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
        self.discard()
        return self.recording

    def discard(self) -> None:
        """Close the file as it is."""
        self._file.close()

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

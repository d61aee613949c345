"""What a history takes from a pod: the numbers of the chosen series, read after each step as a scrape reads them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from regobs.catalog.exposition import parse
from regobs.catalog.model import Kind
from regobs.instrument.children import Histogram, Summary
from regobs.instrument.family import Family
from regobs.instrument.text import help_text, label_pairs
from regobs.simulate.pod import Pod
from regobs.simulate.selection import UP, Selection

_FEW = 4  # lines of a histogram that are read one by one
_UP = "# HELP up Whether the scrape went well.\n# TYPE up gauge\n"


@dataclass(frozen=True, order=True, slots=True)
class Track:
    """Series that stand together in the text: one sample, or all lines of a histogram or summary.

    `header` is that of their family, `heads` are the lines without a value: `name{labels} `.
    """

    header: str
    heads: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """Where the numbers of each track stand in a row: the first of them; how long a row is."""

    tracks: tuple[tuple[Track, int], ...]
    width: int


Reader = Callable[[], Sequence[float]]


class Tap:
    """Reads one pod. The layout of its rows is another object as soon as it differs."""

    def __init__(self, pod: Pod, selection: Selection, job: str) -> None:
        self._pod = pod
        self._selection = selection
        self._labels = {"instance": f"{pod.name}:5001", "job": job, **pod.labels}
        self._target = label_pairs(tuple(self._labels), tuple(self._labels.values()))
        self._up = Track(_UP, (f"{UP}{{{self._target}}} ",))
        self._away = Layout(((self._up, 0),), 1)
        self._known: dict[Any, _Child] = {}
        self._watched: list[tuple[Family[Any], list[Any]]] = []
        self._families: list[Family[Any]] | None = None
        self._names: set[str] = set()
        self._singles: list[Any] = []
        self._readers: list[Reader] = []
        self._layout = self._away

    def read(self) -> tuple[Layout, list[float]]:
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
        tracks: list[tuple[Track, int]] = [(self._up, 0)]
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
        self._layout = Layout(tuple(tracks), width)

    def _child(self, family: Family[Any], child: Any) -> _Child:
        header = self._header(family)
        lines = child.lines(openmetrics=True)
        heads = [self._head(line) for line in lines.splitlines()]
        chosen = self._chosen(header + lines)
        if family.metric.kind not in {Kind.HISTOGRAM, Kind.SUMMARY}:
            return _Child((Track(header, (heads[0],)),) if chosen else (), None)
        if self._selection.holds_all(family.metric):
            tracks: tuple[Track, ...] = (Track(header, tuple(heads)),)
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
            if self._selection.holds(sample.name, {**sample.labels, **self._labels})
        ]

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

    tracks: tuple[Track, ...]
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


def _part(head: str, family: Family[Any]) -> Track:
    """One series of a histogram or summary of which not all is written: OpenMetrics knows it as a family of its own."""
    name = head.partition("{")[0]
    return Track(_untyped(name, f"Part of {family.name}."), (head,))


def _untyped(name: str, description: str) -> str:
    return f"# HELP {name} {help_text(description, openmetrics=True)}\n# TYPE {name} unknown\n"

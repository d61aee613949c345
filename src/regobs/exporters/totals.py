"""What an exporter has counted: exact, restorable, and with a bounded number of names.

Totals are plain numbers in a dictionary, so that a checkpoint can hold them together with the place in the input that
they belong to. A label of which clients choose the values (a namespace, a repository) is *bounded*: at most so many
names have series of their own, all others are summed as `other`.

Which names those are follows a Space-Saving sketch (Metwally, Agrawal, El Abbadi: Efficient computation of frequent and
top-k elements in data streams, 2005). Of N recent events a sketch of m names overestimates a name by at most N / m, and
holds every name with more than N / m of them. `recent`: all counts of the sketch are halved each 100 m events.

What holds at every moment, also after a name gave its place to another: the sum over all series of a metric is its
exact total. A name that gives up its place is added to `other`, which is therefore a step there; the series of a name
counts exactly from its admission on, and what it counted before lies in `other`.
"""

from __future__ import annotations

import logging
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from threading import Lock
from typing import Any

from regobs.catalog.bounded import SKETCH_NAMES
from regobs.catalog.model import Flavor, Kind, Metric
from regobs.common.counts import counted
from regobs.instrument import Instruments
from regobs.instrument.core.text import edge, help_text, label_pairs, number
from regobs.secrets.texts import redacted_text

OTHER = "other"
_HALVED_AFTER = 100  # events for each name of the sketch
_CLEARLY = 2  # a newcomer must be so many times as frequent as the least frequent name that is shown
_SHOWN_LENGTH = 100  # characters of a label value in a warning
_FIRST_REFUSED = 5  # label values in a warning
_LONGEST_NAME = 255  # characters; that of a repository (OCI distribution specification)

Values = tuple[str, ...]

shown_name = lru_cache(maxsize=10_000)(redacted_text)  # a name as a label shows it: clients may put a token into it


class Sketch:
    """Recent events by name in bounded memory (Space-Saving); each event costs the same time, whatever it holds."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._counts: dict[str, tuple[int, int]] = {}  # name to its events, and by how much they may be too many
        self._by_count: dict[
            int, dict[str, None]
        ] = {}  # the names of each count, in the order in which they came to it
        self._least = 1

    def note(self, name: str, events: int = 1) -> int:
        """Note events; how many the name had at least."""
        count, error = self._counts.get(name, (0, 0))
        if count:
            self._take(name)
        elif len(self._counts) >= self._most:
            error = count = self._least
            self._take(next(iter(self._by_count[self._least])))
        self.put(name, count + events, error)
        return count + events - error

    def put(self, name: str, count: int, error: int = 0) -> None:
        """Hold a name with this count."""
        self._least = min(self._least, count) if self._counts else count
        self._counts[name] = (count, error)
        self._by_count.setdefault(count, {})[name] = None

    def drop(self, name: str) -> None:
        """Forget a name."""
        if name in self._counts:
            self._take(name)

    def halve(self) -> None:
        """Halve every count."""
        halves = [(name, count // 2, error // 2) for name, (count, error) in self._counts.items()]
        self._load((name, count, error) for name, count, error in halves if count)

    def data(self) -> list[list[Any]]:
        """Everything, for a checkpoint."""
        return [[name, count, error] for name, (count, error) in self._counts.items()]

    def _load(self, rows: Iterable[tuple[str, int, int]]) -> None:
        self._counts, self._by_count = {}, {}
        for name, count, error in rows:
            self.put(name, count, error)

    def load(self, rows: Iterable[Iterable[Any]]) -> None:
        """Go on from a checkpoint; of more names than there is room for, the most frequent."""
        best = sorted((tuple(row) for row in rows), key=lambda row: -row[1])[: self._most]
        self._load((name, count, error) for name, count, error in best)

    def _take(self, name: str) -> None:
        count, _ = self._counts.pop(name)
        names = self._by_count[count]
        del names[name]
        if not names:
            del self._by_count[count]
            if self._by_count and self._least not in self._by_count:
                self._least = min(self._by_count)


class BoundedNames:
    """The names of one label that have series of their own, at most `limit`. What looks like a secret is masked."""

    def __init__(self, limit: int) -> None:
        if limit < 1:
            raise ValueError("at least one name has series of its own")
        self.limit = limit
        self._shown: dict[str, int] = {}  # name to its recent events
        self._sketch = Sketch(limit * SKETCH_NAMES)
        self._events = 0

    @property
    def shown(self) -> tuple[str, ...]:
        """The names that have series of their own."""
        return tuple(self._shown)

    def admit(self, name: str, events: int = 1) -> tuple[str, str | None]:
        """Count events of a name: what it is counted under, and the name that gave up its place for it, or None."""
        self._events += events
        if self._events >= self.limit * SKETCH_NAMES * _HALVED_AFTER:
            self._events = 0
            self._shown = {shown: count // 2 for shown, count in self._shown.items()}
            self._sketch.halve()
        if name not in self._shown and len(name) <= _LONGEST_NAME:
            name = shown_name(name)
        if name in self._shown:
            self._shown[name] += events
            return name, None
        if name == OTHER or not name or len(name) > _LONGEST_NAME:
            return OTHER, None
        if len(self._shown) < self.limit:
            self._shown[name] = events
            return name, None
        sure = self._sketch.note(name, events)
        if sure <= _CLEARLY:
            return OTHER, None
        coldest = min(self._shown, key=self._shown.__getitem__)
        if sure <= _CLEARLY * self._shown[coldest]:
            return OTHER, None
        self._sketch.drop(name)
        self._sketch.put(coldest, max(1, self._shown.pop(coldest)))
        self._shown[name] = sure
        return name, coldest

    def data(self) -> dict[str, Any]:
        """Everything, for a checkpoint."""
        return {"shown": dict(self._shown), "sketch": self._sketch.data(), "events": self._events}

    def load(self, data: Mapping[str, Any]) -> list[str]:
        """Go on from a checkpoint; the names that have no place any more.

        The limit may be lower now, and earlier versions did not mask what looks like a secret.
        """
        self._events = data["events"]
        self._sketch.load(row for row in data["sketch"] if shown_name(row[0]) == row[0])
        hottest = sorted(data["shown"].items(), key=lambda item: (-item[1], item[0]))
        self._shown = dict([item for item in hottest if shown_name(item[0]) == item[0]][: self.limit])
        return [name for name, _ in hottest if name not in self._shown]


@dataclass(frozen=True, slots=True)
class Refused:
    """What the ceiling of a metric refused: how often, and the labels of the first that it did, cut to a length."""

    metric: str
    ceiling: int
    times: int
    first: tuple[Mapping[str, str], ...]

    def __str__(self) -> str:
        """The same in words."""
        first = "; ".join(", ".join(f"{label}={value}" for label, value in one.items()) for one in self.first)
        what = f"{self.metric}: the ceiling of {self.ceiling:,} series is reached"
        return f"{what}, counted as `other` {counted(self.times, 'time')}, first {first}"


class Totals:
    """Counters and histograms by metric and label values. Who changes them while scrapes read holds `lock`.

    `ceiling` bounds the series of one metric, the one whose values are all `other` among them: a place is kept for it.
    Values beyond it are counted there, and `log_refused` names them.
    """

    def __init__(self, metrics: Iterable[Metric], *, ceiling: int = 5_000) -> None:
        self.lock = Lock()  # of who changes totals while another thread reads `families`
        self.ceiling = ceiling
        self._refused: dict[str, tuple[int, dict[Values, None]]] = {}  # by metric since the last warning
        self._metrics = {metric.name: metric for metric in metrics}
        self._numbers: dict[str, dict[Values, Any]] = {name: {} for name in self._metrics}

    def add(self, metric: Metric, values: Values, amount: float = 1) -> None:
        """Count: the values of the labels stand in the order of the metric's labels."""
        series = self._numbers[metric.name]
        place = values if values in series else self._place(metric, values)
        series[place] = series.get(place, 0) + amount

    def observe(self, metric: Metric, values: Values, value: float) -> None:
        """Put a value into a histogram."""
        series = self._numbers[metric.name]
        bounds = self.bounds(metric)
        place = values if values in series else self._place(metric, values)
        row = series.setdefault(place, [0] * (len(bounds) + 1) + [0.0])
        row[bisect_left(bounds, value)] += 1
        row[-1] += value

    def merge(self, metric: Metric, values: Values, row: list[Any]) -> None:
        """Add the values of a histogram that were counted elsewhere: one number a bucket, then their sum."""
        series = self._numbers[metric.name]
        place = values if values in series else self._place(metric, values)
        before = series.get(place)
        series[place] = row if before is None else [one + other for one, other in zip(row, before, strict=True)]

    def value(self, metric: Metric, values: Values) -> int:
        """What a counter has counted there."""
        return int(self._numbers[metric.name].get(values, 0))

    def total(self, metric: Metric) -> int:
        """The sum over all series of a counter, or the number of values in a histogram."""
        rows = self._numbers[metric.name].values()
        return sum(sum(row[:-1]) for row in rows) if metric.kind is Kind.HISTOGRAM else sum(rows)

    def label_names(self, metric: str) -> list[str]:
        """The labels of a metric, in the order of their values."""
        return [known.name for known in self._metrics[metric].forms[0].labels]

    def fold(self, label: str, name: str) -> None:
        """Add what a name of a label has counted to `other`, in every metric that has the label."""
        for metric in self._metrics.values():
            names = self.label_names(metric.name)
            if label not in names:
                continue
            at, series = names.index(label), self._numbers[metric.name]
            for values in [values for values in series if values[at] == name]:
                kept, target = series.pop(values), (*values[:at], OTHER, *values[at + 1 :])
                before = series.get(target)
                if before is None:
                    series[target] = kept
                elif isinstance(kept, list):
                    series[target] = [one + other for one, other in zip(kept, before, strict=True)]
                else:
                    series[target] = before + kept

    def data(self) -> dict[str, Any]:
        """Everything, for a checkpoint; JSON of it is read by `load`."""
        return {name: [[list(values), row] for values, row in series.items()] for name, series in self._numbers.items()}

    def load(self, data: Mapping[str, Any]) -> None:
        """Go on from a checkpoint; a metric that is not known, or has other labels or buckets now, is left out."""
        for name, rows in data.items():
            metric = self._metrics.get(name)
            if metric is None:
                continue
            labels, width = len(metric.forms[0].labels), len(self.bounds(metric)) + 2
            for values, row in rows:
                fits = len(row) == width if isinstance(row, list) else metric.kind is not Kind.HISTOGRAM
                if len(values) != labels or not fits:
                    continue
                if isinstance(row, list):
                    self.merge(metric, tuple(values), row)
                else:
                    self.add(metric, tuple(values), row)

    def families(self) -> list[TotalFamily]:
        """What a scrape is shown: the metrics that have series."""
        with self.lock:
            return [TotalFamily(metric, _copied(self._numbers[name])) for name, metric in self._metrics.items()]

    @staticmethod
    def bounds(metric: Metric) -> tuple[float, ...]:
        """The bucket edges of a histogram, none for a counter."""
        return metric.forms[0].buckets or ()

    def refused(self) -> list[Refused]:
        """What the ceiling refused since the last call, a metric at a time."""
        with self.lock:
            refused, self._refused = self._refused, {}
        return [
            Refused(name, self.ceiling, count, tuple(self._shown_labels(name, values) for values in first))
            for name, (count, first) in refused.items()
        ]

    def log_refused(self, log: logging.Logger) -> None:
        """Warn of what the ceiling refused since the last call: one line a metric, with the first values."""
        for one in self.refused():
            shown = {"metric": one.metric, "ceiling": one.ceiling, "times": one.times, "labels": list(one.first)}
            log.warning("series counted as other: the metric has reached its ceiling", extra=shown)

    def _shown_labels(self, name: str, values: Values) -> dict[str, str]:
        return dict(zip(self.label_names(name), (value[:_SHOWN_LENGTH] for value in values), strict=True))

    def _place(self, metric: Metric, values: Values) -> Values:
        """Where values without a series are counted: in one of their own while there is room, `other` has its own."""
        series, other = self._numbers[metric.name], (OTHER,) * len(values)
        if values == other or len(series) + (other not in series) < self.ceiling:
            return values
        count, first = self._refused.setdefault(metric.name, (0, {}))
        if len(first) < _FIRST_REFUSED:
            first[values] = None
        self._refused[metric.name] = (count + 1, first)
        return other


def _copied(series: Mapping[Values, Any]) -> dict[Values, Any]:
    return {values: row[:] if isinstance(row, list) else row for values, row in series.items()}


class TotalFamily:
    """One metric of some totals, as `regobs.instrument.core.exposition` writes it."""

    def __init__(self, metric: Metric, series: Mapping[Values, Any]) -> None:
        self.name = metric.name
        self._metric = metric
        self._names = tuple(label.exposed for label in metric.forms[0].labels)
        self._series = series

    def header(self, *, openmetrics: bool) -> str:
        """The HELP and TYPE lines."""
        name = self.name.removesuffix("_total") if openmetrics else self.name
        text = help_text(self._metric.help, openmetrics=openmetrics)
        return f"# HELP {name} {text}\n# TYPE {name} {self._metric.kind}\n"

    def children(self) -> Iterator[_TotalChild]:
        """Its series, in the order of their label values."""
        bounds = Totals.bounds(self._metric)
        for values in sorted(self._series):
            yield _TotalChild(self.name, label_pairs(self._names, values), self._series[values], bounds)


class _TotalChild:
    __slots__ = ("_bounds", "_name", "_pairs", "_row")

    def __init__(self, name: str, pairs: str, row: Any, bounds: tuple[float, ...]) -> None:
        self._name, self._pairs, self._row, self._bounds = name, pairs, row, bounds

    def lines(self, *, openmetrics: bool) -> str:
        """The sample lines."""
        braces = f"{{{self._pairs}}}" if self._pairs else ""
        if not isinstance(self._row, list):
            return f"{self._name}{braces} {number(self._row)}\n"
        *counts, total = self._row
        before = f"{self._pairs}," if self._pairs else ""
        ends = [*(edge(bound, openmetrics=openmetrics) for bound in self._bounds), "+Inf"]
        sums = list(accumulate(counts))
        rows = [f'{self._name}_bucket{{{before}le="{end}"}} {count}\n' for end, count in zip(ends, sums, strict=True)]
        return "".join(
            [*rows, f"{self._name}_sum{braces} {number(total)}\n", f"{self._name}_count{braces} {sums[-1]}\n"]
        )


class ExporterInstruments(Instruments):
    """The instruments of an exporter process, with its totals in the same exposition."""

    def __init__(self, totals: Iterable[Totals], caps: Mapping[str, int] | None = None) -> None:
        super().__init__(Flavor.GITLAB, caps=caps)
        self._totals = tuple(totals)

    def shown(self) -> list[Any]:
        """The families of the process, and those of the totals."""
        counted = [family for totals in self._totals for family in totals.families()]
        return sorted([*super().shown(), *counted], key=lambda family: str(family.name))

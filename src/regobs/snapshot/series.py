"""The series of a panel on one grid of times: named, cut to what can be drawn, gaps marked."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import groupby

from regobs.grafana.readings import RULE_GROUP, mapped_text, mappings_of
from regobs.prometheus.answers import RangeSeries
from regobs.snapshot.charts import Json, Stretch
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import Asked, TakenPanel

# More lines than this on one chart are not told apart; those with the lowest peaks are left out, and the panel says so.
MOST = 40
# What is larger is drawn as this: times 100, as a share is shown, and added to 40 others it is still a number.
LARGEST = 1e300
_LABEL = re.compile(r"\{\{\s*(\w+)\s*\}\}")


@dataclass(frozen=True, slots=True)
class DrawnSeries:
    """One line: a value for each point of the span, None where there is none.

    `words` are Grafana's mappings of values that are known to lie at or beyond a bucket's edge only.
    """

    name: str
    values: tuple[float | None, ...]
    words: tuple[Json, ...] = ()

    @property
    def peak(self) -> float:
        """The largest value; minus infinity when there is none."""
        return max((value for value in self.values if value is not None), default=-math.inf)

    def beyond(self) -> tuple[Stretch, ...]:
        """The stretches of points that words tell, and the words."""
        if not self.words:
            return ()
        told = [mapped_text(self.words, value) if value is not None else "" for value in self.values]
        runs = [(text, [place for place, _ in run]) for text, run in groupby(enumerate(told), key=lambda one: one[1])]
        return tuple((places[0], places[-1], text) for text, places in runs if text)


def name_of(legend: str, labels: Mapping[str, str], title: str, short: Iterable[tuple[str, str]] = ()) -> str:
    """Grafana's legend with its labels filled in, long values by their `short` words; the title for an empty one."""
    words = dict(short)

    def filled_in(found: re.Match[str]) -> str:
        value = labels.get(found[1], "")
        if found[1] == RULE_GROUP:  # its file's path, which is long and the same for most, stands before it
            return value.rpartition(";")[2]
        return words.get(value, value)

    return " ".join(_LABEL.sub(filled_in, legend).split()) or title


def series_of(panel: TakenPanel, span: TimeSpan) -> tuple[list[DrawnSeries], int]:
    """The series of a panel over time, by query and name, and how many are left out because they are too many."""
    found = [one for asked in panel.asked for one in _of_query(asked, panel.title, span)]
    if len(found) <= MOST:
        return found, 0
    lowest_kept = sorted((one.peak for one in found), reverse=True)[MOST - 1]
    kept = [one for one in found if one.peak >= lowest_kept][:MOST]
    return kept, len(found) - len(kept)


def _of_query(asked: Asked, title: str, span: TimeSpan) -> Iterator[DrawnSeries]:
    ranges = asked.answer.ranges if asked.answer else ()
    named = [(name_of(asked.query.legend, one.labels, title, asked.query.words), one) for one in ranges]
    words = tuple(mappings_of(asked.query))
    for name, one in sorted(named, key=lambda pair: pair[0]):
        values = on_grid(one, span)
        if any(value is not None for value in values):
            yield DrawnSeries(name, values, words)


def on_grid(one: RangeSeries, span: TimeSpan) -> tuple[float | None, ...]:
    """A value for each point of the span; None where there is none, or where it is NaN or infinite."""
    values: list[float | None] = [None] * span.points
    for time, value in one.points:
        index = round((time - span.first) / span.step)
        if 0 <= index < len(values) and math.isfinite(value):
            values[index] = within_reach(value)
    return tuple(values)


def within_reach(value: float) -> float:
    """A finite value that a chart can compute with."""
    return max(-LARGEST, min(value, LARGEST))


def filled(series: Iterable[DrawnSeries]) -> list[DrawnSeries]:
    """DrawnSeries for a stack: 0 where one has no value and another has, so that those above it stand on something."""
    listed = list(series)
    present = [any(one.values[index] is not None for one in listed) for index in range(len(listed[0].values))]
    return [
        replace(
            one,
            values=tuple(
                0.0 if value is None and there else value for value, there in zip(one.values, present, strict=True)
            ),
        )
        for one in listed
    ]


def buckets_of(panel: TakenPanel, span: TimeSpan) -> list[tuple[float, tuple[float | None, ...]]]:
    """The buckets of a histogram, (upper edge, observations in it alone for each point), lowest first."""
    edges: dict[float, tuple[float | None, ...]] = {}
    for asked in panel.asked:
        for one in asked.answer.ranges if asked.answer else ():
            edges[float(one.labels.get("le", "inf"))] = on_grid(one, span)
    found: list[tuple[float, tuple[float | None, ...]]] = []
    below: tuple[float | None, ...] = (0.0,) * span.points
    for edge in sorted(edges):
        both = zip(edges[edge], below, strict=True)
        found.append((edge, tuple(None if own is None else max(own - (lower or 0.0), 0.0) for own, lower in both)))
        below = edges[edge]
    return found

"""What SLOs counted at each evaluation in the past: from their recorded series, or reckoned from the counters.

Recorded series are read as raw samples (an instant query of a range selector): a range query would repeat a sample for
five minutes where Prometheus was down, and count its events again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from regobs.catalog import slo as names
from regobs.config import Config
from regobs.errors import QueryError
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Duration, Expr, Matcher, MatchOp, Selector
from regobs.promql.printer import to_text
from regobs.promql.scope import inject
from regobs.query.pieces import query_pieces
from regobs.query.times import AskedRange
from regobs.slo.model import Slo, Windows, window_text
from regobs.slo.recording import interval_of, rules_of

Times = NDArray[np.int64]
Numbers = NDArray[np.float64]
ScopeLabels = tuple[tuple[str, str], ...]
Report = Callable[[int, int], None]
_PIECE = 86_400_000  # milliseconds of recorded samples in one request: some 2,880 of each series
_AT_ONCE = 4  # requests; a Prometheus evaluates 20 at a time for all who ask
_OWN_LABELS = {"__name__", "slo", "operation", "sli"}


@dataclass(frozen=True, slots=True)
class SloPast:
    """What one SLO counted in one scope: at each evaluation (milliseconds since 1970) events, and bad ones of them.

    `reckoned` from the counters, not recorded by rules.
    """

    slo: str
    scope: ScopeLabels
    times: Times
    events: Numbers
    bad: Numbers
    reckoned: bool = field(default=False, kw_only=True)

    @property
    def name(self) -> str:
        """The SLO, with the labels of its scope where it has some."""
        return self.named(self.slo, self.scope)

    @staticmethod
    def named(slo: str, scope: ScopeLabels) -> str:
        """The name of an SLO in a scope."""
        return " ".join((slo, *(value for _, value in scope)))

    def watched(self, span: tuple[int, int], every: int) -> float:
        """The share of a span that was evaluated, one evaluation `every` so many milliseconds."""
        return min(len(self.between(*span).times) * every / (span[1] - span[0]), 1.0)

    def between(self, start: int, end: int) -> SloPast:
        """The evaluations after `start`, up to `end`."""
        first, last = np.searchsorted(self.times, (start, end), side="right")
        return replace(self, times=self.times[first:last], events=self.events[first:last], bad=self.bad[first:last])


def joined(before: SloPast, after: SloPast) -> SloPast:
    """Two pasts of one SLO and scope, the one right before the other."""
    pairs = ((getattr(before, name), getattr(after, name)) for name in ("times", "events", "bad"))
    times, events, bad = (np.concatenate(pair) for pair in pairs)
    return replace(after, times=times, events=events, bad=bad)


def read_recorded(
    server: Prometheus, slos: Sequence[Slo], windows: Windows, config: Config, span: tuple[int, int], *, report: Report
) -> list[SloPast]:
    """What the rules recorded in a span (milliseconds since 1970, its beginning excluded). Raises ServerError."""
    return _PastReader(server, windows, config, span, report).recorded(slos)


def read_past(
    server: Prometheus,
    slos: Sequence[Slo],
    windows: Windows,
    config: Config,
    span: tuple[int, int],
    *,
    from_counters: bool = False,
    report: Report | None = None,
) -> list[SloPast]:
    """The past of each SLO in a span (milliseconds since 1970, its beginning excluded), in each scope that has one.

    What has no recorded series in that time is reckoned from the counters, which costs the server more; with
    `from_counters` all of it. Raises ServerError.
    """
    reader = _PastReader(server, windows, config, span, report)
    found = [] if from_counters else reader.recorded(slos)
    have = {one.slo for one in found}
    found += reader.reckoned([slo for slo in slos if slo.name not in have])
    order = {slo.name: place for place, slo in enumerate(slos)}
    return sorted(found, key=lambda one: (order[one.slo], one.scope))


Samples = dict[tuple[str, ScopeLabels], tuple[Times, Numbers]]


class _PastReader:
    """Asks one server about one span; the report is told how many requests are done."""

    def __init__(
        self, server: Prometheus, windows: Windows, config: Config, span: tuple[int, int], report: Report | None
    ) -> None:
        self._server, self._windows, self._config = server, windows, config
        self._start, self._end = span
        self._report, self._done, self._whole = report, 0, 0

    def _told(self) -> None:
        self._done += 1
        if self._report is not None:
            self._report(self._done, self._whole)

    def recorded(self, slos: Sequence[Slo]) -> list[SloPast]:
        """By the interval of their evaluation: SLOs that count slices have another name for it than the rest."""
        groups: dict[str, list[str]] = defaultdict(list)
        for slo in slos:
            groups[window_text(interval_of(slo, self._windows, self._config))].append(slo.name)
        pieces = [(at, min(at + _PIECE, self._end)) for at in range(self._start, self._end, _PIECE)]
        self._whole += 2 * len(groups) * len(pieces)
        found: list[SloPast] = []
        for every, members in groups.items():
            events = self._samples(names.EVENTS(every).name, members, pieces)
            found += _together(events, self._samples(names.BAD_EVENTS(every).name, members, pieces))
        return found

    def _samples(self, series: str, members: Sequence[str], pieces: Sequence[tuple[int, int]]) -> Samples:
        """The raw samples of a recorded metric, piece by piece, by SLO and scope."""
        mine = Matcher("slo", MatchOp.REGEX, "|".join(members))
        scoped = inject(Selector(series, matchers=(mine,)), self._config.rules_scope)
        assert isinstance(scoped, Selector)  # noqa: S101 - a scope adds matchers to it
        parts: dict[tuple[str, ScopeLabels], list[Numbers]] = defaultdict(list)

        def ask(piece: tuple[int, int]) -> list[tuple[dict[str, str], Numbers]]:
            start, end = piece
            # 1 ms short: Prometheus 2 counts a sample at the very beginning of a range, Prometheus 3 does not
            text = to_text(replace(scoped, range=Duration(end - start - 1)))
            return [(dict(one.labels), np.array(one.points)) for one in self._server.query(text, end / 1000).ranges]

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for answer in pool.map(ask, pieces):
                for labels, points in answer:
                    if len(points):
                        parts[labels.get("slo", ""), scope_of(labels)].append(points)
                self._told()
        return {key: _in_order(np.concatenate(arrays)) for key, arrays in parts.items()}

    def reckoned(self, slos: Sequence[Slo]) -> list[SloPast]:
        """What the rules would have recorded, at multiples of their interval."""
        self._whole += len(slos)
        found: list[SloPast] = []
        for slo in slos:
            step = interval_of(slo, self._windows, self._config).ms
            asked = AskedRange(-(-(self._start + 1) // step) * step, self._end // step * step, step)
            if asked.start <= asked.end:
                total, bad = (rule.expr for rule in rules_of(slo, self._windows, self._config)[:2])
                found += _together(self._ranged(slo, total, asked), self._ranged(slo, bad, asked))
            self._told()
        return [replace(one, reckoned=True) for one in found]

    def _ranged(self, slo: Slo, expr: Expr, asked: AskedRange) -> Samples:
        try:
            answer = query_pieces(self._server, to_text(expr), asked)
        except QueryError as error:
            error.next_step = f"ask about less time, or about one SLO: {slo.name} is reckoned from its counters"
            raise
        found = ((scope_of(dict(one.labels)), np.array(one.points)) for one in answer.ranges)
        return {(slo.name, scope): _in_order(points) for scope, points in found if len(points)}


def _in_order(points: Numbers) -> tuple[Times, Numbers]:
    times, first = np.unique(np.rint(points[:, 0] * 1000).astype(np.int64), return_index=True)
    return times, points[first, 1]


def scope_of(labels: Mapping[str, str]) -> ScopeLabels:
    """The labels of a recorded series that tell its registry from others."""
    return tuple(sorted((name, value) for name, value in labels.items() if name not in _OWN_LABELS))


def _together(events: Samples, bad: Samples) -> Iterator[SloPast]:
    """Both series of each SLO at the evaluations that have both."""
    for (slo, scope), (times, values) in events.items():
        if (slo, scope) not in bad:
            continue
        others, failed = bad[slo, scope]
        common, here, there = np.intersect1d(times, others, assume_unique=True, return_indices=True)
        yield SloPast(slo, scope, common, values[here], failed[there])

"""Backtests in pieces of time: what is read of a piece is replayed and forgotten, however long the span is."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from regobs.budgets.backtest import Objectives, Replay
from regobs.budgets.past import Report, ScopeLabels, SloPast, read_past, read_recorded
from regobs.budgets.replay import AlertReplay, FiredAlert
from regobs.prometheus import Prometheus
from regobs.slo.model import Slo, Windows
from regobs.slo.recording import interval_of

PIECE = 4 * 86_400_000  # milliseconds that are held at a time; at least the longest window is held beside
_PARTS = 100  # of a piece, for the report


def replayed(
    server: Prometheus,
    objectives: Sequence[Objectives],
    span: tuple[int, int],
    *,
    from_counters: bool = False,
    report: Report | None = None,
    piece: int = PIECE,
) -> list[Replay]:
    """The alerts of each of the objectives over a span. Raises ServerError.

    What was counted is read once where the indicators of an SLO are the same in both; targets and windows change
    nothing in it. An SLO without recorded series in all this time, or whose indicator differs from that of the first
    objectives, is reckoned from its counters.
    """
    first, before = objectives[0], max(one.longest() for one in objectives)
    stream = _Stream(server, first.windows, (span[0] - before, span[1]), piece, report)
    runs = [_Run(one, first.windows, span) for one in objectives]
    recorded = {slo.name: slo.indicator for slo in first.slos}
    shared = [{slo.name for slo in one.slos if recorded.get(slo.name) == slo.indicator} for one in objectives]
    pairs = list(zip(runs, shared, strict=True))
    seen: set[str] = set()
    for past in () if from_counters else stream.recorded(first):
        seen.add(past.slo)
        _feed(pairs, past)
    for past in stream.reckoned(first, [slo for slo in first.slos if slo.name not in seen]):
        _feed(pairs, past)
    for run, known in pairs:
        for past in stream.reckoned(run.objectives, [slo for slo in run.objectives.slos if slo.name not in known]):
            run.feed(past)
    return [run.ended() for run in runs]


def _feed(runs: Iterable[tuple[_Run, set[str]]], past: SloPast) -> None:
    for run, known in runs:
        if past.slo in known:
            run.feed(past)


class _Stream:
    """The past of SLOs, piece by piece in the order of time."""

    def __init__(
        self, server: Prometheus, windows: Windows, span: tuple[int, int], piece: int, report: Report | None
    ) -> None:
        self._server, self._windows, self._report = server, windows, report
        self._pieces = [(at, min(at + piece, span[1])) for at in range(span[0], span[1], piece)]

    def recorded(self, objectives: Objectives) -> Iterator[SloPast]:
        """From the recorded series."""
        for place, piece in enumerate(self._pieces):
            told = self._told(place)
            slos, config = objectives.slos, objectives.config
            yield from read_recorded(self._server, slos, self._windows, config, piece, report=told)

    def reckoned(self, objectives: Objectives, slos: Sequence[Slo]) -> Iterator[SloPast]:
        """From the counters."""
        for place, piece in enumerate(self._pieces if slos else ()):
            told, config = self._told(place), objectives.config
            yield from read_past(self._server, slos, self._windows, config, piece, from_counters=True, report=told)

    def _told(self, place: int) -> Report:
        """A report of one piece, as a part of all."""

        def told(done: int, whole: int) -> None:
            if self._report is not None:
                self._report(place * _PARTS + _PARTS * done // max(whole, 1), len(self._pieces) * _PARTS)

        return told


@dataclass
class _Run:
    """Objectives that are being replayed. `counted` are the windows whose shortest gives the evaluations."""

    objectives: Objectives
    counted: Windows
    span: tuple[int, int]
    replays: dict[tuple[str, ScopeLabels], AlertReplay] = field(default_factory=dict)
    alerts: list[FiredAlert] = field(default_factory=list)
    evaluations: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    watched: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    reckoned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._slos = {slo.name: slo for slo in self.objectives.slos}

    def feed(self, past: SloPast) -> None:
        """The next piece of an SLO in a scope."""
        slo, key = self._slos[past.slo], (past.slo, past.scope)
        every = interval_of(slo, self.counted, self.objectives.config).ms
        if key not in self.replays:
            self.replays[key] = AlertReplay(slo, self.objectives.windows, every)
        self.alerts += self.replays[key].feed(past)
        count = len(past.between(*self.span).times)
        self.evaluations[past.name] += count
        if past.reckoned:
            self.reckoned.add(past.name)
        self.watched[past.name] += count * every / (self.span[1] - self.span[0])

    def ended(self) -> Replay:
        """What came of it."""
        for replay in self.replays.values():
            self.alerts += replay.rest()
        there = {name for name, _ in self.replays}
        order = {slo.name: place for place, slo in enumerate(self.objectives.slos)}
        names = [SloPast.named(*key) for key in sorted(self.replays, key=lambda key: (order[key[0]], key[1]))]
        counted = (one for one in self.alerts if one.end is None or one.end > self.span[0])
        return Replay(
            self.objectives,
            self.span,
            tuple(sorted(counted, key=lambda one: (one.begin, one.slo, one.scope))),
            sum(self.evaluations.values()),
            tuple(name for name in self._slos if name not in there),
            {name: min(self.watched[name], 1.0) for name in names},
            frozenset(self.reckoned),
        )

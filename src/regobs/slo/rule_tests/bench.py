"""One SLO on the test bench: what its rules are fed with."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import cached_property
from typing import Any

from regobs.catalog import slo as names
from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.recording import interval_of
from regobs.slo.rule_tests.counters import FedCounter, counters, scope_labels
from regobs.slo.windows import Step, chain, fitting

Json = dict[str, Any]
MANY = 1_000_000.0  # events or bad events in each fed sample: so many that nothing is an accident
_MANY_BAD = 100  # of them, where all of a budget is spent: one bad event is not told from none
Course = list[tuple[int, float, float]]  # until when (ms), events and bad events of the window then


class Bench:
    """What all tests of one SLO share. Times are in ms; `every` is the interval of its rules."""

    def __init__(self, slo: Slo, windows: Windows, config: Config) -> None:
        self.slo, self.windows, self.config = slo, windows, config
        self.tiers = fitting(slo, windows)
        self.counters: list[FedCounter] = counters(slo, config)
        self.every = interval_of(slo, windows, config).ms
        self.steps: tuple[Step, ...] = chain(windows, slo.period)
        # ALERTS of the evaluation before must be young enough to be seen: less than 5 min, the default of Prometheus
        self.minute = min(240_000, windows.tiers[0].long.ms // 15)

    @cached_property
    def many(self) -> float:
        """Events in each fed sample: of a high target more, for its budget of them has to be more than one or two."""
        return max(MANY, float(_MANY_BAD / self.slo.budget))

    @cached_property
    def labels(self) -> dict[str, str]:
        """Those of every recorded series of the SLO."""
        return {**self.slo.labels, **scope_labels(self.config)}

    @cached_property
    def _matchers(self) -> str:
        return ",".join(f'{label}="{value}"' for label, value in self.labels.items())

    def factor(self, tier: Tier) -> Fraction:
        """The burn rate above which the tier fires."""
        return tier.factor(self.slo.period)

    def limit(self, tier: Tier) -> float:
        """The ratio of bad events above which the tier fires; below 1."""
        return float(self.factor(tier) * Fraction(self.slo.budget))

    def at(self, ms: float, step: int) -> int:
        """The first evaluation at or after a time."""
        return -(-int(ms) // step) * step

    def group(self, name: str, series: Iterable[Json], step: int, **tests: Any) -> Json:
        """One test group of a promtool file, with input series of one value each `step` ms."""
        return {
            "name": f"{self.slo.name}: {name}",
            "interval": window_text(Duration(step)),
            "input_series": list(series),
            **tests,
        }

    def series(self, name: str, values: str) -> Json:
        """A recorded series of this SLO with values in promtool's notation."""
        return {"series": f"{name}{{{self._matchers}}}", "values": values}

    def windows_of(self, courses: Mapping[Duration, Course], step: int) -> list[Json]:
        """Events and bad events of windows, as they would be recorded: nothing else writes them in a test."""
        found = []
        for window, course in courses.items():
            for which, metric in ((1, names.EVENTS), (2, names.BAD_EVENTS)):
                parts, start = [], 0
                for span in course:
                    count = max(-(-(span[0] - start) // step), 1)
                    start += count * step
                    parts.append(f"{span[which]:.6f}+0x{count - 1}")
                found.append(self.series(metric(window_text(window)).name, " ".join(parts)))
        return found

    @cached_property
    def _pieces(self) -> dict[int, tuple[int, ...]]:
        return {step.window.ms: tuple(piece.window.ms for piece in step.pieces) for step in self.steps}

    def made_of(self, window: int, unit: int) -> bool:
        """Whether a window (ms) is that unit, or is laid together from nothing else."""
        pieces = self._pieces[window]
        return window == unit or (bool(pieces) and all(self.made_of(piece, unit) for piece in pieces))

    @property
    def first_burn(self) -> int:
        """When the first burn rate is recorded, if counters begin at 0: an increase needs two samples."""
        return self.every

    @cached_property
    def fed(self) -> tuple[Duration, ...]:
        """The windows that are sums of evaluations: a test that feeds them decides all others."""
        return tuple(step.window for step in self.steps if not step.pieces)

"""One SLO on the test bench: its counters, and the times at which its rules first know something."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from regobs.config import Config
from regobs.promql.nodes import Duration
from regobs.slo.counters import Counter, counters
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.traffic import Phase, series_data
from regobs.slo.windows import chain, interval, step_of

Json = dict[str, Any]
MANY = 1_000_000.0  # bad events a step: so many that nothing is an accident


class Bench:
    """What all tests of one SLO share. Times are in ms; `step` is the interval of scrapes and rules."""

    def __init__(self, slo: Slo, windows: Windows, config: Config) -> None:
        self.slo, self.windows, self.config = slo, windows, config
        self.tiers = windows.tiers
        self.counters: list[Counter] = counters(slo, config)
        self.step = interval(windows).ms
        self.sources = {step.window.ms: step.source for step in chain(windows, slo.period)}

    def factor(self, tier: Tier) -> Fraction:
        """The burn rate above which the tier fires."""
        return tier.factor(self.slo.period)

    def limit(self, tier: Tier) -> float:
        """The ratio of bad events above which the tier fires; below 1."""
        return float(self.factor(tier) * Fraction(self.slo.budget))

    def phase(self, ms: int, ratio: float) -> Phase:
        """Heavy traffic with this ratio of bad events; with none, as many good ones as there would be at ratio 1."""
        total = MANY / ratio if ratio else MANY
        return Phase(-(-ms // self.step), total * (1 - ratio), total * ratio)

    def steady(self, ms: int, burn: Fraction) -> Phase:
        """Traffic with this burn rate, until a little after this time."""
        return self.phase(ms + self.step, float(burn * Fraction(self.slo.budget)))

    def first(self, window: Duration) -> int:
        """When a window's first burn rate is recorded, if counters begin at 0.

        increase() needs two samples; a subquery looks at multiples of its step only.
        """
        source = self.sources[window.ms]
        if source is None:
            return self.step
        return -(-self.first(source) // step_of(source).ms) * step_of(source).ms

    def due(self, tier: Tier) -> int:
        """When the alert fires, if the burn begins at 0."""
        return self.first(tier.long) + -(-tier.hold.ms // self.step) * self.step

    def soft_edge(self, window: Duration) -> int:
        """How long an event takes to leave a window: the lengths of the windows it is summed from."""
        source = self.sources[window.ms]
        return 0 if source is None else source.ms + self.soft_edge(source)

    def group(self, name: str, phases: list[Phase], **tests: Any) -> Json:
        """One test group of a promtool file, fed with counters."""
        return self.fed(name, series_data(self.counters, phases), **tests)

    def fed(self, name: str, series: list[dict[str, str]], *, every: int = 0, **tests: Any) -> Json:
        """One test group with input series of its own, one value each `every` ms."""
        return {
            "name": f"{self.slo.name}: {name}",
            "interval": window_text(Duration(every or self.step)),
            "input_series": series,
            **tests,
        }

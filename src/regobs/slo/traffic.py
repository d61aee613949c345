"""Traffic of a generated test: how many events there are in each step, and the counters that result."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from regobs.slo.counters import Counter, Role

_NOISE = 7.0  # times all events of the SLO


@dataclass(frozen=True, slots=True)
class Phase:
    """`steps` steps with so many good and bad events in each."""

    steps: int
    good: float
    bad: float

    def of(self, role: Role) -> float:
        """The events of a step that a counter of this role sees."""
        everything = self.good + self.bad
        return {
            Role.ALL: everything,
            Role.GOOD: self.good,
            Role.BAD: self.bad,
            Role.NOISE: _NOISE * everything,
            Role.NOTHING: 0.0,
        }[role]


def series_data(counters: Iterable[Counter], phases: list[Phase]) -> list[dict[str, str]]:
    """`input_series` of a promtool test: each counter from 0 at time 0."""
    return [{"series": counter.text(), "values": _values(counter, phases)} for counter in counters]


def flat_data(counters: Iterable[Counter], steps: int) -> list[dict[str, str]]:
    """Counters that have counted before and no longer do."""
    return [{"series": counter.text(), "values": f"1000+0x{steps}"} for counter in counters]


def _values(counter: Counter, phases: list[Phase]) -> str:
    value = 0.0
    parts = ["0"]
    for phase in phases:
        growth = phase.of(counter.role) / counter.parts
        parts.append(f"{_text(value + growth)}+{_text(growth)}x{phase.steps - 1}")
        value += growth * phase.steps
    return " ".join(parts)


def _text(value: float) -> str:
    """A number as short as it can be read back, without an exponent: promtool's notation has none."""
    text = f"{value:.6f}".rstrip("0").rstrip(".") if value < 1e15 else f"{value:.0f}"
    return text or "0"

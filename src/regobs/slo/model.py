"""What an SLO is, once read: which events count, which of them are bad, how many may be, and who is told when."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from regobs.errors import Location
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Duration, Selector

_SIZES = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def window_text(window: Duration) -> str:
    """The window as it stands in names and labels: `28d`, never `4w`, because people say it like that."""
    rest, text = window.ms, ""
    for unit, size in _SIZES:
        if rest >= size:
            text += f"{rest // size}{unit}"
            rest %= size
    return text or "0s"


def read_window(text: str) -> Duration | None:
    """A fixed duration above zero, or None."""
    found = read_duration(text)
    return found if found is not None and found.ms > 0 and not found.macro else None


@dataclass(frozen=True, slots=True)
class Source:
    """Events: a selector of counters, or of a histogram whose observations of at most `at_most` count (None: all).

    `selector` is unbound, or written in the names of GitLab's registry.
    """

    selector: Selector
    at_most: Decimal | None
    location: Location


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective over one kind of event. `part` holds the bad events if `part_is_bad`, else the good ones."""

    name: str
    title: str
    description: str
    operation: str
    sli: str
    total: Source
    part: Source
    part_is_bad: bool
    target: Decimal
    period: Duration
    location: Location

    @property
    def budget(self) -> Decimal:
        """The fraction of events that may be bad, exactly."""
        return 1 - self.target

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every series and alert of this SLO carries."""
        return {"slo": self.name, "operation": self.operation, "sli": self.sli}


@dataclass(frozen=True, slots=True)
class Tier:
    """One speed of burning: `share` of the period's budget spent within `long` raises an alert of `severity`.

    The alert waits for `hold` (`for` in a rule) and ends once `short` shows that the burn is over.
    """

    long: Duration
    short: Duration
    share: Decimal
    hold: Duration
    severity: str
    location: Location

    @property
    def name(self) -> str:
        """How labels call the tier: its long window."""
        return window_text(self.long)

    def factor(self, period: Duration) -> Fraction:
        """The burn rate above which the alert fires, exactly: share x period / long window."""
        return Fraction(self.share) * period.ms / self.long.ms


@dataclass(frozen=True, slots=True)
class Windows:
    """The burn-rate tiers, fastest first, and the confidence (0 to 1) that a burn must be no accident."""

    tiers: tuple[Tier, ...]
    confidence: Decimal

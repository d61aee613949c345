"""What an SLO is, once read: which events count, which of them are bad, how many may be, and who is told when."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction

from regobs.errors import Location
from regobs.promql.durations import read_duration
from regobs.promql.nodes import Duration, Expr, Selector

DAY = 86_400_000  # milliseconds
_SIZES = (("d", DAY), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1))


def window_text(window: Duration) -> str:
    """The window as it stands in names and labels: `28d`, never `4w`, because people say it like that."""
    rest, text = window.ms, ""
    for unit, size in _SIZES:
        if rest >= size:
            text += f"{rest // size}{unit}"
            rest %= size
    return text or "0s"


def read_window(text: str, *, zero: bool = False) -> Duration | None:
    """A fixed duration above zero (with `zero`: or zero), or None."""
    found = read_duration(text)
    return found if found is not None and (found.ms > 0 or (zero and found.ms == 0)) and not found.macro else None


@dataclass(frozen=True, slots=True)
class EventSource:
    """Events: a selector of counters, or of a histogram whose observations of at most `at_most` count (None: all).

    `selector` is unbound, or written in the names of GitLab's registry.
    """

    selector: Selector
    at_most: Decimal | None
    location: Location


@dataclass(frozen=True, slots=True)
class Ratio:
    """Bad events of all events. `part` holds the bad events if `part_is_bad`, else the good ones."""

    total: EventSource
    part: EventSource
    part_is_bad: bool


@dataclass(frozen=True, slots=True)
class Limit:
    """A value that is good while it is `op` (`<=`, `<`, `>=` or `>`) a number; each evaluation is an event."""

    value: Expr
    op: str
    number: Decimal
    location: Location


class Budgeting(StrEnum):
    """What the error budget is counted in: OpenSLO's budgeting methods."""

    OCCURRENCES = "Occurrences"  # events
    TIMESLICES = "Timeslices"  # slices of time, each good or bad
    RATIO_TIMESLICES = "RatioTimeslices"  # slices of time, each bad by its share of bad events


class CalendarSpan(StrEnum):
    """A part of the calendar that a budget belongs to, in UTC; the values are OpenSLO's durations."""

    DAY = "1d"
    WEEK = "1w"  # from Monday
    MONTH = "1M"


@dataclass(frozen=True, slots=True)
class Period:
    """The time that an error budget is for: the last `length`, or a span of the calendar that is at most so long."""

    length: Duration
    span: CalendarSpan | None = None

    @property
    def text(self) -> str:
        """As it stands in names: `28d`; of the calendar `1M`, `168h` and `24h`, as no window of a tier is called."""
        if self.span is None or self.span is CalendarSpan.MONTH:
            return self.span or window_text(self.length)
        return f"{self.length.ms // 3_600_000}h"

    @property
    def words(self) -> str:
        """As it stands in sentences."""
        return f"this {self.span.name.lower()}" if self.span else window_text(self.length)


@dataclass(frozen=True, slots=True)
class Slo:
    """One objective over one kind of event. `slice_target` and `slice_length` are of time slices.

    `period_location` is where its document says its period; None where it is that of regobs.toml. `target_location` is
    where its target is said, by the document or by regobs.toml.
    """

    name: str
    title: str
    description: str
    operation: str
    sli: str
    indicator: Ratio | Limit
    target: Decimal
    period: Period
    location: Location
    budgeting: Budgeting = Budgeting.OCCURRENCES
    slice_target: Decimal | None = None
    slice_length: Duration | None = None
    slice_location: Location | None = None  # where its document says how long a slice is
    severity: str | None = None  # of all its alerts, whatever the tiers say
    period_location: Location | None = None
    target_location: Location | None = field(default=None, compare=False)  # a target is the same wherever it is said

    @property
    def budget(self) -> Decimal:
        """The fraction of events that may be bad, exactly."""
        return 1 - self.target

    @property
    def at_most(self) -> Decimal | None:
        """The threshold in a histogram, if there is one."""
        return self.indicator.part.at_most if isinstance(self.indicator, Ratio) else None

    @property
    def counted(self) -> str:
        """What its events are called in a sentence."""
        if self.slice_length is not None:
            return f"slices of {window_text(self.slice_length)}"
        return "events" if isinstance(self.indicator, Ratio) else "measurements"

    @property
    def labels(self) -> dict[str, str]:
        """The labels that every series and alert of this SLO carries."""
        return {"slo": self.name, "operation": self.operation, "sli": self.sli}


@dataclass(frozen=True, slots=True)
class Tier:
    """One speed of burning: `share` of the period's budget spent within `long` raises an alert of `severity`.

    The alert waits for `hold` (`for` in a rule), begins only while `short` burns too, and ends once the short windows
    show that the burn is over.
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

    def factor(self, period: Period) -> Fraction:
        """The burn rate above which the alert fires, exactly: share x period / long window."""
        return Fraction(self.share) * period.length.ms / self.long.ms


@dataclass(frozen=True, slots=True)
class Windows:
    """The burn-rate tiers, fastest first, and the confidence (0 to 1) that a burn must be no accident."""

    tiers: tuple[Tier, ...]
    confidence: Decimal

    def of(self, slo: Slo) -> Windows:
        """Those of an SLO: with its own severity, if it has one."""
        if slo.severity is None:
            return self
        return replace(self, tiers=tuple(replace(tier, severity=slo.severity) for tier in self.tiers))

    def shorts(self, severity: str) -> tuple[Duration, ...]:
        """The short windows of the tiers of a severity, shortest first."""
        return tuple(sorted({one.short for one in self.tiers if one.severity == severity}, key=lambda one: one.ms))

    def reference(self, severity: str) -> Duration:
        """The long window of the fastest tier of a severity: what its short windows are compared with."""
        return next(one.long for one in self.tiers if one.severity == severity)

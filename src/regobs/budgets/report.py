"""What became of error budgets in a span: for the review of a month, beside the span before it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta, tzinfo
from itertools import count

import numpy as np

from regobs.budgets.backtest import Objectives
from regobs.budgets.past import SloPast, read_past
from regobs.budgets.replay import BurnWindows, fired_alerts
from regobs.catalog.model import Metric
from regobs.config import Config
from regobs.prometheus import Prometheus
from regobs.promql.build import zero_filled
from regobs.promql.nodes import Aggregate, Call, Duration, Expr
from regobs.promql.printer import to_text
from regobs.promql.unavailable import Unavailable
from regobs.slo.model import Budgeting, EventSource, Ratio, Slo, Windows
from regobs.slo.recording import bound, interval_of, selector_of
from regobs.slo.windows import base

LEAST_SHARE = 0.005  # of the budget that a burn must have spent to be listed
MOST_BURNS, MOST_OFFENDERS = 10, 5
OFFENDER_LABELS = ("route", "code", "instance")
_QUIET = 1_800_000  # milliseconds without a burn that end a stretch: the longest short window of a page
POINTS = 200  # of a line of the budget


@dataclass(frozen=True, slots=True)
class Spending:
    """What was counted in a span. `spent` is the share of the span's own error budget; None without events."""

    events: float
    bad: float
    achieved: float | None
    spent: float | None


@dataclass(frozen=True, slots=True)
class BurnStretch:
    """A time in which the budget burned faster than sustainable, to its last bad event; milliseconds since 1970.

    `share` of the span's budget was spent in it, `peak` is the highest burn rate of the shortest window, and `tiers`
    are those whose alert fired.
    """

    begin: int
    end: int
    bad: float
    share: float
    peak: float
    tiers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offender:
    """A value of a label with the bad events that have it, and their share of all bad events."""

    label: str
    value: str
    bad: float
    share: float


@dataclass(frozen=True, slots=True)
class SloReport:
    """One SLO in one scope.

    `watched` is the share of the span that was evaluated, `watched_before` that of the span before, `course` is
    (milliseconds since 1970, share of the span's budget that was left then). `reckoned` from the counters.
    """

    slo: Slo
    name: str
    watched: float
    watched_before: float
    now: Spending
    before: Spending
    days: tuple[tuple[str, Spending], ...]
    course: tuple[tuple[int, float], ...]
    burns: tuple[BurnStretch, ...]
    offenders: tuple[Offender, ...]
    reckoned: bool

    @property
    def by_counters(self) -> float | None:
        """All bad events as the counters grew over the whole span, of which `offenders` are shares.

        Evaluations, which all else here sums, miss what docs/slo.md says of a counter that begins, and what came while
        they lacked scrapes. None where that cannot be compared: without offenders, and where slices are counted.
        """
        if not self.offenders or self.slo.budgeting is not Budgeting.OCCURRENCES:
            return None
        return self.offenders[0].bad / self.offenders[0].share


def month_span(year: int, month: int, zone: tzinfo) -> tuple[tuple[int, int], tuple[int, int]]:
    """A calendar month in a time zone and the month before it, in milliseconds since 1970.

    It has an hour more or less where clocks change in it.
    """

    def begin(months: int) -> int:
        whole = year * 12 + month - 1 + months
        return round(datetime(whole // 12, whole % 12 + 1, 1, tzinfo=zone).timestamp() * 1000)

    return (begin(0), begin(1)), (begin(-1), begin(0))


def span_before(span: tuple[int, int], zone: tzinfo) -> tuple[int, int]:
    """As much time before a span; of whole days of a zone as many days, though one of them has 23 or 25 hours."""
    begin, end = (datetime.fromtimestamp(one / 1000, zone).date() for one in span)
    if (_midnight(begin, zone), _midnight(end, zone)) != span:
        return 2 * span[0] - span[1], span[0]
    return _midnight(begin - (end - begin), zone), span[0]


def spending(past: SloPast, slo: Slo) -> Spending:
    """What was counted, and the share of its error budget that this spent."""
    events, bad = float(past.events.sum()), float(past.bad.sum())
    if events <= 0:
        return Spending(events, bad, None, None)
    return Spending(events, bad, 1 - bad / events, bad / events / float(slo.budget))


def slo_reports(
    server: Prometheus,
    objectives: Objectives,
    span: tuple[int, int],
    before: tuple[int, int],
    zone: tzinfo,
    *,
    from_counters: bool = False,
    report: Callable[[int, int], None] | None = None,
) -> list[SloReport]:
    """The report of each SLO that has data in the span, in each scope. Raises ServerError."""
    windows, config = objectives.windows, objectives.config
    wide = (min(before[0], span[0] - objectives.longest()), span[1])
    pasts = read_past(server, objectives.slos, windows, config, wide, from_counters=from_counters, report=report)
    by_name = {slo.name: slo for slo in objectives.slos}
    found = []
    for past in pasts:
        slo = by_name[past.slo]
        now = past.between(*span)
        if len(now.times):
            every = interval_of(slo, windows, config).ms
            found.append(
                SloReport(
                    slo,
                    past.name,
                    past.watched(span, every),
                    past.watched(before, every),
                    spending(now, slo),
                    spending(past.between(*before), slo),
                    tuple(_days(now, slo, zone)),
                    tuple(_course(now, slo)),
                    tuple(_burns(past, slo, windows, every, span)),
                    tuple(_offenders(server, slo, config, span, past)),
                    past.reckoned,
                )
            )
    return found


def _days(past: SloPast, slo: Slo, zone: tzinfo) -> Iterator[tuple[str, Spending]]:
    """Each calendar day of the zone that was evaluated; an evaluation tells of what came before it."""
    first = datetime.fromtimestamp((int(past.times[0]) - 1) / 1000, zone).date()
    for day in (first + timedelta(days=number) for number in count()):
        begin, end = (_midnight(one, zone) for one in (day, day + timedelta(days=1)))
        if begin >= past.times[-1]:
            break
        part = past.between(begin, end)
        if len(part.times):
            yield f"{day:%Y-%m-%d}", spending(part, slo)


def _midnight(day: date, zone: tzinfo) -> int:
    """When a day of a zone begins, in milliseconds since 1970; the first of two where clocks are set back to it."""
    return round(datetime.combine(day, time.min, zone).timestamp() * 1000)


def _course(past: SloPast, slo: Slo) -> Iterator[tuple[int, float]]:
    events = float(past.events.sum())
    if events <= 0:
        return
    left = 1 - np.cumsum(past.bad) / events / float(slo.budget)
    places = np.unique(np.linspace(0, len(left) - 1, POINTS).astype(int))
    for place in places:
        yield int(past.times[place]), float(left[place])


def _burns(past: SloPast, slo: Slo, windows: Windows, every: int, span: tuple[int, int]) -> list[BurnStretch]:
    """The stretches that spent most, in the order of time."""
    alerts = fired_alerts(past, slo, windows, every)
    rate = BurnWindows(past, slo, windows, every).burn(base(windows).ms)
    events = float(past.between(*span).events.sum())
    inside = (past.times > span[0]) & (past.times <= span[1])
    hot = np.flatnonzero(inside & (np.nan_to_num(rate) > 1))
    if not len(hot) or events <= 0:
        return []
    breaks = np.flatnonzero(np.diff(past.times[hot]) > _QUIET) + 1
    found = []
    for places in np.split(hot, breaks):
        begin, end = int(past.times[places[0]]), int(past.times[places[-1]])
        part = past.between(max(begin - every, span[0]), end)
        bad = float(part.bad.sum())
        share = bad / events / float(slo.budget)
        if share >= LEAST_SHARE:
            fired = (one.tier for one in alerts if one.begin <= end and (one.end is None or one.end > begin))
            last = int(part.times[np.flatnonzero(part.bad)[-1]])  # for minutes more the window still shows what was
            peak = float(rate[places].max())
            found.append(BurnStretch(begin, last, bad, share, peak, tuple(dict.fromkeys(fired))))
    worst = sorted(found, key=lambda one: -one.share)[:MOST_BURNS]
    return sorted(worst, key=lambda one: one.begin)


def _offenders(
    server: Prometheus, slo: Slo, config: Config, span: tuple[int, int], past: SloPast
) -> Iterator[Offender]:
    """Of each label the values with most bad events, from the counters: they have labels, recorded series do not."""
    if not isinstance(slo.indicator, Ratio):
        return
    for label in OFFENDER_LABELS:
        text = _by_label(slo.indicator, label, config, span)
        if text is None:
            continue
        scope = dict(past.scope)
        samples = server.query(text, span[1] / 1000).samples
        mine = [one for one in samples if scope.items() <= dict(one.labels).items() and one.value > 0]
        whole = sum(one.value for one in mine)
        for one in sorted(mine, key=lambda one: -one.value)[:MOST_OFFENDERS]:
            own = {name: value for name, value in one.labels.items() if name not in scope}
            yield Offender(label, " ".join(own.values()), one.value, one.value / whole)


def _by_label(ratio: Ratio, label: str, config: Config, span: tuple[int, int]) -> str | None:
    """The query of bad events by a label; None where the metric has none of this name."""
    metric = ratio.part.selector.metric
    known = isinstance(metric, Metric) and any(form.label(label) for form in metric.forms)
    if label != "instance" and not known:
        return None
    name = config.labels.instance if label == "instance" else label
    part = _grown(ratio.part, name, span)
    if not ratio.part_is_bad:
        total = _grown(ratio.total, name, span)
        part = total - zero_filled(part, total)
    try:
        return to_text(bound(part, config))
    except Unavailable:
        return None


def _grown(source: EventSource, label: str, span: tuple[int, int]) -> Expr:
    ranged = replace(selector_of(source), range=Duration(span[1] - span[0]))
    return Aggregate("sum", Call("increase", (ranged,)), (label,))

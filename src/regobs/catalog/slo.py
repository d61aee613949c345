"""What the recording rules of an SLO write: events, bad events, burn rates, the budget left, and the target.

Events and bad events are kept apart for every window, so that longer windows can be summed from shorter ones; ratios
are only made at the top. The window is part of the name, so these are families of metrics: `EVENTS("1h")` is
`registry:slo_events:increase1h`. `METRICS` holds those of the default windows, `find` any of them.

The shortest window is the interval of evaluation (30s by default): what happened since the evaluation before. Every
other one is a sum of it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache

from regobs.catalog.model import ALL_FLAVORS, Exposer, Form, Kind, Label, Metric, Unit

SLO = Label("slo")
OPERATION = Label("operation")  # what an SLO is about, such as pulls of manifests
LABELS = (SLO, OPERATION, Label("sli", values=("availability", "latency", "freshness")))

# The interval of evaluation, the windows of the bundled windows.yaml, and the period of 28 days.
DEFAULT_WINDOWS = ("30s", "5m", "30m", "1h", "2h", "6h", "1d", "3d", "28d")
DEFAULT_LONG_WINDOWS = ("1h", "6h", "1d", "3d")
DEFAULT_SUMS = ("1h", "2h", "6h", "1d", "3d", "28d")
DEFAULT_RECOVERIES = ("5m_1h", "30m_1h", "2h_1d", "6h_1d")

# `1M` is a calendar month, which PromQL has no unit for.
_WINDOW = re.compile(r"(?:(?:[0-9]+(?:ms|[smhdwy]))+|1M)(?:_(?:(?:[0-9]+(?:ms|[smhdwy]))+|1M))?")
_NO_TRAFFIC = "There is no sample while the window has no event: no traffic is not the same as no failure."


def _metric(name: str, unit: Unit, text: str, *pitfalls: str, signed: bool = False, unscoped: bool = False) -> Metric:
    return Metric(
        name=name,
        kind=Kind.GAUGE,
        unit=unit,
        help=text,
        forms=(Form(flavors=ALL_FLAVORS, labels=LABELS),),
        component="slo",
        exposer=Exposer.RULES,
        pitfalls=pitfalls,
        signed=signed,
        unscoped=unscoped,
    )


@dataclass(frozen=True, slots=True)
class WindowFamily:
    """Metrics that differ only in their window. Calling it with a window as Prometheus writes it (`5m`) gives one."""

    prefix: str
    unit: Unit
    help: str
    pitfalls: tuple[str, ...] = ()

    def __call__(self, window: str) -> Metric:
        """The metric of one window. Raises ValueError for what is no Prometheus duration."""
        return _family_member(self, window)


@cache
def _family_member(family: WindowFamily, window: str) -> Metric:
    if not _WINDOW.fullmatch(window):
        raise ValueError(f"{window!r} is not a window; write it like 5m or 1h30m")
    return _metric(family.prefix + window, family.unit, family.help.format(window=window), *family.pitfalls)


EVENTS = WindowFamily(
    "registry:slo_events:increase",
    Unit.EVENTS,
    "Events that an SLO counted in the last {window}.",
    ("A sum of increases: not always a whole number, because increase() extrapolates over a missed scrape.",),
)
BAD_EVENTS = WindowFamily(
    "registry:slo_bad_events:increase",
    Unit.EVENTS,
    "Events of the last {window} that spent error budget: failed, or slower than the threshold.",
    (
        "Zero, not absent, while there are events and none is bad.",
        "A counter that appears with its first failure starts at 1: that one failure is not counted.",
    ),
)
BURN_RATE = WindowFamily(
    "registry:slo_burn_rate:ratio",
    Unit.TIMES,
    "How many times faster than sustainable the error budget was spent in the last {window}; 1 spends exactly all.",
    (_NO_TRAFFIC,),
)
BUDGET_SPENT = WindowFamily(
    "registry:slo_budget_spent:ratio",
    Unit.RATIO,
    "The part of the whole period's error budget that the last {window} spent.",
    (_NO_TRAFFIC, "The budget of a period that is not over is reckoned from the events so far."),
)
EVALUATIONS = WindowFamily(
    "registry:slo_evaluations:count",
    Unit.SAMPLES,
    "How many evaluations of the last {window} counted the SLO's events; fewer than fit while its rules are young.",
)
RECOVERY = WindowFamily(
    "registry:slo_recovery:evidence",
    Unit.NONE,
    "How strongly a short window says that the burn of a long one is over ({window}: the two), as -ln(probability).",
    ("There is no sample while the short window has more bad events than half of the slowest alert allows.",),
)
BUDGET_REMAINING = _metric(
    "registry:slo_budget_remaining:ratio",
    Unit.RATIO,
    "The part of the error budget of the SLO's whole period that is left; negative when overspent.",
    _NO_TRAFFIC,
    "While the rules are younger than the period, the time that nobody watched counts as time without failures.",
    signed=True,
)
TARGET = _metric(
    "registry:slo_target:ratio",
    Unit.RATIO,
    "The fraction of events that the SLO promises to be good.",
    unscoped=True,
)

FAMILIES = (EVENTS, BAD_EVENTS, BURN_RATE, BUDGET_SPENT, EVALUATIONS, RECOVERY)
METRICS = (
    *(family(window) for family in (EVENTS, BAD_EVENTS) for window in DEFAULT_WINDOWS),
    *(BURN_RATE(window) for window in DEFAULT_WINDOWS[1:]),
    *(BUDGET_SPENT(window) for window in DEFAULT_LONG_WINDOWS),
    *(EVALUATIONS(window) for window in DEFAULT_SUMS),
    *(RECOVERY(windows) for windows in DEFAULT_RECOVERIES),
    BUDGET_REMAINING,
    TARGET,
)


def find(name: str) -> Metric | None:
    """The metric of this name, whatever its window; None when no SLO rule writes such a series."""
    for family in FAMILIES:
        window = name.removeprefix(family.prefix)
        if window != name and _WINDOW.fullmatch(window):
            return family(window)
    return next((metric for metric in (BUDGET_REMAINING, TARGET) if metric.name == name), None)

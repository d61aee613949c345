"""Why the alerts of an SLO are as they are, and how long an outage takes to alert somebody."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import numpy as np

from regobs.budgets.past import Numbers, SloPast, scope_of
from regobs.budgets.replay import fired_alerts
from regobs.budgets.words import percent, time_text
from regobs.catalog import slo as names
from regobs.common.counts import number_text
from regobs.common.screen import PIPE, Screen
from regobs.common.table import table
from regobs.config import Config
from regobs.prometheus import Prometheus
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.printer import to_text
from regobs.promql.scope import inject
from regobs.slo.model import Budgeting, Limit, Slo, Tier, Windows, window_text
from regobs.slo.windows import evidence, fitting

SHARES = (Decimal(1), Decimal("0.1"), Decimal("0.01"))  # of events that an outage lets fail
_START = 1_000_000_000_000  # milliseconds since 1970; any time will do


@dataclass(frozen=True, slots=True)
class TierReason:
    """A tier: the burn rate that it alerts above, and the share of bad events that this is (above 1: none can be)."""

    tier: Tier
    factor: float
    bad_share: float
    outage: float  # seconds of a total outage, after a quiet long window, until the long window is above the factor


@dataclass(frozen=True, slots=True)
class OutageDelay:
    """What an outage of a share of events brings: seconds until a page or ticket, None where none comes."""

    share: Decimal
    rate: float  # events a second
    delays: dict[str, float | None]


def tier_reasons(slo: Slo, windows: Windows) -> list[TierReason]:
    """The tiers of an SLO, fastest first."""
    found = []
    for tier in fitting(slo, windows.of(slo)):
        factor = tier.factor(slo.period)
        bad_share = float(factor) * float(slo.budget)
        found.append(TierReason(tier, float(factor), bad_share, bad_share * tier.long.ms / 1000))
    return found


def outage_delays(slo: Slo, windows: Windows, rates: Sequence[float], every: int) -> list[OutageDelay]:
    """How long outages take to alert at these rates (events a second), each after quiet days with the same traffic.

    The events come evenly; with few of them the real time depends on when they come.
    """
    return [OutageDelay(share, rate, _delays(slo, windows, rate, share, every)) for rate in rates for share in SHARES]


def _delays(slo: Slo, windows: Windows, rate: float, share: Decimal, every: int) -> dict[str, float | None]:
    tiers = fitting(slo, windows.of(slo))
    found: dict[str, float | None] = dict.fromkeys((one.severity for one in tiers), None)
    if not tiers:
        return found
    steps = -(-tiers[-1].long.ms // every) + 1
    past = _outage(slo, rate * every / 1000, share, steps, every)
    begins = int(past.times[steps - 1])  # the evaluation before the outage
    for one in fired_alerts(past, slo, windows, every):
        if one.begin > begins and found[one.severity] is None:
            found[one.severity] = (one.begin - begins) / 1000
    return found


def _outage(slo: Slo, rate: float, share: Decimal, steps: int, every: int) -> SloPast:
    """As many evaluations before the outage as in it, with `rate` events in each."""
    counted = slo.budgeting is Budgeting.OCCURRENCES and not isinstance(slo.indicator, Limit)
    events = steady(rate if counted else 1.0, 2 * steps)
    happening = np.cumsum(events[steps:])
    if isinstance(slo.indicator, Limit):
        failing = happening  # a measurement is beyond its limit or is not
    elif slo.budgeting is Budgeting.TIMESLICES:
        failing = happening * float(share > 1 - (slo.slice_target or slo.target))
    elif slo.budgeting is Budgeting.RATIO_TIMESLICES:
        failing = happening * float(share)
    else:
        failing = np.floor(happening * float(share) + 1e-9)
    bad = np.concatenate((np.zeros(steps), np.diff(failing, prepend=0.0)))
    times = _START + every * np.arange(2 * steps, dtype=np.int64)
    return SloPast(slo.name, (), times, events, bad)


def steady(rate: float, count: int) -> Numbers:
    """Whole events that come evenly, `rate` in each of `count` evaluations."""
    so_far: Numbers = np.floor(rate * np.arange(count + 1) + 1e-9)
    return np.diff(so_far)


def fewest_bad(burn: float, factor: float, confidence: Decimal) -> int:
    """The fewest bad events at a burn rate that are proof enough for a tier; `burn` must be above its factor."""
    least = min(factor, 1.0)
    evidence_of_one = float(np.log(burn / least) + least / burn - 1)
    return max(2, int(np.ceil(float(evidence(confidence)) / evidence_of_one)))


def traffic(server: Prometheus, slo: Slo, windows: Windows, config: Config) -> dict[str, float]:
    """The events a second of an SLO in the longest window of its fastest tier, by scope. Raises ServerError."""
    window = windows.tiers[0].long
    name = names.EVENTS(window_text(window)).name
    asked = inject(Selector(name, matchers=(Matcher("slo", MatchOp.EQUAL, slo.name),)), config.rules_scope)
    return {
        " ".join(value for label, value in scope_of(dict(sample.labels))): 1000 * sample.value / window.ms
        for sample in server.query(to_text(asked)).samples
    }


def as_text(slo: Slo, windows: Windows, delays: Sequence[OutageDelay], every: int, *, on: Screen = PIPE) -> str:
    """For a person: the objective, the tiers with where their numbers come from, and what outages bring."""
    reasons, budget = tier_reasons(slo, windows), float(slo.budget)
    tiers = table(
        ["alert", "long", "short", "share", "burns faster than", "bad of all", "total outage", "proof"],
        [
            [
                one.tier.severity,
                window_text(one.tier.long),
                window_text(one.tier.short),
                percent(float(one.tier.share)),
                number_text(one.factor, 4),
                percent(one.bad_share),
                time_text(one.outage),
                fewest_bad(1 / budget, one.factor, windows.confidence),
            ]
            for one in reasons
        ],
        on=on,
    )
    outages = table(
        ["traffic", "fails", "page after", "ticket after"],
        [
            [
                f"{number_text(one.rate * 60)} a minute",
                percent(float(one.share)),
                *(_delay(one, severity) for severity in ("page", "ticket")),
            ]
            for one in delays
        ],
        on=on,
    )
    return f"""\
{slo.title} ({slo.name})
{slo.description}

Objective: {percent(float(slo.target))} of {slo.counted} are good in {slo.period.words}.
Error budget: {percent(budget)} of them may be bad. Evaluated every {time_text(every / 1000)}.

{tiers}
An alert begins when both windows burn faster than share x period / long, for that spends the share of the budget within
the long window; the short window shows that it goes on. "total outage" is how long everything must fail for that after
quiet hours. "proof" is how many bad events are needed when all fail: fewer could be an accident of a service that keeps
its objective (confidence {percent(float(windows.confidence))}, docs/slo.md).

{outages}
After quiet days with the same even traffic. A ticket is not written while a page fires.
"""


def _delay(one: OutageDelay, severity: str) -> str:
    if severity not in one.delays:
        return "no tier"
    found = one.delays[severity]
    return "never" if found is None else time_text(found)


def as_data(slo: Slo, windows: Windows, reasons: Sequence[TierReason], delays: Sequence[OutageDelay]) -> dict[str, Any]:
    """As JSON; times in seconds."""
    return {
        "slo": slo.name,
        "title": slo.title,
        "description": slo.description,
        "target": float(slo.target),
        "budget": float(slo.budget),
        "period": slo.period.text,
        "confidence": float(windows.confidence),
        "tiers": [
            {
                "long": window_text(one.tier.long),
                "short": window_text(one.tier.short),
                "severity": one.tier.severity,
                "share": float(one.tier.share),
                "factor": one.factor,
                "bad_share": one.bad_share,
                "outage_seconds": one.outage,
            }
            for one in reasons
        ],
        "outages": [
            {"share": float(one.share), "events_per_second": one.rate, "seconds_until": one.delays} for one in delays
        ],
    }

"""Evidence that a burn falls is asked of the windows that could give it: leaving out the others changes no alert."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from regobs.budgets import replay
from regobs.budgets.past import SloPast
from regobs.budgets.replay import fired_alerts
from regobs.promql.nodes import Duration
from regobs.slo.alerts import falling_windows
from regobs.slo.model import Slo, Tier, Windows, window_text
from regobs.slo.windows import fitting
from tests.budgets.courses import EVERY, HOUR, SLO, WINDOWS, past_of

INCIDENTS = 200
TARGETS = (Decimal("0.999"), Decimal("0.99"), Decimal("0.95"))


def every_window(slo: Slo, tier: Tier, windows: Windows) -> list[tuple[str, Duration]]:
    """All short windows of the severities up to a tier's: what was asked before any was left out."""
    tiers = fitting(slo, windows)
    severities = dict.fromkeys(one.severity for one in tiers[: tiers.index(tier) + 1])
    return [(severity, short) for severity in severities for short in windows.shorts(severity)]


def incident(seed: int, budget: float) -> SloPast:
    """2 min to 6 h, 1 to 100 % bad, 1 request a minute to 1,000 a second; the burn goes away slowly."""
    random = np.random.default_rng(seed)

    def between(low: float, high: float) -> float:
        return math.exp(random.uniform(math.log(low), math.log(high)))

    length, share, rate = max(4, round(between(120, 21_600) / 30)), between(0.01, 1), between(1 / 60, 1000)
    begins, ends = 8 * HOUR, 8 * HOUR + length
    shares = np.full(ends + 8 * HOUR, between(0.1, 1) * budget)
    shares[begins:ends] = share
    shares[ends : ends + HOUR] *= between(1, 20)
    events = random.poisson(rate * 30, len(shares)).astype(float)
    return past_of(events, random.binomial(events.astype(int), np.clip(shares, 0, 1)).astype(float))


@pytest.mark.parametrize("target", TARGETS)
def test_no_alert_of_200_incidents_changes_by_the_windows_that_are_left_out(
    target: Decimal, monkeypatch: pytest.MonkeyPatch
) -> None:
    slo = replace(SLO, target=target)
    pasts = [incident(seed, float(slo.budget)) for seed in range(INCIDENTS)]
    fewer = [fired_alerts(past, slo, WINDOWS, EVERY) for past in pasts]
    monkeypatch.setattr(replay, "falling_windows", every_window)
    assert [fired_alerts(past, slo, WINDOWS, EVERY) for past in pasts] == fewer
    assert any(fewer)  # there are alerts that could have changed


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("1h", ["page 5m", "page 30m"]),  # 30m has two bad events, but need not burn
        ("6h", ["page 5m"]),  # 30m burns, and has two bad events
        ("1d", ["page 5m", "page 30m", "ticket 2h", "ticket 6h"]),
        ("3d", ["page 5m", "page 30m", "ticket 2h"]),  # 6h burns, and has two bad events
    ],
)
def test_a_tier_asks_the_windows_of_which_nothing_else_says_that_they_burn(name: str, asked: list[str]) -> None:
    tier = next(tier for tier in fitting(SLO, WINDOWS) if tier.name == name)
    pairs = falling_windows(SLO, tier, WINDOWS)
    assert [f"{severity} {window_text(short)}" for severity, short in pairs] == asked


@pytest.mark.parametrize(
    ("share", "asked"), [("0.1", False), ("0.099", True)], ids=["as high as the lowest rate", "lower"]
)
def test_a_window_is_asked_where_the_factor_lies_below_the_lowest_rate_of_its_severity(share: str, asked: bool) -> None:
    # pages end below 2.8, half of the 5.6 of six hours; the factor of a day is 2.8 with a share of 0.1
    day = replace(WINDOWS.tiers[2], short=WINDOWS.tiers[1].short, share=Decimal(share))
    windows = replace(WINDOWS, tiers=(*WINDOWS.tiers[:2], day))
    assert (("page", day.short) in falling_windows(SLO, day, windows)) == asked

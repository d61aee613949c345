"""What an SLO's alerts wait for, beside numbers that a hand computes."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest

from regobs.budgets.explain import as_text, fewest_bad, outage_delays, tier_reasons
from regobs.slo.model import Budgeting
from tests.budgets.courses import EVERY, SLO, SLOS, WINDOWS

CERTAIN = Decimal("0.99")


def test_factors_and_outages_follow_from_shares() -> None:
    page, _, _, slowest = tier_reasons(SLO, WINDOWS)
    assert page.factor == pytest.approx(0.02 * 28 * 24)
    assert page.bad_share == pytest.approx(13.44 * 0.005)
    assert page.outage == pytest.approx(0.0672 * 3600)
    assert slowest.factor == pytest.approx(float(Fraction(14, 15)))


@pytest.mark.parametrize(("target", "expected"), [("0.999", 2), ("0.95", 3)], ids=["a rare failure", "a frequent one"])
def test_the_fewest_bad_events_are_those_of_the_table_in_the_docs(target: str, expected: int) -> None:
    burn = 1 / (1 - float(target))
    assert fewest_bad(burn, 13.44, CERTAIN) == expected  # docs/slo.md: 2 of 2 at 95 % is silent, 3 of 3 is not


def test_a_total_outage_pages_at_the_first_evaluation_beyond_the_fastest_window() -> None:
    (total, *_) = outage_delays(SLO, WINDOWS, [100.0], EVERY)
    # 6.72 % of an hour are 242 s: the ninth evaluation is the first beyond
    assert total.delays["page"] == 270


def test_a_slight_one_is_a_ticket_and_one_within_the_budget_nothing() -> None:
    _, tenth, hundredth = outage_delays(SLO, WINDOWS, [100.0], EVERY)
    assert tenth.share == Decimal("0.1")
    # 10 % bad reach 6.72 % of an hour after 2,419 s
    assert tenth.delays["page"] is not None
    assert 2419 < tenth.delays["page"] <= 2419 + EVERY / 1000
    assert hundredth.delays["page"] is None
    assert hundredth.delays["ticket"] is not None
    lenient = replace(SLO, target=Decimal("0.98"))
    assert set(outage_delays(lenient, WINDOWS, [100.0], EVERY)[2].delays.values()) == {None}


def test_slices_are_bad_as_a_whole_whatever_the_traffic() -> None:
    sliced = replace(SLO, budgeting=Budgeting.TIMESLICES, slice_target=Decimal("0.95"), slice_length=None)
    busy, idle = (outage_delays(sliced, WINDOWS, [rate], EVERY) for rate in (100.0, 0.001))
    assert [one.delays for one in busy] == [one.delays for one in idle]
    assert busy[0].delays == busy[1].delays  # a tenth of bad events spoils a slice as all of them do
    assert set(busy[2].delays.values()) == {None}


def test_the_text_has_the_tiers_and_the_delays() -> None:
    text = as_text(SLO, WINDOWS, outage_delays(SLO, WINDOWS, [1 / 60], EVERY), EVERY)
    assert "page    1h    5m     2%     13.44              6.72%       4 min 2 s         2\n" in text
    assert "1 a minute  100%   4 min 30 s" in text
    assert all(line == line.rstrip() for line in text.splitlines())


@pytest.mark.parametrize("name", sorted(SLOS))
def test_every_slo_of_the_pack_pages_or_tickets_for_a_total_outage(name: str) -> None:
    total = outage_delays(SLOS[name], WINDOWS, [10.0], EVERY)[0]
    assert any(delay is not None for delay in total.delays.values())

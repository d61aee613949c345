"""Burn-rate tiers."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction
from math import log
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import Location, SloError
from regobs.pack import PackFile
from regobs.promql.nodes import Duration
from regobs.slo.model import Tier, Windows, window_text
from regobs.slo.windows import SAMPLES, base, chain, check_base, evidence, interval, read_windows
from tests.slo.packs import BUNDLED

DAY = 86_400_000
BUNDLED_WINDOWS = read_windows(BUNDLED.file("alerts", "windows.yaml"))
GOOD = "{long: 1h, short: 5m, share: 0.02, for: 2m, severity: page}"


def read(tmp_path: Path, *tiers: str, confidence: str = "0.99") -> Windows:
    path = tmp_path / "windows.yaml"
    path.write_text(f"confidence: {confidence}\ntiers:\n" + "".join(f"  - {tier}\n" for tier in tiers))
    return read_windows(PackFile(path, "windows.yaml", "test"))


@pytest.mark.parametrize(
    ("days", "factors"),
    [
        (28, (Fraction("13.44"), Fraction("5.6"), Fraction("2.8"), Fraction(14, 15))),
        (30, (Fraction("14.4"), 6, 3, 1)),
    ],
)
def test_the_factors_follow_exactly_from_share_period_and_window(days: int, factors: tuple[Fraction, ...]) -> None:
    assert tuple(tier.factor(Duration(days * DAY)) for tier in BUNDLED_WINDOWS.tiers) == factors


def test_the_slower_tiers_wait_longer() -> None:
    holds = [tier.hold.ms for tier in BUNDLED_WINDOWS.tiers]
    assert holds == sorted(set(holds))


@pytest.mark.parametrize(
    ("tier", "line", "column", "expected"),
    [
        ("{long: 1h, short: 7m, share: 0.02, for: 2m, severity: page}", 3, 23, "long = 2, 3, 4"),
        ("{long: 5m, short: 5m, share: 0.02, for: 2m, severity: page}", 3, 23, "long = 2, 3, 4"),
        ("{long: 1h, short: 5m, share: 1.5, for: 2m, severity: page}", 3, 34, "at most 1"),
        ("{long: 1h, short: 5m, share: 0, for: 2m, severity: page}", 3, 34, "more than 0"),
        ("{long: 1x, short: 5m, share: 0.02, for: 2m, severity: page}", 3, 12, "5m or 1h30m"),
        ("{long: 1h, short: 5m, share: 0.02, for: 2m, severity: loud}", 3, 59, "page, ticket"),
        ("{long: 1h, short: 5m, share: 0.02, severity: page}", 3, 5, "the key 'for'"),
    ],
)
def test_a_wrong_tier_is_refused_where_it_stands(
    tmp_path: Path, tier: str, line: int, column: int, expected: str
) -> None:
    with pytest.raises(SloError) as caught:
        read(tmp_path, tier)
    assert caught.value.location == Location(str(tmp_path / "windows.yaml"), line, column)
    assert expected in str(caught.value.expected)
    assert caught.value.next_step


def test_tiers_must_go_from_fast_to_slow(tmp_path: Path) -> None:
    with pytest.raises(SloError, match="out of order") as caught:
        read(tmp_path, GOOD, GOOD)
    assert caught.value.location == Location(str(tmp_path / "windows.yaml"), 4, 12)


@pytest.mark.parametrize(("confidence", "fits"), [("0.5", True), ("0.499", False), ("0.9999", True), ("1", False)])
def test_a_confidence_lies_between_a_coin_and_certainty(tmp_path: Path, confidence: str, fits: bool) -> None:
    if fits:
        assert read(tmp_path, GOOD, confidence=confidence).confidence == Decimal(confidence)
    else:
        with pytest.raises(SloError):
            read(tmp_path, GOOD, confidence=confidence)


@pytest.mark.parametrize(("scrape", "fits"), [(75_000, True), (75_001, False)])
def test_the_shortest_window_must_hold_four_scrapes(tmp_path: Path, scrape: int, fits: bool) -> None:
    windows = read(tmp_path, GOOD)
    if fits:
        check_base(windows, Duration(scrape))
    else:
        with pytest.raises(SloError, match="fewer than 4 scrapes"):
            check_base(windows, Duration(scrape))


def test_the_bundled_windows_are_summed_like_this() -> None:
    steps = chain(BUNDLED_WINDOWS, Duration(28 * DAY))
    sources = {window_text(one.window): one.source and window_text(one.source) for one in steps}
    assert sources == {
        "5m": None,
        "30m": "5m",
        "1h": "5m",
        "2h": "5m",
        "6h": "30m",
        "1d": "2h",
        "3d": "6h",
        "28d": "1h",
    }


@st.composite
def tiers(draw: st.DrawFn) -> Windows:
    found, longest = [], 0
    for _ in range(draw(st.integers(1, 4))):
        short = draw(st.integers(1, 400)) * 5_000
        long = short * draw(st.integers(2, 48))
        if long > longest:
            found.append(Tier(Duration(long), Duration(short), Decimal("0.1"), Duration(1000), "page", Location("")))
            longest = long
    return Windows(tuple(found), Decimal("0.99"))


@given(tiers(), st.integers(1, 60))
def test_every_window_is_made_from_one_that_stands_before_it(windows: Windows, days: int) -> None:
    steps = chain(windows, Duration(days * DAY))
    seen: list[int] = []
    for step in steps:
        if step.source is not None:
            assert step.source.ms in seen
            assert step.source == base(windows) or step.window.ms % (step.source.ms // SAMPLES) == 0
        seen.append(step.window.ms)
    assert [step.window for step in steps if step.source is None] == [base(windows)]
    assert interval(windows).ms * SAMPLES <= base(windows).ms


@given(st.decimals(min_value="0.5", max_value="0.9999", places=4))
def test_the_evidence_is_rounded_up_never_down(confidence: Decimal) -> None:
    exact = log(1 / (1 - float(confidence)))
    assert exact <= float(evidence(confidence)) + 1e-12 < exact + 0.0001 + 1e-9


def test_ninety_nine_percent_ask_for_four_point_six() -> None:
    assert evidence(Decimal("0.99")) == Decimal("4.6052")


@pytest.mark.parametrize(
    ("ms", "text"), [(28 * DAY, "28d"), (5_400_000, "1h30m"), (10_000, "10s"), (1_500, "1s500ms"), (0, "0s")]
)
def test_a_window_is_called_as_people_say_it(ms: int, text: str) -> None:
    assert window_text(Duration(ms)) == text

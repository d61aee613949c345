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
from regobs.slo.model import CalendarSpan, Period, Tier, Windows, window_text
from regobs.slo.windows import base, chain, check_base, evidence, gap, interval, read_windows
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
    assert tuple(tier.factor(Period(Duration(days * DAY))) for tier in BUNDLED_WINDOWS.tiers) == factors


def test_no_bundled_tier_waits() -> None:
    assert {tier.hold.ms for tier in BUNDLED_WINDOWS.tiers} == {0}


def test_a_severity_has_its_short_windows_and_what_they_are_compared_with() -> None:
    shorts = {one: [window_text(short) for short in BUNDLED_WINDOWS.shorts(one)] for one in ("page", "ticket")}
    assert shorts == {"page": ["5m", "30m"], "ticket": ["2h", "6h"]}
    assert window_text(BUNDLED_WINDOWS.reference("page")) == "1h"
    assert window_text(BUNDLED_WINDOWS.reference("ticket")) == "1d"


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


def test_the_bundled_windows_are_laid_together_like_this() -> None:
    steps = chain(BUNDLED_WINDOWS, Period(Duration(28 * DAY)))
    pieces = {
        window_text(step.window): [f"{window_text(one.window)}@{window_text(one.offset)}" for one in step.pieces]
        for step in steps
    }
    assert pieces == {
        "5m": [],
        "30m": [],
        "1h": [],
        "2h": ["1h@0s", "1h@1h"],
        "6h": ["2h@0s", "2h@2h", "2h@4h"],
        "1d": ["6h@0s", "6h@6h", "6h@12h", "6h@18h"],
        "3d": ["1d@0s", "1d@1d", "1d@2d"],
        "28d": [f"3d@{window_text(Duration(3 * DAY * index))}" for index in range(9)] + ["1d@27d"],
    }


@pytest.mark.parametrize(("days", "windows"), [(36, "3d"), (37, "30d"), (90, "30d")])
def test_a_long_period_gets_a_window_in_between(days: int, windows: str) -> None:
    (*_, last) = chain(BUNDLED_WINDOWS, Period(Duration(days * DAY)))
    assert window_text(last.pieces[0].window) == windows
    assert len(last.pieces) <= 12


def test_a_period_of_the_calendar_is_no_window_of_the_chain() -> None:
    steps = chain(BUNDLED_WINDOWS, Period(Duration(31 * DAY), CalendarSpan.MONTH))
    assert window_text(steps[-1].window) == "3d"


@pytest.mark.parametrize(
    ("scrape", "every"), [(1_000, "30s"), (15_000, "30s"), (15_001, "37s500ms"), (30_000, "1m"), (75_000, "2m30s")]
)
def test_two_scrapes_lie_between_evaluations_and_ten_evaluations_in_the_shortest_window(
    scrape: int, every: str
) -> None:
    assert window_text(interval(BUNDLED_WINDOWS, Duration(scrape))) == every


@pytest.mark.parametrize(("window", "far"), [("1h", None), ("2h", "10m"), ("6h", "30m"), ("3d", "30m")])
def test_longer_windows_bear_longer_gaps(window: str, far: str | None) -> None:
    ms = {"1h": 3_600_000, "2h": 7_200_000, "6h": 21_600_000, "3d": 3 * DAY}[window]
    found = gap(Duration(ms))
    assert (found and window_text(found)) == far


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
def test_pieces_lie_end_to_end_and_are_recorded_before(windows: Windows, days: int) -> None:
    seen: list[int] = []
    for step in chain(windows, Period(Duration(days * DAY))):
        end = 0
        for piece in step.pieces:
            assert piece.window.ms in seen
            assert piece.offset.ms == end
            end += piece.window.ms
        assert not step.pieces or step.window.ms - base(windows).ms < end <= step.window.ms
        seen.append(step.window.ms)
    assert seen == sorted(set(seen))


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

"""Moments and ranges as people type them."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.query.times import POINTS, asked_range, moment_text, read_moment, zone_named

NOW = datetime(2026, 6, 17, 15, 30, tzinfo=UTC).timestamp()  # a Wednesday
BERLIN = ZoneInfo("Europe/Berlin")


def read(text: str, zone: str = "UTC") -> str:
    return moment_text(read_moment("--at", text, NOW, zone_named(zone)))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("now", "2026-06-17 15:30:00 UTC"),
        ("now-6h", "2026-06-17 09:30:00 UTC"),
        ("-1h30m", "2026-06-17 14:00:00 UTC"),
        ("now+5m", "2026-06-17 15:35:00 UTC"),
        ("90m ago", "2026-06-17 14:00:00 UTC"),
        ("1781710200", "2026-06-17 15:30:00 UTC"),
        ("1781710200.25", "2026-06-17 15:30:00.250 UTC"),
        ("1781710200250", "2026-06-17 15:30:00.250 UTC"),
        ("2026-06-01", "2026-06-01 00:00:00 UTC"),
        ("2026-06-01T12:00", "2026-06-01 12:00:00 UTC"),
        ("2026-06-01 12:00:30Z", "2026-06-01 12:00:30 UTC"),
        ("2026-06-01T12:00+02:00", "2026-06-01 10:00:00 UTC"),
        ("2026-06-01 12:00 Europe/Berlin", "2026-06-01 10:00:00 UTC"),
        ("14:03", "2026-06-17 14:03:00 UTC"),
        ("23:30", "2026-06-16 23:30:00 UTC"),
        ("today", "2026-06-17 00:00:00 UTC"),
        ("yesterday 14:00", "2026-06-16 14:00:00 UTC"),
        ("Yesterday  14:00:05", "2026-06-16 14:00:05 UTC"),
        ("yesterday 14:00 America/New_York", "2026-06-16 18:00:00 UTC"),
        ("monday 9:00", "2026-06-15 09:00:00 UTC"),
        ("wednesday", "2026-06-10 00:00:00 UTC"),
    ],
)
def test_a_moment_is_read_as_a_person_means_it(text: str, moment: str) -> None:
    assert read(text) == moment


def test_a_time_without_a_zone_is_in_the_zone_that_is_asked_for() -> None:
    assert read("yesterday 14:00", "Europe/Berlin") == "2026-06-16 12:00:00 UTC"
    assert read("2026-01-01", "Europe/Berlin") == "2025-12-31 23:00:00 UTC"
    assert read("2026-06-01 12:00Z", "Europe/Berlin") == "2026-06-01 12:00:00 UTC"


def test_the_hour_that_clocks_skip_is_refused_and_that_which_they_repeat_is_the_first() -> None:
    with pytest.raises(InputError, match="was not"):
        read("2026-03-29 02:30", "Europe/Berlin")
    assert read("2026-10-25 02:30", "Europe/Berlin") == "2026-10-25 00:30:00 UTC"


@pytest.mark.parametrize(
    "text",
    ["", "soon", "now-", "now-6", "6h", "2026-06-31", "25:00", "today 24:00", "yesterday noon", "12", "-5x", "x" * 99],
)  # fmt: skip
def test_what_is_no_time_is_refused_with_the_option(text: str) -> None:
    with pytest.raises(InputError, match="--at is"):
        read(text)


def test_an_unknown_zone_is_refused() -> None:
    for zone in ("Europe/Nowhere", "../../etc", "/", "Europe"):
        with pytest.raises(InputError, match="time zone"):
            zone_named(zone)


def test_a_range_without_a_step_has_points_that_can_be_told_apart_at_multiples_of_it() -> None:
    asked = asked_range(NOW - 6 * 3600 - 7, NOW, None)
    assert (asked.step, asked.start % asked.step, asked.end % asked.step) == (120_000, 0, 0)
    assert asked_range(NOW - 60, NOW, None).step == 1000


@given(st.floats(0, 400 * 86400))
def test_a_chosen_step_gives_no_more_points_than_are_seen(seconds: float) -> None:
    assert asked_range(NOW - seconds, NOW, None).points <= POINTS + 2


def test_a_range_with_a_step_begins_where_it_is_said() -> None:
    asked = asked_range(1000.5, 1003.5, 1)
    assert (asked.start, asked.end, asked.step, asked.points) == (1_000_500, 1_003_500, 1000, 4)
    with pytest.raises(InputError, match="ends before it begins"):
        asked_range(2, 1, None)

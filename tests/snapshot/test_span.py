from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.snapshot.span import LONGEST, MOST_POINTS, read_time, span_of, utc

NOW = 1_800_000_000.0


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("now", 0),
        ("-24h", -86_400),
        ("now-90m", -5400),
        ("-1h30m", -5400),
        ("2027-01-15T08:00:00Z", 0),
        ("2027-01-15T09:00:00+01:00", 0),
        ("2027-01-15 08:00", 0),
        ("2027-01-15", -8 * 3600),
    ],
)
def test_a_time_is_read_as_it_is_written(text: str, seconds: float) -> None:
    assert read_time("--from", text, NOW) == NOW + seconds


@pytest.mark.parametrize(
    "text", ["", "24h", "-", "now+1h", "-$__range", "yesterday", "2027-06-31", "2027-1-15", "--1h"]
)
def test_what_is_no_time_is_refused_with_the_name_of_its_option(text: str) -> None:
    with pytest.raises(InputError, match="--to is no time"):
        read_time("--to", text, NOW)


def test_a_span_has_the_shortest_step_that_a_screen_can_show() -> None:
    assert span_of(NOW - 86_400, NOW, 15).step == 300
    assert span_of(NOW - 21_600, NOW, 15).step == 120
    assert span_of(NOW - 240, NOW, 1).step == 1
    assert span_of(NOW - 240, NOW, 15).step == 15


@given(st.floats(1, LONGEST), st.sampled_from((0.2, 1, 15, 60)), st.floats(0, 1e9))
def test_a_span_of_any_length_has_no_more_points_than_are_seen(seconds: float, scrape: float, start: float) -> None:
    span = span_of(start, start + seconds, scrape)
    assert 1 <= span.points <= MOST_POINTS + 2
    assert span.step >= min(scrape, 1)
    assert span.first <= span.start < span.first + span.step
    assert span.last <= span.end < span.last + span.step
    assert span.first % span.step == span.last % span.step == 0


@pytest.mark.parametrize(
    ("start", "end", "said"),
    [(NOW, NOW, "ends before it begins"), (NOW, NOW - 1, "ends before it begins"), (0, LONGEST + 1, "too long")],
)
def test_a_range_that_cannot_be_shown_is_refused(start: float, end: float, said: str) -> None:
    with pytest.raises(InputError, match=said):
        span_of(start, end, 15)


def test_a_time_is_written_in_utc() -> None:
    assert utc(datetime(2026, 5, 31, 12, 0, 59, tzinfo=UTC).timestamp()) == "2026-05-31 12:00"

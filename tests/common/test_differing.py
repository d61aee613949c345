"""What differs between two long texts is in what is shown of them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.common.differing import shown_difference

LONG = "sum by (route) (rate(registry_http_requests_total{code=~'5..'}[5m])) / " * 5


@pytest.mark.parametrize("longest", [40, 160])
@pytest.mark.parametrize(
    ("before", "after"),
    [
        (LONG + "> 5", LONG + "> 9"),
        ("5 < " + LONG, "9 < " + LONG),
        (LONG + "5" + LONG, LONG + "7" + LONG),
        (LONG, LONG + "and on () up"),
        (LONG + "5" * 400, LONG + "6" * 400),
        (LONG, "up"),
    ],
)
def test_the_difference_is_seen_in_few_characters(before: str, after: str, longest: int) -> None:
    shown = shown_difference(before, after, longest)
    assert shown[0] != shown[1]
    assert all(len(one) <= max(longest, 60) + 8 for one in shown)


def test_what_differs_is_whole_where_it_fits() -> None:
    tail = LONG + " and on (instance) up"
    one, other = shown_difference(f"{LONG}> 5{tail}", f"{LONG}> 14.4{tail}", 160)
    assert "> 5sum" in one
    assert "> 14.4sum" in other
    assert one.startswith("... ")
    assert one.endswith(" ...")


def test_short_texts_are_shown_whole() -> None:
    assert shown_difference("up > 1", "up > 2", 160) == ("up > 1", "up > 2")


@given(st.text(max_size=300), st.text(max_size=300), st.text(max_size=300), st.text(max_size=300))
def test_texts_that_differ_are_never_shown_alike(head: str, one: str, other: str, tail: str) -> None:
    before, after = head + one + tail, head + other + tail
    shown = shown_difference(before, after, 80)
    assert (shown[0] == shown[1]) == (before == after)


def test_long_texts_take_linear_time() -> None:
    begin = time.perf_counter()
    shown_difference("a" * 3_000_000 + "b", "a" * 3_000_000 + "c", 160)
    assert time.perf_counter() - begin < 2

from __future__ import annotations

from math import inf, nan

import pytest

from regobs.common.counts import amount_text, counted, number_text, whole


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0 lines"), (1, "1 line"), (2, "2 lines"), (1000, "1,000 lines"), (1001, "1,001 lines")]
)
def test_one_thing_has_no_s(count: int, written: str) -> None:
    assert counted(count, "line") == written
    assert counted(count, "line", "more") == f"{written} more"


@pytest.mark.parametrize(
    ("value", "written"),
    [
        (999e12, "999,000,000,000,000"),
        (1e15, "1e+15"),
        (1e308, "1e+308"),
        (-1e308, "-1e+308"),
        (inf, "inf"),
        (nan, "nan"),
    ],
)
def test_an_amount_that_no_one_reads_digit_by_digit_is_a_power_of_ten(value: float, written: str) -> None:
    assert amount_text(value) == written


@pytest.mark.parametrize(
    ("value", "digits", "written"),
    [
        *((0.12345, 3, "0.123"), (999.4, 3, "999"), (999.6, 3, "1,000"), (1000, 3, "1,000"), (-1000, 3, "-1,000")),
        *((13440.4, 4, "13,440"), (13.444, 4, "13.44"), (nan, 3, "nan"), (inf, 3, "inf")),
    ],
)
def test_a_number_of_few_digits_is_no_power_of_ten(value: float, digits: int, written: str) -> None:
    assert number_text(value, digits) == written


def test_what_is_no_number_stands_for_no_whole_number() -> None:
    assert [whole(value) for value in (3.0, 503.9, nan, inf, -inf)] == [3, 503, 0, 0, 0]

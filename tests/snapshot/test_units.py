from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog.model import Unit
from regobs.grafana.units import grafana_unit
from regobs.snapshot.units import UNITS, log_ticks, number_text, scale_of, value_text

FINITE = st.floats(allow_nan=False, allow_infinity=False, min_value=-1e15, max_value=1e15)


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.0123, "s", "12.3 ms"),
        (0.0000005, "s", "500 ns"),
        (59.96, "s", "60 s"),
        (90, "s", "1.5 min"),
        (0, "s", "0 s"),
        (1023, "bytes", "1023 B"),
        (1024, "bytes", "1 KiB"),
        (-1536, "bytes", "-1.5 KiB"),
        (3 * 2**30, "binBps", "3 GiB/s"),
        (0.98765, "percentunit", "98.8%"),
        (0.00001, "percentunit", "0.001%"),
        (0, "percentunit", "0%"),
        (100, "percent", "100%"),
        (999, "short", "999"),
        (1_500_000, "short", "1.5 Mil"),
        (1234, "reqps", "1.23K req/s"),
        (12, "none", "12"),
        (3, "unheard-of", "3"),
    ],
)
def test_a_value_is_written_in_the_step_that_fits(value: float, unit: str, text: str) -> None:
    assert value_text(value, unit) == text


def test_what_is_no_number_is_written_as_prometheus_does() -> None:
    assert [number_text(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "+Inf", "-Inf"]
    assert value_text(math.inf, "s") == "+Inf s"


def test_every_unit_that_a_panel_can_have_is_known() -> None:
    possible = {grafana_unit(unit, per_second=per_second) for unit in Unit for per_second in (False, True)}
    assert possible - {"dateTimeAsIso"} == set(UNITS)  # a point in time is refused on every panel


@given(FINITE)
def test_a_written_number_is_the_number_to_three_digits(value: float) -> None:
    assert math.isclose(float(number_text(value)), value, rel_tol=0.006, abs_tol=1e-12)


@given(FINITE, st.sampled_from(sorted(UNITS)))
def test_the_step_of_a_value_is_the_largest_that_is_not_above_it(value: float, unit: str) -> None:
    steps = [size for size, _ in UNITS[unit]]
    size = scale_of(unit, value).size
    larger = [step for step in steps if step > size]
    if value:
        assert size <= abs(value) * 1.0001 or size == steps[0]
        assert not larger or larger[0] > abs(value)


@pytest.mark.parametrize(
    ("unit", "low", "high", "ticks"),
    [
        ("bytes", 3000, 5e6, ["1 KiB", "8 KiB", "64 KiB", "1 MiB"]),
        ("bytes", 0, 3e12, ["0 B", "1 B", "1 KiB", "1 MiB", "1 GiB", "1 TiB"]),
        ("short", 0, 5, ["0", "1", "2", "5"]),
        ("short", 1, 1, ["1"]),
        ("short", 0.9, 0.9, ["0"]),
        ("short", 3, 20_000, ["1", "10", "100", "1 K", "10 K"]),
        ("s", 0.2, 4000, ["0 s", "1 s", "10 s", "1 min", "10 min", "1 h"]),
        ("short", -5, 3, ["0", "1", "2"]),
    ],
)
def test_a_logarithmic_axis_has_few_and_round_numbers(unit: str, low: float, high: float, ticks: list[str]) -> None:
    assert [value_text(tick, unit) for tick in log_ticks(unit, low, high)] == ticks


@given(low=st.floats(-1e300, 1e300), more=st.floats(0, 1e300), unit=st.sampled_from(sorted(UNITS)))
def test_a_logarithmic_axis_has_at_most_six_numbers_none_of_them_above_the_data(
    low: float, more: float, unit: str
) -> None:
    ticks = log_ticks(unit, low, low + more)
    assert 1 <= len(ticks) <= 6
    assert ticks == sorted(set(ticks))
    assert ticks[0] == 0 or ticks[0] <= low
    assert all(tick <= low + more for tick in ticks[1:])

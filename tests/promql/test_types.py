"""What a type promises of its values: below zero only what takes away, at most one what is a part."""

from __future__ import annotations

from decimal import Decimal
from math import inf, nan

import pytest

from regobs.catalog import METRICS, slo
from regobs.catalog.model import Unit
from regobs.promql import Type, age, forecast, infer, infer_text, quantile, rate, ratio, select, trend, within
from regobs.promql.nodes import Binary, Number
from regobs.promql.types import Bounds, bounds_of
from tests.promql.local import DURATION, MEMORY, REQUESTS, START, lookup


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("process_resident_memory_bytes", 0, inf),
        ("-process_resident_memory_bytes", -inf, inf),
        ("process_resident_memory_bytes - process_resident_memory_bytes offset 1h", -inf, inf),
        ("(process_resident_memory_bytes - process_resident_memory_bytes offset 1h) > 0", 0, inf),
        ("(process_resident_memory_bytes - process_resident_memory_bytes offset 1h) > -1", -inf, inf),
        ("process_resident_memory_bytes - 5 >= bool 3", 0, inf),
        ("count(process_resident_memory_bytes - 5)", 0, inf),
        ("max(process_resident_memory_bytes - 5)", -inf, inf),
        ("process_resident_memory_bytes or (process_resident_memory_bytes - 5)", -inf, inf),
        ("process_resident_memory_bytes and (process_resident_memory_bytes - 5)", 0, inf),
        ("vector(-1)", -inf, inf),
        ("deriv(process_resident_memory_bytes[1h])", -inf, inf),
        ("abs(deriv(process_resident_memory_bytes[1h]))", 0, inf),
        ("clamp_min(deriv(process_resident_memory_bytes[1h]), 0)", 0, inf),
        ("clamp_min(deriv(process_resident_memory_bytes[1h]), -1)", -inf, inf),
        ("clamp_max(deriv(process_resident_memory_bytes[1h]), 0)", -inf, inf),
        ("ln(process_resident_memory_bytes)", -inf, inf),
        ("time() - process_start_time_seconds", 0, inf),
        ("process_start_time_seconds - time()", -inf, inf),
        ("1 - up", 0, inf),
        ("1 - sum(up)", -inf, inf),
        ("2 - up", -inf, inf),
    ],
)
def test_only_what_takes_away_can_be_below_zero(text: str, low: float, high: float) -> None:
    assert bounds_of(infer_text(text, lookup=lookup)) == Bounds(low, high)


def test_the_words_of_dashboards_promise_what_they_say() -> None:
    share = ratio(rate(select(REQUESTS, code="5xx")), rate(REQUESTS))
    assert bounds_of(infer(share)) == Bounds(0, 1)
    assert bounds_of(infer(Binary("-", Number(Decimal(1)), share))) == Bounds(0, 1)
    assert bounds_of(infer(share * 100)) == Bounds(0, 100)
    assert bounds_of(infer(within("0.5", DURATION))) == Bounds(0, 1)
    assert bounds_of(infer(Binary("/", age(START), quantile(0.5, DURATION)))) == Bounds(0, inf)
    assert bounds_of(infer(age(START))) == Bounds(0, inf)
    assert bounds_of(infer(trend(MEMORY))) == Bounds(-inf, inf)
    assert bounds_of(infer(forecast(MEMORY, "4d"))) == Bounds(0, inf)


def test_the_budget_that_is_left_may_be_overspent_and_is_never_more_than_all() -> None:
    assert bounds_of(infer_text(slo.BUDGET_REMAINING.name)) == Bounds(-inf, 1)
    assert [metric.name for metric in METRICS.values() if metric.signed] == [slo.BUDGET_REMAINING.name]


def test_the_ends_belong_to_it_and_what_is_no_number_never_does() -> None:
    bounds = bounds_of(Type("vector", unit=Unit.RATIO, fraction=True))
    assert [bounds.holds(value) for value in (-0.001, 0, 0.5, 1, 1.001)] == [False, True, True, True, False]
    assert not any(Bounds(-inf, inf).holds(value) for value in (nan, inf, -inf))
    assert Bounds(-inf, inf).holds(-1e300)

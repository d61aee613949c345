"""Units of what a constant multiplies, as `regobs query` shows them; lint and dashboards see the quantity itself."""

from __future__ import annotations

import itertools

import pytest

from regobs.catalog.model import Unit
from regobs.errors import PromqlError
from regobs.promql import infer
from regobs.promql.exact import settled
from regobs.promql.parse import parse
from regobs.promql.types import Type
from regobs.query.ask import check_query
from regobs.query.explain import explain
from regobs.query.show import unit_value

PART, WHOLE = 'sum(rate(x_total{code=~"4.."}[5m]))', "sum(rate(x_total[5m]))"
SHARE = f"{PART} / {WHOLE}"
MEMORY = "process_resident_memory_bytes"
LATENCY = "histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))"


def of(text: str) -> Type:
    found = check_query(text.replace("x_total", "registry_http_requests_total")).type
    assert found is not None
    return found


@pytest.mark.parametrize(
    "text",
    [
        f"100 * {SHARE}",
        f"{SHARE} * 100",
        f"100 * ({SHARE})",
        f"(100 * {PART}) / {WHOLE}",
        f"{PART} * 100 / {WHOLE}",
        f"{PART} / ({WHOLE} / 100)",
        f"{PART} / (0.01 * {WHOLE})",
        f"{SHARE} / 0.01",
        f"10 * {SHARE} * 10",
        f"100 - 100 * {SHARE}",
        f"100 * (1 - {SHARE})",
        f"100 * {SHARE} > 5",
        f"max(100 * {PART} / {WHOLE})",
        f"clamp_max(100 * {SHARE}, 100)",
        f"100 * {SHARE} or vector(0)",
        f"100 * {SHARE} + 100 * {SHARE}",
    ],
)
def test_a_ratio_times_100_is_a_percentage_in_every_order(text: str) -> None:
    assert (of(text).unit, of(text).fraction) == (Unit.PERCENT, False)
    assert unit_value(15.33, of(text)) in {"15.3%", "15.33%"}


@pytest.mark.parametrize("of_100", [f"100 * {SHARE}", f"{SHARE} * 100", f"100 * {PART} / {WHOLE}"])
def test_a_percentage_over_100_is_the_ratio_again(of_100: str) -> None:
    assert of(f"({of_100}) / 100").unit is Unit.RATIO


@pytest.mark.parametrize(
    "text",
    [
        f"1000 * {LATENCY}",
        f"{LATENCY} * 1e3 > 100",
        f"{LATENCY} * 1e3 > {LATENCY} * 1e3",
        f"{MEMORY} / 1024 / 1024",
        f"{MEMORY} / 2 ^ 20",
        f"{MEMORY} * 8",
        f"{MEMORY} * 1e400",
        f"{WHOLE} * 60",
        f"60 * {WHOLE} > 3",
        "sum(60 * rate(x_total[5m]))",
        f"topk(3, {MEMORY} / 1e6)",
        f"abs({MEMORY} / 1e6)",
        f"1000 * {LATENCY} + {LATENCY}",
        "(time() - process_start_time_seconds) / 3600",
        f"{SHARE} * 1000",
        "avg(up) * 100",
    ],
)
def test_a_quantity_times_a_constant_has_no_unit(text: str) -> None:
    assert (of(text).unit, of(text).per_second) == (Unit.NONE, False)
    assert unit_value(20.5, of(text)) in {"20.5", "20.50"}


@pytest.mark.parametrize(
    ("text", "unit"),
    [
        (f"{MEMORY} / 1024 * 1024", Unit.BYTES),
        (f"{MEMORY} / 3 * 3", Unit.BYTES),
        (f"1000 * {LATENCY} / 1000", Unit.SECONDS),
        (f"-1 * {MEMORY}", Unit.BYTES),
        (f"{MEMORY} + 0 * up", Unit.BYTES),
        (f"{MEMORY} * 2 > bool 3", Unit.BOOL),
        (f"{MEMORY} - 1e6", Unit.BYTES),
        (f"1000 * {MEMORY} / (1000 * {MEMORY})", Unit.RATIO),
        (f"(100 * {SHARE}) * {MEMORY} / 100", Unit.BYTES),
    ],
)
def test_a_constant_that_is_taken_away_again_changes_no_unit(text: str, unit: Unit) -> None:
    assert of(text).unit is unit


def test_a_percentage_is_compared_with_percent_and_a_ratio_is_not() -> None:
    assert of(f"100 * {SHARE} > 5").unit is Unit.PERCENT
    with pytest.raises(PromqlError, match="between 0 and 1"):
        of(f"{SHARE} > 5")


@pytest.mark.parametrize("factors", list(itertools.product(["1", "0.5", "60", "1e3"], repeat=2)))
def test_factors_multiply(factors: tuple[str, str]) -> None:
    one, other = factors
    assert of(f"{one} * {MEMORY} * {other}") == of(f"{one} * ({other} * {MEMORY})")
    assert (of(f"{one} * {MEMORY} * {other}").unit is Unit.BYTES) == (float(one) * float(other) == 1)


def test_explain_says_the_same_of_each_part() -> None:
    root, scaled, *_ = explain(parse(f"100 * {SHARE}".replace("x_total", "registry_http_requests_total")), None)
    assert (root.head, root.unit, scaled.head, scaled.unit) == ("/", "percent", "*", "")


def test_lint_and_dashboards_see_the_quantity() -> None:
    assert infer(parse(f"{MEMORY} / 1024")).unit is Unit.BYTES


def test_a_chain_of_factors_stays_small() -> None:
    chain = f"{MEMORY}" + " * 1e50" * 60
    assert of(chain).unit is Unit.NONE
    assert settled(of(chain)) == of(chain)

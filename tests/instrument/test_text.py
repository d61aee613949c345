from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from regobs.instrument.core.text import edge, help_text, label_pairs, number

# What Go 1.24 prints for strconv.FormatFloat(v, 'g', -1, 64).
GO = {
    1: "1",
    100000: "100000",
    999999: "999999",
    1000000: "1e+06",
    1234567: "1.234567e+06",
    12345678.5: "1.23456785e+07",
    1048576: "1.048576e+06",
    1e20: "1e+20",
    1e21: "1e+21",
    123456789012345680000: "1.2345678901234568e+20",
    0.0001: "0.0001",
    0.00001: "1e-05",
    0.000123456: "0.000123456",
    123456.789: "123456.789",
    2147483648: "2.147483648e+09",
    3.3e-9: "3.3e-09",
    20.5: "20.5",
    1000000.5: "1.0000005e+06",
}


@pytest.mark.parametrize(("value", "text"), GO.items())
def test_a_number_is_written_as_go_writes_it(value: float, text: str) -> None:
    assert number(value) == text
    assert number(-value) == f"-{text}"


def test_the_values_that_are_no_numbers_have_the_names_of_the_format() -> None:
    assert [number(value) for value in (math.nan, math.inf, -math.inf)] == ["NaN", "+Inf", "-Inf"]


@given(st.floats(allow_nan=False))
def test_a_number_reads_back_as_the_same_number(value: float) -> None:
    assert float(number(value)) == value


@given(st.floats(min_value=1e6, max_value=1e300))
def test_from_a_million_on_there_is_an_exponent_of_two_digits_at_least(value: float) -> None:
    mantissa, _, exponent = number(value).partition("e+")
    assert len(exponent) >= 2
    assert 1 <= float(mantissa) < 10


@pytest.mark.parametrize(
    ("value", "text", "openmetrics"), [(1, "1", "1.0"), (0.5, "0.5", "0.5"), (2**20, "1.048576e+06", "1.048576e+06")]
)
def test_an_edge_has_a_point_in_openmetrics_only(value: float, text: str, openmetrics: str) -> None:
    assert edge(value, openmetrics=False) == text
    assert edge(value, openmetrics=True) == openmetrics


@given(st.text(alphabet=st.characters(codec="utf-8", exclude_characters="\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029")))
def test_a_label_value_reads_back_as_it_was(value: str) -> None:
    line = f"metric{{{label_pairs(('a', 'b'), (value, 'x'))}}} 1\n"
    (family,) = text_string_to_metric_families(line)
    assert family.samples[0].labels == {"a": value, "b": "x"}


def test_help_escapes_the_quote_in_openmetrics_only() -> None:
    assert help_text('a "b" \\ \n', openmetrics=False) == r'a "b" \\ \n'
    assert help_text('a "b" \\ \n', openmetrics=True) == r"a \"b\" \\ \n"

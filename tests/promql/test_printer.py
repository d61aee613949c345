from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import PromqlError
from regobs.promql import parse, rate, strip_parens, to_text
from regobs.promql.nodes import Aggregate, Binary, Duration, Expr, Matcher, MatchOp, Number, Selector, String, Unary
from regobs.promql.printer import number_text, quote
from tests.examples import examples
from tests.promql.local import REQUESTS
from tests.promql.strategies import expressions, hostile, numbers

A, B, C = Selector("a"), Selector("b"), Selector("c")


@settings(max_examples=examples(400), deadline=None)
@given(expressions)
def test_parsing_the_text_gives_the_tree_back(expr: Expr) -> None:
    assert strip_parens(parse(to_text(expr))) == strip_parens(expr)


@settings(max_examples=examples(200), deadline=None)
@given(expressions)
def test_printing_again_changes_nothing(expr: Expr) -> None:
    text = to_text(expr)
    assert to_text(parse(text)) == text
    assert "\n" not in text


@given(hostile)
def test_any_string_survives_as_a_matcher_value(value: str) -> None:
    selector = Selector("a", matchers=(Matcher("b", MatchOp.EQUAL, value),))
    assert parse(to_text(selector)) == selector


@given(hostile)
def test_any_string_survives_as_a_literal(value: str) -> None:
    assert parse(quote(value)) == String(value)


@given(numbers)
def test_a_number_is_exact_and_without_float_noise(number: Number) -> None:
    text = number_text(number.value)
    assert number == Number(Decimal(text))
    # A sign, "0.", nine zeros (smaller numbers get an exponent), and the 17 digits that tell any two floats apart.
    assert len(text) <= 29


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("0.00144", "0.00144"),
        ("1.0", "1"),
        ("100", "100"),
        ("0", "0"),
        ("1e30", "1e+30"),
        ("-2.50", "-2.5"),
        ("NaN", "NaN"),
        ("Infinity", "Inf"),
        ("-Infinity", "-Inf"),
    ],
)
def test_numbers_print_as_people_write_them(value: str, text: str) -> None:
    assert number_text(Decimal(value)) == text


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (Binary("*", Binary("+", A, B), C), "(a + b) * c"),
        (Binary("+", A, Binary("*", B, C)), "a + b * c"),
        (Binary("-", A, Binary("-", B, C)), "a - (b - c)"),
        (Binary("-", Binary("-", A, B), C), "a - b - c"),
        (Binary("^", A, Binary("^", B, C)), "a ^ b ^ c"),
        (Binary("^", Binary("^", A, B), C), "(a ^ b) ^ c"),
        (Unary("-", Binary("^", A, B)), "-a ^ b"),
        (Binary("^", Unary("-", A), B), "(-a) ^ b"),
        (Unary("-", Binary("*", A, B)), "-(a * b)"),
        (Binary("*", Unary("-", A), B), "-a * b"),
        (Binary("or", A, Binary("and", B, C)), "a or b and c"),
        (Binary("and", Binary("or", A, B), C), "(a or b) and c"),
        (Binary("/", A, Binary(">", B, Number(Decimal(0)))), "a / (b > 0)"),
        (Binary(">", A, B, bool=True), "a > bool b"),
        (Binary("*", A, B, on=("x",), group="left", include=("y",)), "a * on (x) group_left (y) b"),
        (Binary("*", A, B, ignoring=()), "a * ignoring () b"),
        (Binary("*", A, Binary("+", B, C), on=("x",), group="left"), "a * on (x) group_left () (b + c)"),
        (Binary("*", A, B, on=("x",), group="right"), "a * on (x) group_right b"),
        (Binary("-", A, Number(Decimal(-1))), "a - -1"),
        (Aggregate("sum", A, ()), "sum by () (a)"),
        (Aggregate("sum", A), "sum(a)"),
        (Aggregate("sum", A, (), without=True), "sum without () (a)"),
        (Aggregate("topk", A, ("x",), param=Number(Decimal(3))), "topk by (x) (3, a)"),
        (Selector("http.requests", matchers=(Matcher("a.b", MatchOp.EQUAL, "c"),)), '{"http.requests", "a.b"="c"}'),
        (Selector("sum"), '{"sum"}'),
        (Selector("a", range=Duration(5_400_000), offset=Duration(-60_000)), "a[1h30m] offset -1m"),
    ],
)
def test_parentheses_are_those_that_precedence_needs(expr: Expr, text: str) -> None:
    assert to_text(expr) == text
    assert strip_parens(parse(text)) == expr


def test_an_unbound_tree_is_not_printed() -> None:
    with pytest.raises(PromqlError, match="not bound"):
        to_text(rate(REQUESTS))


@given(st.integers(1, 10**13))
def test_a_duration_keeps_every_millisecond(ms: int) -> None:
    assert parse(to_text(Selector("a", range=Duration(ms)))) == Selector("a", range=Duration(ms))


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (7_776_000_000, "90d"),
        (604_800_000, "1w"),
        (2_419_200_000, "4w"),
        (31_536_000_000, "1y"),
        (1500, "1s500ms"),
        (1, "1ms"),
    ],
)
def test_durations_use_their_largest_units(ms: int, text: str) -> None:
    assert to_text(Selector("a", range=Duration(ms))) == f"a[{text}]"

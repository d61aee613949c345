from __future__ import annotations

import gc
import time
from contextlib import suppress
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import PromqlError
from regobs.promql import parse
from regobs.promql.literals import read_number, regex_fault, unquote
from regobs.promql.printer import quote
from regobs.promql.tokens import tokenize


@pytest.mark.parametrize(
    ("text", "value"),
    [("0.1", "0.1"), ("0x1F", "31"), ("1e3", "1000"), (".5", "0.5"), ("5m", "300"), ("1.", "1"), ("1e-400", "0")],
)
def test_numbers_are_exact(text: str, value: str) -> None:
    assert read_number(text) == Decimal(value)


def test_what_no_float_holds_is_infinite() -> None:
    assert read_number("1e400") == Decimal("Infinity")


@pytest.mark.parametrize("text", ["0x", "0x1g", "1e", "5x", "30m1h", "1_000", "", "1.5m", "0m"])
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_number(text) is None


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (r"'a\'b'", "a'b"),
        (r"'\x41\101\u00e9\U0001F600'", "AA\u00e9\U0001f600"),
        (r"'\xc3\xa9'", "\u00e9"),
        ("`\\n`", "\\n"),
    ],
)
def test_strings_are_unescaped_as_go_does(token: str, text: str) -> None:
    assert unquote(token) == text


@pytest.mark.parametrize("token", [r"'\z'", r"'\ud800'", r"'\x4'", r"'\U00110000'", r"'\777'", r"'\"'", r'"\'"'])
def test_an_escape_that_there_is_not_is_refused(token: str) -> None:
    with pytest.raises(ValueError, match=r"escape|character"):
        unquote(token)


@given(st.text(st.characters(codec="utf-8")))
def test_what_is_quoted_is_unquoted_to_the_same(text: str) -> None:
    assert unquote(quote(text)) == text


@pytest.mark.parametrize(
    "pattern",
    [
        *("", "a|b", "5..", "(?i:x)", "(?P<n>x)", "(?<n>x)", r"\pL\p{Greek}", "[[:alpha:]]+", "[]a]", "[^]a]", "[a-]"),
        *(
            "x{,5}",
            "{",
            "}",
            "]",
            "a{2,}?",
            "$x",
            "${x:regex}",
            "a{$n}",
            r"\.\-\d",
            "(?i)x",
            "(a(b)c)*",
            "a{1000}",
            "^*",
        ),
    ],
)
def test_what_re2_reads_has_no_fault(pattern: str) -> None:
    assert regex_fault(pattern) == ""


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(",
            ")",
            "*",
            "a|*",
            "(?=x)",
            "(?!x)",
            "(?<=x)",
            r"\1",
            r"\y",
            r"\Z",
            "[",
            "[z-a]",
            "[^]",
            "a{3,2}",
            "a{1001}",
        ),
        *("\\", "(+)", r"[a\]", "(?)"),
    ],
)
def test_what_re2_refuses_has_one(pattern: str) -> None:
    assert regex_fault(pattern) != ""


LONG = 20_000


@pytest.mark.parametrize(
    "text",
    [
        "a" * LONG,
        "#" * LONG,
        " " * LONG + "x",
        "'" + "\\" * LONG,
        "1a" * LONG,
        "{" + "a='b'," * LONG + "}",
        "a{b=~'" + "(" * LONG + "'}",
        "a{b=~'" + "[" * LONG + "'}",
        "a{b=~'" + "a{1" * LONG + "'}",
        "sum by (" + "a," * LONG + ") (b)",
        "label_join(a," + "'b'," * LONG + "'c')",
    ],
)
def test_long_texts_take_time_in_proportion(text: str) -> None:
    def seconds(text: str) -> float:
        began = time.process_time()
        with suppress(PromqlError):
            parse(text)
        return time.process_time() - began

    quarter = text[: len(text) // 4]
    gc.disable()  # it looks at everything that the other tests left, too
    try:
        whole, part = (min(seconds(one) for _ in range(4)) for one in (text, quarter))
    finally:
        gc.enable()
    assert whole < 0.05 + 10 * part  # four times is linear, sixteen times is not


def test_the_end_of_a_comment_is_no_token() -> None:
    assert [token.text for token in tokenize("a # b c")] == ["a", ""]

from __future__ import annotations

import re
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import Location, PromqlError
from regobs.promql import Scope, bind, inject, parse, parse_located, to_text
from regobs.promql.nodes import (
    At,
    Binary,
    Call,
    Duration,
    Matcher,
    MatchOp,
    Number,
    Selector,
    Subquery,
    Unary,
    Variable,
)
from tests.examples import examples
from tests.promql.local import GITLAB_WORDS


def test_grafana_macros_become_durations() -> None:
    assert parse("rate(a[$__rate_interval])") == Call(
        "rate", (Selector("a", range=Duration(macro="$__rate_interval")),)
    )
    assert parse("a[$__range:${__interval}]") == Subquery(
        Selector("a"), Duration(macro="$__range"), step=Duration(macro="${__interval}")
    )
    assert parse("a offset $shift") == Selector("a", offset=Duration(macro="$shift"))


def test_a_duration_like_a_placeholder_is_not_taken_for_a_macro() -> None:
    tree = parse("rate(a[4000000007ms]) + rate(a[$__interval])")
    assert isinstance(tree, Binary)
    assert [part.args[0] for part in (tree.left, tree.right) if isinstance(part, Call)] == [
        Selector("a", range=Duration(4_000_000_007)),
        Selector("a", range=Duration(macro="$__interval")),
    ]


def test_a_number_like_a_placeholder_is_not_taken_for_a_variable() -> None:
    assert parse("7300000000003 - $limit") == Binary("-", Number(Decimal(7300000000003)), Variable("$limit"))


def test_variables_inside_strings_stay() -> None:
    tree = parse('a{b=~"$x", c=~"${y:regex}"}')
    assert tree == Selector(
        "a", matchers=(Matcher("b", MatchOp.REGEX, "$x"), Matcher("c", MatchOp.REGEX, "${y:regex}"))
    )


@pytest.mark.parametrize("text", ["sum by ($group, code) (a)", "topk($n, a)", "a / $__range_s", "a + on ($x) b"])
def test_variables_in_lists_and_for_numbers_are_printed_again(text: str) -> None:
    assert to_text(parse(text)) == text


def test_a_sign_before_a_variable_stays_a_sign() -> None:
    assert parse("a + -$n") == Binary("+", Selector("a"), Unary("-", Variable("$n")))


@pytest.mark.parametrize(
    ("text", "expr"),
    [
        ("0x1F", Number(Decimal(31))),
        ("1e3", Number(Decimal(1000))),
        (".5", Number(Decimal("0.5"))),
        ("-1", Number(Decimal(-1))),
        ("5m * 2", Binary("*", Number(Decimal(300)), Number(Decimal(2)))),
        ("a{x=`\\d`}", Selector("a", matchers=(Matcher("x", MatchOp.EQUAL, "\\d"),))),
        ("a # comment with $var\n", Selector("a")),
        ("a @ 12.5 offset -1m", Selector("a", at=At(ms=12_500), offset=Duration(-60_000))),
        ("a[5m] @ end()", Selector("a", range=Duration(300_000), at=At(edge="end"))),
        ("a[1h:] offset 5m", Subquery(Selector("a"), Duration(3_600_000), offset=Duration(300_000))),
        ('{__name__="a", b="c"}', Selector("a", matchers=(Matcher("b", MatchOp.EQUAL, "c"),))),
        ('{__name__=~"a.*"}', Selector(None, matchers=(Matcher("__name__", MatchOp.REGEX, "a.*"),))),
        ("SUM(a) BY (b)", parse("sum by (b) (a)")),
    ],
)
def test_the_odd_spellings_are_read(text: str, expr: object) -> None:
    assert parse(text) == expr


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("", "the query ends here", 1, 1),
        ("1 +", "the query ends here", 1, 4),
        ("foo bar", "'bar' cannot stand here", 1, 5),
        ("a\n+\n  rat(b[5m])", "no function rat", 3, 3),
        ("sum(\n  a{b=c}\n)", "'c' cannot stand here", 2, 7),
        ("rate(a[5m)", "')' closes nothing", 1, 10),
        ("sum(a", "'(' is never closed", 1, 4),
        ('a{b="c}', "string is never closed", 1, 5),
        ("a & b", "'&' has no meaning", 1, 3),
        ("rate(a[$__interval]) + rate(b)", "expected type matrix", 1, 29),
        ("rate(a[$__interval]) foo", "'foo' cannot stand here", 1, 22),
        ("a[5m smoothed]", "'smoothed' cannot stand here", 1, 6),
        ("a[5m * 2]", "'*' cannot stand here", 1, 6),
        ("a @ -1", "before 1970", 1, 5),
        ("$metric[5m]", "metric name cannot be a variable", 1, 1),
        ("sum($metric{})", "metric name cannot be a variable", 1, 5),
        ("registry_$x", "put together", 1, 10),
        ("${a}_total", "put together", 1, 1),
        ('a{b="c" or d="e"}', "'or' between matchers", 1, 9),
        ("a + fill(0) b", "fill modifiers", 1, 5),
        ("a offset -$__interval", "cannot be used as an offset", 1, 11),
        ("sum by (a,, b) (x)", "',' cannot stand here", 1, 11),
        ("a * on b", "'b' cannot stand here", 1, 8),
        ("a offset x", "'x' cannot stand here", 1, 10),
        ('a{b=~"("}', "illegal regex", 1, 6),
        ("a{__name__='b'}", "must not be set twice", 1, 3),
        ("a[5x]", "bad number or duration", 1, 3),
        ("a[5m] + b[0s]", "must be greater than 0", 1, 11),
        ("(" * 51 + "a" + ")" * 51, "nested too deeply", 1, 51),
        ("a" + "\n+ a" * 101, "has 101 operators", 102, 1),
        ("1 > 2", "must use BOOL", 1, 3),
    ],
)
def test_broken_text_gets_its_place(text: str, message: str, line: int, column: int) -> None:
    with pytest.raises(PromqlError, match=re.escape(message)) as caught:
        parse(text, file="x.rules.yaml")
    assert caught.value.location == Location("x.rules.yaml", line, column)


def test_a_query_at_the_limits_is_read_and_printed() -> None:
    text = "(" * 50 + "a" + ")" * 50 + " + a" * 100
    assert to_text(inject(bind(parse(text), GITLAB_WORDS), Scope())) == text


def test_an_unknown_function_gets_the_nearest_one() -> None:
    with pytest.raises(PromqlError) as caught:
        parse("histogram_quantil(0.9, a)")
    assert caught.value.expected == "histogram_quantile"


@settings(max_examples=examples(300), deadline=None)
@given(st.text(alphabet="ab(){}[],=~\"'$ 15m+-*/^<>!@:.#\\\n", max_size=25))
def test_garbage_gives_a_tree_or_one_error_with_a_place(text: str) -> None:
    place = Location("f", 1)
    try:
        tree = parse(text, file="f")
    except PromqlError as error:
        place = error.location or Location("")
    else:
        assert parse(to_text(tree)) is not None
    assert 1 <= (place.line or 0) <= text.count("\n") + 1


def test_parts_know_where_they_stand() -> None:
    parsed = parse_located('sum by (sum) (a{b="c"})\n / b:c + {d="e"}', file="f")
    tree = parsed.expr
    assert isinstance(tree, Binary)
    places = [parsed.locate(node) for node in (tree.left, tree.right)]
    assert isinstance(tree.left, Binary)
    places += [parsed.locate(tree.left.right), parsed.locate(tree.left.left, "b")]
    assert places == [Location("f", 1, 1), Location("f", 2, 10), Location("f", 2, 4), Location("f", 1, 17)]


@pytest.mark.parametrize("time", ["1e999", "Inf", "NaN", "9223372036854775808"])
def test_a_time_that_no_server_knows_is_refused(time: str) -> None:
    for text in (f"up @ {time}", f"up offset {time}", f"rate(up[{time}])", f"rate(up[5m:{time}])"):
        with pytest.raises(PromqlError):
            parse(text)
    assert parse("up @ 1e10") == parse("up @ 10000000000")


@pytest.mark.parametrize(("text", "closing"), [("sum(a", ")"), ("rate(a[5m", "]"), ("a{b='c'", "}")])
def test_what_is_never_closed_is_told_with_what_closes_it(text: str, closing: str) -> None:
    with pytest.raises(PromqlError) as caught:
        parse(text)
    assert caught.value.expected == closing

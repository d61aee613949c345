"""The grammar of KQL: what texts mean, what they print as, and what a person is told about wrong ones."""

from __future__ import annotations

import contextlib
import time

import pytest
from hypothesis import given, settings

from regobs.errors import LogQueryError
from regobs.logs.kql import And, Everything, Is, Literal, Nested, Node, Not, Or, Pattern, Range, hints, parse, to_text
from tests.examples import examples
from tests.logs.kql import fuzz
from tests.logs.strategies import LEAVES, trees
from tests.logs.timing import assert_linear

A, B, C, D = (Is(None, Literal(name)) for name in "abcd")


def is_(field: str, value: str | bool | None, *, quoted: bool = False) -> Is:
    return Is(Literal(field), Literal(value, quoted))


READINGS: list[tuple[str, Node]] = [
    ("", Everything()),
    (" \u00a0\n", Everything()),
    ("a", A),
    ("(a)", A),
    ("( a )", A),
    ("foo bar", Is(None, Literal("foo bar"))),
    ("a or b and c or d", Or((A, And((B, C)), D))),
    ("a or (b or c) or d", Or((A, Or((B, C)), D))),
    ("not a and b", And((Not(A), B))),
    ("not (a and b)", Not(And((A, B)))),
    ("a AnD NOT b", And((A, Not(B)))),
    ("a\u00a0or\tb", Or((A, B))),
    ("status:200", is_("status", "200")),
    ("status : 200 ", is_("status", "200")),
    ("a: b c", is_("a", "b c")),
    ('a:"b c"', is_("a", "b c", quoted=True)),
    ('a:""', is_("a", "", quoted=True)),
    ('"f g":x', Is(Literal("f g", quoted=True), Literal("x"))),
    ("f:(x or y and not z)", Or((is_("f", "x"), And((is_("f", "y"), Not(is_("f", "z"))))))),
    ("f:((x))", is_("f", "x")),
    ("f:(not x)", Not(is_("f", "x"))),
    ("f:true", is_("f", True)),
    ("f:True", is_("f", "True")),
    ("f:null", is_("f", None)),
    ('f:"null"', is_("f", "null", quoted=True)),
    ("null:x", Is(None, Literal("x"))),
    ("f:*", Is(Literal("f"), Pattern(("", "")))),
    ("f: *b ", Is(Literal("f"), Pattern(("", "b")))),
    (r"f:b*\*", Is(Literal("f"), Pattern(("b", "*")))),
    (r"f:b\*", is_("f", "b*")),
    ("f*:x", Is(Pattern(("f", "")), Literal("x"))),
    ("f.g>=1", Range(Literal("f.g"), ">=", Literal("1"))),
    ('f < "2026-11-23T00:00"', Range(Literal("f"), "<", Literal("2026-11-23T00:00", quoted=True))),
    ("p:{ a: 1 and b: 2 }", Nested(Literal("p"), And((is_("a", "1"), is_("b", "2"))))),
    ("p:{ q:{ a: 1 } }", Nested(Literal("p"), Nested(Literal("q"), is_("a", "1")))),
    (r"foo \and b", Is(None, Literal("foo and b"))),
    (r"a:\OR", is_("a", "OR")),
    (r"a:\(\)\:\<\>\"\*\{\}\\", is_("a", '():<>"*{}\\')),
    (r'a:"x\d\\\"\t\u0041"', is_("a", 'x\\d\\"\tA', quoted=True)),
    (r"a:\u0041b", is_("a", "Ab")),
    (r"a:\ud83d\ude00", is_("a", "\U0001f600")),
    (r"x\ty", Is(None, Literal("x\ty"))),
    (r"\not foo", Is(None, Literal("ot foo"))),  # control characters are tried first: Kibana reads it so
    ("not", Is(None, Literal("not"))),
    ("notfoo", Is(None, Literal("notfoo"))),
    ("AND foo", Is(None, Literal("AND foo"))),
    ("a:1 and", is_("a", "1 and")),
    ("x\u3000", Is(None, Literal("x"))),
]


@pytest.mark.parametrize(("text", "tree"), READINGS)
def test_a_text_means_what_kibana_reads(text: str, tree: Node) -> None:
    assert parse(text) == tree


REFUSALS: list[tuple[str, int, str | None]] = [
    ("a:1 b:2", 6, "no implicit operator"),
    ("a:1 b > 2", 7, "no implicit operator"),
    ("not(a:1)", 4, "space after `not`"),
    ("(a:1)and(b:2)", 6, "spaces on both sides"),
    ("not not a:1", 5, "parentheses"),
    ("foo not bar", 5, "and not"),
    ("f:not b", 3, "before the field"),
    ("cannot pull", 4, "quote it"),
    ("a:1 and ", 9, "complete the query"),
    ("a:(b) and", 7, "complete the query"),
    ("a:b:c", 4, "quotes"),
    (r"a:x\d", 4, "backslash"),
    ('a:"b', 3, "close it"),
    ('a:"b" c', 7, "between the two"),
    ('a:fo"o', 5, "quotes"),
    ("(a", 1, "add the )"),
    ("a:(b or c", 3, "add the )"),
    ("p:{ a:1", 3, "add the }"),
    ("a)", 2, "take the ) away"),
    ("a = 1 and b:", 13, None),
    ("status:>=500", 8, "colon out"),
    ("a && b:1 c:2", 11, "`and`"),
    ("p:{}", 4, None),
    (r"a:\ud83d", 3, "both halves"),
    ("\ud83d", 1, "UTF-8"),
]


@pytest.mark.parametrize(("text", "column", "advice"), REFUSALS)
def test_a_wrong_text_is_refused_at_its_place_with_advice(text: str, column: int, advice: str | None) -> None:
    with pytest.raises(LogQueryError) as caught:
        parse(text, file="q")
    location = caught.value.location
    assert location is not None
    assert (location.file, location.line, location.column) == ("q", 1, column)
    assert advice is None or advice in (caught.value.next_step or "")


def test_an_error_in_the_third_line_says_so_and_marks_the_place() -> None:
    with pytest.raises(LogQueryError) as caught:
        parse("a: 1\nand\n  b: 2 c: 3")
    location = caught.value.location
    assert location is not None
    assert (location.line, location.column) == (3, 9)
    headline, line, mark, *_ = str(caught.value).splitlines()
    assert line.index("c: 3") == mark.index("^") - 1, headline


def test_depth_is_bounded_and_the_bound_itself_is_fine() -> None:
    assert parse("(" * 100 + "a" + ")" * 100) == A
    with pytest.raises(LogQueryError, match="too deeply"):
        parse("(" * 101 + "a" + ")" * 101)
    assert isinstance(parse(" and ".join(["(a)"] * 5000)), And)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a:1 and", ("operator",)),
        ("a:x or", ("operator",)),
        ("not", ("operator",)),
        ("AND foo", ("operator",)),
        ("uri:/v2.*/", ("Lucene",)),
        ("uri:/v2/[a-z]*/", ("Lucene",)),
        ("uri:/v2/*/blobs/*/", ()),
        ("uri:*.*", ()),
        ('user_agent:"docker*"', ("in quotes",)),
        (r"user_agent:docker\*", ()),
        ("user_agent:docker*", ()),
        ("uri:/v2/", ("Lucene",)),
        ("status:[200 TO 300]", ("Lucene",)),
        ("a && b", ("Lucene",)),
        (r"a:\and", ()),
        ('a:"1 and"', ()),
        ("a:1 and b:2", ()),
        ("candor", ()),
        ("status = 200", ("no comparison",)),
        ("method: GET and http.response.status!=404", ("no comparison",)),
        ("msg=~foo or level~x", ("no comparison", "no comparison")),
        ("nothing = 200", ()),
        ('"status = 200"', ()),
        ("status >= 200", ()),
        ("msg: status=200", ()),
        ("level: ERROR", ("none of the values",)),
        ("level: (warn or error)", ("none of the values",)),
        ("level: warn*", ()),
        ("level: warning", ()),
        ("method: get", ()),
    ],
)
def test_a_text_that_is_not_what_it_looks_like_gets_a_hint(text: str, words: tuple[str, ...]) -> None:
    found = hints(parse(text), text)
    assert len(found) == len(words)
    assert all(word in hint.message for word, hint in zip(words, found, strict=True))


def test_a_hint_about_a_value_names_the_one_that_is_meant() -> None:
    (hint,) = hints(parse("level: ERROR"), "level: ERROR")
    assert str(hint) == "1:8: 'ERROR' is none of the values that level has; did you mean error?"


def test_looking_for_a_comparison_takes_time_that_is_linear_in_the_text() -> None:
    assert_linear(lambda size: hints(parse("a." * size), "a." * size))
    assert_linear(lambda size: hints(parse("a" + " " * size + "b"), "a" + " " * size + "b"))


@given(trees(LEAVES, nested=True))
@settings(max_examples=examples(400), deadline=None)
def test_what_is_printed_is_read_back_as_the_same_tree(tree: Node) -> None:
    assert parse(to_text(tree)) == tree


def test_printing_uses_parentheses_only_where_the_tree_needs_them() -> None:
    assert to_text(parse("((a or (b and c)) or ((d)))")) == "(a or b and c) or d"
    assert to_text(parse("not (not (a)) and (b or c)")) == "not (not a) and (b or c)"
    assert to_text(parse("f:(a or not b)")) == "f: a or not f: b"


def test_no_text_makes_the_parser_fall_over_or_hang() -> None:
    """A short run of tests/logs/kql/fuzz.py; as a program it takes any number of texts."""
    outcome = fuzz.run_chunk("short", 6000)
    assert outcome.failure is None
    assert 1000 < outcome.read < 5000


def test_the_fuzzer_reports_what_it_looks_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzz, "KINDS", (lambda _: "a: 1", lambda _: "(" * 20))
    monkeypatch.setattr(fuzz, "to_text", lambda tree: "a: 2")
    outcome = fuzz.run_chunk("broken", 10)
    assert (outcome.texts, outcome.failure) == (
        1,
        "number 0 of seed 'broken', AssertionError a: 2: 'a: 1' (4 characters)",
    )
    monkeypatch.setattr(fuzz, "LIMIT_S", 0.0)
    monkeypatch.setattr(fuzz, "KINDS", (lambda _: "(" * 20,))
    assert " s: '((((" in (fuzz.run_chunk("slow", 10).failure or "")


SPACES = " " * 50000


@pytest.mark.parametrize("text", ["(" * 20000, f"{SPACES}x{SPACES}", "not " * 20000, "n" * 50000, "a " * 50000])
def test_a_long_text_takes_time_in_proportion(text: str) -> None:
    begin = time.process_time()
    with contextlib.suppress(LogQueryError):
        parse(text)
    assert time.process_time() - begin < 1

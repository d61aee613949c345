"""Our KQL parser against Kibana's: the same texts are refused, the others mean the same.

The oracle is the parser of Kibana before 7.6, the last that npm has. What is newer in Kibana 9 is below as a known
difference, each with both readings; generated texts leave those forms out.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from regobs.logs.kql import to_text
from tests import peers
from tests.examples import examples
from tests.logs.kql import oracle
from tests.logs.kql.oracle import REFUSED, Form, Oracle, read
from tests.logs.kql.test_parse import READINGS, REFUSALS
from tests.logs.strategies import LEAVES, trees

pytestmark = pytest.mark.peer
NEWER = ("{", "}", "\u00a0", "\\u", "\ud83d", oracle.WILDCARD)  # what the two read in different ways
GROUPS = 6  # of parentheses in one text: the oracle's time doubles twice with each


def comparable(text: str) -> bool:
    return not any(part in text for part in NEWER) and text.count("(") <= GROUPS


@pytest.fixture(scope="module")
def kibana() -> Iterator[Oracle]:
    with oracle.running(peers.required_kql_oracle()) as running:
        yield running


@pytest.mark.parametrize("text", [text for text, _ in READINGS if comparable(text)])
def test_what_we_read_means_the_same_to_kibana(kibana: Oracle, text: str) -> None:
    assert read(text) == kibana.read(text) != REFUSED


@pytest.mark.parametrize("text", [text for text, _, _ in REFUSALS if comparable(text)])
def test_what_we_refuse_kibana_refuses(kibana: Oracle, text: str) -> None:
    assert kibana.read(text) == REFUSED


def is_text(field: str, value: str) -> Form:
    return ("is", ("text", field), ("text", value), False)


@pytest.mark.parametrize(
    ("text", "ours", "theirs"),
    [
        # Braces are for nested fields since 7.6.
        ("p:{ a: 1 }", ("nested", ("text", "p"), ("is", ("text", "a"), ("number", 1), False)), REFUSED),
        ("a:{x", REFUSED, is_text("a", "{x")),
        ("a:x}", REFUSED, is_text("a", "x}")),
        (r"a:\{x", is_text("a", "{x"), REFUSED),
        # A no-break space parts words since 7.7.
        ("a:1\u00a0or\u00a0b:x", read("a:1 or b:x"), REFUSED),
        ("a:1 or\u00a0b", read("a:1 or b"), is_text("a", "1 or\u00a0b")),
        # \uXXXX is a character since 7.4.
        (r"a:\u0041", is_text("a", "A"), REFUSED),
        (r'a:"\u0041"', ("is", ("text", "a"), ("text", "A"), True), ("is", ("text", "a"), ("text", r"\u0041"), True)),
        (r"a:\ud83d", REFUSED, REFUSED),
        # Half of a surrogate pair cannot be sent to a server; we say so at its place.
        ("a:\ud83d", REFUSED, is_text("a", "\ud83d")),
    ],
)
def test_a_known_difference_is_what_it_was(kibana: Oracle, text: str, ours: Form, theirs: Form) -> None:
    assert (read(text), kibana.read(text)) == (ours, theirs)


WORDS = [
    "status",
    "msg",
    "a",
    "b c",
    "null",
    "true",
    "false",
    "200",
    "-1",
    "1e3",
    "0x1f",
    ".5",
    "Infinity",
    "x1",
    "é",
    "😀",
]
PIECES = [*WORDS, *'():<>"*\\ \t\n', ":", ": ", ">=", "<=", " and ", " or ", "not ", "AND", "Or", "nOT", '"x y"', r"\*"]
PIECES += [r"\(", r"\\", r"\and", r"\or", r"\not", r"\t", r"\"", "\u3000", "=", "&&", "+"]
SOUP = st.lists(st.sampled_from(PIECES), max_size=14).map("".join)
PRINTED = trees(LEAVES, nested=False).map(to_text)


@given(SOUP)
@settings(max_examples=examples(5000), deadline=None)
@example("a:1 and")
@example("not(a:1)")
@example("a : ( b or not ( c ) and *d ) ")
def test_pieces_of_kql_in_any_order_are_read_or_refused_as_kibana_does(kibana: Oracle, text: str) -> None:
    assume(comparable(text))
    assert read(text) == kibana.read(text)


@given(PRINTED)
@settings(max_examples=examples(400), deadline=None)
def test_what_we_print_kibana_reads_as_we_do(kibana: Oracle, text: str) -> None:
    assume(comparable(text))
    assert read(text) == kibana.read(text) != REFUSED


@given(PRINTED, st.integers(0, 200), st.sampled_from(PIECES))
@settings(max_examples=examples(400), deadline=None)
def test_a_query_with_one_piece_put_in_is_read_or_refused_as_kibana_does(
    kibana: Oracle, text: str, at: int, piece: str
) -> None:
    text = text[:at] + piece + text[at:]
    assume(comparable(text))
    assert read(text) == kibana.read(text)

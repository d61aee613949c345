"""Parameters of a query: where they may stand, and that no value can get out of its place."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError, PromqlError
from regobs.promql import parse
from regobs.promql.nodes import Selector
from regobs.query.parameters import fill, parameters, read_values


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ('up{job="$job",instance=~"${host}:.*"}', ("job", "host")),
        ("rate(a_total[$window])", ("window",)),
        ("topk($n, sum by ($label) (a))", ("n", "label")),
        ('up{a="$x", b="$x"}', ("x",)),
        ("rate(a_total[$__rate_interval])", ()),
        ('up{a=~"b$", c=~"(d$|e)"}', ()),
        ('label_replace(up, "a", "$1-${2}", "b", "(.*)-(.*)")', ()),
        ('label_replace(up, "a", "$pod-$zone", "b", "(?P<pod>.*)")', ("zone",)),
        ("up # $no", ()),
    ],
)
def test_parameters_are_found_in_texts_and_outside(text: str, names: tuple[str, ...]) -> None:
    assert parameters(text) == names


@pytest.mark.parametrize(
    ("text", "values", "filled"),
    [
        ('up{job="$job"}', {"job": "a"}, 'up{job="a"}'),
        ('up{job="$job"}', {"job": 'a"} or up{b="'}, 'up{job="a\\"} or up{b=\\""}'),
        ("up{job='$job'}", {"job": "a'b"}, "up{job='a\\'b'}"),
        ('up{job=~"$job"}', {"job": r"a\.b"}, 'up{job=~"a\\\\.b"}'),
        ("up{job=~`$job`}", {"job": r"a\.b"}, r"up{job=~`a\.b`}"),
        ("rate(a_total[${w}])", {"w": "1h30m"}, "rate(a_total[1h30m])"),
        ("a > $limit", {"limit": "-1.5e3"}, "a > -1.5e3"),
        ("sum by ($l) (a)", {"l": "route, code"}, "sum by (route, code) (a)"),
        ("up", {}, "up"),
    ],
)
def test_values_stand_where_the_parameters_were(text: str, values: dict[str, str], filled: str) -> None:
    assert fill(text, values) == filled


@pytest.mark.parametrize(
    ("text", "values", "message"),
    [
        ('up{job="$job"}', {}, "the query has parameters without a value"),
        ('up{job="$job"}', {"jb": "a"}, "the query has no such parameter"),
        ("rate(a_total[$w])", {"w": "5m]) or rate(b_total[5m"}, "the parameter stands outside of a text"),
        ("a > $limit", {"limit": ""}, "the parameter stands outside of a text"),
        ("up{job=~`$job`}", {"job": "a`b"}, "a text in backquotes cannot hold a backquote"),
    ],
)
def test_what_cannot_be_filled_in_is_refused(text: str, values: dict[str, str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        fill(text, values)


def test_a_query_that_is_no_promql_has_no_parameters() -> None:
    with pytest.raises(PromqlError, match="never closed"):
        parameters('up{job="$job')


@given(value=st.text(max_size=40), quote=st.sampled_from("\"'"))
def test_any_value_stays_within_its_text(value: str, quote: str) -> None:
    found = parse(fill(f"up{{a={quote}<$x>{quote}}}", {"x": value}))
    assert isinstance(found, Selector)
    assert [(one.label, one.value) for one in found.matchers] == [("a", f"<{value}>")]


def test_values_of_the_command_line_are_read_up_to_the_first_sign() -> None:
    assert read_values(["a=b=c", "d="]) == {"a": "b=c", "d": ""}
    for wrong in ("a", "=a", "1=a", "a b=c"):
        with pytest.raises(InputError, match="--set is not NAME=VALUE"):
            read_values([wrong])


def test_time_grows_with_the_length_alone() -> None:
    def seconds(length: int) -> float:
        text = 'up{a="' + "$x(?P<" * length + '"}'
        begin = time.process_time()
        fill(text, {"x": "," * 100})
        return time.process_time() - begin

    short, long = (min(seconds(length) for _ in range(5)) for length in (2_000, 20_000))
    assert long < 40 * short + 0.05

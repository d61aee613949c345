from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.doctor.matching import culprits, matches, nearest, selected, shown, values
from regobs.promql.nodes import Matcher, MatchOp

EQUAL, NOT_EQUAL, REGEX, NOT_REGEX = MatchOp.EQUAL, MatchOp.NOT_EQUAL, MatchOp.REGEX, MatchOp.NOT_REGEX


@pytest.mark.parametrize(
    ("op", "value", "present", "absent"),
    [
        (EQUAL, "a", True, False),
        (EQUAL, "", False, True),
        (NOT_EQUAL, "a", False, True),
        (NOT_EQUAL, "", True, False),
        (REGEX, "a|b", True, False),
        (REGEX, ".*", True, True),
        (REGEX, ".+", True, False),
        (NOT_REGEX, ".+", False, True),
    ],
)
def test_an_absent_label_is_an_empty_one(op: MatchOp, value: str, *, present: bool, absent: bool) -> None:
    assert matches(Matcher("l", op, value), {"l": "a"}) is present
    assert matches(Matcher("l", op, value), {}) is absent


def test_a_regex_matches_the_whole_value() -> None:
    assert not matches(Matcher("l", REGEX, "a"), {"l": "ab"})
    assert matches(Matcher("l", REGEX, "a."), {"l": "ab"})


def test_a_regex_that_only_the_server_understands_is_taken_as_matching() -> None:
    assert matches(Matcher("l", REGEX, r"\pL"), {"l": "a"})


def test_the_matcher_that_removes_everything_alone_is_the_culprit() -> None:
    good, bad = Matcher("a", EQUAL, "1"), Matcher("b", EQUAL, "9")
    assert culprits([good, bad], [{"a": "1", "b": "2"}]) == (bad,)
    assert culprits([good], [{"a": "1", "b": "2"}]) == ()


def test_two_matchers_that_only_together_remove_everything_are_the_culprits() -> None:
    one, two, three = Matcher("c", REGEX, ".*"), Matcher("a", EQUAL, "1"), Matcher("b", EQUAL, "2")
    assert culprits([one, two, three], [{"a": "1", "b": "1"}, {"a": "2", "b": "2"}]) == (two, three)


_LABELS = st.dictionaries(st.sampled_from("abc"), st.sampled_from(["", "1", "2"]))
_MATCHERS = st.builds(
    Matcher, st.sampled_from("abc"), st.sampled_from(list(MatchOp)), st.sampled_from(["", "1", "2", ".+"])
)


@given(st.lists(_MATCHERS, max_size=5), st.lists(_LABELS, min_size=1, max_size=5))
def test_culprits_remove_everything_and_no_part_of_them_does(
    matchers: list[Matcher], series: list[dict[str, str]]
) -> None:
    group = culprits(matchers, series)
    if selected(matchers, series):
        assert group == ()
        return
    assert not selected(group, series)
    for smaller in itertools.combinations(group, len(group) - 1):
        assert selected(smaller, series)


def test_values_are_sorted_and_the_likest_come_first() -> None:
    series = [{"job": "b"}, {"job": "registry-2"}, {}, {"job": "a"}]
    assert values("job", series) == ("a", "b", "registry-2")
    assert nearest("registry", values("job", series))[0] == "registry-2"
    assert nearest("x", ("a", "b", "c"), count=2) == ("a", "b")


def test_matchers_are_shown_as_promql() -> None:
    assert shown([Matcher("a", EQUAL, 'x"y\\'), Matcher("b", NOT_REGEX, ".*")]) == r'a="x\"y\\", b!~".*"'

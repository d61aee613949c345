"""Whether a regular expression matches a value: RE2's answer where Python gives it soon, else none."""

from __future__ import annotations

import re
import time
import warnings

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.promql.literals import regex_matches


@pytest.mark.parametrize(
    ("pattern", "value", "matches"),
    [
        ("5..", "503", True),
        ("5..", "5033", False),
        ("a|b", "b", True),
        ("(manifest|blob)s?", "blobs", True),
        (".*", "", True),
        (".+", "", False),
        ("(a*)*", "", True),
        (r"\pL", "a", None),
        ("(a|b)*", "abba", None),
        ("(a+)+", "a" * 30 + "!", None),
        ("(a|aa)+", "a" * 30 + "!", None),
        ("a*a*a*a*a*a*b", "a" * 60, None),
        ("(abc)+", "abcabc", True),
    ],
)
def test_a_pattern_is_tried_where_that_is_soon_done(pattern: str, value: str, matches: bool | None) -> None:
    assert regex_matches(pattern, value) is matches


@given(st.from_regex(r"\A[ab.|()*+?]{0,12}\Z"), st.text("ab", max_size=40))
def test_the_answer_is_that_of_python_or_none_and_comes_soon(pattern: str, value: str) -> None:
    start = time.process_time()
    found = regex_matches(pattern, value)
    assert time.process_time() - start < 2
    if found is not None:
        assert found is (re.fullmatch(pattern, value) is not None)


def test_brackets_in_brackets_warn_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert regex_matches("[[a]", "[") is True

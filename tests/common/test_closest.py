"""Which known names a misspelt one may mean."""

import time

import pytest

from regobs.common.closest import closest, closest_first, did_you_mean


@pytest.mark.parametrize(
    ("word", "expected"),
    [("statsu", "did you mean status?"), ("STATUS", "did you mean status?"), ("zzz", None), ("", None)],
)
def test_a_word_is_answered_with_the_name_most_like_it_or_with_none(word: str, expected: str | None) -> None:
    assert did_you_mean(word, ["method", "status", "code"]) == expected


def test_what_nothing_is_like_gets_the_other_next_step() -> None:
    assert did_you_mean("zzz", ["status"], "see the list") == "see the list"


def test_names_that_differ_only_in_case_are_all_offered() -> None:
    assert closest("level", ["Level", "LEVEL", "msg"], 5) == ["Level", "LEVEL"]


def test_a_name_that_is_known_twice_is_offered_once() -> None:
    assert closest("levle", ["level", "level"], 5) == ["level"]


def test_what_is_expected_begins_with_what_is_like_the_word_and_ends_after_eight() -> None:
    names = [f"name{number}" for number in range(8)]
    assert closest_first("cod", [*names[:3], "code"]) == "code, name0, name1, name2"
    assert closest_first("cod", names) == ", ".join(names)
    assert closest_first("cod", [*names, "code"]) == ", ".join(["code", *names[:7]]) + ", ..."


def test_a_word_of_a_megabyte_gets_no_suggestion_and_no_time() -> None:
    begun = time.process_time()
    assert closest("a" * 1_000_000, ["a" * 1_000_000, "status"]) == []
    assert closest("a" * 200, ["a" * 200]) == ["a" * 200]
    assert time.process_time() - begun < 0.5

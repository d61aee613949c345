"""When the view asks, which answers it shows, and what it says of their age."""

from __future__ import annotations

from dataclasses import replace

import pytest

from regobs.errors import ServerError
from regobs.top.place import HOME, Page, TopPlace
from regobs.top.watch import Watch
from tests.top.world import NOW, PULL, TAKEN, taken

ROUTE = TopPlace(Page.TRAFFIC, route=PULL)


def test_it_asks_at_once_and_then_each_interval_but_never_twice_for_the_same() -> None:
    watch = Watch(10.0)
    assert watch.due(100.0)
    first = watch.begin(100.0)
    assert not watch.due(200.0), "the first question is not answered yet"
    watch.answered(first, TAKEN, 101.0, NOW)
    assert not watch.due(109.9)
    assert watch.due(110.0)


def test_an_answer_that_took_longer_than_the_interval_is_followed_by_the_next_question() -> None:
    watch = Watch(10.0)
    watch.answered(watch.begin(0.0), TAKEN, 25.0, NOW)
    assert watch.due(25.0)


def test_the_past_is_asked_once() -> None:
    watch = Watch(10.0, moment=NOW - 600)
    watch.answered(watch.begin(0.0), taken(moment=NOW - 600), 1.0, NOW)
    assert not watch.due(1e9)
    watch.travel(None)
    assert watch.due(2.0)


def test_the_age_is_that_of_the_question_not_of_the_answer() -> None:
    watch = Watch(10.0)
    assert watch.age(5.0) is None
    watch.answered(watch.begin(0.0), TAKEN, 8.0, NOW)
    assert watch.age(9.0) == 9.0
    assert watch.news(9.0) == ("answered 9 s ago, asked every 10 s", False)


def test_a_server_that_fails_is_said_with_the_age_of_what_is_shown_and_asked_again() -> None:
    watch = Watch(10.0)
    watch.answered(watch.begin(0.0), TAKEN, 1.0, NOW)
    watch.failed(watch.begin(10.0), ServerError("http://p cannot be reached", value="Connection refused"), 11.0)
    said, bad = watch.news(15.0)
    assert (bad, said) == (
        True,
        "NO ANSWER, what is shown is 15 s old, asked again in 6 s. http://p cannot be reached: Connection refused",
    )
    assert watch.shown is TAKEN
    assert not watch.due(20.9)
    assert watch.due(21.0)
    watch.answered(watch.begin(21.0), TAKEN, 22.0, NOW)
    assert watch.news(23.0) == ("answered 2 s ago, asked every 10 s", False)


@pytest.mark.parametrize(("age", "bad"), [(30.0, False), (31.0, True)])
def test_a_server_that_is_slow_is_said_after_three_intervals(age: float, bad: bool) -> None:
    watch = Watch(10.0)
    watch.answered(watch.begin(0.0), TAKEN, 0.0, NOW)
    watch.begin(10.0)
    said, found = watch.news(age)
    assert found is bad
    assert said.startswith("NO ANSWER for") is bad


def test_retry_after_is_waited_for_also_when_another_page_is_opened() -> None:
    watch = Watch(10.0)
    error = ServerError("too many requests")
    error.retry_after = 60.0
    watch.failed(watch.begin(0.0), error, 0.0)
    watch.go(ROUTE)
    assert not watch.due(59.9)
    assert watch.due(60.0)


def test_another_page_is_asked_for_at_once_and_the_pages_of_the_status_are_there() -> None:
    watch = Watch(10.0)
    watch.answered(watch.begin(0.0), TAKEN, 1.0, NOW)
    watch.go(TopPlace(Page.SLOS))
    assert watch.fits
    watch.go(ROUTE)
    assert not watch.fits
    assert watch.due(1.0)
    watch.answered(watch.begin(1.0), taken(ROUTE), 2.0, NOW)
    assert watch.fits


def test_an_answer_for_a_page_or_time_that_was_left_replaces_nothing() -> None:
    watch = Watch(10.0)
    slow = watch.begin(0.0)
    watch.go(ROUTE)
    mine = taken(ROUTE)
    watch.answered(watch.begin(1.0), mine, 2.0, NOW)
    watch.answered(slow, TAKEN, 3.0, NOW)
    assert watch.shown is mine
    watch.travel(NOW - 600)
    late = watch.begin(4.0)
    watch.travel(None)
    watch.answered(late, taken(ROUTE, NOW - 600), 5.0, NOW)
    assert watch.shown is mine


def test_while_another_time_is_asked_for_the_old_one_is_called_so() -> None:
    watch = Watch(10.0)
    watch.answered(watch.begin(0.0), TAKEN, 0.0, NOW)
    watch.travel(NOW - 600)
    watch.begin(1.0)
    assert watch.news(2.0) == ("asking for another time; what is shown is 2 s old", False)


def test_at_most_three_questions_wait_for_a_server_that_hangs() -> None:
    watch = Watch(10.0)
    for name in ("a", "b", "c"):
        watch.go(TopPlace(Page.QUESTION, name=name))
        assert watch.due(0.0)
        watch.begin(0.0)
    watch.go(HOME)
    assert not watch.due(0.0)


@pytest.mark.parametrize(("skew", "words"), [(31, "31 s ahead of"), (-31, "31 s behind"), (30, "")])
def test_clocks_that_differ_are_told(skew: float, words: str) -> None:
    watch = Watch(10.0)
    report = replace(TAKEN.report, now=NOW + skew)
    watch.answered(watch.begin(0.0), replace(TAKEN, report=report), 0.0, NOW)
    said = watch.news(0.0)[0]
    assert words in said
    assert ("clock" in said) is bool(words)

"""What is advised where two sides of an operator have no series together."""

from __future__ import annotations

import pytest

from regobs.common.closest import closest_first
from regobs.query.join_advice import join_advice

A, B = {"i": "1", "code": "200"}, {"i": "1", "code": "404"}
X, Y = {"i": "1", "action": "get"}, {"i": "1", "action": "put"}


@pytest.mark.parametrize(
    ("op", "here", "there", "advice"),
    [
        ("/", [A], [X], "on(i)"),
        ("/", [A, B], [X], "on(i) group_left()"),
        ("/", [A], [X, Y], "on(i) group_right()"),
        ("/", [A, B], [X, Y], "sum by (i) on both sides: each has several series for one of the other"),
        ("and", [A, B], [X, Y], "on(i)"),
        ("/", [{"code": "200"}], [{"i": "1"}], "on(a label of both)"),
        ("/", [{"__name__": "a", "i": "1"}], [{"__name__": "a", "j": "1"}], "on(a label of both)"),
    ],
)
def test_the_advice_is_one_that_a_server_takes(
    op: str, here: list[dict[str, str]], there: list[dict[str, str]], advice: str
) -> None:
    assert join_advice(op, here, there) == advice


def test_of_many_names_those_that_begin_with_the_word_come_first() -> None:
    names = [f"registry-{number}:5001" for number in range(20)]
    assert closest_first("registry-0", names).startswith("registry-0:5001, ")
    assert closest_first("registry-1", names).startswith("registry-1:5001, registry-10:5001, registry-11:5001, ")
    assert closest_first("", ["b", "a"]) == "b, a"

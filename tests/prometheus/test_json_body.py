"""What is wrong with an answer that is no JSON: a missing end is told from a wrong part."""

from __future__ import annotations

import json
import time

import pytest

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.json_body import wrong_json
from tests.prometheus.stub import Reply, Stub, vector

WHOLE = json.dumps(
    {"status": "success", "data": [1, -2.5e-3, True, False, None, 'a"\\ü\n', {"ü": []}, {}], "x": "\u2028"}
)


@pytest.mark.parametrize("size", range(1, len(WHOLE)))
def test_whatever_is_cut_off_only_the_end_is_missing(size: int) -> None:
    assert wrong_json(WHOLE[:size]) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"status": "success", "data": {1}}', "Expecting property name"),
        ('{"status": "success", "data": [1,]}', "Expecting value, at character 34 of 35"),
        ('{"status": "success" "data": []}', "Expecting ',' delimiter"),
        ('{"status": "success"}{"status": "success"}', "Extra data, at character 22 of 42"),
        ('{"status": "suc\tcess"}', "Invalid control character"),
        ('{"status": "\\q"}', "Invalid \\escape"),
        ("[" * 200_000, "brackets within brackets"),
    ],
)
def test_a_wrong_part_is_told_with_its_place(text: str, why: str) -> None:
    begun = time.perf_counter()
    assert wrong_json(text).startswith(why)
    assert time.perf_counter() - begun < 1


def test_an_answer_that_is_wrong_within_does_not_break_off_and_is_not_asked_again() -> None:
    body = vector(({"a": "b"}, "1")).body
    for broken, said in (
        (body.replace('"1"', "'1'"), "is no valid JSON"),
        (body + "}", "is no valid JSON"),
        (body[:-3], "breaks off"),
    ):
        with Stub({"/api/v1/query": Reply(body=broken)}) as stub, Prometheus(stub.url) as prometheus:
            with pytest.raises(ServerError, match=said) as caught:
                prometheus.query("up")
            assert (caught.value.retry_after is not None) is (said == "breaks off")
            assert len(stub.requests) == 1
            assert "Error" not in str(caught.value)

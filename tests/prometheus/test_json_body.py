"""What is wrong with an answer that is no JSON: a missing end is told from a wrong part."""

from __future__ import annotations

import json
import math
import time

import pytest
import requests

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import read_answer
from regobs.prometheus.json_body import json_object, wrong_json
from regobs.query.show import as_csv
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
        (f'{{"status": "success", "data": {"9" * 10_000}}}', "a number of thousands of digits"),
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


def _matrix(values: list[str], **more: object) -> bytes:
    """A body that is long enough to be read in less time, with these values in all of its series."""
    points = [[1_700_000_000 + 0.5 * place, value] for place, value in enumerate(values)]
    result = [{"metric": {"n": str(n), "ü": "\u2028"}, "values": points} for n in range(1 + 60_000 // len(values))]
    return json.dumps({"status": "success", "data": {"resultType": "matrix", "result": result}, **more}).encode()


def _response(content: bytes) -> requests.Response:
    response = requests.Response()
    response._content, response.encoding = content, "utf-8"
    return response


@pytest.mark.parametrize(
    "values",
    [
        ["0", "1", "1e+308", "5e-324", "2.2250738585072011e-308", "0.1", "123456789012345678901234567890"],
        ["-0", "1"],
        ["NaN", "1"],
        ["+Inf", "1"],
        ["-Inf", "1"],
        [repr(math.sin(exponent) * 10.0**exponent) for exponent in range(-300, 300, 7)],
    ],
)
def test_a_long_answer_is_read_as_a_short_one(values: list[str]) -> None:
    content = _matrix(values, warnings=["w"], infos=["i"], isPartial=True)
    assert len(content) > 1_000_000
    fast, plain = json_object(_response(content)), json.loads(content)
    assert fast is not None
    assert isinstance(fast["data"]["result"][0]["values"], tuple) is not bool({"+Inf", "-0"} & set(values))
    answer = read_answer(fast)
    assert repr(answer) == repr(read_answer(plain))
    assert (answer.warnings, answer.infos, answer.partial) == (("w",), ("i",), True)


@pytest.mark.parametrize(
    "data",
    [
        {"groups": [{"name": "x" * 1_100_000, "rules": []}]},
        {"resultType": "vector", "result": [{"metric": {"a": "x" * 1_100_000}, "value": [1, "2"]}]},
        {"resultType": "matrix", "result": [{"metric": {"a": "x" * 1_100_000}, "histograms": [[1, {"count": "2"}]]}]},
        {"resultType": "matrix", "result": [], "stats": {"samples": {"x": "x" * 1_100_000}}},
        [{"__name__": "x" * 1_100_000}],
    ],
)
def test_nothing_of_another_long_answer_is_lost(data: object) -> None:
    body = {"status": "success", "data": data}
    assert json_object(_response(json.dumps(body).encode())) == body


@pytest.mark.parametrize("padding", [0, 1_100_000])
@pytest.mark.parametrize(
    ("written", "read"),
    [(r"a\ud800b", "a\ufffdb"), (r"\udc00", "\ufffd"), (r"\ud83d\ude00", "\U0001f600"), (r"\\ud800", "\\ud800")],
)
def test_half_a_pair_in_a_text_is_the_character_for_what_is_none(written: str, read: str, padding: int) -> None:
    response = requests.Response()
    response._content = f'{{"status": "success", "{written}": ["{written}"], "p": "{" " * padding}"}}'.encode()
    body = json_object(response)
    assert body is not None
    assert body[read] == [read]


@pytest.mark.parametrize("kind", ["vector", "matrix"])
@pytest.mark.parametrize("padding", [0, 1_100_000])
@pytest.mark.parametrize(
    ("time", "fine"),
    [
        ("-62135596800", True),
        ("253402300799", True),
        ("-62135596801", False),
        ("253402300800", False),
        ("1e300", False),
        ("9" * 40, False),
    ],
)
def test_a_time_that_no_calendar_has_is_refused(time: str, padding: int, kind: str, *, fine: bool) -> None:
    point = f'"value": [{time}, "1"]' if kind == "vector" else f'"values": [[{time}, "1"]]'
    response = requests.Response()
    response._content = (
        f'{{"status": "success", "data": {{"resultType": "{kind}", "result": [{{"metric": {{}}, {point}}}]}},'
        f' "p": "{" " * padding}"}}'
    ).encode()
    body = json_object(response)
    assert body is not None
    if fine:
        assert as_csv(read_answer(body)).endswith(",1.0\n")
    else:
        with pytest.raises(ValueError, match="no calendar"):
            read_answer(body)


@pytest.mark.parametrize("place", [0, 20_000, 59_999])
@pytest.mark.parametrize("fault", ["253402300800", "-62135596801", "1e300", '"NaN"', '"+Inf"', None])
def test_a_wrong_time_anywhere_in_a_long_answer_is_one_error(place: int, fault: str | None) -> None:
    points = [f'[{1_700_000_000 + number}, "{number}"]' for number in range(60_000)]
    if fault is not None:
        points[place] = f'[{fault}, "1"]'
    series = f'{{"metric": {{}}, "values": [{", ".join(points)}]}}'
    body = f'{{"status": "success", "data": {{"resultType": "matrix", "result": [{series}]}}}}'
    assert len(body) > 1_000_000
    with Stub({"/api/v1/query_range": Reply(body=body)}) as stub, Prometheus(stub.url) as prometheus:
        if fault is None:
            assert as_csv(prometheus.query_range("up", 0, 1, 1)).count("\n") == 60_001
        else:
            with pytest.raises(ServerError):
                prometheus.query_range("up", 0, 1, 1)

"""Several records on one line: each is a line, for every command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.logs.reading.listed import is_batch, listed
from regobs.logs.reading.read import Line
from regobs.logs.reading.wrapping import Unwrapper
from tests.logs.lines import GITLAB, real
from tests.logs.reading.test_forms import COMMANDS, asked
from tests.logs.timing import assert_linear

LINES = [line.decode() for line in [*real(GITLAB)[90:120], *real(GITLAB)[3260:3270]]]


def batch(lines: list[str], between: str = "") -> str:
    """As Fluent Bit and Vector send it to Splunk: events one behind the other, each text or an object."""
    events = (json.loads(line) if number % 2 else line for number, line in enumerate(lines))
    return between.join(json.dumps({"time": 1763895900.1, "host": "a}{", "event": event}) for event in events)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("between", ["", " ", "\r\t"])
def test_events_one_behind_the_other_are_read_as_lines(command: str, between: str, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text("".join(f"{line}\n" for line in LINES), encoding="utf-8")
    expected = asked(command, path)
    path.write_bytes(batch(LINES, between).encode())
    assert asked(command, path) == expected


@pytest.mark.parametrize("before", [0, 1200], ids=["first", "late"])
def test_a_batch_is_read_wherever_it_stands_and_however_long_it_is(before: int, tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    lines = LINES * 10
    path.write_text("".join(f"{line}\n" for line in LINES * (before // 40)) + batch(lines) + "\n", encoding="utf-8")
    answer = CliRunner().invoke(regobs, ["logs", "query", "*", str(path), "--by", "level"], catch_exceptions=False)
    assert f"{before + len(lines):,} lines\n" in answer.output


@pytest.mark.parametrize(
    "content",
    [
        '{"event":"a"}',
        '{"event":"a"}{',
        '{"event":"a"}{"b":1}',
        '{"event":"a"}7',
        '{"event":"a"}{"event":"b"}x',
        '{"event":"}{"}',
        '{"msg":"a","event":"b"}{"msg":"a","event":"b"}',
        '{"msg":"a"}{"msg":"b"}',
    ],
)
def test_what_is_no_batch_is_no_list(content: str) -> None:
    assert listed(content.encode()) == []


def test_a_batch_is_told_by_its_beginning() -> None:
    assert is_batch(batch(LINES).encode()[:4000])
    assert not is_batch(LINES[0].encode())


@pytest.mark.parametrize(
    ("content", "records"),
    [
        ('[1.5, {"log":"a"}]', [{"date": 1.5, "log": "a"}]),
        ('a.b: [1.5, {"log":"a","date":7}]', [{"date": 7, "log": "a"}]),
        ('a: [[1.5, {"k":1}], {"log":"a"}]', [{"date": 1.5, "log": "a"}]),
        ('a: [1.5, {"log":"a"}, {"log":"b"}]', []),
        ('[1, [2, {"a":1}]', []),
        ('{"data":[{"attributes":{"message":"a"}}]}', [{"attributes": {"message": "a"}}]),
        ('{"logs":[{"content":{"message":"a"}}]}', [{"content": {"message": "a"}}]),
        ('{"data":[{"a":"message"}],"message":1}', [{"data": [{"a": "message"}], "message": 1}]),
    ],
)
def test_what_stands_in_a_list(content: str, records: list[object]) -> None:
    assert [json.loads(one) for one in listed(content.encode())] == records


def test_fields_that_datadog_read_from_a_line_are_the_line() -> None:
    line = json.loads(LINES[0])
    for outer in ({"message": line["msg"], "attributes": line}, {"content": {"message": "a", "attributes": line}}):
        (found,) = Unwrapper().add(Line(1, 0, json.dumps({"_id": "a", **outer}).encode()))
        assert json.loads(found.content) == line


@pytest.mark.parametrize(
    "around",
    [
        '{"event":{"line":LINE,"source":"stdout","tag":"a"},"time":"1763895900.1","host":"n"}',
        '{"date":1763895900.1,"log":LINE,"stream":"stdout"}',
        '{"timestamp":"2026-11-23T11:05:00Z","message":LINE,"host":"n"}',
        '{"labels":{},"line":LINE}',
    ],
)
def test_a_line_that_was_read_as_an_object_is_the_line(around: str) -> None:
    for line in LINES:
        (found,) = Unwrapper().add(Line(1, 0, around.replace("LINE", line).encode()))
        assert json.loads(found.content) == json.loads(line)


@pytest.mark.parametrize("piece", ['{"event":"a"}', "}{", '{"event":{', '{"event":"', "[1, "])
def test_hostile_lines_take_time_that_is_linear_in_their_length(piece: str) -> None:
    assert_linear(lambda size: listed(('{"event":1}' + piece * size).encode() + b"}]"), 2_000)

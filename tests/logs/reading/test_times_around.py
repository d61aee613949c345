"""A line for a terminal has the time that a collector wrote beside it; one that has a time keeps its own."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.logs.fields import FIELDS
from regobs.logs.reading.moments import milliseconds
from regobs.logs.reading.read import lines
from regobs.logs.reading.times_around import with_time
from regobs.logs.reading.values import read_record, values
from regobs.logs.reading.wrapping import logical
from tests.logs.timing import assert_linear

TIME = "2026-11-23T11:05:00.500Z"
SECONDS = 1795431900.5
LINE = "INFO[0037] response completed   http.response.status=200"
COLOURED = "\x1b[36mINFO\x1b[0m[0037] response completed   \x1b[36mhttp.response.status\x1b[0m=200"
AROUND = [
    '{"log":"LINE\\r\\n","stream":"stdout","time":"2026-11-23T11:05:00.5Z"}',
    (
        '{"log":"INFO[0037] resp","stream":"a","time":"2026-11-23T11:05:00.5Z"}\n'
        '{"log":"onse completed   http.response.status=200\\n","stream":"a","time":"2026-11-23T11:05:00.5Z"}'
    ),
    "2026-11-23T11:05:00.5Z stdout F LINE",
    "2026-11-23T11:05:00.5Z LINE",
    "2026-11-23_11:05:00.50000 LINE",
    "2026-11-23T12:05:00.5+0100 host registry[660]: LINE",
    "Mon 2026-11-23 11:05:00.5 UTC host registry[660]: LINE",
    "1795431900.500000 host registry[660]: LINE",
    "<30>1 2026-11-23T11:05:00.5Z host registry 660 - - LINE",
    "registry-1  | 2026-11-23T11:05:00.5Z LINE",
    '{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795431900500000","MESSAGE":"LINE"}',
    "__CURSOR=s=1\n__REALTIME_TIMESTAMP=1795431900500000\nMESSAGE=LINE\n",
    '{"time":1795431900.5,"event":"LINE"}',
    '{"events":[{"timestamp":1795431900500,"message":"LINE"}]}',
    '{"date":1795431900.5,"log":"LINE","kubernetes":{}}',
    '{"_source":{"@timestamp":"2026-11-23T11:05:00.5Z","message":"LINE"}}',
    'data: {"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795431900500000","MESSAGE":"LINE"}\n',
    '\x1e{"__CURSOR":"s=1","__REALTIME_TIMESTAMP":"1795431900500000","MESSAGE":"LINE"}',
    "1795431900.500000 registry[660]: LINE",
    "2026-11-23 11:05:00.5 LINE",  # ts '%F %H:%M:%.S'
    'registry: [1795431900.5, {"log":"LINE"}]',
    'registry: [[1795431900.5, {}], {"log":"LINE"}]',
    '{"_id":"a","date":"2026-11-23T11:05:00.5Z","message":"LINE","attributes":{}}',
    '{"data":[{"id":"a","attributes":{"timestamp":"2026-11-23T11:05:00.5Z","message":"LINE"}}]}',
]


def filled(around: str, line: str) -> bytes:
    return around.replace("LINE", json.dumps(line)[1:-1] if '{"' in around else line).encode()


@pytest.mark.parametrize("line", [LINE, COLOURED], ids=["plain", "coloured"])
@pytest.mark.parametrize("around", AROUND)
def test_the_time_around_a_line_for_a_terminal_is_its_time(around: str, line: str) -> None:
    (found,) = (one for one in logical(lines(io.BytesIO(filled(around, line) + b"\n"))) if one.content)
    record = read_record(found.content)
    assert record is not None
    assert values(record, FIELDS["time"]) == [milliseconds(TIME)] == [SECONDS * 1000]
    assert (record["level"], record["msg"], record["http.response.status"]) == ("info", "response completed", 200)


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize(
    "own", ["INFO[2020-01-01T00:00:00Z] a", 'time="2020-01-01T00:00:00Z" level=info msg=a', "panic: a"]
)
def test_a_line_with_a_time_or_of_another_form_stays_as_it_is(around: str, own: str) -> None:
    if "INFO[" not in around:  # a line in parts
        found = [one.content for one in logical(lines(io.BytesIO(filled(around, own) + b"\n"))) if one.content]
        assert found == [own.encode()]


@pytest.mark.parametrize(
    "around",
    ["LINE", "registry-1  | LINE", "Nov 23 11:05:00 host registry[660]: LINE", '{"log":"LINE","kubernetes":{}}',
     '{"log":"LINE","date":true}', '{"log":"LINE","date":7}', '{"log":"LINE","date":1e300}',
     '{"log":"LINE","date":"a"}', '{"log":"LINE","date":{"time":1795431900.5}}'],
)  # fmt: skip
def test_a_line_for_a_terminal_without_a_date_around_it_has_no_time(around: str) -> None:
    (found,) = logical(lines(io.BytesIO(filled(around, LINE) + b"\n")))
    assert found.content == LINE.encode()


def test_a_time_within_the_line_is_none_around_it() -> None:
    line = b"INFO[0037] since 2020-01-01T00:00:00Z"
    assert with_time(line, b"registry-1  | " + line) == line


def test_lines_for_a_terminal_are_found_by_their_time_in_every_command(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(filled(AROUND[0], COLOURED) + b"\n")

    def asked(*words: str) -> str:
        return CliRunner().invoke(regobs, ["logs", *words], catch_exceptions=False).output

    assert "\n2026-11-23T11:05:00.500Z  response completed" in asked("query", "*", str(path), "--columns", "time,msg")
    assert "2026-11-23T11:05:00.000Z" in asked("run", "status-over-time", str(path))
    assert asked("tail", "--once", str(path)).startswith("2026-11-23T11:05:00.500Z info")
    since = ("query", 'time >= "2026-11-23T11:05:00Z"', str(path), "--columns", "msg")
    assert "response completed" in asked(*since)
    path.write_text(f"{LINE}\n", encoding="utf-8")
    assert "response completed" not in asked(*since)


def test_a_hostile_line_takes_time_that_is_linear_in_its_length() -> None:
    for piece in (b"2026-11-23T11:05:00", b"INFO", b"\x1b[36m", b"1795431900.500000"):
        assert_linear(lambda size, piece=piece: with_time(LINE.encode(), piece * size + LINE.encode()), 20_000)  # type: ignore[misc]

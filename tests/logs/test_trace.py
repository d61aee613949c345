"""A request is shown whole, in order, once, and without secrets."""

from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.errors import LogQueryError
from regobs.logs.lines_shown import trace_as_json, trace_as_text
from regobs.logs.reading.sources import STDIN_NAME
from regobs.logs.trace import trace
from tests.examples import examples
from tests.logs.sample import FILE, lines

ID = "01M841NX3F1YD0RWPVN1HSJSFS"


def _line(second: int | None, msg: str, correlation: str = ID, **more: object) -> str:
    time = {} if second is None else {"time": f"2026-11-23T11:05:{second:02d}.000Z"}
    return json.dumps({**time, "msg": msg, "level": "info", "correlation_id": correlation, **more}) + "\n"


def test_access_and_application_lines_of_several_files_come_in_order_of_time(tmp_path: Path) -> None:
    access, app, older = tmp_path / "access.log", tmp_path / "app.log", tmp_path / "app.log.1.gz"
    access.write_text(_line(9, "access", method="PUT") + _line(1, "access", "01M841OTHER"))
    app.write_text(_line(7, "second") + "noise " + ID + "\n" + _line(8, "third"))
    older.write_bytes(gzip.compress((_line(5, "first") + _line(6, "stranger", "x" + ID)).encode()))
    cri = io.BytesIO(f"2026-11-23T11:05:10Z stdout F {_line(10, 'fourth')}".encode())
    found = trace(ID, [str(access), str(tmp_path / "app*"), "-"], stdin=cri)
    assert [event.record["msg"] for event in found.events] == ["first", "second", "third", "access", "fourth"]
    assert [(Path(event.file).name, event.line) for event in found.events] == [
        ("app.log.1.gz", 1),
        ("app.log", 1),
        ("app.log", 3),
        ("access.log", 1),
        (STDIN_NAME, 1),
    ]
    assert found.malformed == 1  # it has the id and is no log line
    text = trace_as_text(found).splitlines()
    assert text[0].startswith("      +0 ms  2026-11-23T11:05:05.000Z info    first")
    assert text[3].startswith("  +4,000 ms")
    assert "method=PUT" in text[3]


def test_every_request_of_the_sample_is_found_whole() -> None:
    by_id: dict[str, int] = {}
    for line in lines():
        if "correlation_id" in line:
            by_id[line["correlation_id"]] = by_id.get(line["correlation_id"], 0) + 1
    for correlation in sorted(by_id, key=lambda key: -by_id[key])[:5]:
        assert len(trace(correlation, [str(FILE)]).events) == by_id[correlation]


def test_lines_of_other_registries_have_the_id_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "registry.log"
    path.write_text(
        f'time="2026-11-23T11:05:02Z" level=info msg="response completed" http.request.id={ID}\n'
        f'{{"http.request.id": "{ID}", "msg": "authorized request", "time": "2026-11-23T11:05:01Z"}}\n'
    )
    assert [event.record["msg"] for event in trace(ID, [str(path)]).events] == [
        "authorized request",
        "response completed",
    ]


@pytest.mark.parametrize("correlation", ["a/b<c>&d-1234", 'quoted "1234"', "ünicode-1234", "x\\y.1234"])
def test_an_id_that_json_writes_with_escapes_is_found(tmp_path: Path, correlation: str) -> None:
    path = tmp_path / "a.log"
    go = json.dumps({"correlation_id": correlation, "msg": "m"}).replace("<", "\\u003c").replace("&", "\\u0026")
    path.write_text(go + "\n" + json.dumps({"correlation_id": correlation}, ensure_ascii=False) + "\n")
    assert len(trace(correlation, [str(path)]).events) == 2


def test_a_line_without_time_stays_behind_the_line_before_it(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_line(5, "b") + _line(None, "c") + _line(4, "a"))
    found = trace(ID, [str(path)])
    assert [event.record["msg"] for event in found.events] == ["a", "b", "c"]
    assert trace_as_text(found).splitlines()[2].startswith("           ")


@given(st.lists(st.tuples(st.integers(0, 59), st.booleans(), st.integers(0, 300)), max_size=12), st.integers(1, 64))
@settings(max_examples=examples(60), deadline=None)
def test_wherever_blocks_end_each_line_is_found_once(spec: list[tuple[int, bool, int]], size: int) -> None:
    import tempfile
    from unittest import mock

    text = "".join(_line(second, "m", ID if mine else "01OTHERID", pad="x" * pad) for second, mine, pad in spec)
    with tempfile.NamedTemporaryFile(suffix=".log") as file, mock.patch("regobs.logs.reading.read._BLOCK", size):
        file.write(text.encode())
        file.flush()
        found = trace(ID, [file.name])
    expected = sorted((second, at + 1) for at, (second, mine, _) in enumerate(spec) if mine)
    assert [event.line for event in found.events] == [line for _, line in expected]


def test_secrets_are_masked_in_both_forms(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_text(_line(1, "access", uri="/v2/a/blobs/uploads/1?_state=SECRETSTATE&digest=x", token="SECRETTOKEN"))
    found = trace(ID, [str(path)])
    for shown in (trace_as_text(found), trace_as_json(found)):
        assert "SECRET" not in shown
        assert "digest=x" in shown


def test_nothing_found_is_no_error_and_a_short_id_or_a_broken_file_is(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(_line(1, "m").encode() * 1000))
    assert trace("01NOSUCHID", [str(path)]).events == ()
    with pytest.raises(LogQueryError, match="no correlation id"):
        trace("a-b", [str(path)])
    assert trace(ID, [str(path)]).broken == ()
    path.write_bytes(path.read_bytes()[:-10])
    found = trace(ID, [str(path)])
    assert (found.broken, bool(found.events)) == ((str(path),), True)

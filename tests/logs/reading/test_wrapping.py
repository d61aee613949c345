"""What is wrapped comes out as it went in: container engines and the journal."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.reading.read import LONGEST_LINE, lines
from regobs.logs.reading.wrapping import logical
from tests.logs.timing import assert_linear

TIME = "2026-11-23T11:05:00.123456789Z"
# Lines that a process writes: text without a line end.
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n\r\x1b"), max_size=40).map(
    lambda text: f'{{"msg": "{text}"}}'
)
CUTS = st.lists(st.tuples(LINE, st.integers(0, 40), st.sampled_from(["stdout", "stderr"])), min_size=1, max_size=8)


def _cri(lines: list[tuple[str, int, str]]) -> bytes:
    out = b""
    for text, cut, stream in lines:
        line = text.encode()
        if cut < len(line):
            out += f"{TIME} {stream} P ".encode() + line[:cut] + b"\n"
            line = line[cut:]
        out += f"{TIME} {stream} F ".encode() + line + b"\n"
    return out


def _docker(lines: list[tuple[str, int, str]]) -> bytes:
    out = ""
    for text, cut, stream in lines:
        parts = [text[:cut], text[cut:] + "\n"] if cut < len(text) else [text + "\n"]
        for part in parts:
            out += json.dumps({"log": part, "stream": stream, "time": TIME}, ensure_ascii=cut % 2 == 0) + "\n"
    return out.encode()


def _journal(lines: list[tuple[str, int, str]]) -> bytes:
    out = ""
    for text, cut, _ in lines:
        message: object = list(text.encode()) if cut % 2 else text
        out += json.dumps({"__CURSOR": "s=1", "__REALTIME_TIMESTAMP": "1", "MESSAGE": message}) + "\n"
    return out.encode()


def _export(lines: list[tuple[str, int, str]]) -> bytes:
    out = b""
    for text, cut, _ in lines:
        line = text.encode()
        out += b"__CURSOR=s=1;i=2\n__REALTIME_TIMESTAMP=1\nUNIT=a\n"
        # journalctl writes text that it deems unprintable, and only that, with its length
        out += b"MESSAGE\n" + len(line).to_bytes(8, "little") + line + b"\n" if cut % 2 else b"MESSAGE=" + line + b"\n"
        out += b"\n"
    return out


FORMS: dict[str, Callable[[list[tuple[str, int, str]]], bytes]] = {
    "CRI": _cri,
    "Docker": _docker,
    "journal": _journal,
    "export": _export,
}


def unwrapped(data: bytes) -> list[bytes]:
    return [line.content for line in logical(lines(io.BytesIO(data))) if line.content]


@pytest.mark.parametrize("form", FORMS)
@given(cut=CUTS, packed=st.booleans())
def test_the_lines_of_a_process_come_back_whole(form: str, cut: list[tuple[str, int, str]], packed: bool) -> None:
    data = FORMS[form](cut)
    assert unwrapped(gzip.compress(data) if packed else data) == [text.encode() for text, _, _ in cut]


@given(data=st.binary(max_size=200))
def test_no_bytes_stop_it(data: bytes) -> None:
    assert all(b"\n" not in line for line in unwrapped(data))


@pytest.mark.parametrize(
    "start",
    [
        b"text",
        b"[1]",
        b'{"msg": "access"}',
        b'{"log": 1, "stream": "stdout", "time": "x"}',
        b'{"log": "x", "msg": "y", "time": "x"}',
        b"2026-11-23T11:05:00Z somebody {}",
    ],
)
def test_a_line_of_the_registry_itself_is_not_taken_for_a_wrapper(start: bytes) -> None:
    assert unwrapped(start) == [start]


def test_two_streams_of_a_container_do_not_mix_their_parts() -> None:
    data = f"{TIME} stdout P a\n{TIME} stderr P x\n{TIME} stdout F b\n{TIME} stderr F y\n{TIME} stdout P end\n"
    assert unwrapped(data.encode()) == [b"ab", b"xy", b"end"]


def test_streams_without_end_do_not_fill_the_memory() -> None:
    data = "".join(json.dumps({"log": "part", "stream": str(number), "time": TIME}) + "\n" for number in range(99))
    assert len(unwrapped(data.encode())) == 99


def test_what_is_not_wrapped_stays_and_line_ends_within_a_message_become_spaces() -> None:
    data = f"noise\n{TIME} stdout F {{}}\n".encode()
    assert unwrapped(data) == [b"noise", b"{}"]
    export = b"__CURSOR=a\nMESSAGE\n\x05\0\0\0\0\0\0\0{\n\n\n}\n\n"
    assert unwrapped(export) == [b"{   }"]


JSON_LINE = b'{"msg":"a"}'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (b"__CURSOR=a\nMESSAGE=x y\n" + JSON_LINE + b"\n", [b"x y", JSON_LINE]),  # the entry has no end
        (b"__CURSOR=a\nMESSAGE=x y\n\n" + JSON_LINE + b"\nA=b\n\n", [b"x y", JSON_LINE, b"A=b"]),
        (JSON_LINE + b"\n__REALTIME_TIMESTAMP=1\nMESSAGE=x y\n", [JSON_LINE, b"x y"]),
        (b"{\n__CURSOR=a\nMESSAGE=x y\n", [b"{", b"x y"]),  # an object that never ends
        (b"__CURSOR=a\nlevel=info msg=b\nC=d\n", [b"level=info msg=b", b"C=d"]),  # no name of the journal
        # What looks like the name of a value with its length, of which the bytes behind it tell that it is none.
        (b"__CURSOR=a\nFATAL\n" + JSON_LINE + b"\nx\n", [b"FATAL", JSON_LINE, b"x"]),
        (b"__CURSOR=a\nFATAL\n\n\n" + JSON_LINE + b"\nx\n", [b"FATAL", JSON_LINE, b"x"]),
        (b"__CURSOR=a\nA\n__CURSOR=b\nMESSAGE=x\n\n", [b"A", b"x"]),
        (b"__CURSOR=a\nMESSAGE\n\x09\0\0\0\0\0\0\0{\n", [b"{"]),  # cut off
    ],
)
def test_a_journal_export_ends_where_other_lines_begin_and_none_of_them_is_lost(
    text: bytes, expected: list[bytes]
) -> None:
    assert unwrapped(text) == expected
    assert unwrapped(text.replace(b"\n", b"\r\n")) == expected


def test_lines_that_are_given_back_keep_their_numbers_and_places() -> None:
    text = b"__CURSOR=a\nFATAL\n\n" + JSON_LINE + b"\n"
    found = [(one.number, one.offset, one.content) for one in logical(lines(io.BytesIO(text)))]
    assert found == [(2, 11, b"FATAL"), (3, 17, b""), (4, 18, JSON_LINE)]


@pytest.mark.parametrize(
    "hostile",
    [b"__CURSOR=a\n", b"__CURSOR=a\nA\n", b"__CURSOR=a\nA\n\n\n", b"__CURSOR=a\n{\n", b"{\n__CURSOR=a\n"],
)
def test_a_journal_export_that_begins_again_and_again_takes_linear_time(hostile: bytes) -> None:
    texts = {size: hostile * size for size in (1_000, 16_000)}
    assert_linear(lambda size: unwrapped(texts[size]), 1_000)


def test_the_name_of_a_value_may_be_long() -> None:
    texts = {size: b"__CURSOR=a\n" + b"A" * size + b" \n" for size in (20_000, 320_000)}
    assert_linear(lambda size: unwrapped(texts[size]))


def test_a_line_is_never_kept_beyond_what_a_log_line_may_be() -> None:
    part = f"{TIME} stdout P ".encode() + b"x" * 400_000 + b"\n"
    assert max(map(len, unwrapped(part * 8))) <= LONGEST_LINE + 400_000
    long = b"y" * (5 * LONGEST_LINE) + b"\nend\n"
    assert [len(line) for line in unwrapped(long)] == [LONGEST_LINE, 3]


OWN = {"level": "info", "msg": "access", "status": 200}


@pytest.mark.parametrize(
    "around",
    [
        {"insertId": "1", "jsonPayload": OWN, "severity": "INFO"},
        {"_index": "a", "_id": "1", "_source": OWN},
        {"_index": "a", "_source": {"@timestamp": TIME, "message": json.dumps(OWN)}},
        {"@timestamp": TIME, "json": OWN},
        {"TimeGenerated": TIME, "LogMessage": OWN, "PodName": "a"},
        {"@timestamp": "2025-11-23 11:05:00.100", "@message": OWN, "@logStream": "s"},
        {"@timestamp": "2025-11-23 11:05:00.100", "@message": json.dumps(OWN), "@log": "1:/x"},
        {"TimeGenerated": TIME, "LogEntry": json.dumps(OWN), "ContainerID": "a"},
        {"log": json.dumps(OWN), "stream": "stdout", "logtag": "F", "time": TIME},
        {"time": 1763895900.1, "event": json.dumps(OWN), "host": "a", "sourcetype": "_json"},
        {"time": "1763895900.1", "host": "a", "event": OWN},
        {"events": [{"timestamp": 1763895901000, "message": json.dumps(OWN), "ingestionTime": 1}], "nextToken": "a"},
        {"log": json.dumps(OWN) + "\n", "stream": "stdout", "time": TIME, "attrs": {"tag": "a"}},
    ],
)
def test_an_object_within_what_a_shipper_wrote_is_the_line(around: dict[str, object]) -> None:
    for text in (
        json.dumps(around),
        json.dumps([around]),
        json.dumps([around], indent=2),
        json.dumps(around, indent=1),
    ):
        found = [one.content for one in logical(lines(io.BytesIO(text.encode() + b"\n")))]
        assert [json.loads(one) for one in found] == [OWN]


@pytest.mark.parametrize(
    "own",
    [
        {"level": "info", "message": "access", "status": 200},  # as labkit names it
        {"level": "info", "msg": "a", "json": {"msg": "b"}, "log": "level=info"},
        {"level": "info", "message": "level: {", "line": 7},
        {"_source": {"a": 1}},
        {"jsonPayload": "a"},
        {"LogMessage": "what somebody says"},
        {"LogMessage": {"a": 1}},
        {"_time": TIME, "_msg": "blob downloaded", "level": "info"},
        {"version": "1.1", "short_message": "a b", "level": 6},
        {"time": 1763895900.1, "event": "hello", "host": "a"},
        {"time": 1763895900.1, "event": {"a": 1}},
        {"level": "info", "msg": "a", "event": {"msg": "b"}},
        {"events": [{"id": "1", "action": "pull", "timestamp": TIME}]},
        {"events": [{"message": "a"}, {"action": "pull"}]},
        {"events": []},
    ],
)
def test_a_line_with_a_field_of_that_name_stays_whole(own: dict[str, object]) -> None:
    (found,) = logical(lines(io.BytesIO(json.dumps(own).encode() + b"\n")))
    assert json.loads(found.content) == own


def test_parts_of_a_line_that_fluent_bit_shipped_are_put_together() -> None:
    text = json.dumps(OWN)
    parts = [{"log": text[:9], "stream": "stdout", "logtag": "P"}, {"log": text[9:], "stream": "stdout", "logtag": "F"}]
    (found,) = logical(lines(io.BytesIO("\n".join(map(json.dumps, parts)).encode())))
    assert json.loads(found.content) == OWN


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_is_read_by_its_byte_order_mark(encoding: str) -> None:
    text = "\ufeff" + '{"msg":"é日"}\r\n{"msg":"b"}\r\n'
    found = [one.content.strip() for one in logical(lines(io.BytesIO(text.encode(encoding))))]
    assert found == ['{"msg":"é日"}'.encode(), b'{"msg":"b"}']

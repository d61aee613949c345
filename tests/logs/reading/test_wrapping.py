"""What is wrapped comes out as it went in: container engines and the journal."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.logs.reading.read import LONGEST_LINE
from regobs.logs.reading.wrapping import Wrapping, unwrapped, wrapping_of

TIME = "2026-11-23T11:05:00.123456789Z"
# Lines that a process writes: text without a line end.
LINE = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\n"), min_size=1, max_size=40)
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


FORMS: dict[Wrapping, Callable[[list[tuple[str, int, str]]], bytes]] = {
    Wrapping.CRI: _cri,
    Wrapping.DOCKER: _docker,
    Wrapping.JOURNAL: _journal,
    Wrapping.EXPORT: _export,
}


@pytest.mark.parametrize("form", FORMS)
@given(lines=CUTS, packed=st.booleans())
def test_the_lines_of_a_process_come_back_whole(
    form: Wrapping, lines: list[tuple[str, int, str]], packed: bool
) -> None:
    data = FORMS[form](lines)
    assert wrapping_of(data) is form
    found = list(unwrapped(io.BytesIO(gzip.compress(data) if packed else data), form))
    assert found == [text.encode() for text, _, _ in lines]


@pytest.mark.parametrize("form", FORMS)
@given(data=st.binary(max_size=200))
def test_no_bytes_stop_it(form: Wrapping, data: bytes) -> None:
    if not data.startswith((b"\x1f\x8b", b"\x28\xb5\x2f\xfd")):
        assert all(b"\n" not in line for line in unwrapped(io.BytesIO(data), form))


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\n\n",
        b"text",
        b"[1]\n",
        b'{"msg": "access"}',
        b'{"log": 1, "stream": "stdout", "time": "x"}',
        b'{"MESSAGE": "x"}',
        b"2026-11-23T11:05:00Z stdout X {}",
    ],
)
def test_a_line_of_the_registry_itself_is_not_taken_for_a_wrapper(start: bytes) -> None:
    assert wrapping_of(start) is Wrapping.NONE


def test_two_streams_of_a_container_do_not_mix_their_parts() -> None:
    data = f"{TIME} stdout P a\n{TIME} stderr P x\n{TIME} stdout F b\n{TIME} stderr F y\n{TIME} stdout P end\n"
    assert list(unwrapped(io.BytesIO(data.encode()), Wrapping.CRI)) == [b"ab", b"xy", b"end"]


def test_what_is_not_wrapped_stays_and_line_ends_within_a_message_become_spaces() -> None:
    data = f"noise\n{TIME} stdout F {{}}\n".encode()
    assert list(unwrapped(io.BytesIO(data), Wrapping.CRI)) == [b"noise", b"{}"]
    export = b"__CURSOR=a\nMESSAGE\n\x05\0\0\0\0\0\0\0{\n\n\n}\n\n"
    assert list(unwrapped(io.BytesIO(export), Wrapping.EXPORT)) == [b"{   }"]


def test_a_line_is_never_kept_beyond_what_a_log_line_may_be() -> None:
    part = f"{TIME} stdout P ".encode() + b"x" * 400_000 + b"\n"
    sizes = [len(line) for line in unwrapped(io.BytesIO(part * 8), Wrapping.CRI)]
    assert max(sizes) <= LONGEST_LINE + 400_000
    long = b"y" * (5 * LONGEST_LINE) + b"\nend\n"
    assert [len(line) for line in unwrapped(io.BytesIO(long), Wrapping.NONE)][-1] == 3
    assert max(len(line) for line in unwrapped(io.BytesIO(long), Wrapping.NONE)) <= 2 * LONGEST_LINE + 1


def test_a_broken_archive_is_an_error_and_not_a_short_log() -> None:
    data = gzip.compress(_cri([("x" * 40, 99, "stdout")] * 1000))
    with pytest.raises(InputError, match="broken gzip"):
        list(unwrapped(io.BytesIO(data[:-9]), Wrapping.CRI))

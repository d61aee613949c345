"""Line ends of Windows and colours change nothing of what stands around a line, whichever form that has."""

from __future__ import annotations

import io

import pytest

from regobs.logs.reading.read import lines
from regobs.logs.reading.wrapping import logical

TIME = "2026-11-23T11:05:00.1Z"
LINE = '{"level":"info","msg":"a"}'


def unwrapped(data: bytes) -> list[str]:
    return [line.content.decode() for line in logical(lines(io.BytesIO(data))) if line.content]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("first", ["__CURSOR=s=1", "__REALTIME_TIMESTAMP=1763895900818165"])
def test_each_record_of_the_journal_ends_at_its_empty_line(first: str, end: str) -> None:
    record = end.join((first, "_PID=1", f"MESSAGE={LINE}", "", ""))
    assert unwrapped((record * 4).encode()) == [LINE] * 4


def test_a_value_of_the_journal_with_its_length_has_it_without_the_line_ends_that_were_changed() -> None:
    value = b'{"msg":\n\n"a\xc3\xa9"}' + b" " * 240
    record = b"__CURSOR=s=1\nMESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n\n"
    expected = [value.replace(b"\n", b" ").strip().decode()] * 2
    assert unwrapped(record * 2) == expected
    assert unwrapped((record * 2).replace(b"\n", b"\r\n")) == expected


def test_a_carriage_return_within_a_value_with_its_length_counts() -> None:
    value = b'{"msg":\r\n"a"}'
    record = b"__CURSOR=s=1\nMESSAGE\n" + len(value).to_bytes(8, "little") + value + b"\n\n"
    assert unwrapped(record * 2) == ['{"msg":\r "a"}'] * 2


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_parts_of_a_line_of_cri_are_put_together(end: str) -> None:
    parts = f"{TIME} stdout P {LINE[:9]} {end}{TIME} stdout P  x{end}{TIME} stdout F {LINE[9:]}{end}"
    assert unwrapped(parts.encode()) == [f"{LINE[:9]}  x{LINE[9:]}"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_a_collector_says_itself_is_no_line(encoding: str, end: str) -> None:
    said = ("==> /var/log/gitlab/registry/current <==", LINE, "-- Boot 3f2a --", LINE)
    assert unwrapped(end.join((*said, "")).encode(encoding)) == [LINE, LINE]
    assert unwrapped(f"==> what follows{end}{LINE}{end}".encode(encoding)) == ["==> what follows", LINE]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_colours_around_a_line_of_cri_change_nothing(end: str) -> None:
    whole = f"\x1b[36m{TIME} stdout F {LINE}\x1b[0m{end}"
    parts = f"\x1b[36m{TIME} stdout P {LINE[:9]}\x1b[0m{end}\x1b[36m{TIME} stdout F {LINE[9:]}\x1b[0m{end}"
    assert unwrapped((whole + parts).encode()) == [LINE, LINE]
    assert unwrapped(f"\x1b[36m{TIME} {LINE}\x1b[0m".encode()) == [LINE]  # a time before a line of any kind

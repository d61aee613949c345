from __future__ import annotations

import bz2
import gzip
import io
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd
from hypothesis import given
from hypothesis import strategies as st

from regobs.errors import InputError
from regobs.logs.reading.read import LONGEST_LINE, blocks, compression_of, lines, open_log

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
CONTENT = st.binary(max_size=300).filter(lambda data: not (data.startswith(BYTE_ORDER_MARK) or compression_of(data)))


@given(CONTENT)
def test_the_lines_are_those_of_the_file_each_at_its_offset(data: bytes) -> None:
    found = list(lines(io.BytesIO(data)))
    expected = data.split(b"\n")
    expected = expected if expected[-1] else expected[:-1]
    assert [line.content for line in found] == expected
    assert [line.number for line in found] == list(range(1, len(found) + 1))
    for line in found:
        assert data[line.offset :].startswith(line.content)
    assert all(line.ended for line in found[:-1])
    assert not found or found[-1].ended == data.endswith(b"\n")


@given(CONTENT)
def test_a_packed_file_has_the_lines_of_the_plain_one(data: bytes) -> None:
    assert list(lines(io.BytesIO(gzip.compress(data)))) == list(lines(io.BytesIO(data)))


@given(CONTENT, st.integers(1, 20))
def test_packed_parts_one_after_the_other_are_one_file(data: bytes, place: int) -> None:
    parts = gzip.compress(data[:place]) + gzip.compress(data[place:])
    assert list(lines(io.BytesIO(parts))) == list(lines(io.BytesIO(data)))
    assert list(lines(io.BytesIO(parts + b"\0" * 100))) == list(lines(io.BytesIO(data)))


@given(CONTENT, st.integers(1, 20))
def test_a_zstd_file_of_one_frame_or_two_has_the_lines_of_the_plain_one(data: bytes, place: int) -> None:
    expected = list(lines(io.BytesIO(data)))
    assert list(lines(io.BytesIO(zstd.compress(data)))) == expected
    assert list(lines(io.BytesIO(zstd.compress(data[:place]) + zstd.compress(data[place:])))) == expected


def test_a_zstd_file_that_unpacks_to_much_is_read_block_by_block_and_a_broken_one_up_to_its_end() -> None:
    data = b"".join(b'{"n": %d}\n' % number for number in range(300_000))
    packed = zstd.compress(data)
    assert max(len(block) for block, _ in blocks(io.BytesIO(packed))) <= 1 << 20
    *good, broken = lines(io.BytesIO(packed[:-2000]))
    assert len(good) > 1000
    assert broken.fault == "broken zstd"
    assert [line.fault for line in lines(io.BytesIO(packed[:20] + b"\xff" * 50))] == ["broken zstd"]


@given(CONTENT, st.integers(1, 20))
def test_a_line_that_is_too_long_is_cut_and_the_others_keep_number_and_offset(data: bytes, longest: int) -> None:
    whole = list(lines(io.BytesIO(data)))
    cut = list(lines(io.BytesIO(data), longest))
    assert [(line.number, line.offset) for line in cut] == [(line.number, line.offset) for line in whole]
    for mine, theirs in zip(cut, whole, strict=True):
        assert (mine.fault == "over-long") == (len(theirs.content) > longest)
        assert mine.content == theirs.content[:longest]


def test_a_line_longer_than_many_blocks_costs_one_line_not_the_file() -> None:
    data = b"a\n" + b"x" * (5 * LONGEST_LINE) + b"\nb\n"
    first, long, last = lines(io.BytesIO(data))
    assert (first.content, last.content, last.number) == (b"a", b"b", 3)
    assert last.offset == len(data) - 2
    assert (long.fault, len(long.content)) == ("over-long", LONGEST_LINE)


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    assert next(lines(io.BytesIO(b"\xef\xbb\xbf{}\n"))).content == b"{}"
    assert next(lines(io.BytesIO(gzip.compress(b"\xef\xbb\xbf{}\n")))).content == b"{}"


def test_of_a_packed_file_that_breaks_off_the_lines_before_are_read() -> None:
    data = b"".join(b'{"n": %d}\n' % number for number in range(200_000))
    *good, broken = lines(io.BytesIO(gzip.compress(data)[:-2000]))
    assert len(good) > 1000
    assert [line.fault for line in good] == [None] * len(good)
    assert broken.fault == "broken gzip"


@given(st.binary(max_size=60))
def test_no_bytes_behind_the_mark_of_gzip_make_reading_fail(data: bytes) -> None:
    assert [line.fault for line in lines(io.BytesIO(b"\x1f\x8b" + data))][-1:] == ["broken gzip"]


def test_a_file_that_is_not_there_and_a_directory_are_wrong_input(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read the log: No such file"):
        open_log(str(tmp_path / "no.log"), io.BytesIO())
    with pytest.raises(InputError, match="this is a directory"):
        open_log(str(tmp_path), io.BytesIO())


def test_a_dash_is_standard_input() -> None:
    stdin = io.BytesIO(b"x")
    assert open_log("-", stdin) is stdin


@pytest.mark.parametrize(("pack", "fault"), [(lzma.compress, "broken xz"), (bz2.compress, "broken bzip2")])
def test_xz_and_bzip2_of_one_part_or_several_are_read_and_a_broken_one_up_to_its_end(
    pack: Callable[[bytes], bytes], fault: str
) -> None:
    data = b"".join(b"line %d\n" % number for number in range(300_000))
    expected = list(lines(io.BytesIO(data)))
    half = len(data) // 2
    assert list(lines(io.BytesIO(pack(data)))) == expected
    assert list(lines(io.BytesIO(pack(data[:half]) + b"\0" * 8 + pack(data[half:])))) == expected
    assert list(lines(io.BytesIO(pack(data) + b"\0" * 8))) == expected
    *whole, last = lines(io.BytesIO(pack(data)[:-12]))
    assert (last.fault, len(whole) <= len(expected)) == (fault, True)
    assert whole == expected[: len(whole)]
    assert [line.fault for line in lines(io.BytesIO(pack(data)[:8] + b"\xff" * 50))] == [fault]
    assert [line.content for line in lines(io.BytesIO(b"BZh is how a text begins\n"))] == [b"BZh is how a text begins"]

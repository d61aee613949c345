"""Rotated logs come in order of time, and no line twice."""

from __future__ import annotations

import gzip
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.reading.sources import in_time_order


def _made(folder: Path, names: list[str]) -> list[Path]:
    for number, name in enumerate(names):
        (folder / name).write_text(str(number))
    return [folder / name for name in names]


@pytest.mark.parametrize(
    "expected",
    [
        ["app.log.10.gz", "app.log.2.gz", "app.log.1", "app.log"],
        ["app.log-20261121.gz", "app.log-20261122", "app.log"],
        ["app-2026-11-22T23-59-59.000.log.gz", "app-2026-11-23T00-00-01.000.log", "app.log"],
        ["0.log.20261122-235959.gz", "0.log.20261123-000001", "0.log"],
        ["b.log.1", "b.log", "a.log.1", "a.log"],
        ["1.23.log"],
    ],
)
def test_the_files_of_a_set_are_read_from_the_oldest(tmp_path: Path, expected: list[str]) -> None:
    paths = _made(tmp_path, expected)
    turned = sorted(paths, key=lambda path: path.name[:1] != expected[0][:1])  # the first set stays the first
    for given_order in (paths, turned, turned[:1] + turned[:0:-1]):
        assert [path.name for path in in_time_order(given_order)] == expected


def test_a_file_is_read_once_whatever_it_is_called(tmp_path: Path) -> None:
    (log, other) = _made(tmp_path, ["app.log", "other.log"])
    (tmp_path / "current").symlink_to(log)
    (tmp_path / "hard").hardlink_to(log)
    assert in_time_order([log, tmp_path / "current", log, tmp_path / "hard", other]) == [log, other]


def test_a_log_that_is_being_compressed_is_read_from_its_original(tmp_path: Path) -> None:
    plain, packed, alone = _made(tmp_path, ["app.log.1", "app.log.1.gz", "app.log.2.gz"])
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    assert in_time_order([packed, plain, alone]) == [alone, plain]
    assert in_time_order([packed, alone]) == [alone, packed]


def test_of_a_plain_and_a_packed_file_that_which_holds_more_is_read_and_both_where_neither_holds_all(
    tmp_path: Path,
) -> None:
    plain, packed = _made(tmp_path, ["app.log.1", "app.log.1.gz"])
    cases = {b"": [plain], b"0": [plain], b"00": [packed], b"1": [packed, plain], b"0\n": [packed]}
    for content, expected in cases.items():
        packed.write_bytes(gzip.compress(content))
        assert in_time_order([packed, plain]) == expected, content
    noise = os.urandom(5000)
    plain.write_bytes(noise)
    packed.write_bytes(gzip.compress(noise)[:3000])  # still being written
    assert in_time_order([packed, plain]) == [plain]
    plain.write_bytes(b"")
    packed.write_bytes(gzip.compress(b"1"))
    assert in_time_order([packed, plain]) == [packed, plain]


@given(st.lists(st.integers(0, 99999), min_size=1, max_size=8, unique=True))
def test_numbers_count_back_from_the_file_in_use(numbers: list[int]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        paths = _made(Path(folder), [f"r.log.{number}" for number in numbers] + ["r.log"])
        names = [path.name for path in in_time_order(paths)]
    assert names == [f"r.log.{number}" for number in sorted(numbers, reverse=True)] + ["r.log"]

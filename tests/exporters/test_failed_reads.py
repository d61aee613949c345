"""Files that can be opened and not be read to their end: each line counts once, also where reading fails midway."""

from __future__ import annotations

import errno
import gzip
import os
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, Self

import pytest

from regobs.exporters import failed_reads, log_generations
from regobs.exporters.log_files import LogFiles
from regobs.exporters.log_generations import Generation
from tests.exporters.followed import Followed

_SECTOR = 200  # the first byte that cannot be read
_TOLD = "a file cannot be read on"


class Disk:
    """Inodes of files that cannot be read from a place on."""

    def __init__(self) -> None:
        self.plain, self.packed = set[int](), set[int]()

    def clear(self) -> None:
        self.plain.clear()
        self.packed.clear()


class _Failing:
    """A packed file whose second part cannot be read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        if self._file.tell() > _SECTOR:
            raise OSError(errno.EIO, "Input/output error")
        return self._file.read(min(size, _SECTOR))


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    found, read, opened = Disk(), os.pread, Generation.open

    def pread(descriptor: int, size: int, offset: int) -> bytes:
        if os.fstat(descriptor).st_ino in found.plain and offset + size > _SECTOR:
            raise OSError(errno.EIO, "Input/output error")
        return read(descriptor, size, offset)

    def open_packed(one: Generation) -> Any:
        file = opened(one)
        return _Failing(file) if one.inode in found.packed else file

    monkeypatch.setattr(os, "pread", pread)
    monkeypatch.setattr(Generation, "open", open_packed)
    monkeypatch.setattr(log_generations, "_BLOCK", 64)
    monkeypatch.setattr(log_generations, "_START", 32)
    monkeypatch.setattr("regobs.exporters.followed_path._SETTLED", 0.0)
    monkeypatch.setattr(failed_reads, "_AGAIN", 0.0)
    return found


@pytest.fixture
def followed(follow: Callable[..., Followed]) -> Followed:
    one = follow()
    one.write()
    one.read()
    return one


def live(one: Followed, disk: Disk) -> None:
    one.write(20)
    disk.plain.add(one.log.stat().st_ino)
    one.read()


def renamed_while_open(one: Followed, disk: Disk) -> None:
    one.write(20)
    one.rename()
    disk.plain.add(one.log.with_name("app.log.1").stat().st_ino)
    one.read()


def renamed_while_down(one: Followed, disk: Disk) -> None:
    one.write(20)
    one.rename()
    disk.plain.add(one.log.with_name("app.log.1").stat().st_ino)
    one.restart()


def copied(one: Followed, disk: Disk) -> None:
    one.write(20)
    one.copytruncate()
    disk.plain.add(one.log.with_name("app.log.copy").stat().st_ino)
    one.read()


def unseen(one: Followed, disk: Disk) -> None:
    one.rename()
    one.write(20)
    one.rename()
    disk.plain.add(one.log.with_name("app.log.1").stat().st_ino)
    one.read()


def unseen_and_packed(one: Followed, disk: Disk) -> None:
    one.rename()
    one.write(900)
    plain, found = one.log.with_name("app.log.1"), one.log.with_name("app.log.1.gz")
    one.rename()
    found.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()
    disk.packed.add(found.stat().st_ino)
    one.read()


WAYS = [live, renamed_while_open, renamed_while_down, copied, unseen, unseen_and_packed]


@pytest.mark.parametrize("restarted", [False, True], ids=["running", "restarted"])
@pytest.mark.parametrize("fail", WAYS, ids=lambda fail: fail.__name__)
def test_a_read_that_fails_in_the_middle_of_a_file_is_told_and_gone_on_from_there(
    followed: Followed,
    disk: Disk,
    fail: Callable[[Followed, Disk], None],
    restarted: bool,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level("INFO")
    fail(followed, disk)
    some = len(followed.lines)
    assert 3 < some < followed.written
    assert followed.files.unreadable == 1
    assert followed.files.settled  # a checkpoint may be written
    followed.read()
    assert (len(followed.lines), caplog.text.count(_TOLD)) == (some, 1)
    if restarted:
        followed.restart()
    disk.clear()
    followed.write()
    for _ in range(3):
        followed.read()
    assert sorted(followed.lines) == list(range(followed.written))
    assert followed.files.unreadable == 0
    assert f"no longer: {_TOLD}" in caplog.text


def test_a_file_that_fails_is_tried_again_after_a_while_and_the_others_are_read_meanwhile(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    first.write_bytes(b"a\n" * 200)
    second.write_bytes(b"b\n" * 200)
    disk.plain.add(first.stat().st_ino)
    monkeypatch.setattr(failed_reads, "_AGAIN", 1000.0)
    files = LogFiles([str(first), str(second)])
    files.open()
    lines = [line for _, block in files.blocks() for line in block]
    assert lines.count(b"b") == 200
    assert 0 < lines.count(b"a") < 200
    disk.clear()
    assert [line for _, block in files.blocks() for line in block] == []
    monkeypatch.setattr(failed_reads, "monotonic", lambda: 1e12)
    lines += [line for _, block in files.blocks() for line in block]
    assert (lines.count(b"a"), lines.count(b"b")) == (200, 200)
    files.close()


def test_a_file_that_fails_and_is_deleted_is_told_as_lost_and_no_longer_counted(
    followed: Followed, disk: Disk, caplog: pytest.LogCaptureFixture
) -> None:
    unseen(followed, disk)
    assert followed.files.unreadable == 1
    followed.log.with_name("app.log.1").unlink()
    followed.read()
    assert followed.files.unreadable == 0
    assert "a file that was not read to its end is gone" in caplog.text


def test_a_start_that_cannot_be_read_keeps_no_other_file_from_being_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = tmp_path / "a.log", tmp_path / "b.log"
    for path in (first, second):
        path.write_bytes(b"1\n")
    files = LogFiles([str(first), str(second)])
    files.open()
    assert sum(len(block) for _, block in files.blocks()) == 2
    second.write_bytes(b"1\n2\n")
    with monkeypatch.context() as patched:
        patched.setattr(log_generations, "_start_of", _no_start(first, log_generations._start_of))
        assert sum(len(block) for _, block in files.blocks()) == 1
        assert (files.unreadable, files.settled) == (1, True)
    assert list(files.blocks()) == []
    assert files.unreadable == 0
    files.close()


def _no_start(path: Path, start_of: Callable[..., Any]) -> Callable[..., Any]:
    def failing(file: IO[bytes], size: int) -> Any:
        if os.fstat(file.fileno()).st_ino == path.stat().st_ino:
            raise OSError(errno.EIO, "Input/output error")
        return start_of(file, size)

    return failing

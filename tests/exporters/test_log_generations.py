"""Generations of a log: packed ones, named pipes among them, holes before their lines."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from backports import zstd

from regobs.exporters.log_files import LogFiles
from tests.exporters.followed import Followed

pytestmark = pytest.mark.usefixtures("settled")


PACKERS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": zstd.compress,
}


@pytest.mark.parametrize("ending", PACKERS)
@pytest.mark.parametrize("restarted", [True, False], ids=["while down", "while up"])
def test_a_rotation_that_packs_loses_and_doubles_no_line_whatever_packs_it(
    tmp_path: Path, ending: str, restarted: bool
) -> None:
    followed = Followed(tmp_path, "*.log*")
    followed.write()
    followed.read()
    followed.write()  # not read before the file is packed
    if not restarted:
        followed.read()
    old = tmp_path / "app.log.1"
    followed.log.rename(old)
    followed.write()
    if not restarted:
        followed.read()
    packed = Path(f"{old}{ending}")
    packed.write_bytes(PACKERS[ending](old.read_bytes()))
    old.unlink()
    os.utime(packed, (1, 1))
    if restarted:
        followed.restart()
    followed.read()
    followed.write()
    followed.read()
    followed.files.close()
    assert followed.lines == list(range(followed.written))


def test_a_packed_file_that_cannot_be_unpacked_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    followed = Followed(tmp_path)
    followed.write()
    followed.read()
    for number, start in enumerate((b"\xfd7zXZ\0", b"BZh", b"\x28\xb5\x2f\xfd", b"\x1f\x8b")):
        damaged = tmp_path / f"app.log.{number + 1}.packed"
        damaged.write_bytes(start + b"\n\n\n")
        os.utime(damaged, (1, 1))
        followed.read()
        followed.read()
    followed.write()
    followed.read()
    followed.files.close()
    assert followed.lines == list(range(followed.written))
    assert [record.getMessage() for record in caplog.records] == ["a packed file is not whole"] * 4
    assert followed.files.unreadable == 4


def test_a_named_pipe_among_the_files_holds_nothing_up(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    os.mkfifo(tmp_path / "aaa.log")
    os.mkfifo(tmp_path / "app.log.1")
    followed = Followed(tmp_path, "*.log")
    followed.write()
    followed.read()
    followed.log.rename(tmp_path / "app.log.2")
    os.mkfifo(followed.log)
    followed.read()
    followed.log.unlink()
    followed.write()
    followed.read()
    followed.files.close()
    assert followed.lines == list(range(followed.written))
    assert "a file cannot be read" in [record.getMessage() for record in caplog.records]


@pytest.mark.parametrize("kind", ["looping", "named pipe", "socket"])
@pytest.mark.parametrize("pattern", ["*.log", "broken.log"])
def test_what_a_name_means_and_is_no_file_is_told_once_and_counted(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, kind: str, pattern: str
) -> None:
    file = tmp_path / "broken.log"
    if kind == "looping":
        file.symlink_to(file)
    elif kind == "named pipe":
        os.mkfifo(file)
    else:
        with socket.socket(socket.AF_UNIX) as plug:
            plug.bind(str(file))
    (tmp_path / "folder.log").mkdir()
    (tmp_path / "dangling.log").symlink_to(tmp_path / "gone")  # as those of the kubelet do for a moment
    followed = Followed(tmp_path, pattern)
    for _ in range(3):
        followed.write()
        followed.read()
    told = [record for record in caplog.records if record.getMessage() == "a file cannot be read"]
    assert [record.__dict__["file"] for record in told] == [str(file)]
    assert followed.files.unreadable == 1
    file.unlink()
    followed.read()
    assert followed.files.unreadable == 0
    followed.files.close()
    assert followed.lines == ([] if pattern == "broken.log" else list(range(followed.written)))


def test_a_packed_file_of_other_content_beside_the_plain_one_is_read_and_a_copy_is_not(
    tmp_path: Path, followed: Followed
) -> None:
    followed.write()
    followed.read()
    followed.log.rename(tmp_path / "app.log.1")
    followed.write()
    rest = b"".join(b"%d %s\n" % (number, b"x" * 20) for number in range(6, 9))
    with gzip.open(tmp_path / "app.log.1.gz", "wb") as file:
        file.write(rest)
    followed.read()
    with gzip.open(tmp_path / "app.log.2.gz", "wb") as file:
        file.write((tmp_path / "app.log.1").read_bytes())
    shutil.copy(tmp_path / "app.log.1", tmp_path / "app.log.2")
    followed.read()
    assert sorted(followed.lines) == list(range(9))


def test_a_name_that_no_file_has_is_told(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "app.log").touch()
    for name in ("app.log", "*.log", "none.log", "none-*.log"):
        files = LogFiles([str(tmp_path / name)])
        files.open()
        files.close()
    told = [(record.getMessage(), record.__dict__["file"]) for record in caplog.records]
    assert told == [("there is no file of this name yet", str(tmp_path / name)) for name in ("none.log", "none-*.log")]


@pytest.mark.parametrize("hole", [1, 5000, (1 << 20) - 1, 1 << 20, 5 << 20])
def test_the_zeros_that_copytruncate_leaves_before_a_line_of_a_writer_that_does_not_append_are_no_part_of_it(
    tmp_path: Path, hole: int
) -> None:
    followed = Followed(tmp_path)
    followed.write()
    followed.read()
    followed.log.rename(tmp_path / "app.log.1")
    with followed.log.open("wb") as file:
        file.truncate(hole)
        followed.read()  # nothing yet: a writer may fill what it has reserved
        file.seek(hole)
        file.write(b"3 x\n")
    followed.written += 1
    followed.read()
    followed.write()
    followed.read()
    followed.files.close()
    assert followed.lines == list(range(followed.written))


@pytest.mark.parametrize("size", [1, 60])
def test_a_rotation_is_read_at_once_though_the_new_log_begins_as_it_did(followed: Followed, size: int) -> None:
    """What a service writes at each start may be the same bytes: only a longer file is no copy of the new log."""
    start = b"0 the same at each start\n"
    followed.log.write_bytes(start)
    followed.read()
    followed.rename()
    followed.log.write_bytes(start + b"1 unseen\n" * size)
    followed.rename()
    followed.log.write_bytes(start)
    followed.read()
    assert sorted(followed.lines) == [0, 0, 0, *[1] * size]
    followed.read()
    followed.restart()
    followed.read()
    assert sorted(followed.lines) == [0, 0, 0, *[1] * size]


def test_a_copy_of_a_small_log_is_no_rotation_while_the_log_grows(followed: Followed) -> None:
    followed.write(2)
    followed.read()
    shutil.copy2(followed.log, followed.log.with_name("app.log.backup"))
    followed.read()
    followed.write(2)
    followed.read()
    assert followed.lines == [0, 1, 2, 3]

"""Files that are rotated: every line once, whatever rotation does, also across restarts."""

from __future__ import annotations

import gzip
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.common.files import open_regular
from regobs.exporters.log_files import LogFiles
from regobs.exporters.log_generations import LONGEST_LINE
from tests.exporters.followed import RESTARTS, Followed

pytestmark = pytest.mark.usefixtures("settled")

ROTATIONS: list[Callable[[Followed], None]] = [Followed.rename, Followed.pack, Followed.copytruncate, Followed.date]
ROTATIONS += [Followed.link]
EVERY = pytest.mark.parametrize("rotate", ROTATIONS, ids=lambda rotate: rotate.__name__)


@EVERY
@RESTARTS
def test_a_rotation_with_unread_lines_loses_none_and_doubles_none(
    followed: Followed, rotate: Callable[[Followed], None], restarted: bool
) -> None:
    followed.write()
    followed.read()
    followed.write()
    rotate(followed)
    followed.write()
    followed.restart() if restarted else None
    followed.read()
    followed.write()
    followed.read()
    assert sorted(followed.lines) == list(range(12))


@EVERY
@RESTARTS
def test_two_rotations_between_two_looks_lose_nothing(
    followed: Followed, rotate: Callable[[Followed], None], restarted: bool
) -> None:
    if rotate is Followed.copytruncate:
        pytest.skip("its second copy would take the place of the first")
    followed.write(2)
    followed.read()
    for _ in range(2):
        followed.write(2)
        rotate(followed)
    followed.write(2)
    followed.restart() if restarted else None
    followed.read()
    followed.read()
    assert sorted(followed.lines) == list(range(8))


@EVERY
@pytest.mark.parametrize("jump", [-86400.0, 86400.0], ids=["back", "forward"])
def test_a_jump_of_the_clock_loses_no_line_and_doubles_none(
    followed: Followed, rotate: Callable[[Followed], None], jump: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.write()
    followed.read()
    followed.write()
    rotate(followed)
    monkeypatch.setattr("regobs.exporters.followed_path._SETTLED", 0.5)
    monkeypatch.setattr("regobs.exporters.followed_path.time", lambda: time.time() + jump)
    followed.write()
    followed.read()
    followed.restart()
    followed.read()
    assert sorted(followed.lines) == list(range(9))


def test_a_new_file_that_may_not_be_read_is_told_once_and_read_once_it_may_be(
    followed: Followed, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    followed.write()
    followed.read()
    followed.write()
    followed.rename()
    followed.write()
    opened = open_regular

    def refused(path: str, flags: int) -> int:
        if path == str(followed.log):
            raise PermissionError(13, "Permission denied", path)
        return opened(path, flags)

    monkeypatch.setattr("regobs.exporters.log_generations.open_regular", refused)
    for _ in range(3):
        followed.read()
    assert sorted(followed.lines) == list(range(6))  # the old file is read to its end meanwhile
    assert caplog.text.count("a file cannot be read") == 1
    monkeypatch.setattr("regobs.exporters.log_generations.open_regular", opened)
    followed.read()
    assert sorted(followed.lines) == list(range(9))


def test_lines_written_to_a_renamed_file_until_its_writer_opens_the_new_one_are_read(followed: Followed) -> None:
    followed.write()
    followed.read()
    with followed.log.open("ab") as late:
        followed.rename()
        followed.read()
        late.write(b"3 late\n")
        late.flush()
        followed.read()
    assert followed.lines == [0, 1, 2, 3]


def test_a_line_counts_when_its_end_is_written(followed: Followed) -> None:
    with followed.log.open("ab") as file:
        file.write(b"0 half")
        file.flush()
        followed.read()
        assert followed.lines == []
        followed.restart()
        file.write(b" whole\n1 next\n")
        file.flush()
        followed.read()
    assert followed.lines == [0, 1]


def test_a_pattern_reads_rotated_files_once(follow: Callable[..., Followed]) -> None:
    followed = follow("app.log*")
    for _ in range(4):
        followed.write()
        followed.read()
        followed.rename()
        followed.read()
    followed.restart()
    followed.read()
    assert sorted(followed.lines) == list(range(12))


def test_older_generations_that_were_there_before_are_not_read(tmp_path: Path, follow: Callable[..., Followed]) -> None:
    (tmp_path / "app.log.1").write_bytes(b"100 old\n")
    (tmp_path / "app.log.2.gz").write_bytes(gzip.compress(b"101 older\n"))
    followed = follow()
    followed.write()
    followed.read()
    followed.rename()
    followed.restart()
    followed.read()
    assert followed.lines == [0, 1, 2]


def test_a_copy_that_is_being_made_is_not_taken_for_a_generation(followed: Followed) -> None:
    followed.write(200)
    followed.read()
    copy = followed.log.with_name("app.log.copy")
    content = followed.log.read_bytes()
    for size in (1, 500, 2000):
        copy.write_bytes(content[:size])
        followed.read()
    followed.write()
    copy.write_bytes(followed.log.read_bytes())
    os.truncate(followed.log, 0)
    followed.write()
    followed.read()
    assert followed.lines == list(range(206))


def test_a_file_that_is_deleted_and_made_again_is_read_from_its_start(followed: Followed) -> None:
    followed.write()
    followed.read()
    followed.log.unlink()
    followed.read()
    followed.write()
    followed.read()
    assert followed.lines == list(range(6))


def test_a_restart_while_the_name_has_no_file_remembers_what_it_read(followed: Followed) -> None:
    followed.write()
    followed.read()
    followed.log.rename(followed.log.with_name("app.log.1"))
    followed.restart()  # the file of its place is read to its end, and there is no new one yet
    followed.write()
    followed.rename()
    followed.restart()
    followed.read()
    assert followed.lines == list(range(6))


def test_a_file_that_comes_later_is_read(tmp_path: Path) -> None:
    files = LogFiles([str(tmp_path / "late.log")])
    files.open()
    assert list(files.blocks()) == []
    (tmp_path / "late.log").write_bytes(b"0 a\n")
    assert [lines for _, lines in files.blocks()] == [[b"0 a"]]
    files.close()


def test_a_line_of_any_length_costs_bounded_memory_and_does_not_stop_the_next(followed: Followed) -> None:
    with followed.log.open("ab") as file:
        file.write(b"0 " + b"x" * (3 * LONGEST_LINE) + b"\n1 next\n")
    followed.read()
    assert followed.lines == [0, 1]


def test_a_damaged_packed_file_is_read_as_far_as_it_goes(followed: Followed, caplog: pytest.LogCaptureFixture) -> None:
    followed.write()
    followed.read()
    followed.rename()
    packed = gzip.compress(b"".join(b"%d y\n" % (3 + number) for number in range(2000)))
    followed.log.with_name("app.log.0.gz").write_bytes(packed[: len(packed) // 2] + b"\x00\x00\x00\x00")
    followed.read()
    followed.read()
    assert followed.lines[:3] == [0, 1, 2]
    assert "damaged" in caplog.text or len(followed.lines) == 3

"""Copies of logs under names that a pattern follows: what was counted of the log is not counted of its copy."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.exporters import followed_path
from regobs.exporters.log_files import LogFiles
from regobs.exporters.log_generations import FilePlace, Generation
from regobs.exporters.log_rotations import found_place
from tests.exporters.followed import RESTARTS, Followed

# The pattern, and the name of the copy: of copytruncate with `dateext` and `extension .log`, of `cp`, of anything else.
COPIES = pytest.mark.parametrize(
    ("pattern", "copy"),
    [("*.log", "app-20261130.log"), ("app.log*", "app.log.2"), ("*.log", "backup.log"), ("*.log", "aaa.log")],
)
SIZES = pytest.mark.parametrize("lines", [3, 600])


pytestmark = pytest.mark.usefixtures("settled")


@COPIES
@SIZES
@RESTARTS
def test_a_copy_of_a_log_that_is_written_on_is_not_counted(
    *, tmp_path: Path, follow: Callable[..., Followed], pattern: str, copy: str, lines: int, restarted: bool
) -> None:
    one = follow(pattern)
    one.write(lines)
    one.read()
    shutil.copy(one.log, tmp_path / copy)
    if restarted:
        one.restart()
    one.read()
    one.write(5)
    one.read()
    one.rename()
    one.write(4)
    one.read()
    one.restart()
    one.read()
    assert one.lines == list(range(lines + 9))


@COPIES
@SIZES
@RESTARTS
@pytest.mark.parametrize("unread", [0, 2])
@pytest.mark.parametrize("after", [1, 800])
def test_of_a_copy_of_a_log_that_is_truncated_only_what_was_not_read_of_the_log_is_counted(
    *,
    tmp_path: Path,
    follow: Callable[..., Followed],
    pattern: str,
    copy: str,
    lines: int,
    restarted: bool,
    unread: int,
    after: int,
) -> None:
    one = follow(pattern)
    one.write(lines)
    one.read()
    one.write(unread)
    shutil.copy(one.log, tmp_path / copy)
    os.truncate(one.log, 0)
    one.write(after)
    if restarted:
        one.restart()
    one.read()
    one.write(3)
    one.read()
    one.read()
    assert sorted(one.lines) == list(range(lines + unread + after + 3))


def test_a_copy_that_lacks_the_last_lines_of_a_truncated_log_is_not_counted(
    tmp_path: Path, follow: Callable[..., Followed], monkeypatch: pytest.MonkeyPatch
) -> None:
    one = follow("*.log")
    one.write(600)
    one.read()
    with monkeypatch.context() as patched:  # the pattern is looked at once the log is truncated
        patched.setattr(one.files, "_look", lambda: None)
        shutil.copy(one.log, tmp_path / "backup.log")
        one.write(5)
        one.read()
        os.truncate(one.log, 0)
        one.write(2)
        one.read()
    one.read()
    assert one.lines == list(range(607))


def test_a_copy_that_is_made_while_the_pattern_is_looked_at_is_not_counted(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    one = follow("*.log")
    one.write(600)
    one.read()
    copy = tmp_path / "copy.log"
    whole = one.log.read_bytes()
    for size in (0, 10, 2000, len(whole)):
        copy.write_bytes(whole[:size])
        one.read()
    assert one.lines == list(range(600))


def test_a_log_of_its_own_that_comes_beside_another_is_read_from_its_start(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    one = follow("*.log")
    one.write(600)
    one.read()
    (tmp_path / "other.log").touch()
    one.read()
    (tmp_path / "other.log").write_bytes(b"600 of another registry\n601 x\n")
    one.written += 2
    one.read()
    assert one.lines == list(range(602))


def test_a_state_of_an_earlier_version_knows_no_replaced_contents(
    tmp_path: Path, follow: Callable[..., Followed]
) -> None:
    one = follow("*.log")
    one.write()
    one.read()
    state = one.files.data()
    assert state.pop("replaced") == []
    again = LogFiles([one.pattern])
    assert list(again.resume(state)) == []
    again.close()


def test_a_copy_that_is_made_between_listing_and_looking_is_found_at_the_next_look(
    followed: Followed, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    followed.write(200)
    followed.read()
    followed.write(50)
    copies = [followed.copytruncate]

    def copied(place: FilePlace, generations: list[Generation]) -> Generation | None:
        for copy in copies[:]:
            copies.remove(copy)
            copy()
        return found_place(place, generations)

    monkeypatch.setattr(followed_path, "found_place", copied)
    followed.restart()
    followed.write()
    for _ in range(3):
        followed.read()
    assert not copies
    assert "gone" not in caplog.text
    assert sorted(followed.lines) == [*range(253)]

"""Logs that lose their last lines, and logs that are written anew: the first are gone on with, the second are read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.exporters.followed import RESTARTS, Followed

pytestmark = pytest.mark.usefixtures("settled")


def _shorten(log: Path, lines: int, more: int = 0) -> None:
    """Cut a log behind so many lines, and so many bytes of the next one."""
    os.truncate(log, sum(map(len, log.read_bytes().splitlines(keepends=True)[:lines])) + more)


@RESTARTS
@pytest.mark.parametrize("kept", [100, 599])
def test_a_log_that_is_shortened_is_not_counted_again(followed: Followed, restarted: bool, kept: int) -> None:
    followed.write(600)
    followed.read()
    _shorten(followed.log, kept)
    if restarted:
        followed.restart()
    followed.read()
    assert followed.lines == list(range(600))
    followed.write(10)
    followed.read()
    assert followed.lines == list(range(610))


@pytest.mark.parametrize("kept", [1, 2, 9])
def test_a_log_that_is_shortened_to_its_first_lines_while_it_is_followed_is_not_counted_again(
    followed: Followed, kept: int
) -> None:
    followed.write(10)
    followed.read()
    _shorten(followed.log, kept)
    followed.read()
    followed.write(2)
    followed.read()
    _shorten(followed.log, kept)
    followed.read()
    followed.write(3)
    followed.read()
    assert followed.lines == list(range(15))


@RESTARTS
@pytest.mark.parametrize("first", [1, 30, 590])
def test_a_log_that_was_truncated_and_written_anew_is_read_from_its_start(
    followed: Followed, restarted: bool, first: int
) -> None:
    followed.write(600)
    followed.read()
    os.truncate(followed.log, 0)
    followed.write(first)
    if restarted:
        followed.restart()
    followed.read()
    followed.write(20)
    followed.read()
    assert followed.lines == list(range(600 + first + 20))


def test_a_part_of_a_first_line_that_begins_as_before_is_no_shortened_log(followed: Followed) -> None:
    followed.log.write_bytes(b"0000000000 x\n")
    followed.read()
    followed.log.write_bytes(b"00000000")
    followed.read()
    followed.log.write_bytes(b"0000000001 x\n")
    followed.read()
    assert followed.lines == [0, 1]

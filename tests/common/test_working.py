"""What takes long says so, on a terminal only."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from regobs.common.working import Counted, ReadingProgress, Teller, megabytes, working


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_what_is_quick_says_nothing() -> None:
    terminal = Terminal()
    with working(lambda: "reading", stream=terminal, after=30):
        pass
    assert not terminal.getvalue()


def test_what_takes_long_says_how_far_it_is_and_clears_its_line() -> None:
    terminal, done = Terminal(), iter(range(1, 10**6))
    with working(lambda: f"read {next(done)} MB", stream=terminal, after=0, every=0.001):
        while "read 3 MB" not in terminal.getvalue():
            time.sleep(0.001)
    assert terminal.getvalue().startswith("\rread 1 MB ... 0 s\rread 2 MB ... 0 s")
    assert terminal.getvalue().endswith(" \r")


def test_nothing_is_said_in_a_pipe_and_a_fault_passes() -> None:
    pipe = io.StringIO()

    def failing() -> None:
        with working(lambda: "reading", stream=pipe, after=0, every=0.001):
            time.sleep(0.01)
            raise ValueError("x")

    with pytest.raises(ValueError, match="x"):
        failing()
    assert not pipe.getvalue()


def test_what_is_read_of_a_file_is_counted() -> None:
    file = Counted(io.BytesIO(b"abcdef"))
    assert (file.read(4), file.count, file.read(), file.count) == (b"abcd", 4, b"ef", 6)
    assert megabytes(1_499_999) == "1 MB"


def test_progress_is_that_of_the_file_that_is_read_now() -> None:
    progress = ReadingProgress()
    progress.of("a.log", io.BytesIO(b"x" * 3_000_000)).read()
    assert progress.text() == "a.log: 3 MB"
    progress.of("b.log", io.BytesIO(b"x" * 3_000_000)).read(1_000_000)
    assert progress.text() == "b.log: 1 MB"


def test_how_much_there_is_of_a_file_is_said(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    path.write_bytes(bytes(5_000_000))
    progress = ReadingProgress()
    with path.open("rb") as file:
        progress.of("a.log", file).read(2_000_000)
        assert progress.text() == "a.log: 2 MB of 5 MB"


def test_a_result_in_between_clears_the_line_and_the_silence_begins_anew() -> None:
    terminal, number = Terminal(), 0
    teller = Teller(terminal, lambda: f"read {number}", after=30, every=0.5)
    assert teller.look(now=teller.begun + 29.9) == 0.5
    assert not terminal.getvalue()
    teller.look(now=teller.begun + 30)
    assert terminal.getvalue() == "\rread 0 ... 30 s"
    teller.rest()
    assert terminal.getvalue() == "\rread 0 ... 30 s\r               \r"
    teller.look(now=10**9)
    teller.go_on()
    teller.look(now=teller.begun + 29.9)
    assert terminal.getvalue().endswith("s\r               \r")
    teller.look(now=teller.begun + 31)
    assert terminal.getvalue().endswith("\rread 0 ... 31 s")


def test_nothing_is_said_while_there_is_nothing_to_say_and_an_older_line_is_cleared() -> None:
    terminal, texts = Terminal(), iter(["", "read 1", ""])
    teller = Teller(terminal, lambda: next(texts), after=0, every=0.5)
    teller.look(now=teller.begun)
    assert not terminal.getvalue()
    teller.look(now=teller.begun)
    teller.look(now=teller.begun)
    assert terminal.getvalue() == "\rread 1 ... 0 s\r              \r"

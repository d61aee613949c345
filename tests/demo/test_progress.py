"""What the demo says while it runs."""

from __future__ import annotations

import io
import re

import pytest

from regobs.demo import progress as module
from regobs.demo.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_every_line_carries_the_seconds_since_the_start() -> None:
    stream = io.StringIO()
    progress = Progress(stream)
    progress.begun -= 61.26
    progress.title("Start")
    progress.say("it runs")
    progress.show("a table\n\n  in lines\n")
    assert stream.getvalue() == ("\n[ 61.3 s] Start\n[ 61.3 s]   it runs\n          a table\n\n            in lines\n")


def test_waiting_returns_what_was_found_and_stops_looking() -> None:
    answers = iter([None, None, "found"])
    assert Progress(io.StringIO()).wait("it", lambda: next(answers), seconds=5) == "found"


def test_waiting_ends_with_nothing_when_the_time_is_over() -> None:
    assert Progress(io.StringIO()).wait("it", lambda: False, seconds=0.3) is None


def test_a_terminal_shows_the_wait_in_one_line_that_is_gone_at_the_end() -> None:
    stream = Terminal()
    answers = iter([None, "found"])
    Progress(stream).wait("it", lambda: next(answers), seconds=5)
    assert re.fullmatch(r"\r\x1b\[K\[ +\d\.\d s\]   waiting 0 s for it\r\x1b\[K", stream.getvalue())


def test_a_file_gets_a_reminder_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_REMINDER_SECONDS", 0.3)
    stream = io.StringIO()
    Progress(stream).wait("it", lambda: False, seconds=1.3)
    assert 2 <= stream.getvalue().count("still waiting for it\n") <= 3
    assert "\r" not in stream.getvalue()

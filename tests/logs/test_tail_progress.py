"""`regobs logs tail` on a terminal says what it does while it reads for long, and nothing while it waits."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from tests.terminal import Terminal

REGOBS = f"{sys.executable} -m regobs"
LINE = '{"time":"2026-11-23T12:00:00.250Z","level":"info","msg":"access"}\n'
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "TERM": "xterm"}


def test_what_is_read_for_long_is_told_until_the_lines_are_shown(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with Terminal(["sh", "-c", f"cat pipe | {REGOBS} logs tail - --once"], ENVIRONMENT, tmp_path) as terminal:
        assert "access" not in terminal.wait("reading the logs ... ")
        pipe.write_text(LINE, encoding="utf-8")
        assert "reading the logs" not in terminal.wait("info    access")
        assert terminal.ended() == 0


def test_waiting_for_lines_is_not_told_as_reading(tmp_path: Path) -> None:
    path = tmp_path / "registry.log"
    path.write_text(LINE, encoding="utf-8")
    for waiting in (f"{REGOBS} logs tail {path}", f"(cat {path}; sleep 60) | {REGOBS} logs tail -"):
        with Terminal(["sh", "-c", waiting], ENVIRONMENT, tmp_path) as terminal:
            terminal.wait("info    access")
            end = time.monotonic() + 3
            while time.monotonic() < end:
                assert "reading the logs" not in terminal.shown
                time.sleep(0.05)

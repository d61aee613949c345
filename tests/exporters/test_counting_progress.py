"""`regobs export logs` on a terminal says what it does while it counts what is written already."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminal import Terminal

REGOBS = f"{sys.executable} -m regobs"
LINE = '{"time":"2026-11-23T12:00:00.250Z","level":"info","msg":"access","status":200,"written_bytes":7}\n'
ENVIRONMENT = {"PATH": os.environ.get("PATH", os.defpath), "TERM": "xterm"}


@pytest.mark.parametrize(
    ("options", "told"),
    [("--once", "(standard input): 0 MB ... "), ("--backfill 1m", "counting the lines of the logs ... ")],
)
def test_what_is_counted_for_long_is_told_until_the_counts_are_shown(options: str, told: str, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    asked = f"cat pipe | {REGOBS} export logs - {options} | tail -n 1"
    with Terminal(["sh", "-c", asked], ENVIRONMENT, tmp_path) as terminal:
        assert "EOF" not in terminal.wait(told)
        pipe.write_text(LINE, encoding="utf-8")
        assert told not in terminal.wait("# EOF")
        assert terminal.ended() == 0


@pytest.mark.parametrize("options", [["--once"], ["--backfill", "1m"]])
def test_a_warning_stands_by_itself_and_no_terminal_is_told_nothing_else(options: list[str], tmp_path: Path) -> None:
    for name in ("a.log", "b.log"):
        (tmp_path / name).write_text(LINE, encoding="utf-8")
    command = [sys.executable, "-m", "regobs", "export", "logs", "a.log", "b.log", *options]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stderr == "Warning: b.log: holds nothing that a.log does not, left out\n"
    assert done.stdout.endswith("# EOF\n")

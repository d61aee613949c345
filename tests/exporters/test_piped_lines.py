"""Log lines that come through a pipe."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from regobs.exporters.log_generations import LONGEST_LINE
from regobs.exporters.piped_lines import PipedLines

LINE = json.dumps({"level": "info", "msg": "access", "method": "GET", "uri": "/v2/", "status": 200, "written_bytes": 1})


@pytest.fixture
def pipe() -> Iterator[tuple[PipedLines, int]]:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as file:
        yield PipedLines(file), writing


def lines(piped: PipedLines) -> list[bytes]:
    return [line for _, block in piped.blocks() for line in block]


def test_a_line_counts_once_its_end_is_there(pipe: tuple[PipedLines, int]) -> None:
    piped, writing = pipe
    assert lines(piped) == []
    os.write(writing, b"one\ntw")
    assert lines(piped) == [b"one"]
    os.write(writing, b"o\n")
    assert lines(piped) == [b"two"]
    os.close(writing)


def test_a_last_line_without_an_end_counts_when_the_pipe_is_closed(pipe: tuple[PipedLines, int]) -> None:
    piped, writing = pipe
    os.write(writing, b"one\ntwo")
    os.close(writing)
    assert lines(piped) == [b"one", b"two"]
    assert lines(piped) == []


def test_the_end_of_the_pipe_is_logged_once(pipe: tuple[PipedLines, int], caplog: pytest.LogCaptureFixture) -> None:
    piped, writing = pipe
    os.write(writing, b"one\n")
    lines(piped)
    assert not caplog.records
    os.close(writing)
    for _ in range(3):
        lines(piped)
    assert [record.getMessage() for record in caplog.records] == [
        "the input has ended: what was counted is shown until the exporter is told to end"
    ]


def test_a_line_without_an_end_is_held_up_to_its_longest(pipe: tuple[PipedLines, int]) -> None:
    piped, writing = pipe
    for _ in range(3 * LONGEST_LINE // 32_768):
        os.write(writing, b"x" * 32_768)
        assert lines(piped) == []
    os.write(writing, b"\nnext\n")
    os.close(writing)
    long, following = lines(piped)
    assert (LONGEST_LINE <= len(long) <= LONGEST_LINE + 65_536, following) == (True, b"next")


def journal(message: str) -> bytes:
    return f"__REALTIME_TIMESTAMP=1795600800000000\n_SYSTEMD_UNIT=registry.service\nMESSAGE={message}\n\n".encode()


@pytest.mark.parametrize("wrapped", [LINE.encode() + b"\n", journal(LINE)], ids=["plain", "journald export"])
def test_the_exporter_counts_a_pipe_and_goes_on_serving_when_it_is_closed(wrapped: bytes) -> None:
    command = [sys.executable, "-m", "regobs", "export", "logs", "-", "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as exporter:
        assert exporter.stdin is not None
        assert exporter.stdout is not None
        try:
            url = exporter.stdout.readline().decode().strip()
            exporter.stdin.write(wrapped * 7)
            exporter.stdin.close()
            end = time.monotonic() + 60
            text = ""
            while 'registry_log_lines_total{kind="access"} 7\n' not in text:
                assert time.monotonic() < end, text[:2000]
                time.sleep(0.1)
                text = requests.get(url, timeout=30).text
        finally:
            exporter.terminate()
            exporter.stdout.close()
            exporter.wait(60)


def test_a_pipe_has_no_state_and_is_read_alone(tmp_path: Path) -> None:
    for words in (["-", "--state", str(tmp_path / "state")], ["-", "registry.log"]):
        command = [sys.executable, "-m", "regobs", "export", "logs", *words, "--listen", "127.0.0.1:0"]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert (done.returncode, "standard input is read alone" in done.stderr) == (2, True)

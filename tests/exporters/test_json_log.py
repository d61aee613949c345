"""The log of the exporters: every line of stderr is a JSON object, whoever writes it."""

from __future__ import annotations

import json
import logging
import signal
import socket
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from regobs.errors import ExitCode, MachineError
from regobs.exporters.json_log import json_log
from tests.exporters.test_log_counts import access


def lines_of(text: str) -> list[dict[str, str]]:
    """The lines of a log, each of which must be an object with a time, a level and a message."""
    found = [json.loads(line) for line in text.splitlines()]
    assert all({"time", "level", "msg", "service"} <= set(line) for line in found), found
    return found


def _warn() -> None:
    warnings.warn("an old way\nof doing it", DeprecationWarning, stacklevel=1)


def _end_thread() -> None:
    thread = threading.Thread(target=lambda: 1 // 0, name="worker")
    thread.start()
    thread.join()


class _Odd:
    def __del__(self) -> None:
        raise ValueError("in a finalizer")


def _end_finalizer() -> None:
    _Odd()


def _refuse() -> None:
    raise MachineError("no room", value="8 bytes", expected="9", next_step="make room")


SOURCES: list[tuple[Callable[[], object], str, str, int]] = [
    (lambda: logging.getLogger("psycopg.pool").warning("lost %s", "a connection"), "lost a connection", "warning", 0),
    (lambda: logging.getLogger().warning("of the root"), "of the root", "warning", 0),
    (_warn, "of doing it", "warning", 0),
    (_end_thread, "a thread ended in a fault", "fatal", 0),
    (_end_finalizer, "a fault that nothing could catch", "error", 0),
    (_refuse, "no room", "fatal", ExitCode.MACHINE),
    (lambda: 1 // 0, "the exporter ended in a fault", "fatal", ExitCode.MACHINE),
]


@pytest.mark.parametrize("row", SOURCES, ids=[row[1] for row in SOURCES])
@pytest.mark.filterwarnings("always")
def test_whatever_is_written_is_a_line_of_json(
    row: tuple[Callable[[], object], str, str, int], capsys: pytest.CaptureFixture[str]
) -> None:
    write, msg, level, code = row
    hooks = sys.excepthook, threading.excepthook, sys.unraisablehook
    with json_log("logs") as log:
        write()
    [line] = lines_of(capsys.readouterr().err)
    assert (msg in line["msg"], line["level"], line["service"], log.exit_code) == (
        True,
        level,
        "regobs-export-logs",
        code,
    )
    assert (sys.excepthook, threading.excepthook, sys.unraisablehook) == hooks


def test_an_error_is_told_with_all_of_its_parts(capsys: pytest.CaptureFixture[str]) -> None:
    with json_log("probe"):
        _refuse()
    [line] = lines_of(capsys.readouterr().err)
    assert (line["value"], line["expected"], line["next_step"]) == ("8 bytes", "9", "make room")
    assert "location" not in line


@pytest.fixture
def taken() -> Iterator[str]:
    """An address that another process listens at."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"127.0.0.1:{server.getsockname()[1]}"


WORDS = {
    "logs": ["registry.log"],
    "probe": ["--url", "http://127.0.0.1:9"],
    "notifications": ["--state", "state"],
    "database": ["--dsn-file", "dsn"],
}


@pytest.mark.parametrize("kind", WORDS)
def test_an_exporter_whose_address_is_taken_says_so_in_its_log(kind: str, taken: str, tmp_path: Path) -> None:
    (tmp_path / "dsn").write_text("host=127.0.0.1 port=9")
    command = [sys.executable, "-m", "regobs", "export", kind, *WORDS[kind], "--listen", taken]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60)
    found = lines_of(done.stderr)
    assert (found[-1]["level"], done.returncode) == ("fatal", ExitCode.MACHINE)
    assert taken.rpartition(":")[2] in done.stderr


def test_a_log_exporter_of_more_files_than_series_says_so_in_json_and_sums_the_others(tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    for number in range(1010):
        (tmp_path / "logs" / f"{number:04}.log").write_bytes(access() + b"\nhalf a line")
    command = [sys.executable, "-m", "regobs", "export", "logs", str(tmp_path / "logs" / "*.log")]
    command += ["--listen", "127.0.0.1:0", "--state", str(tmp_path / "state.json")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as exporter:
        assert exporter.stdout is not None
        address, deadline = exporter.stdout.readline().strip(), time.monotonic() + 60
        while not (answer := requests.get(address, timeout=30)).ok and time.monotonic() < deadline:
            time.sleep(0.2)
        exporter.send_signal(signal.SIGTERM)
        _, log = exporter.communicate(timeout=60)
    found = [line for line in answer.text.splitlines() if line.startswith("regobs_log_behind_bytes{")]
    assert len(found) == 1001
    assert 'regobs_log_behind_bytes{file="other"} 110' in found
    assert [line["msg"] for line in lines_of(log)] == [
        "more files than have series of their own: the bytes of the others are `other`"
    ]

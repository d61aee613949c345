"""Servers that replace their workers: what was answered stays counted, whichever way. Load is bounded, on loopback."""

from __future__ import annotations

import os
import shutil
import signal
import textwrap
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
import requests

from tests.instrument.servers import ASGI_APP, WSGI_APP, Server, serving, until

GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}", "--graceful-timeout", "5", "app:app"]
UVICORN = ["uvicorn", "--host", "127.0.0.1", "--port", "{port}", "app:app"]
SLOW_APP = WSGI_APP.replace(
    "    def registry(environ, start_response):",
    "    import time\n    def registry(environ, start_response):\n"
    '        time.sleep(60 if environ["PATH_INFO"].endswith("/hangs") else 0)',
)
FORK_SERVER = """
    import os, signal, socket, sys
    from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
    from app import app
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    server = WSGIServer(("127.0.0.1", int(sys.argv[1])), WSGIRequestHandler)
    server.set_app(app)
    while True:
        if os.fork() == 0:
            for _ in range(20):
                server.handle_request()
            os._exit(0)
        os.wait()
"""


def pulls_while(server: Server, change: Callable[[], object], *, times: int) -> list[int]:
    """Pulls before, while and after something happens; the sum is looked at all the time, and never falls."""
    answered = server.pulls(times)
    seen = [server.counted()]
    change()
    deadline = time.monotonic() + 3
    while time.monotonic() < deadline:
        answered += server.pulls(times // 4)
        seen.append(server.counted())
    assert seen == sorted(seen), "a sum that falls looks like a restart"
    return answered


def workers(pulled: list[int]) -> int:
    return len(set(pulled))


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each loads", "preload"])
def test_gunicorn_told_to_reload_keeps_the_sums(options: list[str], tmp_path: Path) -> None:
    with serving(WSGI_APP, [*GUNICORN, "--workers", "3", *options], tmp_path) as server:
        before = workers(server.pulls(100))
        answered = pulls_while(server, lambda: os.kill(server.process.pid, signal.SIGHUP), times=100)
        assert workers(answered) > before, "other workers answer now"
        total = 1 + 100 + len(answered)
        assert server.settled(total) == total


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each loads", "preload"])
def test_gunicorn_that_replaces_itself_keeps_the_sums(options: list[str], tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    with serving(WSGI_APP, [*GUNICORN, "--workers", "2", "--pid", str(pid_file), *options], tmp_path) as server:
        newer = pid_file.with_name("pid.2")

        def replace() -> None:
            os.kill(server.process.pid, signal.SIGUSR2)
            until(newer.exists, "the new master is there")
            time.sleep(1)  # its workers load the application
            os.kill(server.process.pid, signal.SIGTERM)

        answered = pulls_while(server, replace, times=100)
        server.process.wait(timeout=20)
        answered += server.pulls(50)
        total = 1 + len(answered)
        assert server.settled(total) == total
        os.kill(int(pid_file.read_text()), signal.SIGTERM)


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each loads", "preload"])
@pytest.mark.parametrize("count", [1, 3], ids=["one worker", "three workers"])
def test_gunicorn_that_ends_a_worker_after_some_requests_keeps_the_sums(
    count: int, options: list[str], tmp_path: Path
) -> None:
    recycled = ["--workers", str(count), "--max-requests", "40", "--max-requests-jitter", "10"]
    with serving(WSGI_APP, [*GUNICORN, *recycled, *options], tmp_path) as server:
        answered = pulls_while(server, lambda: None, times=200)
        assert workers(answered) > 2 * count, "one generation of workers after the other"
        total = 1 + len(answered)
        assert server.settled(total) == total


@pytest.mark.parametrize("options", [[], ["--preload"]], ids=["each loads", "preload"])
def test_gunicorn_that_kills_a_worker_which_hangs_keeps_the_sums(options: list[str], tmp_path: Path) -> None:
    with serving(SLOW_APP, [*GUNICORN, "--workers", "2", "--timeout", "1", *options], tmp_path) as server:
        answered = server.pulls(50)
        with suppress(requests.ConnectionError):  # gunicorn ends the worker by an exception: 500, or the line is cut
            assert requests.get(f"{server.address}/v2/a/manifests/hangs", timeout=10).status_code == 500
        answered += pulls_while(server, lambda: None, times=50)
        assert "WORKER TIMEOUT" in server.said()
        total = 1 + len(answered) + 1
        assert server.settled(total) == total, "the handler that the worker was in has ended too"


def test_gunicorn_that_loads_changed_code_keeps_the_sums(tmp_path: Path) -> None:
    with serving(WSGI_APP, [*GUNICORN, "--workers", "1", "--reload", "--reload-engine", "poll"], tmp_path) as server:
        answered = pulls_while(server, (tmp_path / "app.py").touch, times=100)
        assert workers(answered) > 1
        total = 1 + len(answered)
        assert server.settled(total) == total


@pytest.mark.parametrize("count", [1, pytest.param(2, marks=pytest.mark.long)])
def test_uvicorn_that_ends_a_worker_after_some_requests_keeps_the_sums(count: int, tmp_path: Path) -> None:
    # With one worker alone there would be no supervisor: two are the fewest that it replaces.
    recycled = ["--workers", str(count + 1), "--limit-max-requests", "40"]
    with serving(ASGI_APP, [*UVICORN, *recycled], tmp_path) as server:
        answered = pulls_while(server, lambda: None, times=120)
        assert workers(answered) > count + 1
        total = 1 + len(answered)
        found = server.settled(total)
        assert total <= found <= total + len(server.cut), "a worker that leaves may cut what it has counted"


def test_a_process_that_forks_one_worker_after_the_other_keeps_the_sums(tmp_path: Path) -> None:
    (tmp_path / "forks.py").write_text(textwrap.dedent(FORK_SERVER))
    with serving(WSGI_APP, ["forks", "{port}"], tmp_path) as server:
        answered = pulls_while(server, lambda: None, times=60)
        assert workers(answered) > 3
        total = 1 + len(answered)
        assert server.settled(total) == total


@pytest.mark.parametrize("kept", [True, False], ids=["directory kept", "directory emptied"])
def test_a_restart_goes_on_with_a_directory_that_is_kept_and_begins_from_0_with_an_empty_one(
    kept: bool, tmp_path: Path
) -> None:
    command = [*GUNICORN, "--workers", "2"]
    with serving(WSGI_APP, command, tmp_path) as server:
        first = 1 + len(server.pulls(40))
        assert server.settled(first) == first
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
    if not kept:
        shutil.rmtree(tmp_path / "shared")
    with serving(WSGI_APP, command, tmp_path) as server:
        total = (first if kept else 0) + 1 + len(server.pulls(40))
        assert server.settled(total) == total

"""Workers of real servers: gunicorn and uvicorn, one of them killed under load. Load is bounded and on loopback."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.instrument.servers import ASGI_APP, AT_ONCE, WSGI_APP, Server, serving

WORKERS = 3
COMMANDS = {
    "gunicorn": (WSGI_APP, ["gunicorn", "--workers", f"{WORKERS}", "--bind", "127.0.0.1:{port}", "app:app"]),
    "gunicorn, loaded before the fork": (
        WSGI_APP,
        ["gunicorn", "--preload", "--workers", f"{WORKERS}", "--bind", "127.0.0.1:{port}", "app:app"],
    ),
    "uvicorn": (ASGI_APP, ["uvicorn", "--workers", f"{WORKERS}", "--host", "127.0.0.1", "--port", "{port}", "app:app"]),
}


@pytest.fixture(params=COMMANDS)
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    with serving(*COMMANDS[request.param], tmp_path) as running:
        yield running


def test_a_worker_that_is_killed_under_load_takes_no_count_with_it(server: Server) -> None:
    first: list[int] = []
    while len(set(first)) < 2 and len(first) < 2000:  # some workers are up before others
        first += server.pulls(50)
    assert len(set(first)) > 1, "more than one worker answered"
    before = server.settled(len(first) + 1)
    assert before == len(first) + 1, "all of these, and the one that saw the server come up"

    with ThreadPoolExecutor(1) as beside:
        load = beside.submit(server.pulls, 200)
        os.kill(first[-1], signal.SIGKILL)
        seen = [server.counted() for _ in range(5)]
        answered = len(load.result())
    assert seen == sorted(seen), "a sum that falls looks like a restart"
    after = server.counted()
    # Requests that were in the killed worker: answered but not yet counted, or counted but not yet sent.
    assert abs(after - before - answered) <= AT_ONCE

    again = server.pulls(60)
    assert len(again) == 60
    assert first[-1] not in again
    assert server.settled(after + 60) == after + 60
    names = {path.name.partition(".")[0] for path in server.directory.glob("*.numbers")}
    assert str(first[-1]) not in names, "its file is gone"
    assert set(map(str, again)) <= names

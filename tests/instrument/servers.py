"""Real servers on loopback with an application whose workers count together."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TypeVar

import requests

T = TypeVar("T")

WSGI_APP = """
    import os, sys
    from regobs.instrument import Instruments, MetricsWSGI, ObserveWSGI
    instruments = Instruments("gitlab", directory="shared")
    def registry(environ, start_response):
        start_response("200 OK", [("X-Worker", str(os.getpid()))])
        return [b"x" * 100]
    observed, metrics = ObserveWSGI(registry, instruments), MetricsWSGI(instruments)
    def app(environ, start_response):
        return (metrics if environ["PATH_INFO"] == "/metrics" else observed)(environ, start_response)
"""
ASGI_APP = """
    import os
    from regobs.instrument import Instruments, MetricsASGI, ObserveASGI
    instruments = Instruments("gitlab", directory="shared")
    async def registry(scope, receive, send):
        if scope["type"] == "lifespan":
            while True:
                message = await receive()
                await send({"type": message["type"] + ".complete"})
                if message["type"] == "lifespan.shutdown":
                    return
        headers = [(b"x-worker", str(os.getpid()).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 100})
    observed, metrics = ObserveASGI(registry, instruments), MetricsASGI(instruments)
    async def app(scope, receive, send):
        await (metrics if scope.get("path") == "/metrics" else observed)(scope, receive, send)
"""
AT_ONCE = 4
PATIENCE = 20.0  # seconds


class Server:
    """A running server; every call is a connection of its own, so that the workers take turns."""

    def __init__(self, address: str, directory: Path, process: subprocess.Popen[bytes], code: str) -> None:
        self.code = code
        self.address = address
        self.directory = directory
        self.process = process
        self.cut: list[str] = []  # pulls without an answer, once it was up
        self.up = False

    def pull(self) -> int:
        """The process that answered, 0 when none did."""
        try:
            answer = requests.get(f"{self.address}/v2/a/manifests/b", timeout=5)
        except requests.RequestException as error:
            if self.up:
                self.cut.append(str(error))
            return 0
        self.up = True
        return int(answer.headers["X-Worker"])

    def pulls(self, times: int) -> list[int]:
        with ThreadPoolExecutor(AT_ONCE) as threads:
            return [worker for worker in threads.map(lambda _: self.pull(), range(times)) if worker]

    def counted(self) -> int:
        """What a scrape says of all requests; one that meets a worker as it ends is asked again, as Prometheus does."""
        text = until(lambda: scraped(self.address), "a scrape is answered")
        return sum(map(int, re.findall(r"^registry_http_requests_total\{.*\} (\d+)$", text, re.MULTILINE)))

    def said(self) -> str:
        """What the server has written so far."""
        return (self.directory.parent / "server.log").read_text(errors="replace")

    def settled(self, expected: int) -> int:
        """The count, once it is that or does not become it: a request is counted just after its answer."""
        deadline = time.monotonic() + PATIENCE
        while (found := self.counted()) != expected and time.monotonic() < deadline:
            time.sleep(0.05)
        return found


def scraped(address: str) -> str:
    """The exposition; empty when the connection was cut."""
    try:
        answer = requests.get(f"{address}/metrics", timeout=5)
    except requests.RequestException:
        return ""
    assert answer.status_code == 200, answer.text
    return answer.text


def until(found: Callable[[], T], what: str) -> T:
    """What the function gives as soon as it is something."""
    deadline = time.monotonic() + PATIENCE
    while not (value := found()):
        assert time.monotonic() < deadline, what
        time.sleep(0.05)
    return value


def free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


@contextmanager
def serving(code: str, command: list[str], directory: Path, *, answers: bool = True) -> Iterator[Server]:
    """A server of `app.py` in this directory that answers; stopped at the end, also one that has replaced itself."""
    (directory / "app.py").write_text(textwrap.dedent(code))
    port = free_port()
    arguments = [part.format(port=port) for part in command]
    with (directory / "server.log").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments], cwd=directory, stdout=log, stderr=log, start_new_session=True
        )
    running = Server(f"http://127.0.0.1:{port}", directory / "shared", process, code)
    try:
        until(lambda: not answers or running.pull() or process.poll() is not None, "the server answers")
        assert process.poll() is None, running.said()
        yield running
    finally:
        process.terminate()
        try:
            process.wait(timeout=PATIENCE)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)  # the session that we made, should a part of it be left

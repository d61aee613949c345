"""A large blob through a WSGI server: the kernel still copies it from file to socket when both middlewares watch.

Measured in CPU time of the worker, in turns, in one process: a body that Python reads costs four times as much.
"""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from regobs.catalog.http import REQUESTS
from tests.instrument.servers import Server, scraped, serving, until

BLOB = 200_000_000
ROUNDS = 4
APP = f"""
    import os, time
    from regobs.instrument import Instruments, LogWSGI, MetricsWSGI, ObserveWSGI
    instruments = Instruments("gitlab")
    log = open("access.log", "a", buffering=1)
    with open("blob", "wb") as blob:
        blob.truncate({BLOB})

    def blobs(environ, start_response):
        start_response("200 OK", [("Content-Length", "{BLOB}")])
        return environ["wsgi.file_wrapper"](open("blob", "rb"))

    def read(environ, start_response):
        body = blobs(environ, start_response)
        yield from body

    observed = ObserveWSGI(LogWSGI(blobs, lambda line: log.write(line + chr(10))), instruments)
    apps = {{"watched": observed, "bare": blobs, "read": read}}
    metrics = MetricsWSGI(instruments)

    def app(environ, start_response):
        path = environ["PATH_INFO"]
        if path == "/cpu":
            start_response("200 OK", [])
            return [str(time.process_time()).encode()]
        if path == "/metrics":
            return metrics(environ, start_response)
        return apps[environ["QUERY_STRING"]](environ, start_response)
"""
COMMAND = ["gunicorn", "--bind", "127.0.0.1:{port}", "--workers", "1", "--worker-class"]
PATH = f"/v2/a/blobs/sha256:{'0' * 64}"


def cpu(server: Server) -> float:
    """Seconds that the worker has run."""
    return float(requests.get(f"{server.address}/cpu", timeout=60).text)


def spent(server: Server, how: str) -> float:
    """CPU seconds of the worker for one pull."""
    address = urlsplit(server.address)
    start = cpu(server)
    with socket.create_connection((address.hostname, address.port or 0), timeout=60) as connection:
        connection.sendall(f"GET {PATH}?{how} HTTP/1.0\r\nHost: x\r\n\r\n".encode())
        buffer, got = bytearray(1 << 20), 0
        while count := connection.recv_into(buffer):
            got += count
    assert got > BLOB
    return cpu(server) - start


@pytest.mark.parametrize("worker", [["sync"], ["gthread", "--threads", "2"]], ids=["sync", "gthread"])
def test_a_blob_that_is_watched_costs_the_server_what_it_costs_alone(worker: list[str], tmp_path: Path) -> None:
    with serving(APP, [*COMMAND, *worker, "app:app"], tmp_path, answers=False) as server:
        until(lambda: scraped(server.address), "the server answers")
        rounds = [(spent(server, "watched"), spent(server, "bare"), spent(server, "read")) for _ in range(ROUNDS)]
        print(rounds)
        watched, bare, read = map(min, zip(*rounds, strict=True))
        assert watched < bare + (read - bare) / 2
        labels = 'code="200",method="get",route="/v2/{name}/blobs/{digest}"'
        assert f"{REQUESTS.name}{{{labels}}} {ROUNDS}\n" in scraped(server.address)
        assert (tmp_path / "access.log").read_text().count(f'"written_bytes":{BLOB}') == ROUNDS

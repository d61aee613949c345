"""Requests that do not go as usual, on real servers: metric and access line agree, with each other and the client.

The rows are those of the table in docs/instrument.md. Everything is on loopback.
"""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from regobs.catalog import http
from regobs.instrument import Instruments, ObserveASGI
from regobs.testing import sample
from tests.instrument.edge_apps import ASGI, WSGI
from tests.instrument.servers import Server, scraped, serving, until
from tests.instrument.test_asgi import answer, scope, serve

ASGI_ORDERS = (
    "ObserveASGI(LogASGI(edges, log_line), instruments)",
    "LogASGI(ObserveASGI(edges, instruments), log_line)",
)
WSGI_ORDERS = tuple(order.replace("ASGI", "WSGI") for order in ASGI_ORDERS)
UVICORN = ["uvicorn", "--host", "127.0.0.1", "--port", "{port}", "app:app", "--http"]
GUNICORN = ["gunicorn", "--bind", "127.0.0.1:{port}", "--worker-class"]
SERVERS = {
    "uvicorn, httptools": (ASGI, ASGI_ORDERS[0], [*UVICORN, "httptools"]),
    "uvicorn, h11, log outside": (ASGI, ASGI_ORDERS[1], [*UVICORN, "h11"]),
    "hypercorn": (ASGI, ASGI_ORDERS[0], ["hypercorn", "--bind", "127.0.0.1:{port}", "app:app"]),
    "hypercorn, log outside": (ASGI, ASGI_ORDERS[1], ["hypercorn", "--bind", "127.0.0.1:{port}", "app:app"]),
    "gunicorn sync": (WSGI, WSGI_ORDERS[0], [*GUNICORN, "sync", "app:app"]),
    "gunicorn gthread, log outside": (WSGI, WSGI_ORDERS[1], [*GUNICORN, "gthread", "--threads", "2", "app:app"]),
    "gunicorn gevent": (WSGI, WSGI_ORDERS[0], [*GUNICORN, "gevent", "app:app"]),
}
LEAVES_AFTER = 0.1  # seconds; before the handler has an answer


@dataclass(frozen=True)
class Edge:
    """What is asked, and what metric and access line say: the status, the bytes of the body, seconds at most."""

    status: int
    written: int | None = None
    method: str = "GET"
    path: str = "/v2/a/manifests/{edge}"
    body: bytes = b""
    leaves: bool = False  # the client
    seen: int | None = None  # what the client sees when it is not the status
    seconds: tuple[float, float] = (0.0, 0.9)


CUT = -1  # the connection ends before a whole answer
BOTH = {
    "parts": Edge(200, 300),
    "parts by HEAD": Edge(200, 0, method="HEAD"),
    "parts of a path that is not clean": Edge(200, 300, path="/v2/g/../a/./manifests//parts"),
    "no_content": Edge(204, 0),
    "not_modified": Edge(304, 0),
    "raises_before": Edge(500),
    "raises_after_part": Edge(500, 5, seen=CUT),
    "background": Edge(200, 5),
    "echo": Edge(200, 200_000, method="PUT", body=b"y" * 200_000),
    "late": Edge(200, 2000, method="PUT", body=b"y" * 2000, seconds=(0.2, 1.1)),
    "leaves": Edge(499, leaves=True),
    "leaves_and_raises": Edge(499, 0, leaves=True),
    "leaves_during": Edge(200, leaves=True, seconds=(0.0, 10.0)),
    "leaves_upload": Edge(499, leaves=True, method="PUT", body=b"y" * 100),
}
ONLY_ASGI = {
    "leaves_and_reads": Edge(499, leaves=True),
    "no_answer": Edge(500, 0),
    "raises_after_header": Edge(500, 0, seen=CUT),
    "raises_after_end": Edge(200, 5),
    "stops": Edge(500, 5, seen=CUT),
}
ONLY_WSGI = {
    "raises_after_header": Edge(500, 0, seen=500),  # no header is on its way before the first part
    "lazy": Edge(200, 5),
    "written": Edge(200, 8),
    "file": Edge(200, 100_000),
    "file by HEAD": Edge(200, 0, method="HEAD"),
    "rest_of_file": Edge(200, 60_000),
}


@pytest.fixture(scope="module", params=SERVERS)
def server(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    code, order, command = SERVERS[request.param]
    code = code.replace("ORDER", order.replace("log_line", "lambda line: log.write(line + chr(10))"))
    with serving(code, command, tmp_path_factory.mktemp("edges"), answers=False) as running:
        until(lambda: scraped(running.address), "the server answers")
        yield running


@pytest.mark.parametrize("name", [*BOTH, *ONLY_ASGI, *(f"{name}, wsgi" for name in ONLY_WSGI)])
def test_metric_and_access_line_agree_with_the_client(name: str, server: Server) -> None:
    asgi = "LogASGI" in server.code
    edge = BOTH.get(name) or (ONLY_ASGI if asgi else ONLY_WSGI).get(name.removesuffix(", wsgi"))
    if edge is None or (name.endswith(", wsgi") and asgi) or (name in ONLY_ASGI and not asgi):
        pytest.skip("not of this kind of server")
    before, lines = sums(server), len(access_lines(server))
    path = edge.path.format(edge=name.partition(" ")[0].removesuffix(","))
    seen = None
    if edge.leaves:
        leave(server, edge, path)
    else:
        seen = ask(server, edge, path)
    line = until(lambda: access_lines(server)[lines:], "an access line")[0]
    after = until(lambda: moved(before, sums(server)), "a counted request") or {}

    assert seen is None or seen == (edge.status if edge.seen is None else edge.seen)
    assert line["status"] == edge.status
    assert after["status"] == {str(edge.status): 1}
    assert line["written_bytes"] == after["written"]
    assert edge.written is None or line["written_bytes"] == edge.written
    assert edge.seconds[0] <= after["seconds"] < edge.seconds[1]
    assert abs(line["duration_ms"] - after["seconds"] * 1000) <= 1
    assert after["in_flight"] == 0
    assert len(access_lines(server)) == lines + 1


def test_a_path_without_a_route_is_logged_and_not_counted(server: Server) -> None:
    before, lines = sums(server), len(access_lines(server))
    assert ask(server, Edge(404, 0), "/other") == 404
    line = until(lambda: access_lines(server)[lines:], "an access line")[0]
    assert (line["status"], line["uri"], line["written_bytes"]) == (404, "/other", 0)
    assert sums(server) == before


def test_a_websocket_is_neither_logged_nor_counted(server: Server) -> None:
    if "LogASGI" not in server.code:
        pytest.skip("not of this kind of server")
    before, lines = sums(server), access_lines(server)
    parts = urlsplit(server.address)
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + "A" * 22
    with socket.create_connection((parts.hostname, parts.port or 0)) as connection:
        connection.sendall(f"GET /v2/a/manifests/x HTTP/1.1\r\nHost: x\r\n{upgrade}==\r\n\r\n".encode())
        connection.settimeout(20)
        assert connection.recv(100).startswith(b"HTTP/1.1 403")
    assert sums(server) == before
    assert access_lines(server) == lines


def ask(server: Server, edge: Edge, path: str) -> int:
    """The status that the client sees; CUT when the answer does not come to its end."""
    connection = HTTPConnection(urlsplit(server.address).netloc, timeout=15)
    try:
        connection.request(edge.method, path, body=edge.body or None)
        answer = connection.getresponse()
        body = answer.read()
    except (HTTPException, OSError):
        return CUT
    finally:
        connection.close()
    if edge.written is not None and edge.status < 400:
        assert len(body) == edge.written
    return answer.status


def leave(server: Server, edge: Edge, path: str) -> None:
    """Ask, and go away before the answer is whole, or before half of a body that is announced."""
    parts = urlsplit(server.address)
    with socket.create_connection((parts.hostname, parts.port or 0)) as connection:
        length = f"Content-Length: {2 * len(edge.body)}\r\n" if edge.body else ""
        connection.sendall(f"{edge.method} {path} HTTP/1.1\r\nHost: x\r\n{length}\r\n".encode() + edge.body)
        connection.settimeout(LEAVES_AFTER)
        with suppress(TimeoutError):
            connection.recv(100)


def access_lines(server: Server) -> list[dict[str, Any]]:
    file = Path(server.directory.parent / "access.log")
    return [json.loads(line) for line in file.read_text().splitlines()]


def sums(server: Server) -> dict[str, Any]:
    text = scraped(server.address)
    found: dict[str, Any] = {"status": {}, "written": 0.0, "seconds": 0.0, "in_flight": 0.0}
    for name, labels, value in re.findall(r"^registry_http_(\w+)\{(.*)\} (\S+)$", text, re.MULTILINE):
        if name == "requests_total":
            code = re.findall(r'code="(\w+)"', labels)[0]
            found["status"][code] = found["status"].get(code, 0) + float(value)
        for short, long in (
            ("written", "response_size_bytes_sum"),
            ("seconds", "request_duration_seconds_sum"),
            ("in_flight", "in_flight_requests"),
        ):
            if name == long:
                found[short] += float(value)
    return found


def moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any] | None:
    """What a request added; None when it is not counted yet."""
    codes = {code: n - before["status"].get(code, 0) for code, n in after["status"].items()}
    changed = {code: n for code, n in codes.items() if n}
    if not changed:
        return None
    rest = {name: after[name] - before[name] for name in ("written", "seconds")}
    return {"status": changed, **rest, "in_flight": after["in_flight"]}


def test_a_path_that_is_not_clean_and_is_sent_away_is_not_counted() -> None:
    for status, counted in ((301, 0), (404, 0), (200, 1), (500, 1)):
        instruments = Instruments("gitlab")
        serve(ObserveASGI(answer(status), instruments), scope(path="/v2/g/../a/manifests/x"))
        assert sample(instruments, http.REQUESTS) == counted
        assert sample(instruments, http.IN_FLIGHT) == 0

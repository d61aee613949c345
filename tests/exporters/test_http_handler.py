"""HTTP/1.1 as an exporter speaks it: many requests over a connection, and what is none is refused."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from regobs.exporters import http_handler
from regobs.exporters.serving import ExporterApp, ExporterServer, answer
from regobs.instrument import Instruments
from regobs.instrument.http import metrics_server

seen: list[dict[str, Any]] = []
opened: list[Line] = []
slow_began = threading.Semaphore(0)
slow_may_end = threading.Event()


def echo(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    seen.append(environ)
    length = environ.get("CONTENT_LENGTH", "")
    body = environ["wsgi.input"].read(int(length)) if length.isdigit() else b"no length"
    return answer(start_response, "200 OK", f"{environ['REQUEST_METHOD']} {body.decode()}\n")


def deaf(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return answer(start_response, "401 Unauthorized", "no\n")


def broken(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    raise ValueError("broken")


def slow(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    result = echo(environ, start_response)
    slow_began.release()
    slow_may_end.wait(10)
    return result


def long(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    return answer(start_response, "200 OK", "x" * 50_000_000)


@pytest.fixture
def server() -> Iterator[ExporterServer]:
    seen.clear()
    takes = {"/echo": echo, "/deaf": deaf, "/broken": broken, "/slow": slow, "/long": long}
    running = ExporterServer(ExporterApp(Instruments("gitlab"), lambda: True, takes), "127.0.0.1", 0)
    yield running
    running.stop()
    while opened:
        opened.pop().close()


class Line:
    """A connection to a server."""

    def __init__(self, server: ExporterServer) -> None:
        self.socket = socket.create_connection(("127.0.0.1", int(server.address.rpartition(":")[2])), timeout=10)
        self.file = self.socket.makefile("rb")
        opened.append(self)

    def close(self) -> None:
        self.file.close()
        self.socket.close()

    def send(self, text: bytes) -> None:
        self.socket.sendall(text)

    def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, header and body of the next answer."""
        status = int(self.file.readline().split()[1])
        headers = {}
        while (line := self.file.readline().decode().strip()) != "":
            name, _, value = line.partition(": ")
            headers[name.lower()] = value
        return status, headers, self.file.read(int(headers.get("content-length", "0")))

    def closed(self) -> bool:
        return self.file.read(1) == b""


def post(body: bytes, *more: bytes, path: bytes = b"/echo") -> bytes:
    lines = [b"POST " + path + b" HTTP/1.1", b"Host: x", b"Content-Length: %d" % len(body), *more]
    return b"\r\n".join([*lines, b"", body])


def test_requests_follow_each_other_over_one_connection_also_sent_at_once(server: ExporterServer) -> None:
    line = Line(server)
    for number in range(3):
        line.send(post(b"body %d" % number))
        assert line.answer()[2] == b"POST body %d\n" % number
    line.send(post(b"a") + post(b"b"))
    assert [line.answer()[2], line.answer()[2]] == [b"POST a\n", b"POST b\n"]


@pytest.mark.parametrize(
    ("request_text", "stays"),
    [
        (post(b"a"), True),
        (post(b"a", b"Connection: close"), False),
        (post(b"a").replace(b"HTTP/1.1", b"HTTP/1.0"), False),
        (b"POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", False),
        (b"POST /echo HTTP/1.1\r\nContent-Length: -1\r\n\r\n", False),
        (b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", True),
    ],
    ids=["1.1", "close", "1.0", "chunked", "length and chunked", "negative length", "the same length twice"],
)
def test_a_connection_stays_only_where_the_end_of_the_request_is_known(
    server: ExporterServer, request_text: bytes, stays: bool
) -> None:
    line = Line(server)
    line.send(request_text)
    status, headers, _ = line.answer()
    assert status == 200
    assert (headers.get("connection") != "close") is stays
    if stays:
        line.send(post(b"again"))
        assert line.answer()[2] == b"POST again\n"
    else:
        assert line.closed()


@pytest.mark.parametrize(
    "request_text",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET /\r\n\r\n",
        b"GET / HTTP/2.0\r\n\r\n",
        b"GET /" + b"a" * 70_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: b\r\n folded: c\r\n\r\n",
        b"GET / HTTP/1.1\r\nA : b\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 101 + b"\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"POST /echo HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    ],
    ids=range(10),
)
def test_what_is_no_request_is_refused_and_the_connection_ends(server: ExporterServer, request_text: bytes) -> None:
    line = Line(server)
    line.send(request_text)
    assert line.answer()[0] == 400
    with contextlib.suppress(ConnectionResetError):  # where it was not read to its end
        assert line.closed()
    assert seen == []


def test_a_hundred_headers_are_read(server: ExporterServer) -> None:
    line = Line(server)
    line.send(b"GET /-/healthy HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n")
    assert line.answer()[0] == 200


def test_a_header_with_an_underscore_does_not_stand_for_one_with_a_dash(server: ExporterServer) -> None:
    line = Line(server)
    line.send(post(b"a", b"X_Y: wrong", b"X-Y: right", b"x-y: too"))
    line.answer()
    assert seen[0]["HTTP_X_Y"] == "right,too"


def test_head_has_the_length_and_no_body(server: ExporterServer) -> None:
    line = Line(server)
    line.send(b"HEAD /-/healthy HTTP/1.1\r\n\r\n")
    assert int(line.file.readline().split()[1]) == 200
    while line.file.readline().strip():
        pass
    line.send(b"GET /-/healthy HTTP/1.1\r\n\r\n")
    assert line.answer()[2] == b"healthy\n"


def test_a_client_that_waits_is_told_to_send_its_body(server: ExporterServer) -> None:
    line = Line(server)
    line.send(b"POST /echo HTTP/1.1\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert line.file.readline() == b"HTTP/1.1 100 Continue\r\n"
    line.file.readline()
    line.send(b"ab")
    assert line.answer()[2] == b"POST ab\n"


@pytest.mark.parametrize(("size", "stays"), [(1000, True), (http_handler._DRAINED + 1, False)])
def test_a_body_that_nobody_reads_does_not_cost_the_answer(server: ExporterServer, size: int, stays: bool) -> None:
    line = Line(server)
    line.send(post(b"x" * 10, path=b"/deaf").replace(b"Content-Length: 10", b"Content-Length: %d" % size))
    line.send(b"x" * (size - 10) if stays else b"")
    status, headers, _ = line.answer()
    assert (status, headers.get("connection") != "close") == (401, stays)


def test_a_fault_in_the_application_is_answered_500(server: ExporterServer) -> None:
    line = Line(server)
    line.send(post(b"a", path=b"/broken"))
    assert line.answer()[0] == 500
    assert line.closed()


def test_a_server_that_ends_closes_its_connections_after_the_next_answer(server: ExporterServer) -> None:
    line = Line(server)
    line.send(post(b"a"))
    assert "connection" not in line.answer()[1]
    server.stop()
    line.send(post(b"b"))
    status, headers, body = line.answer()
    assert (status, headers["connection"], body) == (200, "close", b"POST b\n")
    assert line.closed()


def test_a_client_that_says_nothing_is_left_after_its_time(
    server: ExporterServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_handler.RequestHandler, "timeout", 0.2)
    monkeypatch.setattr(http_handler, "_PATIENCE", 0.2)
    monkeypatch.setattr(http_handler, "_IDLE", 0.6)
    start = time.monotonic()
    assert Line(server).closed()  # before its first request
    begun = Line(server)
    begun.send(b"POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\na")
    assert begun.closed()  # in the middle of one
    assert time.monotonic() - start < 5
    kept = Line(server)
    kept.send(post(b"a"))
    kept.answer()
    time.sleep(0.3)
    kept.send(post(b"b"))  # between two it may wait longer
    assert kept.answer()[2] == b"POST b\n"
    assert kept.closed()


@pytest.fixture
def three_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_server, "_MOST_CONNECTIONS", 3)


def test_one_connection_too_many_closes_that_which_has_waited_longest(
    three_at_once: None, server: ExporterServer
) -> None:
    lines = [Line(server) for _ in range(3)]
    for line in lines[1:]:  # the first has never said anything
        line.send(post(b"a"))
        assert line.answer()[0] == 200
    lines.append(Line(server))
    lines[3].send(post(b"b"))
    assert lines[3].answer()[2] == b"POST b\n"
    assert lines[0].closed()
    lines[1].send(post(b"c"))  # now the second has waited longest
    lines[1].answer()
    assert Line(server).socket.fileno() >= 0
    assert lines[2].closed()
    lines[1].send(post(b"d"))
    assert lines[1].answer()[2] == b"POST d\n"


def test_no_connection_is_closed_while_its_request_is_worked_on(three_at_once: None, server: ExporterServer) -> None:
    lines = [Line(server) for _ in range(3)]
    for line in lines:
        line.send(post(b"ab", path=b"/slow"))
    entered = [slow_began.acquire(timeout=10) for _ in lines]
    assert entered == [True] * 3
    assert Line(server).closed()  # there is nobody to close for it
    slow_may_end.set()
    for line in lines:
        assert line.answer()[2] == b"POST ab\n"


@pytest.mark.parametrize(
    "begun",
    [
        b"G",
        b"GET /metrics HTTP/1.1\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: x\r\nAuth",
        b"POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\na",
        b"POST /deaf HTTP/1.1\r\nContent-Length: 3\r\n\r\na",
    ],
    ids=["first line", "header", "name of a header", "body", "body that nobody wants"],
)
def test_clients_that_begin_requests_and_do_not_end_them_are_closed_for_others(
    three_at_once: None, server: ExporterServer, begun: bytes
) -> None:
    lines = [Line(server) for _ in range(3)]
    for line in lines:
        line.send(begun)
    time.sleep(0.2)  # until the server has read that
    for line in lines:
        late = Line(server)
        late.send(post(b"e"))
        assert late.answer()[2] == b"POST e\n"
        assert line.closed()


def test_a_client_that_does_not_take_its_answer_is_closed_for_others(
    three_at_once: None, server: ExporterServer
) -> None:
    lines = [Line(server) for _ in range(3)]
    for line in lines:
        line.send(b"GET /long HTTP/1.1\r\n\r\n")
        assert line.socket.recv(4) == b"HTTP"
    late = Line(server)
    late.send(post(b"e"))
    assert late.answer()[2] == b"POST e\n"

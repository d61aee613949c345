"""Answers that break on the wire after they began well: an error each time, never a part in the place of the whole."""

from __future__ import annotations

import contextlib
import gzip
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from email.utils import formatdate

import pytest

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from tests.prometheus.stub import vector

BODY = vector(*(({"code": str(code)}, "1") for code in range(200, 400))).body.encode()
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close sends RST


@contextlib.contextmanager
def wire(send: Callable[[socket.socket], None]) -> Iterator[str]:
    """A server that reads the whole request, sends what it is told to, and closes."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):  # closed at the end of the test
                while True:
                    connection = listener.accept()[0]
                    with contextlib.closing(connection):
                        text = b""
                        while b"query=" not in text:
                            text += connection.recv(65536)
                        send(connection)

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def headed(body: bytes, *lines: bytes) -> bytes:
    return HEAD + b"".join(line + b"\r\n" for line in lines) + b"Content-Length: %d\r\n\r\n" % len(body) + body


def reset(connection: socket.socket) -> None:
    connection.sendall(headed(BODY)[: -len(BODY) // 2])
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)


def chunked(connection: socket.socket) -> None:
    half = BODY[: len(BODY) // 2]
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n" % (len(half), half))


def truncated_gzip(connection: socket.socket) -> None:
    packed = gzip.compress(BODY)
    connection.sendall(headed(packed[: len(packed) // 2], b"Content-Encoding: gzip"))


def broken_gzip(connection: socket.socket) -> None:
    packed = bytearray(gzip.compress(BODY))
    packed[20:60] = bytes(40)
    connection.sendall(headed(bytes(packed), b"Content-Encoding: gzip"))


def whole_gzip(connection: socket.socket) -> None:
    connection.sendall(headed(gzip.compress(BODY), b"Content-Encoding: gzip"))


@pytest.mark.parametrize("fault", [reset, chunked, truncated_gzip, broken_gzip], ids=lambda fault: fault.__name__)
def test_an_answer_that_breaks_after_it_began_is_an_error(fault: Callable[[socket.socket], None]) -> None:
    with wire(fault) as url, Prometheus(url) as prometheus, pytest.raises(ServerError) as caught:
        prometheus.query("up")
    assert "breaks off" in str(caught.value)
    assert caught.value.retry_after is not None, "it may work when it is asked again"


def test_a_compressed_answer_is_read_whole() -> None:
    with wire(whole_gzip) as url, Prometheus(url) as prometheus:
        assert len(prometheus.query("up").samples) == 200


def _dated(seconds: float) -> str:
    """A header `Date` of a clock that is so many seconds ahead of ours."""
    return formatdate(time.time() + seconds, usegmt=True)


@pytest.mark.parametrize(
    ("date", "ahead", "said"),
    [
        (lambda: _dated(0), 0, None),
        (lambda: _dated(-55), -55, None),
        (lambda: _dated(55), 55, None),
        (lambda: _dated(-3600), -3600, "s behind this machine's"),
        (lambda: _dated(90), 90, "s ahead of this machine's"),
        (lambda: "yesterday", 0, None),
        (lambda: "Tue, 99 Nov 99999 99:99:99 GMT", 0, None),
        (lambda: None, 0, None),
    ],
)
def test_a_clock_that_differs_is_known_and_told_once(
    date: Callable[[], str | None], ahead: float, said: str | None
) -> None:
    heard: list[str] = []

    def send(connection: socket.socket) -> None:
        text = date()
        head = HEAD + (f"Date: {text}\r\n".encode() if text else b"")
        connection.sendall(head + f"Content-Length: {len(BODY)}\r\nConnection: close\r\n\r\n".encode() + BODY)

    with wire(send) as url, Prometheus(url, tell=heard.append) as prometheus:
        prometheus.query("up")
        prometheus.query("up")
        assert prometheus.clock.ahead == pytest.approx(ahead, abs=2)
    assert len(heard) == (said is not None)
    assert said is None or (said in heard[0] and url in heard[0])

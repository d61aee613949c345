"""How an answer comes in: the time of a request is that of the whole, and an answer has a size at most."""

from __future__ import annotations

import gzip
import socket
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator

import pytest

from regobs.errors import ServerError
from regobs.prometheus import Prometheus, transfer
from tests.prometheus.stub import vector
from tests.prometheus.test_wire_faults import BODY, HEAD, headed, wire

SECONDS = 0.6


def _by_bytes(connection: socket.socket, data: bytes) -> None:
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    for place in range(len(data)):
        connection.sendall(data[place : place + 1])
        time.sleep(0.05)


def trickled_head(connection: socket.socket) -> None:
    _by_bytes(connection, headed(BODY))


def trickled_body(connection: socket.socket) -> None:
    connection.sendall(headed(BODY)[: -len(BODY)])
    _by_bytes(connection, BODY)


def trickled_chunks(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Transfer-Encoding: chunked\r\n\r\n")
    for byte in BODY:
        connection.sendall(b"1\r\n%c\r\n" % byte)
        time.sleep(0.05)


def trickled_gzip(connection: socket.socket) -> None:
    packed = gzip.compress(BODY)
    connection.sendall(headed(packed, b"Content-Encoding: gzip")[: -len(packed)])
    _by_bytes(connection, packed)


def stalled(connection: socket.socket) -> None:
    connection.sendall(headed(BODY)[:-10])
    time.sleep(4 * SECONDS)


@pytest.mark.parametrize(
    ("send", "words"),
    [
        (trickled_head, "did not answer in 0.6 s"),
        (trickled_body, "has not finished its answer after 0.6 s"),
        (trickled_chunks, "has not finished its answer after 0.6 s"),
        (trickled_gzip, "has not finished its answer after 0.6 s"),
        (stalled, "has not finished its answer after 0.6 s"),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_an_answer_that_trickles_ends_with_the_time_of_the_request(
    send: Callable[[socket.socket], None], words: str
) -> None:
    with wire(send) as url, Prometheus(url, timeout=SECONDS) as prometheus:
        begin = time.monotonic()
        with pytest.raises(ServerError, match=words):
            prometheus.query("up")
    assert SECONDS <= time.monotonic() - begin < 4 * SECONDS


def test_an_answer_that_trickles_and_ends_in_time_is_read_whole() -> None:
    body = vector(({}, "1")).body.encode()

    def send(connection: socket.socket) -> None:
        connection.sendall(headed(body)[: -len(body)])
        for place in range(0, len(body), 20):
            connection.sendall(body[place : place + 20])
            time.sleep(0.05)

    with wire(send) as url, Prometheus(url, timeout=30) as prometheus:
        assert len(prometheus.query("up").samples) == 1


def test_the_time_of_one_request_is_not_that_of_the_next_on_the_same_connection() -> None:
    def send(connection: socket.socket) -> None:
        time.sleep(0.7 * SECONDS)
        connection.sendall(headed(BODY))
        text = b""
        while b"query=" not in text:
            text += connection.recv(65536)
        time.sleep(0.7 * SECONDS)
        connection.sendall(headed(BODY))

    with wire(send) as url, Prometheus(url, timeout=SECONDS) as prometheus:
        assert len(prometheus.query("up").samples) == len(prometheus.query("up").samples) == 200


def _sized(size: int, packed: bool) -> Callable[[socket.socket], None]:
    body = BODY + b" " * (size - len(BODY))
    return lambda connection: connection.sendall(
        headed(gzip.compress(body), b"Content-Encoding: gzip") if packed else headed(body)
    )


@pytest.mark.parametrize("packed", [False, True])
def test_an_answer_of_the_largest_size_is_read_and_one_byte_more_is_refused(
    packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 2 * 1024**2)
    with wire(_sized(2 * 1024**2, packed)) as url, Prometheus(url) as prometheus:
        assert len(prometheus.query("up").samples) == 200
    with wire(_sized(2 * 1024**2 + 1, packed)) as url, Prometheus(url) as prometheus:
        with pytest.raises(ServerError) as caught:
            prometheus.query("up")
        assert f"the answer of {url} is too large" in str(caught.value)
        assert "more than 2 MiB" in str(caught.value)
        assert "fewer series" in str(caught.value)


def test_a_bomb_takes_no_more_memory_than_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfer, "MOST_BYTES", 4 * 1024**2)
    packing = zlib.compressobj(9, wbits=31)
    bomb = b"".join(packing.compress(bytes(1024**2)) for _ in range(400)) + packing.flush()
    assert len(bomb) < 500_000
    answer = headed(bomb, b"Content-Encoding: gzip")
    with wire(lambda connection: connection.sendall(answer)) as url, Prometheus(url) as prometheus:
        tracemalloc.start()
        with pytest.raises(ServerError, match="too large"):
            prometheus.query("up")
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 12 * 1024**2


@pytest.mark.parametrize("size", [0, 1, transfer._STEP - 1, transfer._STEP, transfer._STEP + 1, 3 * transfer._STEP])
@pytest.mark.parametrize("piece", [1000, 1_000_000])
def test_what_was_packed_in_one_or_two_members_is_the_same_unpacked(size: int, piece: int) -> None:
    text = bytes(number % 251 for number in range(size))

    def pieces(packed: bytes) -> Iterator[bytes]:
        return (packed[place : place + piece] for place in range(0, len(packed), piece))

    once = gzip.compress(text)
    assert b"".join(transfer._unzipped(pieces(once))) == text
    assert b"".join(transfer._unzipped(pieces(once + once))) == text * 2
    with pytest.raises(EOFError):
        b"".join(transfer._unzipped(pieces(once[:-1])))

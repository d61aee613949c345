"""How an answer comes in: within the time of a request, however slowly, and up to a size, however small its packing."""

from __future__ import annotations

import http.client
import io
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from typing import Any

import requests
import urllib3
from requests.adapters import HTTPAdapter
from urllib3.connection import HTTPConnection, HTTPSConnection

from regobs.common.reasons import reason_of
from regobs.errors import ServerError
from regobs.prometheus.failures import cut_short, unfinished

# Bytes of an unpacked answer. A range of 1,000 series and 10,000 points, the most that is asked at once, has 300 MiB.
MOST_BYTES = 512 * 1024 * 1024
_STEP = 256 * 1024  # bytes


class _Deadline(threading.local):
    """When the request of this thread has to be over, by the monotonic clock."""

    moment: float | None = None


_deadline = _Deadline()


class _TimedReads(io.RawIOBase):
    """The bytes of one answer. A socket's own timeout is that of each read, so that a byte a second never ends."""

    def __init__(self, connection: socket.socket, deadline: float) -> None:
        self._connection, self._deadline = connection, deadline
        self._raw = connection.makefile("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("timed out")
        self._connection.settimeout(left)
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()


class _TimedResponse(http.client.HTTPResponse):
    """An answer, from its first line on, that ends with the deadline of its request."""

    def __init__(self, sock: socket.socket, *args: Any, **more: Any) -> None:
        super().__init__(sock, *args, **more)
        if _deadline.moment is not None:
            untimed, self.fp = self.fp, io.BufferedReader(_TimedReads(sock, _deadline.moment), _STEP)
            untimed.close()


class _TimedConnection(HTTPConnection):
    response_class = _TimedResponse


class _TimedTlsConnection(HTTPSConnection):
    response_class = _TimedResponse


class _TimedPool(urllib3.HTTPConnectionPool):
    ConnectionCls = _TimedConnection


class _TimedTlsPool(urllib3.HTTPSConnectionPool):
    ConnectionCls = _TimedTlsConnection


_POOLS = {"http": _TimedPool, "https": _TimedTlsPool}


class TimedAdapter(HTTPAdapter):
    """Connections whose answers end with the deadline of `within`."""

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, **more)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, *args: Any, **more: Any) -> Any:
        manager = super().proxy_manager_for(*args, **more)
        if type(manager) is urllib3.ProxyManager:  # that of SOCKS has connections of its own
            manager.pool_classes_by_scheme = _POOLS
        return manager


class within:  # noqa: N801 - reads as a word of a `with`
    """A `with` in which a request of this thread gets so many seconds, from its connection to the end of its answer."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __enter__(self) -> None:
        _deadline.moment = time.monotonic() + self._seconds

    def __exit__(self, *error: object) -> None:
        _deadline.moment = None


def receive(response: requests.Response, url: str, timeout: float) -> None:
    """Read the body of a streamed answer, which then is its `content`. Raises ServerError."""
    try:
        content = _whole(response, url)
    except urllib3.exceptions.ReadTimeoutError as error:
        response.close()
        raise unfinished(url, timeout) from error
    except (urllib3.exceptions.HTTPError, zlib.error, EOFError) as error:
        response.close()
        raise cut_short(url, reason_of(error)) from error
    # What requests itself does with an answer that it reads at once.
    response._content, response._content_consumed = content, True  # type: ignore[attr-defined]


def _whole(response: requests.Response, url: str) -> bytes:
    pieces, size = [], 0
    for piece in _pieces(response):
        pieces.append(piece)
        size += len(piece)
        if size > MOST_BYTES:
            response.close()
            raise _too_large(url)
    return b"".join(pieces)


def _pieces(response: requests.Response) -> Iterator[bytes]:
    packed = response.headers.get("Content-Encoding", "").strip().lower() in {"gzip", "x-gzip"}
    raw = response.raw.stream(_STEP, decode_content=not packed)
    return _unzipped(raw) if packed else raw


def _unzipped(packed: Iterator[bytes]) -> Iterator[bytes]:
    """The text of a gzip stream in pieces of a limited size, however many a piece of it unpacks to."""
    member, fresh = zlib.decompressobj(zlib.MAX_WBITS | 16), True
    for piece in packed:
        rest = piece
        while rest or not fresh:
            text = member.decompress(rest, _STEP)
            fresh = False
            if text:
                yield text
            rest = member.unconsumed_tail
            if member.eof:
                rest, member, fresh = member.unused_data, zlib.decompressobj(zlib.MAX_WBITS | 16), True
            elif not rest and len(text) < _STEP:
                break
    if not fresh:
        raise EOFError


def _too_large(url: str) -> ServerError:
    return ServerError(
        f"the answer of {url} is too large",
        value=f"more than {MOST_BYTES / 1024**2:,.0f} MiB",
        expected="an answer that fits into memory",
        next_step="ask for fewer series, a shorter range or a longer step; a long range with --format csv or ndjson is"
        " asked and written out in pieces",
    )

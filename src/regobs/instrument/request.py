"""What both middlewares know about a request: its approximate size, and the status of a request that went wrong.

The size is that of the Go client library (promhttp, `computeApproximateRequestSize`): path and query, method, protocol,
every header name and value but the name of Host, and the declared length of the body. A chunked body counts as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

CLIENT_CLOSED_REQUEST = 499
SERVER_ERROR = 500
_MOST_DIGITS = 18  # Go takes a Content-Length of up to 63 bits
_PROTOCOL = len("HTTP/1.1")
_SPECIAL_LENGTHS = frozenset(map(len, ("content-length", "host", "transfer-encoding")))
_LEFT = frozenset({"ClientDisconnect", "ClientDisconnected", "CancelledError", "Cancelled"})


def request_size(line: int, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The whole, from the size of method, path and query together, and the headers with names in lower case."""
    size = line + _PROTOCOL
    for name, value in headers:
        length = len(name)
        size += length + len(value)
        if length in _SPECIAL_LENGTHS:  # cheaper than the hash of each name
            size += _correction(name, value)
    return size


def _correction(name: bytes, value: bytes) -> int:
    """What a header adds to, or takes off, its own size."""
    if name == b"content-length":
        return declared(value)
    if name == b"host":
        return -len(name)
    if name == b"transfer-encoding":  # Go takes it off the headers
        return -len(name) - len(value)
    return 0


def declared(length: bytes | str) -> int:
    """The value of a Content-Length header, 0 for what is no length."""
    return int(length) if length.isdigit() and length.isascii() and len(length) <= _MOST_DIGITS else 0


def failed(error: BaseException, sent: int, *, left: bool) -> int:
    """The status to count when an application raises, given the status it had sent (0: none).

    499 when the client had left before an answer, as the real registry counts it, whatever a framework sent after that;
    the sent status when it left during the answer; else 500, because that is what a server of Python then sends or
    would have sent. (The real registry answers a panic by closing the connection, and counts nothing.)
    """
    if left:
        return CLIENT_CLOSED_REQUEST
    if isinstance(error, ConnectionError) or type(error).__name__ in _LEFT:
        return sent or CLIENT_CLOSED_REQUEST
    return SERVER_ERROR

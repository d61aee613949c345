"""What all middlewares know about a request: its approximate size, its status when it went wrong, the sent bytes.

The size is that of the Go client library (promhttp, `computeApproximateRequestSize`): path and query, method, protocol,
every header name and value but the name of Host, and the declared length of the body. A chunked body counts as 0.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any

CLIENT_CLOSED_REQUEST = 499
SERVER_ERROR = 500
_MOST_DIGITS = 18  # Go takes a Content-Length of up to 63 bits
PROTOCOL = len("HTTP/1.1")
_HOST = len("host")
_SPECIAL_LENGTHS = frozenset(map(len, ("content-length", "transfer-encoding")))
_NO_BODY = frozenset({204, 304})
PATIENCE = 0.05  # seconds; that a client left is asked of the connection when the answer took as long
_LEFT = frozenset({"ClientDisconnect", "ClientDisconnected", "CancelledError", "Cancelled"})


def request_size(line: int, headers: Iterable[tuple[bytes, bytes]]) -> int:
    """The whole, from the size of method, path and query together, and the headers with names in lower case."""
    total, correction = header_sizes(headers)
    return line + PROTOCOL + total + correction


def header_sizes(headers: Iterable[tuple[bytes, bytes]]) -> tuple[int, int]:
    """The bytes of all names and values, and what to add to them for `request_size`."""
    total = correction = 0
    for name, value in headers:
        length = len(name)
        total += length + len(value)
        if length == _HOST:  # cheaper than the hash of each name
            if name == b"host":
                correction -= _HOST
        elif length in _SPECIAL_LENGTHS:
            correction += _correction(name, value)
    return total, correction


def _correction(name: bytes, value: bytes) -> int:
    """What a header adds to, or takes off, its own size."""
    if name == b"content-length":
        return declared(value)
    if name == b"transfer-encoding":  # Go takes it off the headers
        return -len(name) - len(value)
    return 0


def declared(length: bytes | str) -> int:
    """The value of a Content-Length header, 0 for what is no length."""
    return int(length) if length.isdigit() and length.isascii() and len(length) <= _MOST_DIGITS else 0


def outcome(sent: int, *, left: bool = False, broke: bool = False, error: BaseException | None = None) -> int:
    """The status of a request that did not come to the end of its answer, given the status it had sent (0: none).

    499 when the client `left` before an answer, as the real registry counts it, whatever a framework sent after that;
    the sent status when the connection `broke` during the answer; else 500, because that is what a server of Python
    then sends or would have sent. (The real registry answers a panic by closing the connection, and counts nothing.)
    """
    if left:
        return CLIENT_CLOSED_REQUEST
    if broke or isinstance(error, ConnectionError) or type(error).__name__ in _LEFT:
        return sent or CLIENT_CLOSED_REQUEST
    return SERVER_ERROR


def sent_bytes(method: str, status: int, body: int) -> int:
    """What of a body is on the wire: nothing after HEAD, and with statuses that have none, whatever was made."""
    return 0 if method == "HEAD" or status in _NO_BODY else body


def file_size(file: Any, offset: int | None = None) -> int:
    """The bytes of an open file, or of a descriptor, from the offset or its position on; 0 for what is no file."""
    try:
        number = file if isinstance(file, int) else file.fileno()
        start = os.lseek(number, 0, os.SEEK_CUR) if offset is None else offset
        return max(0, os.fstat(number).st_size - start)
    except (OSError, AttributeError, ValueError):
        return 0

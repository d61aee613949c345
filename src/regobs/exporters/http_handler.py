"""HTTP/1.1 for the server of an exporter: one request after the other over a connection, parsed at little cost.

The handler of wsgiref takes one request a connection and parses its header as an e-mail. A registry that sends
notifications keeps its connection, and an answer within milliseconds leaves no time for either.
"""

from __future__ import annotations

import logging
import ssl
from collections.abc import Callable, Iterable
from contextlib import suppress
from email.utils import formatdate
from io import BufferedIOBase
from socketserver import StreamRequestHandler
from typing import Any, Protocol, cast
from urllib.parse import unquote_to_bytes

from regobs.instrument.http.metrics_server import OpenConnections

_LOG = logging.getLogger("regobs.exporters.http")
_PATIENCE = 30.0  # seconds; a client that stops in the middle of a request holds a thread no longer
_IDLE = 120.0  # seconds between two requests; Go's clients end a connection themselves after 90
_LONGEST_LINE = 65536  # bytes, as http.server has it
_MOST_HEADERS = 100
_DRAINED = 1 << 20  # bytes of a body that nobody wanted, read so that the answer is not lost with the connection


class _RefusedError(Exception):
    """A request that is none."""


class _GoneError(Exception):
    """The client broke off, or says nothing, in the middle of a request."""


class _Application(Protocol):
    def __call__(self, environ: dict[str, Any], start_response: Any, /) -> Iterable[bytes]: ...


class RequestBody:
    """So many bytes of a connection; the client may wait to be told that they are wanted.

    `whole` is called when the last of them is here.
    """

    def __init__(
        self, source: BufferedIOBase, length: int, *, whole: Callable[[], None], asked: BufferedIOBase | None = None
    ) -> None:
        self._source, self.left, self._asked, self._whole = source, length, asked, whole
        if not length:
            whole()

    def read(self, size: int = -1) -> bytes:
        """Up to so many bytes of what is left; fewer only where the client breaks off."""
        wanted = self.left if size < 0 else min(size, self.left)
        try:
            if self._asked is not None:
                self._asked.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                self._asked = None
            content = self._source.read(wanted)
        except OSError as fault:
            raise _GoneError from fault
        self.left = self.left - wanted if len(content) == wanted else 0
        if not self.left:
            self._whole()
        return content


class RequestHandler(StreamRequestHandler):
    """The requests of one connection, for the WSGI application of its server."""

    timeout = _PATIENCE
    disable_nagle_algorithm = True

    def handle(self) -> None:
        """Answer until either side wants no more."""
        try:
            while self._answer_one():
                self.connection.settimeout(_IDLE)
        except OSError:  # the client has gone, or says nothing
            return

    @property
    def _connections(self) -> OpenConnections:
        return cast("OpenConnections", self.server.connections)  # type: ignore[attr-defined]

    def _is_whole(self) -> None:
        """A request has come in whole: the connection is not closed for another until it is answered."""
        self._connections.busy(self.client_address)

    def finish(self) -> None:
        """Close a connection that TLS has wrapped: the server holds the one below."""
        super().finish()
        if isinstance(self.request, ssl.SSLSocket):
            self.request.close()

    def _answer_one(self) -> bool:
        """Whether another request may follow."""
        first = self.rfile.readline(_LONGEST_LINE + 1)
        if first in {b"\r\n", b"\n"}:
            first = self.rfile.readline(_LONGEST_LINE + 1)
        if not first:
            return False
        self.connection.settimeout(_PATIENCE)
        try:
            environ, keep = self._environ(first)
        except _RefusedError as fault:
            self._send("400 Bad Request", [("Content-Type", "text/plain")], f"{fault}\n".encode(), keep=False)
            return False
        told: list[tuple[str, list[tuple[str, str]]]] = []
        body: RequestBody = environ["wsgi.input"]
        application = cast("_Application", self.server.get_app())  # type: ignore[attr-defined]
        try:
            result = application(environ, lambda status, headers, *_: told.append((status, list(headers))))
            content = b"".join(result)
        except _GoneError:
            return False
        except Exception:  # noqa: BLE001 - whatever it is, the client is told
            _LOG.exception("a request ended in a fault")
            self._send("500 Internal Server Error", [], b"", keep=False)
            return False
        if 0 < body.left <= _DRAINED:
            with suppress(_GoneError):
                body.read()
        keep = keep and not body.left and not getattr(self.server, "closing", False)
        [(status, headers)] = told[-1:]
        self._send(status, headers, content, keep=keep, head=environ["REQUEST_METHOD"] == "HEAD")
        return keep

    def _environ(self, first: bytes) -> tuple[dict[str, Any], bool]:
        """The environment of WSGI of a request, and whether its connection may stay."""
        words = first.decode("latin-1").split()
        if len(first) > _LONGEST_LINE or len(words) != 3 or words[2][:7] != "HTTP/1.":
            raise _RefusedError("not a request of HTTP/1.1")
        method, target, protocol = words
        path, _, query = target.partition("?")
        environ = self._headers()
        length = environ.get("CONTENT_LENGTH", "")
        right = length.isascii() and length.isdigit() and len(length) < 16
        chunked = "HTTP_TRANSFER_ENCODING" in environ  # not read here: the application sees no length and refuses it
        if chunked:
            environ.pop("CONTENT_LENGTH", None)
        asked = self.wfile if environ.get("HTTP_EXPECT", "").lower() == "100-continue" else None
        address: Any = self.server.server_address
        body = RequestBody(self.rfile, int(length) if right and not chunked else 0, whole=self._is_whole, asked=asked)
        environ |= {
            "REQUEST_METHOD": method,
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "SCRIPT_NAME": "",
            "QUERY_STRING": query,
            "SERVER_PROTOCOL": protocol,
            "SERVER_NAME": str(address[0]),
            "SERVER_PORT": str(address[1]),
            "REMOTE_ADDR": str(self.client_address[0]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "https" if isinstance(self.request, ssl.SSLSocket) else "http",
            "wsgi.input": body,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        stays = protocol != "HTTP/1.0" and environ.get("HTTP_CONNECTION", "").lower() != "close"
        return environ, stays and not chunked and (right or not length)

    def _headers(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for _ in range(_MOST_HEADERS + 1):
            line = self.rfile.readline(_LONGEST_LINE + 1)
            if line in {b"\r\n", b"\n"}:
                return found
            name, colon, value = line.decode("latin-1").partition(":")
            if not colon or len(line) > _LONGEST_LINE or name != name.strip() or not name:
                raise _RefusedError("a header that is none")
            key = name.upper().replace("-", "_")
            if "_" in name:  # it would be taken for the header with `-` in its place
                continue
            key = key if key in {"CONTENT_LENGTH", "CONTENT_TYPE"} else f"HTTP_{key}"
            value = value.strip()
            if key == "CONTENT_LENGTH" and found.get(key, value) != value:
                raise _RefusedError("two lengths of one body")
            found[key] = f"{found[key]},{value}" if key in found and key != "CONTENT_LENGTH" else value
        raise _RefusedError(f"more than {_MOST_HEADERS} headers")

    def _send(
        self, status: str, headers: list[tuple[str, str]], content: bytes, *, keep: bool, head: bool = False
    ) -> None:
        lines = [f"HTTP/1.1 {status}", f"Date: {formatdate(usegmt=True)}", *(f"{name}: {of}" for name, of in headers)]
        if not any(name.lower() == "content-length" for name, _ in headers):
            lines.append(f"Content-Length: {len(content)}")
        if not keep:
            lines.append("Connection: close")
        self._connections.waits(self.client_address, self.request)  # also for a client that does not read
        self.wfile.write("\r\n".join([*lines, "\r\n"]).encode("latin-1", "replace") + (b"" if head else content))

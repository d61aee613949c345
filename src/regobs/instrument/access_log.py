"""The access log: one JSON line a request, with the fields, units and order of the real registry's.

`time` is UTC with milliseconds, `duration_ms` and `ttfb_ms` are whole milliseconds, `read_bytes` is the request on the
wire with its headers, `written_bytes` the body of the answer. A line is written for every HTTP request, with a route
or without. Neither Authorization nor any other header but the ones named here is looked at.
"""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from time import perf_counter
from typing import TYPE_CHECKING

from regobs.instrument.redaction import redacted_uri
from regobs.instrument.request import CLIENT_CLOSED_REQUEST

if TYPE_CHECKING:
    from regobs.instrument.asgi import App, Message, Receive, Scope, Send

correlation_id: ContextVar[str] = ContextVar("correlation_id", default="")
_PROPAGATED = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII).fullmatch
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


def new_correlation_id() -> str:
    """A ULID: 48 bits of milliseconds and 80 random bits, so that ids sort by time."""
    value = (time.time_ns() // 1_000_000 << 80) | int.from_bytes(os.urandom(10))
    return "".join(_CROCKFORD[value >> shift & 31] for shift in range(125, -1, -5))


@contextmanager
def correlated(identity: str = "") -> Iterator[str]:
    """Give everything that is logged inside the block one correlation id, a new one unless it is given.

    For background work, such as one run of a worker; a request gets its own from LogASGI and LogWSGI.
    """
    made = identity or new_correlation_id()
    token = correlation_id.set(made)
    try:
        yield made
    finally:
        correlation_id.reset(token)


def accepted_id(text: str) -> bool:
    """Whether an X-Request-Id can be taken over: up to 128 letters, digits, dots, underscores and dashes."""
    return _PROPAGATED(text) is not None


def timestamp(seconds: float) -> str:
    """Seconds since 1970 as `2026-11-23T11:11:21.645Z`."""
    milliseconds = int(seconds * 1000)
    whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(milliseconds // 1000))
    return f"{whole}.{milliseconds % 1000:03d}Z"


def access_text(line: dict[str, object]) -> str:
    """The line as text that can be written: without lone surrogates, which a server may make of odd bytes."""
    text = json.dumps(line, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class LogASGI:
    """Wraps an ASGI application and hands one line for each HTTP request to `write`, without a line feed.

    The correlation id is that of the request's X-Request-Id when `propagate` says that the header can be trusted, else
    a new one; the application finds it in `correlation_id` and as that header of its scope. When `write` fails the
    request goes on.
    """

    def __init__(self, app: App, write: Callable[[str], object], *, propagate: bool = False) -> None:
        self._app = app
        self._write = write
        self._propagate = propagate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        sent: dict[str, object] = {"status": 0, "content_type": ""}
        left: dict[str, object] = {}
        written = read = 0
        start = perf_counter()

        def observed_send(message: Message) -> Awaitable[None]:
            nonlocal written
            if message["type"] == "http.response.start":
                sent["status"] = message["status"]
                sent["ttfb_ms"] = int((perf_counter() - start) * 1000)
                headers = dict(message.get("headers", ()))
                sent["content_type"] = headers.get(b"content-type", b"").decode("latin-1")
            elif message["type"] == "http.response.body":
                written += len(message.get("body", b""))
            return send(message)

        async def observed_receive() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if message["type"] == "http.disconnect" and not sent["status"]:
                left["status"] = CLIENT_CLOSED_REQUEST  # whatever is sent now, nobody gets it
            return message

        identity = self._identity(scope)
        token = correlation_id.set(identity)
        try:
            await self._app(scope, observed_receive, observed_send)
        finally:
            correlation_id.reset(token)
            line = {**_request(scope), **sent, **left, "correlation_id": identity}
            line["duration_ms"] = int((perf_counter() - start) * 1000)
            line |= {"read_bytes": _wire_size(scope) + read, "written_bytes": written}
            self._write_line(line)

    def _identity(self, scope: Scope) -> str:
        headers = list(scope.get("headers", ()))
        given = next((value.decode("latin-1") for name, value in headers if name == b"x-request-id"), "")
        if self._propagate and accepted_id(given):
            return given
        made = new_correlation_id()
        kept = [(name, value) for name, value in headers if name != b"x-request-id"]
        scope["headers"] = [*kept, (b"x-request-id", made.encode())]
        scope["regobs.headers"] = headers  # what came over the wire
        return made

    def _write_line(self, line: dict[str, object]) -> None:
        line |= {"level": "info", "msg": "access", "system": "http", "time": timestamp(time.time())}
        try:
            self._write(access_text(line))
        except Exception:
            import logging  # noqa: PLC0415 (only here)

            logging.getLogger("regobs.instrument").warning("an access log line was lost", exc_info=True)


def _uri(scope: Scope) -> str:
    path: str = (scope.get("raw_path") or scope["path"].encode(errors="replace")).decode("latin-1")
    query: str = scope.get("query_string", b"").decode("latin-1")
    return f"{path}?{query}" if query else path


def _request(scope: Scope) -> dict[str, object]:
    """What the line takes from the request."""
    headers = {name: value.decode("latin-1") for name, value in scope.get("headers", ()) if name in _SHOWN}
    host, port = scope.get("client") or ("", 0)
    forwarded = headers.get(b"x-forwarded-for", "").partition(",")[0].strip()
    fields: dict[str, object] = {
        "host": headers.get(b"host", ""),
        "method": scope["method"],
        "proto": f"HTTP/{scope.get('http_version', '1.1')}",
        "referrer": redacted_uri(headers.get(b"referer", "")),
        "remote_addr": f"{host}:{port}",
        "remote_ip": forwarded or host,
        "uri": redacted_uri(_uri(scope)),
        "user_agent": headers.get(b"user-agent", ""),
    }
    if b"cf-ray" in headers:
        fields["CF-RAY"] = headers[b"cf-ray"]
    return fields


_SHOWN = frozenset({b"host", b"referer", b"user-agent", b"x-forwarded-for", b"cf-ray"})


def _wire_size(scope: Scope) -> int:
    """Bytes of the request line and the headers with their separators, as HTTP/1.1 sends them."""
    line = len(scope["method"]) + len(_uri(scope)) + len("  HTTP/1.1\r\n")
    headers = scope.get("regobs.headers", scope.get("headers", ()))
    return line + sum(len(name) + len(value) + 4 for name, value in headers) + 2

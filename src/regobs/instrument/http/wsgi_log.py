"""The access log of a WSGI application: the lines of `access_log`, for each request one.

    from regobs.instrument import LogWSGI

    app = LogWSGI(app, print)                          # anything that takes a line: access_writer()

The line is written when the body is sent or the server closes it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from regobs.instrument.core.traces import read_traceparent, trace_context
from regobs.instrument.http.access_log import (
    accepted_id,
    access_text,
    access_uri,
    correlation_id,
    new_correlation_id,
    timestamp,
)
from regobs.instrument.http.wsgi import KEY, App, Environ, StartResponse, WsgiExchange, uri
from regobs.secrets.uris import redacted_uri

_BARE = {"CONTENT_TYPE": "content-type", "CONTENT_LENGTH": "content-length"}


class LogWSGI:
    """Wraps a WSGI application and hands one line for each request to `write`, without a line feed.

    The correlation id is that of the request's X-Request-Id when `propagate` says that the header can be trusted, else
    a new one; the application finds it in `correlation_id` and as that header of its environ. When `write` fails the
    request goes on.
    """

    def __init__(self, app: App, write: Callable[[str], object], *, propagate: bool = False) -> None:
        self._app = app
        self._write = write
        self._propagate = propagate

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        line = _request(environ)
        headers = _wire_size(environ)
        given = environ.get("HTTP_X_REQUEST_ID", "")
        identity = given if self._propagate and accepted_id(given) else new_correlation_id()
        environ["HTTP_X_REQUEST_ID"] = line["correlation_id"] = identity
        read = environ["wsgi.input"] = _Counted(environ.get("wsgi.input"))

        def ended(answer: WsgiExchange) -> None:
            self._write_line(line, headers + read.size, answer)

        trace = read_traceparent(environ.get("HTTP_TRACEPARENT", ""))
        if trace is not None:
            line |= {"trace_id": trace.trace_id, "parent_span_id": trace.parent_span_id}
        context = ((correlation_id, identity), (trace_context, trace))
        token, traced = correlation_id.set(identity), trace_context.set(trace)
        try:
            answer = environ.get(KEY)
            if answer is None:
                answer = WsgiExchange(environ, start_response, ended)
                answer.context = context
                return answer.of(self._app)
            answer.context = context
            answer.ended.append(ended)
            return self._app(environ, start_response)
        finally:
            correlation_id.reset(token)
            trace_context.reset(traced)

    def _write_line(self, line: dict[str, Any], read_bytes: int, answer: WsgiExchange) -> None:
        line |= {"status": answer.code, "content_type": answer.header("content-type")}
        if answer.header_seconds is not None:
            line["ttfb_ms"] = int(answer.header_seconds * 1000)
        line |= {"duration_ms": int(answer.seconds * 1000), "read_bytes": read_bytes, "written_bytes": answer.written}
        line |= {"level": "info", "msg": "access", "system": "http", "time": timestamp(time.time())}
        try:
            self._write(access_text(line))
        except Exception:
            import logging  # noqa: PLC0415 (only here)

            logging.getLogger("regobs.instrument").warning("an access log line was lost", exc_info=True)


class _Counted:
    """The body of a request, with the bytes that were read of it."""

    def __init__(self, body: Any) -> None:
        self._body = body
        self.size = 0

    def _took(self, data: bytes) -> bytes:
        self.size += len(data)
        return data

    def read(self, *size: int) -> bytes:
        """As the server's."""
        return self._took(self._body.read(*size))

    def readline(self, *size: int) -> bytes:
        """As the server's."""
        return self._took(self._body.readline(*size))

    def readlines(self, *hint: int) -> list[bytes]:
        """As the server's."""
        return [self._took(row) for row in self._body.readlines(*hint)]

    def __iter__(self) -> Iterator[bytes]:
        return map(self._took, self._body)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._body, name)


def _headers(environ: Environ) -> dict[str, str]:
    sent = ((name, value) for name, value in environ.items() if name.startswith("HTTP_") and isinstance(value, str))
    found = {name[5:].replace("_", "-").lower(): value for name, value in sent}
    bare = ((header, environ.get(name)) for name, header in _BARE.items())
    return found | {header: value for header, value in bare if value and isinstance(value, str)}


def _request(environ: Environ) -> dict[str, Any]:
    """What the line takes from the request."""
    headers = _headers(environ)
    address = environ.get("REMOTE_ADDR", "")
    fields: dict[str, Any] = {
        "host": headers.get("host", ""),
        "method": environ["REQUEST_METHOD"],
        "proto": environ.get("SERVER_PROTOCOL", "HTTP/1.1"),
        "referrer": redacted_uri(headers.get("referer", "")),
        "remote_addr": f"{address}:{environ.get('REMOTE_PORT', 0)}",
        "remote_ip": headers.get("x-forwarded-for", "").partition(",")[0].strip() or address,
        "uri": access_uri(uri(environ)),
        "user_agent": headers.get("user-agent", ""),
    }
    if "cf-ray" in headers:
        fields["CF-RAY"] = headers["cf-ray"]
    return fields


def _wire_size(environ: Environ) -> int:
    """Bytes of the request line and the headers with their separators, as HTTP/1.1 sends them."""
    line = len(environ["REQUEST_METHOD"]) + len(uri(environ)) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in _headers(environ).items()) + 2

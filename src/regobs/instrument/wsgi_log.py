"""The access log of a WSGI application: the lines of `access_log`, for each request one.

    from regobs.instrument import LogWSGI

    app = LogWSGI(app, print)                          # anything that takes a line: access_writer()

The line is written when the body is sent or the server closes it. The status is 0 when the application raised before
it sent one.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from regobs.instrument.access_log import accepted_id, access_text, correlation_id, new_correlation_id, timestamp
from regobs.instrument.redaction import redacted_uri
from regobs.instrument.request import declared

if TYPE_CHECKING:
    from regobs.instrument.wsgi import App, Environ, StartResponse

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
        answer = _Answer(line, lambda: headers + read.size, self._write, start_response)
        token = correlation_id.set(identity)
        try:
            answer.body = self._app(environ, answer.start_response)
            answer.parts = iter(answer.body)
        except BaseException:
            answer.finish()
            raise
        finally:
            correlation_id.reset(token)
        return answer


class _Answer:
    """The body of an answer on its way to the server; its end writes the line, once."""

    def __init__(
        self,
        line: dict[str, Any],
        read: Callable[[], int],
        write: Callable[[str], object],
        start_response: StartResponse,
    ) -> None:
        self._line = line | {"status": 0, "content_type": ""}
        self._read = read
        self._write = write
        self._start_response = start_response
        self._written = 0
        self._done = False
        self._start = perf_counter()
        self.body: Iterable[bytes] = ()
        self.parts: Iterator[bytes] = iter(())

    def start_response(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        """What the application calls to send its header."""
        kinds = [value for name, value in headers if name.lower() == "content-type"]
        self._line["status"] = declared(status[:3])
        self._line["content_type"] = kinds[0] if kinds else ""
        self._line["ttfb_ms"] = self._passed()
        write = self._start_response(status, headers, *error)

        def counted(part: bytes) -> object:
            self._written += len(part)
            return write(part)

        return counted

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        token = correlation_id.set(self._line["correlation_id"])
        try:
            part = next(self.parts)
        except BaseException:  # its end, or that of the application
            self.finish()
            raise
        finally:
            correlation_id.reset(token)
        self._written += len(part)
        return part

    def close(self) -> None:
        """Close the application's body, and write the line if the end was not reached."""
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        finally:
            self.finish()

    def finish(self) -> None:
        """Write the line, once."""
        if self._done:
            return
        self._done = True
        line = self._line | {"duration_ms": self._passed(), "read_bytes": self._read(), "written_bytes": self._written}
        line |= {"level": "info", "msg": "access", "system": "http", "time": timestamp(time.time())}
        try:
            self._write(access_text(line))
        except Exception:
            import logging  # noqa: PLC0415 (only here)

            logging.getLogger("regobs.instrument").warning("an access log line was lost", exc_info=True)

    def _passed(self) -> int:
        return int((perf_counter() - self._start) * 1000)


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


def _uri(environ: Environ) -> str:
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}{'?' if query else ''}{query}"


def _headers(environ: Environ) -> dict[str, str]:
    sent = ((name, value) for name, value in environ.items() if name.startswith("HTTP_") and isinstance(value, str))
    found = {name[5:].replace("_", "-").lower(): value for name, value in sent}
    return found | {header: environ[name] for name, header in _BARE.items() if environ.get(name)}


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
        "uri": redacted_uri(_uri(environ)),
        "user_agent": headers.get("user-agent", ""),
    }
    if "cf-ray" in headers:
        fields["CF-RAY"] = headers["cf-ray"]
    return fields


def _wire_size(environ: Environ) -> int:
    """Bytes of the request line and the headers with their separators, as HTTP/1.1 sends them."""
    line = len(environ["REQUEST_METHOD"]) + len(_uri(environ)) + len("  HTTP/1.1\r\n")
    return line + sum(len(name) + len(value) + 4 for name, value in _headers(environ).items()) + 2

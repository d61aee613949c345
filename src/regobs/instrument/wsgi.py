"""WSGI: the middleware that counts requests, and the application that answers a scrape."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

from regobs.instrument.exposition import OPENMETRICS, TEXT, wants_openmetrics
from regobs.instrument.request import declared, failed, request_size
from regobs.instrument.routes import Routes
from regobs.instrument.scrapes import Scrapes

if TYPE_CHECKING:
    from regobs.instrument.instruments import Instruments

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]


class ObserveWSGI:
    """Wraps a WSGI application and counts each request that has a route of the registry; all others pass untouched.

    A request is finished when its body is sent or the server closes it. A client that leaves during the answer is
    counted with the status that was sent.
    """

    def __init__(self, app: App, instruments: Instruments, *, prefix: str = "") -> None:
        self._app = app
        self._observer = instruments.http
        self._word = Routes(instruments.flavor, prefix).word

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        # WSGI hands over the decoded bytes of a path as latin-1.
        route = self._word(path if path.isascii() else path.encode("latin-1", "replace").decode("utf-8", "replace"))
        if route is None:
            return self._app(environ, start_response)
        self._observer.begin(route)
        answer = _Answer(self._observer.finish, route, environ, start_response)
        try:
            answer.body = self._app(environ, answer.start_response)
            answer.parts = iter(answer.body)
        except BaseException as error:
            answer.finish(failed(error, answer.status, left=False))
            raise
        return answer


class _Answer:
    """The body of one answer on its way to the server. WSGI closes it exactly once, whatever happens."""

    __slots__ = (
        *("_done", "_environ", "_finish", "_header", "_route", "_start", "_start_response", "_written"),
        *("body", "parts", "status"),
    )

    def __init__(
        self, finish: Callable[..., None], route: str, environ: Environ, start_response: StartResponse
    ) -> None:
        self._finish = finish
        self._route = route
        self._environ = environ
        self._start_response = start_response
        self._written = 0
        self._header: float | None = None
        self._done = False
        self.status = 0
        self.body: Iterable[bytes] = ()
        self.parts: Iterator[bytes] = iter(())
        self._start = perf_counter()

    def start_response(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        """What the application calls to send its header."""
        self._header = perf_counter() - self._start
        self.status = declared(status[:3])
        write = self._start_response(status, headers, *error)

        def counted(part: bytes) -> object:
            self._written += len(part)
            return write(part)

        return counted

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        try:
            part = next(self.parts)
        except StopIteration:
            self.finish(self.status)
            raise
        except BaseException as error:
            self.finish(failed(error, self.status, left=False))
            raise
        self._written += len(part)
        return part

    def close(self) -> None:
        """Close the application's body and count the request if its end was not reached."""
        try:
            close = getattr(self.body, "close", None)
            if close is not None:
                close()
        finally:
            self.finish(self.status)

    def finish(self, code: int) -> None:
        """Count the request, once."""
        if self._done:
            return
        self._done = True
        environ = self._environ
        method = environ["REQUEST_METHOD"]
        path = environ.get("REQUEST_URI") or environ.get("RAW_URI")
        if not path:
            query = environ.get("QUERY_STRING", "")
            path = f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}{'?' if query else ''}{query}"
        size = request_size(len(method) + len(path), _headers(environ))
        seconds = perf_counter() - self._start
        self._finish(self._route, method, code, seconds, size, self._written, self._header)


def _headers(environ: Environ) -> Iterator[tuple[bytes, bytes]]:
    """The headers as ASGI would have them."""
    for name, value in environ.items():
        if name.startswith("HTTP_") and isinstance(value, str):
            yield name[5:].replace("_", "-").lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")
    for name, header in (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length")):
        if environ.get(name):
            yield header, environ[name].encode("latin-1", "replace")


class MetricsWSGI:
    """Answers every request with the exposition, in the format that the Accept header prefers, and counts it."""

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._scrapes = Scrapes(instruments)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one scrape."""
        openmetrics = wants_openmetrics(environ.get("HTTP_ACCEPT", ""))
        start_response("200 OK", [("Content-Type", OPENMETRICS if openmetrics else TEXT)])
        return self._answer(openmetrics=openmetrics)

    def _answer(self, *, openmetrics: bool) -> Iterator[bytes]:
        with self._scrapes.running():
            yield from self._instruments.slices(openmetrics=openmetrics)

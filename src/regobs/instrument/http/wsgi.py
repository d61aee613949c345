"""WSGI: the middleware that counts requests, and the application that answers a scrape."""

from __future__ import annotations

import select
import socket
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING, Any

from regobs.instrument.core.traces import read_traceparent
from regobs.instrument.http.request import PATIENCE, declared, file_size, outcome, request_size, sent_bytes
from regobs.instrument.http.routes import SENT_AWAY, Routes
from regobs.instrument.http.scrapes import PATH, ScrapeRequest, Scrapes, is_at

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments
    from regobs.instrument.http.web_config import WebConfig

Environ = dict[str, Any]
StartResponse = Callable[..., Callable[[bytes], object]]
App = Callable[[Environ, StartResponse], Iterable[bytes]]
Ended = Callable[["WsgiExchange"], None]

KEY = "regobs.answer"  # of the environ
_FILE_WRAPPER = "wsgi.file_wrapper"


class WsgiExchange:
    """The answer of one request on its way to the server, watched once for its metrics and its access line.

    The outermost of ObserveWSGI and LogWSGI makes it and leaves it in the environ; the other one adds what it does at
    the end. The end is that of the body, or when the server closes it; `code`, `seconds` and `written` are right then.
    """

    __slots__ = (
        *("_body", "_file_size", "_left", "_parts", "_sent", "_start", "_start_response"),
        *("code", "context", "done", "ended", "environ", "header_seconds", "headers", "seconds", "written"),
    )

    def __init__(self, environ: Environ, start_response: StartResponse, ended: Ended) -> None:
        self.environ = environ
        self._start_response = start_response
        self._sent = 0  # the status
        self._left = False  # the client, before the answer
        self._body: Iterable[bytes] = ()
        self._parts: Iterator[bytes] = iter(())
        self._file_size: int | None = None  # of a file that the server sends by itself
        self.ended = [ended]
        self.context: tuple[tuple[ContextVar[Any], Any], ...] = ()  # what is set while the application works
        self.done = False
        self.code = 0
        self.written = 0
        self.headers: list[tuple[str, str]] = []
        self.header_seconds: float | None = None
        self.seconds = 0.0
        environ[KEY] = self
        self._start = perf_counter()

    def of(self, app: App) -> Iterable[bytes]:
        """What the application gives, as the server is to have it: a file that the server sends by itself as it is."""
        try:
            self._body = body = app(self.environ, self.start_response)
            if self._is_sent_by_server(body):
                return body
            self._parts = iter(body)
        except BaseException as error:
            self._end(error)
            raise
        return self

    def start_response(self, status: str, headers: list[tuple[str, str]], *error: Any) -> Callable[[bytes], object]:
        """What the application calls to send its header."""
        self._look()
        self.header_seconds = perf_counter() - self._start
        self._sent = declared(status[:3])
        self.headers = headers
        write = self._start_response(status, headers, *error)

        def counted(part: bytes) -> object:
            self.written += len(part)
            return write(part)

        return counted

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        tokens = [(variable, variable.set(value)) for variable, value in self.context]
        try:
            part = next(self._parts)
        except StopIteration:
            self._finish(self._sent or outcome(0))
            raise
        except BaseException as error:
            self._end(error)
            raise
        finally:
            for variable, token in tokens:
                variable.reset(token)
        self.written += len(part)
        return part

    def close(self) -> None:
        """What the server calls: close the application's body; the request ends here if its body did not."""
        try:
            close = getattr(self._body, "close", None)
            if close is not None:
                close()
        finally:
            self._closed()

    def _closed(self) -> None:
        if not self._sent:
            self._look()
        self._finish(self._sent or outcome(0, left=self._left))

    def _is_sent_by_server(self, body: Any) -> bool:
        """Whether it is a file in the server's own wrapper, which it sends by `sendfile` unless it is wrapped again."""
        wrapper = self.environ.get(_FILE_WRAPPER)
        if not isinstance(wrapper, type) or not isinstance(body, wrapper):
            return False
        size = file_size(getattr(body, "filelike", None))
        close = getattr(body, "close", None)

        def closed() -> None:
            try:
                self._closed()
            finally:
                if close is not None:
                    close()

        try:
            body.close = closed  # type: ignore[attr-defined]
        except AttributeError:  # of a server that is not written in Python
            return False
        self._file_size = size
        return True

    def _look(self) -> None:
        """Find out whether the client has left when the answer took long. Only gunicorn shows its connection."""
        connection = self.environ.get("gunicorn.socket")
        if self._left or self._sent or connection is None or perf_counter() - self._start <= PATIENCE:
            return
        try:
            poll = select.poll()
            poll.register(connection, select.POLLIN)
            self._left = bool(poll.poll(0)) and connection.recv(1, socket.MSG_PEEK) == b""
        except ConnectionError:
            self._left = True
        except (OSError, ValueError):  # TLS
            pass

    def _end(self, error: BaseException) -> None:
        self._look()
        self._finish(outcome(self._sent, left=self._left, error=error))

    def header(self, name: str) -> str:
        """The first header of the answer with this name. Headers that are none are for the server to complain of."""
        with suppress(TypeError, ValueError, AttributeError):
            for given, value in self.headers:
                if given.lower() == name and isinstance(value, str):
                    return value
        return ""

    def _finish(self, code: int) -> None:
        if self.done:
            return
        self.done = True
        self.seconds = perf_counter() - self._start
        self.code = outcome(0, left=True) if self._left else code
        if self._file_size is not None:
            length = self.header("content-length")
            self.written += declared(length) if length else self._file_size
        self.written = sent_bytes(self.environ["REQUEST_METHOD"], self._sent, self.written)
        for ended in self.ended:
            ended(self)


class ObserveWSGI:
    """Wraps a WSGI application and counts each request that has a route of the registry; all others pass untouched.

    A request is finished when its body is sent or the server closes it. A client that leaves during the answer is
    counted with the status that was sent.
    """

    def __init__(self, app: App, instruments: Instruments, *, prefix: str = "") -> None:
        self._app = app
        self._observer = instruments.http
        self._routes = Routes(instruments.flavor, prefix)
        self._exemplars = instruments.trace is not None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        path = environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", "")
        if not path.isascii():  # WSGI hands over the decoded bytes of a path as latin-1
            path = path.encode("latin-1", "replace").decode("utf-8", "replace")
        ended = self._count
        route = self._routes.word(path)
        if route is None:
            route = self._routes.normalised(path)
            ended = self._count_normalised
        if route is None:
            return self._app(environ, start_response)
        self._observer.begin(route)
        answer = environ.get(KEY)
        if answer is None:
            return WsgiExchange(environ, start_response, partial(ended, route)).of(self._app)
        answer.ended.append(partial(ended, route))
        return self._app(environ, start_response)

    def _count(self, route: str, answer: WsgiExchange) -> None:
        environ = answer.environ
        method = environ["REQUEST_METHOD"]
        size = request_size(len(method) + len(uri(environ)), _headers(environ))
        seen = (route, method, answer.code, answer.seconds, size, answer.written, answer.header_seconds)
        self._observer.finish(*seen)
        if self._exemplars:
            trace = read_traceparent(environ.get("HTTP_TRACEPARENT", ""))
            if trace is not None and trace.sampled:
                self._observer.exemplify(trace.trace_id, *seen)

    def _count_normalised(self, route: str, answer: WsgiExchange) -> None:
        """A path that is not clean is counted if it was served, not if it was sent away."""
        if answer.code in SENT_AWAY:
            self._observer.drop(route)
        else:
            self._count(route, answer)


def uri(environ: Environ) -> str:
    """Path and query as the client sent them, or as near as the server tells."""
    raw = environ.get("REQUEST_URI") or environ.get("RAW_URI")
    if raw:
        return str(raw)
    query = environ.get("QUERY_STRING", "")
    return f"{environ.get('SCRIPT_NAME', '')}{environ.get('PATH_INFO', '')}{'?' if query else ''}{query}"


def _headers(environ: Environ) -> Iterator[tuple[bytes, bytes]]:
    """The headers as ASGI would have them."""
    for name, value in environ.items():
        if name.startswith("HTTP_") and isinstance(value, str):
            yield name[5:].replace("_", "-").lower().encode("latin-1", "replace"), value.encode("latin-1", "replace")
    for name, header in (("CONTENT_TYPE", b"content-type"), ("CONTENT_LENGTH", b"content-length")):
        value = environ.get(name)
        if value and isinstance(value, str):
            yield header, value.encode("latin-1", "replace")


class MetricsWSGI:
    """Answers GET and HEAD at `path`, and wherever it is mounted, with the exposition, and counts these scrapes.

    It speaks the format that the Accept header prefers, packs it with gzip for who accepts that, and shows the families
    that `name[]` names, else all. With `app`, everything else goes there; without, other paths are 404. `web` says who
    is let in.
    """

    def __init__(
        self, instruments: Instruments, app: App | None = None, *, path: str = PATH, web: WebConfig | None = None
    ) -> None:
        self._web = web
        self._instruments = instruments
        self._app = app
        self._path = path
        self._scrapes = Scrapes(instruments)

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Serve one request."""
        here = is_at(environ.get("PATH_INFO", ""), environ.get("SCRIPT_NAME", ""), self._path)
        if not here and self._app is not None:
            return self._app(environ, start_response)
        headers = (environ.get("HTTP_ACCEPT", ""), environ.get("HTTP_ACCEPT_ENCODING", ""))
        asked = ScrapeRequest(environ.get("REQUEST_METHOD", "GET"), environ.get("QUERY_STRING", ""), *headers)
        if not here:
            asked.status = 404
        if self._web is not None:
            admitted = self._web.status(environ.get("HTTP_AUTHORIZATION", ""))
            asked.status, asked.own_headers = (asked.status if admitted == 200 else admitted), self._web.headers
        if asked.status != 200:
            start_response(asked.reason, asked.headers())
            return [asked.refusal(self._path)]
        return self._answer(asked, start_response)

    def _answer(self, asked: ScrapeRequest, start_response: StartResponse) -> Iterator[bytes]:
        with self._scrapes.running():
            families = self._instruments.shown()
            start_response(asked.reason, asked.headers())
            if asked.sends_body:
                yield from asked.body(families)

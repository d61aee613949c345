"""ASGI: the middleware that counts requests, and the application that answers a scrape."""

from __future__ import annotations

from asyncio import sleep, to_thread
from typing import TYPE_CHECKING

from regobs.instrument.core.traces import trace_of
from regobs.instrument.http.exchange import KEY, App, Ended, Exchange, Message, Receive, Scope, Send
from regobs.instrument.http.request import PROTOCOL
from regobs.instrument.http.routes import SENT_AWAY, Routes
from regobs.instrument.http.scrapes import PATH, ScrapeRequest, Scrapes, is_at

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments
    from regobs.instrument.http.web_config import WebConfig

__all__ = ["App", "Message", "MetricsASGI", "ObserveASGI", "Receive", "Scope", "Send"]


class ObserveASGI:
    """Wraps an ASGI application and counts each request that has a route of the registry.

    Everything else (other paths, WebSocket, lifespan) passes untouched. Put it outermost, so that what other
    middlewares answer and raise is counted. `prefix` is the registry's `http.prefix`.
    """

    def __init__(self, app: App, instruments: Instruments, *, prefix: str = "") -> None:
        self._app = app
        self._observer = instruments.http
        self._begin, self._record = self._observer.begin, self._observer.record
        self._routes = Routes(instruments.flavor, prefix)
        self._known = self._routes.known
        self._exemplars = instruments.trace is not None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        route = self._known(scope["path"])
        ended: Ended = self._count
        if route is None:
            ended, route = self._look_up(scope["path"])
            if route is None:
                await self._app(scope, receive, send)
                return
        self._begin(route)
        exchange = scope.get(KEY)
        if exchange is None:
            exchange = Exchange(scope, receive, send, ended, route)
            try:
                await self._app(scope, exchange.receive, exchange.send)
            except BaseException as error:
                await exchange.raised(error)
                raise
            else:
                if not exchange.done:
                    await exchange.returned()
            finally:
                scope.pop(KEY, None)
        else:
            exchange.route = route
            exchange.then(ended)
            await self._app(scope, receive, send)

    def _look_up(self, path: str) -> tuple[Ended, str | None]:
        word = self._routes.word(path)
        return (self._count_normalised, self._routes.normalised(path)) if word is None else (self._count, word)

    def _count(self, exchange: Exchange) -> None:
        scope = exchange.scope
        method, query = scope["method"], scope.get("query_string")
        line = len(method) + len(scope.get("raw_path") or scope["path"].encode(errors="replace"))
        if query:
            line += len(query) + 1
        total, correction = exchange.header_sizes()
        size = line + PROTOCOL + total + correction
        self._record(
            exchange.route, method, exchange.code, exchange.seconds, size, exchange.written, exchange.header_seconds
        )
        if self._exemplars:
            self._exemplify(exchange, size)

    def _exemplify(self, exchange: Exchange, size: int) -> None:
        trace = trace_of(exchange.scope.get("headers", ()))
        if trace is not None and trace.sampled:
            self._observer.exemplify(
                *(trace.trace_id, exchange.route, exchange.scope["method"], exchange.code),
                *(exchange.seconds, size, exchange.written, exchange.header_seconds),
            )

    def _count_normalised(self, exchange: Exchange) -> None:
        """A path that is not clean is counted if it was served, not if it was sent away."""
        if exchange.code in SENT_AWAY:
            self._observer.drop(exchange.route)
        else:
            self._count(exchange)


class MetricsASGI:
    """Answers GET and HEAD at `path`, and wherever it is mounted, with the exposition, and counts these scrapes.

    It speaks the format that the Accept header prefers, packs it with gzip for who accepts that, and shows the families
    that `name[]` names, else all. It is sent in slices, and between two of them the event loop serves other requests.
    With `app`, everything else goes there; without, other paths are 404. `web` says who is let in.
    """

    def __init__(
        self, instruments: Instruments, app: App | None = None, *, path: str = PATH, web: WebConfig | None = None
    ) -> None:
        self._web = web
        self._instruments = instruments
        self._app = app
        self._path = path
        self._scrapes = Scrapes(instruments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        here = scope["type"] == "http" and self._is_here(scope)
        if not here and self._app is not None:
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            raise TypeError(f"this application answers http, not {scope['type']}")
        accept, encoding, authorization = (
            b",".join(value for name, value in scope["headers"] if name == wanted).decode("latin-1")
            for wanted in (b"accept", b"accept-encoding", b"authorization")
        )
        query = (scope.get("query_string") or b"").decode("latin-1")
        asked = ScrapeRequest(scope["method"], query, accept, encoding)
        if not here:
            asked.status = 404
        if self._web is not None:
            quick = self._web.quick_status(authorization)
            admitted = await to_thread(self._web.status, authorization) if quick is None else quick
            asked.status, asked.own_headers = (asked.status if admitted == 200 else admitted), self._web.headers
        if asked.status != 200:
            await _start(send, asked)
            await send({"type": "http.response.body", "body": asked.refusal(self._path)})
            return
        instruments = self._instruments
        with self._scrapes.running():
            # Reading what other processes have counted takes a while and waits for files: not on the event loop.
            families = await to_thread(instruments.shown) if instruments.shared else instruments.families()
            await _start(send, asked)
            for piece in asked.body(families) if asked.sends_body else ():
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await sleep(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    def _is_here(self, scope: Scope) -> bool:
        """Whether this path is ours. Some frameworks take the path of a mount off, others leave it."""
        path, script = scope["path"], scope.get("root_path", "")
        return is_at(path[len(script) :] if script and path.startswith(script) else path, script, self._path)


async def _start(send: Send, asked: ScrapeRequest) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in asked.headers()]
    await send({"type": "http.response.start", "status": asked.status, "headers": headers})

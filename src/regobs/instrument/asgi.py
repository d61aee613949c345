"""ASGI: the middleware that counts requests, and the application that answers a scrape."""

from __future__ import annotations

from asyncio import sleep, to_thread
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

from regobs.instrument.exposition import OPENMETRICS, TEXT, slices, wants_openmetrics
from regobs.instrument.request import CLIENT_CLOSED_REQUEST, failed, request_size
from regobs.instrument.routes import Routes
from regobs.instrument.scrapes import Scrapes

if TYPE_CHECKING:
    from regobs.instrument.instruments import Instruments

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class ObserveASGI:
    """Wraps an ASGI application and counts each request that has a route of the registry.

    Everything else (other paths, WebSocket, lifespan) passes untouched. Put it outermost, so that what other
    middlewares answer and raise is counted. `prefix` is the registry's `http.prefix`.
    """

    def __init__(self, app: App, instruments: Instruments, *, prefix: str = "") -> None:
        self._app = app
        self._begin = instruments.http.begin
        self._finish = instruments.http.finish
        self._word = Routes(instruments.flavor, prefix).word

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        route = self._word(scope["path"]) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        status = written = 0
        header_seconds: float | None = None
        left = False

        def observed_send(message: Message) -> Awaitable[None]:
            # No coroutine of its own: one frame less for each part of a body.
            nonlocal status, written, header_seconds
            kind = message["type"]
            if kind == "http.response.body":
                body = message.get("body")
                if body:
                    written += len(body)
            elif kind == "http.response.start":
                header_seconds = perf_counter() - start
                status = message["status"]
            elif kind == "http.response.pathsend":
                written += _file_size(message["path"])
            return send(message)

        async def observed_receive() -> Message:
            nonlocal left
            message = await receive()
            if message["type"] == "http.disconnect" and not status:
                left = True
            return message

        self._begin(route)
        start = perf_counter()
        code = 0
        try:
            await self._app(scope, observed_receive, observed_send)
            code = CLIENT_CLOSED_REQUEST if left else status
        except BaseException as error:
            code = failed(error, status, left=left)
            raise
        finally:
            method, query = scope["method"], scope.get("query_string")
            line = len(method) + len(scope.get("raw_path") or scope["path"].encode(errors="replace"))
            size = request_size(line + len(query) + 1 if query else line, scope.get("headers", ()))
            self._finish(route, method, code, perf_counter() - start, size, written, header_seconds)


def _file_size(path: str) -> int:
    """Bytes of a file that the server sends by itself; the server reports one that is not there."""
    try:
        return Path(path).stat().st_size
    except OSError:
        return 0


class MetricsASGI:
    """Answers every GET with the exposition, in the format that the Accept header prefers, and counts it.

    It is sent in slices, and between two of them the event loop serves other requests.
    """

    def __init__(self, instruments: Instruments) -> None:
        self._instruments = instruments
        self._scrapes = Scrapes(instruments)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 (ASGI's signature)
        """Serve one scrape."""
        if scope["type"] != "http":
            raise TypeError(f"this application answers http, not {scope['type']}")
        accept = b",".join(value for name, value in scope["headers"] if name == b"accept").decode("latin-1")
        openmetrics = wants_openmetrics(accept)
        content_type = (OPENMETRICS if openmetrics else TEXT).encode()
        instruments = self._instruments
        with self._scrapes.running():
            await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", content_type)]})
            # Reading what other processes have counted takes a while and waits for files: not on the event loop.
            families = await to_thread(instruments.shown) if instruments.shared else instruments.families()
            for piece in slices(families, openmetrics=openmetrics):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
                await sleep(0)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

"""One request of an ASGI application, watched once for its metrics and its access line: so they always agree.

The outermost of ObserveASGI and LogASGI makes it and leaves it in the scope; the other one adds what it does at the
end. The end is that of the answer: what an application does after its last part (background tasks) is not part of it.
Who makes it takes it out of the scope again, because each holds the other: memory would wait for the garbage collector.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from pathlib import Path
from time import perf_counter
from typing import Any

from regobs.instrument.http.request import CLIENT_CLOSED_REQUEST, PATIENCE, file_size, header_sizes, outcome, sent_bytes

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]
Ended = Callable[["Exchange"], None]

KEY = "regobs.exchange"  # of the scope
_NO_STATUS = -1
_HIGHEST = 9999
_MOST_BYTES = 2**62
_MOST_LOOKED_AT = 8  # messages of a request's body that are read ahead to find a disconnect behind them


class Exchange:
    """A request and its answer. `code`, `seconds` and `written` are right at the end, which `ended` is told once."""

    # Slots, all set at once: attributes that a class has for its instances cost three times as much to read.
    __slots__ = (
        *("_sizes", "sent_headers", "_ahead", "_broke", "_left", "_reading", "_receive", "_send", "_sent", "_trailers"),
        *(
            "code",
            "done",
            "ended",
            "header_seconds",
            "headers",
            "read",
            "route",
            "scope",
            "seconds",
            "start",
            "written",
        ),
    )

    def __init__(self, scope: Scope, receive: Receive, send: Send, ended: Ended, route: str = "") -> None:
        self.scope = scope
        self._receive = receive
        self._send = send
        self.ended = ended  # what is told of the end; see `then`
        self.route = route  # for ObserveASGI
        self._sent: Any = 0  # the status
        self._left = self._broke = False  # the client, before the answer; the connection, during the answer
        self._reading = self._trailers = self.done = False
        self._ahead: list[Message] | None = None
        self.code: Any = 0
        self.read = 0  # bytes of the request's body that the application has read
        self.written = 0
        self.headers: Any = ()  # of the answer
        self.sent_headers: Headers | None = None  # those of the request, where LogASGI has added to the scope's
        self._sizes: tuple[int, int] | None = None
        self.header_seconds: float | None = None
        self.seconds = 0.0
        scope[KEY] = self
        self.start = perf_counter()

    def then(self, further: Ended) -> None:
        """Tell this the end too, after those who are told so far."""
        first = self.ended

        def both(exchange: Exchange) -> None:
            first(exchange)
            further(exchange)

        self.ended = both

    async def raised(self, error: BaseException) -> None:
        """The application has raised this."""
        if not self.done:
            if isinstance(error, Exception):
                await self._look()
            self._end(outcome(self._sent, left=self._left, broke=self._broke, error=error))

    async def returned(self) -> None:
        """The application has returned before the end of its answer."""
        await self._look()
        self._end(outcome(self._sent, left=self._left, broke=self._broke))

    def send(self, message: Message) -> Awaitable[None]:
        """What the application calls. No coroutine but for the last part: one frame less for each part of a body."""
        kind = message["type"]
        if kind == "http.response.body":
            body = message.get("body")
            if body:
                self.written += len(body)
            if message.get("more_body") or self._trailers:
                return self._send(message)
            return self._last(message)
        if kind == "http.response.start":
            self.header_seconds = passed = perf_counter() - self.start
            if passed > PATIENCE and not self._sent:
                return self._begin_late(message, passed)
            self._begun(message)
            return self._send(message)
        return self._other(message, kind)

    def header_sizes(self) -> tuple[int, int]:
        """Those of the headers of the request, as they came over the wire."""
        sizes = self._sizes
        if sizes is None:
            headers = self.sent_headers
            sizes = self._sizes = header_sizes(self.scope.get("headers", ()) if headers is None else headers)
        return sizes

    def header(self, name: bytes) -> bytes:
        """The last header of the answer with this name. Headers that are none are for the server to complain of."""
        found = b""
        try:
            for given, value in self.headers:
                if given.lower() == name and isinstance(value, bytes):
                    found = value
        except (TypeError, ValueError, AttributeError):
            pass
        return found

    def _other(self, message: Message, kind: str) -> Awaitable[None]:
        if kind == "http.response.pathsend":
            with suppress(OSError):  # the server reports a file that is not there
                self.written += Path(message["path"]).stat().st_size
            return self._last(message)
        if kind == "http.response.zerocopysend":
            count = message.get("count")
            self.written += (
                file_size(message.get("file"), message.get("offset"))
                if count is None
                else min(max(0, int(count)), _MOST_BYTES)
            )
            return self._send(message) if message.get("more_body") or self._trailers else self._last(message)
        if kind == "http.response.trailers" and not message.get("more_trailers"):
            return self._last(message)
        return self._send(message)

    async def receive(self) -> Message:
        """What the application calls."""
        if self._ahead:
            message = self._ahead.pop(0)
        else:
            self._reading = True
            try:
                message = await self._receive()
            finally:
                self._reading = False
        if message["type"] == "http.disconnect":
            self._gone()
        else:
            self.read += len(message.get("body", b""))
        return message

    async def _begin_late(self, message: Message, passed: float) -> None:
        await self._look()
        self.header_seconds = passed
        self._begun(message)
        await self._send(message)

    def _begun(self, message: Message) -> None:
        status = message.get("status", 0)
        self._sent = status if type(status) is int and 0 <= status <= _HIGHEST else _whole(status)
        self.headers = message.get("headers", ())
        if "trailers" in message:
            self._trailers = bool(message["trailers"])

    async def _last(self, message: Message) -> None:
        await self._send(message)
        self._end(CLIENT_CLOSED_REQUEST if self._left else self._sent)

    def _end(self, code: int) -> None:
        if self.done:
            return
        self.done = True
        self.seconds = perf_counter() - self.start
        self.code = code
        if self.written and (self._sent != 200 or self.scope["method"] == "HEAD"):
            self.written = sent_bytes(self.scope["method"], self._sent, self.written)
        self.ended(self)

    def _gone(self) -> None:
        if self._sent:
            self._broke = True
        else:
            self._left = True

    async def _look(self) -> None:
        """Find out whether the client has left when the handler does not read: a disconnect is what comes next.

        Not where the handler reads at this moment, where asking would invite a body (Expect), nor outside asyncio.
        """
        if self._left or self._broke or self._reading or perf_counter() - self.start <= PATIENCE:
            return
        if any(name == b"expect" for name, _ in self.scope.get("headers", ())):
            return
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            return
        self._ahead = ahead = self._ahead or []
        while len(ahead) < _MOST_LOOKED_AT:
            task = asyncio.ensure_future(self._receive())
            await asyncio.wait({task}, timeout=0)
            if not task.done():
                task.cancel()
                await asyncio.wait({task})
            if task.cancelled() or task.exception() is not None:
                return
            message = task.result()
            ahead.append(message)
            if message["type"] == "http.disconnect":
                self._gone()
                return


def _whole(status: object) -> int:
    """A status of another type, such as http.HTTPStatus, as an int; -1 for what is none, of which servers complain."""
    try:
        whole: int = int(status)  # type: ignore[call-overload]
        known = whole == status and 0 <= whole <= _HIGHEST
    except Exception:  # noqa: BLE001 (whatever a type of others raises)
        return _NO_STATUS
    return whole if known else _NO_STATUS

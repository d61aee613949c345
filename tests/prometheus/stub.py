"""A stand-in for servers that answer wrongly: each path gives one fixed answer, and what was asked is kept."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.stub_server import StubHandler, StubServer


@dataclass(frozen=True)
class Reply:
    """One answer. `delay` is in seconds. The connection is closed after an answer with a Content-Length of its own."""

    status: int = 200
    body: str = ""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0


@dataclass(frozen=True)
class Request:
    """One request as it came."""

    method: str
    path: str
    params: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: str = ""
    query: Mapping[str, list[str]] = field(default_factory=dict)


def success(data: Any, **more: Any) -> Reply:
    """A successful answer of the API."""
    return Reply(body=json.dumps({"status": "success", "data": data, **more}))


def failure(status: int, kind: str, error: str) -> Reply:
    """An error as the API states it."""
    return Reply(status, json.dumps({"status": "error", "errorType": kind, "error": error}))


def vector(*values: tuple[Mapping[str, str], str]) -> Reply:
    """An instant vector."""
    result = [{"metric": dict(labels), "value": [1_700_000_000.5, value]} for labels, value in values]
    return success({"resultType": "vector", "result": result})


NOT_FOUND = Reply(404, "404 page not found\n", "text/plain")


class Stub(StubServer):
    """The server: `replies` by path without query, or by (method, path); one may be made of the request."""

    def __init__(
        self,
        replies: Mapping[Any, Reply | Callable[[Request], Reply]],
        default: Reply | Callable[[Request], Reply] = NOT_FOUND,
    ) -> None:
        self.requests: list[Request] = []
        self.ahead = 0.0  # seconds by which its clock is ahead of ours, as the header Date says
        outer = self

        class Handler(StubHandler):
            protocol_version = "HTTP/1.1"

            def _handle(self) -> None:
                parts = urlsplit(self.path)
                length = int(self.headers.get("Content-Length") or 0)
                body = self.rfile.read(length).decode()
                params = parse_qs(body or parts.query, keep_blank_values=True)
                query = parse_qs(parts.query, keep_blank_values=True)
                request = Request(self.command, parts.path, params, dict(self.headers), body, query)
                outer.requests.append(request)
                found = replies.get((self.command, parts.path)) or replies.get(parts.path, default)
                reply = found if isinstance(found, Reply) else found(request)
                time.sleep(reply.delay)
                self.close_connection = "Content-Length" in reply.headers  # more is announced than comes
                with contextlib.suppress(ConnectionError):  # the client of a delayed answer has gone
                    self.answer(reply.status, reply.body.encode(), reply.content_type, reply.headers)

            def date_time_string(self, timestamp: float | None = None) -> str:
                return super().date_time_string(time.time() + outer.ahead if timestamp is None else timestamp)

            def do_GET(self) -> None:
                self._handle()

            def do_POST(self) -> None:
                self._handle()

            def do_PATCH(self) -> None:
                self._handle()

            def do_DELETE(self) -> None:
                self._handle()

        super().__init__(Handler)

"""What is sent past the application's own parts, and what is asked of a connection whose handler takes long."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper

import pytest

from regobs.catalog import http
from regobs.instrument import Instruments, LogASGI, LogWSGI, ObserveASGI, ObserveWSGI
from regobs.instrument.http.asgi import App, Message, Receive, Scope, Send
from regobs.testing import LogLines, sample
from tests.instrument.test_asgi import scope, serve
from tests.instrument.test_wsgi import environ
from tests.instrument.test_wsgi import serve as wsgi_serve
from tests.instrument.test_wsgi_log import request

START = {"type": "http.response.start", "status": 200, "headers": []}
ORDERS: list[Callable[[App, Instruments, LogLines], App]] = [
    lambda app, instruments, lines: ObserveASGI(LogASGI(app, lines), instruments),
    lambda app, instruments, lines: LogASGI(ObserveASGI(app, instruments), lines),
]


def sending(*messages: Message) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return app


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("part", ["path", "file", "descriptor", "position", "part of a file", "count", "two parts"])
def test_bytes_that_the_server_takes_from_a_file_are_counted_and_logged(
    part: str, order: Callable[[App, Instruments, LogLines], App], tmp_path: Path
) -> None:
    path = tmp_path / "blob"
    path.write_bytes(b"x" * 4000)
    with path.open("rb") as file:
        if part == "position":
            file.seek(1000)
        copied = {"type": "http.response.zerocopysend", "file": file}
        sent: dict[str, list[Message]] = {
            "path": [{"type": "http.response.pathsend", "path": str(path)}],
            "file": [copied],
            "descriptor": [{**copied, "file": file.fileno()}],
            "position": [copied],
            "part of a file": [{**copied, "offset": 500}],
            "count": [{**copied, "offset": 500, "count": 100}],
            "two parts": [{**copied, "count": 100, "more_body": True}, {**copied, "count": 50}],
        }
        expected = {"position": 3000, "part of a file": 3500, "count": 100, "two parts": 150}.get(part, 4000)
        instruments, lines = Instruments("gitlab", strict=True), LogLines()
        serve(order(sending(START, *sent[part]), instruments, lines), scope())
    assert sample(instruments, http.RESPONSE_SIZE, part="sum", code="200") == expected
    assert lines.only(msg="access")["written_bytes"] == expected


def test_an_answer_with_trailers_ends_with_them() -> None:
    instruments, lines = Instruments("gitlab", strict=True), LogLines()
    seen: list[int] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({**START, "trailers": True})
        await send({"type": "http.response.body", "body": b"x", "more_body": False})
        seen.append(len(lines))
        await send({"type": "http.response.trailers", "headers": [], "more_trailers": True})
        seen.append(len(lines))
        await send({"type": "http.response.trailers", "headers": []})
        seen.append(len(lines))

    serve(ObserveASGI(LogASGI(app, lines), instruments), scope())
    assert seen == [0, 0, 1]
    assert sample(instruments, http.REQUESTS, code="200") == 1


def slow(asked: list[Message], *, reads: bool) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.06)
        await send(START)
        while reads and (not asked or asked[-1].get("more_body")):
            asked.append(await receive())
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


PARTS: list[Message] = [
    {"type": "http.request", "body": b"a", "more_body": True},
    {"type": "http.request", "body": b"b", "more_body": False},
]


def test_a_body_that_is_read_ahead_to_find_a_disconnect_reaches_the_handler_whole() -> None:
    asked: list[Message] = []
    instruments, lines = Instruments("gitlab", strict=True), LogLines()
    serve(ObserveASGI(LogASGI(slow(asked, reads=True), lines), instruments), scope("PUT"), PARTS, leaves=False)
    assert asked == PARTS
    assert lines.only(msg="access")["status"] == 200
    without = LogLines()
    serve(LogASGI(slow([], reads=False), without), scope("PUT"), PARTS, leaves=False)
    assert lines[0]["read_bytes"] == without[0]["read_bytes"] + 2


def test_a_client_that_left_before_a_late_answer_counts_as_499_also_when_nobody_reads() -> None:
    instruments, lines = Instruments("gitlab", strict=True), LogLines()
    serve(ObserveASGI(LogASGI(slow([], reads=False), lines), instruments), scope(), leaves=True)
    assert sample(instruments, http.REQUESTS, code="499") == 1
    assert lines.only(msg="access")["status"] == 499


def test_a_body_that_waits_for_an_invitation_is_not_invited_by_looking() -> None:
    calls = 0

    async def receive() -> Message:
        nonlocal calls
        calls += 1
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        pass

    instruments = Instruments("gitlab", strict=True)
    asked = scope("PUT", headers=[(b"expect", b"100-continue")])
    asyncio.run(ObserveASGI(slow([], reads=False), instruments)(asked, receive, send))
    assert calls == 0
    assert sample(instruments, http.REQUESTS, code="200") == 1


def test_what_comes_up_while_it_is_looked_for_a_disconnect_is_not_lost() -> None:
    """A message that arrives later is given to the handler, in its order."""
    queue: asyncio.Queue[Message] = asyncio.Queue()
    seen: list[Message] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(0.06)
        await send(START)
        seen.extend([await receive(), await receive()])
        await send({"type": "http.response.body"})

    async def send(message: Message) -> None:
        if message is START or message["type"] == "http.response.start":
            for part in PARTS:
                queue.put_nowait(part)

    async def run() -> None:
        await ObserveASGI(app, Instruments("gitlab"))(scope("PUT"), queue.get, send)

    asyncio.run(run())
    assert seen == PARTS


@pytest.mark.parametrize("log_outside", [True, False])
@pytest.mark.parametrize("length", ["700", None])
def test_a_file_reaches_the_server_of_wsgi_as_it_is_so_that_it_can_use_sendfile(
    length: str | None, log_outside: bool, tmp_path: Path
) -> None:
    (tmp_path / "blob").write_bytes(b"x" * 1000)
    file = (tmp_path / "blob").open("rb")
    file.seek(300)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Length", length)] if length else [])
        return environ["wsgi.file_wrapper"](file)  # type: ignore[no-any-return]

    instruments, lines = Instruments("gitlab", strict=True), LogLines()
    both = (
        LogWSGI(ObserveWSGI(app, instruments), lines) if log_outside else ObserveWSGI(LogWSGI(app, lines), instruments)
    )
    environ = {**request(PATH_INFO="/v2/a/manifests/b"), "wsgi.file_wrapper": FileWrapper}
    body: Any = both(environ, lambda *_: bytes)
    assert isinstance(body, FileWrapper)
    assert os.fstat(body.filelike.fileno()).st_size == 1000
    assert not lines
    body.close()
    assert file.closed
    assert lines.only(msg="access")["written_bytes"] == 700
    assert sample(instruments, http.RESPONSE_SIZE, part="sum") == 700


def test_a_wrapper_of_a_server_that_is_not_written_in_python_is_read_part_by_part() -> None:
    class Sealed:
        __slots__ = ("parts",)

        def __init__(self, parts: list[bytes]) -> None:
            self.parts = iter(parts)

        def __iter__(self) -> Sealed:
            return self

        def __next__(self) -> bytes:
            return next(self.parts)

        def close(self) -> None:
            pass

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])
        return environ["wsgi.file_wrapper"]([b"x" * 10, b"y" * 5])  # type: ignore[no-any-return]

    instruments = Instruments("gitlab", strict=True)
    environ = {**request(PATH_INFO="/v2/a/manifests/b"), "wsgi.file_wrapper": Sealed}
    assert b"".join(ObserveWSGI(app, instruments)(environ, lambda *_: bytes)) == b"x" * 10 + b"y" * 5
    assert sample(instruments, http.RESPONSE_SIZE, part="sum") == 15


BROKEN_HEADERS = (None, [1], [("a",)], {"ab": "c"}, [(1, 2)], [(None, b"x")], [(b"content-type", None)])


@pytest.mark.parametrize("log_outside", [True, False])
@pytest.mark.parametrize("headers", BROKEN_HEADERS, ids=repr)
def test_headers_that_are_none_are_left_to_the_server_and_lose_no_count_and_no_line(
    headers: Any, log_outside: bool
) -> None:
    for serve_one in (served_by_asgi, served_by_wsgi):
        instruments, lines = Instruments("gitlab"), list[str]()
        serve_one(headers, instruments, lines, log_outside=log_outside)
        assert sample(instruments, http.REQUESTS, code="200") == 1
        assert sample(instruments, http.IN_FLIGHT) == 0
        (line,) = map(json.loads, lines)
        assert (line["status"], line["content_type"], line["written_bytes"]) == (200, "", 5)


def served_by_asgi(headers: Any, instruments: Instruments, lines: list[str], *, log_outside: bool) -> None:
    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b"x" * 5})

    outside = LogASGI(ObserveASGI(app, instruments), lines.append)
    serve(outside if log_outside else ObserveASGI(LogASGI(app, lines.append), instruments), scope())


def served_by_wsgi(headers: Any, instruments: Instruments, lines: list[str], *, log_outside: bool) -> None:
    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", headers)
        return [b"x" * 5]

    outside = LogWSGI(ObserveWSGI(app, instruments), lines.append)
    wsgi_serve(outside if log_outside else ObserveWSGI(LogWSGI(app, lines.append), instruments), environ())

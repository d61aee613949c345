from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from regobs.catalog import http
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments, MetricsASGI, ObserveASGI
from regobs.instrument.http.asgi import Message, Receive, Scope, Send

BLOB = "/v2/a/b/blobs/sha256:" + "a" * 64
UPLOAD = "/v2/a/blobs/uploads/1-2-3"
App = Callable[[Scope, Receive, Send], Awaitable[None]]


def scope(method: str = "GET", path: str = BLOB, **more: Any) -> dict[str, Any]:
    return {
        "type": "http",
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": [(b"host", b"localhost:5000"), (b"accept", b"*/*")],
        "http_version": "1.1",
        "scheme": "http",
        "root_path": "",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "asgi": {"version": "3.0"},
        **more,
    }


def serve(
    app: App, one: dict[str, Any], incoming: list[Message] | None = None, *, leaves: bool | None = None
) -> list[Message]:
    """Serve one request. After the given messages comes a disconnect if the client leaves; after none it stays."""
    if leaves is None:
        leaves = incoming is not None
    waiting = list(incoming if incoming is not None else [{"type": "http.request", "body": b"", "more_body": False}])
    sent: list[Message] = []

    async def receive() -> Message:
        if not waiting and not leaves:
            await asyncio.Event().wait()
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Message) -> None:
        sent.append(message)

    async def run() -> None:
        await app(one, receive, send)

    asyncio.run(run())
    return sent


def answer(status: int, *parts: bytes, before: float = 0.0) -> App:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.sleep(before)
        await send({"type": "http.response.start", "status": status, "headers": []})
        for part in parts:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    return app


class Counted:
    """An application behind the middleware and what was counted of it."""

    def __init__(self, app: App, flavor: Flavor = Flavor.GITLAB, **options: Any) -> None:
        self.instruments = Instruments(flavor, strict=True)
        self.app = ObserveASGI(app, self.instruments, **options)

    def values(self) -> dict[str, float]:
        """Every counted sample without its buckets."""
        return {
            f"{name.removeprefix('registry_http_')} {' '.join(labels.values())}".strip(): value
            for family in self.instruments.families()
            for name, labels, value in family.samples()
            if not name.endswith("_bucket")
        }

    def codes(self) -> dict[str, float]:
        rows = self.instruments.counter(http.REQUESTS).samples()
        return {f"{labels['code']} {labels['method']}": value for _, labels, value in rows}

    @property
    def in_flight(self) -> float:
        return sum(value for _, _, value in self.instruments.gauge(http.IN_FLIGHT).samples())


def test_a_request_is_counted_in_all_families() -> None:
    counted = Counted(answer(200, b"x" * 700, b"y" * 300, before=0.02))
    sent = serve(counted.app, scope())
    values = counted.values()
    of = "200 get /v2/{name}/blobs/{digest}"
    assert [message.get("body") for message in sent[1:]] == [b"x" * 700, b"y" * 300, b""]
    assert values[f"requests_total {of}"] == 1
    assert values[f"response_size_bytes_sum {of}"] == 1000
    # GET, the path, HTTP/1.1, the value of Host, and the whole of Accept: */*
    assert values[f"request_size_bytes_sum {of}"] == 3 + len(BLOB) + 8 + len("localhost:5000") + len("accept*/*")
    assert 0.02 <= values[f"time_to_write_header_seconds_sum {of}"] <= values[f"request_duration_seconds_sum {of}"] < 1
    assert counted.in_flight == 0


def test_the_declared_length_of_a_body_and_the_query_are_part_of_the_request_size() -> None:
    counted = Counted(answer(202))
    headers = [(b"host", b"h"), (b"content-length", b"5000"), (b"transfer-encoding", b"chunked")]
    serve(counted.app, scope("PATCH", UPLOAD, headers=headers, query_string=b"_state=x"))
    of = "202 patch /v2/{name}/blobs/uploads/{uuid}"
    size = len("PATCH") + len(UPLOAD) + len("?_state=x") + 8 + 1 + len("content-length5000") + 5000
    assert counted.values()[f"request_size_bytes_sum {of}"] == size


@pytest.mark.parametrize("length", [b"many", b"-3", b""])
def test_a_length_that_is_none_counts_as_nothing(length: bytes) -> None:
    counted = Counted(answer(400))
    serve(counted.app, scope("PUT", UPLOAD, headers=[(b"content-length", length)]))
    size = len("PUT") + len(UPLOAD) + 8 + len("content-length") + len(length)
    assert counted.values()["request_size_bytes_sum 400 put /v2/{name}/blobs/uploads/{uuid}"] == size


def test_distribution_counts_by_handler() -> None:
    counted = Counted(answer(307), Flavor.DISTRIBUTION)
    serve(counted.app, scope("HEAD"))
    values = counted.values()
    assert values["requests_total 307 blob head"] == 1
    assert values["request_duration_seconds_count blob head"] == 1
    assert values["response_size_bytes_count blob"] == 1
    assert values["in_flight_requests blob_upload"] == 0
    assert not [name for name in values if "time_to_write_header" in name]


@pytest.mark.parametrize("path", ["/", "/metrics", "/v2", "/v2/a/nope", "/gitlab/v1"])
def test_a_path_without_a_route_passes_untouched(path: str) -> None:
    seen: list[tuple[Receive, Send]] = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((receive, send))

    async def receive() -> Message:
        return {}

    async def send(message: Message) -> None:
        pass

    counted = Counted(app)
    asyncio.run(counted.app(scope(path=path), receive, send))
    assert seen == [(receive, send)]
    assert counted.codes() == {}


@pytest.mark.parametrize("kind", ["websocket", "lifespan"])
def test_what_is_no_http_passes_untouched(kind: str) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    counted = Counted(app)
    serve(counted.app, {"type": kind, "path": BLOB})
    assert seen == [kind]
    assert counted.codes() == {}


def test_a_prefix_is_taken_off() -> None:
    counted = Counted(answer(200), prefix="/registry")
    serve(counted.app, scope(path=f"/registry{BLOB}"))
    serve(counted.app, scope())
    assert counted.codes() == {"200 get": 1}


def test_an_exception_counts_as_500_and_goes_on() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    counted = Counted(app)
    with pytest.raises(ZeroDivisionError):
        serve(counted.app, scope())
    assert counted.codes() == {"500 get": 1}
    assert counted.in_flight == 0


def test_a_file_that_the_application_misses_is_its_fault() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise FileNotFoundError

    counted = Counted(app)
    with pytest.raises(FileNotFoundError):
        serve(counted.app, scope())
    assert counted.codes() == {"500 get": 1}


def test_a_client_that_leaves_during_its_upload_counts_as_499() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass
        await answer(400)(scope, receive, send)

    counted = Counted(app)
    serve(counted.app, scope("PATCH", UPLOAD), [{"type": "http.request", "body": b"x", "more_body": True}])
    assert counted.codes() == {"499 patch": 1}


def test_a_client_that_leaves_counts_as_499_whatever_a_framework_answers_to_nobody() -> None:
    async def upload(request: Request) -> Response:
        return Response(await request.body(), 201)

    counted = Counted(Starlette(routes=[Route("/v2/{name:path}/blobs/uploads/{uuid}", upload, methods=["PATCH"])]))
    with pytest.raises(ClientDisconnect):  # Starlette answers with 500 and goes on raising
        serve(counted.app, scope("PATCH", UPLOAD), [{"type": "http.request", "body": b"x", "more_body": True}])
    assert counted.codes() == {"499 patch": 1}


@pytest.mark.parametrize("error", [ConnectionResetError, asyncio.CancelledError])
def test_a_connection_that_breaks_before_the_answer_counts_as_499(error: type[BaseException]) -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise error

    counted = Counted(app)
    with pytest.raises(error):
        serve(counted.app, scope())
    assert counted.codes() == {"499 get": 1}
    assert counted.in_flight == 0


def test_a_connection_that_breaks_during_the_answer_counts_with_the_status_that_was_sent() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 206, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 10, "more_body": True})
        raise ConnectionResetError

    counted = Counted(app)
    with pytest.raises(ConnectionResetError):
        serve(counted.app, scope())
    assert counted.codes() == {"206 get": 1}
    assert counted.values()["response_size_bytes_sum 206 get /v2/{name}/blobs/{digest}"] == 10


def test_a_disconnect_that_is_read_after_the_answer_changes_nothing() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await answer(200)(scope, receive, send)
        assert (await receive())["type"] == "http.disconnect"

    counted = Counted(app)
    serve(counted.app, scope(), [])
    assert counted.codes() == {"200 get": 1}


def test_a_request_in_its_handler_is_in_flight() -> None:
    during = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        during.append(counted.in_flight)

    counted = Counted(app)
    serve(counted.app, scope())
    assert (during, counted.in_flight) == ([1], 0)


def test_an_application_without_an_answer_counts_as_the_500_that_the_server_sends() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        pass

    counted = Counted(app)
    serve(counted.app, scope())
    assert counted.codes() == {"500 get": 1}


def test_a_file_sent_by_the_server_counts_with_its_size(tmp_path: Any) -> None:
    file = tmp_path / "blob"
    file.write_bytes(b"x" * 4321)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.pathsend", "path": str(file)})

    counted = Counted(app)
    serve(counted.app, scope())
    assert counted.values()["response_size_bytes_sum 200 get /v2/{name}/blobs/{digest}"] == 4321


def test_a_streaming_starlette_application_is_counted_to_its_last_byte() -> None:
    async def blob(request: Request) -> Response:
        async def parts() -> Any:
            for _ in range(50):
                yield b"z" * 100

        return StreamingResponse(parts())

    counted = Counted(Starlette(routes=[Route("/v2/{name:path}/blobs/{digest}", blob)]))
    serve(counted.app, scope(), leaves=False)
    assert counted.values()["response_size_bytes_sum 200 get /v2/{name}/blobs/{digest}"] == 5000


@pytest.mark.parametrize(
    ("accept", "kind"), [(b"", b"text/plain"), (b"application/openmetrics-text", b"application/openm")]
)
def test_a_scrape_is_answered_in_the_format_that_is_asked_for(accept: bytes, kind: bytes) -> None:
    instruments = Instruments(Flavor.GITLAB)
    _ = instruments.http
    app = MetricsASGI(instruments)
    before = instruments.render(openmetrics=bool(accept))
    sent = serve(app, scope(path="/metrics", headers=[(b"accept", accept)]))
    assert sent[0]["headers"][0][1].startswith(kind)
    body = b"".join(message["body"] for message in sent[1:])
    assert body == before.replace(b"requests_in_flight 0\n# HELP promhttp", b"requests_in_flight 1\n# HELP promhttp")


def test_a_scrape_lets_other_tasks_run_between_its_slices() -> None:
    instruments = Instruments(Flavor.GITLAB, ceiling=10_000)
    requests = instruments.histogram(http.DURATION)
    requests.zero(route=[*http.ROUTE.words][:8], method=http.METHODS, code=[*range(200, 240)])
    assert len(requests.children()) > 3_000
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            start = time.thread_time()
            await asyncio.sleep(0)
            longest = max(longest, time.thread_time() - start)

    async def send(message: Message) -> None:
        pass

    async def receive() -> Message:
        return {}

    async def both() -> None:
        watcher = asyncio.create_task(watch())
        await asyncio.sleep(0)
        await MetricsASGI(instruments)(scope(path="/metrics"), receive, send)
        watcher.cancel()

    instruments.render()
    asyncio.run(both())
    assert 0 < longest < 0.010

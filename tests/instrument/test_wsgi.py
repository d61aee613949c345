from __future__ import annotations

import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer
from wsgiref.validate import validator

import pytest

from regobs.catalog import http
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments, MetricsWSGI, ObserveWSGI

BLOB = "/v2/a/b/blobs/sha256:" + "a" * 64
App = Callable[[dict[str, Any], Any], Iterable[bytes]]


def environ(method: str = "GET", path: str = BLOB, **more: Any) -> dict[str, Any]:
    return {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "h:1", "QUERY_STRING": "", **more}


def answer(status: str, *parts: bytes) -> App:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response(status, [("Content-Type", "text/plain")])
        return list(parts)

    return app


def serve(app: App, one: dict[str, Any]) -> bytes:
    answer = app(one, lambda status, headers, *error: lambda part: None)
    try:
        return b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()


class Counted:
    def __init__(self, app: App, flavor: Flavor = Flavor.GITLAB) -> None:
        self.instruments = Instruments(flavor, strict=True)
        self.app = ObserveWSGI(app, self.instruments)

    def value(self, name: str) -> float:
        rows = [row for family in self.instruments.families() for row in family.samples()]
        return sum(value for found, _, value in rows if found == f"registry_http_{name}")

    def codes(self) -> dict[str, float]:
        rows = self.instruments.counter(http.REQUESTS).samples()
        return {f"{labels['code']} {labels['method']} {labels['route']}": value for _, labels, value in rows}


def test_a_request_is_counted_in_all_families() -> None:
    counted = Counted(answer("200 OK", b"x" * 60, b"y" * 40))
    more = {"CONTENT_LENGTH": "50", "HTTP_USER_AGENT": "me", "QUERY_STRING": "a=1"}
    assert serve(counted.app, environ("PUT", "/v2/a/manifests/latest", **more)) == b"x" * 60 + b"y" * 40
    assert counted.codes() == {"200 put /v2/{name}/manifests/{reference}": 1}
    assert counted.value("response_size_bytes_sum") == 100
    line = len("PUT") + len("/v2/a/manifests/latest") + len("?a=1") + len("HTTP/1.1")
    assert (
        counted.value("request_size_bytes_sum")
        == line + len("h:1") + len("user-agentme") + len("content-length50") + 50
    )
    assert counted.value("time_to_write_header_seconds_count") == 1
    assert counted.value("in_flight_requests") == 0


def test_a_request_is_in_flight_until_its_body_is_sent() -> None:
    counted = Counted(answer("200 OK", b"x", b"y"))
    body = counted.app(environ(), lambda *header: lambda part: None)
    parts = iter(body)
    assert (next(parts), counted.value("in_flight_requests"), counted.codes()) == (b"x", 1, {})
    assert list(parts) == [b"y"]
    assert counted.value("in_flight_requests") == 0
    body.close()  # type: ignore[attr-defined]
    assert counted.codes() == {"200 get /v2/{name}/blobs/{digest}": 1}


def test_a_client_that_leaves_during_the_answer_is_counted_with_the_status_that_was_sent() -> None:
    closed = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        try:
            yield from (b"x", b"y")
        finally:
            closed.append(True)

    counted = Counted(app)
    body = counted.app(environ(), lambda *header: lambda part: None)
    assert next(iter(body)) == b"x"
    body.close()  # type: ignore[attr-defined]
    assert closed == [True]
    assert counted.codes() == {"200 get /v2/{name}/blobs/{digest}": 1}
    assert counted.value("response_size_bytes_sum") == 1


@pytest.mark.parametrize(("error", "code"), [(ValueError, 500), (BrokenPipeError, 499)])
def test_an_application_that_raises_is_counted_and_its_exception_goes_on(error: type[Exception], code: int) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        raise error

    def late(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        raise error
        yield b""

    for raising in (app, late):
        counted = Counted(raising)
        with pytest.raises(error):
            serve(counted.app, environ())
        assert counted.codes() == {f"{code} get /v2/{{name}}/blobs/{{digest}}": 1}
        assert counted.value("in_flight_requests") == 0


def test_what_is_written_the_old_way_is_counted() -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"written")
        return [b"!"]

    counted = Counted(app)
    serve(counted.app, environ())
    assert counted.value("response_size_bytes_sum") == len(b"written!")


def test_a_path_without_a_route_passes_untouched() -> None:
    body = [b"x"]
    counted = Counted(lambda environ, start_response: body)
    assert counted.app(environ(path="/"), None) is body  # type: ignore[arg-type]
    assert counted.codes() == {}


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
        pass


@pytest.fixture
def server() -> Iterator[tuple[WSGIServer, Instruments]]:
    instruments = Instruments(Flavor.DISTRIBUTION, strict=True)
    app = ObserveWSGI(validator(answer("404 Not Found", b"gone")), instruments)
    metrics = validator(MetricsWSGI(instruments))

    def both(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        return (metrics if environ["PATH_INFO"] == "/metrics" else app)(environ, start_response)

    with WSGIServer(("127.0.0.1", 0), Quiet) as wsgi:
        wsgi.set_app(validator(both))
        thread = threading.Thread(target=wsgi.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield wsgi, instruments
        wsgi.shutdown()
        thread.join()


def test_it_keeps_the_wsgi_rules_on_a_real_server(server: tuple[WSGIServer, Instruments]) -> None:
    wsgi, instruments = server
    url = f"http://127.0.0.1:{wsgi.server_port}"
    for _ in range(3):
        with pytest.raises(urllib.error.HTTPError, match="404") as missing:
            urllib.request.urlopen(url + BLOB, timeout=10)  # noqa: S310
        missing.value.close()
    with urllib.request.urlopen(f"{url}/metrics", timeout=10) as scrape:  # noqa: S310
        text = scrape.read().decode()
        assert scrape.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert 'registry_http_requests_total{code="404",handler="blob",method="get"} 3\n' in text
    assert 'registry_http_response_size_bytes_sum{handler="blob"} 12\n' in text
    running = "promhttp_metric_handler_requests_in_flight 1\n"  # the scrape itself, counted at its end
    assert running in text
    after = instruments.render().decode().replace('_requests_total{code="200"} 1', '_requests_total{code="200"} 0')
    assert text.replace(running, running.replace("1", "0")) == after

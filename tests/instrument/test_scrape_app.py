"""The applications that answer a scrape: what Prometheus, curl and a wrong address get, over ASGI and over WSGI."""

from __future__ import annotations

import asyncio
import gzip
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount, Route

from regobs.catalog import gc, http, scrape
from regobs.instrument import Instruments, MetricsASGI, MetricsWSGI
from regobs.instrument.core.exposition import OPENMETRICS, TEXT, TEXT_1, negotiated
from regobs.testing import sample
from tests.instrument.test_asgi import answer, serve
from tests.instrument.test_asgi import scope as asgi_scope

PROMETHEUS_3 = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;"
    "version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes


Ask = Callable[..., Answer]


def by_asgi(instruments: Instruments, app: Any = None) -> Ask:
    def ask(method: str = "GET", path: str = "/metrics", query: str = "", root: str = "", **headers: str) -> Answer:
        sent_headers = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        one = asgi_scope(method, root + path, query_string=query.encode(), root_path=root, headers=sent_headers)
        sent = serve(MetricsASGI(instruments, app), one)
        shown = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return Answer(sent[0]["status"], shown, b"".join(message.get("body", b"") for message in sent[1:]))

    return ask


def by_wsgi(instruments: Instruments, app: Any = None) -> Ask:
    def ask(method: str = "GET", path: str = "/metrics", query: str = "", root: str = "", **headers: str) -> Answer:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "SCRIPT_NAME": root, "QUERY_STRING": query}
        environ |= {f"HTTP_{name.upper()}": value for name, value in headers.items()}
        seen: list[Any] = []
        body = b"".join(MetricsWSGI(instruments, app)(environ, lambda *given: seen.append(given)))  # type: ignore[arg-type]
        status, shown = seen[0]
        return Answer(int(status[:3]), {name.lower(): value for name, value in shown}, body)

    return ask


@pytest.fixture
def counted() -> Instruments:
    instruments = Instruments("gitlab", strict=True)
    instruments.counter(gc.BYTES).child(media_type="m").inc(7)
    instruments.http.finish("blob", "GET", 200, 0.1, 1, 1, 0.1)
    return instruments


@pytest.fixture(params=[by_asgi, by_wsgi])
def ask(request: pytest.FixtureRequest, counted: Instruments) -> Ask:
    made: Ask = request.param(counted)
    return made


@pytest.mark.parametrize("encoding", ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "GZIP", "*"])
def test_a_scrape_is_packed_for_who_accepts_gzip(encoding: str, ask: Ask) -> None:
    plain, packed = ask(accept=PROMETHEUS_3), ask(accept=PROMETHEUS_3, accept_encoding=encoding)
    assert packed.headers["content-encoding"] == "gzip"
    text = gzip.decompress(packed.body)
    assert text.replace(b'code="200"} 1', b'code="200"} 0').endswith(plain.body[-100:])
    assert len(packed.body) < len(text) / 3
    assert text.endswith(b"# EOF\n")


@pytest.mark.parametrize("encoding", ["", "identity", "gzip;q=0", "gzip; q=0.0", "br", "notgzip"])
def test_a_scrape_is_plain_for_everybody_else(encoding: str, ask: Ask) -> None:
    plain = ask(accept_encoding=encoding)
    assert "content-encoding" not in plain.headers
    assert plain.body.startswith(b"# HELP")


def test_only_the_families_that_are_named_are_shown(ask: Ask, counted: Instruments) -> None:
    both = ask(query=f"name[]={gc.BYTES}&name%5B%5D=registry_http_request_duration_seconds_count&other=1").body.decode()
    shown = {line.split()[2] for line in both.splitlines() if line.startswith("# TYPE")}
    assert shown == {gc.BYTES.name, http.DURATION.name}
    assert ask(query="name[]=no_such_metric").body == b""
    assert ask(query="&".join(["a=b"] * 2000)).status == 400


def test_head_has_the_header_alone(ask: Ask) -> None:
    found = ask("HEAD")
    assert (found.status, found.body, found.headers["content-type"]) == (200, b"", TEXT)


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
def test_other_methods_are_refused_and_counted_as_no_scrape(method: str, ask: Ask, counted: Instruments) -> None:
    found = ask(method)
    assert (found.status, found.headers["allow"]) == (405, "GET, HEAD")
    assert sample(counted, scrape.REQUESTS) == 0


@pytest.mark.parametrize("path", ["/", "/other", "/metrics/more", "/v2/", "/metricsx"])
def test_other_paths_are_not_found(path: str, ask: Ask) -> None:
    found = ask(path=path)
    assert found.status == 404
    assert b"/metrics" in found.body


@pytest.mark.parametrize(
    ("root", "path"), [("/metrics", ""), ("/prom", "/"), ("/prom", ""), ("/a", "/metrics"), ("", "/a/metrics")]
)
def test_it_answers_wherever_it_is_mounted(root: str, path: str, ask: Ask) -> None:
    assert ask(root=root, path=path).status == 200


def test_everything_else_goes_to_the_application_behind_it(counted: Instruments) -> None:
    ask = by_asgi(counted, answer(204))
    assert (ask().status, ask(path="/v2/").status) == (200, 204)

    def app(environ: Any, start_response: Any) -> Iterable[bytes]:
        start_response("204 No Content", [])
        return []

    ask = by_wsgi(counted, app)
    assert (ask().status, ask(path="/v2/").status) == (200, 204)


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
def test_what_is_no_http_reaches_the_application_behind_it(kind: str, counted: Instruments) -> None:
    seen: list[str] = []

    async def inner(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    serve(MetricsASGI(counted, inner), {"type": kind, "path": "/metrics"})
    assert seen == [kind]
    with pytest.raises(TypeError, match=kind):
        serve(MetricsASGI(counted), {"type": kind, "path": "/metrics"})


def test_starlette_serves_it_on_a_route_without_a_redirect(counted: Instruments) -> None:
    app = Starlette(routes=[Route("/metrics", MetricsASGI(counted)), Mount("/prom", MetricsASGI(counted))])
    for path in ("/metrics", "/prom/"):
        sent = serve(app, asgi_scope(path=path, app=None))
        assert sent[0]["status"] == 200


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        ("", TEXT),
        ("*/*", TEXT),
        ("text/html", TEXT),
        ("text/plain", TEXT),
        ("text/plain; version=0.0.4", TEXT),
        ("text/plain; version=1.0.0", TEXT_1),
        ('text/plain; version="1.0.0"; escaping=allow-utf-8', TEXT_1),
        ("text/plain;version=1.0.0;q=0.3,text/plain;version=0.0.4;q=0.4", TEXT),
        (PROMETHEUS_3, OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"', OPENMETRICS),
        ('application/openmetrics-text; version="1.0.0"; x="a,b;q=0"; q=0.5, text/plain; q=0.4', OPENMETRICS),
        ('text/plain; x=", application/openmetrics-text"', TEXT),
        ('text/plain; x="\\", application/openmetrics-text', TEXT),
        ("application/openmetrics-text; version=0.0.1", TEXT),
        ("application/openmetrics-text; version=2.0.0", TEXT),
        ("application/openmetrics-text; q=0", TEXT),
        ("APPLICATION/OPENMETRICS-TEXT; Version=1.0.0", OPENMETRICS),
        ("text/plain;q=0.9,application/openmetrics-text;q=0.1", TEXT),
        ("application/vnd.google.protobuf;proto=x;q=0.7,text/plain;version=0.0.4;q=0.3", TEXT),
    ],
)
def test_the_format_is_the_one_that_is_preferred(accept: str, kind: str, ask: Ask) -> None:
    assert negotiated(accept) == kind
    assert ask(accept=accept).headers["content-type"] == kind


@pytest.mark.parametrize("part", ['"', ",", ";", '\\"', '"\\', "a=", ",;", '";', "text/plain;", 'x="a",'])
def test_a_hostile_header_takes_no_time(part: str) -> None:
    start = time.process_time()
    negotiated(part * 500_000)
    assert time.process_time() - start < 0.5


def test_a_scrape_of_an_event_loop_is_packed_in_slices(counted: Instruments) -> None:
    counted.histogram(http.DURATION).zero(route=[*http.ROUTE.words][:6], method=http.METHODS, code=[*range(200, 240)])
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    one = asgi_scope(path="/metrics", headers=[(b"accept-encoding", b"gzip")])
    asyncio.run(MetricsASGI(counted)(one, lambda: asyncio.sleep(0), send))  # type: ignore[arg-type, return-value]
    assert len(sent) > 10
    assert gzip.decompress(b"".join(message.get("body", b"") for message in sent)).count(b"\n") > 40_000

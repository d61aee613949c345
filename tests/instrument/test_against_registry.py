"""The same requests to a real docker-registry and to an application behind our middlewares are counted the same.

The application answers what the real registry answered, so that whatever differs is the counting.
"""

from __future__ import annotations

import http.client
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import pytest

from regobs.catalog.model import Flavor
from regobs.demo.servers import RegistryServer
from regobs.instrument import Instruments, ObserveASGI, ObserveWSGI
from tests.e2e.conftest import docker_registry, supervisor
from tests.instrument.test_asgi import answer as asgi_answer
from tests.instrument.test_asgi import scope as asgi_scope
from tests.instrument.test_asgi import serve as asgi_serve
from tests.instrument.test_routes import ASKED
from tests.instrument.test_wsgi import answer as wsgi_answer
from tests.instrument.test_wsgi import serve as wsgi_serve

__all__ = ["docker_registry", "supervisor"]  # fixtures

EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
# The fixture asks /v2/ until the server is ready, so `base` has counted more than our requests.
HANDLERS = ("tags", "catalog", "manifest", "blob", "blob_upload", "blob_upload_chunk")
FAMILIES = ("registry_http_requests_total", "registry_http_request_size_bytes", "registry_http_response_size_bytes")


@dataclass
class Exchange:
    method: str
    path: str
    query: str
    headers: dict[str, str]
    status: int
    body: bytes


def ask(server: RegistryServer, method: str, path: str, query: str = "", body: bytes | None = None) -> Exchange:
    connection = http.client.HTTPConnection(server.address, timeout=30)
    headers = {"Host": server.address, "User-Agent": "test", "Accept": "*/*"}
    if body is not None:
        headers["Content-Length"] = str(len(body))
    connection.putrequest(method, f"{path}?{query}" if query else path, skip_host=True, skip_accept_encoding=True)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders(body)
    response = connection.getresponse()
    exchange = Exchange(method, path, query, headers, response.status, response.read())
    connection.close()
    return exchange


def conversation(server: RegistryServer) -> list[Exchange]:
    """Every path of the router's test, every method, uploads with bodies."""
    said = [ask(server, "GET", path) for path in ASKED]
    methods = ("GET", "PUT", "POST", "DELETE", "PATCH", "OPTIONS", "TRACE", "get", "BREW", "PROPFIND")
    said += [ask(server, method, "/v2/a/tags/list") for method in methods]
    said.append(ask(server, "POST", "/v2/a/b/blobs/uploads/", f"digest={EMPTY}", b""))
    for size in (0, 10, 2_000, 70_000):
        said.append(ask(server, "PUT", "/v2/a/b/manifests/latest", body=b"{" * size))
        said.append(ask(server, "PATCH", "/v2/a/b/blobs/uploads/no-such-upload", "_state=x", b"x" * size))
    said.append(ask(server, "GET", "/v2/_catalog", "n=5&last=a"))
    return said


def behind_asgi(instruments: Instruments, exchange: Exchange) -> None:
    headers = [(name.lower().encode(), value.encode()) for name, value in exchange.headers.items()]
    query = exchange.query.encode()
    one = asgi_scope(exchange.method, exchange.path, query_string=query, headers=headers)
    asgi_serve(ObserveASGI(asgi_answer(exchange.status, exchange.body), instruments), one)


def behind_wsgi(instruments: Instruments, exchange: Exchange) -> None:
    headers = {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in exchange.headers.items()}
    length = headers.pop("HTTP_CONTENT_LENGTH", "")
    environ: dict[str, Any] = {"REQUEST_METHOD": exchange.method, "PATH_INFO": exchange.path, **headers}
    environ |= {"QUERY_STRING": exchange.query, "CONTENT_LENGTH": length}
    wsgi_serve(ObserveWSGI(wsgi_answer(f"{exchange.status} Said", exchange.body), instruments), environ)


def counted(lines: Iterable[str]) -> list[str]:
    """The counters, and every line of the histograms of sizes."""
    return [
        line
        for line in lines
        if line.startswith(FAMILIES) and any(f'handler="{handler}"' in line for handler in HANDLERS)
    ]


@pytest.mark.parametrize("behind", [behind_asgi, behind_wsgi])
def test_the_middlewares_count_line_by_line_what_a_real_registry_counts(
    docker_registry: RegistryServer,
    behind: Callable[[Instruments, Exchange], None],
) -> None:
    said = conversation(docker_registry)
    with urllib.request.urlopen(f"{docker_registry.debug_url}/metrics", timeout=30) as scrape:  # noqa: S310
        theirs = counted(scrape.read().decode().splitlines())
    instruments = Instruments(Flavor.DISTRIBUTION, strict=True)
    for exchange in said:
        behind(instruments, exchange)
    ours = counted(instruments.render().decode().splitlines())
    assert ours == theirs
    assert len(ours) > 100

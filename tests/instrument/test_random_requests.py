"""Requests of all kinds on real servers, broken ones too: in the end metric and access log say the same.

Methods, paths, versions, bodies and headers are chosen at random; some requests are cut, some clients leave early. What
is compared are sums, so nothing needs to be known of a single answer.
"""

from __future__ import annotations

import random
import socket
from collections import Counter
from collections.abc import Iterator
from urllib.parse import unquote, urlsplit

import pytest

from regobs.catalog.model import Flavor
from regobs.instrument.http.routes import SENT_AWAY, Routes
from tests.instrument.servers import Server, until
from tests.instrument.test_edges import BOTH, ONLY_ASGI, ONLY_WSGI, access_lines, server, sums

__all__ = ["server"]  # a fixture

REQUESTS = 300
SLOW = ("background", "late", "leaves")
EDGES = [name for name in (*BOTH, *ONLY_ASGI, *ONLY_WSGI, "other") if " " not in name and not name.startswith(SLOW)]
METHODS = ("GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS", "BREW", "get")
PATHS = (
    *["/v2/a/manifests/{}"] * 6,
    *("/v2/a/./manifests/{}", "/v2/g/../a/manifests/{}", "//v2/a/manifests/{}", "/x/{}", "/v2/A/manifests/{}"),
    *("/v2/a%2fb/manifests/{}", "/v2/a/manifests/{}?token=x&n=5", "/v2/\xe9/manifests/{}"),
)
VERSIONS = (*["HTTP/1.1"] * 6, "HTTP/1.0", "HTTP/2.0", "HTTP/1.9", "http/1.1")
HEADERS = (
    *("Host: x", "Host: x", "Expect: 100-continue", "Connection: close", "Connection: upgrade", "Upgrade: h2c"),
    *("X-Request-Id: " + "a" * 5_000, "User-Agent: " + "://" * 100 + "@", "User-Agent: \xe9", "no header", "X: \0\xff"),
    f"traceparent: 00-{'1' * 32}-{'2' * 16}-01",
)


def request(source: random.Random) -> bytes:
    """One request, mostly well-formed."""
    headers = ["Host: x", *source.sample(HEADERS, source.choice((0, 0, 1, 2)))]
    body, kind = b"", source.random()
    if kind < 0.25:
        body = b"y" * source.choice((0, 1, 100, 70_000))
        headers.append(f"Content-Length: {len(body) + source.choice((0, 0, 0, 5))}")
    elif kind < 0.4:
        sizes = [source.randrange(1, 50) for _ in range(3)]
        body = b"".join(b"%x\r\n%s\r\n" % (size, b"z" * size) for size in sizes)
        body += source.choice((b"0\r\n\r\n", b"0\r\n\r\n", b"", b"zz\r\n"))
        headers.append("Transfer-Encoding: chunked")
    path = source.choice(PATHS).format(source.choice(EDGES))
    head = "\r\n".join([f"{source.choice(METHODS)} {path} {source.choice(VERSIONS)}", *headers])
    return f"{head}\r\n\r\n".encode("latin-1") + body


def sent(server: Server, source: random.Random) -> None:
    """A connection with some requests at once; it may be cut, and the client may not wait for the answers."""
    address = urlsplit(server.address)
    data = b"".join(request(source) for _ in range(source.choice((1, 1, 1, 2, 3))))
    whole, patience, waits = source.random() > 0.15, source.choice((0.05, 0.3)), source.random() > 0.15
    try:
        with socket.create_connection((address.hostname, address.port or 0), timeout=10) as connection:
            connection.sendall(data if whole else data[: source.randrange(1, len(data))])
            connection.settimeout(patience)
            while waits and connection.recv(65_536):
                pass
    except OSError:  # the server closed it, or says nothing more
        pass


def with_a_route(server: Server) -> Iterator[tuple[str, int]]:
    """Status and bytes of each access line that the metrics count too."""
    routes = Routes(Flavor.GITLAB)
    for line in access_lines(server):
        path = unquote(line["uri"].partition("?")[0])
        if routes.word(path) or (routes.normalised(path) and line["status"] not in SENT_AWAY):
            yield str(line["status"]), line["written_bytes"]


@pytest.mark.long
def test_metric_and_access_log_agree_after_requests_of_all_kinds(server: Server) -> None:
    source = random.Random(10)  # noqa: S311 (the same each time)
    for _ in range(REQUESTS):
        sent(server, source)

    def agree() -> bool:
        logged, counted = list(with_a_route(server)), sums(server)
        codes = {code: count for code, count in counted["status"].items() if count}
        same = codes == Counter(code for code, _ in logged) and counted["written"] == sum(size for _, size in logged)
        return same and counted["in_flight"] == 0

    until(agree, "metric and access log agree")
    assert len(access_lines(server)) > REQUESTS / 4
    assert "was lost" not in server.said()

"""A scrape: what is asked for, how it is answered, and that it is counted as the Go client library's handler does."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from regobs.catalog import scrape
from regobs.instrument.core.exposition import OPENMETRICS, negotiated, slices
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.family import Family
    from regobs.instrument.core.instruments import Instruments

PATH = "/metrics"
CHALLENGE = ("WWW-Authenticate", "Basic")
_MOST_NAMES = 1000  # parameters of one scrape
_GZIP = 16 + zlib.MAX_WBITS
_FAST = 1  # level of compression: a fifth of the size at a fifth of the time of the default
_REFUSED = {
    400: "the query cannot be read\n",
    404: "not found: the metrics are at {path}\n",
    405: "only GET and HEAD\n",
    401: "a user is needed\n",
    500: "the web configuration is wrong\n",
}
_REASONS = {
    200: "200 OK",
    400: "400 Bad Request",
    401: "401 Unauthorized",
    404: "404 Not Found",
    405: "405 Method Not Allowed",
    500: "500 Internal Server Error",
}


class Scrapes:
    """Counts scrapes; every status is there from the start."""

    def __init__(self, instruments: Instruments) -> None:
        self._requests = Recorder(instruments, scrape.REQUESTS)
        self._in_flight = Recorder(instruments, scrape.IN_FLIGHT)
        if self._requests.family is not None:
            self._requests.family.zero()

    @contextmanager
    def running(self) -> Iterator[None]:
        """One scrape, which sees itself running and is counted at its end; one that breaks off counts as 500."""
        code = "500"
        self._in_flight.add(1)
        try:
            yield
            code = "200"
        finally:
            self._in_flight.add(-1)
            self._requests.add(1, code=code)


class ScrapeRequest:
    """One request of the scrape application: its status, the header of the answer, and the body when it is 200."""

    def __init__(self, method: str, query: str, accept: str, accept_encoding: str) -> None:
        self.status = 200 if method in {"GET", "HEAD"} else 405
        self.sends_body = method == "GET"
        self.own_headers: tuple[tuple[str, str], ...] = ()
        self._type = negotiated(accept)
        self._gzip = _accepts_gzip(accept_encoding)
        self._names = frozenset[str]()
        try:
            pairs = parse_qsl(query, max_num_fields=_MOST_NAMES) if query else ()
            self._names = frozenset(value for name, value in pairs if name == "name[]")
        except ValueError:
            self.status = 400

    @property
    def reason(self) -> str:
        """The status with its words."""
        return _REASONS[self.status]

    def refusal(self, path: str) -> bytes:
        """The body of an answer that is not 200."""
        return _REFUSED[self.status].format(path=path).encode() if self.sends_body or self.status == 405 else b""

    def headers(self) -> list[tuple[str, str]]:
        """The header of the answer."""
        if self.status != 200:
            further = {405: [("Allow", "GET, HEAD")], 401: [CHALLENGE]}.get(self.status, [])
            return [("Content-Type", "text/plain; charset=utf-8"), *further, *self.own_headers]
        encoding = [("Content-Encoding", "gzip")] if self._gzip else []
        return [("Content-Type", self._type), *encoding, ("Vary", "Accept, Accept-Encoding"), *self.own_headers]

    def body(self, families: Iterable[Family[Any]]) -> Iterator[bytes]:
        """The exposition in pieces between which an event loop can do other work."""
        if self._names:
            families = [family for family in families if not self._names.isdisjoint(_names(family))]
        pieces = slices(families, openmetrics=self._type == OPENMETRICS)
        if not self._gzip:
            yield from pieces
            return
        packer = zlib.compressobj(_FAST, wbits=_GZIP)
        for piece in pieces:
            yield packer.compress(piece)
        yield packer.flush()


def with_headers(start_response: Callable[..., Any], further: Iterable[tuple[str, str]]) -> Callable[..., Any]:
    """A `start_response` of WSGI that adds these to the header of the answer."""

    def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
        return start_response(status, [*headers, *further], *rest)

    return start


def is_at(path: str, script: str, wanted: str) -> bool:
    """Whether the path of a request is where the application answers; mounted below `script` it answers there too."""
    if path in {"", "/"}:
        return bool(script) or not path
    return path == wanted or path.rstrip("/").endswith(wanted)


def _names(family: Family[Any]) -> set[str]:
    """What a family and its samples are called."""
    name = family.name
    return {name, name.removesuffix("_total"), f"{name}_bucket", f"{name}_sum", f"{name}_count"}


def _accepts_gzip(accept: str) -> bool:
    for part in accept[:_MOST_NAMES].lower().split(","):
        coding, _, parameter = part.partition(";")
        if coding.strip() in {"gzip", "*"}:
            quality = parameter.replace(" ", "").removeprefix("q=")
            return not quality or quality.strip("0.") != ""
    return False

"""Pieces of long ranges that cannot change any more, kept on disk.

A piece is kept when it is a whole window, ended some time ago, lacks nothing, and its expression reads nothing that is
newer than its points. The key is all that the answer depends on: the server and this run of it, tenant, context, what
is said to Thanos, the stores behind it, expression, step, window. It holds no secret: an answer that a token opens is
kept under the name of the token's context, and not at all without one.
"""

from __future__ import annotations

import hashlib
import ipaddress
import os
import threading
import time
import zlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from regobs.common.files import beside
from regobs.errors import EndpointError, ServerError
from regobs.prometheus import Connection, Prometheus, Store
from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.promql.nodes import Expr, Selector, Subquery
from regobs.promql.walk import walk
from regobs.query.times import AskedRange
from regobs.secrets import is_secret_header

# Seconds. Samples of the last minutes still come in: late remote writes, rules that wait, out-of-order samples.
MARGIN = 3600.0
LIMIT = 256 * 1024 * 1024  # bytes of the folder
VARIABLE = "REGOBS_CACHE"
_KEPT = 0.8  # of the limit, after the oldest were removed
_FORM = b"regobs ranges 2\n"
_DIGEST = 32  # bytes of SHA-256


def cache_folder() -> Path:
    """The folder that REGOBS_CACHE names, else where the XDG Base Directory Specification has the user's caches."""
    own = os.environ.get(VARIABLE, "")
    return Path(own) if own else _of_the_user() / "ranges"


def names_folder() -> Path:
    """The folder of the names that completion keeps, in the one that REGOBS_CACHE names or among the user's caches."""
    own = os.environ.get(VARIABLE, "")
    return (Path(own) if own else _of_the_user()) / "names"


def _of_the_user() -> Path:
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "regobs"


def open_cache(server: Prometheus, expr: Expr | None, folder: Path | None = None) -> RangeCache | None:
    """What is kept of a server's answers to an expression; None when nothing of it can be kept."""
    if expr is None or looks_ahead(expr):
        return None
    try:
        stores = _stores(server)
        identity = _identity(server, stores)
    except ServerError:  # the query itself will say so
        return None
    if identity is None:
        return None

    def whole() -> bool:
        """Whether all stores that were there when we began still answer: Thanos leaves out one that does not."""
        return not stores or _healthy(_stores(server)) == _healthy(stores)

    return RangeCache(folder or cache_folder(), identity, whole)


def looks_ahead(expr: Expr) -> bool:
    """Whether a value depends on samples behind its own time: a negative offset, or `@`."""
    return any(
        isinstance(node, Selector | Subquery)
        and (node.at is not None or (node.offset is not None and (node.offset.ms < 0 or bool(node.offset.macro))))
        for node in walk(expr)
    )


def _identity(server: Prometheus, stores: Sequence[Store]) -> tuple[Any, ...] | None:
    """What tells this server and what we may see of it from every other; None when that cannot be told."""
    connection = server.connection
    if _opened(connection) and not connection.context:
        return None
    if len(_healthy(stores)) < len(stores):
        return None
    run = "" if stores else _started(server)
    if not stores and not run and _loopback(server.url):
        return None  # a forwarded port is another server tomorrow
    public = sorted((name, value) for name, value in connection.headers.items() if not is_secret_header(name))
    return server.url, connection.context, public, astuple(server.thanos), _healthy(stores), run


def _healthy(stores: Sequence[Store]) -> list[tuple[str, str]]:
    """Kind and address of the stores that answer."""
    return sorted((store.kind, store.address) for store in stores if not store.error)


def _opened(connection: Connection) -> bool:
    """Whether something secret decides what the server shows."""
    secret = any(is_secret_header(name) for name in connection.headers)
    return secret or connection.address.credentials is not None or connection.client_cert is not None


def _started(server: Prometheus) -> str:
    try:
        return server.started()
    except ServerError:  # not offered, or without this one value
        return ""


def _stores(server: Prometheus) -> tuple[Store, ...]:
    try:
        return server.stores()
    except EndpointError:
        return ()


def _loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


@dataclass(slots=True)
class RangeCache:
    """The kept pieces of one server. Whatever fails here, disk or file, only costs that a piece is asked again."""

    folder: Path
    identity: tuple[Any, ...]
    whole: Callable[[], bool] = lambda: True
    limit: int = LIMIT
    now: Callable[[], float] = time.time
    hits: int = 0
    _size: int | None = None
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def read(self, text: str, part: AskedRange) -> QueryAnswer | None:
        """The kept answer of a piece."""
        file, key = self._place(text, part)
        try:
            content = file.read_bytes()
        except OSError:
            return None
        answer = _decoded(content, key)
        with suppress(OSError):
            if answer is None:
                file.unlink()  # damaged
            else:
                os.utime(file)  # the longest unused go first
                self.hits += 1
        return answer

    def write(self, text: str, part: AskedRange, answer: QueryAnswer, most: int) -> None:
        """Keep the answer of a piece, if it is a window of `most` points that can be kept."""
        if not self._immutable(part, most) or answer.warnings or answer.partial or not self.whole():
            return
        file, key = self._place(text, part)
        content = _encoded(key, answer)
        with suppress(OSError), self._lock:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            with beside(file, 0o600) as new:
                new.write_bytes(content)
            self._make_room(len(content))

    def _immutable(self, part: AskedRange, most: int) -> bool:
        return part.points == most and is_window(part, most) and part.end / 1000 < self.now() - MARGIN

    def _place(self, text: str, part: AskedRange) -> tuple[Path, bytes]:
        key = msgspec.json.encode([*self.identity, text, part.start, part.end, part.step])
        return self.folder / f"{hashlib.sha256(key).hexdigest()}.range", key

    def _make_room(self, added: int) -> None:
        """Remove the pieces that were not used for the longest time, until the folder is well below its limit."""
        if self._size is not None and self._size + added <= self.limit:
            self._size += added
            return
        found = []
        for entry in os.scandir(self.folder):
            with suppress(OSError):
                state = entry.stat()
                if entry.is_file():  # the folder of names may stand here as well
                    found.append((state.st_mtime, state.st_size, entry.path))
        self._size = sum(size for _, size, _ in found)
        if self._size <= self.limit:
            return
        for _, size, path in sorted(found):
            if self._size <= self.limit * _KEPT:
                break
            with suppress(OSError):
                Path(path).unlink()
                self._size -= size


def is_window(part: AskedRange, most: int) -> bool:
    """Whether a piece begins where windows of so many points begin, whoever asks and when."""
    return part.start // part.step % most == 0


def _encoded(key: bytes, answer: QueryAnswer) -> bytes:
    """The answer behind a digest; times that series share are written once."""
    times: dict[tuple[float, ...], int] = {}
    series = []
    for one in answer.ranges:
        place = times.setdefault(tuple(time for time, _ in one.points), len(times))
        series.append((dict(one.labels), place, [value for _, value in one.points], one.histograms))
    packed = msgspec.msgpack.encode((key, list(times), series, answer.infos))
    return _FORM + hashlib.sha256(packed).digest() + zlib.compress(packed, 1)


def _decoded(content: bytes, key: bytes) -> QueryAnswer | None:
    """The answer, or None for a file that is damaged, of another form or of another key."""
    head = len(_FORM) + _DIGEST
    try:
        packed = zlib.decompress(content[head:])
    except zlib.error:
        return None
    if content[:head] != _FORM + hashlib.sha256(packed).digest():
        return None
    kept, times, series, infos = msgspec.msgpack.decode(packed)
    if kept != key:
        return None
    ranges = (
        RangeSeries(labels, tuple(zip(times[place], values, strict=True)), histograms)
        for labels, place, values, histograms in series
    )
    return QueryAnswer("matrix", ranges=tuple(ranges), infos=tuple(infos))

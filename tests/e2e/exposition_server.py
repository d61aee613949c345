"""Serves a stored exposition as a live target: with each scrape its counters and histograms have moved on."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Self

from regobs.catalog import METRICS

_SAMPLE = re.compile(r"(?P<name>[a-zA-Z_:][\w:]*)(?P<labels>\{.*\})? (?P<value>\S+)")
_SUFFIXES = ("_bucket", "_sum", "_count")
MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def advance(exposition: str, scrape: int) -> str:
    """The exposition at the nth scrape (from 1): whatever only grows is n times what it was, gauges are unchanged.

    Multiplying keeps a histogram whole: buckets stay cumulative and `_count` equals the `+Inf` bucket.
    """
    kinds: dict[str, str] = {}
    lines = []
    for line in exposition.splitlines():
        if line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            kinds[name] = kind
        found = None if line.startswith("#") else _SAMPLE.fullmatch(line)
        if found and _grows(found["name"], kinds):
            lines.append(f"{found['name']}{found['labels'] or ''} {float(found['value']) * scrape!r}")
        else:
            lines.append(line)
    return "\n".join(lines) + "\n"


def _grows(name: str, kinds: dict[str, str]) -> bool:
    if name in kinds:
        return kinds[name] == "counter" or (name in METRICS and METRICS[name].cumulative)
    family = next((name.removesuffix(suffix) for suffix in _SUFFIXES if name.endswith(suffix)), name)
    return kinds.get(family) in {"histogram", "summary"}


def read_exposition(path: Path) -> str:
    """The text of an exposition file, gzip or plain."""
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode()


class ExpositionServer:
    """The target. `change` may rewrite each answer; `scrapes` counts them. `port` 0 is a free one."""

    def __init__(self, exposition: str, change: Callable[[str], str] = lambda text: text, port: int = 0) -> None:
        self.scrapes = 0
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                found = self.path.partition("?")[0] == "/metrics"
                body = outer._answer(exposition, change) if found else b"404 page not found\n"
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", MEDIA_TYPE if found else "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def _answer(self, exposition: str, change: Callable[[str], str]) -> bytes:
        self.scrapes += 1
        return change(advance(exposition, self.scrapes)).encode()

    @property
    def address(self) -> str:
        """Host and port."""
        return f"127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

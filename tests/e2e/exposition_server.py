"""Serves a stored exposition as a live target: with each scrape its counters and histograms have moved on."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable
from pathlib import Path

from regobs.catalog import METRICS
from tests.stub_server import StubHandler, StubServer

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


class ExpositionServer(StubServer):
    """The target. `change` may rewrite each answer; `scrapes` counts them. `port` 0 is a free one."""

    def __init__(self, exposition: str, change: Callable[[str], str] = lambda text: text, port: int = 0) -> None:
        self.scrapes = 0
        outer = self

        class Handler(StubHandler):
            def do_GET(self) -> None:
                found = self.path.partition("?")[0] == "/metrics"
                body = outer._answer(exposition, change) if found else b"404 page not found\n"
                self.answer(200 if found else 404, body, MEDIA_TYPE if found else "text/plain")

        super().__init__(Handler, port)

    def _answer(self, exposition: str, change: Callable[[str], str]) -> bytes:
        self.scrapes += 1
        return change(advance(exposition, self.scrapes)).encode()

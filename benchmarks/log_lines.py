"""Access and application lines with their secrets masked, against a plain JSON formatter that masks nothing.

The rival writes the same fields with `json.dumps`, as most JSON formatters do. Both sides work in turns within one
process, on requests and records that differ, CPU time, the best of many rounds. Promises: an access line
costs less than 15 us and 4 times the rival's, an application line less than 4 times the rival's, and LogASGI and
ObserveASGI together add less than 30 us to a request. Exit code 1 when one is broken.

    python benchmarks/log_lines.py
"""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from regobs.instrument import Instruments, LogASGI, ObserveASGI
from regobs.instrument.app_log import RegistryFormatter
from regobs.instrument.http.access_log import _line, new_correlation_id, timestamp
from regobs.instrument.http.exchange import Exchange

LINE_US, REQUEST_US, TIMES = 15.0, 30.0, 4.0
CALLS, ROUNDS = 300, 60
AGENT = b"docker/24.0.7 go/go1.20.10 git-commit/311b9ff os/linux UpstreamClient(Docker-Client/24.0.7 \\(linux\\))"
HEADERS = [
    (b"host", b"registry.example.com"),
    (b"user-agent", AGENT),
    (b"accept", b"*/*"),
    (b"authorization", b"Bearer x"),
]
numbers = itertools.count()


def scope() -> dict[str, Any]:
    """A request for a blob that nobody asked for before."""
    path = f"/v2/group/app/blobs/sha256:{next(numbers):064x}"
    made: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
    }
    return made | {"client": ("10.0.0.1", 44276), "headers": HEADERS, "http_version": "1.1"}


def answered() -> Exchange:
    """A request of which the answer is out."""
    made = Exchange(scope(), receive, send, ended)
    made.headers, made.code, made.written = [(b"content-type", b"application/octet-stream")], 200, 5
    made.sent_headers, made.header_seconds, made.seconds = HEADERS, 0.001, 0.002
    return made


def line() -> str:
    """The line of LogASGI, its secrets masked."""
    return _line(new_correlation_id(), None, dict(HEADERS), answered())


def plain_line() -> str:
    """The rival: the same fields of the same request as they are, by `json.dumps`."""
    one = answered()
    asked, known = one.scope, {name.decode(): value.decode("latin-1") for name, value in HEADERS}
    (host, port), kinds = asked["client"], [value.decode() for name, value in one.headers if name == b"content-type"]
    said: dict[str, object] = {
        "host": known.get("host", ""),
        "method": asked["method"],
        "proto": f"HTTP/{asked['http_version']}",
        "referrer": known.get("referer", ""),
        "remote_addr": f"{host}:{port}",
        "remote_ip": known.get("x-forwarded-for", host),
        "uri": asked["raw_path"].decode("latin-1"),
        "user_agent": known.get("user-agent", ""),
    }
    said |= {"status": one.code, "correlation_id": new_correlation_id(), "content_type": kinds[0]}
    said |= {"ttfb_ms": int((one.header_seconds or 0) * 1000), "duration_ms": int(one.seconds * 1000)}
    said |= {"read_bytes": sum(len(name) + len(value) + 4 for name, value in HEADERS), "written_bytes": one.written}
    said |= {"level": "info", "msg": "access", "system": "http", "time": timestamp(time.time())}
    return json.dumps(said, sort_keys=True, ensure_ascii=False)


def ended(_: Exchange) -> None:
    """Nobody is told."""


async def receive() -> Any:
    """A body of nothing."""
    return {"type": "http.request", "body": b""}


async def send(message: Any) -> None:
    """To nobody."""


def record() -> logging.LogRecord:
    """A record as an application makes it."""
    extra = {
        "digest": f"sha256:{next(numbers):064x}",
        "duration_s": 0.2,
        "media_type": "application/json",
        "path": "a/b",
    }
    return logging.makeLogRecord({"name": "registry.gc", "levelname": "INFO", "msg": "blob deleted", **extra})


class Plain(logging.Formatter):
    """The rival: the fields of a record as JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line of a record."""
        said = {"time": record.created, "level": record.levelname, "msg": record.getMessage(), "component": record.name}
        extra = {name: vars(record)[name] for name in ("digest", "duration_s", "media_type", "path")}
        return json.dumps(said | extra)


def microseconds(*runs: Callable[[], object]) -> list[float]:
    """CPU time a call of each, in turns, the best round of each."""
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for place, run in enumerate(runs):
            start = time.process_time()
            for _ in range(CALLS):
                run()
            best[place] = min(best[place], (time.process_time() - start) / CALLS * 1e6)
    return best


def requests(*apps: Any) -> list[float]:
    """CPU time a request of each application."""

    async def served(app: Any) -> None:
        for _ in range(CALLS):
            await app(scope(), receive, send)

    return [each / CALLS for each in _each([partial(_served, served, app) for app in apps])]


def _served(served: Callable[[Any], Any], app: Any) -> None:
    asyncio.run(served(app))


def _each(runs: list[Callable[[], object]]) -> list[float]:
    best = [float("inf")] * len(runs)
    for _ in range(ROUNDS):
        for place, run in enumerate(runs):
            start = time.process_time()
            run()
            best[place] = min(best[place], (time.process_time() - start) * 1e6)
    return best


async def bare(scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG001 (an application takes them)
    """An application that answers at once."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": b"x"})


def main() -> int:
    """Run, print, judge."""
    formatter, plain = RegistryFormatter({"service": "registry", "version": "4.32.0"}), Plain()
    fetched, mine, rival = microseconds(answered, line, plain_line)
    made, ours, theirs = microseconds(record, lambda: formatter.format(record()), lambda: plain.format(record()))

    def nothing(_line: str) -> None:
        pass

    alone, logged, both = requests(
        bare, LogASGI(bare, nothing), ObserveASGI(LogASGI(bare, nothing), Instruments("gitlab"))
    )
    print(f"access line       {mine:6.1f} us, of which its request {fetched:.1f}; plain JSON {rival:.1f}")
    print(f"application line  {ours:6.1f} us, of which its record {made:.1f}; plain JSON {theirs:.1f}")
    added, with_log = both - alone, logged - alone
    print(f"request           {added:6.1f} us more with metrics and log, {with_log:.1f} with the log; bare {alone:.1f}")
    kept = mine < LINE_US and mine < TIMES * rival and ours < TIMES * theirs and both - alone < REQUEST_US
    print("kept" if kept else "broken")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

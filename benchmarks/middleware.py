"""What each middleware adds to a request, against prometheus-fastapi-instrumentator and starlette-exporter.

One Starlette application with the routes of a registry, once bare and once behind each middleware, all with their
default metrics. The ASGI application is called directly, so neither sockets nor a server count; bare and wrapped calls
alternate. Nothing waits, so time is CPU time. What is added is wrapped less bare, each in its quiet rounds: other
processes of the machine empty the caches of the CPU, which lengthens all of them; the quartiles over all rounds are
shown beside it. Promise: at least 5 times less than the better rival. Exit code 1 when it is broken.

    python benchmarks/middleware.py
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_fastapi_instrumentator import Instrumentator, metrics
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette_exporter import PrometheusMiddleware

from regobs.catalog.model import Flavor
from regobs.instrument import Instruments, ObserveASGI

PROMISE = 5.0
CALLS = 300
ROUNDS = 41
DIGEST = "sha256:" + "0a" * 32
Message = MutableMapping[str, Any]
App = Callable[[Any, Any, Any], Awaitable[None]]


async def manifest(request: Request) -> Response:  # noqa: ARG001 (a Starlette endpoint)
    return Response(b"{}" * 500, media_type="application/vnd.oci.image.manifest.v1+json")


async def blob(request: Request) -> Response:  # noqa: ARG001 (a Starlette endpoint)
    return Response(status_code=307, headers={"location": "https://storage.example/blob"})


def application() -> Starlette:
    return Starlette(
        routes=[
            Route("/v2/{name:path}/manifests/{reference}", manifest, methods=["GET", "HEAD", "PUT", "DELETE"]),
            Route("/v2/{name:path}/blobs/{digest}", blob, methods=["GET", "HEAD", "DELETE"]),
        ]
    )


def applications() -> dict[str, App]:
    instrumented = application()
    # its own default metrics, in a registry of their own
    registry = CollectorRegistry()
    Instrumentator(registry=registry).add(metrics.default(registry=registry)).instrument(instrumented)
    exporter = application()
    exporter.add_middleware(PrometheusMiddleware, app_name="registry", group_paths=True)
    return {
        "bare": application(),
        "prometheus-fastapi-instrumentator": instrumented,
        "starlette-exporter": exporter,
        "regobs": ObserveASGI(application(), Instruments(Flavor.GITLAB)),
    }


def scope(of: str) -> dict[str, Any]:
    headers = [
        (b"host", b"registry.example:5000"),
        (b"user-agent", b"docker/27.3.1 go/go1.22.7 kernel/6.8.0 os/linux arch/amd64"),
        (b"accept", b"application/vnd.oci.image.index.v1+json, application/vnd.oci.image.manifest.v1+json"),
        (b"authorization", b"Bearer " + b"x" * 600),
        (b"accept-encoding", b"gzip"),
        (b"connection", b"close"),
    ]
    return {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": of,
        "raw_path": of.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("10.0.0.7", 40100),
        "server": ("10.0.0.1", 5000),
    }


REPOSITORIES = [f"group{number % 7}/project/image{number}" for number in range(40)]


def path(number: int) -> str:
    """Tags and repositories come again, every fourth path is a digest that nobody has asked for before."""
    repository = REPOSITORIES[number % len(REPOSITORIES)]
    if number % 4 == 0:
        return f"/v2/{repository}/blobs/sha256:{number:064x}"
    return f"/v2/{repository}/manifests/{('latest', 'v1.2.3', DIGEST)[number % 3]}"


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    pass


async def timed(app: App, first: int = 0) -> float:
    """Microseconds a request. `first` is the number of the first request."""
    scopes = [scope(path(number)) for number in range(first, first + CALLS)]
    start = time.process_time()
    for one in scopes:
        await app(one, receive, send)
    return (time.process_time() - start) / CALLS * 1e6


async def measured() -> dict[str, list[float]]:
    apps = applications()
    times: dict[str, list[float]] = {name: [] for name in apps}
    for app in apps.values():
        await timed(app)
    for number in range(1, ROUNDS + 1):
        for name, app in apps.items():
            times[name].append(await timed(app, number * CALLS))
    return times


def quiet(values: list[float]) -> float:
    """The time of a quiet round: nine of ten took longer."""
    return statistics.quantiles(values, n=10)[0]


def main() -> int:
    times = asyncio.run(measured())
    bare = times.pop("bare")
    print(
        f"bare application: {quiet(bare):.1f} us a request; added by the middleware in quiet rounds [quartiles of all]:"
    )
    added = {}
    for name, values in times.items():
        extra = [value - plain for value, plain in zip(values, bare, strict=True)]
        quarters = statistics.quantiles(extra, n=4)
        added[name] = quiet(values) - quiet(bare)
        print(f"  {name:<36}{added[name]:8.2f} us  [{quarters[0]:.2f} .. {quarters[2]:.2f}]")
    ours = added.pop("regobs")
    for name, extra_time in added.items():
        print(f"  {name} adds {extra_time / ours:.1f} x what regobs adds")
    kept = min(added.values()) / ours >= PROMISE
    print(f"promise: at least {PROMISE:g} x less than the better of the two: {'kept' if kept else 'BROKEN'}")
    return 0 if kept else 1


if __name__ == "__main__":
    sys.exit(main())

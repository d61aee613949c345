"""Rendering 300 histogram children (about 4,500 lines) against prometheus_client's `generate_latest`.

The rival renders its own histograms that saw the same observations. Both results are parsed and must be equal: same
types, names, labels and values, with `le` compared as a number (the Go client writes 1, the Python client 1.0).
Promises: at least 5 times faster in both formats, first render included, and a scrape through MetricsASGI never keeps
an event loop from its other work for 10 ms, neither the first one of a process nor a later one. The time of the thread
is what counts there: what other processes of the machine take is not the scrape's.
Exit code 1 when one is broken.

    python benchmarks/exposition.py
"""

from __future__ import annotations

import asyncio
import random
import statistics
import sys
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Histogram, disable_created_metrics, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

from regobs.catalog import http
from regobs.catalog.model import Flavor
from regobs.instrument import Instruments, MetricsASGI
from regobs.instrument.http.asgi import Message

PROMISE = 5.0
LONGEST_HOLD = 0.010  # seconds
CHILDREN = 300
ROUNDS = 25
Parsed = dict[tuple[str, str, tuple[tuple[str, str], ...]], float]


def filled() -> tuple[CollectorRegistry, Instruments]:
    """A rival registry and our instruments after the same observations."""
    form = http.DURATION.form(Flavor.GITLAB)
    assert form is not None
    assert form.buckets is not None
    route = form.label("route")
    assert route is not None
    registry = CollectorRegistry()
    rival = Histogram(
        http.DURATION.name, http.DURATION.help, ("code", "method", "route"), buckets=form.buckets, registry=registry
    )
    instruments = Instruments(Flavor.GITLAB, ceiling=10 * CHILDREN)
    ours = instruments.histogram(http.DURATION)
    chance = random.Random(4)  # noqa: S311 (test data)
    triples = [
        (str(code), verb, path) for code in range(200, 210) for verb in http.METHODS for path in route.values or ()
    ]
    for code, method, path in triples[:CHILDREN]:
        theirs, mine = rival.labels(code, method, path), ours.child(code=code, method=method, route=path)
        for _ in range(20):
            seconds = chance.lognormvariate(-3, 2)
            theirs.observe(seconds)
            mine.observe(seconds)
    return registry, instruments


def parsed(text: str, *, openmetrics: bool) -> Parsed:
    families = parse_openmetrics(text) if openmetrics else parse_text(text)  # type: ignore[no-untyped-call]
    found: Parsed = {}
    for family in families:
        for sample in family.samples:
            labels = {name: repr(float(value)) if name == "le" else value for name, value in sample.labels.items()}
            found[family.type, sample.name, tuple(sorted(labels.items()))] = sample.value
    return found


def timed(render: Callable[[], bytes]) -> float:
    start = time.process_time()
    render()
    return (time.process_time() - start) * 1e3


def spread(values: list[float]) -> str:
    quarters = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):8.2f} ms  [{quarters[0]:.2f} .. {quarters[2]:.2f}]"


def compare(name: str, rival: Callable[[], bytes], instruments: Instruments, *, openmetrics: bool) -> bool:
    def render() -> bytes:
        return instruments.render(openmetrics=openmetrics)

    first = timed(render)
    theirs, mine = rival().decode(), render().decode()
    equal = parsed(theirs, openmetrics=openmetrics) == parsed(mine, openmetrics=openmetrics)
    times: dict[str, list[float]] = {"rival": [], "ours": []}
    for _ in range(ROUNDS):
        times["rival"].append(timed(rival))
        times["ours"].append(timed(render))
    ratio = statistics.median(times["rival"]) / statistics.median(times["ours"])
    print(f"{name}: {mine.count(chr(10))} lines, parsed results {'equal' if equal else 'DIFFERENT'}")
    print(f"  generate_latest      {spread(times['rival'])}   {ratio:5.1f} x ours")
    print(f"  Instruments.render   {spread(times['ours'])}   (very first render {first:.2f} ms)")
    return equal and ratio >= PROMISE and first * PROMISE <= statistics.median(times["rival"])


async def longest_hold(instruments: Instruments) -> float:
    """Seconds of this thread in the longest time between two turns of a task beside one scrape."""
    metrics, longest = MetricsASGI(instruments), 0.0

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(_: Message) -> None:
        pass

    scope = {"type": "http", "method": "GET", "path": "/metrics", "headers": [(b"accept", b"text/plain")]}
    scrape = asyncio.ensure_future(metrics(scope, receive, send))
    last = time.thread_time()
    while not scrape.done():
        await asyncio.sleep(0)
        now = time.thread_time()
        longest, last = max(longest, now - last), now
    scrape.result()
    return longest


def holds() -> tuple[list[float], list[float]]:
    """Milliseconds of the first scrapes of new instruments, and of their second ones."""
    first, later = [], []
    for _ in range(ROUNDS):
        _, instruments = filled()
        first.append(asyncio.run(longest_hold(instruments)) * 1e3)
        later.append(asyncio.run(longest_hold(instruments)) * 1e3)
    return first, later


def main() -> int:
    disable_created_metrics()  # type: ignore[no-untyped-call]
    registry, instruments = filled()

    def rival_openmetrics() -> bytes:
        rendered: bytes = generate_openmetrics(registry)  # type: ignore[no-untyped-call]
        return rendered

    kept = [
        compare("text 0.0.4", lambda: generate_latest(registry), instruments, openmetrics=False),
        compare("OpenMetrics 1.0", rival_openmetrics, instruments, openmetrics=True),
    ]
    for name, times in zip(("first scrape", "later scrapes"), holds(), strict=True):
        print(f"event loop held, {name}: {spread(times)}, longest {max(times):.2f} ms")
        kept.append(max(times) < LONGEST_HOLD * 1e3)
    verdict = "kept" if all(kept) else "BROKEN"
    print(f"promise: at least {PROMISE:g} x, equal, loop held below {LONGEST_HOLD * 1e3:g} ms: {verdict}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

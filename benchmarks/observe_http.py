"""One HTTP observation (counter, four histograms, in-flight gauge) against the same six updates on prometheus_client.

In flight goes up and down on both sides. The rival is written the way most code is: `labels(...)` at every update, once
with keywords and once with positional values. Both sides work on the same families, buckets and requests, in turns
within one process; after the run their sums must be equal. Promise: at least 5 times faster than either, with 1 and
with 8 threads. Exit code 1 when it is broken.

    python benchmarks/observe_http.py
"""

from __future__ import annotations

import statistics
import sys
import threading
import time
from collections.abc import Callable

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from regobs.catalog import http
from regobs.catalog.model import Flavor, Metric
from regobs.instrument import Instruments

PROMISE = 5.0
CALLS = 4_000
ROUNDS = 15
LABELS = ("code", "method", "route")
Row = tuple[str, str, int, float, int, int, float]
REQUESTS: list[Row] = [
    ("manifest", "get", 200, 0.012, 812, 1_893, 0.011),
    ("blob", "get", 200, 0.85, 790, 31_457_280, 0.02),
    ("blob", "head", 404, 0.003, 790, 0, 0.003),
    ("upload", "patch", 202, 2.4, 52_428_800, 0, 2.39),
    ("manifest", "put", 201, 0.094, 3_200, 0, 0.09),
]
Run = Callable[[int], None]


class Rival:
    """The six families on prometheus_client."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self.requests = Counter(http.REQUESTS.name, "requests", LABELS, registry=registry)
        self.in_flight = Gauge(http.IN_FLIGHT.name, "in flight", registry=registry)
        histograms = (http.DURATION, http.REQUEST_SIZE, http.RESPONSE_SIZE, http.TIME_TO_HEADER)
        made = [Histogram(m.name, m.help, LABELS, registry=registry, buckets=buckets(m)) for m in histograms]
        self.duration, self.request_size, self.response_size, self.header = made
        route = http.REQUESTS.forms[0].label("route")
        assert route is not None
        self.rows = [(route.words[row[0]], row[1], str(row[2]), *row[3:]) for row in REQUESTS]

    def keywords(self, calls: int) -> None:
        for _ in range(calls // len(self.rows)):
            for route, method, code, seconds, request_bytes, response_bytes, header in self.rows:
                self.in_flight.inc()
                self.in_flight.dec()
                self.requests.labels(code=code, method=method, route=route).inc()
                self.duration.labels(code=code, method=method, route=route).observe(seconds)
                self.request_size.labels(code=code, method=method, route=route).observe(request_bytes)
                self.response_size.labels(code=code, method=method, route=route).observe(response_bytes)
                self.header.labels(code=code, method=method, route=route).observe(header)

    def positional(self, calls: int) -> None:
        for _ in range(calls // len(self.rows)):
            for route, method, code, seconds, request_bytes, response_bytes, header in self.rows:
                self.in_flight.inc()
                self.in_flight.dec()
                self.requests.labels(code, method, route).inc()
                self.duration.labels(code, method, route).observe(seconds)
                self.request_size.labels(code, method, route).observe(request_bytes)
                self.response_size.labels(code, method, route).observe(response_bytes)
                self.header.labels(code, method, route).observe(header)

    def total(self) -> float:
        metrics = [self.requests, self.duration, self.request_size, self.response_size, self.header]
        return sum(
            sample.value
            for metric in metrics
            for family in metric.collect()
            for sample in family.samples
            if sample.name.endswith(("_total", "_count", "_sum"))
        )


class Ours:
    """The same through `Instruments.http`."""

    def __init__(self) -> None:
        self.instruments = Instruments(Flavor.GITLAB)
        self.observer = self.instruments.http

    def run(self, calls: int) -> None:
        begin, finish = self.observer.begin, self.observer.finish
        for _ in range(calls // len(REQUESTS)):
            for route, method, code, seconds, request_bytes, response_bytes, header in REQUESTS:
                begin(route)
                finish(route, method, code, seconds, request_bytes, response_bytes, header)

    def total(self) -> float:
        return sum(
            value
            for family in self.instruments.families()
            for name, _, value in family.samples()
            if name.endswith(("_total", "_count", "_sum"))
        )


def buckets(metric: Metric) -> tuple[float, ...]:
    form = metric.form(Flavor.GITLAB)
    assert form is not None
    assert form.buckets is not None
    return form.buckets


def timed(run: Run, threads: int) -> float:
    """Microseconds a call, all threads together doing CALLS calls."""
    ready = threading.Barrier(threads + 1)

    def work() -> None:
        ready.wait()
        run(CALLS // threads)

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    ready.wait()
    start = time.perf_counter()
    for worker in workers:
        worker.join()
    return (time.perf_counter() - start) / CALLS * 1e6


def spread(values: list[float]) -> str:
    quarters = statistics.quantiles(values, n=4)
    return f"{statistics.median(values):7.2f} us  [{quarters[0]:.2f} .. {quarters[2]:.2f}]"


def compare(threads: int) -> bool:
    rival, ours = Rival(), Ours()
    runs: dict[str, Run] = {"keyword": rival.keywords, "positional": rival.positional, "regobs": ours.run}
    times: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, run in runs.items():
            times[name].append(timed(run, threads))
    assert abs(rival.total() - 2 * ours.total()) <= 1e-9 * rival.total(), "the two sides counted differently"
    medians = {name: statistics.median(values) for name, values in times.items()}
    print(
        f"{threads} thread{'s' if threads > 1 else ''}: six updates a request, median and quartiles of {ROUNDS} rounds"
    )
    for name in ("keyword", "positional"):
        ratio = medians[name] / medians["regobs"]
        print(f"  prometheus_client labels(), {name:<10} {spread(times[name])}   {ratio:5.1f} x ours")
    print(f"  regobs.instrument                       {spread(times['regobs'])}")
    return min(medians["keyword"], medians["positional"]) / medians["regobs"] >= PROMISE


def main() -> int:
    kept = [compare(threads) for threads in (1, 8)]
    print(f"promise: at least {PROMISE:g} x with 1 and 8 threads: {'kept' if all(kept) else 'BROKEN'}")
    return 0 if all(kept) else 1


if __name__ == "__main__":
    sys.exit(main())

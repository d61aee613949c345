"""Eight workers that count together: regobs.instrument with a directory against prometheus_client's multiprocess mode.

Each worker counts the same requests (counter, four histograms, in-flight gauge; 144 label sets), first ours, then the
rival, then both are scraped by a ninth process. The sums of both scrapes must be equal. A worker is a process of its
own. Promises: one observation at least 5 times faster, one scrape at least 5 times faster. Exit code 1 when broken.

    python benchmarks/multiprocess.py
"""

from __future__ import annotations

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

from regobs.catalog import http
from regobs.catalog.model import Flavor, Metric
from regobs.instrument import Instruments

PROMISE = 5.0
WORKERS = 8
CALLS = 14_400
SCRAPES = 15
LABELS = ("code", "method", "route")
HISTOGRAMS = (http.DURATION, http.REQUEST_SIZE, http.RESPONSE_SIZE, http.TIME_TO_HEADER)
ROUTES = ("base", "catalog", "tags", "manifest", "blob", "upload_start", "upload", "v1_repository")
SETS = list(product(ROUTES, ("get", "head", "put"), (200, 201, 401, 404, 500, 503)))
Observe = Callable[[str, str, int], None]


def ours(directory: str) -> Observe:
    """Our side of a worker."""
    observer = Instruments(Flavor.GITLAB, directory=directory).http
    begin, finish = observer.begin, observer.finish

    def observe(route: str, method: str, code: int) -> None:
        begin(route)
        finish(route, method, code, 0.012, 812, 31_457_280, 0.011)

    return observe


def rival(directory: str) -> Observe:
    """The rival's side, written as most code is; which mode it is in depends on the environment at its import."""
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = directory
    from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram  # noqa: PLC0415 (see above)

    registry = CollectorRegistry()
    requests = Counter(http.REQUESTS.name, "requests", LABELS, registry=registry)
    in_flight = Gauge(http.IN_FLIGHT.name, "in flight", registry=registry, multiprocess_mode="livesum")
    made = [Histogram(m.name, "-", LABELS, registry=registry, buckets=buckets(m)) for m in HISTOGRAMS]
    duration, request_size, response_size, header = made
    words = http.ROUTE.words

    def observe(route: str, method: str, code: int) -> None:
        path, status = words[route], str(code)
        in_flight.inc()
        in_flight.dec()
        requests.labels(status, method, path).inc()
        duration.labels(status, method, path).observe(0.012)
        request_size.labels(status, method, path).observe(812)
        response_size.labels(status, method, path).observe(31_457_280)
        header.labels(status, method, path).observe(0.011)

    return observe


SIDES = {"ours": ours, "rival": rival}


def buckets(metric: Metric) -> tuple[float, ...]:
    """The edges of a histogram."""
    form = metric.form(Flavor.GITLAB)
    assert form is not None
    assert form.buckets is not None
    return form.buckets


def work(side: str, directory: str) -> None:
    """The life of a worker: count, say how long one request took, and stay until the input ends."""
    observe = SIDES[side](directory)
    for one in SETS:
        observe(*one)
    start = time.perf_counter()
    for _ in range(CALLS // len(SETS)):
        for one in SETS:
            observe(*one)
    print((time.perf_counter() - start) / CALLS * 1e6, flush=True)
    sys.stdin.read()


def scrape_ours(directory: str) -> Callable[[], bytes]:
    """A process that is asked and has counted nothing itself."""
    return Instruments(Flavor.GITLAB, directory=directory).render


def scrape_rival(directory: str) -> Callable[[], bytes]:
    """As its documentation has it: a registry and a collector a scrape."""
    from prometheus_client import CollectorRegistry, generate_latest  # noqa: PLC0415 (the workers are in another mode)
    from prometheus_client.multiprocess import MultiProcessCollector  # noqa: PLC0415

    def scrape() -> bytes:
        registry = CollectorRegistry()
        MultiProcessCollector(registry, path=directory)  # type: ignore[no-untyped-call]
        return generate_latest(registry)

    return scrape


def measure(side: str, scraper: Callable[[str], Callable[[], bytes]]) -> tuple[float, float, float, int]:
    """Microseconds of an observation, milliseconds of a scrape, the sum of all counts, bytes on disk."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder, "shared")
        directory.mkdir(mode=0o700)
        command = [sys.executable, __file__, side, str(directory)]
        workers, times = [], []
        for _ in range(WORKERS):  # one after the other: two cores would share their time otherwise
            worker = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            assert worker.stdout is not None
            workers.append(worker)
            times.append(float(worker.stdout.readline()))
        scrape = scraper(str(directory))
        rounds = []
        for _ in range(SCRAPES):
            start = time.perf_counter()
            text = scrape()
            rounds.append((time.perf_counter() - start) * 1e3)
        size = sum(path.stat().st_blocks * 512 for path in directory.iterdir())
        for worker in workers:
            worker.communicate()
    counts = re.findall(rb"^registry_http_(?:requests_total|.*_count)\{.*\} ([0-9.]+)$", text, re.MULTILINE)
    return statistics.median(times), statistics.median(rounds), sum(map(float, counts)), size


def main() -> int:
    """Print both comparisons; the exit code."""
    mine, theirs = measure("ours", scrape_ours), measure("rival", scrape_rival)
    assert mine[2] == theirs[2] == 5 * WORKERS * (CALLS // len(SETS) + 1) * len(SETS), (
        "the two sides counted differently"
    )
    print(f"{WORKERS} workers, {len(SETS)} label sets, median of {WORKERS} workers and of {SCRAPES} scrapes")
    print(f"  prometheus_client multiprocess   observation {theirs[0]:8.2f} us   scrape {theirs[1]:8.1f} ms")
    print(f"  regobs.instrument with directory observation {mine[0]:8.2f} us   scrape {mine[1]:8.1f} ms")
    print(f"  files on disk: {theirs[3] / 1e6:.1f} MB, ours {mine[3] / 1e6:.1f} MB")
    ratios = theirs[0] / mine[0], theirs[1] / mine[1]
    kept = min(ratios) >= PROMISE
    print(f"promise: at least {PROMISE:g} x; {ratios[0]:.1f} x and {ratios[1]:.1f} x: {'kept' if kept else 'BROKEN'}")
    return 0 if kept else 1


if __name__ == "__main__":
    if len(sys.argv) == 3:
        work(*sys.argv[1:])
    else:
        sys.exit(main())

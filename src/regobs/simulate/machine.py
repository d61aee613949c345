"""The process of a pod: CPU, memory, files, the Go runtime, the build, and the handler of its scrapes."""

from __future__ import annotations

from random import Random

from regobs.catalog import build_info, go_runtime, process, scrape
from regobs.catalog.model import Metric
from regobs.instrument import Instruments
from regobs.simulate.plan import Plan
from regobs.simulate.steps import TimeStep, Work

_MIB = 2**20
_CPU = 0.003  # seconds of a request
_ALLOCATED = 180_000  # bytes of a request
_MAX_FDS = 20_000
_PROCESSORS = 4
# Shares of the heap's size, or bytes where it is above 1.
_MEMORY = (
    (go_runtime.ALLOCATED, 0.55),
    (go_runtime.HEAP_ALLOCATED, 0.55),
    (go_runtime.HEAP_INUSE, 0.62),
    (go_runtime.HEAP_IDLE, 0.38),
    (go_runtime.HEAP_RELEASED, 0.2),
    (go_runtime.HEAP_SYSTEM, 1.0),
    (go_runtime.NEXT_GC, 0.9),
    (go_runtime.SYSTEM, 1.2),
    (go_runtime.GC_SYSTEM, 0.08),
    (go_runtime.STACK_INUSE, 3 * _MIB),
    (go_runtime.STACK_SYSTEM, 3 * _MIB),
    (go_runtime.MSPAN_INUSE, 900_000),
    (go_runtime.MSPAN_SYSTEM, 1_100_000),
    (go_runtime.MCACHE_INUSE, 4_800),
    (go_runtime.MCACHE_SYSTEM, 15_600),
    (go_runtime.BUCKET_HASH_SYSTEM, 1_570_000),
    (go_runtime.OTHER_SYSTEM, 1_200_000),
)


class Machine:
    """The process of one pod, started at a Unix time."""

    def __init__(self, plan: Plan, instruments: Instruments, rng: Random, start: float) -> None:
        self._plan = plan
        self._in = instruments
        self._rng = rng
        self._pauses: list[float] = []
        self._paused = 0.0
        self._cycles = 0
        for metric, value in (
            (process.START_TIME, start),
            (process.MAX_FDS, _MAX_FDS),
            (process.VIRTUAL_MEMORY_MAX, 2.0**64),
            (go_runtime.GOGC, 100),
            (go_runtime.MEMORY_LIMIT, 2.0**63),
            (go_runtime.MAX_PROCS, _PROCESSORS),
            (go_runtime.LOOKUPS, 0),
        ):
            if self._shown(metric) and metric.kind != "counter":
                instruments[metric].set(value)
        instruments.gauge(go_runtime.INFO).child(version="go1.25.1").set(1)
        if self._shown(build_info.BUILD):
            labels = {"built": "", "package": "registry", "revision": "", "version": f"v{plan.version}-gitlab"}
            instruments.gauge(build_info.BUILD).child(**labels).set(1)
        instruments[scrape.REQUESTS].zero()
        instruments[scrape.IN_FLIGHT].set(1)

    def scraped(self) -> None:
        """Count a scrape, at its end."""
        self._in.counter(scrape.REQUESTS).child(code="200").inc()

    def advance(self, moment: TimeStep, work: Work) -> None:
        """What the requests of this step cost."""
        rng, rate = self._rng, work.requests / moment.seconds
        heap = int((90 + 1.5 * rate + 10 * rng.random()) * _MIB)
        allocated = work.requests * _ALLOCATED + int(200_000 * moment.seconds)
        self._in[process.CPU].inc(work.requests * _CPU + 0.01 * moment.seconds)
        self._in[process.RESIDENT_MEMORY].set(int(heap * 1.15))
        self._in[process.VIRTUAL_MEMORY].set(1300 * _MIB + heap)
        self._in[process.OPEN_FDS].set(24 + int(rate * 3 + 4 * rng.random()))
        if self._shown(process.NETWORK_RECEIVED):
            self._in[process.NETWORK_RECEIVED].inc(work.bytes_in + 300 * work.requests)
            self._in[process.NETWORK_SENT].inc(work.bytes_out + 300 * work.requests)
        self._in[go_runtime.GOROUTINES].set(60 + int(rate * 4 + 6 * rng.random()))
        self._in[go_runtime.THREADS].set(14 + int(2 * rng.random()))
        for metric, share in _MEMORY:
            self._in[metric].set(int(heap * share) if share <= 2 else int(share))
        self._in[go_runtime.HEAP_OBJECTS].set(heap // 260)
        self._in[go_runtime.ALLOCATED_TOTAL].inc(allocated)
        self._in[go_runtime.MALLOCS].inc(allocated // 120)
        self._in[go_runtime.FREES].inc(allocated // 121)
        self._collect(moment, max(1, allocated // heap))

    def _collect(self, moment: TimeStep, cycles: int) -> None:
        """Pauses of the garbage collector; its quantiles are over all of the process, as many as are kept."""
        for _ in range(min(cycles, 20)):
            self._pauses.append(0.00005 + 0.0004 * self._rng.random() ** 2)
            self._paused += self._pauses[-1]
        self._cycles += min(cycles, 20)
        del self._pauses[:-100]
        ordered = sorted(self._pauses)
        quantiles = {q: ordered[min(len(ordered) - 1, int(q * len(ordered)))] for q in (0, 0.25, 0.5, 0.75, 1)}
        self._in.summary(go_runtime.GC_PAUSE).child().set(quantiles, total=self._paused, count=self._cycles)
        self._in[go_runtime.LAST_GC].set(moment.time)

    def _shown(self, metric: Metric) -> bool:
        return metric.form(self._plan.flavor, self._plan.version) is not None

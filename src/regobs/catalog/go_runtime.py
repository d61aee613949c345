"""The Go runtime: garbage collector, memory, goroutines, threads."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Flavor, Metric, Unit
from regobs.catalog.process import CLIENT_1_20_FORMS

_go = Component("go_runtime")
MEMORY_FAMILY = "go_memstats_"  # nothing else is called so

# GitLab registry 4.32 and CNCF Distribution 3 have neither. What an older release has depends on its build:
# client_golang 0.9 and 1.1 have both, the 1.14 that Debian 12 links has the look-ups only.
_OLD_CLIENT = (
    form(Flavor.GITLAB, until="4.32.0", may_lack="only with an old Go client library"),
    form(Flavor.DISTRIBUTION, until="3.0.0", may_lack="only with an old Go client library"),
)


def _memory(name: str, text: str) -> Metric:
    return _go.gauge(f"{MEMORY_FAMILY}{name}_bytes", Unit.BYTES, text)


INFO = _go.gauge(
    "go_info",
    Unit.INFO,
    "The Go environment: always 1, the label says which Go built it.",
    form(labels=labels("version")),
    common=True,
)
GOROUTINES = _go.gauge(
    "go_goroutines", Unit.GOROUTINES, "Goroutines now.", pitfalls=("Steady growth over days is a leak.",)
)
THREADS = _go.gauge("go_threads", Unit.THREADS, "Threads of the operating system that the runtime created.")
GC_PAUSE = _go.summary(
    "go_gc_duration_seconds",
    Unit.SECONDS,
    "Time that a cycle of garbage collection stops the world, its pauses.",
    form(labels=labels(quantile=("0", "0.25", "0.5", "0.75", "1"))),
    pitfalls=("Its quantiles are of one process and must not be aggregated; the rate of its sum may be.",),
)
GOGC = _go.gauge(
    "go_gc_gogc_percent",
    Unit.PERCENT,
    "Configured target of the heap size (GOGC): growth as a percentage of what is live.",
    *CLIENT_1_20_FORMS,
)
MEMORY_LIMIT = _go.gauge(
    "go_gc_gomemlimit_bytes",
    Unit.BYTES,
    "Configured soft limit of the runtime's memory.",
    *CLIENT_1_20_FORMS,
    pitfalls=("Without a limit it is 2^63 - 1.",),
)
MAX_PROCS = _go.gauge(
    "go_sched_gomaxprocs_threads",
    Unit.THREADS,
    "Threads of the operating system that may execute Go code simultaneously (GOMAXPROCS).",
    *CLIENT_1_20_FORMS,
)
LAST_GC = _go.gauge(
    "go_memstats_last_gc_time_seconds", Unit.TIMESTAMP, "Time at which the last garbage collection ended.", common=True
)
ALLOCATED = _memory("alloc", "Bytes allocated in the heap and in use, by live objects and by those not yet collected.")
ALLOCATED_TOTAL = _go.counter(
    "go_memstats_alloc_bytes_total", Unit.BYTES, "Bytes allocated in the heap since the start, released or not."
)
MALLOCS = _go.counter(
    "go_memstats_mallocs_total",
    Unit.OBJECTS,
    "Objects allocated in the heap since the start (mallocs), live or garbage-collected.",
)
FREES = _go.counter("go_memstats_frees_total", Unit.OBJECTS, "Objects of the heap that were freed.")
LOOKUPS = _go.counter(
    "go_memstats_lookups_total",
    Unit.LOOKUPS,
    "Pointer look-ups by the runtime; always 0.",
    *_OLD_CLIENT,
    pitfalls=("The Go client library has it no more since 1.20 (client_golang pull request 1577).",),
)
GC_CPU_FRACTION = _go.gauge(
    "go_memstats_gc_cpu_fraction",
    Unit.RATIO,
    "Fraction of the available CPU time that the collector has used since the start.",
    *_OLD_CLIENT,
    pitfalls=("An average over the whole life of the process: it hides what happens now.",),
)
HEAP_ALLOCATED = _memory("heap_alloc", "Heap bytes that are allocated and in use, by objects.")
HEAP_IDLE = _memory("heap_idle", "Heap bytes in spans that wait to be used.")
HEAP_INUSE = _memory("heap_inuse", "Heap bytes in spans in use.")
HEAP_OBJECTS = _go.gauge("go_memstats_heap_objects", Unit.OBJECTS, "Objects that are allocated in the heap now.")
HEAP_RELEASED = _memory("heap_released", "Heap bytes released to the operating system.")
HEAP_SYSTEM = _memory("heap_sys", "Heap bytes obtained from the operating system.")
STACK_INUSE = _memory("stack_inuse", "Bytes that the stack allocator has obtained from the system and has in use.")
STACK_SYSTEM = _memory("stack_sys", "Bytes obtained from the operating system for the stack allocator.")
MSPAN_INUSE = _memory("mspan_inuse", "Bytes in use by span descriptors (mspan structures).")
MSPAN_SYSTEM = _memory("mspan_sys", "Bytes obtained from the system and used for span descriptors (mspan structures).")
MCACHE_INUSE = _memory("mcache_inuse", "Bytes in use by the allocator's thread caches (mcache structures).")
MCACHE_SYSTEM = _memory(
    "mcache_sys", "Bytes obtained from the system and used for the allocator's thread caches (mcache structures)."
)
BUCKET_HASH_SYSTEM = _memory("buck_hash_sys", "Bytes used by the hash table of the profiler's buckets.")
GC_SYSTEM = _memory("gc_sys", "Bytes used for the system metadata of garbage collection.")
OTHER_SYSTEM = _memory("other_sys", "Bytes used for other allocations from the system.")
SYSTEM = _memory("sys", "Bytes obtained from the operating system.")
NEXT_GC = _memory("next_gc", "Heap size at which the next garbage collection takes place.")

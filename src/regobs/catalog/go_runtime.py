"""The Go runtime: garbage collector, memory, goroutines, threads."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Flavor, Metric, Unit
from regobs.catalog.process import CLIENT_1_20_FORMS

_go = Component("go_runtime")

# GitLab registry 4.32 and CNCF Distribution 3 have neither. What an older release has depends on its build:
# client_golang 0.9 and 1.1 have both, the 1.14 that Debian 12 links has the look-ups only.
_OLD_CLIENT = (
    form(Flavor.GITLAB, until="4.32.0", may_lack="only with an old Go client library"),
    form(Flavor.DISTRIBUTION, until="3.0.0", may_lack="only with an old Go client library"),
)


def _memory(name: str, text: str) -> Metric:
    return _go.gauge(f"go_memstats_{name}_bytes", Unit.BYTES, text)


INFO = _go.gauge(
    "go_info", Unit.INFO, "Always 1; the label says which Go built it.", form(labels=labels("version")), common=True
)
GOROUTINES = _go.gauge(
    "go_goroutines", Unit.GOROUTINES, "Goroutines now.", pitfalls=("Steady growth over days is a leak.",)
)
THREADS = _go.gauge("go_threads", Unit.THREADS, "Threads of the operating system.")
GC_PAUSE = _go.summary(
    "go_gc_duration_seconds",
    Unit.SECONDS,
    "Pauses of the garbage collector.",
    form(labels=labels(quantile=("0", "0.25", "0.5", "0.75", "1"))),
    pitfalls=("Its quantiles are of one process and must not be aggregated; the rate of its sum may be.",),
)
GOGC = _go.gauge("go_gc_gogc_percent", Unit.PERCENT, "Heap growth that starts the next collection.", *CLIENT_1_20_FORMS)
MEMORY_LIMIT = _go.gauge(
    "go_gc_gomemlimit_bytes",
    Unit.BYTES,
    "Soft memory limit of the runtime.",
    *CLIENT_1_20_FORMS,
    pitfalls=("Without a limit it is 2^63 - 1.",),
)
MAX_PROCS = _go.gauge(
    "go_sched_gomaxprocs_threads", Unit.THREADS, "Threads that may run Go code at a time.", *CLIENT_1_20_FORMS
)
LAST_GC = _go.gauge("go_memstats_last_gc_time_seconds", Unit.TIMESTAMP, "When the last collection ended.", common=True)
ALLOCATED = _memory("alloc", "Bytes of live and not yet collected objects.")
ALLOCATED_TOTAL = _go.counter(
    "go_memstats_alloc_bytes_total", Unit.BYTES, "Bytes allocated for objects since the start."
)
MALLOCS = _go.counter("go_memstats_mallocs_total", Unit.OBJECTS, "Objects allocated.")
FREES = _go.counter("go_memstats_frees_total", Unit.OBJECTS, "Objects freed.")
LOOKUPS = _go.counter(
    "go_memstats_lookups_total", Unit.LOOKUPS, "Pointer look-ups by the runtime; always 0.", *_OLD_CLIENT
)
GC_CPU_FRACTION = _go.gauge(
    "go_memstats_gc_cpu_fraction",
    Unit.RATIO,
    "Fraction of the available CPU time that the collector has used since the start.",
    *_OLD_CLIENT,
    common=True,
    pitfalls=("An average over the whole life of the process: it hides what happens now.",),
)
HEAP_ALLOCATED = _memory("heap_alloc", "Bytes of heap objects.")
HEAP_IDLE = _memory("heap_idle", "Heap bytes in unused spans.")
HEAP_INUSE = _memory("heap_inuse", "Heap bytes in spans in use.")
HEAP_OBJECTS = _go.gauge("go_memstats_heap_objects", Unit.OBJECTS, "Objects in the heap.")
HEAP_RELEASED = _memory("heap_released", "Heap bytes returned to the operating system.")
HEAP_SYSTEM = _memory("heap_sys", "Heap bytes obtained from the operating system.")
STACK_INUSE = _memory("stack_inuse", "Bytes of stacks in use.")
STACK_SYSTEM = _memory("stack_sys", "Bytes obtained for stacks.")
MSPAN_INUSE = _memory("mspan_inuse", "Bytes of span descriptors in use.")
MSPAN_SYSTEM = _memory("mspan_sys", "Bytes obtained for span descriptors.")
MCACHE_INUSE = _memory("mcache_inuse", "Bytes of the allocator's thread caches in use.")
MCACHE_SYSTEM = _memory("mcache_sys", "Bytes obtained for the allocator's thread caches.")
BUCKET_HASH_SYSTEM = _memory("buck_hash_sys", "Bytes of the profiler's hash table.")
GC_SYSTEM = _memory("gc_sys", "Bytes of the collector's own data.")
OTHER_SYSTEM = _memory("other_sys", "Bytes of the runtime's other data.")
SYSTEM = _memory("sys", "Bytes obtained from the operating system.")
NEXT_GC = _memory("next_gc", "Heap size that starts the next collection.")

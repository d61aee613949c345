"""The process itself: CPU, memory, files and network, read from Linux at every scrape, and its Python runtime.

    from regobs.instrument.adapters.process import observe_process

    observe_process(instruments)

The families are those that the Go client library's process collector makes. Where there is no /proc, only CPU, the
limits and the Python runtime are shown. The families of the Go runtime have no counterpart: `regobs catalog check`
does not expect them of a process that shows `python_info`. In a prometheus_client registry leave its ProcessCollector,
GCCollector and PlatformCollector out: they show the same families.
"""

from __future__ import annotations

import gc
import os
import platform
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from regobs.catalog import process, python_runtime
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.catalog.model import Metric
    from regobs.instrument.core.instruments import Instruments

_SELF = Path("/proc/self")
# Fields of /proc/self/stat behind the name of the program, which is in brackets and may hold anything (proc(5)).
_START, _VIRTUAL, _RESIDENT = 19, 20, 21


def observe_process(instruments: Instruments) -> None:
    """Show this process. After a fork the child is shown by its own exposition."""
    readers: list[tuple[Metric, Callable[[], float]]] = [
        (process.CPU, time.process_time),
        (process.VIRTUAL_MEMORY_MAX, lambda: _limit(resource.RLIMIT_AS)),
        (process.MAX_FDS, lambda: _limit(resource.RLIMIT_NOFILE)),
    ]
    if _SELF.exists():
        page, start = resource.getpagesize(), _start_time()
        readers += [
            (process.VIRTUAL_MEMORY, lambda: _stat(_VIRTUAL)),
            (process.RESIDENT_MEMORY, lambda: _stat(_RESIDENT) * page),
            (process.OPEN_FDS, _open_files),
            (process.START_TIME, lambda: start),
            (process.NETWORK_RECEIVED, lambda: _network("InOctets")),
            (process.NETWORK_SENT, lambda: _network("OutOctets")),
        ]
    for metric, read in readers:
        child = Recorder(instruments, metric).child()
        if child is not None:
            child.read_from(read)
    _observe_collector(instruments)
    major, minor, patchlevel = platform.python_version_tuple()
    Recorder(instruments, python_runtime.INFO).put(
        1,
        implementation=platform.python_implementation(),
        major=major,
        minor=minor,
        patchlevel=patchlevel,
        version=platform.python_version(),
    )


def _observe_collector(instruments: Instruments) -> None:
    """The cycle collector, as prometheus_client shows it; nothing where Python has no such numbers."""
    if not hasattr(gc, "get_stats"):
        return
    shown = {
        "collections": python_runtime.GC_RUNS,
        "collected": python_runtime.GC_COLLECTED,
        "uncollectable": python_runtime.GC_UNCOLLECTABLE,
    }
    for generation in range(len(gc.get_stats())):
        for name, metric in shown.items():
            child = Recorder(instruments, metric).child(generation=generation)
            if child is not None:
                child.read_from(lambda generation=generation, name=name: float(gc.get_stats()[generation][name]))


def _limit(which: int) -> float:
    """A soft limit; without one what Go shows of it, 2^64 - 1."""
    soft, _ = resource.getrlimit(which)
    return float(2**64 - 1 if soft == resource.RLIM_INFINITY else soft)


def _open_files() -> float:
    return len(os.listdir(_SELF / "fd")) - 1  # noqa: PTH208 (names only); less the one that lists


def _stat(field: int) -> float:
    text = (_SELF / "stat").read_text(encoding="utf-8", errors="replace")
    return float(text.rpartition(")")[2].split()[field])


def _start_time() -> float:
    """Seconds since 1970, from the time of boot and the ticks since then."""
    boot = next(
        line for line in Path("/proc/stat").read_text(encoding="utf-8").splitlines() if line.startswith("btime")
    )
    return float(boot.split()[1]) + _stat(_START) / os.sysconf("SC_CLK_TCK")


def _network(name: str) -> float:
    """A number of the network namespace with all its interfaces: IpExt of netstat, as the Go library reads it."""
    rows = [line.split() for line in (_SELF / "net/netstat").read_text(encoding="utf-8").splitlines()]
    for names, values in zip(rows[::2], rows[1::2], strict=False):
        if names[0] == "IpExt:" and name in names:
            return float(values[names.index(name)])
    return 0.0

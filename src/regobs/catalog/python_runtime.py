"""The Python runtime of a registry that is written in Python.

Names and labels are those of prometheus_client's GCCollector and PlatformCollector; `observe_process` of
regobs.instrument shows them too.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Unit

_python = Component("python_runtime")
_GENERATION = form(labels=labels(generation=("0", "1", "2")), needs=Capability.PYTHON, on_event=True)

GC_RUNS = _python.counter(
    "python_gc_collections_total",
    Unit.RUNS,
    "Runs of the cycle collector by generation.",
    _GENERATION,
    pitfalls=("While a generation is collected, nothing else runs in the process.",),
)
GC_COLLECTED = _python.counter(
    "python_gc_objects_collected_total", Unit.OBJECTS, "Objects freed by the cycle collector.", _GENERATION
)
GC_UNCOLLECTABLE = _python.counter(
    "python_gc_objects_uncollectable_total", Unit.OBJECTS, "Objects in cycles that could not be freed.", _GENERATION
)
INFO = _python.gauge(
    "python_info",
    Unit.INFO,
    "Always 1; the labels say which Python runs. Such a process has no families of the Go runtime.",
    form(
        labels=labels("implementation", "major", "minor", "patchlevel", "version"),
        needs=Capability.PYTHON,
        on_event=True,
    ),
    common=True,
)

"""The Python runtime of a registry that is written in Python: the collectors of prometheus_client.

`GCCollector` and `PlatformCollector` are registered by whoever starts the process, in the registry's own
CollectorRegistry; `ProcessCollector` gives the families of `process`.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Unit

_python = Component("python_runtime")
_GENERATION = form(labels=labels(generation=("0", "1", "2")), needs=Capability.PYTHON)

INFO = _python.gauge(
    "python_info",
    Unit.INFO,
    "1, with the version of the interpreter.",
    form(labels=labels("implementation", "major", "minor", "patchlevel", "version"), needs=Capability.PYTHON),
)
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

"""The Python runtime of a registry that is written in Python: the `GCCollector` of prometheus_client.

Whoever starts the process registers it, in the registry's own CollectorRegistry. Which Python runs is in `instrument`.
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

"""What the instrumentation library says about itself. A registry that is not written with it has none of these.

The labels of the counters hold names of the catalog, never a name that a client could send.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Unit

_instrument = Component("instrument")

REFUSED = _instrument.counter(
    "regobs_instrument_refused_label_values_total",
    Unit.EVENTS,
    "Label values folded into the overflow value; an empty label means the family's ceiling of series.",
    form(labels=labels("label", "metric"), on_event=True),
)
ERRORS = _instrument.counter(
    "regobs_instrument_errors_total",
    Unit.EVENTS,
    "Wrong uses of the instrumentation library, each logged once.",
    form(labels=labels("metric", reason=("labels", "method", "metric", "reader", "value")), on_event=True),
)

"""What the instrumentation library says about itself."""

from __future__ import annotations

from regobs.catalog.model import ALL_FLAVORS, Form, Kind, Label, Metric, Unit

# Both labels hold names of the catalog, never a name that a client could send.
REFUSED = Metric(
    name="regobs_instrument_refused_label_values_total",
    kind=Kind.COUNTER,
    unit=Unit.EVENTS,
    help="Label values folded into the overflow value; an empty label means the family's ceiling of series.",
    forms=(Form(ALL_FLAVORS, (Label("label"), Label("metric")), absent_until_observed=True),),
    component="instrument",
)
ERRORS = Metric(
    name="regobs_instrument_errors_total",
    kind=Kind.COUNTER,
    unit=Unit.EVENTS,
    help="Wrong uses of the instrumentation library, each logged once.",
    forms=(
        Form(
            ALL_FLAVORS,
            (Label("metric"), Label("reason", ("labels", "method", "metric", "reader", "value"))),
            absent_until_observed=True,
        ),
    ),
    component="instrument",
)

"""The handler that answers the scrape. What Prometheus itself knows about a scrape is in `targets`."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Unit

_scrape = Component("scrape")

REQUESTS = _scrape.counter(
    "promhttp_metric_handler_requests_total",
    Unit.SCRAPES,
    "Scrapes by HTTP status code.",
    form(labels=labels(code=("200", "500", "503"))),
    pitfalls=("A scrape counts itself only at its end: the first one shows 0.",),
)
IN_FLIGHT = _scrape.gauge(
    "promhttp_metric_handler_requests_in_flight", Unit.SCRAPES, "Scrapes that are served now, this one included."
)

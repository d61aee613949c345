"""What Prometheus itself says of every target and alert, also of a target that is down."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.http import HANDLER, ROUTE
from regobs.catalog.model import Exposer, Flavor, Form, Label, Unit

NOBODY = "none"  # the severity of alerts that nobody is told of: the watchdog fires always, others hold others back

_prometheus = Component("prometheus", Exposer.PROMETHEUS)

_TARGET = labels("instance", "job")
# Every alert of the pack begins so; a Prometheus that also watches other things has others.
_ALERTSTATE = Label("alertstate", ("pending", "firing"))
_ALERTNAME = Label("alertname", patterns={"registry": "Registry.*"})
# Labels that an alert has from the registry's series that it is about, as far as rules compare alerts by them.
# An alert has them as its series do: CNCF Distribution, and GitLab's registry before 2.10, call the route of a
# request `handler`, and each of them otherwise. Open: alerts about other things than requests may have other values.
_COPIED = labels("endpoint", "method")
_BY_ROUTE = (*_COPIED, Label("route", words=ROUTE.words))
_BY_HANDLER = (*_COPIED, Label("route", exposed=HANDLER.exposed, words=HANDLER.words))
COPIED_LABELS = frozenset(label.exposed for label in (*_BY_ROUTE, *_BY_HANDLER))


def _forms(*own: Label) -> tuple[Form, ...]:
    """A form for each flavor: with the labels of alerts of its own, and those that are copied."""
    return (
        form(Flavor.GITLAB, labels=(*own, *_BY_HANDLER), until="2.10.0", on_event=True),
        form(Flavor.GITLAB, labels=(*own, *_BY_ROUTE), since="2.10.0", on_event=True),
        form(Flavor.DISTRIBUTION, labels=(*own, *_BY_HANDLER), on_event=True),
    )


_ABOUT = (_ALERTNAME, *labels("severity", "slo", "tier", "instance"))

UP = _prometheus.gauge(
    "up",
    Unit.BOOL,
    "1 where the last scrape of the target worked, 0 where it failed.",
    form(labels=_TARGET),
    pitfalls=("A target that service discovery no longer finds has no series at all, not 0.",),
)
ALERTS = _prometheus.gauge(
    "ALERTS",
    Unit.ALERTS,
    "1 for each alert that is pending or firing.",
    *_forms(*_ABOUT, _ALERTSTATE),
    pitfalls=("The labels of the alert are on it too; an alert that is not active has no series.",),
)
ALERTS_FOR_STATE = _prometheus.gauge(
    "ALERTS_FOR_STATE",
    Unit.TIMESTAMP,
    "When each alert that is pending or firing became active.",
    *_forms(*_ABOUT),
    pitfalls=("Prometheus writes it to restore the `for` of alerts after a restart; Thanos Ruler as well.",),
)
SCRAPE_DURATION = _prometheus.gauge(
    "scrape_duration_seconds", Unit.SECONDS, "Time of the last scrape.", form(labels=_TARGET)
)
SCRAPE_SAMPLES = _prometheus.gauge(
    "scrape_samples_scraped", Unit.SAMPLES, "Samples that the target exposed.", form(labels=_TARGET)
)
SCRAPE_SAMPLES_KEPT = _prometheus.gauge(
    "scrape_samples_post_metric_relabeling", Unit.SAMPLES, "Samples left after relabeling.", form(labels=_TARGET)
)
SCRAPE_SERIES_ADDED = _prometheus.gauge(
    "scrape_series_added", Unit.SAMPLES, "New series in the last scrape, approximately.", form(labels=_TARGET)
)

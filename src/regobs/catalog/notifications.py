"""Webhook notifications: the queue of events and their delivery."""

from __future__ import annotations

from regobs.catalog.declare import Component, form
from regobs.catalog.model import Capability, Flavor, Form, Label, Unit

GITLAB, DISTRIBUTION = Flavor.GITLAB, Flavor.DISTRIBUTION
NOTIFICATIONS = Capability.NOTIFICATIONS

LATENCY_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100)
RETRY_BUCKETS = (0, 1, 2, 3, 5, 10, 15, 20, 30, 50)

_ENDPOINT = Label("endpoint")
_ACTION = Label("action", ("pull", "push", "mount", "delete", "rename"))
_ARTIFACT = Label("artifact", ("manifest", "blob", "tag"))
_TYPE = Label("type", ("Events", "Successes", "Failures", "Dropped"))
_OLD_TYPE = Label("type", ("Events", "Successes", "Failures", "Errors", "Dropped"))
EVENT_LABELS = (_ACTION, _ARTIFACT, _ENDPOINT, _TYPE)

_notifications = Component("notifications")


def _form(
    flavor: Flavor, *of: Label, since: str = "", until: str = "", buckets: tuple[float, ...] | None = None
) -> Form:
    return form(flavor, labels=of, buckets=buckets, since=since, until=until, needs=NOTIFICATIONS, on_event=True)


EVENTS = _notifications.counter(
    "registry_notifications_events_total",
    Unit.EVENTS,
    "Events by what became of them.",
    _form(GITLAB, *EVENT_LABELS, since="4.27.0"),
    _form(GITLAB, *EVENT_LABELS, since="3.71.0", until="4.26.0"),
    _form(GITLAB, _ACTION, _ARTIFACT, _OLD_TYPE, since="3.69.0", until="3.71.0"),
    _form(GITLAB, _OLD_TYPE, until="3.69.0"),
    _form(DISTRIBUTION, _ENDPOINT, Label("type", ("Events", "Successes", "Failures", "Errors")), since="3.0.0"),
    pitfalls=(
        "Never sum over `type`: `Events` enter the queue, `Dropped` found it full, the others count attempts.",
        "Renames and the deletion of blobs and repositories carry the artifact `manifest`.",
        "With a metadata database there is no event for pulling or deleting a blob.",
        "GitLab registry 4.26 called it registry_notifications_events.",
    ),
)
PENDING = _notifications.gauge(
    "registry_notifications_pending",
    Unit.EVENTS,
    "Pending events: those that wait in the queue.",
    _form(GITLAB, _ENDPOINT, since="4.26.0"),
    pitfalls=("A dropped event is never taken off: after an overflow the value stays too high until a restart.",),
)
PENDING_TOTAL = _notifications.gauge(
    "registry_notifications_pending_total",
    Unit.EVENTS,
    "Pending events: those that wait in the queue.",
    form(GITLAB, until="4.26.0", needs=NOTIFICATIONS, always_exposed=True),
    _form(DISTRIBUTION, _ENDPOINT, since="3.0.0"),
    pitfalls=("A gauge whose name ends in _total.", "GitLab registry 4.26 made it registry_notifications_pending."),
)
STATUS = _notifications.counter(
    "registry_notifications_status_total",
    Unit.RESPONSES,
    "HTTP answers of the endpoint by status.",
    _form(GITLAB, Label("code"), _ENDPOINT, since="4.27.0"),
    _form(GITLAB, Label("code"), until="4.26.0"),
    _form(DISTRIBUTION, Label("code"), _ENDPOINT, since="3.0.0"),
    pitfalls=('`code` is number and text, as in "200 OK": match it with "5.. .*".',),
)
ERRORS = _notifications.counter(
    "registry_notifications_errors_total",
    Unit.ATTEMPTS,
    "Errors in sending an event, without an HTTP answer: not encoded, not connected, too late. It may be retried.",
    _form(GITLAB, _ENDPOINT, since="4.27.0"),
    _form(GITLAB, _ENDPOINT, since="3.65.0", until="4.26.0"),
)
DELIVERIES = _notifications.counter(
    "registry_notifications_delivery_total",
    Unit.EVENTS,
    "Events by their end after all retries.",
    _form(GITLAB, Label("delivery_type", ("delivered", "lost")), _ENDPOINT, since="4.26.0"),
    pitfalls=("What a full queue dropped is not `lost` here; it is `Dropped` among the events.",),
)
RETRIES = _notifications.histogram(
    "registry_notifications_retries_count",
    Unit.RETRIES,
    "Retries that an event needed.",
    _form(GITLAB, _ENDPOINT, buckets=RETRY_BUCKETS, since="4.27.0"),
    pitfalls=("The family's name ends in _count: the number of events is ..._retries_count_count.",),
)
HTTP_LATENCY = _notifications.histogram(
    "registry_notifications_http_latency_seconds",
    Unit.SECONDS,
    "Time of one HTTP attempt at the delivery of an event.",
    _form(GITLAB, _ENDPOINT, buckets=LATENCY_BUCKETS, since="4.26.0"),
)
TOTAL_LATENCY = _notifications.histogram(
    "registry_notifications_total_latency_seconds",
    Unit.SECONDS,
    "Time from the making of an event until it leaves the queue, delivered or lost.",
    _form(GITLAB, _ENDPOINT, buckets=LATENCY_BUCKETS, since="4.26.0"),
)

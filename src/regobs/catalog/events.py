"""What `regobs export notifications` exposes: a registry's notifications, counted by namespace and kind.

A namespace is the first part of a repository's path. Only so many have series of their own, the others are `other`.
"""

from __future__ import annotations

from regobs.catalog.bounded import ACTORS as ACTORS_SHOWN
from regobs.catalog.bounded import bound_as_set, bound_of
from regobs.catalog.declare import BOOLEAN, Component, form, labels
from regobs.catalog.model import Capability, Exposer, Label, Unit

_events = Component("events", Exposer.NOTIFICATION_EXPORTER)
_NEEDS = Capability.NOTIFICATION_EXPORTER

_ACTION = Label("action", ("pull", "push", "mount", "delete", "rename", "other"))
_ARTIFACT = Label("artifact", ("manifest", "blob", "tag", "repository", "unknown"))
# A retry comes after seconds, the last one after a quarter of an hour (facts of the registry's `backoff`).
_LAG = (0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600)

RECEIVED = _events.counter(
    "registry_event_received_total",
    Unit.EVENTS,
    "Events that notifications told of, each once.",
    form(labels=(_ACTION, _ARTIFACT, Label("namespace")), on_event=True, needs=_NEEDS),
    pitfalls=(
        "A registry with a metadata database sends no events of blob pulls and blob deletions.",
        "CNCF Distribution does not say whether a manifest or a blob was deleted: artifact is `unknown`.",
        bound_as_set("namespace"),
        "A namespace that gives its place to a more frequent one is added to `other`, which makes a step there.",
    ),
)
BYTES = _events.counter(
    "registry_event_bytes_total",
    Unit.BYTES,
    "Bytes of the manifests and blobs that events told of; a HEAD request has none.",
    form(labels=(_ACTION, Label("namespace")), on_event=True, needs=_NEEDS),
    pitfalls=(bound_as_set("namespace"),),
)
PULLED_BYTES = _events.counter(
    "registry_event_blob_pull_bytes_total",
    Unit.BYTES,
    "Bytes of pulled blobs, by whether the client was redirected to the storage for them; a HEAD request has none.",
    form(labels=labels(redirected=(*BOOLEAN, "unknown")), on_event=True, needs=_NEEDS),
)
ACTORS = _events.counter(
    "registry_event_actors_total",
    Unit.EVENTS,
    "Events by the kind of who caused them: the type of token or user, named, or anonymous.",
    form(labels=(_ACTION, Label("actor")), on_event=True, needs=_NEEDS),
    pitfalls=(bound_of("actor", ACTORS_SHOWN),),
)
LAG = _events.histogram(
    "registry_event_delivery_lag_seconds",
    Unit.SECONDS,
    "Time from an event to its arrival here; a clock that runs behind counts as 0.",
    form(buckets=_LAG, on_event=True, needs=_NEEDS),
)
DUPLICATES = _events.counter(
    "registry_event_duplicates_total",
    Unit.EVENTS,
    "Events that came again and were not counted again.",
    form(on_event=True, needs=_NEEDS),
)
INVALID = _events.counter(
    "registry_event_invalid_total",
    Unit.EVENTS,
    "Events without a target, or without what every event has, in envelopes that were kept.",
    form(on_event=True, needs=_NEEDS),
)
REQUESTS = _events.counter(
    "regobs_event_requests_total",
    Unit.REQUESTS,
    "Notifications by what became of them; only `kept` is answered with 200.",
    form(
        labels=labels(result=("kept", "auth", "malformed", "too_large", "busy", "not_stored")),
        on_event=True,
        needs=_NEEDS,
    ),
)
KEPT_SECONDS = _events.histogram(
    "regobs_event_keep_duration_seconds",
    Unit.SECONDS,
    "Time from a notification's last byte until it was stored.",
    form(buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5), on_event=True, needs=_NEEDS),
)
REPLACED = _events.counter(
    "regobs_event_replaced_names_total",
    Unit.EVENTS,
    "Names that gave their place to a more frequent one.",
    form(labels=labels("label"), on_event=True, needs=_NEEDS),
)

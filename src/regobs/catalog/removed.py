"""Metrics that no current registry has: what dashboards and rules of others may still ask for.

Mostly those of the migration of GitLab.com's registry to the metadata database, gone by 3.72.0.
"""

from __future__ import annotations

from regobs.catalog.declare import BOOLEAN, DEFAULT_BUCKETS, Component, form, labels
from regobs.catalog.model import Capability, Flavor, Form, Label, Unit
from regobs.catalog.notifications import EVENT_LABELS, RETRY_BUCKETS
from regobs.catalog.row_counts import QUEUE_TITLES
from regobs.catalog.storage import BLOB_BUCKETS

_IMPORT = labels(attempted=BOOLEAN, error=BOOLEAN, type=("import", "pre_import"))
_IMPORT_BUCKETS = (*(0.005, 0.01, 0.025, 0.5, 1, 5, 15, 30, 60, 300, 600, 900, 1800, 3600, 7200, 10800, 21600),)
_TAG_BUCKETS = (*(0, 1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2000, 5000, 10000, 15000, 20000, 50000, 100000),)
_BLOB_TYPE = labels(blob_type=("config", "layer", "unknown"))

_removed = Component("removed")


def _form(
    since: str,
    until: str,
    *of: Label,
    buckets: tuple[float, ...] | None = None,
    needs: Capability | None = None,
    on_event: bool = True,
) -> Form:
    return form(Flavor.GITLAB, labels=of, buckets=buckets, since=since, until=until, needs=needs, on_event=on_event)


def _renamed(*of: Label, buckets: tuple[float, ...] | None = None) -> Form:
    return _form("4.26.0", "4.27.0", *of, buckets=buckets, needs=Capability.NOTIFICATIONS)


MIGRATION_ROUTES = _removed.counter(
    "registry_http_request_migration_route_total",
    Unit.REQUESTS,
    "Requests by the code path of the migration.",
    _form("3.5.2", "3.72.0", *labels(path=("old", "new"))),
)
IMPORT_DURATION = _removed.histogram(
    "registry_http_import_duration_seconds",
    Unit.SECONDS,
    "Time of an import that the API started.",
    _form("3.24.0", "3.72.0", *_IMPORT, buckets=_IMPORT_BUCKETS),
)
IMPORTS = _removed.counter(
    "registry_http_imports_total", Unit.IMPORTS, "Imports that the API started.", _form("3.24.0", "3.72.0", *_IMPORT)
)
IMPORTS_IN_FLIGHT = _removed.gauge(
    "registry_http_in_flight_imports",
    Unit.IMPORTS,
    "Imports now.",
    _form("3.24.0", "3.72.0", *labels(type=("import", "pre_import"))),
)
IMPORT_SATURATION = _removed.gauge(
    "registry_http_import_worker_saturation",
    Unit.RATIO,
    "Import workers in use.",
    _form("3.34.0", "3.72.0", on_event=False),
)
MIGRATION_TAGS = _removed.histogram(
    "registry_migration_tag_counts",
    Unit.TAGS,
    "Tags of an imported repository.",
    _form("3.39.0", "3.72.0", *labels(import_type=("pre", "final")), buckets=_TAG_BUCKETS),
)
MIGRATION_LAYERS = _removed.histogram(
    "registry_migration_layer_counts",
    Unit.LAYERS,
    "Layers of an imported manifest.",
    _form("3.39.0", "3.72.0", buckets=(1, 2, 5, 10, 25, 50, 100, 200), on_event=False),
)
MIGRATION_BLOB_DURATION = _removed.histogram(
    "registry_migration_blob_transfer_duration_seconds",
    Unit.SECONDS,
    "Time of the transfer of a blob.",
    _form("3.39.0", "3.70.0", *_BLOB_TYPE, buckets=DEFAULT_BUCKETS),
)
MIGRATION_BLOB_SIZE = _removed.histogram(
    "registry_migration_blob_transfer_size_bytes",
    Unit.BYTES,
    "Size of a transferred blob.",
    _form("3.39.0", "3.70.0", *_BLOB_TYPE, buckets=BLOB_BUCKETS),
)
GC_QUEUE = _removed.gauge(
    "registry_gc_queue_size",
    Unit.ROWS,
    "Length of a review queue.",
    _form(
        "3.4.0",
        "3.12.0",
        Label("queue", ("gc_blob_review_queue", "gc_manifest_review_queue"), titles=QUEUE_TITLES),
        needs=Capability.GARBAGE_COLLECTION,
    ),
    pitfalls=("Nothing took its place until registry_database_rows came with 4.27.0.",),
)
NOTIFICATION_EVENTS = _removed.counter(
    "registry_notifications_events",
    Unit.EVENTS,
    "Events, under the name of 4.26.0 and 4.26.1.",
    _renamed(*EVENT_LABELS),
)
NOTIFICATION_STATUS = _removed.counter(
    "registry_notifications_status",
    Unit.RESPONSES,
    "HTTP answers of the endpoint, under the name of 4.26.0 and 4.26.1.",
    _renamed(*labels("code", "endpoint")),
)
NOTIFICATION_ERRORS = _removed.counter(
    "registry_notifications_errors",
    Unit.ATTEMPTS,
    "Attempts without an HTTP answer, under the name of 4.26.0 and 4.26.1.",
    _renamed(*labels("endpoint")),
)
NOTIFICATION_RETRIES = _removed.histogram(
    "registry_notifications_retries",
    Unit.RETRIES,
    "Retries that an event needed, under the name of 4.26.0 and 4.26.1.",
    _renamed(*labels("endpoint"), buckets=RETRY_BUCKETS),
)

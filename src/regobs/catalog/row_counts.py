"""Row counts of the metadata database, its schema migrations, and the progress of background migrations.

One instance, which holds a lock in Redis, counts for all: aggregate with max, never with sum.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Flavor, Label, Unit

GITLAB = Flavor.GITLAB
_LOCK = "Fed by the one instance that holds a lock in Redis: aggregate with max."
_GC_QUEUES = ("gc_blob_review_queue", "gc_manifest_review_queue")
_OVERDUE = ("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue")
QUEUE_TITLES = {
    "gc_blob_review_queue": "blob reviews",
    "gc_manifest_review_queue": "manifest reviews",
    "gc_blob_review_queue_overdue": "blob reviews overdue",
    "gc_manifest_review_queue_overdue": "manifest reviews overdue",
}
_MIGRATIONS = ("applied_pre_migrations", "applied_post_migrations")

_rows = Component("row_counts")

ROWS = _rows.gauge(
    "registry_database_rows",
    Unit.ROWS,
    "Rows in a table of the metadata database, as a named count query found them.",
    form(
        GITLAB,
        labels=(Label("query_name", (*_GC_QUEUES, *_OVERDUE, *_MIGRATIONS), titles=QUEUE_TITLES),),
        since="4.28.0",
        needs=Capability.DATABASE_METRICS,
        on_event=True,
    ),
    form(
        GITLAB,
        labels=(Label("query_name", (*_GC_QUEUES, *_OVERDUE), titles=QUEUE_TITLES),),
        since="4.27.0",
        until="4.28.0",
        needs=Capability.DATABASE_METRICS,
        on_event=True,
    ),
    common=True,
    pitfalls=(
        _LOCK,
        "An instance that loses the lock waits for its restart: with a single instance the rows vanish until then.",
        "A query that fails leaves the old value in place.",
    ),
)
COLLECTION_DURATION = _rows.histogram(
    "registry_database_row_count_collection_duration_seconds",
    Unit.SECONDS,
    "Time of a run that collects all row counts of the database, one query after the other.",
    form(
        GITLAB,
        buckets=(0.1, 0.5, 1, 2, 5, 10, 30, 60),
        since="4.27.0",
        needs=Capability.DATABASE_METRICS,
        always_exposed=True,
    ),
    pitfalls=("Exposed by every instance, observed by the one that holds the lock.",),
)
MIGRATIONS = _rows.gauge(
    "registry_database_migrations_total",
    Unit.MIGRATIONS,
    "Schema migrations of the metadata database that the binary knows, applied and pending.",
    form(
        GITLAB,
        labels=labels(migration_type=("pre_deployment", "post_deployment")),
        since="4.28.0",
        needs=Capability.DATABASE_METRICS,
        on_event=True,
    ),
    common=True,
    pitfalls=(
        "A gauge whose name ends in _total.",
        "Set once at the start; what is pending is this less the applied migrations among the row counts.",
    ),
)
BBM_PROGRESS = _rows.gauge(
    "registry_database_bbm_progress_percent",
    Unit.PERCENT,
    "Progress of a background migration, 0 to 100.",
    form(
        GITLAB,
        labels=labels(
            "migration_id",
            "migration_name",
            status=("paused", "active", "finished", "failed", "running", "unknown"),
        ),
        since="4.30.0",
        needs=Capability.BACKGROUND_MIGRATIONS,
        on_event=True,
    ),
    common=True,
    pitfalls=(
        _LOCK,
        "The series of an earlier status stays, and a former holder of the lock keeps showing its last values.",
        "Unfinished migrations of unknown size are missing; the value stops at 99.9 until the migration is finished.",
        "Needs the database metrics switched on as well.",
    ),
)

"""What `regobs export database` exposes: the metadata database of a GitLab registry.

Source of tables and codes: the registry's schema (registry/datastore/migrations/structure.sql), release 4.32.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form
from regobs.catalog.model import Capability, Exposer, Flavor, Form, Label, Unit

_metadata = Component("metadata", Exposer.DATABASE_EXPORTER)

_QUEUE = Label("queue", ("blob", "manifest"))
MIGRATION_STATES = ("paused", "active", "finished", "failed", "running")  # codes 0 to 4 of the column `status`


def _form(*of: Label) -> Form:
    return form(Flavor.GITLAB, labels=of, on_event=True, needs=Capability.DATABASE_EXPORTER)


QUEUE_TASKS = _metadata.gauge(
    "registry_metadata_gc_queue_tasks",
    Unit.TASKS,
    "Tasks of garbage collection by queue: all of them, and those whose time has come.",
    _form(_QUEUE, Label("state", ("overdue", "queued"))),
    pitfalls=("`queued` holds the overdue tasks too: a task waits a day before it is due.",),
)
QUEUE_OLDEST = _metadata.gauge(
    "registry_metadata_gc_oldest_overdue_seconds",
    Unit.SECONDS,
    "How long the oldest overdue task has been overdue, 0 where none is.",
    _form(_QUEUE),
)
QUEUE_RETRIED = _metadata.gauge(
    "registry_metadata_gc_retried_tasks",
    Unit.TASKS,
    "Tasks that were postponed at least once after an error.",
    _form(_QUEUE),
)
QUEUE_DRAIN = _metadata.gauge(
    "registry_metadata_gc_drain_seconds",
    Unit.SECONDS,
    "Time until no task is overdue at the pace of the last hour; 0 where none is, +Inf where they do not become fewer.",
    _form(_QUEUE),
    pitfalls=("Absent for the first ten minutes of the exporter: no pace is known yet.",),
)
ROWS = _metadata.gauge(
    "registry_metadata_table_rows",
    Unit.ROWS,
    "Rows of a table, all its partitions together, as PostgreSQL's statistics estimate them.",
    _form(Label("table")),
    pitfalls=("An estimate: that of the last ANALYZE or VACUUM, scaled by the pages there are now.",),
)
TABLE_SIZE = _metadata.gauge(
    "registry_metadata_table_size_bytes",
    Unit.BYTES,
    "Bytes of a table on disk, its partitions and indexes with it.",
    _form(Label("table"), Label("part", ("indexes", "table"))),
)
TABLE_BLOAT = _metadata.gauge(
    "registry_metadata_table_bloat_bytes",
    Unit.BYTES,
    "Bytes of a table and of its B-trees that hold no live row, its partitions with it, as estimated.",
    _form(Label("table"), Label("part", ("indexes", "table"))),
    pitfalls=(
        "An estimate from widths and rows of the last ANALYZE; a table that was never analysed has none.",
        "A new B-tree that grew by inserts in no order is a third bloat.",
    ),
)
REPOSITORIES = _metadata.gauge(
    "registry_metadata_repositories",
    Unit.OBJECTS,
    "Repositories that are not deleted.",
    _form(),
)
NAMESPACES = _metadata.gauge("registry_metadata_namespaces", Unit.OBJECTS, "Top-level namespaces.", _form())
STORAGE = _metadata.gauge(
    "registry_metadata_storage_bytes",
    Unit.BYTES,
    "Bytes of blobs in all: stored once however many repositories hold them, and as often as repositories hold them.",
    _form(Label("kind", ("deduplicated", "logical"))),
)
NAMESPACE_STORAGE = _metadata.gauge(
    "registry_metadata_namespace_storage_bytes",
    Unit.BYTES,
    "Bytes of blobs by top-level namespace, those of each counted once; the largest by name, the others as `other`.",
    _form(Label("namespace")),
    pitfalls=("Blobs that two namespaces hold count in both: the sum is more than what is stored.",),
)
NAMESPACE_LOGICAL_STORAGE = _metadata.gauge(
    "registry_metadata_namespace_logical_storage_bytes",
    Unit.BYTES,
    "Bytes of blobs by top-level namespace, as often as its repositories hold them; those of the largest by name.",
    _form(Label("namespace")),
)
NAMESPACE_REPOSITORIES = _metadata.gauge(
    "registry_metadata_namespace_repositories",
    Unit.OBJECTS,
    "Repositories by top-level namespace; the largest by name, the others as `other`.",
    _form(Label("namespace")),
)
BACKGROUND_MIGRATIONS = _metadata.gauge(
    "registry_metadata_background_migrations",
    Unit.MIGRATIONS,
    "Background migrations by the state they are in now.",
    _form(Label("status", MIGRATION_STATES)),
)
BACKGROUND_MIGRATION_STATUS = _metadata.gauge(
    "registry_metadata_background_migration_status",
    Unit.BOOL,
    "1 on the state that an unfinished background migration is in now.",
    _form(Label("migration"), Label("status", MIGRATION_STATES)),
)
BACKGROUND_MIGRATION_CREATED = _metadata.gauge(
    "registry_metadata_background_migration_created_timestamp_seconds",
    Unit.TIMESTAMP,
    "When an unfinished background migration was created, with the state that it is in now.",
    _form(Label("migration"), Label("status", MIGRATION_STATES)),
    pitfalls=("A new registry creates all of them at its first start.",),
)
SCHEMA_MIGRATIONS = _metadata.gauge(
    "registry_metadata_schema_migrations",
    Unit.MIGRATIONS,
    "Schema migrations that were applied, before and after deployments.",
    _form(Label("type", ("post_deployment", "pre_deployment"))),
)
IMPORTS = _metadata.gauge(
    "registry_metadata_import_status",
    Unit.BOOL,
    "1 on the state of each phase of the last import of a filesystem registry.",
    _form(
        Label("phase", ("blob_import", "pre_import", "tag_import")),
        Label("status", ("failed", "finished", "running", "waiting")),
    ),
)
REPLICA_LAG = _metadata.gauge(
    "registry_metadata_replica_lag_seconds",
    Unit.SECONDS,
    "How far the replica that is asked is behind; 0 on a primary, and where all that was received is replayed.",
    _form(),
    pitfalls=(
        "Of a replica that receives nothing from its primary it is the age of the last transaction that it has.",
        "A replica that was started since it was cut off, and has replayed nothing, does not know: NaN.",
    ),
)
CONNECTIONS = _metadata.gauge(
    "registry_metadata_connections",
    Unit.CONNECTIONS,
    "Connections of clients to the server by state.",
    _form(Label("state")),
)
CONNECTIONS_LIMIT = _metadata.gauge(
    "registry_metadata_connections_limit",
    Unit.CONNECTIONS,
    "Connections that the server takes from users that are no superusers.",
    _form(),
)
QUERY_SUCCESS = _metadata.gauge(
    "regobs_database_query_success",
    Unit.BOOL,
    "1 where the last run of the exporter's query worked.",
    _form(Label("query")),
)
QUERY_DURATION = _metadata.gauge(
    "regobs_database_query_duration_seconds",
    Unit.SECONDS,
    "Time of the last run of the exporter's query.",
    _form(Label("query")),
)
QUERY_LAST_SUCCESS = _metadata.gauge(
    "regobs_database_query_last_success_timestamp_seconds",
    Unit.TIMESTAMP,
    "When the exporter's query last worked: the age of what its metrics say.",
    _form(Label("query")),
)
LEADER = _metadata.gauge(
    "regobs_database_leader",
    Unit.BOOL,
    "1 on the exporter that asks the database, 0 on those that wait to take its place or have no connection.",
    _form(),
)

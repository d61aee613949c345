"""Fields of background work: database, load balancing, garbage collection, migrations, notifications, process."""

from __future__ import annotations

from regobs.logs.fields.field import FieldType, field
from regobs.logs.fields.request import ISO_TIME

_K, _T, _L, _D = FieldType.KEYWORD, FieldType.TEXT, FieldType.LONG, FieldType.DOUBLE
_B, _DATE, _KL, _O = FieldType.BOOLEAN, FieldType.DATE, FieldType.KEYWORD_LIST, FieldType.OBJECT

DATABASE = (
    field("db_host_type", _K, "Which server answered.", values=("primary", "replica", "unknown")),
    field(
        "db_host_addr", _K, "Host and port of the database server.", ecs="destination.address", otel="server.address"
    ),
    field("database", _K, "Database name.", otel="db.namespace"),
    field("sql", _T, "Query text without its line breaks.", otel="db.query.text"),
    field("args", _T, "Arguments of the query.", loose=True),
    field("commandTag", _K, "Answer of PostgreSQL to the command."),
    field("row_count", _L, "Rows.", "count"),
    field("pid", _L, "Server process of the connection.", minimum=0),
    field("err", _T, "Error of the query."),
    field("alreadyPrepared", _B, "The statement was prepared before."),
    field("invalid_log_level", _K, "Level that does not exist."),
    field("tableName", _K, "Table that rows are copied to.", loose=True),
    field("columnNames", _KL, "Columns that rows are copied to.", loose=True),
    field("query_name", _K, "Row-count query."),
    field("total_pre_migrations", _L, "Schema migrations before deployment.", "count"),
    field("total_post_migrations", _L, "Schema migrations after deployment.", "count"),
)

BALANCING = (
    field("query", _T, "Query that met a broken connection."),
    field("added_hosts", _K, "New replicas, divided by commas."),
    field("removed_hosts", _K, "Gone replicas, divided by commas."),
    field("hosts", _K, "Replicas of the configuration.", loose=True),
    field("interval_ms", _L, "Interval between checks.", "ms"),
    field("lsn", _K, "Position in the write-ahead log."),
    field("primary_lsn", _K, "Position of the primary in the write-ahead log."),
    field(
        "lag_bytes",
        _L,
        "Replication lag in bytes of the log; negative when the replica was asked later.",
        "bytes",
        signed=True,
    ),
    field("lag_time_s", _D, "Replication lag in time; negative when clocks differ.", "s", signed=True),
    field("lag_bytes_threshold", _L, "Highest lag in bytes.", "bytes"),
    field("lag_time_threshold_s", _D, "Highest lag in time.", "s"),
    field("consecutive_failures", _L, "Failures in a row.", "count"),
    field("previous_failures", _L, "Failures before the recovery.", "count"),
    field("events_in_window", _L, "Changes of state in the window.", "count"),
    field("window_duration_s", _D, "Window of the flapping check.", "s"),
    field("flapping_threshold", _L, "Changes that count as flapping.", "count"),
    field("quarantine_duration_s", _D, "How long a replica is left alone.", "s"),
    field("reason", _K, "Why the replica is in quarantine."),
    field("nameserver", _K, "Name server of service discovery."),
    field("port", _L, "Port.", minimum=0),
    field("record", _K, "DNS record of service discovery."),
    field("replica_check_interval_s", _D, "Interval between replica checks.", "s"),
)

COLLECTION = (
    field("worker", _K, "Garbage collection worker."),
    field("jitter_s", _D, "Random wait before the start.", "s"),
    field("duration_s", _D, "How long it took or will sleep.", "s"),
    field("review_after", _DATE, "When the task was due.", pattern=ISO_TIME),
    field("review_count", _L, "Reviews that failed before.", "count"),
    field("created_at", _DATE, "When the task was made.", pattern=ISO_TIME),
    field("event", _K, "What made the task: blob_upload, tag_delete.", ecs="event.action"),
    field("repository_id", _L, "Row of the repository.", minimum=0),
    field("manifest_id", _L, "Row of the manifest.", minimum=0),
    field("backoff_duration", _K, "Postponed by; a Go duration."),
    field("stage", _K, "Stage of offline collection.", values=("mark", "sweep")),
    field("blobs_marked", _L, "Blobs in use.", "count"),
    field("blobs_to_delete", _L, "Blobs to delete.", "count"),
    field("manifests_to_delete", _L, "Manifests to delete.", "count"),
    field("storage_use_estimate_bytes", _L, "Bytes in use, estimated.", "bytes"),
)

MIGRATIONS = (
    field("bbm_id", _L, "Background migration.", minimum=0),
    field("bbm_name", _K, "Name of the background migration."),
    field("bbm_status", _K, "Status of the background migration.", loose=True),
    field("bbm_batch_size", _L, "Rows a job.", "count"),
    field("bbm_job_signature_key", _K, "Function of the migration."),
    field("bbm_target_table", _K, "Table that is migrated."),
    field("bbm_target_column", _K, "Column that is migrated."),
    field("bbm_batching_strategy", _K, "How jobs are cut.", loose=True),
    field("bbm_total_tuple_count", _L, "Rows to migrate.", "count", loose=True),
    field("bbm_job_interval_s", _D, "Interval between jobs.", "s"),
    field("bbm_startup_jitter_s", _D, "Random wait before the start.", "s"),
    field("bbm_max_attempts", _L, "Most attempts.", "count"),
    field("job_id", _L, "Job of a background migration.", minimum=0),
    field("job_bbm_id", _L, "Migration of the job.", minimum=0),
    field("job_name", _K, "Name of the job."),
    field("job_attempts", _L, "Attempts so far.", "count"),
    field("job_start_id", _L, "First row."),
    field("job_end_id", _L, "Last row."),
    field("job_batch_size", _L, "Rows of the job.", "count"),
    field("job_status", _K, "Status of the job.", loose=True),
    field("job_pagination_table", _K, "Table of the job."),
    field("job_pagination_column", _K, "Column of the job."),
    field("job_batching_strategy", _K, "How jobs are cut.", loose=True),
    field("wal_segment_threshold", _L, "Pending log segments that throttle.", "count"),
    field("pending_wal_segment", _L, "Pending log segments; -1 when not known.", "count", minimum=-1),
    field("batch_id", _K, "Batch of jobs of a background migration: a ULID."),
    field("sync_attempt", _L, "Try of a synchronous run.", "count"),
    field("migration_id", _L, "Background migration.", minimum=0),
    field("migration_name", _K, "Name of the background migration."),
    field("batch_size", _L, "Rows a job.", "count"),
    field("finished_jobs", _L, "Jobs that are done.", "count"),
    field("total_tuple_count", _L, "Rows to migrate.", "count"),
    field("progress_percent", _D, "Part that is done, from 0 to 100.", "percent"),
    field("capped", _B, "Progress was held below 100."),
)

NOTIFICATIONS = (
    field("event_id", _K, "Notification event.", ecs="event.id"),
    field("queue_size", _L, "Events in the queue.", "count"),
    field("remaining_events", _L, "Events that are not delivered.", "count"),
    field("sinks_remaining", _L, "Endpoints that are still open.", "count"),
)

IMPORTER = (
    field("type", _K, "Kind of thing; of a cache its setting.", loose=True),
    field("total", _L, "How many in all.", "count"),
    field("retry_count", _L, "Tries so far.", "count"),
    field("non_conformant", _B, "Does not follow the specification."),
    field("pre_import", _B, "Only what is immutable."),
    field("legacy", _B, "Old layout of the storage."),
    field("common_blobs", _B, "Blobs of no repository."),
    field("repository_import", _B, "Repositories of the storage."),
    field("last_preimport_date", _DATE, "When the last pre-import ran."),
    field("skip_cutoff_date", _DATE, "Repositories imported after then are skipped."),
    field("repositories", _L, "Rows of that table.", "count"),
    field("manifests", _L, "Rows of that table.", "count"),
    field("blobs", _L, "Rows of that table.", "count"),
    field("tags", _L, "Rows of that table; of offline garbage collection the tags of a manifest.", "count", loose=True),
)

PROCESS = (
    field("interval_s", _D, "Interval.", "s"),
    field("lease_duration_s", _D, "Duration of the lease.", "s"),
    field("expiry_delay_s", _D, "Delay before expiry.", "s"),
    field("exceptions", _KL, "Exceptions of the setting."),
    field("threshold", _L, "Failures before a check is unhealthy.", "count"),
    field("timeout", _K, "Time limit, a Go duration.", loose=True),
    field("quit_signal", _K, "Signal that ends the process."),
    field("http_drain_timeout", _L, "Time limit for open requests; a Go duration in nanoseconds.", "ns"),
    field("database_drain_timeout", _L, "Time limit for open queries; a Go duration in nanoseconds.", "ns"),
    field("minimum_tls", _K, "Lowest TLS version."),
    field("ca_subject", _K, "Subject of a certificate authority."),
    field("address", _K, "Address of a listener."),
    field("value", _K, "Value of a setting.", loose=True),
    field("stack", _T, "Stack of a panic.", ecs="error.stack_trace", otel="exception.stacktrace"),
)

# The same name with another type in one message: spelled `name:form` where a message lists its fields.
FORMS = {
    "digest:unread": field("digest", _K, "Digest that a tag leads to; empty when its link cannot be read."),
    "event:object": field("event", _O, "The notification event that was lost.", loose=True),  # text in text lines
}

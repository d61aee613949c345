"""Messages of background work: garbage collection, load balancing, migrations, row counts, notifications."""

from __future__ import annotations

from regobs.logs.messages.message import Match, group, message

_TASK = "review_after review_count created_at event digest? repository_id? manifest_id?"
_LOOSE_TASK = "review_after? review_count? created_at? event? digest? repository_id? manifest_id? backoff_duration?"

COLLECTION = (
    *group(
        "gc",
        "worker",
        message("running worker", "info", "worker"),
        message("run complete", "info", "worker duration_s", when=("component", "registry.gc.")),
        message("sleeping", "info", "worker duration_s", when=("component", "registry.gc.")),
        message("failed run", "error", "worker error"),
        message("no task available", "info"),
        message("processing task", "info", _TASK),
        message("processing task: ", "error", f"error {_LOOSE_TASK}", match=Match.PREFIX),
        message("the blob is dangling", "info", _LOOSE_TASK),
        message("the blob is not dangling", "info", _LOOSE_TASK),
        message("deleting task", "info", _LOOSE_TASK),
        message("blob deleted", "info", "digest duration_s?"),
        message("blob no longer exists on storage", "warning", _LOOSE_TASK),
        message("blob no longer exists on database", "warning", _LOOSE_TASK),
        message("the manifest is dangling, deleting", "info", _LOOSE_TASK),
        message("the manifest is not dangling, deleting task", "info", _LOOSE_TASK),
        message("manifest deleted", "info", "digest repository_id manifest_id?"),
        message("manifest no longer exists on database, deleting task", "warning", _LOOSE_TASK),
        message("postponing next review", "info", _LOOSE_TASK),
        message("task already postponed, skipping", "info", _LOOSE_TASK),
        message("skipping next review postpone as error is likely temporary", "warning", _LOOSE_TASK),
    ),
    *group(
        "gc",
        "line",
        message("starting online GC agent", "info", "worker jitter_s"),
        message("online GC agent stopped with panic", "error", "worker? stack?"),
        message("online GC agent stopped", "error", "worker?"),
        message("garbage collection is disabled", "warning"),
        message("preparing to update online GC settings", "info", "jitter_s"),
        message("online GC settings updated successfully", "info", "duration_s"),
        message("online GC settings are up to date", "info", "duration_s?"),
        message("failed to update online GC settings", "error", "duration_s?"),
        message("deleting blob", "info", "digest? path?"),
    ),
)

_REPLICA = (
    "db_host_type? db_host_addr? db_replica_addr? duration_s? lag_bytes? lag_time_s? lag_bytes_threshold? "
    "lag_time_threshold_s? consecutive_failures? previous_failures? events_in_window? window_duration_s? "
    "flapping_threshold? quarantine_duration_s? reason? lsn? primary_lsn? repository? query? added_hosts? "
    "removed_hosts? interval_ms?"
)
# What a load balancer says at info, at warning and at error; all of it while a request or a timer runs.
# Source: container-registry 4.32, registry/datastore/loadbalancing.go.
_BALANCING = {
    "info": """
        resolving replicas
        resolving replicas with service discovery
        resolving replicas with fixed hosts list
        successfully resolved replicas
        skipping replica pool resolution, already in progress or too recent
        scheduled refresh of replicas list
        replica is new, opening connection
        replica is known and healthy, reusing connection
        closing connection handler for retired replica
        updating replicas list
        performing liveness probe
        host passed liveness probe
        checking replication lag for all replicas
        replica replication lag below max thresholds
        replica reintegrated after catching up on replication lag
        replica reintegrated after quarantine period expired
        recorded connectivity failure for replica
        recorded pool event for replica
        no replicas available, falling back to primary
        all replicas are quarantined, falling back to primary
        replica is not up-to-date, falling back to primary
        no LSN cache configured, falling back to primary
        replica is up-to-date
        no primary LSN found in cache, replica is eligible
        current WAL insert LSN recorded
    """,
    "warning": """
        replica is known but connection is stale, attempting to reconnect
        host failed liveness probe; invoking callback
        removing replica from pool
        primary database connection error during query execution; initiating replica resolution
        replica database connection error during query execution; initiating liveness probe
        replica time-based replication lag above max threshold
        replica data-based replication lag above max threshold
        replica quarantined due to excessive replication lag
        replica quarantined due to flapping behavior
        replica quarantined for connectivity issues
        skipping replica quarantined due to connectivity issues
    """,
    "error": """
        failed to resolve replicas
        failed to resolve database load balancing replicas
        failed to register collector for database replica metrics
        failed to close retired replica connection
        error closing retired replica connection
        failed to check time-based replication lag
        failed to check data-based replication lag
        failed to fetch primary LSN from cache, falling back to primary
        failed to calculate LSN diff, falling back to primary
        failed to query primary LSN
    """,
}

BALANCING = group(
    "load balancing",
    "line",
    *(
        message(text.strip(), levels, _REPLICA)
        for levels, texts in _BALANCING.items()
        for text in texts.strip().splitlines()
    ),
    message("skipping liveness probe, ", "info", _REPLICA, match=Match.PREFIX),
    message("replica connectivity recovered, ", "info", _REPLICA, match=Match.PREFIX),
    message("failed to check database replica ", "error", _REPLICA, match=Match.PREFIX),
    message("enabling database load balancing with service discovery", "info", "nameserver? port? record? "
            "replica_check_interval_s?"),
    message("enabling database load balancing with static hosts list", "info", "hosts? replica_check_interval_s?"),
    message("database load balancing .+ stopped with (?:panic|error)", "error", "stack?", match=Match.PATTERN),
)  # fmt: skip

_JOB = (
    "job_id? job_bbm_id? job_name? job_attempts? job_start_id? job_end_id? job_batch_size? job_status? "
    "job_pagination_column? job_pagination_table? job_batching_strategy?"
)
_MIGRATION = (
    f"{_JOB} bbm_id? bbm_name? bbm_batch_size? bbm_status? bbm_job_signature_key? bbm_target_column? "
    "bbm_target_table? bbm_batching_strategy? bbm_total_tuple_count? bbm_job_interval_s? bbm_startup_jitter_s? "
    "bbm_max_attempts? jitter_s? duration_s? wal_segment_threshold? pending_wal_segment?"
)
_MIGRATIONS = {
    "info": """
        starting bbm worker
        starting worker run...
        obtaining lock...
        obtained lock
        WAL throttle check...
        retrieved WAL segment count
        searching for job...
        no jobs to run...
        a background migration was found that needs to be executed
        job found, executing
        finished background migration job run
        no jobs found. Throttling background migration worker
    """,
    "info warning error": """
        failed to obtain lock
        WAL throttle check failed
        WAL pressure is high. Throttling background migration worker
    """,
    "error": """
        background migration failed validation
        failed executing job
        marking background migration as failed due to job failure
        failed run. Throttling background migration worker
    """,
}

MIGRATIONS = group(
    "background migrations",
    "line",
    *(
        message(text.strip(), levels, _MIGRATION)
        for levels, texts in _MIGRATIONS.items()
        for text in texts.strip().splitlines()
    ),
    message("run complete", "info", _MIGRATION, when=("component", "registry.bbm.")),
    message("sleeping", "info", _MIGRATION, when=("component", "registry.bbm.")),
    message("background migration worker (?:could not start|exited abruptly).*", "error", _MIGRATION,
            match=Match.PATTERN),
    message("bbm progress", "info", "migration_id? migration_name? bbm_status? batch_size? finished_jobs? "
            "total_tuple_count? progress_percent? capped?"),
    message("bbm progress metrics collection started", "info", "interval_s lease_duration_s"),
    message("obtained bbm progress metrics lock", "info"),
    message("stopping background migration progress metrics collector", "info"),
)  # fmt: skip

ROW_COUNTS = group(
    "datastore",
    "line",
    message("database row count metric collected", "info", "query_name count"),
    message("database row count metrics collection started", "info", "interval_s lease_duration_s"),
    message("attempting to obtain database row count metrics lock", "info"),
    message("obtained database row count metrics lock", "info"),
    message("extended database row count metrics lock", "info"),
    message("registered row count metrics with Prometheus registry", "info"),
    message("unregistered row count metrics from Prometheus registry", "info"),
    message("stopping database row count metrics collector", "info"),
    message("database row count metrics collection stopped", "info"),
    message("database row count metrics collector has been shut down", "info"),
    message("failed to execute row count query", "error", "query_name?"),
    message(
        "database row count metrics lock already obtained by another instance, will retry...", "info", "retry_after_s?"
    ),
    message("failed to extend lock after retries, releasing leadership", "error", "retry_count?"),
)

_EVENT = "event:object? event_id? queue_size? remaining_events? sinks_remaining?"
NOTIFICATIONS = group(
    "notifications",
    "line",
    message("queue full, dropping event", "warning", "event_id? queue_size?"),
    message("eventqueue: event lost", "warning", "event:object error"),
    message("eventqueue: event lost: ", "warning", _EVENT, match=Match.PREFIX),
    message("eventqueue: received termination signal", "warning", "remaining_events"),
    message("backoffSink: error writing event", "error", "error event:object? event_id?"),
    message("configuring endpoint ", "info", match=Match.PREFIX),
    message("defaulting maxRetries parameter to 10", "info warning"),
    message("notifications `threshold` is deprecated, ", "warning", match=Match.PREFIX),
    message("closing events notification sink", "info"),
    message("broadcaster: closing", "info", "sinks_remaining?"),
    message("event queue: closing", "info", "remaining_events?"),
)

MESSAGES = (*COLLECTION, *BALANCING, *MIGRATIONS, *ROW_COUNTS, *NOTIFICATIONS)

"""Messages of the process itself, of storage and of the database driver."""

from __future__ import annotations

from regobs.logs.messages.message import Match, group, message

_DRAIN = "quit_signal? http_drain_timeout? database_drain_timeout?"

PROCESS = group(
    "process",
    "line",
    message("listening on ", "info", "address? minimum_tls? ca_subject?", match=Match.PREFIX),
    message("starting Prometheus listener", "info", "address path"),
    message("starting health checker", "info", "address path"),
    message("starting pprof listener", "info", "address? path?"),
    message("debug server listening", "info", "address?", match=Match.PREFIX),
    message("using the metadata database", "info", "database?"),
    message("total migration count metrics set", "info", "total_pre_migrations total_post_migrations"),
    message("database version is not supported, ", "error", match=Match.PREFIX),
    message("could not connect to database", "error", "database? host?"),
    message("No HTTP secret provided ", "warning", match=Match.PREFIX),
    message("attempting to stop server gracefully...", "info", _DRAIN),
    message("draining http connections", "info", _DRAIN),
    message("closing the HTTP server", "info", _DRAIN),
    message("graceful shutdown successful", "info", _DRAIN),
    message("closing database connections", "info", _DRAIN),
    message("database component has been shut down", "info"),
    message("closing healthchecks registry", "info"),
    message("healthchecks registry has been shut down", "info"),
    message("redis configured successfully for caching", "info"),
    message("redis not configured", "info warning"),
)

STORAGE = group(
    "storage",
    "line",
    message("storage backend redirection enabled", "info"),
    message("storage backend redirection disabled", "info"),
    message("Starting upload purge in ", "info", match=Match.PREFIX),
    message("PurgeUploads starting: ", "info", match=Match.PREFIX),
    message("Purge uploads finished.", "info", match=Match.PREFIX),
    message("Upload files in .* have older date .*", "info error warning", match=Match.PATTERN),
    message("S3: retrying after error", "info", "attempt? delay_s?"),
    message(
        "Move operation: copy succeeded but delete failed, file will need cleanup",
        "warning error",
        "sourcePath? destPath? copySucceeded? deleteError?",
    ),
    message("failed to update list of GCP IPs", "info warning error"),
    message(
        "requested expiry time violates minimum URL validity setting",
        "info warning error",
        "path? minValidity? remainingValidity?",
    ),
    message("attempted to move zero-length content with non-zero digest", "warning", "digest?"),
)

_DRIVER = (
    "path? length? fileSize? totalSize? totalWritten? totalExpected? bytesUploaded? bufferSize? bufferedBytes? "
    "requestedOffset? resumedOffset? chunkStart? chunkEnd? chunkSize? chunkNumber? rangeHeader? sourcePath? destPath? "
    "copySucceeded? deleteError? deletedTime? maxConcurrency? totalFiles? successfulDeletes? errors? expires? method? "
    "signingMethod? bucket? object? existing_value? requested_value? stack? attempt? delay_s? key? signature? "
    "string-to-sign? event_type? minValidity? remainingValidity? url? request_url? response_status? response_body? "
    "cidr? ip? user-agent? user-client? digest?"
)
# Texts of drivers and middleware were not read one by one: the component tells which fields their lines may have.
DRIVERS = group(
    "storage",
    "line",
    message(
        r"[\s\S]*",
        "trace debug info warning error",
        _DRIVER,
        match=Match.PATTERN,
        when=("component", "registry.storage."),
    ),
)

_QUERY = (
    "sql? args? duration_ms? commandTag? row_count? pid? err? host? port? database? name? alreadyPrepared? "
    "invalid_log_level? db_host_type? db_host_addr?"
)
DATASTORE = group(
    "datastore",
    "line",
    *(
        message(text, "trace debug info warning error", _QUERY)
        for text in ("Query", "Connect", "Prepare", "BatchQuery", "BatchClose", "CopyFrom")
    ),
)

MESSAGES = (*PROCESS, *STORAGE, *DATASTORE, *DRIVERS)

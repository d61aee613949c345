"""What the postgres_exporter says of a PostgreSQL server, and what the pack's own queries add to it.

Names and labels are those of release 0.11. Later releases lose the label `server`, which no panel needs, and keep the
names. The second half of this module needs exporters/postgres-queries.yaml loaded with `--extend.query-path`.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_postgresql = Component("postgresql", Exposer.POSTGRES)


def _of_server(*names: str, on_event: bool = False, only: str = "", **closed: tuple[str, ...]) -> Form:
    found = labels("server", *names, **closed)
    return form(labels=found, needs=Capability.POSTGRES_EXPORTER, on_event=on_event or bool(only), only=only)


def _asked(*names: str, **closed: tuple[str, ...]) -> Form:
    return form(labels=labels("server", *names, **closed), needs=Capability.POSTGRES_QUERIES)


_DATABASE = _of_server("datid", "datname")
_SHARED = "Tables that all databases share count under an empty `datname`."

UP = _postgresql.gauge(
    "pg_up",
    Unit.BOOL,
    "1 while the exporter can log in.",
    form(needs=Capability.POSTGRES_EXPORTER),
    pitfalls=("The exporter hangs with its server, or behind a lock: then this vanishes and is not 0.",),
)
SCRAPE_ERROR = _postgresql.gauge(
    "pg_exporter_last_scrape_error",
    Unit.BOOL,
    "1 where a query of the last scrape failed.",
    form(needs=Capability.POSTGRES_EXPORTER),
)
MAX_CONNECTIONS = _postgresql.gauge(
    "pg_settings_max_connections", Unit.CONNECTIONS, "The most connections that the server accepts.", _of_server()
)
_STATES = (
    *("active", "idle", "idle in transaction", "idle in transaction (aborted)"),
    *("fastpath function call", "disabled"),
)
CONNECTIONS = _postgresql.gauge(
    "pg_stat_activity_count",
    Unit.CONNECTIONS,
    "Connections by what they do now.",
    _of_server("datname", state=_STATES),
)
LONGEST_TRANSACTION = _postgresql.gauge(
    "pg_stat_activity_max_tx_duration",
    Unit.SECONDS,
    "Age of the oldest transaction.",
    _of_server("datname", state=_STATES),
    pitfalls=("While it is open, no dead row that is younger than it can be removed, in any table.",),
)
BACKENDS = _postgresql.gauge(
    "pg_stat_database_numbackends", Unit.CONNECTIONS, "Connections to the database, whatever they do.", _DATABASE
)
COMMITS = _postgresql.counter("pg_stat_database_xact_commit", Unit.TRANSACTIONS, "Transactions committed.", _DATABASE)
ROLLBACKS = _postgresql.counter(
    "pg_stat_database_xact_rollback",
    Unit.TRANSACTIONS,
    "Transactions rolled back.",
    _DATABASE,
    pitfalls=("A rollback is not always an error: a read-only transaction may end with one.",),
)
BLOCKS_HIT = _postgresql.counter(
    "pg_stat_database_blks_hit", Unit.BLOCKS, "Blocks found in the shared buffers.", _DATABASE, pitfalls=(_SHARED,)
)
BLOCKS_READ = _postgresql.counter(
    "pg_stat_database_blks_read",
    Unit.BLOCKS,
    "Blocks asked of the operating system.",
    _DATABASE,
    pitfalls=("Most of them come from the page cache of the operating system, not from a disk.",),
)
ROWS_FETCHED = _postgresql.counter(
    "pg_stat_database_tup_fetched", Unit.ROWS, "Rows that index scans fetched.", _DATABASE
)
ROWS_RETURNED = _postgresql.counter(
    "pg_stat_database_tup_returned", Unit.ROWS, "Rows and index entries that scans went through.", _DATABASE
)
ROWS_INSERTED = _postgresql.counter("pg_stat_database_tup_inserted", Unit.ROWS, "Rows inserted.", _DATABASE)
ROWS_UPDATED = _postgresql.counter("pg_stat_database_tup_updated", Unit.ROWS, "Rows updated.", _DATABASE)
ROWS_DELETED = _postgresql.counter("pg_stat_database_tup_deleted", Unit.ROWS, "Rows deleted.", _DATABASE)
DEADLOCKS = _postgresql.counter("pg_stat_database_deadlocks", Unit.EVENTS, "Deadlocks that were broken.", _DATABASE)
CONFLICTS = _postgresql.counter(
    "pg_stat_database_conflicts",
    Unit.QUERIES,
    "Queries on a replica that were cancelled because what they read was removed on the primary.",
    _DATABASE,
)
TEMPORARY_BYTES = _postgresql.counter(
    "pg_stat_database_temp_bytes", Unit.BYTES, "Written to temporary files by sorts and hashes.", _DATABASE
)
_MODES = (
    *("accesssharelock", "rowsharelock", "rowexclusivelock", "shareupdateexclusivelock", "sharelock"),
    *("sharerowexclusivelock", "exclusivelock", "accessexclusivelock", "sireadlock"),
)
LOCKS = _postgresql.gauge("pg_locks_count", Unit.LOCKS, "Locks held or waited for.", _of_server("datname", mode=_MODES))
DATABASE_SIZE = _postgresql.gauge(
    "pg_database_size_bytes", Unit.BYTES, "Bytes of a database on disk, indexes included.", _of_server("datname")
)
CHECKPOINTS_TIMED = _postgresql.counter(
    "pg_stat_bgwriter_checkpoints_timed_total", Unit.CHECKPOINTS, "Checkpoints that were due.", _of_server()
)
CHECKPOINTS_REQUESTED = _postgresql.counter(
    "pg_stat_bgwriter_checkpoints_req_total",
    Unit.CHECKPOINTS,
    "Checkpoints that came early, mostly because `max_wal_size` was reached.",
    _of_server(),
)
BUFFERS_CHECKPOINT = _postgresql.counter(
    "pg_stat_bgwriter_buffers_checkpoint_total", Unit.BLOCKS, "Blocks written by checkpoints.", _of_server()
)
BUFFERS_CLEANED = _postgresql.counter(
    "pg_stat_bgwriter_buffers_clean_total", Unit.BLOCKS, "Blocks written by the background writer.", _of_server()
)
BUFFERS_BACKEND = _postgresql.counter(
    "pg_stat_bgwriter_buffers_backend_total",
    Unit.BLOCKS,
    "Blocks that connections had to write themselves.",
    _of_server(),
)
SLOT_ACTIVE = _postgresql.gauge(
    "pg_replication_slots_active",
    Unit.BOOL,
    "1 while somebody reads the replication slot.",
    _of_server("database", "slot_name", only="where a replication slot was made"),
    pitfalls=("A slot that nobody reads keeps the write-ahead log until the disk is full.",),
)
SLOT_LAG = _postgresql.gauge(
    "pg_replication_slots_pg_wal_lsn_diff",
    Unit.BYTES,
    "Write-ahead log that is kept for a replication slot.",
    _of_server("database", "slot_name", only="where a replication slot was made"),
)

REPLICA_BEHIND = _postgresql.gauge(
    "pg_stat_replication_pg_wal_lsn_diff",
    Unit.BYTES,
    "Write-ahead log that a connected replica has not replayed yet, as its primary sees it.",
    _of_server("application_name", "client_addr", "slot_name", "state", on_event=True),
    pitfalls=(
        "`slot_name` is the number of the process that sends the log: each reconnect begins a new series.",
        "A replica that is not connected has no series.",
    ),
)
IS_REPLICA = _postgresql.gauge("pg_replica_role", Unit.BOOL, "1 on a replica, 0 on the primary.", _asked())
REPLAY_DELAY = _postgresql.gauge(
    "pg_replica_replay_delay_seconds",
    Unit.SECONDS,
    "Age of the last transaction that a replica replayed, 0 where it replayed all it got and on the primary.",
    _asked(),
)
NUMBERS_USED = _postgresql.gauge(
    "pg_transaction_numbers_used_ratio",
    Unit.RATIO,
    "Transactions since the oldest row that is not frozen yet, of the 2^31 after which the server stops.",
    _asked("datname"),
)
LIVE_ROWS = _postgresql.gauge(
    "pg_table_live_rows", Unit.ROWS, "Live rows, as last estimated.", _asked("datname", "table")
)
DEAD_ROWS = _postgresql.gauge(
    "pg_table_dead_rows",
    Unit.ROWS,
    "Rows that are deleted or overwritten and not removed yet.",
    _asked("datname", "table"),
)
TABLE_SIZE = _postgresql.gauge(
    "pg_table_size_bytes", Unit.BYTES, "Bytes of the table without indexes.", _asked("datname", "table")
)
_ESTIMATE = "An estimate from the statistics of the last ANALYZE: a table without any reads 0."
TABLE_BLOAT = _postgresql.gauge(
    "pg_table_bloat_bytes",
    Unit.BYTES,
    "Bytes of the table that hold no live row.",
    _asked("datname", "table"),
    pitfalls=(_ESTIMATE,),
)
INDEX_SIZE = _postgresql.gauge(
    "pg_table_index_size_bytes", Unit.BYTES, "Bytes of its indexes.", _asked("datname", "table")
)
VACUUMED = _postgresql.gauge(
    "pg_table_vacuumed_seconds",
    Unit.TIMESTAMP,
    "When a partition of the table, or the table, was vacuumed last; 0 is never.",
    _asked("datname", "table"),
)
BTREE_SIZE = _postgresql.gauge(
    "pg_index_size_bytes", Unit.BYTES, "Bytes of a B-tree index.", _asked("datname", "table", "index")
)
BTREE_BLOAT = _postgresql.gauge(
    "pg_index_bloat_bytes",
    Unit.BYTES,
    "Bytes of a B-tree index that hold no entry of a live row.",
    _asked("datname", "table", "index"),
    pitfalls=(_ESTIMATE, "A B-tree that keeps equal keys once is smaller than the estimate and reads 0 for long."),
)

"""The queries of `regobs export database`: SQL for the registry's schema, and the metrics that its columns fill.

Every query reads only, in a transaction of its own with a time limit, so that it works through PgBouncer in transaction
mode and never holds back vacuum for long.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from regobs.catalog import metadata
from regobs.catalog.model import Metric
from regobs.documents import load_yaml
from regobs.errors import PackError
from regobs.pack import find_pack


@dataclass(frozen=True, slots=True)
class Filled:
    """A metric, the column that holds its value, and the columns that hold its labels, each called as its label."""

    metric: Metric
    value: str
    labels: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseQuery:
    """One question. `every` and `within` are seconds. `heavy` ones read whole tables and are off unless asked for."""

    name: str
    sql: str
    fills: tuple[Filled, ...]
    every: float = 60
    within: float = 10
    heavy: bool = False


_PACE_OVER, _PACE_FROM = 3600.0, 600.0  # seconds: as GC reviews a task every few seconds, an hour evens out its pauses


@dataclass(slots=True)
class QueueDrain:
    """How long a queue will be overdue, from how many tasks were at each look of the last hour."""

    looks: deque[tuple[float, float]] = field(default_factory=deque)

    def look(self, at: float, overdue: float) -> float | None:
        """Seconds until no task is overdue: infinite where they become no fewer, None where no pace is known yet."""
        while self.looks and self.looks[0][0] < at - _PACE_OVER:
            self.looks.popleft()
        self.looks.append((at, overdue))
        begin, before = self.looks[0]
        if overdue == 0:
            return 0.0
        if at - begin < _PACE_FROM:
            return None
        return overdue * (at - begin) / (before - overdue) if before > overdue else float("inf")


_QUEUES = """
SELECT 'blob' AS queue, count(*) AS queued, count(*) FILTER (WHERE review_after < now()) AS overdue,
       count(*) FILTER (WHERE review_count > 0) AS retried,
       coalesce(extract(epoch FROM now() - min(review_after) FILTER (WHERE review_after < now())), 0) AS oldest
FROM gc_blob_review_queue
UNION ALL
SELECT 'manifest', count(*), count(*) FILTER (WHERE review_after < now()),
       count(*) FILTER (WHERE review_count > 0),
       coalesce(extract(epoch FROM now() - min(review_after) FILTER (WHERE review_after < now())), 0)
FROM gc_manifest_review_queue
"""
# Rows as PostgreSQL's planner estimates them: rows a page when last analysed, times the pages there are now. Partitions
# that were never analysed have -1, those of few rows for good: they hold as many rows a byte as the others of the table
# do. Where none was analysed nothing is known, unless all are empty.
_TABLES = """
SELECT root.relname AS "table",
       CASE WHEN sum(pg_relation_size(leaf.oid)) = 0 THEN 0
            ELSE sum(CASE WHEN leaf.reltuples < 0 THEN NULL WHEN leaf.relpages = 0 THEN leaf.reltuples
                     ELSE leaf.reltuples / leaf.relpages
                          * (pg_relation_size(leaf.oid) / current_setting('block_size')::int) END)
                 * sum(pg_relation_size(leaf.oid))
                 / nullif(sum(pg_relation_size(leaf.oid)) FILTER (WHERE leaf.reltuples >= 0), 0) END AS rows,
       sum(pg_table_size(leaf.oid)) AS table_bytes, sum(pg_indexes_size(leaf.oid)) AS index_bytes
FROM pg_class leaf
JOIN pg_class root ON root.oid = coalesce(pg_partition_root(leaf.oid), leaf.oid::regclass)
JOIN pg_namespace n ON n.oid = root.relnamespace
WHERE leaf.relkind = 'r' AND n.nspname = 'public'
GROUP BY 1
"""
_OBJECTS = """
SELECT (SELECT count(*) FROM repositories WHERE deleted_at IS NULL) AS repositories,
       (SELECT count(*) FROM top_level_namespaces) AS namespaces
"""
_MIGRATIONS = """
SELECT s.status, count(m.id) AS migrations
FROM (VALUES (0, 'paused'), (1, 'active'), (2, 'finished'), (3, 'failed'), (4, 'running')) AS s (code, status)
LEFT JOIN batched_background_migrations m ON m.status = s.code
GROUP BY 1
"""
_UNFINISHED = """
SELECT m.name AS migration, s.status, 1 AS here, extract(epoch FROM m.created_at) AS created
FROM batched_background_migrations m
JOIN (VALUES (0, 'paused'), (1, 'active'), (3, 'failed'), (4, 'running')) AS s (code, status) ON m.status = s.code
ORDER BY m.id
LIMIT 200
"""
_SCHEMA = """
SELECT 'pre_deployment' AS type, count(*) AS applied FROM schema_migrations
UNION ALL
SELECT 'post_deployment', count(*) FROM post_deploy_schema_migrations
"""
_IMPORT = """
WITH last AS (SELECT * FROM import_statistics ORDER BY id DESC LIMIT 1),
phases AS (
  SELECT 'pre_import' AS phase, pre_import AS wanted, pre_import_started_at AS started,
         pre_import_finished_at AS finished, pre_import_error AS error
  FROM last
  UNION ALL SELECT 'tag_import', tag_import, tag_import_started_at, tag_import_finished_at, tag_import_error FROM last
  UNION ALL
  SELECT 'blob_import', blob_import, blob_import_started_at, blob_import_finished_at, blob_import_error FROM last
)
SELECT phase, s.status,
       (s.status = CASE WHEN error IS NOT NULL THEN 'failed' WHEN finished IS NOT NULL THEN 'finished'
                        WHEN started IS NOT NULL THEN 'running' ELSE 'waiting' END)::int AS here
FROM phases, (VALUES ('failed'), ('finished'), ('running'), ('waiting')) AS s (status)
WHERE wanted
"""
# A replica that is cut off has replayed all that it received, and falls behind all the same: it has no receiver then.
_LAG = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0
            WHEN pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn()
                 AND EXISTS (SELECT FROM pg_stat_wal_receiver) THEN 0
            ELSE extract(epoch FROM clock_timestamp() - pg_last_xact_replay_timestamp()) END AS lag
"""
_CONNECTIONS = """
SELECT coalesce(state, 'unknown') AS state, count(*) AS connections,
       current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int AS most
FROM pg_stat_activity WHERE backend_type = 'client backend'
GROUP BY 1
"""
_STORAGE = """
SELECT 'deduplicated' AS kind, coalesce(sum(size), 0) AS bytes FROM blobs
UNION ALL
SELECT 'logical', coalesce(sum(b.size), 0) FROM repository_blobs r JOIN blobs b ON b.digest = r.blob_digest
"""
_NAMESPACE_STORAGE = """
WITH sizes AS (
  SELECT held.top_level_namespace_id AS id, sum(b.size) AS bytes, sum(b.size * held.times) AS logical
  FROM (SELECT top_level_namespace_id, blob_digest, count(*) AS times FROM repository_blobs GROUP BY 1, 2) held
  JOIN blobs b ON b.digest = held.blob_digest
  GROUP BY 1
), ranked AS (
  SELECT n.name, s.bytes, s.logical, row_number() OVER (ORDER BY s.bytes DESC, n.id) AS place
  FROM sizes s JOIN top_level_namespaces n ON n.id = s.id
)
SELECT CASE WHEN place <= %(names)s THEN name ELSE 'other' END AS namespace,
       sum(bytes) AS bytes, sum(logical) AS logical
FROM ranked GROUP BY 1
"""
_NAMESPACE_REPOSITORIES = """
WITH counts AS (
  SELECT top_level_namespace_id AS id, count(*) AS found FROM repositories WHERE deleted_at IS NULL GROUP BY 1
), ranked AS (
  SELECT n.name, c.found, row_number() OVER (ORDER BY c.found DESC, n.id) AS place
  FROM counts c JOIN top_level_namespaces n ON n.id = c.id
)
SELECT CASE WHEN place <= %(names)s THEN name ELSE 'other' END AS namespace, sum(found) AS found
FROM ranked GROUP BY 1
"""

QUERIES: tuple[DatabaseQuery, ...] = (
    DatabaseQuery(
        "gc_queues",
        _QUEUES,
        (
            Filled(metadata.QUEUE_TASKS, "queued", ("queue", "state=queued")),
            Filled(metadata.QUEUE_TASKS, "overdue", ("queue", "state=overdue")),
            Filled(metadata.QUEUE_RETRIED, "retried", ("queue",)),
            Filled(metadata.QUEUE_OLDEST, "oldest", ("queue",)),
            Filled(metadata.QUEUE_DRAIN, "overdue", ("queue",)),
        ),
    ),
    DatabaseQuery(
        "tables",
        _TABLES,
        (
            Filled(metadata.ROWS, "rows", ("table",)),
            Filled(metadata.TABLE_SIZE, "table_bytes", ("table", "part=table")),
            Filled(metadata.TABLE_SIZE, "index_bytes", ("table", "part=indexes")),
        ),
        every=300,
    ),
    DatabaseQuery(
        "objects",
        _OBJECTS,
        (Filled(metadata.REPOSITORIES, "repositories"), Filled(metadata.NAMESPACES, "namespaces")),
        every=300,
        within=30,
    ),
    DatabaseQuery(
        "background_migrations", _MIGRATIONS, (Filled(metadata.BACKGROUND_MIGRATIONS, "migrations", ("status",)),)
    ),
    DatabaseQuery(
        "unfinished_background_migrations",
        _UNFINISHED,
        (
            Filled(metadata.BACKGROUND_MIGRATION_STATUS, "here", ("migration", "status")),
            Filled(metadata.BACKGROUND_MIGRATION_CREATED, "created", ("migration", "status")),
        ),
    ),
    DatabaseQuery("schema_migrations", _SCHEMA, (Filled(metadata.SCHEMA_MIGRATIONS, "applied", ("type",)),), every=300),
    DatabaseQuery("import", _IMPORT, (Filled(metadata.IMPORTS, "here", ("phase", "status")),), every=300),
    DatabaseQuery("replica_lag", _LAG, (Filled(metadata.REPLICA_LAG, "lag"),), every=15),
    DatabaseQuery(
        "connections",
        _CONNECTIONS,
        (Filled(metadata.CONNECTIONS, "connections", ("state",)), Filled(metadata.CONNECTIONS_LIMIT, "most")),
        every=15,
    ),
    DatabaseQuery(
        "storage", _STORAGE, (Filled(metadata.STORAGE, "bytes", ("kind",)),), every=3600, within=600, heavy=True
    ),
    DatabaseQuery(
        "namespace_storage",
        _NAMESPACE_STORAGE,
        (
            Filled(metadata.NAMESPACE_STORAGE, "bytes", ("namespace",)),
            Filled(metadata.NAMESPACE_LOGICAL_STORAGE, "logical", ("namespace",)),
        ),
        every=3600,
        within=600,
        heavy=True,
    ),
    DatabaseQuery(
        "namespace_repositories",
        _NAMESPACE_REPOSITORIES,
        (Filled(metadata.NAMESPACE_REPOSITORIES, "found", ("namespace",)),),
        every=3600,
        within=60,
        heavy=True,
    ),
)

_SERVER_QUERIES = "postgres-queries.yaml"


def bloat_query() -> DatabaseQuery:
    """The estimate of bloat that the pack has for the postgres_exporter, as one query. Raises PackError."""
    file = find_pack().file("exporters", _SERVER_QUERIES)
    queries = load_yaml(file.read(), str(file.path), error=PackError).data
    parts = {"table": queries["pg_table"]["query"], "indexes": queries["pg_index"]["query"]}
    # Every index of a table is summed up; a table without a B-tree has none.
    sql = "\nUNION ALL\n".join(
        f"SELECT \"table\", '{part}' AS part, sum(bloat_bytes) AS bytes FROM ({text}) q GROUP BY 1"  # noqa: S608 - ours
        for part, text in parts.items()
    )
    fills = (Filled(metadata.TABLE_BLOAT, "bytes", ("table", "part")),)
    return DatabaseQuery("bloat", sql, fills, every=900, within=60)


# What the exporter's role needs, for `regobs export database --role-sql`.
ROLE_SQL = """\
-- A role that can read the registry's metadata and the server's statistics, and change nothing.
-- As many connections as exporters, and one; through PgBouncer as many as it keeps in its pool for the role.
CREATE ROLE regobs LOGIN CONNECTION LIMIT 2;  -- set its password with \\password regobs
ALTER ROLE regobs SET default_transaction_read_only = on;
GRANT pg_monitor TO regobs;
GRANT USAGE ON SCHEMA public, partitions TO regobs;
-- Bloat is estimated from the statistics of every table that the role may read. Repeat this after an upgrade of the
-- registry that adds tables.
GRANT SELECT ON ALL TABLES IN SCHEMA public, partitions TO regobs;
"""

"""The PostgreSQL server behind the metadata database: what the registry's own view of it does not show.

Bloat, sizes, vacuum and lag come from the pack's queries for the exporter (exporters/postgres-queries.yaml).
"""

from regobs.catalog import postgresql as pg
from regobs.grafana.words import *

now = Row(
    "Server status",
    Stat("PostgreSQL servers down", down(pg.UP), good="0", thresholds=(0.5, 1)),
    Stat("PostgreSQL exporter errors", total(pg.SCRAPE_ERROR), good="0", thresholds=(1, 2)),
    Stat("PostgreSQL deadlocks in range", increase(pg.DEADLOCKS), good="0", thresholds=(1, 10)),
    Stat("Total database size", total(highest(pg.DATABASE_SIZE, by="datname")), good="grows with the images"),
    logs="recent-errors",
    see="database-detail",
)

by_server, by_database = "instance", ("instance", "datname")
opened = total(pg.CONNECTIONS, by=by_server)
connections = ratio(opened, highest(pg.MAX_CONNECTIONS, by=by_server))
working = total(select(pg.CONNECTIONS, state=other_than("idle", "disabled")), by=("instance", "state"))
stuck = select(pg.LONGEST_TRANSACTION, state=("idle in transaction", "idle in transaction (aborted)"))
strong = select(pg.LOCKS, mode=("sharelock", "sharerowexclusivelock", "exclusivelock", "accessexclusivelock"))
locks = total(strong, by=("instance", "mode"))
oldest = highest(pg.LONGEST_TRANSACTION, by=by_server)

sessions = Row(
    "Connections and locks",
    Lines("PostgreSQL connections, % of max", connections, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("PostgreSQL busy connections by state (top 10)", top(10, working), good="mostly active", stacked=True),
    Lines("PostgreSQL oldest transaction", oldest, good="seconds; minutes in a migration"),
    Lines("PostgreSQL oldest idle in transaction", highest(stuck, by=by_server), good="below 1 s; it blocks vacuum"),
    Lines("PostgreSQL exclusive locks by mode", locks, good="0 except in migrations", stacked=True),
    Lines("PostgreSQL deadlocks", rate(pg.DEADLOCKS, by=by_database), good="0"),
    logs="recent-errors",
    see="database-detail",
)

hits, reads = rate(pg.BLOCKS_HIT, by=by_server), rate(pg.BLOCKS_READ, by=by_server)
cache_hits = ratio(hits, hits + reads)
commits, rollbacks = rate(pg.COMMITS, by=by_server), rate(pg.ROLLBACKS, by=by_server)
inserted, updated, deleted = rate(pg.ROWS_INSERTED), rate(pg.ROWS_UPDATED), rate(pg.ROWS_DELETED)
written = {"inserted": inserted, "updated": updated, "deleted": deleted}
read = {"scanned": rate(pg.ROWS_RETURNED), "fetched": rate(pg.ROWS_FETCHED)}
checkpoints = {"timed": rate(pg.CHECKPOINTS_TIMED), "requested": rate(pg.CHECKPOINTS_REQUESTED)}
by_checkpoint, by_writer = rate(pg.BUFFERS_CHECKPOINT), rate(pg.BUFFERS_CLEANED)
writers = {"checkpoints": by_checkpoint, "background writer": by_writer, "connections": rate(pg.BUFFERS_BACKEND)}

work = Row(
    "Throughput",
    Lines("PostgreSQL transactions", {"committed": commits, "rolled back": rollbacks}, good="follows the requests"),
    Lines("PostgreSQL rollbacks, % of transactions", ratio(rollbacks, rollbacks + commits), good="constant", zoom=True),
    Lines("PostgreSQL cache hit ratio", cache_hits, good="above 99 %", thresholds=(0.99, 0.9), zoom=True),
    Lines("PostgreSQL rows written", written, good="follows pushes and deletes"),
    Lines("PostgreSQL rows read", read, good="a wide gap means sequential scans", log=True),
    Lines("PostgreSQL temporary file bytes", rate(pg.TEMPORARY_BYTES, by=by_database), good="0"),
    Lines("PostgreSQL checkpoints", checkpoints, good="timed; many requested mean a small max_wal_size"),
    Lines("Buffers written by source", writers, good="mostly checkpoints"),
    logs="requests-over-time",
    see="database-detail",
)

wraparound = highest(pg.NUMBERS_USED, by=by_database)
table, index = ("instance", "table"), ("instance", "index")
dead = highest(pg.DEAD_ROWS, by=table)
bloat, sizes = highest(pg.TABLE_BLOAT, by=table), highest(pg.TABLE_SIZE, by=table)
indexes = highest(pg.INDEX_SIZE, by=table)
btrees, btree_bloat = highest(pg.BTREE_SIZE, by=index), highest(pg.BTREE_BLOAT, by=index)
vacuumed = age(pg.VACUUMED, by=table, or_never=True)
all_tables = ratio(total(pg.TABLE_BLOAT, by=by_server), total(pg.TABLE_SIZE, by=by_server))
all_btrees = ratio(total(pg.BTREE_BLOAT, by=by_server), total(pg.BTREE_SIZE, by=by_server))

size = Row(
    "Size and bloat",
    Stat("Table bloat, %", all_tables, good="below 30 %", thresholds=(0.3, 0.4)),
    Stat("B-tree bloat, %", all_btrees, good="below 50 %; new indexes have 33 %", thresholds=(0.5, 0.7)),
    Lines("Database size", top(10, highest(pg.DATABASE_SIZE, by=by_database)), good="grows with the images"),
    Lines("Table size (top 10)", top(10, sizes), good="largest: manifests and blobs"),
    Lines("Index size by table (top 10)", top(10, indexes), good="no more than a few times the table"),
    Lines("Table bloat in bytes (top 10)", top(10, bloat), good="constant; vacuum reuses it"),
    Lines("Table bloat, % by table (top 10)", top(10, ratio(bloat, sizes)), good="below 30 %", zoom=True),
    Lines("B-tree size (top 10)", top(10, btrees), good="constant relative to the table"),
    Lines("B-tree bloat in bytes (top 10)", top(10, btree_bloat), good="constant; REINDEX CONCURRENTLY frees it"),
    Lines("B-tree bloat, % by index (top 10)", top(10, ratio(btree_bloat, btrees)), good="below 50 %", zoom=True),
    Lines("Dead rows, % (top 10)", top(10, ratio(dead, dead + highest(pg.LIVE_ROWS, by=table))), good="below 20 %"),
    Bars("Time since vacuum (top 10)", top(10, vacuumed), good="a few days"),
    Lines("Transaction ID wraparound, % used", wraparound, good="sawtooth below 15 %", thresholds=(0.25, 0.6)),
    logs="gc-decisions",
    see="garbage-collection-detail",
)

delay, slot = highest(pg.REPLAY_DELAY, by=by_server), ("instance", "slot_name")

replication = Row(
    "Replication",
    Stat("PostgreSQL replicas", total(pg.IS_REPLICA), good="number of configured replicas"),
    States("PostgreSQL up", lowest(pg.UP, by=by_server), good="always up"),
    Lines("PostgreSQL replay delay", delay, good="below 1 s"),
    Lines("WAL retained by slots", highest(pg.SLOT_LAG, by=slot), good="below 1 GiB: it fills the disk of the primary"),
    States("Replication slot active", lowest(pg.SLOT_ACTIVE, by=slot), good="always active"),
    Lines("PostgreSQL queries cancelled on replicas", rate(pg.CONFLICTS, by=by_database), good="0"),
    collapsed=True,
    logs="replica-quarantines",
    see="database-detail",
)

dashboard = Dashboard(
    "Registry PostgreSQL Server", now, sessions, work, size, replication, needs=Capability.POSTGRES_EXPORTER
)

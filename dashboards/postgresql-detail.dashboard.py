"""The PostgreSQL server behind the metadata database: what the registry's own view of it does not show.

Bloat, sizes, vacuum and lag come from the pack's queries for the exporter (exporters/postgres-queries.yaml).
"""

from regobs.catalog import postgresql as pg
from regobs.grafana.words import *

one, what, table = "instance", ("instance", "datname"), ("instance", "table")
open_now, state = total(pg.CONNECTIONS, by=one), select(pg.CONNECTIONS, state=other_than("idle", "disabled"))
full, working = ratio(open_now, highest(pg.MAX_CONNECTIONS, by=one)), total(state, by=("instance", "state"))
stuck = select(pg.LONGEST_TRANSACTION, state=("idle in transaction", "idle in transaction (aborted)"))
transactions = {"committed": rate(pg.COMMITS, by=one), "rolled back": rate(pg.ROLLBACKS, by=one)}
rolled_back = ratio(rate(pg.ROLLBACKS, by=one), rate(pg.ROLLBACKS, by=one) + rate(pg.COMMITS, by=one))
blocks_hit, blocks_read = rate(pg.BLOCKS_HIT, by=one), rate(pg.BLOCKS_READ, by=one)
cached = ratio(blocks_hit, blocks_hit + blocks_read)
rows_new = {"inserted": rate(pg.ROWS_INSERTED), "updated": rate(pg.ROWS_UPDATED)}
rows_written = {**rows_new, "deleted": rate(pg.ROWS_DELETED)}
rows_read = {"went through": rate(pg.ROWS_RETURNED), "fetched by index": rate(pg.ROWS_FETCHED)}
strong = select(pg.LOCKS, mode=("sharelock", "sharerowexclusivelock", "exclusivelock", "accessexclusivelock"))
checkpoints = {"due": rate(pg.CHECKPOINTS_TIMED), "early": rate(pg.CHECKPOINTS_REQUESTED)}
by_checkpoint = {"checkpoints": rate(pg.BUFFERS_CHECKPOINT), "background writer": rate(pg.BUFFERS_CLEANED)}
writers = {**by_checkpoint, "connections": rate(pg.BUFFERS_BACKEND)}
dead = ratio(highest(pg.DEAD_ROWS, by=table), highest(pg.DEAD_ROWS, by=table) + highest(pg.LIVE_ROWS, by=table))
bloat, sizes = highest(pg.TABLE_BLOAT, by=table), highest(pg.TABLE_SIZE, by=table)
indexes, vacuumed = highest(pg.INDEX_SIZE, by=table), age(pg.VACUUMED, by=table)
bloated = ratio(total(pg.TABLE_BLOAT, by=one), total(pg.TABLE_SIZE, by=one))
btrees_bloated = ratio(total(pg.BTREE_BLOAT, by=one), total(pg.BTREE_SIZE, by=one))
index = ("instance", "index")
btrees, btree_bloat = highest(pg.BTREE_SIZE, by=index), highest(pg.BTREE_BLOAT, by=index)
numbers = highest(pg.NUMBERS_USED, by=what)
replicas, delay = total(pg.IS_REPLICA), highest(pg.REPLAY_DELAY, by=one)
slots, slot = highest(pg.SLOT_LAG, by=("instance", "slot_name")), lowest(pg.SLOT_ACTIVE, by=("instance", "slot_name"))

dashboard = Dashboard(
    "Registry PostgreSQL Server",
    Row(
        "Is the server well?",
        Stat("Up", total(pg.UP), good="as many as there are", thresholds=(1, 0.5)),
        Stat("Exporters with an error", total(pg.SCRAPE_ERROR), good="0", thresholds=(1, 2)),
        Stat("Connections of the limit", full, good="below 70 %", thresholds=(0.7, 0.9)),
        Stat("Deadlocks in this time range", increase(pg.DEADLOCKS), good="0", thresholds=(1, 10)),
        Stat("Found in memory", cached, good="above 99 %", thresholds=(0.99, 0.9)),
    ),
    Row(
        "Who is connected, and who waits for whom?",
        Lines("Connections of the limit over time", full, good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("At work by state (top 10)", top(10, working), good="mostly active", stacked=True),
        Lines("Oldest transaction", highest(pg.LONGEST_TRANSACTION, by=one), good="seconds, minutes in a migration"),
        Lines("Oldest idle transaction", highest(stuck, by=one), good="below 1 s: whoever opened it does nothing"),
        Lines("Strong locks", total(strong, by=("instance", "mode")), good="0 except in migrations", stacked=True),
        Lines("Deadlocks", rate(pg.DEADLOCKS, by=what), good="0"),
    ),
    Row(
        "How much work is it?",
        Lines("Transactions", transactions, good="follows the requests"),
        Lines("Rolled back", rolled_back, good="level", zoom=True),
        Lines("Blocks found in memory", cached, good="above 99 %", zoom=True),
        Lines("Rows written", rows_written, good="follows pushes and deletes"),
        Lines("Rows read", rows_read, good="not far apart; a gap is a scan without an index", log=True),
        Lines("Temporary files", rate(pg.TEMPORARY_BYTES, by=what), good="0"),
        Lines("Checkpoints", checkpoints, good="due ones; early ones mean that max_wal_size is small"),
        Lines("Blocks written by", writers, good="mostly checkpoints"),
    ),
    Row(
        "Is it full, or full of nothing?",
        Stat("Size", total(pg.DATABASE_SIZE), good="grows with the images"),
        Stat("Bloat of tables", bloated, good="below 30 %", thresholds=(0.3, 0.4)),
        Stat("Bloat of B-trees", btrees_bloated, good="below 50 %; new ones have a third", thresholds=(0.5, 0.7)),
        Stat("Transaction numbers used", highest(pg.NUMBERS_USED), good="below 15 %", thresholds=(0.25, 0.6)),
        Lines("Size of databases", top(10, highest(pg.DATABASE_SIZE, by=what)), good="grows with the images"),
        Lines("Size of tables (top 10)", top(10, sizes), good="manifests and blobs above all"),
        Lines("Size of indexes (top 10)", top(10, indexes), good="no more than a few times the table"),
        Lines("Bloat of tables (top 10)", top(10, bloat), good="level; it is used again, not given back"),
        Lines("Share of bloat in tables (top 10)", top(10, ratio(bloat, sizes)), good="below 30 %", zoom=True),
        Lines("Size of B-trees (top 10)", top(10, btrees), good="level against the table"),
        Lines("Bloat of B-trees (top 10)", top(10, btree_bloat), good="level; REINDEX CONCURRENTLY gives it back"),
        Lines("Share of bloat in B-trees (top 10)", top(10, ratio(btree_bloat, btrees)), good="below 50 %", zoom=True),
        Lines("Dead rows (top 10)", top(10, dead), good="below 20 %", zoom=True),
        Lines("Since the last vacuum (top 10)", top(10, vacuumed), good="days; 50 years is never"),
        Lines("Transaction numbers used over time", numbers, good="a saw below 15 %", thresholds=(0.25, 0.6)),
    ),
    Row(
        "Do the replicas follow?",
        Stat("Replicas", replicas, good="as many as there are"),
        Lines("Seconds behind", delay, good="below 1 s"),
        Lines("Kept for slots", slots, good="below 1 GiB: it fills the disk of the primary"),
        Lines("Slots that are read", slot, good="1"),
        Lines("Queries cancelled on replicas", rate(pg.CONFLICTS, by=what), good="0"),
        collapsed=True,
    ),
    needs=Capability.POSTGRES_EXPORTER,
)

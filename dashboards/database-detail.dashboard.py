"""The metadata database as the registry sees it: its queries, its connections and the choice among its replicas."""

from measures import *
from regobs.catalog import database, load_balancing, row_counts, sql_pool
from regobs.catalog import postgresql as pg
from regobs.grafana.words import *

status = load_balancing.POOL_STATUS
online = capped(total(highest(select(status, status="online"), by="replica")), lowest(load_balancing.POOL_SIZE))
quarantined = total(highest(select(status, status="quarantined"), by="replica"))
query_latency = quantile(0.95, database.QUERY_DURATION)

now = Row(
    "Database status",
    Stat("Database queries", rate(database.QUERIES), good="follows the requests"),
    Stat("Database query latency p95", query_latency, good="below 25 ms", thresholds=(0.1, 1)),
    Stat("Database connection waits", rate(sql_pool.WAITS), good="0", thresholds=(0.1, 1)),
    Stat("Replicas online", by_version(online, before=lowest(load_balancing.POOL_SIZE)), good="all replicas"),
    Stat("Replicas quarantined", quarantined, good="0", alert="RegistryReplicasQuarantined", thresholds=(0.5, 1)),
    Stat("Reads sent to primary, %", sent_to_primary, good="below 5 %", thresholds=(0.05, 0.5)),
    recorded=True,
    logs="recent-errors",
)

by_name, slowest = rate(database.QUERIES, by="name"), quantile(0.95, database.QUERY_DURATION, by="name")
mean_time, time_in = mean(database.QUERY_DURATION, by="name"), volume(database.QUERY_DURATION, by="name")

queries = Row(
    "Queries",
    Lines("Database queries by name (top 10)", top(10, by_name), good="shares as usual", stacked=True),
    Lines("Database query latency p95 by name (top 10)", top(10, slowest), good="flat at any load"),
    Lines("Database query latency mean by name (top 10)", top(10, mean_time), good="flat at any load"),
    Lines("Concurrent database queries (top 10)", top(10, time_in), good="no new name at the top", stacked=True),
    Heat("Database query latency", database.QUERY_DURATION, good="one band; a second band is a slow query or a lock"),
    recorded=True,
    logs="recent-errors",
    see="postgresql-detail",
)

connections = {"in use": total(sql_pool.IN_USE, by="host_type"), "idle": total(sql_pool.IDLE, by="host_type")}
allowed, waits = total(sql_pool.MAX_OPEN, by="host_type"), rate(sql_pool.WAITS, by="host_type")
closed_idle = {"too many idle": rate(sql_pool.CLOSED_MAX_IDLE), "idle too long": rate(sql_pool.CLOSED_IDLE_TIME)}
closed = {**closed_idle, "too old": rate(sql_pool.CLOSED_LIFETIME)}
fullest = top(10, pool_in_use)
POOL, callers = "RegistryDatabasePoolSaturated", rate(sql_pool.WAIT_SECONDS, by="host_type")

pools = Row(
    "Connection pools",
    Lines("Database connections, % of pool", fullest, good="below 70 %", alert=POOL, thresholds=(0.7, 0.9)),
    Lines("Database connections", connections, good="some idle connections at peak load", stacked=True),
    Lines("Database connection limit", allowed, good="limit times instances below max_connections of the server"),
    Lines("Database connection waits by host type", waits, good="0"),
    Lines("Requests waiting for a database connection", callers, good="0", zoom=True),
    Lines("Database connections closed by reason", closed, good="constant; a rise means a low idle limit"),
    logs="recent-errors",
    see="pgbouncer-detail",
)

in_use, opened = total(sql_pool.IN_USE, by=pool), total(sql_pool.OPEN, by=pool)

instances = Row(
    "Connection pools by instance (top 10)",
    Lines("Database connections in use by instance", top(10, in_use), good="even between instances"),
    Lines("Database connections open by instance", top(10, opened), good="even between instances"),
    Lines("Database connection waits by instance", top(10, rate(sql_pool.WAITS, by=pool)), good="0"),
    collapsed=True,
)

lag, changes = highest(load_balancing.LAG_BYTES, by="replica"), load_balancing.POOL_EVENTS
why_primary = rate(select(load_balancing.TARGETS, fallback=True), by="reason")
none_left = zero_filled(rate(select(load_balancing.TARGETS, reason="all_quarantined")), rate(load_balancing.TARGETS))
pool_changes, lag_seconds = (
    rate(changes, by=("event", "reason")),
    quantile(0.95, load_balancing.LAG_SECONDS, by="replica"),
)
online_by_replica = highest(select(status, status="online"), by="replica")

replicas = Row(
    "Replicas",
    Lines("Reads by target", rate(load_balancing.TARGETS, by="target_type"), good="mostly replicas", stacked=True),
    Lines("Reads sent to the primary by reason", why_primary, good="mostly not_up_to_date, after pushes", stacked=True),
    Lines("Reads with no replica available", none_left, good="0", alert="RegistryReplicasQuarantined"),
    States("Replica online", online_by_replica, good="always online", logs="replica-quarantines"),
    Lines("Replica lag in bytes", lag, good="below 1 MiB"),
    Lines("Replica lag p95", lag_seconds, good="below 1 s"),
    Lines("Replica pool changes", pool_changes, good="0", logs="replica-quarantines"),
    logs="primary-fallbacks",
)

lookups = rate(load_balancing.DNS_LOOKUPS, by="lookup_type")
failed = ratio(rate(select(load_balancing.DNS_LOOKUPS, error=True), by="lookup_type"), lookups)
dns_latency = quantile(0.95, load_balancing.DNS_LOOKUPS, by="lookup_type")
hits = rate(select(load_balancing.LSN_CACHE_LOOKUPS, result="hit"))
writes = select(load_balancing.LSN_CACHE_DURATION, operation="set")
lsn_latency = quantile(0.95, load_balancing.LSN_CACHE_DURATION, by="operation")

freshness = Row(
    "Replica discovery (DNS) and LSN cache",
    Lines("DNS look-ups of replicas", lookups, good="constant"),
    Lines("DNS look-ups failed, %", failed, good="0", zoom=True),
    Lines("DNS latency p95", dns_latency, good="below 100 ms"),
    Lines("LSN cache hit ratio", ratio(hits, rate(load_balancing.LSN_CACHE_LOOKUPS)), good="constant"),
    Lines("LSN cache writes failed, %", ratio(rate(select(writes, error=True)), rate(writes)), good="0", zoom=True),
    Lines("LSN cache latency p95", lsn_latency, good="below 10 ms"),
    collapsed=True,
    logs="primary-fallbacks",
)

counting = quantile(0.95, row_counts.COLLECTION_DURATION)
database_label = ("instance", "datname")
table_bloat = ratio(total(pg.TABLE_BLOAT, by=database_label), total(pg.TABLE_SIZE, by=database_label))
index_bloat = ratio(total(pg.BTREE_BLOAT, by=database_label), total(pg.BTREE_SIZE, by=database_label))
size = top(10, highest(pg.DATABASE_SIZE, by=database_label))

rows = Row(
    "Rows and size",
    Lines("Row counts by query", highest(row_counts.ROWS, by="query_name"), good="constant or falling", log=True),
    Lines("Row count duration p95", counting, good="below 5 s"),
    Lines("Database size", size, good="grows with the images"),
    Lines("Table bloat, % by database", table_bloat, good="below 30 %", thresholds=(0.3, 0.4)),
    Lines("B-tree bloat, % by database", index_bloat, good="below 50 %; new indexes have 33 %", thresholds=(0.5, 0.7)),
    see="postgresql-detail",
)

dashboard = Dashboard(
    "Registry Database Detail",
    *(now, queries, pools, instances, replicas, freshness, rows),
    needs=Capability.METADATA_DATABASE,
)

"""The metadata database as the registry sees it: its queries, its connections and the choice among its replicas."""

from regobs.catalog import database, load_balancing, row_counts, sql_pool
from regobs.catalog import postgresql as pg
from regobs.grafana.words import *

queries, slowest = rate(database.QUERIES, by="name"), quantile(0.95, database.QUERY_DURATION, by="name")
SATURATED = "RegistryDatabasePoolSaturated"
host, each = "host_type", ("instance", "host_type")
fullest = ratio(highest(sql_pool.IN_USE, by=each), highest(sql_pool.MAX_OPEN, by=each))
connections = {"in use": total(sql_pool.IN_USE, by=host), "idle": total(sql_pool.IDLE, by=host)}
in_use, opened = top(10, total(sql_pool.IN_USE, by=each)), top(10, total(sql_pool.OPEN, by=each))
closed_idle = {"too many": rate(sql_pool.CLOSED_MAX_IDLE), "for too long": rate(sql_pool.CLOSED_IDLE_TIME)}
closed = {**closed_idle, "too old": rate(sql_pool.CLOSED_LIFETIME)}
status = load_balancing.POOL_STATUS
replicas = {state: highest(select(status, status=state), by="replica") for state in ("online", "quarantined")}
reads = rate(load_balancing.TARGETS)
to_primary = ratio(rate(select(load_balancing.TARGETS, fallback=True)), reads)
why_primary = rate(select(load_balancing.TARGETS, fallback=True), by="reason")
none_left = zero_filled(rate(select(load_balancing.TARGETS, reason="all_quarantined")), reads)
changes = rate(load_balancing.POOL_EVENTS, by=("event", "reason"))
dns = rate(load_balancing.DNS_LOOKUPS, by="lookup_type")
dns_failed = ratio(rate(select(load_balancing.DNS_LOOKUPS, error=True), by="lookup_type"), dns)
named = ("instance", "datname")
tables = ratio(total(pg.TABLE_BLOAT, by=named), total(pg.TABLE_SIZE, by=named))
btrees = ratio(total(pg.BTREE_BLOAT, by=named), total(pg.BTREE_SIZE, by=named))
lsn = load_balancing.LSN_CACHE_DURATION
lsn_hits = ratio(rate(select(load_balancing.LSN_CACHE_LOOKUPS, result="hit")), rate(load_balancing.LSN_CACHE_LOOKUPS))
lsn_failed = ratio(rate(select(lsn, operation="set", error=True)), rate(select(lsn, operation="set")))

dashboard = Dashboard(
    "Registry Database Detail",
    Row(
        "Is the database fast, and is there room for more?",
        Stat("Queries", rate(database.QUERIES), good="follows the requests"),
        Stat("p95 of queries", quantile(0.95, database.QUERY_DURATION), good="below 25 ms", thresholds=(0.1, 1)),
        Stat("Connections open", total(sql_pool.OPEN), good="level"),
        Stat("Waits for a connection", rate(sql_pool.WAITS), good="0", thresholds=(0.1, 1)),
        Stat("Replicas in the pool", lowest(load_balancing.POOL_SIZE), good="as many as there are"),
        Stat("Reads sent to the primary", to_primary, good="below 5 %", thresholds=(0.05, 0.5)),
    ),
    Row(
        "Which queries?",
        Lines("Queries by name (top 10)", top(10, queries), good="the usual mix", stacked=True),
        Lines("p95 by name (top 10)", top(10, slowest), good="flat at any load"),
        Lines("Mean by name (top 10)", top(10, mean(database.QUERY_DURATION, by="name")), good="flat at any load"),
        Lines("Time in queries (top 10)", top(10, volume(database.QUERY_DURATION, by="name")), good="no newcomer"),
        Lines("p95 of all", quantile(0.95, database.QUERY_DURATION), good="below 25 ms"),
        Heat("All queries", database.QUERY_DURATION, good="one band; a second band is a slow query or a lock"),
        recorded=True,
    ),
    Row(
        "Are there enough connections?",
        Lines("Share in use", top(10, fullest), good="below 70 %", alert=SATURATED, thresholds=(0.7, 0.9)),
        Lines("Connections", connections, good="idle ones are left at every peak", stacked=True),
        Lines("Limit", total(sql_pool.MAX_OPEN, by=host), good="the limit times the instances, below the server's"),
        Lines("Waits", rate(sql_pool.WAITS, by=host), good="0"),
        Lines("Callers that wait at a time", rate(sql_pool.WAIT_SECONDS, by=host), good="0", zoom=True),
        Lines("Connections closed", closed, good="level; many closed as too many idle cost a new one each"),
    ),
    Row(
        "Does one instance differ? (the ten highest)",
        Lines("In use by instance", in_use, good="even between instances"),
        Lines("Open by instance", opened, good="even between instances"),
        Lines("Waits by instance", top(10, rate(sql_pool.WAITS, by=each)), good="0"),
        collapsed=True,
    ),
    Row(
        "Do the replicas take the reads?",
        Lines("Reads by target", rate(load_balancing.TARGETS, by="target_type"), good="mostly replicas", stacked=True),
        Lines("Share sent to the primary", to_primary, good="level", zoom=True),
        Lines("Why the primary", why_primary, good="mostly not_up_to_date, after pushes", stacked=True),
        Lines("No replica left", none_left, good="0", alert="RegistryReplicasQuarantined"),
        Lines("Replicas in the pool of each instance", lowest(load_balancing.POOL_SIZE), good="as many as there are"),
        Lines("State of replicas", replicas, good="online 1, quarantined 0", logs="replica-quarantines"),
        Lines("Bytes behind", highest(load_balancing.LAG_BYTES, by="replica"), good="below 1 MiB"),
        Lines("p95 of seconds behind", quantile(0.95, load_balancing.LAG_SECONDS, by="replica"), good="below 1 s"),
        Lines("Changes of the pool", changes, good="0", logs="replica-quarantines"),
        logs="primary-fallbacks",
    ),
    Row(
        "How do instances find replicas, and which are fresh enough?",
        Lines("DNS look-ups", dns, good="level"),
        Lines("DNS look-ups that failed", dns_failed, good="0", zoom=True),
        Lines("p95 of DNS", quantile(0.95, load_balancing.DNS_LOOKUPS, by="lookup_type"), good="below 100 ms"),
        Lines("Log positions found in Redis", lsn_hits, good="level; it falls when Redis was emptied"),
        Lines("Log positions not written", lsn_failed, good="0", zoom=True),
        Lines("p95 of log positions", quantile(0.95, lsn, by="operation"), good="below 10 ms"),
        collapsed=True,
    ),
    Row(
        "How many rows wait?",
        Lines("Rows counted", highest(row_counts.ROWS, by="query_name"), good="level or falling", log=True),
        Lines("p95 of counting", quantile(0.95, row_counts.COLLECTION_DURATION), good="below 5 s"),
    ),
    Row(
        "How large is it, and how much of that is nothing?",
        Lines("Size of databases", top(10, highest(pg.DATABASE_SIZE, by=named)), good="grows with the images"),
        Lines("Bloat of tables", tables, good="below 30 %", thresholds=(0.3, 0.4)),
        Lines("Bloat of B-trees", btrees, good="below 50 %; new ones have a third", thresholds=(0.5, 0.7)),
    ),
    needs=Capability.METADATA_DATABASE,
)

"""PgBouncer between the registry and PostgreSQL: who waits for a server connection, and is the pool large enough?

A client that waits here is time of a query to the registry, which cannot tell the two apart.
"""

from regobs.catalog import pgbouncer
from regobs.grafana.words import *

one, pool, database = "instance", ("instance", "database", "user"), ("instance", "database")
real = {"database": other_than("pgbouncer")}  # the admin console is listed like a database
active, waiting = (total(select(m, **real), by=pool) for m in (pgbouncer.SERVERS_ACTIVE, pgbouncer.CLIENTS_WAITING))
states = ("active", "idle", "used", "tested", "login")
metrics = (pgbouncer.SERVERS_ACTIVE, pgbouncer.SERVERS_IDLE, pgbouncer.SERVERS_USED, pgbouncer.SERVERS_TESTED)
servers = {s: total(select(m, **real)) for s, m in zip(states, (*metrics, pgbouncer.SERVERS_LOGIN), strict=True)}
size = highest(select(pgbouncer.POOL_SIZE, **real), by=database)
reserve = highest(select(pgbouncer.RESERVE_SIZE, **real), by=database)
pools = count(select(pgbouncer.SERVERS_ACTIVE, **real), by=database)  # each pair of database and user is a pool
full = ratio(total(select(pgbouncer.POOL_CONNECTIONS, **real), by=database), (size + reserve) * pools)
clients = ratio(highest(pgbouncer.USED_CLIENTS, by=one), highest(pgbouncer.MAX_CLIENTS, by=one))
queries = rate(select(pgbouncer.QUERIES, **real), by=database)
transactions = rate(select(pgbouncer.TRANSACTIONS, **real), by=database)
wait = rate(select(pgbouncer.WAIT_SECONDS, **real), by=database)
busy = {"in queries": rate(pgbouncer.QUERY_SECONDS), "in transactions": rate(pgbouncer.TRANSACTION_SECONDS)}
oldest = highest(select(pgbouncer.LONGEST_WAIT, **real), by=pool)
mean_query = per(rate(select(pgbouncer.QUERY_SECONDS, **real), by=database), queries)
mean_wait, queries_each = per(wait, transactions), per(queries, transactions)
network = {"from clients": rate(pgbouncer.RECEIVED), "to clients": rate(pgbouncer.SENT)}

dashboard = Dashboard(
    "Registry PgBouncer",
    Row(
        "Does anybody wait for a connection?",
        Stat("Up", total(pgbouncer.UP), good="as many as there are", thresholds=(1, 0.5)),
        Stat("Clients waiting", total(select(pgbouncer.CLIENTS_WAITING, **real)), good="0", thresholds=(1, 10)),
        Stat("Longest wait", highest(select(pgbouncer.LONGEST_WAIT, **real)), good="below 1 s", thresholds=(1, 5)),
        Stat("Fullest pool", top(1, full), good="below 70 %", thresholds=(0.7, 0.9)),
        Stat("Clients of the limit", top(1, clients), good="below 70 %", thresholds=(0.7, 0.9)),
        Stat("Databases paused", total(pgbouncer.PAUSED), good="0", thresholds=(1, 2)),
        Lines("Clients waiting by pool (top 10)", top(10, waiting), good="0"),
        Lines("Longest wait by pool (top 10)", top(10, oldest), good="below 1 s"),
        Lines("Wait of a transaction", mean_wait, good="below 10 ms"),
    ),
    Row(
        "Are the pools large enough?",
        Lines("Server connections of the limit (top 10)", top(10, full), good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("Server connections", servers, good="idle ones are left at every peak", stacked=True),
        Lines("At work by pool (top 10)", top(10, active), good="below the size of the pool"),
        Lines("Clients of the limit over time", clients, good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("Waiting at a time", wait, good="0", zoom=True),
        Lines("Busy at a time", busy, good="close together: a transaction that idles holds a connection"),
    ),
    Row(
        "What passes?",
        Lines("Queries", queries, good="follows the requests"),
        Lines("Transactions", transactions, good="follows the requests"),
        Lines("Queries of a transaction", queries_each, good="level"),
        Lines("Mean time of queries", mean_query, good="below 10 ms"),
        Lines("Network", network, good="follows the queries"),
    ),
    needs=Capability.PGBOUNCER_EXPORTER,
)

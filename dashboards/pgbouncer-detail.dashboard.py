"""PgBouncer between the registry and PostgreSQL: who waits for a server connection, and is the pool large enough?

A client that waits here is time of a query to the registry, which cannot tell the two apart.
"""

from regobs.catalog import pgbouncer
from regobs.grafana.words import *

pool, by_database, real = ("instance", "database", "user"), ("instance", "database"), other_than("pgbouncer")
waiting = select(pgbouncer.CLIENTS_WAITING, database=real)
longest_wait = select(pgbouncer.LONGEST_WAIT, database=real)
size = highest(select(pgbouncer.POOL_SIZE, database=real), by=by_database)
reserve = highest(select(pgbouncer.RESERVE_SIZE, database=real), by=by_database)
pools = count(select(pgbouncer.SERVERS_ACTIVE, database=real), by=by_database)  # one for each database and user
taken = (  # what is open and idle serves the next client
    total(select(pgbouncer.SERVERS_ACTIVE, database=real), by=by_database)
    + total(select(pgbouncer.SERVERS_TESTED, database=real), by=by_database)
    + total(select(pgbouncer.SERVERS_LOGIN, database=real), by=by_database)
)
full = ratio(taken, (size + reserve) * pools)
oldest, transactions = (
    highest(longest_wait, by=pool),
    rate(select(pgbouncer.TRANSACTIONS, database=real), by=by_database),
)
wait = rate(select(pgbouncer.WAIT_SECONDS, database=real), by=by_database)

waits = Row(
    "Waiting clients",
    Stat("PgBouncers down", down(pgbouncer.UP), good="0", thresholds=(0.5, 1)),
    Stat("PgBouncer clients waiting", total(waiting), good="0", thresholds=(1, 10)),
    Stat("PgBouncer longest wait", highest(longest_wait), good="below 1 s", thresholds=(1, 5)),
    Stat("PgBouncer pool utilization, highest", top(1, full), good="below 70 %", thresholds=(0.7, 0.9)),
    Stat("PgBouncer databases paused", total(pgbouncer.PAUSED), good="0", thresholds=(1, 2)),
    Lines("PgBouncer clients waiting by pool (top 10)", top(10, total(waiting, by=pool)), good="0"),
    Lines("PgBouncer longest wait by pool (top 10)", top(10, oldest), good="below 1 s"),
    Lines("PgBouncer wait per transaction", per(wait, transactions), good="below 10 ms"),
    logs="recent-errors",
    see="database-detail",
)

clients = ratio(highest(pgbouncer.USED_CLIENTS, by="instance"), highest(pgbouncer.MAX_CLIENTS, by="instance"))
active = total(select(pgbouncer.SERVERS_ACTIVE, database=real))
active_by_pool = total(select(pgbouncer.SERVERS_ACTIVE, database=real), by=pool)
idle = total(select(pgbouncer.SERVERS_IDLE, database=real))
recently = total(select(pgbouncer.SERVERS_USED, database=real))
tested = total(select(pgbouncer.SERVERS_TESTED, database=real))
login = total(select(pgbouncer.SERVERS_LOGIN, database=real))
servers = {"active": active, "idle": idle, "used": recently, "tested": tested, "login": login}
busy = {"queries": rate(pgbouncer.QUERY_SECONDS), "transactions": rate(pgbouncer.TRANSACTION_SECONDS)}

room = Row(
    "Pool utilization",
    Lines("PgBouncer server connections, % of pool", top(10, full), good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("PgBouncer server connections by state", servers, good="some idle connections at peak load", stacked=True),
    Lines("PgBouncer active connections by pool (top 10)", top(10, active_by_pool), good="below the pool's size"),
    Lines("PgBouncer clients, % of max", clients, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("PgBouncer clients waiting, average", wait, good="0", zoom=True),
    Lines("PgBouncer concurrent queries and transactions", busy, good="equal; a gap is idle in transaction"),
    logs="recent-errors",
    see="database-detail",
)

queries = rate(select(pgbouncer.QUERIES, database=real), by=by_database)
query_time = per(rate(select(pgbouncer.QUERY_SECONDS, database=real), by=by_database), queries)
network = {"from clients": rate(pgbouncer.RECEIVED), "to clients": rate(pgbouncer.SENT)}

work = Row(
    "Throughput",
    Lines("PgBouncer queries", queries, good="follows the requests"),
    Lines("PgBouncer transactions", transactions, good="follows the requests"),
    Lines("PgBouncer queries per transaction", per(queries, transactions), good="constant"),
    Lines("PgBouncer query time mean", query_time, good="below 10 ms"),
    Lines("PgBouncer network", network, good="follows the queries"),
    logs="requests-over-time",
    see="postgresql-detail",
)

dashboard = Dashboard("Registry PgBouncer", waits, room, work, needs=Capability.PGBOUNCER_EXPORTER)

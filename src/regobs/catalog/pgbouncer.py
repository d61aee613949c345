"""What the pgbouncer_exporter of the Prometheus community says of a PgBouncer.

Source: the maps of columns in its collector.go of 2025 (github.com/prometheus-community/pgbouncer_exporter). Debian's
package prometheus-pgbouncer-exporter 1.7 is another program, which ends at once with any PgBouncer since 1.8: it asks
for a column (`total_requests`) that is gone.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_pgbouncer = Component("pgbouncer", Exposer.PGBOUNCER)


def _of_pool(*names: str) -> Form:
    return form(labels=labels(*names), needs=Capability.PGBOUNCER_EXPORTER)


_POOL, _STATS = _of_pool("database", "user"), _of_pool("database")
_CONFIGURED = _of_pool("database", "force_user", "host", "name", "pool_mode", "port")
_CONSOLE = "The admin console counts as a database too, called pgbouncer."

UP = _pgbouncer.gauge("pgbouncer_up", Unit.BOOL, "1 while the exporter can log in.", _of_pool())
MAX_CLIENTS = _pgbouncer.gauge(
    "pgbouncer_config_max_client_connections", Unit.CONNECTIONS, "The most clients that it accepts.", _of_pool()
)
USED_CLIENTS = _pgbouncer.gauge("pgbouncer_used_clients", Unit.CONNECTIONS, "Clients connected.", _of_pool())
CLIENTS_ACTIVE = _pgbouncer.gauge(
    "pgbouncer_pools_client_active_connections", Unit.CONNECTIONS, "Clients that have a server connection.", _POOL
)
CLIENTS_WAITING = _pgbouncer.gauge(
    "pgbouncer_pools_client_waiting_connections",
    Unit.CONNECTIONS,
    "Clients that wait for a server connection.",
    _POOL,
    pitfalls=("Read at the moment of the scrape: a short queue between two scrapes is not seen.",),
)
LONGEST_WAIT = _pgbouncer.gauge(
    "pgbouncer_pools_client_maxwait_seconds", Unit.SECONDS, "How long the first client in the queue waits.", _POOL
)
SERVERS_ACTIVE = _pgbouncer.gauge(
    "pgbouncer_pools_server_active_connections", Unit.CONNECTIONS, "Server connections that serve a client.", _POOL
)
SERVERS_IDLE = _pgbouncer.gauge(
    "pgbouncer_pools_server_idle_connections", Unit.CONNECTIONS, "Server connections ready for a client.", _POOL
)
SERVERS_USED = _pgbouncer.gauge(
    "pgbouncer_pools_server_used_connections",
    Unit.CONNECTIONS,
    "Server connections that are checked before they serve again, because they were idle for long.",
    _POOL,
)
SERVERS_TESTED = _pgbouncer.gauge(
    "pgbouncer_pools_server_testing_connections",
    Unit.CONNECTIONS,
    "Server connections that are being reset or checked.",
    _POOL,
)
SERVERS_LOGIN = _pgbouncer.gauge(
    "pgbouncer_pools_server_login_connections", Unit.CONNECTIONS, "Server connections that are logging in.", _POOL
)
POOL_SIZE = _pgbouncer.gauge(
    "pgbouncer_databases_pool_size",
    Unit.CONNECTIONS,
    "The most server connections of a pool.",
    _CONFIGURED,
    pitfalls=("The limit is for each pair of user and database, so two users have twice as many.",),
)
RESERVE_SIZE = _pgbouncer.gauge(
    "pgbouncer_databases_reserve_pool",
    Unit.CONNECTIONS,
    "Server connections that a pool gets on top when a client waited for too long.",
    _CONFIGURED,
)
POOL_CONNECTIONS = _pgbouncer.gauge(
    "pgbouncer_databases_current_connections", Unit.CONNECTIONS, "Server connections of a database now.", _CONFIGURED
)
PAUSED = _pgbouncer.gauge("pgbouncer_databases_paused", Unit.BOOL, "1 while a database is paused.", _CONFIGURED)
QUERIES = _pgbouncer.counter(
    "pgbouncer_stats_queries_pooled_total", Unit.QUERIES, "Queries that passed.", _STATS, pitfalls=(_CONSOLE,)
)
TRANSACTIONS = _pgbouncer.counter(
    "pgbouncer_stats_sql_transactions_pooled_total",
    Unit.TRANSACTIONS,
    "Transactions that passed.",
    _STATS,
    pitfalls=(_CONSOLE,),
)
QUERY_SECONDS = _pgbouncer.counter(
    "pgbouncer_stats_queries_duration_seconds_total", Unit.SECONDS, "Time that queries took on the server.", _STATS
)
TRANSACTION_SECONDS = _pgbouncer.counter(
    "pgbouncer_stats_server_in_transaction_seconds_total",
    Unit.SECONDS,
    "Time that server connections were in a transaction, at work or idle.",
    _STATS,
)
WAIT_SECONDS = _pgbouncer.counter(
    "pgbouncer_stats_client_wait_seconds_total",
    Unit.SECONDS,
    "Time that clients waited for a server connection.",
    _STATS,
)
RECEIVED = _pgbouncer.counter("pgbouncer_stats_received_bytes_total", Unit.BYTES, "Bytes from clients.", _STATS)
SENT = _pgbouncer.counter("pgbouncer_stats_sent_bytes_total", Unit.BYTES, "Bytes to clients.", _STATS)

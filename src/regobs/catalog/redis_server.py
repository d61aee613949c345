"""What the redis_exporter says of a Redis server. What the registry's clients see of it is in `redis`."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_server = Component("redis_server", Exposer.REDIS)


def _of_server(*names: str, on_event: bool = False, only: str = "") -> Form:
    return form(labels=labels(*names), needs=Capability.REDIS_EXPORTER, on_event=on_event or bool(only), only=only)


_IN_A_CLUSTER = _of_server(only="in a Redis Cluster")

UP = _server.gauge(
    "redis_up",
    Unit.BOOL,
    "1 while the exporter can log in.",
    _of_server(),
    pitfalls=("The exporter hangs with its server: then this vanishes and is not 0.",),
)
START_TIME = _server.gauge("redis_start_time_seconds", Unit.TIMESTAMP, "When the server started.", _of_server())
CLIENTS = _server.gauge("redis_connected_clients", Unit.CONNECTIONS, "Clients connected.", _of_server())
MAX_CLIENTS = _server.gauge("redis_config_maxclients", Unit.CONNECTIONS, "The most clients it accepts.", _of_server())
BLOCKED = _server.gauge(
    "redis_blocked_clients", Unit.CONNECTIONS, "Clients that wait in a blocking command.", _of_server()
)
REJECTED = _server.counter(
    "redis_rejected_connections_total", Unit.CONNECTIONS, "Connections refused at the limit.", _of_server()
)
ACCEPTED = _server.counter("redis_connections_received_total", Unit.CONNECTIONS, "Connections accepted.", _of_server())
COMMANDS = _server.counter(
    "redis_commands_total", Unit.COMMANDS, "Commands processed, by command.", _of_server("cmd", on_event=True)
)
COMMAND_SECONDS = _server.counter(
    "redis_commands_duration_seconds_total",
    Unit.SECONDS,
    "Time spent in commands; the server works on one at a time.",
    _of_server("cmd", on_event=True),
    pitfalls=("The server's own time: neither the network nor the wait for the command before it is in it.",),
)
FAILED = _server.counter(
    "redis_commands_failed_calls_total",
    Unit.COMMANDS,
    "Commands that failed while they ran.",
    _of_server("cmd", on_event=True),
)
_ONE_CORE = ("Commands run in one thread, so that the share of one core is what counts; I/O threads come on top.",)
CPU_USER = _server.counter(
    "redis_cpu_user_seconds_total",
    Unit.SECONDS,
    "CPU time in user mode.",
    _of_server(),
    busy=True,
    pitfalls=_ONE_CORE,
)
CPU_SYSTEM = _server.counter(
    "redis_cpu_sys_seconds_total",
    Unit.SECONDS,
    "CPU time in the kernel.",
    _of_server(),
    busy=True,
    pitfalls=_ONE_CORE,
)
MEMORY = _server.gauge("redis_memory_used_bytes", Unit.BYTES, "Memory that data and buffers take.", _of_server())
MAX_MEMORY = _server.gauge("redis_memory_max_bytes", Unit.BYTES, "The limit of memory; 0 is none.", _of_server())
RESIDENT_MEMORY = _server.gauge(
    "redis_memory_used_rss_bytes", Unit.BYTES, "Memory that the operating system gave.", _of_server()
)
KEYS = _server.gauge("redis_db_keys", Unit.KEYS, "Keys of a database.", _of_server("db"))
KEYS_EXPIRING = _server.gauge(
    "redis_db_keys_expiring", Unit.KEYS, "Keys of a database that have a time to live.", _of_server("db")
)
HITS = _server.counter("redis_keyspace_hits_total", Unit.LOOKUPS, "Look-ups that found their key.", _of_server())
MISSES = _server.counter("redis_keyspace_misses_total", Unit.LOOKUPS, "Look-ups that found none.", _of_server())
EVICTED = _server.counter(
    "redis_evicted_keys_total", Unit.KEYS, "Keys removed because memory was at its limit.", _of_server()
)
EXPIRED = _server.counter("redis_expired_keys_total", Unit.KEYS, "Keys that reached their end.", _of_server())
RECEIVED = _server.counter("redis_net_input_bytes_total", Unit.BYTES, "Bytes from clients.", _of_server())
SENT = _server.counter("redis_net_output_bytes_total", Unit.BYTES, "Bytes to clients.", _of_server())
SLOW = _server.gauge(
    "redis_slowlog_last_id",
    Unit.COMMANDS,
    "Number of the last entry of the slow log, so that it counts slow commands.",
    _of_server(),
    cumulative=True,
)
REPLICAS = _server.gauge("redis_connected_slaves", Unit.REPLICAS, "Replicas connected.", _of_server())
REPLICATION_OFFSET = _server.gauge(
    "redis_master_repl_offset",
    Unit.BYTES,
    "Bytes of the replication stream that were made (primary) or applied (replica).",
    _of_server(),
    cumulative=True,
)
PRIMARY_LINK = _server.gauge(
    "redis_master_link_up",
    Unit.BOOL,
    "1 while a replica is connected to its primary.",
    _of_server("master_host", "master_port", only="on a replica"),
)
FULL_RESYNCS = _server.gauge(
    "redis_replica_resyncs_full",
    Unit.EVENTS,
    "Replicas that had to start from a whole copy.",
    _of_server(),
    cumulative=True,
)
CLUSTER_STATE = _server.gauge(
    "redis_cluster_state",
    Unit.BOOL,
    "1 while every slot of the cluster is served.",
    _IN_A_CLUSTER,
)
CLUSTER_SLOTS_OK = _server.gauge(
    "redis_cluster_slots_ok", Unit.SLOTS, "Slots of the cluster that are served.", _IN_A_CLUSTER
)
CLUSTER_NODES = _server.gauge(
    "redis_cluster_known_nodes",
    Unit.NODES,
    "Nodes of the cluster, failed ones too.",
    _IN_A_CLUSTER,
)

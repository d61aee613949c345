"""Redis as the registry's clients see it, for each logical instance, and below that what the servers say themselves.

A logical instance is one that the registry knows: cache, load balancing or rate limiting. Several of them may be one
server, and the servers may have other clients than registries.
"""

from measures import *
from regobs.catalog import load_balancing, redis, storage
from regobs.catalog import redis_server as server
from regobs.grafana.words import *

commands, slowest = rate(redis.COMMANDS, by="instance"), quantile(0.95, redis.COMMANDS, by="instance")
timed_out = increase(redis.POOL_TIMEOUTS, by="instance")

answers = Row(
    "Redis as the registry sees it",
    Stat("Redis pool timeouts in range", timed_out, good="0", thresholds=(1, 100)),
    Stat("Redis latency p95", quantile(0.95, redis.COMMANDS), good="below 5 ms", thresholds=(0.01, 0.1)),
    Lines("Redis commands by instance", commands, good="follows the requests", logs="rate-limited", stacked=True),
    Lines("Redis latency p95 by instance", slowest, good="below 5 ms"),
    Lines("Redis commands within 10 ms, %", within(0.01, redis.COMMANDS, by="instance"), good="above 99 %", zoom=True),
    logs="recent-errors",
)

by_command, command = rate(redis.COMMANDS, by="command"), ("instance", "command")
slowest_commands, mean_times = quantile(0.95, redis.COMMANDS, by="command"), mean(redis.COMMANDS, by=command)
concurrent = volume(redis.COMMANDS, by="instance")

which = Row(
    "Commands",
    Lines("Redis commands by name (top 10)", top(10, by_command), good="shares as usual", stacked=True),
    Lines("Redis latency p95 by command (top 10)", top(10, slowest_commands), good="flat at any load"),
    Lines("Redis latency mean by command (top 10)", top(10, mean_times), good="below 2 ms"),
    Lines("Redis pipelined commands (top 10)", top(10, rate(redis.PIPELINED, by=command)), good="shares as usual"),
    Lines("Concurrent Redis commands", concurrent, good="a rise without traffic is queueing"),
    Heat("Redis latency distribution", redis.COMMANDS, good="one band; a second band is a slow command or network"),
    logs="recent-errors",
)

opened, idle = total(redis.POOL_TOTAL, by="instance"), total(redis.POOL_IDLE, by="instance")
fullest = top(10, ratio(latest(redis.POOL_TOTAL) - latest(redis.POOL_IDLE), latest(redis.POOL_MAX)))
hits, misses = rate(redis.POOL_HITS, by="instance"), rate(redis.POOL_MISSES, by="instance")
stale = rate(redis.POOL_STALE, by="instance")

pools = Row(
    "Connection pools",
    Lines("Redis connections open", opened, good="constant", alert="RegistryRedisUnreachable"),
    Lines("Redis connections in use", opened - idle, good="well below open connections"),
    Lines("Redis connections, % of pool (top 10)", fullest, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis pool hit ratio", ratio(hits, hits + misses), good="above 99 %", zoom=True),
    Lines("Redis pool timeouts", rate(redis.POOL_TIMEOUTS, by="instance"), good="0"),
    Lines("Stale Redis connections removed", stale, good="near 0; many mean that server or proxy closes them"),
    logs="recent-errors",
)

lsn = quantile(0.95, load_balancing.LSN_CACHE_DURATION, by="operation")

uses = Row(
    "Caches in Redis",
    Lines("LSN cache latency p95", lsn, good="below 10 ms"),
    Lines("Signed URL cache look-ups", rate(storage.URL_CACHE_REQUESTS, by="result"), good="mostly hits"),
)

memory_used, most = highest(server.MEMORY, by="instance"), highest(server.MAX_MEMORY, by="instance")
memories = {"used": memory_used, "resident": highest(server.RESIDENT_MEMORY, by="instance"), "limit": most}
clients = ratio(highest(server.CLIENTS, by="instance"), highest(server.MAX_CLIENTS, by="instance"))
connected = {"connected": highest(server.CLIENTS, by="instance"), "blocked": highest(server.BLOCKED, by="instance")}
cpu_share = rate(server.CPU_USER, by="instance") + rate(server.CPU_SYSTEM, by="instance")
accepted = rate(server.ACCEPTED, by="instance")
network = {"received": rate(server.RECEIVED, by="instance"), "sent": rate(server.SENT, by="instance")}

servers = Row(
    "Redis servers",
    Stat("Redis servers down", down(server.UP), good="0", thresholds=(0.5, 1)),
    Stat("Redis evictions in range", increase(server.EVICTED), good="0, unless it is a cache"),
    Stat("Redis connections refused in range", increase(server.REJECTED), good="0", thresholds=(1, 10)),
    Stat("Redis slow commands in range", increase(server.SLOW), good="0", thresholds=(1, 100)),
    Lines("Redis CPU, % of one core", cpu_share, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis memory", memories, good="constant; resident far above used is fragmentation"),
    Lines("Redis clients", connected, good="sum of all pools; none blocked"),
    Lines("Redis clients, % of max", clients, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis connections accepted", accepted, good="near 0; pools reuse connections"),
    Lines("Redis network", network, good="follows the commands"),
    logs="recent-errors",
    see="capacity",
)

by_cmd = ("instance", "cmd")
time_in = rate(server.COMMAND_SECONDS, by=by_cmd)
found, missed = rate(server.HITS, by="instance"), rate(server.MISSES, by="instance")
# a replica has a copy of each key
expiring = without(server.KEYS_EXPIRING, server.PRIMARY_LINK, on="instance")
here = without(server.KEYS, server.PRIMARY_LINK, on="instance")
keys = {"all": total(here), "with expiry": total(expiring)}
removed = {"evicted": rate(server.EVICTED), "expired": rate(server.EXPIRED)}

work = Row(
    "Server commands and keys (top 10)",
    Lines("Redis server commands", top(10, rate(server.COMMANDS, by=by_cmd)), good="shares as usual", stacked=True),
    Lines("Concurrent Redis server commands", top(10, time_in), good="no new name at the top", stacked=True),
    Lines("Redis commands failed", top(10, rate(server.FAILED, by=by_cmd)), good="0"),
    Lines("Redis keyspace hit ratio", ratio(found, found + missed), good="constant; falls after a flush"),
    Lines("Redis keys", keys, good="constant; most with expiry"),
    Lines("Redis keys removed", removed, good="expired; evicted means that memory is full"),
    Lines("Redis uptime", age(server.START_TIME, by="instance"), good="reset only by a rollout"),
    collapsed=True,
)

followers, link = highest(server.REPLICAS, by="instance"), lowest(server.PRIMARY_LINK, by="instance")
offset, resyncs = rate(server.REPLICATION_OFFSET, by="instance"), rate(server.FULL_RESYNCS, by="instance")
slots, nodes = lowest(server.CLUSTER_SLOTS_OK, by="instance"), lowest(server.CLUSTER_NODES, by="instance")

replication = Row(
    "Replication and cluster",
    States("Redis up", lowest(server.UP, by="instance"), good="always up"),
    States("Redis primary link up", link, good="always up"),
    States("Redis cluster state", lowest(server.CLUSTER_STATE, by="instance"), good="always ok"),
    Lines("Redis replicas", followers, good="number of configured replicas"),
    Lines("Redis replication bytes", offset, good="equal on primary and replicas"),
    Lines("Redis full resyncs", resyncs, good="0; it follows a long disconnect"),
    Lines("Redis cluster slots served", slots, good="16384"),
    Lines("Redis cluster nodes known", nodes, good="equal on all nodes"),
    collapsed=True,
)

dashboard = Dashboard(
    "Registry Redis Detail", answers, which, pools, uses, servers, work, replication, needs=Capability.REDIS
)

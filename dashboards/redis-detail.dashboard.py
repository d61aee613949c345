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
    "Does Redis answer?",
    Stat("Redis pool timeouts, whole time range", timed_out, good="0", thresholds=(1, 100)),
    Stat("Redis latency p95", quantile(0.95, redis.COMMANDS), good="below 5 ms", thresholds=(0.01, 0.1)),
    Lines("Redis commands by instance", commands, good="follows the requests", logs="rate-limited", stacked=True),
    Lines("Redis latency p95 by instance", slowest, good="below 5 ms"),
    Lines("Redis commands within 10 ms", within(0.01, redis.COMMANDS, by="instance"), good="above 99 %", zoom=True),
    logs="recent-errors",
)

by_command, command = rate(redis.COMMANDS, by="command"), ("instance", "command")
slowest_commands, mean_times = quantile(0.95, redis.COMMANDS, by="command"), mean(redis.COMMANDS, by=command)
concurrent = volume(redis.COMMANDS, by="instance")

which = Row(
    "Which commands?",
    Lines("Redis commands by name (top 10)", top(10, by_command), good="the usual mix", stacked=True),
    Lines("Redis latency p95 by command (top 10)", top(10, slowest_commands), good="flat at any load"),
    Lines("Redis latency mean by command (top 10)", top(10, mean_times), good="below 2 ms"),
    Lines("Redis pipelined commands (top 10)", top(10, rate(redis.PIPELINED, by=command)), good="the usual mix"),
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
    Lines("Redis connections open", opened, good="level", alert="RegistryRedisUnreachable"),
    Lines("Redis connections in use", opened - idle, good="far below open"),
    Lines("Redis connections, % of pool (top 10)", fullest, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis pool hit ratio", ratio(hits, hits + misses), good="above 99 %", zoom=True),
    Lines("Redis pool timeouts", rate(redis.POOL_TIMEOUTS, by="instance"), good="0"),
    Lines("Stale Redis connections removed", stale, good="a few; many mean that the server or a proxy closes them"),
    logs="recent-errors",
)

lsn = quantile(0.95, load_balancing.LSN_CACHE_DURATION, by="operation")

uses = Row(
    "What it is used for",
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
    "Are the servers well?",
    Stat("Redis servers down", count(server.UP) - total(server.UP), good="0", thresholds=(0.5, 1)),
    Stat("Redis evictions, whole time range", increase(server.EVICTED), good="0, unless it is meant as a cache"),
    Stat("Redis connections refused, whole time range", increase(server.REJECTED), good="0", thresholds=(1, 10)),
    Stat("Redis slow commands, whole time range", increase(server.SLOW), good="0", thresholds=(1, 100)),
    Lines("Redis CPU, % of one core", cpu_share, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis memory", memories, good="level; resident far above used is fragmentation"),
    Lines("Redis clients", connected, good="the pools of all instances together; none is blocked"),
    Lines("Redis clients, % of max", clients, good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Redis connections accepted", accepted, good="near 0: the pools keep theirs"),
    Lines("Redis network", network, good="follows the commands"),
    logs="recent-errors",
    see="capacity",
)

by_cmd = ("instance", "cmd")
time_in = rate(server.COMMAND_SECONDS, by=by_cmd)
found, looked_up = (
    rate(server.HITS, by="instance"),
    rate(server.HITS, by="instance") + rate(server.MISSES, by="instance"),
)
keys = {"all": total(server.KEYS), "with expiry": total(server.KEYS_EXPIRING)}
removed = {"evicted": rate(server.EVICTED), "expired": rate(server.EXPIRED)}

work = Row(
    "Server work (the ten highest)",
    Lines("Redis server commands", top(10, rate(server.COMMANDS, by=by_cmd)), good="the usual mix", stacked=True),
    Lines("Redis server time by command", top(10, time_in), good="no newcomer", stacked=True),
    Lines("Redis commands failed", top(10, rate(server.FAILED, by=by_cmd)), good="0"),
    Lines("Redis keyspace hit ratio", ratio(found, looked_up), good="level; it falls when it was emptied"),
    Lines("Redis keys", keys, good="level; most with expiry"),
    Lines("Redis keys removed", removed, good="expired ones; evicted ones mean that memory is at its limit"),
    Lines("Redis uptime", age(server.START_TIME, by="instance"), good="only a rollout brings it to 0"),
    collapsed=True,
)

followers, link = highest(server.REPLICAS, by="instance"), lowest(server.PRIMARY_LINK, by="instance")
offset, resyncs = rate(server.REPLICATION_OFFSET, by="instance"), rate(server.FULL_RESYNCS, by="instance")
slots, nodes = lowest(server.CLUSTER_SLOTS_OK, by="instance"), lowest(server.CLUSTER_NODES, by="instance")

replication = Row(
    "Replication and cluster",
    States("Redis up", lowest(server.UP, by="instance"), good="up throughout"),
    States("Redis link to the primary", link, good="up throughout"),
    States("Redis cluster state", lowest(server.CLUSTER_STATE, by="instance"), good="ok throughout"),
    Lines("Redis replicas", followers, good="as many as there are on the primary"),
    Lines("Redis replication stream", offset, good="equal on primary and replicas"),
    Lines("Redis full resyncs", resyncs, good="0: a replica was away for too long"),
    Lines("Redis cluster slots served", slots, good="16384"),
    Lines("Redis cluster nodes known", nodes, good="as many as there are, everywhere the same"),
    collapsed=True,
)

dashboard = Dashboard(
    "Registry Redis Detail", answers, which, pools, uses, servers, work, replication, needs=Capability.REDIS
)

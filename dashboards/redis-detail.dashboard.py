"""Redis as the registry's clients see it, for each logical instance, and below that what the servers say themselves.

A logical instance is one that the registry knows: cache, load balancing or rate limiting. Several of them may be one
server, and the servers may have other clients than registries.
"""

from regobs.catalog import load_balancing, redis, storage
from regobs.catalog import redis_server as server
from regobs.grafana.words import *

commands, slowest = rate(redis.COMMANDS, by="command"), quantile(0.95, redis.COMMANDS, by="command")
each, p95 = ("instance", "command"), quantile(0.95, redis.COMMANDS, by="instance")
by_instance = rate(redis.COMMANDS, by="instance")
timed_out = increase(redis.POOL_TIMEOUTS, by="instance")
hits, misses = rate(redis.POOL_HITS, by="instance"), rate(redis.POOL_MISSES, by="instance")
in_use = total(redis.POOL_TOTAL, by="instance") - total(redis.POOL_IDLE, by="instance")
fullest = top(10, ratio(latest(redis.POOL_TOTAL) - latest(redis.POOL_IDLE), latest(redis.POOL_MAX)))
timeouts, dropped = rate(redis.POOL_TIMEOUTS, by="instance"), rate(redis.POOL_STALE, by="instance")
lsn = load_balancing.LSN_CACHE_DURATION

one, cmd = "instance", ("instance", "cmd")
memory = {"used": highest(server.MEMORY, by=one), "resident": highest(server.RESIDENT_MEMORY, by=one)}
clients = ratio(highest(server.CLIENTS, by=one), highest(server.MAX_CLIENTS, by=one))
found, looked_up = rate(server.HITS, by=one), rate(server.HITS, by=one) + rate(server.MISSES, by=one)
cpu, time_in = rate(server.CPU_USER, by=one) + rate(server.CPU_SYSTEM, by=one), rate(server.COMMAND_SECONDS, by=cmd)
connected = {"connected": highest(server.CLIENTS, by=one), "blocked": highest(server.BLOCKED, by=one)}
limit = highest(server.MAX_MEMORY, by=one)
removed = {"evicted": rate(server.EVICTED), "expired": rate(server.EXPIRED)}
keys = {"all": total(server.KEYS), "with an end": total(server.KEYS_EXPIRING)}
network = {"received": rate(server.RECEIVED, by=one), "sent": rate(server.SENT, by=one)}
served, nodes = lowest(server.CLUSTER_SLOTS_OK, by=one), lowest(server.CLUSTER_NODES, by=one)

dashboard = Dashboard(
    "Registry Redis Detail",
    Row(
        "Does Redis answer?",
        Stat("Commands", by_instance, good="follows the requests"),
        Stat("p95 of commands", p95, good="below 5 ms", thresholds=(0.01, 0.1)),
        Stat("Timeouts in this time range", timed_out, good="0", thresholds=(1, 100)),
        Lines("Commands by instance", by_instance, good="follows the requests", logs="rate-limited", stacked=True),
        Lines("p95 by instance", p95, good="below 5 ms"),
        Lines("Within 10 ms", within(0.01, redis.COMMANDS, by="instance"), good="above 99 %", zoom=True),
    ),
    Row(
        "Which commands?",
        Lines("By command (top 10)", top(10, commands), good="the usual mix", stacked=True),
        Lines("p95 by command (top 10)", top(10, slowest), good="flat at any load"),
        Lines("Mean by command (top 10)", top(10, mean(redis.COMMANDS, by=each)), good="below 2 ms"),
        Lines("Inside pipelines (top 10)", top(10, rate(redis.PIPELINED, by=each)), good="the usual mix", stacked=True),
        Lines("Commands at a time", volume(redis.COMMANDS, by="instance"), good="a rise without traffic is queueing"),
        Heat("All commands", redis.COMMANDS, good="one band; a second band is a slow command or a slow network"),
    ),
    Row(
        "Are there enough connections?",
        Lines("Open", total(redis.POOL_TOTAL, by="instance"), good="level", alert="RegistryRedisUnreachable"),
        Lines("In use", in_use, good="far below open"),
        Lines("Share in use, fullest pools", fullest, good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("Found one in the pool", ratio(hits, hits + misses), good="above 99 %", zoom=True),
        Lines("Timeouts", timeouts, good="0"),
        Lines("Stale ones removed", dropped, good="a few; many mean that the server or a proxy closes them"),
    ),
    Row(
        "What is it for?",
        Lines("p95 of log positions", quantile(0.95, lsn, by="operation"), good="below 10 ms"),
        Lines("Look-ups of signed URLs", rate(storage.URL_CACHE_REQUESTS, by="result"), good="mostly hits"),
    ),
    Row(
        "Are the servers well?",
        Stat("Servers up", total(server.UP), good="as many as there are", thresholds=(1, 0.5)),
        Stat("Memory, largest server", highest(server.MEMORY), good="level, below the limit"),
        Stat("Clients of the limit", top(1, clients), good="below 70 %", thresholds=(0.7, 0.9)),
        Stat("Evicted in this time range", increase(server.EVICTED), good="0, unless it is meant as a cache"),
        Stat("Refused in this time range", increase(server.REJECTED), good="0", thresholds=(1, 10)),
        Stat("Slow commands in this time range", increase(server.SLOW), good="0", thresholds=(1, 100)),
        Lines("CPU of a core", cpu, good="below 70 %: commands run on one core", thresholds=(0.7, 0.9)),
        Lines("Memory", {**memory, "limit": limit}, good="level; resident far above used is fragmentation"),
        Lines("Clients", connected, good="the pools of all instances together; none is blocked"),
        Lines("Connections accepted", rate(server.ACCEPTED, by=one), good="near 0: the pools keep theirs"),
        Lines("Network", network, good="follows the commands"),
    ),
    Row(
        "What do the servers do? (the ten highest)",
        Lines("Commands of servers", top(10, rate(server.COMMANDS, by=cmd)), good="the usual mix", stacked=True),
        Lines("Time in commands", top(10, time_in), good="no newcomer", stacked=True),
        Lines("Commands that failed", top(10, rate(server.FAILED, by=cmd)), good="0"),
        Lines("Look-ups that found their key", ratio(found, looked_up), good="level; it falls when it was emptied"),
        Lines("Keys", keys, good="level; most have an end"),
        Lines("Keys removed", removed, good="expired ones; evicted ones mean that memory is at its limit"),
        Lines("Time since the start", age(server.START_TIME, by=one), good="only a rollout brings it to 0"),
        collapsed=True,
    ),
    Row(
        "Replication and cluster",
        Lines("Replicas of each server", highest(server.REPLICAS, by=one), good="as many as there are on the primary"),
        Lines("Replication stream", rate(server.REPLICATION_OFFSET, by=one), good="equal on primary and replicas"),
        Lines("Link to the primary", lowest(server.PRIMARY_LINK, by=one), good="1"),
        Lines("Whole copies made", rate(server.FULL_RESYNCS, by=one), good="0: a replica was away for too long"),
        Lines("Cluster is served", lowest(server.CLUSTER_STATE, by=one), good="1"),
        Lines("Slots served", served, good="16384"),
        Lines("Nodes known", nodes, good="as many as there are, everywhere the same"),
        collapsed=True,
    ),
    needs=Capability.REDIS,
)

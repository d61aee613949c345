"""Redis as the registry's clients see it: commands and pools of connections, for each logical instance.

An instance here is one that the registry knows: cache, load balancing or rate limiting. What the server itself says is
another matter.
"""

from regobs.catalog import load_balancing, redis, storage
from regobs.grafana.words import *

commands, slowest = rate(redis.COMMANDS, by="command"), quantile(0.95, redis.COMMANDS, by="command")
each, p95 = ("instance", "command"), quantile(0.95, redis.COMMANDS, by="instance")
timed_out = increase(redis.POOL_TIMEOUTS, by="instance")
hits, misses = rate(redis.POOL_HITS, by="instance"), rate(redis.POOL_MISSES, by="instance")
in_use = total(redis.POOL_TOTAL, by="instance") - total(redis.POOL_IDLE, by="instance")
fullest = top(10, ratio(latest(redis.POOL_TOTAL) - latest(redis.POOL_IDLE), latest(redis.POOL_MAX)))
timeouts, dropped = rate(redis.POOL_TIMEOUTS, by="instance"), rate(redis.POOL_STALE, by="instance")
lsn = load_balancing.LSN_CACHE_DURATION

dashboard = Dashboard(
    "Registry Redis Detail",
    Row(
        "Does Redis answer?",
        Stat("Commands", rate(redis.COMMANDS, by="instance"), good="follows the requests"),
        Stat("p95 of commands", p95, good="below 5 ms", thresholds=(0.01, 0.1)),
        Stat("Timeouts in this time range", timed_out, good="0", thresholds=(1, 100)),
        Lines("Commands by instance", rate(redis.COMMANDS, by="instance"), good="follows the requests", stacked=True),
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
        Lines("Open", total(redis.POOL_TOTAL, by="instance"), good="level"),
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
    needs=Capability.REDIS,
)

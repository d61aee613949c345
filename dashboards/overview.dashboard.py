"""Is the registry serving, how much error budget is left, and what is close to its limit?

Latency is the 95th percentile on every dashboard: the median hides the slow requests that people complain about, and
the 99th is made of one or two requests per window on most registries.
"""

from regobs.catalog import build_info, database, gc, go_runtime, http, load_balancing, notifications, process
from regobs.catalog import redis, row_counts, slo, sql_pool, storage, targets
from regobs.grafana.words import *

FDS, POOL, QUEUE = "RegistryFileDescriptorsNearLimit", "RegistryDatabasePoolSaturated", "RegistryGarbageQueueGrowing"
BURN, DROPPED, RESTARTS = "RegistryAvailabilityBurn", "RegistryNotificationsDropped", "RegistryRestarting"
LATE, RETRIES, QUIET = "RegistryLatencyBurn", "RegistryStorageRetries", "RegistryNoTraffic"
SLOW, GC = "slow-requests-by-route", "gc-decisions"

up, known = total(targets.UP), count(targets.UP)
firing = count(select(targets.ALERTS, alertname="registry", alertstate="firing"))
budget, burn = lowest(slo.BUDGET_REMAINING, by="slo"), highest(slo.BURN_RATE("1h"), by="slo")
failed = rate(select(http.REQUESTS, code="5xx"))
answered = rate(select(http.REQUESTS, code=other_than("5xx")), by="route")
by_route = rate(http.REQUESTS, by="route")
available = ratio(answered, by_route)
slowest = quantile(0.95, http.DURATION, by="route")
uploads = select(http.REQUEST_SIZE, route=("upload_start", "upload"))
downloads = select(http.RESPONSE_SIZE, route="blob")
in_and_out = {"in": volume(uploads), "out": volume(downloads)}
fds = ratio(highest(process.OPEN_FDS, by="instance"), highest(process.MAX_FDS, by="instance"))
each = ("instance", "host_type")
pool = ratio(highest(sql_pool.IN_USE, by=each), highest(sql_pool.MAX_OPEN, by=each))
overdue = select(row_counts.ROWS, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
late = highest(overdue, by="query_name")
repeated = ratio(rate(storage.RETRIES), rate(storage.ACTIONS))
gc_failed = ratio(rate(select(gc.RUNS, error=True), by="worker"), rate(gc.RUNS, by="worker"))
to_primary = ratio(rate(select(load_balancing.TARGETS, fallback=True)), rate(load_balancing.TARGETS))

dashboard = Dashboard(
    "Registry Overview",
    Row(
        "Is it serving?",
        Stat("Instances up", up, good="as many as are deployed", alert="RegistryDown"),
        Stat("Instances down", known - up, good="0", alert="RegistryTargetDown", thresholds=(0.5, 1)),
        Stat("Firing alerts", zero_filled(firing, known), good="0", thresholds=(1, 3)),
        Stat("Requests", rate(http.REQUESTS), good="follows the time of day", alert=QUIET, logs="requests-over-time"),
        Stat("Server errors", ratio(failed, rate(http.REQUESTS)), good="below 0.1 %", thresholds=(0.001, 0.01)),
        Stat("p95 latency", quantile(0.95, http.DURATION), good="below 1 s", logs=SLOW, thresholds=(1, 5)),
        Stat("In flight", total(http.IN_FLIGHT), good="falls back after each peak"),
        Stat("Version", count(build_info.BUILD, by="version"), good="one; two only while a rollout runs"),
        Lines("Availability by route", available, good="100 %", alert=BURN, zoom=True),
        Lines("Requests by route", by_route, good="the usual mix", logs="requests-by-route-and-status", stacked=True),
        Lines("p95 latency by route", slowest, good="flat; uploads take longest", alert=LATE, logs=SLOW),
        logs="errors-by-code",
    ),
    Row(
        "Error budgets",
        Bars("Budget left", budget, good="above a quarter", thresholds=(0.25, 0)),
        Lines("Budget left over time", budget, good="no steps down", zoom=True),
        Lines("Burn rate over 1 h", burn, good="below 1", alert=BURN, thresholds=(1, 13.44)),
    ),
    Row(
        "Traffic and storage",
        Lines("Bytes in and out", in_and_out, good="more out than in", logs="top-namespaces-by-bytes"),
        Lines("Storage actions", rate(storage.ACTIONS, by="action"), good="follows the requests", stacked=True),
        Lines("p95 of storage actions", quantile(0.95, storage.ACTIONS, by="action"), good="flat at any load"),
    ),
    Row(
        "What is close to its limit? (the ten highest instances)",
        Lines("File descriptors", top(10, fds), good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
        Lines("CPU", top(10, rate(process.CPU, by="instance")), good="below the limit of the container"),
        Lines("Memory", top(10, highest(process.RESIDENT_MEMORY, by="instance")), good="level; no slope over days"),
        Lines("Goroutines", top(10, highest(go_runtime.GOROUTINES, by="instance")), good="follows in flight"),
        Lines("Database connections in use", top(10, pool), good="below 70 %", alert=POOL, thresholds=(0.7, 0.9)),
        Lines("Since the last start", age(process.START_TIME), good="only a rollout brings it to 0", alert=RESTARTS),
    ),
    Row(
        "Parts that can be switched on",
        Lines("Storage calls repeated", repeated, good="0", alert=RETRIES, thresholds=(0.01, 0.05)),
        Lines("Database queries", rate(database.QUERIES), good="follows the requests"),
        Lines("p95 of database queries", quantile(0.95, database.QUERY_DURATION), good="below 25 ms"),
        Lines("Overdue garbage collection", late, good="falls back to 0", alert=QUEUE, logs=GC, thresholds=(100, 1000)),
        Lines("Garbage collection runs that failed", gc_failed, good="0", logs=GC, zoom=True),
        Lines("Reads that fell back to the primary", to_primary, good="0", zoom=True),
        Lines("p95 of Redis commands", quantile(0.95, redis.COMMANDS, by="instance"), good="below 10 ms"),
        Lines("Notifications waiting", highest(notifications.PENDING, by="endpoint"), good="falls back to 0"),
        Lines("Notifications", rate(notifications.EVENTS, by="type"), good="no Dropped", alert=DROPPED),
        logs="recent-errors",
    ),
    recorded=True,
)

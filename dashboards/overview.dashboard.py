"""Firing alerts, the status of each component, requests, error budgets, and what is close to its limit."""

from measures import *
from regobs.catalog import blackbox, build_info, database, go_runtime, http, notifications, probe, process
from regobs.catalog import redis, storage, targets
from regobs.grafana.words import *

told = select(targets.ALERTS, alertname="registry", alertstate="firing", severity=other_than("none"))
fired = count(told, by=("severity", "alertname", "slo", "instance", "endpoint", "method", "route"))

alerts = Row(
    "Alerts",
    Alerts("Firing alerts", fired, good="none", see="rules-health"),
)

parts = Row(
    "Status by component",
    Tile("HTTP", http_causes, see="application-detail"),
    Tile("Storage", storage_causes, see="storage-detail"),
    Tile("Database", database_causes, see="database-detail"),
    Tile("Garbage collection", garbage_causes, see="garbage-collection-detail"),
    Tile("Redis", redis_causes, see="redis-detail"),
    Tile("Notifications", notification_causes, see="notifications-detail"),
    Tile("Hosts", host_causes, see="capacity"),
)

MIX, QUIET = "requests-by-route-and-status", "RegistryNoTraffic"
BURN, LATE = "RegistryAvailabilityBurn", "RegistryLatencyBurn"
answered = rate(select(http.REQUESTS, code=other_than("5xx")), by="route")
available = ratio(answered, requests_by_route)
requests, version = rate(http.REQUESTS), count(build_info.BUILD, by="version")

serving = Row(
    "Requests and instances",
    Stat("Instances up", up, good="as many as are deployed", alert="RegistryDown"),
    Stat("Instances down", known - up, good="0", alert="RegistryTargetDown", thresholds=(0.5, 1)),
    Stat("Requests, 5 min", requests, good="follows the time of day", alert=QUIET, logs="requests-over-time"),
    Stat("HTTP latency p95, 5 min", latency, good="below 1 s", logs="slow-requests-by-route", thresholds=(1, 5)),
    Stat("Requests in flight", total(http.IN_FLIGHT), good="falls after each peak"),
    Stat("Registry version", version, good="one; two during a rollout", names=True),
    Lines("Availability by route", available, good="100 %", alert=BURN, zoom=True),
    Lines("Requests by route, 5 min", requests_by_route, good="shares as usual", logs=MIX, stacked=True),
    Lines("HTTP latency p95 by route, 5 min", latency_by_route, good="flat; uploads take longest", alert=LATE),
    logs="errors-by-code",
)

STEP, HEALTH, OLD = "RegistryProbeStepFails", "RegistryHealthCheckFails", "RegistryProbeSuccessOld"
worked = ratio(rate(select(probe.RUNS, result="ok"), by="step"), rate(probe.RUNS, by="step"))
step_latency, last_worked = quantile(0.95, probe.DURATION, by="step"), age(probe.LAST_SUCCESS, by="step")

answer_times, status = highest(blackbox.PHASES, by="phase"), highest(blackbox.STATUS_CODE, by="instance")
expiry = {
    "blackbox": time_left(blackbox.CERTIFICATE_EXPIRY, by="instance"),
    "probe": time_left(probe.CERTIFICATE_EXPIRY, by="target"),
}
REFUSES, AWAY, EXPIRES, DAY = "RegistryRefusesRequests", "RegistryUnreachable", "RegistryCertificateExpires", 86_400

outside = Row(
    "From outside",
    Stat("Blackbox probe HTTP status", status, good="200 or 401; 0 is no answer", alert=REFUSES),
    Stat("Time to certificate expiry", expiry, good="above 30 days", alert=EXPIRES, thresholds=(30 * DAY, 14 * DAY)),
    States("Blackbox probe success", lowest(blackbox.SUCCESS, by="instance"), good="always 1", alert=AWAY),
    Lines("Blackbox probe duration by phase", answer_times, good="flat", alert="RegistryProbeSlow", stacked=True),
    States("Probe success by step", lowest(probe.SUCCESS, by="step"), good="1; the first 0 is the cause", alert=STEP),
    Lines("Probe success by step, %", worked, good="100 %", alert=STEP, zoom=True),
    Lines("Probe latency p95 by step", step_latency, good="flat", alert=STEP),
    Lines("Time since probe success by step", last_worked, good="below the probe interval", alert=OLD),
    Lines("Failing health checks", highest(probe.FAILING_CHECKS, by="check"), good="0", alert=HEALTH),
    see="application-detail",
)

budgets = Row(
    "Error budgets",
    Lines("Error budget left", budget_left, good="above 25 %", thresholds=(0.25, 0), zoom=True),
    Lines("Burn rate, 1 h", burn_rate["1h"], good="below 1", alert=BURN, thresholds=(1, 13.44)),
)

RETRIES = "RegistryStorageRetries"
calls, storage_by_action = rate(storage.ACTIONS, by="action"), quantile(0.95, storage.ACTIONS, by="action")

traffic = Row(
    "Traffic and storage",
    Lines("Blob traffic, 5 min", blob_traffic, good="more sent than received"),
    Lines("Storage calls by action, 5 min", calls, good="follows the requests", stacked=True),
    Lines("Storage latency p95 by action, 5 min", storage_by_action, good="flat at any load"),
    Lines("Storage retries, % of calls, 5 min", storage_retries, good="0", alert=RETRIES, thresholds=(0.01, 0.05)),
    logs="top-namespaces-by-bytes",
)

FDS, POOL, RESTARTS = "RegistryFileDescriptorsNearLimit", "RegistryDatabasePoolSaturated", "RegistryRestarting"
descriptors, pools = top(10, file_descriptors), top(10, pool_in_use)
goroutines, started = highest(go_runtime.GOROUTINES, by="instance"), age(process.START_TIME, by="instance")

limits = Row(
    "Saturation (top 10 instances)",
    Lines("File descriptors, % of limit", descriptors, good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
    Lines("Database connections, % of pool", pools, good="below 70 %", alert=POOL, thresholds=(0.7, 0.9)),
    Lines("CPU cores used", top(10, cpu), good="below the limit of the container"),
    Lines("Resident memory", top(10, memory), good="constant; a slope over days is a leak"),
    Lines("Goroutines", top(10, goroutines), good="follows the requests in flight"),
    Lines("Process uptime", bottom(10, started), good="reset only by a rollout", alert=RESTARTS),
)

GC, QUEUE = "garbage-collection-detail", "RegistryGarbageQueueGrowing"
DROPPED = "RegistryNotificationsDropped"
to_primary, redis_latency = sent_to_primary, quantile(0.95, redis.COMMANDS, by="instance")
events = rate(notifications.EVENTS, by="type")

optional = Row(
    "Database, GC, Redis and notifications",
    Lines("Database queries", rate(database.QUERIES), good="follows the requests"),
    Lines("Database query latency p95", quantile(0.95, database.QUERY_DURATION), good="below 25 ms"),
    Lines("Reads sent to primary, %", to_primary, good="below 5 %", thresholds=(0.05, 0.5), zoom=True),
    Lines("GC tasks overdue", gc_overdue, good="returns to 0", alert=QUEUE, see=GC, thresholds=(100, 1000)),
    Lines("GC runs failed, % of runs not idle, 5 min", gc_failed, good="0", logs="gc-failures", zoom=True),
    Lines("Redis latency p95 by instance, 5 min", redis_latency, good="below 5 ms"),
    Lines("Notification events by type", events, good="no Dropped events", alert=DROPPED),
    logs="recent-errors",
)

dashboard = Dashboard(
    "Registry Overview", alerts, parts, serving, outside, budgets, traffic, limits, optional, recorded=True
)

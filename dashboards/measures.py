"""Expressions that several dashboards show: one definition each, and one title wherever they stand.

Latency is the 95th percentile on every dashboard: the median hides the slow requests that people complain about, and
the 99th is made of one or two requests a window on most registries.
"""

from regobs.catalog import (
    blackbox,
    containers,
    database,
    gc,
    http,
    load_balancing,
    logs,
    node,
    notifications,
    postgresql,
    probe,
    process,
    redis,
    redis_server,
    row_counts,
    slo,
    sql_pool,
    storage,
    targets,
)
from regobs.grafana.words import *

# HTTP
server_errors = ratio(rate(select(http.REQUESTS, code="5xx")), rate(http.REQUESTS))
requests_by_route = rate(http.REQUESTS, by="route")
latency = quantile(0.95, http.DURATION)
latency_by_route = quantile(0.95, http.DURATION, by="route")

# Bytes. A registry sends only what it does not redirect to its store or CDN.
uploads = select(http.REQUEST_SIZE, route=("upload_start", "upload"))
downloads = select(http.RESPONSE_SIZE, route="blob")
redirected = select(storage.BLOB_DOWNLOADS, redirect=True)
blob_traffic = {
    "received": volume(uploads),
    "sent by the registry": volume(downloads),
    "redirected to the store": volume(redirected),
}
blob_bytes_served = by_version(volume(storage.BLOB_DOWNLOADS), before=volume(downloads))

# Storage
storage_latency = quantile(0.95, storage.ACTIONS)
storage_retries = ratio(rate(storage.RETRIES), rate(storage.ACTIONS))
cache_hits = by_version(
    ratio(rate(select(storage.CACHE, type="Hit")), rate(select(storage.CACHE, type="Request"))),
    before=ratio(rate(storage.CACHE_HITS), rate(storage.CACHE_REQUESTS)),
)
mount = ("instance", "mountpoint")
space_left = ratio(lowest(node.FILESYSTEM_AVAILABLE, by=mount), lowest(node.FILESYSTEM_SIZE, by=mount))
memory_left = ratio(lowest(node.MEMORY_AVAILABLE, by="instance"), lowest(node.MEMORY, by="instance"))
inodes_left = ratio(lowest(node.FILESYSTEM_FILES_FREE, by=mount), lowest(node.FILESYSTEM_FILES, by=mount))
cpu_busy = ratio(rate(select(node.CPU, mode=other_than("idle")), by="instance"), rate(node.CPU, by="instance"))

# Database
pool = ("instance", "host_type")
pool_in_use = ratio(highest(sql_pool.IN_USE, by=pool), highest(sql_pool.MAX_OPEN, by=pool))
sent_to_primary = ratio(rate(select(load_balancing.TARGETS, fallback=True)), rate(load_balancing.TARGETS))

# Garbage collection
waits_for_review = select(row_counts.ROWS, query_name=("gc_blob_review_queue", "gc_manifest_review_queue"))
is_overdue = select(row_counts.ROWS, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
gc_overdue = highest(is_overdue, by="query_name")
gc_overdue_growth = change(gc_overdue, over="10m", per="1h")
# A run that finds no task says nothing of failures, however many there are; as RegistryGarbageRunsFail has it.
told = ("worker", "error", "noop")
gc_not_idle = any_of(
    (rate(select(gc.RUNS, noop=False), by=told), rate(select(gc.RUNS, noop=True, error=True), by=told))
)
gc_failed = ratio(rate(select(gc.RUNS, error=True), by="worker"), total(gc_not_idle, by="worker"))

# Notifications
notifications_waiting = by_version(
    total(notifications.PENDING, by="endpoint"), before=total(notifications.PENDING_TOTAL, by="endpoint")
)

# Processes
file_descriptors = ratio(highest(process.OPEN_FDS, by="instance"), highest(process.MAX_FDS, by="instance"))
cpu = rate(process.CPU, by="instance")
memory = highest(process.RESIDENT_MEMORY, by="instance")
up, known = total(targets.UP), count(targets.UP)
autoscaler = "horizontalpodautoscaler"
cpu_throttled = ratio(rate(containers.THROTTLED, by="pod"), rate(containers.PERIODS, by="pod"))

# SLOs
budget_left = lowest(slo.BUDGET_REMAINING, by="slo")
burn_rate = {
    "5m": highest(slo.BURN_RATE("5m"), by="slo"),
    "1h": highest(slo.BURN_RATE("1h"), by="slo"),
    "6h": highest(slo.BURN_RATE("6h"), by="slo"),
    "3d": highest(slo.BURN_RATE("3d"), by="slo"),
}

# What is wrong with each part: 1 is a warning, 2 is critical, as the alert of the same cause: a page is critical, a
# ticket is a warning. A part that is gone counts no error of its own, so each list has what its exporter, its clients,
# a probe from outside or an alert tell. Of two that are as severe the first is named.
all_logged, logged_errors = rate(logs.REQUESTS), rate(select(logs.REQUESTS, status="5xx"))
pull = select(http.REQUESTS, route="blob")

http_causes = {
    "no scrape target": gone(targets.UP),
    "instances down": level(ratio(known - up, known), critical=0.001),
    "instances restart": firing("RegistryRestarting"),
    "health check fails": firing("RegistryHealthCheckFails"),
    "probe step fails": off(probe.SUCCESS),
    "blackbox probe fails": off(blackbox.SUCCESS),
    "requests refused": firing("RegistryRefusesRequests", "RegistryUnreachable", "RegistryProbeSuccessOld"),
    "requests stopped": firing("RegistryRequestsStopped", "RegistryNoTraffic"),
    "requests hang": firing("RegistryRequestsHang", "RegistryUploadsHang"),
    "route fails": firing("RegistryRouteFails"),
    "server errors": level(server_errors, 0.001, 0.01),
    "server errors in the access log": level(ratio(logged_errors, all_logged), 0.001, 0.01),
    "blob downloads fail": level(ratio(rate(select(pull, code="5xx")), rate(pull)), 0.01, 0.1),
    "latency": level(latency, 1, 5),
    "requests ceased": firing("RegistryTrafficCeased", at=1),
}

# 503 of an upload comes from the database or from a health check, not from the storage.
upload = select(http.REQUESTS, route=("upload_start", "upload"))

storage_causes = {
    "uploads fail": level(ratio(rate(select(upload, code="500")), rate(upload)), 0.01, 0.1),
    "rate limited": level(rate(storage.RATE_LIMITED), warning=0.01),
    "retries": level(storage_retries, warning=0.01),
    "latency": level(storage_latency, warning=0.1),
}

primary_connections = total(select(sql_pool.OPEN, host_type="primary"))
quarantined = highest(select(load_balancing.POOL_STATUS, status="quarantined"))

database_causes = {
    "PostgreSQL down": off(postgresql.UP, told="RegistryPostgresqlStandbyDown"),
    "PostgreSQL hangs": firing("RegistryDatabaseHangs"),
    "PgBouncer down or paused": firing("RegistryPgbouncerDown", "RegistryPgbouncerPaused"),
    "no connection to the primary": level(while_zero(rate(database.QUERIES), primary_connections), critical=0.01),
    "connection pool full": level(pool_in_use, 0.7, 0.9),
    "PostgreSQL standby down": firing("RegistryPostgresqlStandbyDown", at=1),
    "no data of postgres_exporter": gone(postgresql.UP, at=1),
    "one postgres_exporter gone": level(lost(postgresql.UP), warning=1),
    "requests wait for a connection": level(rate(sql_pool.WAIT_SECONDS, by="host_type"), warning=1),
    "replica quarantined": level(quarantined, warning=1),
    "query latency": level(quantile(0.95, database.QUERY_DURATION), warning=0.1),
    "reads on the primary": level(sent_to_primary, warning=0.5),
}

undelivered = select(notifications.DELIVERIES, delivery_type="lost")
dropped = select(notifications.EVENTS, type="Dropped")

garbage_causes = {
    "no row counts": gone(row_counts.ROWS, at=1),
    "runs fail": level(gc_failed, warning=0.05),
    "tasks overdue": level(highest(is_overdue), warning=100),
}

refused_by_redis = while_zero(rate(redis.POOL_MISSES, by="instance"), total(redis.POOL_TOTAL, by="instance"))
limiter = "ratelimiting"
refused_limiter = while_zero(
    rate(select(redis.POOL_MISSES, instance=limiter)), total(select(redis.POOL_TOTAL, instance=limiter))
)

redis_causes = {
    "rate limiter without connection": level(refused_limiter, critical=0.01),
    "rate limiter without answer": firing("RegistryRateLimiterUnreachable"),
    "Redis down": level(down(redis_server.UP), warning=1),
    "no data of redis_exporter": gone(redis_server.UP, at=1),
    "no connection": level(refused_by_redis, warning=0.01),
    "pool timeouts": level(rate(redis.POOL_TIMEOUTS), warning=0.01),
    "latency": level(quantile(0.95, redis.COMMANDS), warning=0.01),
}

notification_causes = {
    "events lost": level(rate(undelivered), warning=0.001),
    "events dropped": level(rate(dropped), warning=0.001),
    "events waiting": level(total(notifications.PENDING, by="endpoint"), warning=100),
    "events waiting in the queue": level(total(notifications.PENDING_TOTAL, by="endpoint"), warning=100),
}

host_causes = {
    "disk space": level(space_left, 0.2, 0.02),
    "disk read-only": firing("RegistryDiskReadOnly"),
    "registry starved of CPU": firing("RegistryStarvedOfCpu"),
    "no data of node_exporter": gone(node.MEMORY, at=1),
    "CPU": level(cpu_busy, warning=0.9),
    "inodes": level(inodes_left, warning=0.2, low=True),
    "memory": level(memory_left, warning=0.1, low=True),
}

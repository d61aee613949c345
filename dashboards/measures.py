"""Expressions that several dashboards show: one definition each, and one title wherever they stand.

Latency is the 95th percentile on every dashboard: the median hides the slow requests that people complain about, and
the 99th is made of one or two requests a window on most registries.
"""

from regobs.catalog import (
    containers,
    gc,
    http,
    load_balancing,
    node,
    notifications,
    process,
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
inodes_left = ratio(lowest(node.FILESYSTEM_FILES_FREE, by=mount), lowest(node.FILESYSTEM_FILES, by=mount))

# Database
pool = ("instance", "host_type")
pool_in_use = ratio(highest(sql_pool.IN_USE, by=pool), highest(sql_pool.MAX_OPEN, by=pool))
sent_to_primary = ratio(rate(select(load_balancing.TARGETS, fallback=True)), rate(load_balancing.TARGETS))

# Garbage collection
waits_for_review = select(row_counts.ROWS, query_name=("gc_blob_review_queue", "gc_manifest_review_queue"))
is_overdue = select(row_counts.ROWS, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
gc_overdue = highest(is_overdue, by="query_name")
gc_failed = ratio(rate(select(gc.RUNS, error=True), by="worker"), rate(gc.RUNS, by="worker"))

# Notifications
notifications_waiting = by_version(
    highest(notifications.PENDING, by="endpoint"), before=highest(notifications.PENDING_TOTAL, by="endpoint")
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
burn_rate = {window: highest(slo.BURN_RATE(window), by="slo") for window in ("5m", "1h", "6h", "3d")}

"""The store behind the registry: its driver, the blobs that pass, its caches and how full it is."""

from regobs.catalog import gc, http, node, proxy, storage
from regobs.grafana.words import *

uploads = select(http.REQUEST_SIZE, route=("upload_start", "upload"))
downloads = select(http.RESPONSE_SIZE, route="blob")
hits = ratio(rate(select(storage.CACHE, type="Hit")), rate(select(storage.CACHE, type="Request")))
hits_3 = ratio(rate(storage.CACHE_HITS), rate(storage.CACHE_REQUESTS))
outcomes_3 = {"requests": rate(storage.CACHE_REQUESTS), "hits": rate(storage.CACHE_HITS)}
errors = ratio(rate(select(storage.CACHE, type="Error")), rate(select(storage.CACHE, type="Request")))
errors_3 = ratio(rate(storage.CACHE_ERRORS), rate(storage.CACHE_REQUESTS))
to_cdn = ratio(rate(select(storage.CDN_REDIRECTS, backend="cdn")), rate(storage.CDN_REDIRECTS))
served = volume(storage.BLOB_DOWNLOADS, by="redirect")
signed = rate(storage.URL_CACHE_REQUESTS)
signed_hits = ratio(rate(select(storage.URL_CACHE_REQUESTS, result="hit")), signed)
repeated, limited = ratio(rate(storage.RETRIES), rate(storage.ACTIONS)), rate(storage.RATE_LIMITED)
GC, freed = "gc-decisions", rate(gc.BYTES, by="media_type")
space = ("instance", "mountpoint")
bytes_left = ratio(lowest(node.FILESYSTEM_AVAILABLE, by=space), lowest(node.FILESYSTEM_SIZE, by=space))
files_left = ratio(lowest(node.FILESYSTEM_FILES_FREE, by=space), lowest(node.FILESYSTEM_FILES, by=space))
proxied = ratio(rate(proxy.HITS, by="type"), rate(proxy.REQUESTS, by="type"))

dashboard = Dashboard(
    "Registry Storage Detail",
    Row(
        "Now",
        Stat("Actions", rate(storage.ACTIONS), good="follows the requests"),
        Stat("p95 of actions", quantile(0.95, storage.ACTIONS), good="below 100 ms", thresholds=(0.1, 1)),
        Stat("Bytes in", volume(uploads), good="follows the pushes", logs="top-repositories-by-bytes-uploaded"),
        Stat("Bytes out", volume(downloads), good="follows the pulls", logs="top-repositories-by-bytes"),
        Stat("Cache hits", hits, hits_3, good="above 80 % on pulls", thresholds=(0.8, 0.5)),
        Stat("Freed in this time range", increase(gc.BYTES), good="above 0 where tags are deleted", logs=GC),
    ),
    Row(
        "Driver",
        Lines("Actions", rate(storage.ACTIONS, by="action"), good="follows the requests", stacked=True),
        Lines("p95 by action", quantile(0.95, storage.ACTIONS, by="action"), good="flat at any load"),
        Lines("Mean by action", mean(storage.ACTIONS, by="action"), good="flat at any load"),
        Lines("Actions by driver", rate(storage.ACTIONS, by="driver"), good="one driver; two while a store moves"),
        Lines("Actions at a time", volume(storage.ACTIONS, by="action"), good="a rise without traffic is queueing"),
        Heat("Time of actions", storage.ACTIONS, good="one band; a second band is a slow disk or bucket"),
    ),
    Row(
        "Blobs",
        Lines("Bytes in and out", {"in": volume(uploads), "out": volume(downloads)}, good="more out than in"),
        Lines("New blobs", rate(storage.BLOB_UPLOADS), good="follows the pushes", logs="upload-sessions"),
        Lines("Bytes of new blobs", volume(storage.BLOB_UPLOADS), good="less than bytes in: layers are shared"),
        Lines("Blobs served", rate(storage.BLOB_DOWNLOADS, by="redirect"), good="redirected where a bucket serves"),
        Lines("Bytes of blobs served", served, good="follows the pulls", logs="egress-over-time"),
        Heat("Size of new blobs", storage.BLOB_UPLOADS, good="the usual mix of layers and configurations"),
        logs="egress-by-redirect",
    ),
    Row(
        "Descriptor cache",
        Lines("Hit ratio", hits, hits_3, good="above 80 % on pulls", thresholds=(0.8, 0.5)),
        Lines("Look-ups that failed", errors, errors_3, good="0", logs="recent-errors", zoom=True),
        Lines("Look-ups by outcome", rate(storage.CACHE, by="type"), outcomes_3, good="most requests are hits"),
        Lines("p95 of Redis", quantile(0.95, storage.CACHE_REDIS, by="operation"), good="below 10 ms"),
    ),
    Row(
        "Object storage",
        Lines("Retries", rate(storage.RETRIES, by="retry_type"), good="0", alert="RegistryStorageRetries"),
        Lines("Retries a call", repeated, good="0", alert="RegistryStorageRetries", thresholds=(0.01, 0.05)),
        Lines("Answers 429", limited, good="0", alert="RegistryStorageRateLimited", thresholds=(0.01, 0.1)),
        logs="recent-errors",
    ),
    Row(
        "Pull-through cache",
        Lines("Answered locally", proxied, good="level; it falls while new images arrive"),
        Lines("Bytes from upstream", rate(proxy.PULLED_BYTES, by="type"), good="less than bytes to clients"),
        Lines("Bytes to clients", rate(proxy.PUSHED_BYTES, by="type"), good="follows the pulls"),
    ),
    Row(
        "CDN",
        Lines("Share sent to the CDN", to_cdn, good="level"),
        Lines("Redirects by target", rate(storage.CDN_REDIRECTS, by="backend"), good="follows the pulls", stacked=True),
        Lines("Why not the CDN", rate(storage.CDN_REDIRECTS, by="bypass_reason"), good="mostly without a reason"),
        collapsed=True,
        logs="egress-by-redirect",
    ),
    Row(
        "Signed URL cache",
        Lines("Hit ratio", signed_hits, good="level; it falls when Redis was emptied"),
        Lines("Look-ups", rate(storage.URL_CACHE_REQUESTS, by=("result", "reason")), good="no error", stacked=True),
        Lines("Events dropped", rate(storage.ACCESS_EVENTS_DROPPED), good="0"),
        Heat("Size of entries", storage.URL_CACHE_ENTRY_SIZE, good="below 2 KiB"),
        Lines("Reads of the N hottest", highest(storage.OBJECT_ACCESSES_TOP, by="top_n"), good="no jump of the first"),
        Heat("Reads of one object in a minute", storage.OBJECT_ACCESSES, good="most below 20"),
        collapsed=True,
    ),
    Row(
        "How full?",
        Lines("Space left", bytes_left, good="above 20 %", thresholds=(0.2, 0.1)),
        Lines("Files left", files_left, good="above 20 %", thresholds=(0.2, 0.1)),
        Lines("Freed by garbage collection", freed, good="above 0 where tags are deleted", logs=GC),
    ),
)

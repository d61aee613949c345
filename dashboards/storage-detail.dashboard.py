"""The store behind the registry: its driver, the blobs that pass, its caches and how full it is."""

from measures import *
from regobs.catalog import gc, proxy, storage
from regobs.grafana.words import *

freed = increase(gc.BYTES)

now = Row(
    "Storage status",
    Stat("Storage calls", rate(storage.ACTIONS), good="follows the requests"),
    Stat("Storage latency p95", storage_latency, good="below 100 ms", thresholds=(0.1, 1)),
    Stat("Bytes received", volume(uploads), good="follows the pushes", logs="top-repositories-by-bytes-uploaded"),
    Stat("Blob bytes served", blob_bytes_served, good="follows the pulls", logs="top-repositories-by-bytes"),
    Stat("Descriptor cache hit ratio", cache_hits, good="above 80 % on pulls", thresholds=(0.8, 0.5)),
    Stat("Bytes freed by GC in range", freed, good="above 0 where tags are deleted", logs="gc-decisions"),
)

calls, latency_by_action = rate(storage.ACTIONS, by="action"), quantile(0.95, storage.ACTIONS, by="action")
concurrent = volume(storage.ACTIONS, by="action")

driver = Row(
    "Storage driver",
    Lines("Storage calls by action", calls, good="follows the requests", stacked=True),
    Lines("Storage latency p95 by action", latency_by_action, good="flat at any load"),
    Lines("Storage latency mean by action", mean(storage.ACTIONS, by="action"), good="flat at any load"),
    Lines("Storage calls by driver", rate(storage.ACTIONS, by="driver"), good="one driver; two in a migration"),
    Lines("Concurrent storage calls", concurrent, good="a rise without traffic is queueing"),
    Heat("Storage latency distribution", storage.ACTIONS, good="one band; a second band is a slow disk or bucket"),
    logs="recent-errors",
)

by_the_registry = select(storage.BLOB_DOWNLOADS, redirect=False)
served = {"redirected": rate(redirected), "by the registry": rate(by_the_registry)}
served_bytes = {"redirected": volume(redirected), "by the registry": volume(by_the_registry)}

blobs = Row(
    "Blobs",
    Lines("Blob traffic", blob_traffic, good="more sent than received"),
    Lines("Blobs stored", rate(storage.BLOB_UPLOADS), good="follows the pushes", logs="upload-sessions"),
    Lines("Blob bytes stored", volume(storage.BLOB_UPLOADS), good="below bytes received (deduplication)"),
    Lines("Blob downloads, redirected or proxied", served, good="mostly redirected with object storage"),
    Lines("Blob bytes served, redirected or proxied", served_bytes, good="follows the pulls", logs="egress-over-time"),
    Heat("Blob size distribution", storage.BLOB_UPLOADS, good="shares as usual"),
    logs="egress-by-redirect",
)

looked_up = rate(select(storage.CACHE, type="Request"))
failed = by_version(
    ratio(rate(select(storage.CACHE, type="Error")), looked_up),
    before=ratio(rate(storage.CACHE_ERRORS), rate(storage.CACHE_REQUESTS)),
)
hits, errors = rate(storage.CACHE_HITS), rate(storage.CACHE_ERRORS)
outcomes = by_version(
    rate(select(storage.CACHE, type=other_than("Request")), by="type"),
    before={"Hit": hits, "Error": errors, "Miss": rate(storage.CACHE_REQUESTS) - hits - errors},
)

descriptors = Row(
    "Blob descriptor cache",
    Lines("Blob descriptor cache errors, % of look-ups", failed, good="0", logs="recent-errors", zoom=True),
    Lines("Blob descriptor cache look-ups by outcome", outcomes, good="mostly hits", stacked=True),
    Lines("Blob descriptor cache latency p95", quantile(0.95, storage.CACHE_REDIS, by="operation"), good="below 10 ms"),
)

RETRIES, LIMITED = "RegistryStorageRetries", "RegistryStorageRateLimited"

bucket = Row(
    "Object storage",
    Lines("Storage retries by type", rate(storage.RETRIES, by="retry_type"), good="0", alert=RETRIES),
    Lines("Storage retries, % of calls", storage_retries, good="0", alert=RETRIES, thresholds=(0.01, 0.05)),
    Lines("Storage responses 429", rate(storage.RATE_LIMITED), good="0", alert=LIMITED, thresholds=(0.01, 0.1)),
    logs="recent-errors",
    see="bucket-detail",
)

proxied = ratio(rate(proxy.HITS, by="type"), rate(proxy.REQUESTS, by="type"))

proxies = Row(
    "Pull-through cache",
    Lines("Pull-through cache hit ratio", proxied, good="constant; falls while new images arrive"),
    Lines("Pull-through bytes from upstream", rate(proxy.PULLED_BYTES, by="type"), good="less than bytes to clients"),
    Lines("Pull-through bytes to clients", rate(proxy.PUSHED_BYTES, by="type"), good="follows the pulls"),
)

redirects, to_cdn = rate(storage.CDN_REDIRECTS, by="backend"), rate(select(storage.CDN_REDIRECTS, backend="cdn"))
bypasses = rate(select(storage.CDN_REDIRECTS, bypass_reason=other_than("")), by="bypass_reason")

cdn = Row(
    "CDN",
    Lines("Redirects to the CDN, % of redirects", ratio(to_cdn, rate(storage.CDN_REDIRECTS)), good="constant"),
    Lines("Redirects by target", redirects, good="follows the pulls", stacked=True),
    Lines("CDN bypasses by reason", bypasses, good="0, or only clients within the cloud"),
    collapsed=True,
    logs="egress-by-redirect",
)

hit = rate(select(storage.URL_CACHE_REQUESTS, result="hit"))
misses = rate(select(storage.URL_CACHE_REQUESTS, reason=other_than("")), by="reason")
hottest = highest(storage.OBJECT_ACCESSES_TOP, by="top_n")

signed_urls = Row(
    "Signed URL cache",
    Lines("Signed URL cache hit ratio", ratio(hit, rate(storage.URL_CACHE_REQUESTS)), good="constant"),
    Lines("Signed URL cache look-ups", rate(storage.URL_CACHE_REQUESTS, by="result"), good="mostly hits"),
    Lines("Signed URL cache misses by reason", misses, good="no error", stacked=True),
    Lines("Blob access events dropped", rate(storage.ACCESS_EVENTS_DROPPED), good="0"),
    Heat("Size of signed URL cache entries", storage.URL_CACHE_ENTRY_SIZE, good="below 2 KiB"),
    Lines("Reads of the most-read blobs", hottest, good="no sudden rise"),
    Heat("Reads per blob per minute", storage.OBJECT_ACCESSES, good="most below 20"),
    collapsed=True,
    logs="recent-errors",
)

freed_by_type = rate(gc.BYTES, by="media_type")

disks = Row(
    "Disk space and bytes freed",
    Lines("Disk space free, %", space_left, good="above 20 %", thresholds=(0.2, 0.1)),
    Lines("Inodes free, %", inodes_left, good="above 20 %", thresholds=(0.2, 0.1)),
    Lines("Bytes freed by GC", freed_by_type, good="above 0 where tags are deleted", logs="gc-decisions", stacked=True),
    see="capacity",
)

dashboard = Dashboard(
    "Registry Storage Detail", now, driver, blobs, descriptors, bucket, proxies, cdn, signed_urls, disks
)

"""Online garbage collection: what waits for review, what the two workers do, and what it frees.

A blob is deleted in storage and in the database and counts in both: what is deleted is counted once, in the database.
Runs that found nothing to do are short and many, so that they are shown apart from those that worked.
"""

from regobs.catalog import database, gc, removed, row_counts, storage
from regobs.grafana.words import *

QUEUE, rows = "RegistryGarbageQueueGrowing", row_counts.ROWS
waiting = highest(select(rows, query_name=("gc_blob_review_queue", "gc_manifest_review_queue")), by="query_name")
waiting_3 = highest(removed.GC_QUEUE, by="queue")
overdue = select(rows, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
late = highest(overdue, by="query_name")
late_blobs = highest(select(rows, query_name="gc_blob_review_queue_overdue"))
late_manifests = highest(select(rows, query_name="gc_manifest_review_queue_overdue"))
blob_runs, manifest_runs = select(gc.RUNS, noop=False, worker="blob"), select(gc.RUNS, noop=False, worker="manifest")
drain = {"blobs": drain_time(late_blobs, rate(blob_runs)), "manifests": drain_time(late_manifests, rate(manifest_runs))}
worked, idle = rate(select(gc.RUNS, noop=False), by="worker"), rate(select(gc.RUNS, noop=True), by="worker")
dangling = rate(select(gc.RUNS, noop=False, dangling=True), by="worker")
failed = ratio(rate(select(gc.RUNS, error=True), by="worker"), rate(gc.RUNS, by="worker"))
work = select(gc.RUN_DURATION, noop=False)
deleted, in_storage = select(gc.DELETES, backend="database"), select(gc.DELETE_DURATION, backend="storage")
in_database = select(gc.DELETE_DURATION, backend="database")
not_deleted = ratio(rate(select(gc.DELETE_DURATION, error=True), by="backend"), rate(gc.DELETE_DURATION, by="backend"))
checks = select(database.QUERY_DURATION, name=("gc_blob_task_is_dangling", "gc_manifest_task_is_dangling"))
balance = {"uploaded": volume(storage.BLOB_UPLOADS), "freed": rate(gc.BYTES)}

dashboard = Dashboard(
    "Registry Garbage Collection Detail",
    Row(
        "Is it keeping up?",
        Stat("Overdue blobs", late_blobs, good="falls back to 0", alert=QUEUE, thresholds=(100, 1000)),
        Stat("Overdue manifests", late_manifests, good="falls back to 0", alert=QUEUE, thresholds=(100, 1000)),
        Stat("Reviewed in this time range", increase(select(gc.RUNS, noop=False)), good="follows pushes and deletes"),
        Stat("Deleted in this time range", increase(deleted, by="artifact"), good="above 0 where tags are deleted"),
        Stat("Freed in this time range", increase(gc.BYTES), good="above 0 where tags are deleted"),
        Lines("Waiting", waiting, waiting_3, good="level; a task waits a day by default"),
        Lines("Overdue", late, good="falls back to 0", alert=QUEUE, thresholds=(100, 1000)),
        Lines("Time until nothing is overdue", drain, good="below an hour"),
        Lines("Overdue tasks that come each second", trend(overdue, by="query_name"), good="0 or below", zoom=True),
        Lines("Put off after an error", rate(gc.POSTPONES, by="worker"), good="0", logs="gc-failures"),
        Lines("p95 of sleep between runs", quantile(0.95, gc.SLEEP, by="worker"), good="seconds while much is waiting"),
        logs="gc-decisions",
    ),
    Row(
        "What do the workers do?",
        Lines("Runs that worked", worked, good="follows pushes and deletes", stacked=True),
        Lines("Runs without a task", idle, good="level; they are cheap"),
        Lines("Runs that failed", failed, good="0", logs="gc-failures", zoom=True),
        Lines("Found to be garbage", ratio(dangling, worked), good="level; it rises when tags are deleted"),
        Lines("Reviews by cause", rate(select(gc.RUNS, noop=False), by="event"), good="the usual mix", stacked=True),
        Lines("p95 of runs that worked", quantile(0.95, work, by="worker"), good="below 1 s"),
        Heat("Time of runs that worked", work, good="one band; a second band is a slow query or bucket"),
        Lines("p95 of checks", quantile(0.95, checks, by="name"), good="below 100 ms"),
        logs="gc-decisions",
    ),
    Row(
        "What does it free?",
        Lines("Deleted", rate(deleted, by="artifact"), good="above 0 where tags are deleted", stacked=True),
        Lines("Bytes freed", rate(gc.BYTES, by="media_type"), good="above 0 where tags are deleted", stacked=True),
        Lines("Uploaded and freed", balance, good="freed follows uploaded, a day or more later"),
        Lines("Deletions that failed", not_deleted, good="0", logs="gc-failures", zoom=True),
        Lines("p95 of deleting from storage", quantile(0.95, in_storage), good="below 500 ms"),
        Lines("p95 of deleting rows", quantile(0.95, in_database, by="artifact"), good="below 100 ms"),
        logs="gc-decisions",
    ),
    needs=Capability.GARBAGE_COLLECTION,
)

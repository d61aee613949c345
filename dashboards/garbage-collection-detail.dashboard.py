"""Online garbage collection: what waits for review, what the two workers do, and what it frees.

A blob is deleted in storage and in the database and counts in both: what is deleted is counted once, in the database.
Runs that found nothing to do are short and many, so that they are shown apart from those that reviewed a task.
"""

from measures import *
from regobs.catalog import database, gc, removed, row_counts, storage
from regobs.grafana.words import *

QUEUE, with_task = "RegistryGarbageQueueGrowing", select(gc.RUNS, noop=False)
reviews = select(with_task, error=False)  # one that fails is put back into the queue
late_blobs = highest(select(row_counts.ROWS, query_name="gc_blob_review_queue_overdue"))
late_manifests = highest(select(row_counts.ROWS, query_name="gc_manifest_review_queue_overdue"))
any_blobs, any_manifests = rate(select(gc.RUNS, worker="blob")), rate(select(gc.RUNS, worker="manifest"))
reviewed_blobs = zero_filled(rate(select(reviews, worker="blob")), any_blobs)
reviewed_manifests = zero_filled(rate(select(reviews, worker="manifest")), any_manifests)
drain = {
    "blob": drawn_up_to(drain_time(late_blobs, reviewed_blobs), "7d"),
    "manifest": drawn_up_to(drain_time(late_manifests, reviewed_manifests), "7d"),
}
waiting = by_version(highest(waits_for_review, by="query_name"), before=highest(removed.GC_QUEUE, by="queue"))
deleted = select(gc.DELETES, backend="database")

keeping_up = Row(
    "GC queue",
    Stat("GC reviews completed in range", increase(reviews), good="follows pushes and deletes"),
    Stat("GC deletions in range", increase(deleted, by="artifact"), good="above 0 where tags are deleted"),
    Stat("Bytes freed by GC in range", increase(gc.BYTES), good="above 0 where tags are deleted"),
    Lines("GC queue length", waiting, good="constant; the review delay is a day by default"),
    Lines("GC tasks overdue", gc_overdue, good="returns to 0", alert=QUEUE, thresholds=(100, 1000)),
    Lines("GC tasks overdue, change per hour", gc_overdue_growth, good="0 or below", alert=QUEUE),
    Lines("Time to drain overdue GC tasks", drain, good="below an hour; 7 d: none is reviewed"),
    Lines("GC reviews postponed", rate(gc.POSTPONES, by="worker"), good="0", logs="gc-failures"),
    Lines("GC sleep between runs p95", quantile(0.95, gc.SLEEP, by="worker"), good="seconds while the queue is long"),
    logs="gc-decisions",
)

reviewed = rate(reviews, by="worker")
by_cause = rate(select(with_task, event=other_than("")), by="event")
dangling = rate(select(reviews, dangling=True), by="worker")
idle = rate(select(gc.RUNS, noop=True, error=False), by="worker")
work = select(gc.RUN_DURATION, noop=False)
checks = {
    "blob": quantile(0.95, select(database.QUERY_DURATION, name="gc_blob_task_is_dangling")),
    "manifest": quantile(0.95, select(database.QUERY_DURATION, name="gc_manifest_task_is_dangling")),
}

workers = Row(
    "Workers",
    Lines("GC runs with a task", rate(with_task, by="worker"), good="follows pushes and deletes", stacked=True),
    Lines("GC runs without a task", idle, good="constant"),
    Lines("GC runs failed, % of runs not idle", gc_failed, good="0", logs="gc-failures", zoom=True),
    Lines("GC tasks found dangling, %", ratio(dangling, reviewed), good="constant; rises when tags are deleted"),
    Lines("GC runs with a task by cause", by_cause, good="shares as usual", stacked=True),
    Lines("GC run duration p95", quantile(0.95, work, by="worker"), good="below 1 s"),
    Heat("GC run duration", work, good="one band; a second band is a slow query or bucket"),
    Lines("GC dangling check latency p95", checks, good="below 100 ms"),
    logs="gc-decisions",
)

failed = ratio(rate(select(gc.DELETE_DURATION, error=True), by="backend"), rate(gc.DELETE_DURATION, by="backend"))
by_artifact = rate(deleted, by="artifact")
in_storage = select(gc.DELETE_DURATION, backend="storage")
in_database = select(gc.DELETE_DURATION, backend="database")
balance = {"uploaded": volume(storage.BLOB_UPLOADS), "freed": rate(gc.BYTES)}

freeing = Row(
    "Deletions and bytes freed",
    Lines("GC deletions by artifact", by_artifact, good="above 0 where tags are deleted", stacked=True),
    Lines("Bytes freed by GC", rate(gc.BYTES, by="media_type"), good="above 0 where tags are deleted", stacked=True),
    Lines("Bytes uploaded and freed", balance, good="freed follows uploaded after a day or more"),
    Lines("GC deletions failed, %", failed, good="0", logs="gc-failures", zoom=True),
    Lines("GC storage deletion latency p95", quantile(0.95, in_storage), good="below 500 ms"),
    Lines("GC row deletion latency p95", quantile(0.95, in_database, by="artifact"), good="below 100 ms"),
    logs="gc-decisions",
)

dashboard = Dashboard(
    "Registry Garbage Collection Detail", keeping_up, workers, freeing, needs=Capability.GARBAGE_COLLECTION
)

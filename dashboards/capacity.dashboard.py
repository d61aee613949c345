"""What runs out first, and when? Saturation now, and where it goes if it goes on as in the last six hours."""

from regobs.catalog import containers, go_runtime, kubernetes, node, notifications, process, row_counts, sql_pool
from regobs.grafana.words import *

FDS, POOL, QUEUE = "RegistryFileDescriptorsNearLimit", "RegistryDatabasePoolSaturated", "RegistryGarbageQueueGrowing"
one, each = "instance", ("instance", "host_type")
fds = ratio(highest(process.OPEN_FDS, by=one), highest(process.MAX_FDS, by=one))
pool = ratio(highest(sql_pool.IN_USE, by=each), highest(sql_pool.MAX_OPEN, by=each))
space, files = ("instance", "mountpoint"), node.FILESYSTEM_FILES_FREE
bytes_left = ratio(lowest(node.FILESYSTEM_AVAILABLE, by=space), lowest(node.FILESYSTEM_SIZE, by=space))
files_left = ratio(lowest(files, by=space), lowest(node.FILESYSTEM_FILES, by=space))
memory_left = ratio(lowest(node.MEMORY_AVAILABLE, by=one), lowest(node.MEMORY, by=one))
busy = ratio(rate(select(node.CPU, mode=other_than("idle")), by=one), rate(node.CPU, by=one))
received, sent = (rate(select(way, device=other_than("lo"))) for way in (node.NETWORK_RECEIVED, node.NETWORK_SENT))
wire, platters = (
    {"received": received, "sent": sent},
    {"read": rate(node.DISK_READ), "written": rate(node.DISK_WRITTEN)},
)
disks = rate(node.DISK_BUSY, by=("instance", "device"))
throttled = ratio(rate(containers.THROTTLED, by="pod"), rate(containers.PERIODS, by="pod"))
scaled, named = ratio(total(kubernetes.AUTOSCALER_REPLICAS), total(kubernetes.AUTOSCALER_MAX)), "query_name"
overdue = select(row_counts.ROWS, query_name=("gc_blob_review_queue_overdue", "gc_manifest_review_queue_overdue"))
growth = trend(overdue, by=named)
queue, queue_3 = trend(notifications.PENDING, by="endpoint"), trend(notifications.PENDING_TOTAL, by="endpoint")
fds_ahead = forecast(process.OPEN_FDS, "1d", by=one)
memory_ahead = forecast(process.RESIDENT_MEMORY, "1d", by=one)
space_ahead = forecast(node.FILESYSTEM_AVAILABLE, "4d", by=space, falling=True)
files_ahead = forecast(files, "4d", by=space, falling=True)

dashboard = Dashboard(
    "Registry Capacity",
    Row(
        "What is nearest to its limit? (the ten highest)",
        Lines("File descriptors", top(10, fds), good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
        Lines("Database connections", top(10, pool), good="below 70 %", alert=POOL, thresholds=(0.7, 0.9)),
        Lines("CPU in cores", top(10, rate(process.CPU, by=one)), good="below the limit of the container"),
        Lines("Memory", top(10, highest(process.RESIDENT_MEMORY, by=one)), good="level; no slope over days"),
        Lines("Goroutines", top(10, highest(go_runtime.GOROUTINES, by=one)), good="follows in flight"),
        Lines("Threads", top(10, highest(go_runtime.THREADS, by=one)), good="level; a rise means slow disks"),
    ),
    Row(
        "How full are the hosts?",
        Lines("CPU of hosts", top(10, busy), good="below 70 %", thresholds=(0.7, 0.9)),
        Lines("Memory left on hosts", memory_left, good="above 20 %", thresholds=(0.2, 0.1)),
        Lines("Load of hosts", top(10, highest(node.LOAD, by=one)), good="no more than the host has processors"),
        Lines("Network of hosts", wire, good="below the speed of the link"),
        Lines("Disks busy", top(10, disks), good="below 70 %"),
        Lines("Bytes of disks", platters, good="below what the disks can"),
        Lines("Space left", bytes_left, good="above 20 %", thresholds=(0.2, 0.1)),
        Lines("Files left", files_left, good="above 20 %", thresholds=(0.2, 0.1)),
    ),
    Row(
        "Is there room to scale?",
        Lines("Replicas of the most allowed", scaled, good="below 80 %", thresholds=(0.8, 1)),
        Lines("CPU periods throttled (top 10)", top(10, throttled), good="0", zoom=True),
    ),
    Row(
        "Which queues grow?",
        Lines("Overdue garbage collection", growth, good="0 or below", alert=QUEUE, logs="gc-decisions", zoom=True),
        Lines("Notifications", queue, queue_3, good="0 or below", logs="recent-errors", zoom=True),
    ),
    Row(
        "Where does it lead, if it goes on like this?",
        Lines("Space left in 4 days", space_ahead, good="far above 0"),
        Lines("Files left in 4 days", files_ahead, good="far above 0"),
        Lines("Memory in a day (top 10)", top(10, memory_ahead), good="what it is now; more is a leak"),
        Lines("File descriptors in a day (top 10)", top(10, fds_ahead), good="what it is now; more is a leak"),
    ),
)

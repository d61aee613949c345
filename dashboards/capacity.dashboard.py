"""What runs out first, and when? Use of each resource now, and where it goes if it goes on as in the last six hours."""

from measures import *
from regobs.catalog import go_runtime, kubernetes, node, notifications, process, sql_pool
from regobs.catalog import redis_server
from regobs.grafana.words import *

resources = {
    "File descriptors": used(process.OPEN_FDS, of=process.MAX_FDS, by="instance"),
    "Database connections of the pool": used(sql_pool.IN_USE, of=sql_pool.MAX_OPEN, by=pool),
    "Disk space": left(node.FILESYSTEM_AVAILABLE, of=node.FILESYSTEM_SIZE, by=mount),
    "Inodes": left(node.FILESYSTEM_FILES_FREE, of=node.FILESYSTEM_FILES, by=mount),
    "CPU of hosts": Resource(cpu_busy),
    "Memory of hosts": left(node.MEMORY_AVAILABLE, of=node.MEMORY, by="instance"),
    "Redis memory": used(redis_server.MEMORY, of=redis_server.MAX_MEMORY, by="instance"),
    "Redis clients": used(redis_server.CLIENTS, of=redis_server.MAX_CLIENTS, by="instance"),
    "Replicas of the autoscaler": used(kubernetes.AUTOSCALER_REPLICAS, of=kubernetes.AUTOSCALER_MAX, by=autoscaler),
}

first = Row(
    "Utilization",
    Saturation("Utilization by resource", resources, good="below 70 %, and full in no less than 14 days"),
)

FDS, POOL = "RegistryFileDescriptorsNearLimit", "RegistryDatabasePoolSaturated"
descriptors, pools = top(10, file_descriptors), top(10, pool_in_use)
threads, goroutines = highest(go_runtime.THREADS, by="instance"), highest(go_runtime.GOROUTINES, by="instance")

processes = Row(
    "Processes (top 10)",
    Lines("File descriptors, % of limit", descriptors, good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
    Lines("Database connections, % of pool", pools, good="below 70 %", alert=POOL, thresholds=(0.7, 0.9)),
    Lines("CPU cores used", top(10, cpu), good="below the limit of the container"),
    Lines("Resident memory", top(10, memory), good="constant; a slope over days is a leak"),
    Lines("Goroutines", top(10, goroutines), good="follows the requests in flight"),
    Lines("OS threads", top(10, threads), good="constant; a rise means slow disks"),
    logs="recent-errors",
)

received = rate(select(node.NETWORK_RECEIVED, device=other_than("lo")))
sent = rate(select(node.NETWORK_SENT, device=other_than("lo")))
disks = rate(node.DISK_BUSY, by=("instance", "device"))
disk_bytes = {"read": rate(node.DISK_READ), "written": rate(node.DISK_WRITTEN)}

hosts = Row(
    "Hosts",
    Lines("Host CPU, %", top(10, cpu_busy), good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Host memory available, %", memory_left, good="above 20 %", thresholds=(0.2, 0.1)),
    Lines("Host load average", top(10, highest(node.LOAD, by="instance")), good="below the number of CPUs"),
    Lines("Host network", {"received": received, "sent": sent}, good="below the speed of the link"),
    Lines("Disk busy, %", top(10, disks), good="below 70 %", thresholds=(0.7, 0.9)),
    Lines("Disk throughput", disk_bytes, good="below the limit of the disk"),
    Lines("Disk space free, %", space_left, good="above 20 %", thresholds=(0.2, 0.1)),
    Lines("Inodes free, %", inodes_left, good="above 20 %", thresholds=(0.2, 0.1)),
    Lines("CPU periods throttled, %", top(10, cpu_throttled), good="0", zoom=True),
)

QUEUE = "RegistryGarbageQueueGrowing"
queue = by_version(
    change(total(notifications.PENDING, by="endpoint"), over="10m", per="1h"),
    before=change(total(notifications.PENDING_TOTAL, by="endpoint"), over="10m", per="1h"),
)

queues = Row(
    "Queue growth",
    Lines("GC tasks overdue, change per hour", gc_overdue_growth, good="0 or below", alert=QUEUE, logs="gc-decisions"),
    Lines("Notifications waiting, change per hour", queue, good="0 or below", logs="recent-errors"),
)

dashboard = Dashboard("Registry Capacity", first, processes, hosts, queues)

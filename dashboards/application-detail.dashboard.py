"""The registry process: what it answers, how fast, and what it costs its host."""

from regobs.catalog import build_info, containers, go_runtime, http, kubernetes, process, storage, targets
from regobs.catalog import python_runtime as python
from regobs.grafana.words import *

requests = rate(http.REQUESTS, by="route")
by_method, by_status = rate(http.REQUESTS, by="method"), rate(http.REQUESTS, by="code")
by_route_and_method = rate(http.REQUESTS, by=("route", "method"))
failures = ratio(rate(select(http.REQUESTS, code="5xx"), by="route"), requests)
refusals = ratio(rate(select(http.REQUESTS, code="4xx"), by="route"), requests)
pulls = select(http.DURATION, route="manifest", method=("get", "head"))
p95 = quantile(0.95, http.DURATION, by="route")
p95_detail = quantile(0.95, http.DURATION, by=("route", "method"))
cache_hits = ratio(rate(select(storage.CACHE, type="Hit")), rate(select(storage.CACHE, type="Request")))
cache_hits_3 = ratio(rate(storage.CACHE_HITS), rate(storage.CACHE_REQUESTS))
fds = ratio(highest(process.OPEN_FDS, by="instance"), highest(process.MAX_FDS, by="instance"))
FDS, BURN = "RegistryFileDescriptorsNearLimit", "RegistryAvailabilityBurn"
RESTARTS = "RegistryRestarting"
network = {"received": rate(process.NETWORK_RECEIVED), "sent": rate(process.NETWORK_SENT)}
container_cpu = rate(select(containers.CPU, container=other_than("")), by="pod")
container_memory = highest(select(containers.MEMORY, container=other_than("")), by="pod")
throttled = ratio(rate(containers.THROTTLED, by="pod"), rate(containers.PERIODS, by="pod"))
cores, memory = select(kubernetes.RESOURCE_LIMIT, resource="cpu"), select(kubernetes.RESOURCE_LIMIT, resource="memory")
pod_memory = total(select(containers.MEMORY, container=other_than("")), by="pod")
cpu_used, memory_used = per(container_cpu, total(cores, by="pod")), per(pod_memory, total(memory, by="pod"))
phases, exits = total(kubernetes.POD_PHASE, by="phase"), total(kubernetes.POD_LAST_EXIT, by="reason")
pod_network = {"received": rate(containers.RECEIVED), "sent": rate(containers.SENT)}
replicas = {"available": total(kubernetes.REPLICAS_AVAILABLE), "wanted": total(kubernetes.REPLICAS_WANTED)}

dashboard = Dashboard(
    "Registry Application Detail",
    Row(
        "What runs",
        Stat("Instances up", total(targets.UP), good="as many as are deployed", alert="RegistryDown"),
        Stat("Since the last start", age(process.START_TIME), good="since the last rollout", alert=RESTARTS),
        Stat("Requests", rate(http.REQUESTS), good="follows the time of day", logs="requests-over-time"),
        Stat("In flight", total(http.IN_FLIGHT), good="falls back after each peak"),
        Stat("Cache hits", cache_hits, cache_hits_3, good="above 80 % on pulls", thresholds=(0.8, 0.5)),
        Stat("Version", count(build_info.BUILD, by="version"), good="one; two only while a rollout runs"),
        Stat("Go", count(go_runtime.INFO, by="version"), good="one; two only while a rollout runs"),
    ),
    Row(
        "Requests",
        Lines("By route", requests, good="the usual mix", stacked=True),
        Lines("By method", by_method, good="far more reads than writes", logs="client-versions", stacked=True),
        Lines("By route and method (top 10)", top(10, by_route_and_method), good="the usual mix", logs="users"),
        Lines("By status", by_status, good="2xx and 3xx; each login begins with a 401", logs="auth-failures"),
        Lines("Server errors by route", failures, good="0", alert=BURN, logs="errors-by-message", zoom=True),
        Lines("Client errors by route", refusals, good="level; 404 precedes a push", logs="errors-by-code", zoom=True),
        Lines("In flight over time", total(http.IN_FLIGHT), good="falls back after each peak"),
        logs="requests-by-route-and-status",
    ),
    Row(
        "Latency",
        Lines("p95 by route", p95, good="flat; uploads take longest", alert="RegistryLatencyBurn"),
        Lines("p95 by route and method (top 10)", top(10, p95_detail), good="flat; uploads take longest"),
        Lines("Mean by route", mean(http.DURATION, by="route"), good="flat"),
        Heat("All requests", http.DURATION, good="one band; a second band is a slow path"),
        Heat("Pulls of manifests", pulls, good="one band; a second band is a slow path", logs="pulls-and-pushes"),
        Lines("p95 to the first header", quantile(0.95, http.TIME_TO_HEADER, by="route"), good="flat, below 1 s"),
        logs="slow-requests-by-route",
    ),
    Row(
        "Sizes",
        Lines("Bytes received by route", volume(http.REQUEST_SIZE, by="route"), good="uploads", stacked=True),
        Lines("Bytes sent by route", volume(http.RESPONSE_SIZE, by="route"), good="blobs above all", stacked=True),
        Lines("Mean size of answers", mean(http.RESPONSE_SIZE, by="route"), good="level", log=True),
        logs="top-repositories-by-bytes",
    ),
    Row(
        "Processes (the ten highest)",
        Lines("CPU", top(10, rate(process.CPU, by="instance")), good="even between instances"),
        Lines("Memory", top(10, highest(process.RESIDENT_MEMORY, by="instance")), good="level; no slope over days"),
        Lines("File descriptors", top(10, fds), good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
        Lines("Goroutines", top(10, highest(go_runtime.GOROUTINES, by="instance")), good="follows in flight"),
        Lines("Heap in use", top(10, highest(go_runtime.HEAP_INUSE, by="instance")), good="a saw with a level base"),
        Lines("Mean pause for collection", top(10, mean(go_runtime.GC_PAUSE, by="instance")), good="below 1 ms"),
        Lines("Network", network, good="follows the traffic"),
    ),
    Row(
        "Python (the ten highest)",
        Lines("Versions", count(python.INFO, by="version"), good="one; two only while a rollout runs"),
        Lines("Cycle collections", rate(python.GC_RUNS, by="generation"), good="few of generation 2", log=True),
        Lines("Objects freed", top(10, rate(python.GC_COLLECTED, by="instance")), good="follows the requests"),
        Lines("Objects not freed", top(10, rate(python.GC_UNCOLLECTABLE, by="instance")), good="0: it is a leak"),
        collapsed=True,
    ),
    Row(
        "Kubernetes (the ten highest pods)",
        Lines("Replicas", replicas, good="as many available as wanted"),
        Lines("Pods by phase", phases, good="Running", stacked=True),
        Lines("CPU of containers", top(10, container_cpu), good="below the limit"),
        Lines("CPU of the limit", top(10, cpu_used), good="below 0.7 of it", zoom=True),
        Lines("CPU periods throttled", top(10, throttled), good="0", zoom=True),
        Lines("Memory of containers", top(10, container_memory), good="below the limit"),
        Lines("Memory of the limit", top(10, memory_used), good="below 0.7 of it; at 1 the kernel ends it", zoom=True),
        Lines("Restarts", top(10, rate(kubernetes.POD_RESTARTS, by="pod")), good="0"),
        Lines("Why containers ended last", exits, good="Completed; OOMKilled is a limit too low or a leak"),
        Lines("Network of pods", pod_network, good="follows the traffic"),
        collapsed=True,
    ),
)

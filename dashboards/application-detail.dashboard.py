"""The registry process: what it answers, how fast, and what it costs its host."""

from measures import *
from regobs.catalog import build_info, containers, go_runtime, http, kubernetes, process, targets
from regobs.catalog import python_runtime as python
from regobs.grafana.words import *

what_runs = Row(
    "Instances and versions",
    Stat("Instances up", up, good="as many as are deployed", alert="RegistryDown"),
    Stat("Requests", rate(http.REQUESTS), good="follows the time of day", logs="requests-over-time"),
    Stat("Server errors, %", server_errors, good="below 0.1 %", logs="errors-by-code", thresholds=(0.001, 0.01)),
    Stat("HTTP latency p95", latency, good="below 1 s", logs="slow-requests-by-route", thresholds=(1, 5)),
    Stat("Go version", count(go_runtime.INFO, by="version"), good="one; two during a rollout", names=True),
    States("Registry version", count(build_info.BUILD, by="version"), good="one; two during a rollout"),
    States("Instance up", lowest(targets.UP, by="instance"), good="always up", alert="RegistryTargetDown"),
)

BURN, by_status = "RegistryAvailabilityBurn", rate(http.REQUESTS, by="code")
by_route_and_method = rate(http.REQUESTS, by=("route", "method"))
failed = ratio(rate(select(http.REQUESTS, code="5xx"), by="route"), requests_by_route)
refused = ratio(rate(select(http.REQUESTS, code="4xx"), by="route"), requests_by_route)

requests = Row(
    "Requests",
    Lines("Requests by route", requests_by_route, good="shares as usual", stacked=True),
    Lines("Requests by method", rate(http.REQUESTS, by="method"), good="far more reads than writes", stacked=True),
    Lines("Requests by route and method (top 10)", top(10, by_route_and_method), good="shares as usual", logs="users"),
    Lines("Requests by status", by_status, good="2xx and 3xx; a login begins with a 401", logs="auth-failures"),
    Lines("Server errors by route, %", failed, good="0", alert=BURN, logs="errors-by-message"),
    Lines("Client errors by route, %", refused, good="constant; pushes begin with a 404", logs="errors-by-code"),
    Lines("Requests in flight", total(http.IN_FLIGHT), good="falls after each peak", logs="client-versions"),
    logs="requests-by-route-and-status",
)

LATE, pulls = "RegistryLatencyBurn", select(http.DURATION, route="manifest", method=("get", "head"))
slowest = top(10, quantile(0.95, http.DURATION, by=("route", "method")))
first_header = quantile(0.95, http.TIME_TO_HEADER, by="route")

latencies = Row(
    "Latency",
    Lines("HTTP latency p95 by route", latency_by_route, good="flat; uploads take longest", alert=LATE),
    Lines("HTTP latency p95 by route and method (top 10)", slowest, good="flat; uploads take longest"),
    Lines("HTTP latency mean by route", mean(http.DURATION, by="route"), good="flat"),
    Heat("HTTP latency distribution", http.DURATION, good="one band; a second band is a slow path"),
    Heat("Manifest pull latency", pulls, good="one band; a second band is a slow path", logs="pulls-and-pushes"),
    Lines("Time to first header p95 by route", first_header, good="flat, below 1 s"),
    logs="slow-requests-by-route",
)

received, sent = volume(http.REQUEST_SIZE, by="route"), volume(http.RESPONSE_SIZE, by="route")

sizes = Row(
    "Request and response sizes",
    Lines("Bytes received by route", received, good="mostly uploads", stacked=True),
    Lines("Bytes sent by route", sent, good="mostly blobs; redirects are not counted", stacked=True),
    Lines("Response size mean by route", mean(http.RESPONSE_SIZE, by="route"), good="constant", log=True),
    logs="top-repositories-by-bytes",
)

FDS, RESTARTS, top_descriptors = "RegistryFileDescriptorsNearLimit", "RegistryRestarting", top(10, file_descriptors)
goroutines, heap = highest(go_runtime.GOROUTINES, by="instance"), highest(go_runtime.HEAP_INUSE, by="instance")
pause, started = mean(go_runtime.GC_PAUSE, by="instance"), age(process.START_TIME, by="instance")
network = {"received": rate(process.NETWORK_RECEIVED), "sent": rate(process.NETWORK_SENT)}

processes = Row(
    "Processes (top 10)",
    Lines("CPU cores used", top(10, cpu), good="even between instances"),
    Lines("Resident memory", top(10, memory), good="constant; a slope over days is a leak"),
    Lines("File descriptors, % of limit", top_descriptors, good="below 70 %", alert=FDS, thresholds=(0.7, 0.9)),
    Lines("Goroutines", top(10, goroutines), good="follows the requests in flight"),
    Lines("Go heap in use", top(10, heap), good="sawtooth with a constant minimum"),
    Lines("Go GC pause mean", top(10, pause), good="below 1 ms"),
    Lines("Process uptime", bottom(10, started), good="reset only by a rollout", alert=RESTARTS),
    Lines("Process network", network, good="follows the traffic"),
    logs="recent-errors",
)

collected, leaked = rate(python.GC_COLLECTED, by="instance"), rate(python.GC_UNCOLLECTABLE, by="instance")

pythons = Row(
    "Python (top 10)",
    States("Python version", count(python.INFO, by="version"), good="one; two during a rollout"),
    Lines("Python GC runs by generation", rate(python.GC_RUNS, by="generation"), good="few of generation 2", log=True),
    Lines("Python objects collected", top(10, collected), good="follows the requests"),
    Lines("Python objects uncollectable", top(10, leaked), good="0; above 0 is a memory leak"),
    collapsed=True,
)

own = other_than("")  # the pod and its cgroup parents are counted without a container
pod_cpu, pod_memory = rate(select(containers.CPU, container=own), by="pod"), select(containers.MEMORY, container=own)
cores, most = select(kubernetes.RESOURCE_LIMIT, resource="cpu"), select(kubernetes.RESOURCE_LIMIT, resource="memory")
cpu_share = ratio(pod_cpu, total(cores, by="pod"))
memory_share = ratio(total(pod_memory, by="pod"), total(most, by="pod"))
replicas = {"available": total(kubernetes.REPLICAS_AVAILABLE), "wanted": total(kubernetes.REPLICAS_WANTED)}
phases, exits = total(kubernetes.POD_PHASE, by="phase"), total(kubernetes.POD_LAST_EXIT, by="reason")
restarts = increase(kubernetes.POD_RESTARTS, by="pod")
pod_network = {"received": rate(containers.RECEIVED), "sent": rate(containers.SENT)}

kubernetes_pods = Row(
    "Kubernetes (top 10 pods)",
    Lines("Deployment replicas", replicas, good="as many available as wanted"),
    Lines("Pods by phase", phases, good="Running", stacked=True),
    Bars("Container restarts in range", top(10, restarts), good="0"),
    Lines("Pod CPU cores used", top(10, pod_cpu), good="below the limit"),
    Lines("Pod CPU, % of limit", top(10, cpu_share), good="below 70 %", thresholds=(0.7, 0.9), zoom=True),
    Lines("CPU periods throttled, %", top(10, cpu_throttled), good="0", zoom=True),
    Lines("Pod memory", top(10, total(pod_memory, by="pod")), good="below the limit"),
    Lines("Pod memory, % of limit", top(10, memory_share), good="below 70 %; OOM kill at 100 %", zoom=True),
    Lines("Last container exits by reason", exits, good="Completed; OOMKilled is a low limit or a leak", stacked=True),
    Lines("Pod network", pod_network, good="follows the traffic"),
    collapsed=True,
)

instance = Row(
    "Instance",
    Lines("Requests by status", by_status, good="2xx and 3xx; a login begins with a 401", logs="auth-failures"),
    Lines("HTTP latency p95 by route", latency_by_route, good="flat; uploads take longest", alert=LATE),
    Lines("Resident memory", top(10, memory), good="constant; a slope over days is a leak"),
    repeat="instance",
    collapsed=True,
)

dashboard = Dashboard(
    "Registry Application Detail", what_runs, requests, latencies, sizes, processes, pythons, kubernetes_pods, instance
)

"""What other processes expose about a registry's surroundings, as far as the content of the pack reads it."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Flavor, Form, Label, Unit

_prometheus = Component("prometheus", Exposer.PROMETHEUS)
_server = Component("prometheus_server", Exposer.PROMETHEUS)
_node = Component("node", Exposer.NODE)
_cadvisor = Component("containers", Exposer.CADVISOR)
_kube = Component("kubernetes", Exposer.KUBE_STATE)

_EVERY = (Flavor.GITLAB, Flavor.DISTRIBUTION)
_TARGET = labels("instance", "job")


def _of_itself(*names: str) -> Form:
    return form(*_EVERY, labels=labels(*names), needs=Capability.PROMETHEUS)


def _on_node(*names: str, **closed: tuple[str, ...]) -> Form:
    return form(*_EVERY, labels=labels(*names, **closed), needs=Capability.NODE_EXPORTER)


def _on_kubernetes(*names: str, **closed: tuple[str, ...]) -> Form:
    return form(*_EVERY, labels=labels(*names, **closed), needs=Capability.KUBERNETES)


UP = _prometheus.gauge(
    "up",
    Unit.BOOL,
    "1 where the last scrape of the target worked, 0 where it failed.",
    form(labels=_TARGET),
    pitfalls=("A target that service discovery no longer finds has no series at all, not 0.",),
)
ALERTS = _prometheus.gauge(
    "ALERTS",
    Unit.ALERTS,
    "1 for each alert that is pending or firing.",
    form(labels=(*labels("alertname", "severity"), Label("alertstate", ("pending", "firing"))), on_event=True),
    pitfalls=("The labels of the alert are on it too; an alert that is not active has no series.",),
)
SCRAPE_DURATION = _prometheus.gauge(
    "scrape_duration_seconds", Unit.SECONDS, "Time of the last scrape.", form(labels=_TARGET)
)
SCRAPE_SAMPLES = _prometheus.gauge(
    "scrape_samples_scraped", Unit.SAMPLES, "Samples that the target exposed.", form(labels=_TARGET)
)
SCRAPE_SAMPLES_KEPT = _prometheus.gauge(
    "scrape_samples_post_metric_relabeling", Unit.SAMPLES, "Samples left after relabeling.", form(labels=_TARGET)
)
SCRAPE_SERIES_ADDED = _prometheus.gauge(
    "scrape_series_added", Unit.SAMPLES, "New series in the last scrape, approximately.", form(labels=_TARGET)
)

RULE_EVALUATIONS = _server.counter(
    "prometheus_rule_evaluations_total", Unit.RUNS, "Evaluations of rules.", _of_itself("rule_group")
)
RULE_FAILURES = _server.counter(
    "prometheus_rule_evaluation_failures_total",
    Unit.RUNS,
    "Evaluations of rules that failed.",
    _of_itself("rule_group"),
    pitfalls=("A failed rule writes nothing: its alert cannot fire, and its recorded series ends.",),
)
RULE_GROUP_INTERVAL = _server.gauge(
    "prometheus_rule_group_interval_seconds", Unit.SECONDS, "How often a group is due.", _of_itself("rule_group")
)
RULE_GROUP_DURATION = _server.gauge(
    "prometheus_rule_group_last_duration_seconds",
    Unit.SECONDS,
    "Time of the last evaluation of a group.",
    _of_itself("rule_group"),
)
RULE_GROUP_EVALUATED = _server.gauge(
    "prometheus_rule_group_last_evaluation_timestamp_seconds",
    Unit.TIMESTAMP,
    "When a group was evaluated last.",
    _of_itself("rule_group"),
)
RULE_GROUP_MISSED = _server.counter(
    "prometheus_rule_group_iterations_missed_total",
    Unit.RUNS,
    "Evaluations of a group that were left out because the one before took too long.",
    _of_itself("rule_group"),
)
ALERTS_SENT = _server.counter(
    "prometheus_notifications_sent_total",
    Unit.ALERTS,
    "Alerts handed to an Alertmanager.",
    _of_itself("alertmanager"),
    pitfalls=("Alerts, not notifications: the same alert is sent again and again while it fires.",),
)
ALERTS_FAILED = _server.counter(
    "prometheus_notifications_errors_total",
    Unit.ALERTS,
    "Errors while alerts were handed to an Alertmanager.",
    _of_itself("alertmanager"),
)
ALERTS_DROPPED = _server.counter(
    "prometheus_notifications_dropped_total", Unit.ALERTS, "Alerts that no Alertmanager got.", _of_itself()
)
ALERTMANAGERS = _server.gauge(
    "prometheus_notifications_alertmanagers_discovered", Unit.NONE, "Alertmanagers that alerts go to.", _of_itself()
)
CONFIG_LOADED = _server.gauge(
    "prometheus_config_last_reload_successful", Unit.BOOL, "0 while the last reload failed.", _of_itself()
)
HEAD_SERIES = _server.gauge("prometheus_tsdb_head_series", Unit.NONE, "Series in memory.", _of_itself())
SAMPLES_APPENDED = _server.counter(
    "prometheus_tsdb_head_samples_appended_total", Unit.SAMPLES, "Samples written.", _of_itself("type")
)
BLOCK_BYTES = _server.gauge(
    "prometheus_tsdb_storage_blocks_bytes",
    Unit.BYTES,
    "Bytes of the blocks on disk.",
    _of_itself(),
    pitfalls=("The first two hours or so are only in memory and in the write-ahead log: it is 0 then.",),
)

_FILE_SYSTEM = _on_node("device", "fstype", "mountpoint")
FILESYSTEM_AVAILABLE = _node.gauge(
    "node_filesystem_avail_bytes",
    Unit.BYTES,
    "Bytes that a user other than root may still write.",
    _FILE_SYSTEM,
    pitfalls=("Select the mount point of the registry's storage: the host has others.",),
)
FILESYSTEM_SIZE = _node.gauge("node_filesystem_size_bytes", Unit.BYTES, "Size of the file system.", _FILE_SYSTEM)
FILESYSTEM_FILES = _node.gauge("node_filesystem_files", Unit.FILES, "Inodes of the file system.", _FILE_SYSTEM)
FILESYSTEM_FILES_FREE = _node.gauge(
    "node_filesystem_files_free",
    Unit.FILES,
    "Inodes that are free.",
    _FILE_SYSTEM,
    pitfalls=("A registry keeps many small files: inodes may run out before bytes do.",),
)
FILESYSTEM_READ_ONLY = _node.gauge(
    "node_filesystem_readonly", Unit.BOOL, "1 where the file system is mounted read-only.", _FILE_SYSTEM
)
NODE_CPU = _node.counter(
    "node_cpu_seconds_total", Unit.SECONDS, "CPU time of the host by mode.", _on_node("cpu", "mode")
)
NODE_LOAD = _node.gauge("node_load1", Unit.NONE, "Load average over one minute.", _on_node())
NODE_MEMORY = _node.gauge("node_memory_MemTotal_bytes", Unit.BYTES, "Memory of the host.", _on_node())
NODE_MEMORY_AVAILABLE = _node.gauge(
    "node_memory_MemAvailable_bytes", Unit.BYTES, "Memory that can be had without swapping.", _on_node()
)
NODE_NETWORK_RECEIVED = _node.counter(
    "node_network_receive_bytes_total", Unit.BYTES, "Bytes received per device.", _on_node("device")
)
NODE_NETWORK_SENT = _node.counter(
    "node_network_transmit_bytes_total", Unit.BYTES, "Bytes sent per device.", _on_node("device")
)
NODE_DISK_BUSY = _node.counter(
    "node_disk_io_time_seconds_total",
    Unit.SECONDS,
    "Time that the disk had work; its rate is the busy fraction.",
    _on_node("device"),
    pitfalls=("A disk that works on several requests at once may be 100 % busy and still have room.",),
)
NODE_DISK_READ = _node.counter("node_disk_read_bytes_total", Unit.BYTES, "Bytes read per disk.", _on_node("device"))
NODE_DISK_WRITTEN = _node.counter(
    "node_disk_written_bytes_total", Unit.BYTES, "Bytes written per disk.", _on_node("device")
)

_CONTAINER = ("container", "id", "image", "name", "namespace", "pod")
_TWICE = 'The pod and its cgroup parents have series too, with an empty `container`: select container!="".'
CONTAINER_CPU = _cadvisor.counter(
    "container_cpu_usage_seconds_total",
    Unit.SECONDS,
    "CPU time of a container; its rate is in cores.",
    _on_kubernetes(*_CONTAINER, "cpu"),
    pitfalls=(_TWICE,),
)
CONTAINER_MEMORY = _cadvisor.gauge(
    "container_memory_working_set_bytes",
    Unit.BYTES,
    "Memory that the kernel cannot easily reclaim: what the memory limit is compared with.",
    _on_kubernetes(*_CONTAINER),
    pitfalls=(_TWICE,),
)
CONTAINER_PERIODS = _cadvisor.counter(
    "container_cpu_cfs_periods_total", Unit.NONE, "Scheduler periods of a container.", _on_kubernetes(*_CONTAINER)
)
CONTAINER_THROTTLED = _cadvisor.counter(
    "container_cpu_cfs_throttled_periods_total",
    Unit.NONE,
    "Scheduler periods in which a container was held back by its CPU limit.",
    _on_kubernetes(*_CONTAINER),
    pitfalls=("A container without a CPU limit has no such series.",),
)
CONTAINER_RECEIVED = _cadvisor.counter(
    "container_network_receive_bytes_total",
    Unit.BYTES,
    "Bytes received by a pod.",
    _on_kubernetes("id", "image", "interface", "name", "namespace", "pod"),
)
CONTAINER_SENT = _cadvisor.counter(
    "container_network_transmit_bytes_total",
    Unit.BYTES,
    "Bytes sent by a pod.",
    _on_kubernetes("id", "image", "interface", "name", "namespace", "pod"),
)

POD_RESTARTS = _kube.counter(
    "kube_pod_container_status_restarts_total",
    Unit.RESTARTS,
    "Restarts of a container within its pod.",
    _on_kubernetes("container", "namespace", "pod", "uid"),
    pitfalls=("A pod that is replaced starts again at 0: a rollout is no restart.",),
)
POD_PHASE = _kube.gauge(
    "kube_pod_status_phase",
    Unit.BOOL,
    "1 for the phase the pod is in, 0 for the others.",
    _on_kubernetes("namespace", "pod", "uid", phase=("Pending", "Running", "Succeeded", "Failed", "Unknown")),
)
POD_LAST_EXIT = _kube.gauge(
    "kube_pod_container_status_last_terminated_reason",
    Unit.BOOL,
    "1 for the reason the container ended last, such as OOMKilled.",
    _on_kubernetes("container", "namespace", "pod", "reason", "uid"),
)
RESOURCE_LIMIT = _kube.gauge(
    "kube_pod_container_resource_limits",
    Unit.NONE,
    "Limits of a container: cores for cpu, bytes for memory.",
    _on_kubernetes("container", "namespace", "node", "pod", "resource", "uid", "unit"),
)
RESOURCE_REQUEST = _kube.gauge(
    "kube_pod_container_resource_requests",
    Unit.NONE,
    "Requests of a container: cores for cpu, bytes for memory.",
    _on_kubernetes("container", "namespace", "node", "pod", "resource", "uid", "unit"),
)
REPLICAS_AVAILABLE = _kube.gauge(
    "kube_deployment_status_replicas_available",
    Unit.REPLICAS,
    "Replicas of a deployment that are ready.",
    _on_kubernetes("deployment", "namespace"),
)
REPLICAS_WANTED = _kube.gauge(
    "kube_deployment_spec_replicas",
    Unit.REPLICAS,
    "Replicas that a deployment should have.",
    _on_kubernetes("deployment", "namespace"),
)
AUTOSCALER_REPLICAS = _kube.gauge(
    "kube_horizontalpodautoscaler_status_current_replicas",
    Unit.REPLICAS,
    "Replicas that an autoscaler runs now.",
    _on_kubernetes("horizontalpodautoscaler", "namespace"),
)
AUTOSCALER_MAX = _kube.gauge(
    "kube_horizontalpodautoscaler_spec_max_replicas",
    Unit.REPLICAS,
    "Replicas that an autoscaler may run at most.",
    _on_kubernetes("horizontalpodautoscaler", "namespace"),
)

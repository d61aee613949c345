"""What kube-state-metrics says of the objects of a cluster: pods, deployments, autoscalers."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_kube = Component("kubernetes", Exposer.KUBE_STATE)


def _on_kubernetes(*names: str, **closed: tuple[str, ...]) -> Form:
    return form(labels=labels(*names, **closed), needs=Capability.KUBERNETES)


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

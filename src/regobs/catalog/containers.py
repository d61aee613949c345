"""What cAdvisor, in every kubelet, says of the containers and pods of its node."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_cadvisor = Component("containers", Exposer.CADVISOR)


def _on_kubernetes(*names: str) -> Form:
    return form(labels=labels(*names), needs=Capability.KUBERNETES)


_CONTAINER = ("container", "id", "image", "name", "namespace", "pod")
_TWICE = 'The pod and its cgroup parents have series too, with an empty `container`: select container!="".'

CPU = _cadvisor.counter(
    "container_cpu_usage_seconds_total",
    Unit.SECONDS,
    "CPU time of a container; its rate is in cores.",
    _on_kubernetes(*_CONTAINER, "cpu"),
    pitfalls=(_TWICE,),
)
MEMORY = _cadvisor.gauge(
    "container_memory_working_set_bytes",
    Unit.BYTES,
    "Memory that the kernel cannot easily reclaim: what the memory limit is compared with.",
    _on_kubernetes(*_CONTAINER),
    pitfalls=(_TWICE,),
)
PERIODS = _cadvisor.counter(
    "container_cpu_cfs_periods_total", Unit.NONE, "Scheduler periods of a container.", _on_kubernetes(*_CONTAINER)
)
THROTTLED = _cadvisor.counter(
    "container_cpu_cfs_throttled_periods_total",
    Unit.NONE,
    "Scheduler periods in which a container was held back by its CPU limit.",
    _on_kubernetes(*_CONTAINER),
    pitfalls=("A container without a CPU limit has no such series.",),
)
RECEIVED = _cadvisor.counter(
    "container_network_receive_bytes_total",
    Unit.BYTES,
    "Bytes received by a pod.",
    _on_kubernetes("id", "image", "interface", "name", "namespace", "pod"),
)
SENT = _cadvisor.counter(
    "container_network_transmit_bytes_total",
    Unit.BYTES,
    "Bytes sent by a pod.",
    _on_kubernetes("id", "image", "interface", "name", "namespace", "pod"),
)

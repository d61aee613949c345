"""What the node_exporter says of a host: CPU, memory, disks, file systems, network."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_node = Component("node", Exposer.NODE)


def _on_node(*names: str, **closed: tuple[str, ...]) -> Form:
    return form(labels=labels(*names, **closed), needs=Capability.NODE_EXPORTER)


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
CPU = _node.counter("node_cpu_seconds_total", Unit.SECONDS, "CPU time of the host by mode.", _on_node("cpu", "mode"))
LOAD = _node.gauge("node_load1", Unit.NONE, "Load average over one minute.", _on_node())
MEMORY = _node.gauge("node_memory_MemTotal_bytes", Unit.BYTES, "Memory of the host.", _on_node())
MEMORY_AVAILABLE = _node.gauge(
    "node_memory_MemAvailable_bytes", Unit.BYTES, "Memory that can be had without swapping.", _on_node()
)
NETWORK_RECEIVED = _node.counter(
    "node_network_receive_bytes_total", Unit.BYTES, "Bytes received per device.", _on_node("device")
)
NETWORK_SENT = _node.counter(
    "node_network_transmit_bytes_total", Unit.BYTES, "Bytes sent per device.", _on_node("device")
)
DISK_BUSY = _node.counter(
    "node_disk_io_time_seconds_total",
    Unit.SECONDS,
    "Time that the disk had work; its rate is the busy fraction.",
    _on_node("device"),
    busy=True,
    pitfalls=("A disk that works on several requests at once may be 100 % busy and still have room.",),
)
DISK_READ = _node.counter("node_disk_read_bytes_total", Unit.BYTES, "Bytes read per disk.", _on_node("device"))
DISK_WRITTEN = _node.counter("node_disk_written_bytes_total", Unit.BYTES, "Bytes written per disk.", _on_node("device"))

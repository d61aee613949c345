"""The process: what the Go client library's process collector reads on Linux."""

from __future__ import annotations

from regobs.catalog.declare import Component, form
from regobs.catalog.model import Flavor, Metric, Unit

GITLAB, DISTRIBUTION = Flavor.GITLAB, Flavor.DISTRIBUTION
CLIENT_1_20 = "only with a Go client library of 1.20 or newer"

# Seen in the scrapes of GitLab registry 4.32 and of CNCF Distribution 3.0.0 and 3.1.2. Which client library an older
# release is linked with depends on who built it: Debian's 2.8.2 differs from upstream's.
CLIENT_1_20_FORMS = (
    form(GITLAB, since="4.32.0"),
    form(GITLAB, until="4.32.0", may_lack=CLIENT_1_20),
    form(DISTRIBUTION, since="3.0.0"),
    form(DISTRIBUTION, until="3.0.0", may_lack=CLIENT_1_20),
)

_process = Component("process")


def _network(name: str, text: str) -> Metric:
    pitfall = "Counts the whole network namespace, not this process alone: on a shared host it is the host's traffic."
    return _process.counter(name, Unit.BYTES, text, *CLIENT_1_20_FORMS, common=True, pitfalls=(pitfall,))


CPU = _process.counter(
    "process_cpu_seconds_total", Unit.SECONDS, "CPU time spent in user and system mode; its rate is in cores."
)
RESIDENT_MEMORY = _process.gauge("process_resident_memory_bytes", Unit.BYTES, "Size of the resident memory.")
VIRTUAL_MEMORY = _process.gauge(
    "process_virtual_memory_bytes", Unit.BYTES, "Size of the virtual memory, the address space."
)
VIRTUAL_MEMORY_MAX = _process.gauge(
    "process_virtual_memory_max_bytes",
    Unit.BYTES,
    "Limit of the size of the virtual memory that is available.",
    pitfalls=("Without a limit it is a number near 2^64, never 0 or -1.",),
)
OPEN_FDS = _process.gauge("process_open_fds", Unit.FDS, "Open file descriptors.")
MAX_FDS = _process.gauge("process_max_fds", Unit.FDS, "Limit of open file descriptors.")
START_TIME = _process.gauge(
    "process_start_time_seconds", Unit.TIMESTAMP, "Time at which the process started.", common=True
)
NETWORK_RECEIVED = _network(
    "process_network_receive_bytes_total", "Bytes received over the network, in the process' network namespace."
)
NETWORK_SENT = _network(
    "process_network_transmit_bytes_total", "Bytes sent over the network, in the process' network namespace."
)

"""What `regobs export probe` exposes: a registry as a client outside sees it, step by step.

The registry's own counters cannot show that name resolution, TLS or the token service fails, nor the 503 of its health
checks and rate limiter, which are answered before a route is counted.
"""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Label, Unit

_probe = Component("probe", Exposer.REGISTRY_PROBE)

# In the order in which they run; each needs those before it that its kind of target has.
STEPS = (
    *("resolve", "connect", "tls", "auth", "base"),
    *("pull_manifest", "pull_blob", "push", "read_back", "delete", "health"),
)
RESULTS = ("ok", "dns", "connect", "tls", "auth", "status", "digest", "answer", "timeout")
# From one round trip in a data centre to the longest default time limit of a step.
BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

_TARGET = Label("target")
_STEP = Label("step", STEPS)

SUCCESS = _probe.gauge(
    "registry_probe_success",
    Unit.BOOL,
    "1 where the last run of the step worked, 0 where it failed or an earlier step prevented it.",
    form(labels=(_STEP, _TARGET), on_event=True, needs=Capability.REGISTRY_PROBE),
    pitfalls=("A step that an earlier one prevents is 0 too: the first step that is 0 names the cause.",),
)
RUNS = _probe.counter(
    "registry_probe_runs_total",
    Unit.RUNS,
    "Runs of a step by their result: ok, or the reason of the failure.",
    form(labels=(Label("result", RESULTS), _STEP, _TARGET), on_event=True, needs=Capability.REGISTRY_PROBE),
    pitfalls=("A step that an earlier one prevents is counted with the reason of that earlier step.",),
)
DURATION = _probe.histogram(
    "registry_probe_duration_seconds",
    Unit.SECONDS,
    "Time that a step took, also of one that failed; a step that was prevented is not in it.",
    form(labels=(_STEP, _TARGET), buckets=BUCKETS, on_event=True, needs=Capability.REGISTRY_PROBE),
)
LAST_SUCCESS = _probe.gauge(
    "registry_probe_last_success_timestamp_seconds",
    Unit.TIMESTAMP,
    "When the step last worked, 0 where it has not since the start of the probe.",
    form(labels=(_STEP, _TARGET), on_event=True, needs=Capability.REGISTRY_PROBE),
)
CERTIFICATE_EXPIRY = _probe.gauge(
    "registry_probe_certificate_expiry_timestamp_seconds",
    Unit.TIMESTAMP,
    "When the certificate that the registry last showed at its own address expires.",
    form(labels=(_TARGET,), on_event=True, needs=Capability.REGISTRY_PROBE),
    pitfalls=("A certificate that fails verification is not read: the value stays that of the one before.",),
)
FAILING_CHECKS = _probe.gauge(
    "registry_probe_failing_health_check",
    Unit.BOOL,
    "1 for each check that /debug/health of the registry names as failing, 0 for one that fails no longer.",
    form(labels=labels("check", "target"), on_event=True, needs=Capability.REGISTRY_PROBE),
    pitfalls=(
        "While /debug/health gives no answer there is no series: the step `health` of registry_probe_success is 0.",
    ),
)

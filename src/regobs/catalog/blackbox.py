"""What the blackbox_exporter says of the registry from outside, with the module of exporters/blackbox.yaml."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Exposer, Form, Unit

_blackbox = Component("blackbox", Exposer.BLACKBOX)


def _asked(*names: str, on_event: bool = False, **closed: tuple[str, ...]) -> Form:
    return form(labels=labels(*names, **closed), needs=Capability.PROBE, on_event=on_event)


SUCCESS = _blackbox.gauge(
    "probe_success",
    Unit.BOOL,
    "1 where the probe got the answer it wants, 0 where it did not.",
    _asked(),
    pitfalls=("`up` of the probe's target is 1 as long as the exporter answers: look at this instead.",),
)
DURATION = _blackbox.gauge("probe_duration_seconds", Unit.SECONDS, "Time of the whole probe.", _asked())
STATUS_CODE = _blackbox.gauge(
    "probe_http_status_code",
    Unit.NONE,
    "HTTP status of the answer, 0 where there was none.",
    _asked(),
)
PHASES = _blackbox.gauge(
    "probe_http_duration_seconds",
    Unit.SECONDS,
    "Time of a phase of the probe.",
    _asked(phase=("connect", "processing", "resolve", "tls", "transfer")),
)
CERTIFICATE_EXPIRY = _blackbox.gauge(
    "probe_ssl_earliest_cert_expiry",
    Unit.TIMESTAMP,
    "When the first certificate of the chain expires.",
    _asked(on_event=True),
    pitfalls=("It is there only where the target is asked by https.",),
)

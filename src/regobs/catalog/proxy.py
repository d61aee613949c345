"""The pull-through cache of CNCF Distribution 3: a registry that is a mirror of another."""

from __future__ import annotations

from regobs.catalog.declare import Component, form, labels
from regobs.catalog.model import Capability, Flavor, Metric, Unit

_proxy = Component("proxy")
_FORM = form(
    Flavor.DISTRIBUTION,
    labels=labels(type=("blob", "manifest")),
    since="3.0.0",
    needs=Capability.PROXY,
    always_exposed=True,
)
_ALWAYS = "It is exposed, at 0, by a registry that is not a proxy too."


def _counter(name: str, unit: Unit, text: str, *pitfalls: str) -> Metric:
    return _proxy.counter(f"registry_proxy_{name}_total", unit, text, _FORM, pitfalls=(*pitfalls, _ALWAYS))


REQUESTS = _counter("requests", Unit.REQUESTS, "Requests of clients to the proxy for blobs and manifests.")
HITS = _counter("hits", Unit.REQUESTS, "Hits of the proxy: requests answered from the local store.")
MISSES = _counter(
    "misses",
    Unit.REQUESTS,
    "Misses of the proxy: requests for what had to be pulled from upstream.",
    "Counted by pull.",
)
PULLED_BYTES = _counter("pulled_bytes", Unit.BYTES, "Bytes pulled from upstream.")
PUSHED_BYTES = _counter("pushed_bytes", Unit.BYTES, "Bytes pushed to clients.")

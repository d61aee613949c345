"""What loads the rules of a build, by the kind of server: some that answer queries evaluate no rule themselves."""

from __future__ import annotations

from regobs.doctor.server import if_offered
from regobs.prometheus import Prometheus
from regobs.prometheus.state import BuildInfo

LOAD = "load the generated prometheus/rules/*.yaml under `rule_files`, then reload the server"
LOAD_RULER = "load the generated mimir/rules.yaml into its ruler, as with `mimirtool rules sync --namespaces regobs`"
LOAD_VMALERT = (
    "VictoriaMetrics evaluates no rules itself: load the generated prometheus/rules/*.yaml into vmalert (-rule), with"
    " -datasource.url and -remoteWrite.url of this server"
)
LOAD_THANOS = (
    "Thanos Query evaluates no rules itself: load the generated thanos/rules.yaml into a Thanos Ruler (--rule-file)"
    " that queries this server and is one of its --endpoint"
)


def how_to_load(prometheus: Prometheus, build: BuildInfo) -> str:
    """What is to be done on this kind of server: Cortex says no version, as do old VictoriaMetrics."""
    if if_offered(prometheus.is_victoriametrics):
        return LOAD_VMALERT
    if if_offered(prometheus.stores) is not None:
        return LOAD_THANOS
    return LOAD_RULER if "Mimir" in build.application or not build.version else LOAD

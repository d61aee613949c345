"""The settings of a deployment, as frozen values. `Config()` is what applies without a regobs.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.scope import Scope
from regobs.promql.vocabulary import TARGET_LABELS, Vocabulary

DAY = 86_400_000  # milliseconds
JOB_IS_REGISTRY = (Matcher("job", MatchOp.EQUAL, "registry"),)

# What the packaged registries do without further settings. A GitLab registry of 4.x runs on plain storage until its
# administrator imports it into the metadata database; Debian's docker-registry ships a configuration with
# `storage.cache.blobdescriptor: inmemory`.
DEFAULT_CAPABILITIES: Mapping[Flavor, frozenset[Capability]] = {
    Flavor.GITLAB: frozenset(),
    Flavor.DISTRIBUTION: frozenset({Capability.DESCRIPTOR_CACHE}),
}

# From the widest to the narrowest; a label that has no name here does not exist in the deployment.
SCOPE_LABELS = ("environment", "cluster", "region", "namespace", "stage", "shard", "node", "pod")


@dataclass(frozen=True, slots=True)
class LabelNames:
    """How a deployment calls the labels that tell its registries apart; None where it has no such label.

    `honor_labels` and `target_labels` describe the scrape: without `honor_labels` a label of the registry that a target
    has too is stored as `exported_` + name.
    """

    environment: str | None = None
    cluster: str | None = None
    region: str | None = None
    namespace: str | None = None
    stage: str | None = None
    shard: str | None = None
    node: str | None = None
    pod: str | None = None
    job: str = "job"
    instance: str = "instance"

    @property
    def scope(self) -> tuple[str, ...]:
        """The names of this deployment's scope labels, widest first, `instance` and `job` not among them."""
        named = (getattr(self, label) for label in SCOPE_LABELS)
        return tuple(name for name in named if name is not None)


@dataclass(frozen=True, slots=True)
class Environment:
    """One environment of a deployment: a name that dashboards offer, and the matchers that select it."""

    name: str
    matchers: tuple[Matcher, ...]


@dataclass(frozen=True, slots=True)
class Threshold:
    """What one SLO's document says, overridden: `target` a fraction below 1, `at_most` in the metric's unit."""

    target: Decimal | None = None
    at_most: Decimal | None = None


@dataclass(frozen=True, slots=True)
class SloSettings:
    """What holds for every SLO; `thresholds` by SLO name."""

    period: Duration = Duration(28 * DAY)
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PrometheusSettings:
    """The Prometheus that scrapes the registries. `targets` and `alertmanagers` are host:port."""

    scrape_interval: Duration = Duration(15_000)
    evaluation_interval: Duration = Duration(15_000)
    retention: Duration = Duration(30 * DAY)
    targets: tuple[str, ...] = ("127.0.0.1:5001",)
    metrics_path: str = "/metrics"
    alertmanagers: tuple[str, ...] = ("127.0.0.1:9093",)


@dataclass(frozen=True, slots=True)
class GrafanaSettings:
    """The Grafana that shows the dashboards. `datasource` is the default choice of every dashboard.

    An annotation that has all of `deploy_tags` is shown as a deploy; without any tag none is. `sidecar_label` is the
    label, as `name=value`, of the ConfigMaps that Grafana's sidecar loads.
    """

    datasource: str = "prometheus"
    url: str = ""
    deploy_tags: tuple[str, ...] = ("deploy", "registry")
    sidecar_label: str = "grafana_dashboard=1"


@dataclass(frozen=True, slots=True)
class KibanaSettings:
    """The Kibana that has the log lines: base address, a space that is not the default one, and whose lines links show.

    `environment` is one of log_schemas/kibana/environments.yaml, the first of them when empty.
    """

    url: str = ""
    space: str = ""
    environment: str = ""


@dataclass(frozen=True, slots=True)
class Config:
    """Everything that regobs.toml can say. `source` is its path, None when there was none."""

    flavor: Flavor = Flavor.GITLAB
    version: Version | None = None
    capabilities: frozenset[Capability] = DEFAULT_CAPABILITIES[Flavor.GITLAB]
    labels: LabelNames = LabelNames()
    honor_labels: bool = False
    target_labels: frozenset[str] = TARGET_LABELS
    matchers: tuple[Matcher, ...] = JOB_IS_REGISTRY
    exposer_matchers: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)
    prometheus: PrometheusSettings = PrometheusSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    kibana: KibanaSettings = KibanaSettings()
    environments: tuple[Environment, ...] = ()
    slo: SloSettings = SloSettings()
    runbook_url: str = ""
    pack: Path | None = None
    source: Path | None = None

    @property
    def vocabulary(self) -> Vocabulary:
        """The names that this deployment's series have."""
        return Vocabulary(self.flavor, self.version, self.capabilities, self.honor_labels, self.target_labels)

    @property
    def rules_scope(self) -> Scope:
        """What rules are put into: the registry's matchers, and the scope labels that every aggregation keeps.

        Environments are not part of it: one set of rules serves them all, and the kept labels tell them apart.
        """
        return Scope(registry=self.matchers, keep=self.labels.scope, recorded=self.labels.scope)

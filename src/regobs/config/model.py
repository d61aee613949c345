"""The settings of a deployment, as frozen values. `Config()` is what applies without a regobs.toml."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace
from functools import lru_cache
from typing import TYPE_CHECKING

from regobs.catalog.model import Capability, Exposer, Flavor, Version
from regobs.common.frozen import frozen
from regobs.errors import InputError
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.scope import Scope
from regobs.promql.vocabulary import TARGET_LABELS, Vocabulary

if TYPE_CHECKING:
    from pathlib import Path

    from regobs.config.named import Context, DeploySettings, Environment, SavedQuery, Threshold

DAY = 86_400_000  # milliseconds

# What the packaged registries do without further settings. A GitLab registry of 4.x runs on plain storage until its
# administrator imports it into the metadata database; Debian's docker-registry ships a configuration with
# `storage.cache.blobdescriptor: inmemory`.
DEFAULT_CAPABILITIES: Mapping[Flavor, frozenset[Capability]] = {
    Flavor.GITLAB: frozenset(),
    Flavor.DISTRIBUTION: frozenset({Capability.DESCRIPTOR_CACHE}),
}

SEVERITIES = ("page", "ticket")  # as content says it; Config.severities has a deployment's names

# From the widest to the narrowest; a label that has no name here does not exist in the deployment. Rules keep those of
# a deployment, and none of an instance: a rule that kept the pod would say of one pod that all of them are down.
DEPLOYMENT_LABELS = ("environment", "cluster", "region", "namespace", "stage", "shard")
SHARED_LABELS = ("environment", "cluster", "region")
INSTANCE_LABELS = ("node", "pod", "instance")


def capabilities_of(flavor: Flavor) -> frozenset[Capability]:
    """The capabilities that the metrics of a flavor, or of a neighbour, ask for."""
    from regobs.catalog import METRICS  # noqa: PLC0415 - all entries are only loaded where a file names capabilities

    forms = (form for metric in METRICS.values() for form in metric.forms if flavor in form.flavors)
    return frozenset(form.needs for form in forms if form.needs is not None)


@frozen
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
        """What this deployment calls the labels that tell deployments apart, widest first."""
        return self._named(DEPLOYMENT_LABELS)

    @property
    def shared(self) -> tuple[str, ...]:
        """Those of them that the exporters beside a registry are labelled with too."""
        return self._named(SHARED_LABELS)

    @property
    def narrow(self) -> tuple[str, ...]:
        """What it calls the labels that tell the instances of one deployment apart, `instance` last."""
        return self._named(INSTANCE_LABELS)

    @lru_cache(maxsize=64)  # noqa: B019 - of small values; every rule and panel asks
    def _named(self, labels: tuple[str, ...]) -> tuple[str, ...]:
        named = (getattr(self, label) for label in labels)
        return tuple(name for name in named if name is not None)


def job_is_registry(labels: LabelNames) -> tuple[Matcher, ...]:
    """The registry's series where no setting says which they are: by its job, as this Prometheus calls that label."""
    return (Matcher(labels.job, MatchOp.EQUAL, "registry"),)


@frozen
class SloSettings:
    """What holds for every SLO; `thresholds` by SLO name."""

    period: Duration = Duration(28 * DAY)
    thresholds: Mapping[str, Threshold] = field(default_factory=dict)


@frozen
class PrometheusSettings:
    """The Prometheus that scrapes the registries.

    `targets` and `alertmanagers` are host:port, `probes` the addresses that the blackbox_exporter asks, `exporters` the
    targets of an exporter where they are not those of the pack. `scrape_labels` are put on all that is scraped, those
    of a deployment also on what is beside the registry. `scheme`, `metrics_path` and `params` (the query by parameter)
    are how all registries are asked.
    """

    scrape_interval: Duration = Duration(15_000)
    evaluation_interval: Duration = Duration(15_000)
    retention: Duration = Duration(30 * DAY)
    targets: tuple[str, ...] = ("127.0.0.1:5001",)
    metrics_path: str = "/metrics"
    scheme: str = "http"
    params: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    alertmanagers: tuple[str, ...] = ("127.0.0.1:9093",)
    probes: tuple[str, ...] = ("http://127.0.0.1:5000/v2/",)
    exporters: Mapping[Exposer, tuple[str, ...]] = field(default_factory=dict)
    scrape_labels: Mapping[str, str] = field(default_factory=dict)


@frozen
class GrafanaSettings:
    """The Grafana that shows the dashboards. `datasource` is the default choice of every dashboard.

    An annotation that has all of `deploy_tags` is shown as a deploy; without any tag none is. `sidecar_label` is the
    label, as `name=value`, of the ConfigMaps that Grafana's sidecar loads.
    """

    datasource: str = "prometheus"
    url: str = ""
    deploy_tags: tuple[str, ...] = ("deploy", "registry")
    sidecar_label: str = "grafana_dashboard=1"


@frozen
class KibanaSettings:
    """The Kibana that has the log lines: base address, a space that is not the default one, and whose lines links show.

    `environment` is one of log_schemas/kibana/environments.yaml, the first of them when empty. `fields` says which
    field of a log line has the value of a deployment's label, by the label as this Prometheus calls it.
    """

    url: str = ""
    space: str = ""
    environment: str = ""
    fields: Mapping[str, str] = field(default_factory=dict)


@frozen
class Config:
    """Everything that regobs.toml can say. `source` is its path, None when there was none.

    `context` is the one of `contexts` that is used when the command line names no server. `notes` are what reads right
    and may still be a mistake; a command prints them as warnings. `registry_unsaid` is true of a file without a table
    [registry], such as one that `regobs context add` or `regobs query save` began.
    """

    flavor: Flavor = Flavor.GITLAB
    version: Version | None = None
    capabilities: frozenset[Capability] = DEFAULT_CAPABILITIES[Flavor.GITLAB]
    labels: LabelNames = LabelNames()
    honor_labels: bool = False
    target_labels: frozenset[str] = TARGET_LABELS
    matchers: tuple[Matcher, ...] = job_is_registry(LabelNames())
    exposer_matchers: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)
    prometheus: PrometheusSettings = PrometheusSettings()
    grafana: GrafanaSettings = GrafanaSettings()
    kibana: KibanaSettings = KibanaSettings()
    environments: tuple[Environment, ...] = ()
    slo: SloSettings = SloSettings()
    runbook_url: str = ""
    severities: Mapping[str, str] = field(default_factory=lambda: dict(zip(SEVERITIES, SEVERITIES, strict=True)))
    pack: Path | None = None
    source: Path | None = None
    contexts: Mapping[str, Context] = field(default_factory=dict)
    context: str = ""
    queries: Mapping[str, SavedQuery] = field(default_factory=dict)
    deploy: Mapping[str, DeploySettings] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    registry_unsaid: bool = field(default=False, compare=False)
    environment: Environment | None = None  # the one of the environments that these are the settings of

    @property
    def deployment_matchers(self) -> tuple[Matcher, ...]:
        """Those of the matchers that choose a deployment: by labels that rules keep, so that alerts have them too."""
        return tuple(matcher for matcher in self.matchers if matcher.label in self.labels.scope)

    def within(self, environment: str) -> Config:
        """These settings for one of the `environments`, also for the neighbours as far as they share its labels.

        Raises InputError for an unknown name.
        """
        found = next((one for one in self.environments if one.name == environment), None)
        if found is None:
            names = [one.name for one in self.environments]
            raise InputError(
                "no such environment",
                value=environment,
                expected=f"one of {', '.join(names)}" if names else "an environment of regobs.toml, which names none",
                next_step=f"add [environments.{environment}] with a selector to regobs.toml, or correct the name",
            )
        common = tuple(matcher for matcher in found.matchers if matcher.label in self.labels.shared)
        neighbours = (one for one in Exposer if one.is_neighbour)
        return replace(
            self,
            environment=found,
            matchers=(*self.matchers, *found.matchers),
            exposer_matchers={one: (*self.exposer_matchers.get(one, ()), *common) for one in neighbours},
        )

    def of_flavor(self, flavor: Flavor) -> Config:
        """These settings for another flavor: what only the flavor of before has is left out, and noted."""
        if flavor is self.flavor:
            return self
        kept = self.capabilities & capabilities_of(flavor)
        dropped = sorted(str(one) for one in self.capabilities - kept - DEFAULT_CAPABILITIES[self.flavor])
        dropped += [f"version {self.version}"] if self.version else []
        note = f"flavor {flavor} has no {', '.join(dropped)} of {self.source or 'the settings'}: left out"
        return replace(
            self,
            flavor=flavor,
            version=None,
            capabilities=kept | DEFAULT_CAPABILITIES[flavor],
            notes=(*self.notes, note) if dropped else (),
        )

    @property
    def asked(self) -> Config:
        """These settings for questions to a server: where no file says what is there, every capability counts as there.

        What a deployment lacks has no data, and says so itself.
        """
        if self.source is not None and not self.registry_unsaid:
            return self
        return replace(self, capabilities=capabilities_of(self.flavor))

    @property
    def vocabulary(self) -> Vocabulary:
        """The names that this deployment's series have."""
        return Vocabulary(self.flavor, self.version, self.capabilities, self.honor_labels, self.target_labels)

    @property
    def apart(self) -> tuple[str, ...]:
        """Labels of deployments that say of a neighbour where it runs itself: `namespace`, `stage` and `shard`.

        Not those that tell the `environments` apart: a neighbour has the labels of its environment.
        """
        told = {matcher.label for one in self.environments for matcher in one.matchers}
        return tuple(label for label in self.labels.scope if label not in {*self.labels.shared, *told})

    @property
    def rules_scope(self) -> Scope:
        """What rules are put into: the registry's matchers, and the scope labels that every aggregation keeps.

        Environments are not part of it: one set of rules serves them all, and the kept labels tell them apart.
        """
        scope = self.labels.scope
        return Scope(self.matchers, keep=scope, recorded=scope, neighbours=self.exposer_matchers)

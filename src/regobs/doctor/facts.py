"""What is known about one server: gathered once, then judged without asking again."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Generic, TypeVar

from regobs.catalog import METRICS, by_series
from regobs.catalog.model import Capability, Exposer, Flavor, Metric, Version
from regobs.doctor.loading import LOAD
from regobs.doctor.matching import LabelSet
from regobs.prometheus.state import Alert, LoadedRule, Target
from regobs.promql.nodes import Expr, Matcher
from regobs.promql.parse import parse
from regobs.promql.scope import about_targets
from regobs.promql.vocabulary import Vocabulary

T = TypeVar("T")

# What discovery in Kubernetes labels targets with: prometheus-operator, and the relabelling of older examples.
NAMESPACE_LABELS = ("namespace", "kubernetes_namespace")
POD_LABELS = ("pod", "pod_name", "kubernetes_pod_name")


def in_a_cluster(targets: Iterable[LabelSet]) -> bool:
    """Whether a target has what only discovery in Kubernetes gives; where no target is known, perhaps."""
    known = list(targets)
    return not known or any({*POD_LABELS, *NAMESPACE_LABELS} & one.keys() for one in known)


@dataclass(frozen=True, slots=True)
class Observed(Generic[T]):
    """A value, and what showed it."""

    value: T
    reason: str


@dataclass(frozen=True, slots=True)
class Series:
    """The live series of one name: the names of all their labels, and the combinations of those that matter."""

    labels: frozenset[str]
    combinations: tuple[LabelSet, ...]


@dataclass(frozen=True, slots=True)
class Up:
    """One target as `up` shows it."""

    labels: LabelSet
    healthy: bool


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """The facts.

    `live` are the names of series with a sample now, of those that anything asks for; `own` those of them that the
    configured selector finds; `known` all names the server still has in its storage, stale ones included. `series`
    holds details of the live names that a diagnosis may need. `targets` and `rules` (by name) are None when the
    server does not offer them (Thanos, Mimir). `version` and `flavor` are those that the scraped registry itself
    shows, None when it does not. `sparse` are the range vectors (as text) whose series all have fewer than two
    samples in the window. `elsewhere` says that another server evaluates the rules of the build and writes what they
    record here: `rules` are None then. `active` are the alerts that wait or fire, whoever evaluates their rules.
    `load` is how such a server gets the rules. `no_alertmanager` says that the server knows none.
    """

    live: frozenset[str]
    own: frozenset[str] = frozenset()
    known: frozenset[str] = frozenset()
    series: Mapping[str, Series] = field(default_factory=dict)
    up: tuple[Up, ...] = ()
    targets: tuple[Target, ...] | None = None
    rules: Mapping[str, tuple[LoadedRule, ...]] | None = None
    version: Version | None = None
    flavor: Flavor | None = None
    sparse: frozenset[str] = frozenset()
    elsewhere: bool = False
    active: tuple[Alert, ...] = ()
    load: str = LOAD
    no_alertmanager: bool = False


@lru_cache(maxsize=8192)
def read(text: str) -> Expr:
    """PromQL text as a tree, each text once: the same rule is looked at from several sides. Raises PromqlError."""
    return parse(text)


@dataclass(frozen=True, slots=True)
class Deployment:
    """What regobs.toml says is there.

    `registry` are the matchers of the registry's own series, `neighbours` all those of the processes beside it,
    `everywhere` those that every series has, `targets` those of the targets of each exporter. `of_environment` are
    those that the chosen environment adds.
    """

    vocabulary: Vocabulary
    registry: tuple[Matcher, ...] = ()
    everywhere: tuple[Matcher, ...] = ()
    neighbours: frozenset[Matcher] = frozenset()
    targets: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)
    environment: str = ""
    of_environment: frozenset[Matcher] = frozenset()

    @property
    def scope(self) -> frozenset[Matcher]:
        """Every matcher that comes from the configuration, not from an expression."""
        return frozenset((*self.registry, *self.everywhere)) | self.neighbours

    def setting(self, matchers: Iterable[Matcher], exposer: Exposer | None = None) -> str:
        """Which setting of regobs.toml these matchers come from; `exposer` is whose series or targets they select."""
        if self.of_environment.intersection(matchers):
            return f"`selector` under [environments.{self.environment}] in regobs.toml"
        if exposer is not None:
            return f"`{exposer.value}` under [prometheus.selectors] in regobs.toml"
        return "`selector` under [prometheus] in regobs.toml"

    def neighbour(self, matchers: Collection[Matcher], metric: Metric | None) -> Exposer | None:
        """The process beside the registry that matchers of the settings are about, be it of its series or of `up`."""
        if metric is not None and metric.exposer.is_neighbour and not about_targets(metric):
            return metric.exposer
        if {*self.registry, *self.everywhere}.intersection(matchers):
            return None
        return next((one for one, own in self.targets.items() if {*own}.intersection(matchers)), None)

    @staticmethod
    def metric(name: str) -> Metric | None:
        """The catalog entry that a series name belongs to."""
        found = by_series(name)
        return found[0] if found else None

    @staticmethod
    def parse(text: str) -> Expr:
        """PromQL text as a tree. Raises PromqlError."""
        return read(text)

    @property
    def registry_names(self) -> frozenset[str]:
        """The series that tell a registry from any other process."""
        return frozenset(name for metric in METRICS.values() if _is_distinct(metric) for name in metric.series)

    @staticmethod
    def names_from(exposer: Exposer) -> frozenset[str]:
        """All series of one process that the catalog knows."""
        return frozenset(name for metric in METRICS.values() if metric.exposer is exposer for name in metric.series)

    def names_of(self, capability: Capability, *, certain: bool = False) -> frozenset[str]:
        """The series that exist only with a capability; `certain` leaves out those that need an event first."""
        found: set[str] = set()
        for metric in METRICS.values():
            form = metric.form(self.vocabulary.flavor, self.vocabulary.version)
            if form is None or form.needs is not capability or form.always_exposed:
                continue
            if not (certain and (form.absent_until_observed or form.may_lack)):
                found.update(metric.series)
        return frozenset(found)


def tells(metric: Metric) -> bool:
    """Whether a metric tells its process: `up` and its like, which Prometheus writes of every target, do not."""
    return any(form.needs is not None and not form.always_exposed for form in metric.forms)


# What other processes show too: those with the same client library, and the other services of a GitLab.
_COMMON = {"process", "go_runtime", "python_runtime", "scrape", "build_info"}


def _is_distinct(metric: Metric) -> bool:
    return metric.exposer is Exposer.REGISTRY and metric.component not in _COMMON

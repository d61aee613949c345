"""The variables of a dashboard, and how they narrow its queries.

One for the data source, one for each label that tells environments apart in this deployment, one for the instance.
Each offers the values of a metric that the dashboard shows, narrowed by the variables before it.
"""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from grafanalib import core

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Flavor, Kind, Metric
from regobs.config import Config
from regobs.promql.nodes import Expr, Matcher, MatchOp, Selector
from regobs.promql.printer import to_text
from regobs.promql.scope import Scope, inject

DATASOURCE = "datasource"
EVERYTHING = ".*"  # also matches a series that lacks the label, so that `All` never hides one
_NAMESPACE = "namespace"  # how kube-state-metrics and cAdvisor call it
_KUBERNETES = frozenset({Exposer.KUBE_STATE, Exposer.CADVISOR})
_OWN = frozenset({Exposer.REGISTRY, Exposer.RULES, Exposer.PROMETHEUS})


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a deployment.

    `shared` labels are on every series, `own` ones on the registry's only, `recorded` ones on what rules record.
    `selector` finds the registry, `exposers` the series of the processes beside it. `datasource` is the data source to
    start with, "" for Grafana's default. `namespace` is the label of the registry's Kubernetes
    namespace: pods, deployments and containers are narrowed like the registry by it.
    """

    shared: tuple[str, ...] = ()
    own: tuple[str, ...] = ("instance",)
    selector: tuple[Matcher, ...] = ()
    exposers: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)
    datasource: str = ""
    recorded: tuple[str, ...] = ()
    namespace: str | None = None

    @classmethod
    def of(cls, config: Config) -> Variables:
        """The variables of a regobs.toml."""
        shared = config.labels.shared
        own = tuple(name for name in config.labels.scope if name not in shared)
        return cls(
            shared,
            (*own, *config.labels.narrow),
            config.matchers,
            config.exposer_matchers,
            config.grafana.datasource,
            config.labels.scope,
            config.labels.namespace or _NAMESPACE,
        )

    @property
    def selectors_only(self) -> Variables:
        """Without variables, for a query that is sent to a server; the selectors stay."""
        return replace(self, shared=(), own=())

    def only(self, used: Container[str]) -> Variables:
        """With those variables only that are used; the selectors stay."""
        return replace(
            self,
            shared=tuple(name for name in self.shared if name in used),
            own=tuple(name for name in self.own if name in used),
        )

    def choosing(self, labels: Iterable[str]) -> Variables:
        """With labels of one dashboard's series as further variables."""
        return replace(self, own=(*self.own, *labels))

    @property
    def names(self) -> tuple[str, ...]:
        """The labels that have a variable, each once: not those that the selector fixes to one value."""
        fixed = {matcher.label for matcher in self.selector if matcher.op is MatchOp.EQUAL}
        return tuple(label for label in dict.fromkeys((*self.shared, *self.own)) if label not in fixed)

    @property
    def scope(self) -> Scope:
        """The matchers that put the variables into a query."""
        everywhere = tuple(_variable(name) for name in self.names if name in self.shared)
        own = tuple(_variable(name) for name in self.names if name not in self.shared)
        registry = (*self.selector, *own)
        of_namespace = {one: found for one in _KUBERNETES if (found := self._of_namespace(registry))}
        return Scope(registry, everywhere, recorded=self.recorded, neighbours={**of_namespace, **self.exposers})

    def apply(self, expr: Expr) -> Expr:
        """A bound expression narrowed by the selectors and variables."""
        return inject(expr, self.scope)

    def _of_namespace(self, registry: Iterable[Matcher]) -> tuple[Matcher, ...]:
        """What chooses the registry's own objects in Kubernetes, where the deployment tells its namespace."""
        return tuple(replace(matcher, label=_NAMESPACE) for matcher in registry if matcher.label == self.namespace)

    def unscoped(self, metrics: Iterable[Metric]) -> list[str]:
        """A sentence for each kind of neighbour among `metrics` of which a query reads all that there are."""
        exposers, chosen = {metric.exposer for metric in metrics} - _OWN, self.scope.neighbours
        return [
            f"It shows all that Prometheus scrapes from {one}; set [prometheus.selectors] to choose this registry's."
            for one in sorted(exposers)
            if not chosen.get(one)
        ]

    def unscoped_neighbours(self, capabilities: Container[Capability], flavor: Flavor) -> list[Exposer]:
        """The exporters beside the registry, as far as they are switched on, of which everything is read."""
        exposers = {
            metric.exposer
            for metric in METRICS.values()
            for form in metric.forms
            if flavor in form.flavors and form.needs in capabilities
        }
        chosen = self.scope.neighbours
        return sorted(one for one in exposers - _OWN if not chosen.get(one))

    def templates(self, metrics: Iterable[Metric], used: Container[str]) -> list[core.Template]:
        """Grafana's templates, in the order they are shown; label values are those of one of `metrics`.

        Only those that are `used` by a query: any other would be a choice that changes nothing.
        """
        source = core.Template(
            name=DATASOURCE, query="prometheus", type="datasource", label="Data source", default=self.datasource
        )
        return [source, *self._label_templates(sorted(set(metrics), key=_reliability), used)]

    def _label_templates(self, metrics: list[Metric], used: Container[str]) -> Iterator[core.Template]:
        if not metrics:
            return
        before = list(self.selector if metrics[0].exposer is Exposer.REGISTRY else ())
        for name in (name for name in self.names if name in used):
            selector = to_text(Selector(metrics[0].series[-1], matchers=tuple(before)))
            yield core.Template(
                name=name,
                query=f"label_values({selector}, {name})",
                label=name.replace("_", " ").capitalize(),
                allValue=EVERYTHING,
                includeAll=True,
                multi=True,
                refresh=core.REFRESH_ON_TIME_RANGE_CHANGE,
            )
            before.append(_variable(name))


def variables_in(texts: Iterable[str]) -> set[str]:
    """The dashboard variables that queries use, Grafana's own (`$__range`) not among them."""
    return {name for text in texts for name in re.findall(r"\$(?!__)(\w+)", text)}


def _variable(name: str) -> Matcher:
    return Matcher(name, MatchOp.REGEX, f"${name}")


def _reliability(metric: Metric) -> tuple[bool, bool, bool, str]:
    """Smaller is better: a registry's own metric, there from the start, with few series."""
    late = any(form.absent_until_observed for form in metric.forms)
    return metric.exposer is not Exposer.REGISTRY, late, metric.kind is Kind.HISTOGRAM, metric.name

"""The variables of a dashboard, and how they narrow its queries.

One for the data source, one for each label that tells environments apart in this deployment, one for the instance.
Each offers the values of a metric that the dashboard shows, narrowed by the variables before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from grafanalib import core

from regobs.catalog.model import Exposer, Kind, Metric
from regobs.config import Config
from regobs.promql.nodes import Expr, Matcher, MatchOp, Selector
from regobs.promql.printer import to_text
from regobs.promql.scope import Scope, inject
from regobs.promql.series import catalog_lookup, known_metric
from regobs.promql.walk import rebuild

DATASOURCE = "datasource"
EVERYTHING = ".*"  # also matches a series that lacks the label, so that `All` never hides one
_SHARED = ("environment", "cluster", "region")  # what the exporters beside a registry are labelled with too


@dataclass(frozen=True, slots=True)
class Variables:
    """The variables of a deployment.

    `shared` labels are on every series, `own` ones on the registry's only, the instance last; `selector` finds the
    registry, `exposers` the series of the processes beside it. `datasource` is the data source to start with, "" for
    Grafana's default.
    """

    shared: tuple[str, ...] = ()
    own: tuple[str, ...] = ("instance",)
    selector: tuple[Matcher, ...] = ()
    exposers: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)
    datasource: str = ""

    @classmethod
    def of(cls, config: Config) -> Variables:
        """The variables of a regobs.toml."""
        shared = tuple(name for word in _SHARED if (name := getattr(config.labels, word)) is not None)
        own = tuple(name for name in config.labels.scope if name not in shared)
        own = (*own, config.labels.instance)
        return cls(shared, own, config.matchers, config.exposer_matchers, config.grafana.datasource)

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
        recorded = tuple(name for name in self.names if name not in self.own[-1:])  # rules keep all but the instance
        return Scope(registry=(*self.selector, *own), everywhere=everywhere, recorded=recorded)

    def apply(self, expr: Expr) -> Expr:
        """A bound expression narrowed by the selectors and variables."""

        def visit(node: Expr) -> Expr:
            if not isinstance(node, Selector):
                return rebuild(node, visit)
            new = (
                matcher for matcher in self._beside(known_metric(node, catalog_lookup)) if matcher not in node.matchers
            )
            return replace(node, matchers=(*node.matchers, *new))

        return inject(visit(expr), self.scope)

    def _beside(self, metric: Metric | None) -> tuple[Matcher, ...]:
        """What narrows a series that is not the registry's own, besides the shared variables.

        What Prometheus says of its targets (`up`) carries the registry's target labels, so it is narrowed like the
        registry's own series.
        """
        if metric is None or metric.exposer is Exposer.REGISTRY:
            return ()
        about_targets = metric.exposer is Exposer.PROMETHEUS and any(form.label("job") for form in metric.forms)
        chosen = self.exposers.get(metric.exposer, ())
        return (*(self.scope.registry if about_targets else ()), *chosen)

    def templates(self, metrics: Iterable[Metric]) -> list[core.Template]:
        """Grafana's templates, in the order they are shown; label values are those of one of `metrics`."""
        source = core.Template(
            name=DATASOURCE, query="prometheus", type="datasource", label="Data source", default=self.datasource
        )
        return [source, *self._label_templates(sorted(set(metrics), key=_reliability))]

    def _label_templates(self, metrics: list[Metric]) -> Iterator[core.Template]:
        if not metrics:
            return
        before = list(self.selector if metrics[0].exposer is Exposer.REGISTRY else ())
        for name in self.names:
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


def _variable(name: str) -> Matcher:
    return Matcher(name, MatchOp.REGEX, f"${name}")


def _reliability(metric: Metric) -> tuple[bool, bool, bool, str]:
    """Smaller is better: a registry's own metric, there from the start, with few series."""
    late = any(form.absent_until_observed for form in metric.forms)
    return metric.exposer is not Exposer.REGISTRY, late, metric.kind is Kind.HISTOGRAM, metric.name

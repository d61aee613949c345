"""Putting a rule's expression into a deployment: whose series each selector reads.

Beyond the scope of every expression: `up` is about a neighbour's targets where the rule names its exporter as job
(`up{job="redis_exporter"}`), pods are those of the registry's namespace where the selector names one, and a window that
holds too few scrapes of this deployment is widened, as is an offset that may reach back to the same scrape. A registry
and its neighbours are joined without the labels that say where each of them runs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from regobs.catalog import METRICS
from regobs.catalog.model import Capability, Exposer, Metric
from regobs.catalog.targets import ALERTS
from regobs.config import Config, Environment
from regobs.config.model import PrometheusSettings
from regobs.promql.nodes import Binary, Call, Duration, Expr, Matcher, MatchOp, Selector
from regobs.promql.scope import Scope, about_targets, inject
from regobs.promql.series import known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.walk import children, rebuild, selectors, walk

# A rate needs two samples, and one scrape may be lost at each end of its window.
_LEAST_SCRAPES = 4
# What a sample is compared with is an older one, also where it is read just before the next scrape.
_OFFSET_SCRAPES = 2
OF_PODS = frozenset({Exposer.CADVISOR, Exposer.KUBE_STATE})
# What is on where an exporter is scraped.
CAPABILITIES = {
    Exposer.PROMETHEUS: Capability.PROMETHEUS,
    Exposer.NODE: Capability.NODE_EXPORTER,
    Exposer.POSTGRES: Capability.POSTGRES_EXPORTER,
    Exposer.PGBOUNCER: Capability.PGBOUNCER_EXPORTER,
    Exposer.REDIS: Capability.REDIS_EXPORTER,
    Exposer.BLACKBOX: Capability.PROBE,
    Exposer.ALERTMANAGER: Capability.ALERTMANAGER,
    Exposer.REGISTRY_PROBE: Capability.REGISTRY_PROBE,
    Exposer.LOG_EXPORTER: Capability.LOG_EXPORTER,
    Exposer.NOTIFICATION_EXPORTER: Capability.NOTIFICATION_EXPORTER,
    Exposer.DATABASE_EXPORTER: Capability.DATABASE_EXPORTER,
}
# Those whose targets discovery in the cluster or the cloud finds: a build lists none.
_DISCOVERED = {
    Exposer.CADVISOR: Capability.KUBERNETES,
    Exposer.KUBE_STATE: Capability.KUBERNETES,
    Exposer.STACKDRIVER: Capability.STACKDRIVER_EXPORTER,
    Exposer.CLOUDWATCH: Capability.CLOUDWATCH_EXPORTER,
}
_NEEDED = CAPABILITIES | _DISCOVERED
_BY_NAME = {exposer.value: exposer for exposer in _NEEDED}
# What the jobs of exporters are usually called: by the program, or by what it watches (Omnibus, Helm charts).
_USUAL_JOBS = {
    Exposer.PROMETHEUS: "prometheus",
    Exposer.NODE: ".*node.*",
    Exposer.POSTGRES: ".*postgres.*",
    Exposer.PGBOUNCER: ".*pgbouncer.*",
    Exposer.REDIS: ".*redis.*",
    Exposer.BLACKBOX: ".*blackbox.*|probe",
    Exposer.ALERTMANAGER: ".*alertmanager.*",
    Exposer.REGISTRY_PROBE: ".*registry.probe.*",
    Exposer.LOG_EXPORTER: ".*log.exporter.*",
    Exposer.NOTIFICATION_EXPORTER: ".*notification.exporter.*",
    Exposer.DATABASE_EXPORTER: ".*database.exporter.*",
    Exposer.CADVISOR: ".*cadvisor.*|kubelet",
    Exposer.KUBE_STATE: ".*kube-state-metrics.*",
    Exposer.STACKDRIVER: ".*stackdriver.*",
    Exposer.CLOUDWATCH: ".*cloudwatch.*|.*yace.*",
}


def scoped(expr: Expr, config: Config) -> Expr:
    """A bound expression as a rule file has it. Raises Unavailable for a target of an exporter that is not scraped."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Binary):
            return _joined(rebuild(node, visit), node, config)
        if not isinstance(node, Selector):
            return rebuild(node, visit)
        metric = known_metric(node)
        if metric is None or metric.exposer is Exposer.RULES:
            return node
        wide = _widened(node, config)
        if about_targets(metric):
            return _of_target(wide, metric, config)
        if metric.exposer in OF_PODS and metric.exposer not in config.exposer_matchers:
            return _with_matchers(wide, _of_namespace(config))
        return wide

    return visit(inject(expr, config.rules_scope))


def _joined(made: Binary, written: Binary, config: Config) -> Binary:
    """A join of a registry with a neighbour, or with alerts about any of them: without the labels that are apart.

    Only where no side has to be unique (`and`, `unless`).
    """
    if made.on is None or made.op not in {"and", "unless"} or not config.apart:
        return made
    others = [known_metric(node) for node in selectors(written.right)]
    found = {_place_of(node) for node in selectors(written)} - {None, Exposer.RULES}
    if len(found) < 2 and not (others and all(metric is ALERTS for metric in others)):
        return made
    return replace(made, on=tuple(label for label in made.on if label not in config.apart))


def _place_of(node: Selector) -> Exposer | None:
    """Whose place the labels of a series name: metrics of pods name the place of the pod, not of their exporter."""
    return Exposer.REGISTRY if shows_pods(node) else exposer_of(node)


def shows_pods(node: Selector) -> bool:
    """Whether a series is about pods; `up` is about the exporter that shows them."""
    metric = known_metric(node)
    return metric is not None and metric.exposer in OF_PODS


def of_registry(expr: Expr) -> bool:
    """Whether the labels of a rule's result name the place of the registry, not that of a neighbour."""
    return {_place_of(node) for node in speaking(expr)} <= {None, Exposer.REGISTRY}


def speaking(expr: Expr) -> Iterator[Selector]:
    """The selectors whose labels the result has: those of the left side, of `or` of both."""
    if isinstance(expr, Selector):
        yield expr
    elif isinstance(expr, Binary):
        left = list(speaking(expr.left))
        yield from left
        if expr.op == "or" or not left:
            yield from speaking(expr.right)
    else:
        for part in children(expr):
            yield from speaking(part)


def labels_of_registry(config: Config) -> frozenset[str]:
    """The labels that the registry itself gives its series, as it exposes them."""
    forms = [config.vocabulary.form(metric) for metric in METRICS.values() if metric.exposer is Exposer.REGISTRY]
    return frozenset(label.exposed for form in forms if form is not None for label in form.labels)


def by_environment(expr: Expr, config: Config) -> Iterator[tuple[Environment | None, Expr]]:
    """The expression once, or once for each environment of regobs.toml where it asks what is absent.

    `absent()` over all environments is silent while one of them is there.
    """
    if not asks_absence(expr) or not config.environments:
        yield None, expr
        return
    for environment in config.environments:
        yield environment, within(expr, environment)


def asks_absence(expr: Expr) -> bool:
    """Whether an expression is there because a series is not."""
    return any(isinstance(node, Call) and node.function == "absent" for node in walk(expr))


def within(expr: Expr, environment: Environment) -> Expr:
    """The expression about one environment only."""
    return inject(expr, Scope(everywhere=environment.matchers))


def kept_labels(expr: Expr, config: Config) -> tuple[str, ...]:
    """The labels of a deployment that the result of a rule's expression has.

    What is absent has those to which its selectors give one value, and a number without series has none.
    """
    found = [one for _, whole in by_environment(expr, config) for one in selectors(whole)]
    if not found:
        return ()
    if not asks_absence(expr):
        return config.rules_scope.keep
    named = [{matcher.label for matcher in one.matchers if matcher.op is MatchOp.EQUAL} for one in found]
    return tuple(label for label in config.rules_scope.keep if all(label in labels for labels in named))


def exposer_of(node: Selector) -> Exposer | None:
    """Whose series a selector of the pack reads; of `up`, whose targets. None for what no catalog has."""
    metric = known_metric(node)
    if metric is ALERTS:
        return Exposer.RULES
    if metric is None or not about_targets(metric):
        return None if metric is None else metric.exposer
    named = _exporter_matcher(node)
    return _BY_NAME[named.value] if named else Exposer.REGISTRY


def _exporter_matcher(node: Selector) -> Matcher | None:
    return next((m for m in node.matchers if m.label == "job" and m.value in _BY_NAME), None)


def _of_target(node: Selector, metric: Metric, config: Config) -> Selector:
    """The targets of the exporter that the rule names as job, or the registry's."""
    named = _exporter_matcher(node)
    if named is None:
        return node
    exposer = _BY_NAME[named.value]
    needed = _NEEDED[exposer]
    if needed not in config.capabilities:
        raise Unavailable(
            f"nothing says that {exposer} is scraped", metric=metric, reason="capability", capability=needed
        )
    others = tuple(m for m in node.matchers if m is not named and m not in config.matchers)
    return _with_matchers(replace(node, matchers=others), targets_of(exposer, config))


def targets_of(exposer: Exposer, config: Config) -> tuple[Matcher, ...]:
    """What chooses the targets of an exporter: what regobs.toml says, else what its job is usually called.

    What it says of series of pods names the pods, and its job alone the target. Empty for one that has no usual job.
    """
    usual = _USUAL_JOBS.get(exposer)
    named = (Matcher(config.labels.job, MatchOp.REGEX, usual),) if usual else ()
    said = config.exposer_matchers.get(exposer, ())
    if exposer in OF_PODS:
        said = tuple(matcher for matcher in said if matcher.label == config.labels.job)
    return said or named


def _with_matchers(node: Selector, matchers: tuple[Matcher, ...]) -> Selector:
    return replace(node, matchers=tuple(dict.fromkeys((*node.matchers, *matchers))))


def _of_namespace(config: Config) -> tuple[Matcher, ...]:
    """What narrows the pods of a cluster to those of the registry's namespace, where its selector names one."""
    return tuple(m for m in config.matchers if m.label == (config.labels.namespace or "namespace"))


def is_widened(expr: Expr, config: Config) -> bool:
    """Whether `scoped` gives a bound expression wider windows than where scrapes are as close as rules are written for.

    Those are the 15 s that regobs.toml has by default.
    """
    usual = replace(config, prometheus=PrometheusSettings())
    if config.prometheus.scrape_interval.ms <= usual.prometheus.scrape_interval.ms:
        return False
    return any(_widened(node, config) != _widened(node, usual) for node in selectors(expr))


def _widened(node: Selector, config: Config) -> Selector:
    scrape = config.prometheus.scrape_interval.ms
    if node.range is not None and node.range.ms < _LEAST_SCRAPES * scrape:
        node = replace(node, range=Duration(_LEAST_SCRAPES * scrape))
    if node.offset is not None and 0 < node.offset.ms < _OFFSET_SCRAPES * scrape:
        node = replace(node, offset=Duration(_OFFSET_SCRAPES * scrape))
    return node

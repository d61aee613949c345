"""Scope: which registries an expression is about. It is put in when an expression is rendered, never written in one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field, replace

from regobs.catalog.model import Exposer, Metric
from regobs.common.frozen import frozen
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Selector
from regobs.promql.series import Lookup, catalog_lookup, known_metric
from regobs.promql.walk import rebuild

_SCRAPES = "prometheus"  # the component of what Prometheus says of targets and alerts, and no target exposes


@frozen
class Scope:
    """What `inject` adds.

    `registry` matchers go to the registry's own series, and to what Prometheus says of its targets (`up`), which have
    the registry's target labels. `neighbours` matchers go to the series of one process beside it, `everywhere` matchers
    to every series. `keep` labels survive each aggregation. `recorded` labels are those that recorded series have
    besides their own; only matchers on labels that a recorded series has are added to it.
    """

    registry: tuple[Matcher, ...] = ()
    everywhere: tuple[Matcher, ...] = ()
    keep: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    neighbours: Mapping[Exposer, tuple[Matcher, ...]] = field(default_factory=dict)


def inject(expr: Expr, scope: Scope, *, lookup: Lookup = catalog_lookup) -> Expr:
    """The expression within the scope. Doing it twice changes nothing, and no existing matcher is lost."""

    def visit(node: Expr) -> Expr:
        match node:
            case Selector():
                return _narrow(node, scope, lookup)
            case Aggregate():
                return _keep(rebuild(node, visit), scope)
            case Binary(on=on) if on is not None:
                return replace(rebuild(node, visit), on=_joined(on, scope.keep))
            case Call(function="scalar"):
                # a scalar has no labels: keeping some below it would give it several values, so none
                return rebuild(node, lambda part: inject(part, replace(scope, keep=()), lookup=lookup))
        return rebuild(node, visit)

    return visit(expr)


def _narrow(node: Selector, scope: Scope, lookup: Lookup) -> Selector:
    have = node.matchers
    new = tuple(matcher for matcher in dict.fromkeys(_matchers(node, scope, lookup)) if matcher not in have)
    return replace(node, matchers=have + new) if new else node


def _matchers(node: Selector, scope: Scope, lookup: Lookup) -> tuple[Matcher, ...]:
    metric = known_metric(node, lookup)
    everything = scope.registry + scope.everywhere
    survivors = {*scope.keep, *scope.recorded}
    if metric is None:
        if _looks_like_registry(node):
            return everything
        return tuple(m for m in everything if m in scope.everywhere or (m.label in survivors and _recorded(node)))
    if metric.exposer is Exposer.REGISTRY or about_targets(metric):
        return everything
    if metric.exposer is not Exposer.RULES:
        of_alerts = metric.component == _SCRAPES  # an alert has the labels of its rule, not those of a job
        return (*(() if of_alerts else scope.neighbours.get(metric.exposer, ())), *scope.everywhere)
    own = {label.exposed for form in metric.forms for label in form.labels}
    kept = own if metric.unscoped else survivors | own
    return tuple(matcher for matcher in everything if matcher.label in kept)


def about_targets(metric: Metric) -> bool:
    """Whether Prometheus says it of every target: `up`, not what Prometheus counts of itself."""
    return metric.component == _SCRAPES and any(form.label("job") for form in metric.forms)


def _recorded(node: Selector) -> bool:
    """A recorded series by its name: colons are reserved for them."""
    return isinstance(node.metric, str) and ":" in node.metric


def _looks_like_registry(node: Selector) -> bool:
    """A series that the catalog does not have, or a pattern over names, from the registry by its prefix."""
    names = [node.metric] if isinstance(node.metric, str) else []
    names += [m.value for m in node.matchers if m.label == "__name__" and m.op in {MatchOp.EQUAL, MatchOp.REGEX}]
    return any(name.lstrip("^(").startswith("registry_") and ":" not in name for name in names)


def _keep(node: Aggregate, scope: Scope) -> Aggregate:
    if node.without or not scope.keep:
        return node
    return replace(node, labels=_joined(node.labels or (), scope.keep))


def _joined(names: tuple[str, ...], more: tuple[str, ...]) -> tuple[str, ...]:
    return names + tuple(name for name in more if name not in names)

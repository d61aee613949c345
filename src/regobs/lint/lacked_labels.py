"""The check of labels that a metric lacks, of a registry or of the user's own scrape."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor, Kind, Metric, Version
from regobs.common.closest import closest
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.own_labels import own_lacks
from regobs.lint.subjects import LintContext, LintedQuery
from regobs.promql.bind import RELABEL_SOURCES
from regobs.promql.nodes import Aggregate, Call, MatchOp, Selector, String
from regobs.promql.vocabulary import TARGET_LABELS

_POSITIVE = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_JUDGED = frozenset({Exposer.REGISTRY, Exposer.OTHER})
_OF_KIND = {"le": frozenset({Kind.HISTOGRAM}), "quantile": frozenset({Kind.SUMMARY})}
# What other services call a label of the registry; no deployment puts these on its targets.
_SYNONYMS = {"status_code": "code", "http_code": "code", "response_code": "code", "http_status": "code"}
_SYNONYMS |= {"http_method": "method", "request_method": "method", "verb": "method", "http_route": "route"}
# What Prometheus, a service discovery or a relabelling commonly writes on a target: such a label may be anywhere.
_TARGETS = TARGET_LABELS | {"type", "name", "service", "version", "shard", "host", "node"}
_PARTS = frozenset({"type", "instance", "job", "name", "service", "version", "shard"})


@cache
def _live(metric: Metric) -> bool:
    """Whether any current registry has it."""
    return any(form.until is None for form in metric.forms)


@check("unknown-label", Severity.WARNING)
def unknown_label(query: LintedQuery) -> Iterator[LintProblem]:
    """A label is asked of a metric that lacks it, though other metrics of the registry, or of your own scrape, have it.

    Why: a matcher then matches nothing, and a `by` list yields one nameless line.

    Wrong:
        sum by (method, code) (registry_http_in_flight_requests)
    Right:
        sum(registry_http_in_flight_requests)
    """
    for node in query.selectors:
        entry = query.entry(node)
        if entry is None or entry[0].exposer not in _JUDGED or not query.context.forms(entry[0]):
            continue
        metric = entry[0]
        ours = metric.exposer is Exposer.REGISTRY
        own = _labels(metric, query.context.flavor if ours else None, query.context.version if ours else None)
        for matcher in node.matchers:
            asks_for_it = (matcher.op in _POSITIVE) is bool(matcher.value)
            if asks_for_it and (until := _label_until(metric, matcher.label, query.context)):
                what = f"{metric.name} lost the label {matcher.label} in {until}"
                yield query.problem(matcher, what, "remove the matcher", word=matcher.label)
            elif asks_for_it and (step := _lacking(query, metric, matcher.label, own)):
                what, severity = _without(query, metric, matcher.label)
                yield query.problem(matcher, what, step, severity, word=matcher.label)
        above = _aggregation(query, node)
        for name in above.labels or () if above is not None else ():
            if above is not None and (until := _label_until(metric, name, query.context)):
                yield query.problem(above, f"{metric.name} lost the label {name} in {until}", "remove it", word=name)
            elif above is not None and (step := _lacking(query, metric, name, own)):
                what, severity = _without(query, metric, name)
                yield query.problem(above, what, step, severity, word=name)
        yield from _sources_lacked(query, node, metric, own)


def _sources_lacked(query: LintedQuery, node: Selector, metric: Metric, own: frozenset[str]) -> Iterator[LintProblem]:
    """Labels that a label_replace or label_join above the selector reads of it, and that it lacks."""
    above = _relabelled(query, node)
    for source in above.args[RELABEL_SOURCES[above.function]] if above is not None else ():
        name = source.value if isinstance(source, String) else ""
        if above is not None and name and (step := _lacking(query, metric, name, own)):
            what, severity = _without(query, metric, name)
            yield query.problem(above, what, step, severity, word=name)


def _relabelled(query: LintedQuery, node: Selector) -> Call | None:
    """The label_replace or label_join that reads labels of the selector, where nothing between them changes any."""
    for above in query.above(node):
        if not isinstance(above, Call):
            return None
        if above.function in RELABEL_SOURCES:
            return above
    return None


def _without(query: LintedQuery, metric: Metric, name: str) -> tuple[str, Severity | None]:
    """What to say of a missing label: a note where another flavor has it, and only the queries tell the flavor."""
    flavor = query.context.flavor
    others = (one for one in Flavor if one is not flavor and metric.form(one) is not None)
    other = next((one for one in others if name in _labels(metric, one)), None)
    if other is None or not query.context.flavor_guessed:
        return f"{metric.name} has no label {name}", None
    what = f"{metric.name} has no label {name} in a registry of the flavor {flavor}: it is one of {other}"
    return what, Severity.NOTE


def _lacking(query: LintedQuery, metric: Metric, name: str, own: frozenset[str]) -> str:
    """What to do about a label that a series has not, by the catalog or by the scrape that the user gave."""
    ours = metric.exposer is Exposer.REGISTRY
    if (kinds := _OF_KIND.get(name)) is not None and metric.kind not in kinds and ours:
        return f"it is a {metric.kind}, so it has no {name}"
    if name in own:
        return ""
    return _misplaced(name, own, ours=ours) or ("" if ours else own_lacks(query.context, metric, name))


def _aggregation(query: LintedQuery, node: Selector) -> Aggregate | None:
    """The aggregation whose by list names labels of the selector, where nothing between them adds any."""
    for above in query.above(node):
        if isinstance(above, Aggregate):
            return None if above.without else above
        if not isinstance(above, Call) or above.function in {"label_replace", "label_join"}:
            return None
    return None


def _label_until(metric: Metric, name: str, context: LintContext) -> Version | None:
    """The version that took a label away from a metric that is still there; None for any other label."""
    with_it = [form for form in metric.forms if any(label.exposed == name for label in form.labels)]
    if not with_it or any(form.until is None for form in with_it) or not _live(metric):
        return None
    until = max(form.until for form in with_it if form.until is not None)
    return until if context.version is None or context.version >= until else None


@cache
def _labels(metric: Metric, flavor: Flavor | None = None, version: Version | None = None) -> frozenset[str]:
    """The labels of a metric: of this flavor at this version, or of every form that it ever had."""
    form = metric.form(flavor, version) if flavor is not None else None
    exposed = {label.exposed for one in (metric.forms if form is None else (form,)) for label in one.labels}
    return frozenset(exposed | {f"exported_{name}" for name in exposed} | {"le", "quantile", "__name__"})


@cache
def _all_labels() -> frozenset[str]:
    ours = (metric for metric in METRICS.values() if metric.exposer is Exposer.REGISTRY)
    return frozenset(name for metric in ours for name in _labels(metric)) | {"migration_path"}


def _misplaced(name: str, own: frozenset[str], *, ours: bool) -> str:
    """What to do about a label that a target cannot have either; nothing where it may be one of the deployment's."""
    if (meant := _SYNONYMS.get(name)) in own and meant is not None:
        return f"did you mean {meant}?"
    if name in _PARTS or name not in _all_labels() or not ours:
        near = closest(name, own - {"le", "quantile", "__name__"}, 1, 0.85) if name not in _PARTS else []
        if not near or near[0].removeprefix("exported_") == name or len(name) < 4:
            return ""
        return f"did you mean {near[0]}?"
    shown = sorted(one for one in own if not one.startswith(("exported_", "__")) and one not in {"le", "quantile"})
    return f"it has {', '.join(shown)}" if shown else "it has no labels of its own"


def lacks_label(query: LintedQuery, node: Selector, name: str) -> str:
    """What to do about a label that a series certainly lacks, as others of the registry have it; else nothing."""
    metric = query.metric(node)
    if metric is not None and metric.exposer is Exposer.OTHER:
        return own_lacks(query.context, metric, name)
    if metric is None or metric.exposer is not Exposer.REGISTRY or not query.context.forms(metric):
        return ""
    own = _labels(metric, query.context.flavor, query.context.version)
    return "" if name in own or name in _TARGETS else _misplaced(name, own, ours=True)

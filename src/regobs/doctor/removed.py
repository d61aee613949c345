"""Why a selector finds nothing although the metric is there: one of its matchers removes every series."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from regobs.catalog import targets
from regobs.catalog.model import ALL_FLAVORS, Exposer, Flavor, Metric
from regobs.doctor import absent
from regobs.doctor.facts import Deployment, Series, ServerFacts
from regobs.doctor.matching import LabelSet, culprits, matches, nearest, selected, shown, values
from regobs.doctor.verdict import Status, Verdict
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.scope import about_targets

EXPORTED = "exported_"


@dataclass(frozen=True, slots=True)
class _Case:
    """A live name, what it is, and the matchers (the smallest group) that leave nothing of it."""

    deployment: Deployment
    name: str
    metric: Metric | None
    series: Series
    group: tuple[Matcher, ...]


def explain(facts: ServerFacts, deployment: Deployment, name: str, matchers: Sequence[Matcher]) -> Verdict | None:
    """The verdict for a live name under these matchers; None when something is left over, or nothing is known."""
    series = facts.series.get(name)
    asked = [item for item in matchers if item.label != "__name__"]
    if series is None:
        return None
    scope = [item for item in asked if item in deployment.scope]
    metric = deployment.metric(name)
    found = selected(scope, series.combinations)
    if not found and metric is not None and metric.exposer is Exposer.REGISTRY:
        down = absent.scrape_problem(facts, deployment)
    elif not found and (metric is None or metric.exposer is Exposer.RULES or about_targets(metric)):
        down = absent.no_target(facts, deployment)
    else:
        down = None
    if down is not None:
        return down
    if metric is targets.ALERTS and culprits(asked, series.combinations):
        # each alert has its own labels: what the active ones lack says nothing of this one
        return Verdict(Status.QUIET, f"no such alert is active: {name}{{{shown(asked)}}}")
    if found:
        series = _narrowed(series, found)
    group = culprits(asked, series.combinations)
    if not group:
        return None
    case = _Case(deployment, name, metric, series, group)
    lost = next((item for item in group if item.label not in series.labels and not matches(item, {})), None)
    if lost is not None:
        return _label_missing(case, lost, in_scope=lost in scope)
    return _value_missing(case) if found else _wrong_selector(case, facts)


def _narrowed(series: Series, found: Sequence[LabelSet]) -> Series:
    """The series of the configured selector only: another registry on the same server may have other labels."""
    elsewhere = {label for labels in series.combinations for label in labels}
    here = {label for labels in found for label in labels}
    return Series(series.labels - (elsewhere - here), tuple(found))


def _value_missing(case: _Case) -> Verdict:
    what = f"{case.name}{{{shown(case.group)}}}"
    if any(item.label == "le" for item in case.group):
        edges = ", ".join(values("le", case.series.combinations)[:8])
        return Verdict(
            Status.EMPTY,
            f"there is no bucket {what}; there are: {edges}",
            "set `version` under [registry] in regobs.toml to what really runs: its buckets differ from the catalog's",
        )
    return Verdict(Status.QUIET, f"not observed yet: {what}{_seen(case.group, case.series)}")


def _seen(group: Sequence[Matcher], series: Series) -> str:
    present = values(group[-1].label, series.combinations)
    return f" (seen {group[-1].label}: {', '.join(present[:5])})" if present else ""


def _wrong_selector(case: _Case, facts: ServerFacts) -> Verdict:
    name, group = case.name, case.group
    exposer = case.deployment.neighbour(group, case.metric)
    right = _of_exposer(case, facts, exposer)
    there = right or case.series.combinations
    parts = []
    for item in group:
        present = nearest(item.value, values(item.label, there))
        parts.append(f"{item.label} has " + (", ".join(present) if present else "no value"))
    equal = next((item for item in group if item.op in {MatchOp.EQUAL, MatchOp.REGEX}), None)
    hint = ""
    if equal is not None:
        choice = nearest(equal.value, values(equal.label, right))
        hint = f', for example {equal.label}="{choice[0]}"' if choice else ""
    return Verdict(
        Status.EMPTY,
        f"{name} exists, but the configured selector removes it all: {shown(group)}; {'; '.join(parts)}",
        f"correct {case.deployment.setting(group, exposer)}{hint}",
    )


def _of_exposer(case: _Case, facts: ServerFacts, exposer: Exposer | None) -> Sequence[LabelSet]:
    """The label sets that a right selector finds: of `up` those of the targets that show series of the neighbour."""
    if exposer is None or (case.metric is not None and case.metric.exposer is exposer):
        return case.series.combinations
    jobs = {
        labels.get("job")
        for name, series in facts.series.items()
        if (metric := case.deployment.metric(name)) is not None and metric.exposer is exposer
        for labels in series.combinations
    }
    return [labels for labels in case.series.combinations if labels.get("job") in jobs]


def _label_missing(case: _Case, lost: Matcher, *, in_scope: bool) -> Verdict:
    name, series, deployment = case.name, case.series, case.deployment
    labels = ", ".join(sorted(series.labels - {"__name__"}))
    missing = f"{name} has no label {lost.label}; it has: {labels}"
    other = _other_flavor(case, lost.label)
    if other is not None:
        return Verdict(
            Status.EMPTY,
            f"{missing}; these are the labels of flavor {other.value}, not {deployment.vocabulary.flavor.value}",
            f'set `flavor = "{other.value}"` under [registry] in regobs.toml',
        )
    if lost.label.startswith(EXPORTED) and lost.label.removeprefix(EXPORTED) in series.labels:
        return Verdict(
            Status.EMPTY,
            f"{missing}: the scrape keeps the registry's own labels",
            "set `honor_labels = true` under [labels] in regobs.toml, or take honor_labels out of the scrape job",
        )
    if f"{EXPORTED}{lost.label}" in series.labels:
        return Verdict(
            Status.EMPTY,
            f"{missing}: the scrape renames the registry's own labels",
            "set `honor_labels = false` under [labels] in regobs.toml, or add honor_labels: true to the scrape job",
        )
    if in_scope:
        setting = deployment.setting([lost], deployment.neighbour([lost], case.metric))
        return Verdict(
            Status.EMPTY,
            f"the configured selector removes it all: {missing}",
            f"take {lost.label} out of {setting}, or add that label to the targets",
        )
    if case.metric is None:
        change = "load the rule files of the same build as the dashboards"
    else:
        change = "set `version` under [registry] in regobs.toml to what really runs, and see `regobs catalog check`"
    return Verdict(Status.EMPTY, missing, change)


def _other_flavor(case: _Case, lost: str) -> Flavor | None:
    """The flavor whose labels of this metric are all there, when ours has one that is not."""
    vocabulary = case.deployment.vocabulary
    own = case.metric.form(vocabulary.flavor, vocabulary.version) if case.metric else None
    if case.metric is None or own is None or lost not in {label.exposed for label in own.labels}:
        return None
    for flavor in ALL_FLAVORS:
        form = case.metric.form(flavor)
        if flavor is not vocabulary.flavor and form is not None and form.labels:
            exposed = {label.exposed for label in form.labels}
            if lost not in exposed and exposed <= case.series.labels:
                return flavor
    return None

"""Checks of selectors: metrics and values that no registry has."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache

from regobs.catalog import METRICS, go_runtime
from regobs.catalog.model import Form, Kind, Metric
from regobs.common.closest import closest, closest_first
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintContext, LintedQuery
from regobs.promql.functions import HISTOGRAMS
from regobs.promql.literals import regex_matches
from regobs.promql.misspelt import near_beginning, near_whole, nearly, plain_names
from regobs.promql.nodes import Call, Matcher, MatchOp, Selector

_POSITIVE = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_SPECIAL = re.compile(r"[.*+?()\[\]{}|^$\\]")
_PREFIX = "registry_"
# Second words of names that no other program is known to write behind `registry_`.
_OWN_FAMILIES = frozenset({"http", "storage", "database", "notifications", "gc", "redis", "bbm"})
_OTHER_PROGRAMS = re.compile(r"schema|apicurio|confluent|karapace|kafka|rainbond|rbd|operator|service-registry|eureka")
_NATIVE = "set convert_classic_histograms_to_nhcb in the scrape configuration, or read the _bucket series"
_BEGINNING = re.compile(r"registry_\w{4,}")


@cache
def _registry_series() -> tuple[str, ...]:
    return tuple(name for metric in METRICS.values() for name in metric.series if name.startswith(_PREFIX))


@check("unknown-metric", Severity.ERROR)
def unknown_metric(query: LintedQuery) -> Iterator[LintProblem]:
    """A series is named like one of the registry's, and no registry has it.

    Why: the panel stays empty and the alert silent, which look like a healthy registry.

    Wrong:
        rate(registry_storage_ratelimit_total[5m])
    Right:
        rate(registry_storage_rate_limit_total[5m])
    """
    for node in query.selectors:
        name = node.metric
        if name is None:
            yield from _named_by_none(query, node)
        if not isinstance(name, str) or ":" in name or name in query.context.recorded:
            continue
        if not name.startswith(_PREFIX):
            yield from _of_neighbour(query, node, name)
            continue
        if query.entry(node) is not None or "$" in name:
            continue
        family = METRICS.get(name)
        if family is not None and family.kind is Kind.HISTOGRAM and _asks_histogram(query, node):
            what = f"{name} is there only where Prometheus keeps native histograms of it"
            yield query.problem(node, what, _NATIVE, Severity.NOTE, word=name)
            continue
        if family is not None:
            step = f"a {family.kind} has the series {', '.join(family.series)}"
            yield query.problem(node, f"no registry has a metric {name}", step, word=name)
        elif not _of_other_program(node):
            yield from _of_no_family(query, node, name)


def _of_neighbour(query: LintedQuery, node: Selector, name: str) -> Iterator[LintProblem]:
    """A name that the user's catalog, or that of a process beside the registry, has almost."""
    if meant := _meant(name, query):
        what = f"no metric {name} is in the catalog that was given"
    elif query.entry(node) is None and (meant := nearly(name) or ""):
        what = f"no exporter that regobs knows has a metric {name}"
    if meant:
        yield query.problem(node, what, f"did you mean {meant}?", Severity.WARNING, word=name)


def _named_by_none(query: LintedQuery, node: Selector) -> Iterator[LintProblem]:
    """A pattern of names of which one is misspelt, or that begins like a registry's and fits none of them."""
    for one in node.matchers:
        if one.label != "__name__" or one.op is not MatchOp.REGEX:
            continue
        names = plain_names(one.value)
        if len(names) == 1 and names[0].startswith(_PREFIX):
            yield from _fits_none(query, node, one, names[0])
        elif names:
            yield from _misspelt(query, node, one, names)
        elif "|" not in one.value:
            yield from _fits_none(query, node, one, one.value)


def _fits_none(query: LintedQuery, node: Selector, matcher: Matcher, pattern: str) -> Iterator[LintProblem]:
    begins = _BEGINNING.match(pattern)
    known = (*_registry_series(), *query.context.recorded, *query.context.own)
    if begins is None or any(regex_matches(pattern, name) is not False for name in known) or _of_other_program(node):
        return
    near = (begins[0] == pattern and nearly(pattern)) or near_beginning(begins[0])
    if _is_ours(begins[0], surely=bool(near)):
        near = near_whole(pattern, near) if near == begins[0] else near
        what = f"no registry has a metric whose name fits {matcher.value!r}"
        step = f"did you mean {near}?" if near else "`regobs catalog list` shows all"
        yield query.problem(matcher, what, step)


def _misspelt(query: LintedQuery, node: Selector, matcher: Matcher, names: list[str]) -> Iterator[LintProblem]:
    """Each of several names that nobody has and that is nearly one of the catalog's."""
    for name in names:
        known = name in METRICS or name in query.context.recorded or name in query.context.own
        near = None if known else nearly(name)
        if near and not (name.startswith(_PREFIX) and _of_other_program(node)):
            ours = name.startswith(_PREFIX) and _is_ours(name, surely=True)
            what = f"no {'registry' if ours else 'exporter that regobs knows'} has a metric {name}"
            yield query.problem(matcher, what, f"did you mean {near}?", None if ours else Severity.WARNING)


def _of_no_family(query: LintedQuery, node: Selector, name: str) -> Iterator[LintProblem]:
    near = closest(name, _registry_series(), 1, 0.8)
    step = f"did you mean {near[0]}?" if near else "`regobs catalog list` shows all"
    if _is_ours(name, surely=bool(closest(name, near, 1, 0.9))):
        yield query.problem(node, f"no registry has a metric {name}", step, word=name)
    elif near:
        yield query.problem(node, f"no registry that regobs knows has a metric {name}", step, Severity.NOTE, word=name)


def _is_ours(name: str, *, surely: bool) -> bool:
    """Whether a name is certainly meant as one of a registry: by its second word, or by one and a close name.

    Schema registries, operators and other programs have metrics that begin with `registry_` too.
    """
    word = name.removeprefix(_PREFIX).split("_", 1)[0]
    near = surely and len(word) > 2 and bool(closest(word, _families(), 1, 0.75))
    return word in _OWN_FAMILIES or near


@cache
def _families() -> tuple[str, ...]:
    return tuple({name.removeprefix(_PREFIX).split("_", 1)[0] for name in _registry_series()})


def _of_other_program(node: Selector) -> bool:
    """Whether a selector names the job of another program that is called a registry, or of something else."""
    jobs = [one.value.lower() for one in node.matchers if one.label == "job" and one.op in _POSITIVE]
    return any(_OTHER_PROGRAMS.search(job) for job in jobs)


def _asks_histogram(query: LintedQuery, node: Selector) -> bool:
    """Whether a function of histograms reads a selector."""
    return any(isinstance(one, Call) and one.function in HISTOGRAMS for one in query.above(node))


def _meant(name: str, query: LintedQuery) -> str:
    """The series of the user's own that was most likely meant by a name that is none; "" where nothing is close."""
    own = query.context.own
    if not own or len(name) < 8 or query.context.lookup(name) is not None or "$" in name:
        return ""
    first = name.split("_", 1)[0] + "_"
    near = closest(name, [one for one in own if one.startswith(first)], 1, 0.9)
    return near[0] if near else ""


@check("removed-metric", Severity.ERROR)
def removed_metric(query: LintedQuery) -> Iterator[LintProblem]:
    """A metric is asked for that the registry does not have any more, or not yet.

    Why: since the registry's update the panel is empty and the alert cannot fire.

    Wrong:
        sum(registry_gc_queue_size)
        rate(go_memstats_lookups_total[5m])
    Right:
        max(registry_database_rows)
    """
    context = query.context
    for node in query.selectors:
        entry = query.entry(node)
        if entry is None or not entry[0].forms or context.forms(entry[0]):
            continue
        metric, suffix = entry
        if metric is go_runtime.LOOKUPS:  # of no process, whatever it is, this tells anything
            what = f"{metric.name} was always 0, and is gone since the Go client library 1.20"
            yield query.problem(node, what, "remove the query", Severity.WARNING, word=metric.name)
            continue
        if _asked_beside(query, node) or not metric.name.startswith(_PREFIX):
            continue  # what any process in Go or Python exposes may still come from another one
        what, otherwise = _gone(metric, context)
        near = [f"{one.name}{suffix}" for one in _successors(metric, context) if f"{one.name}{suffix}" in one.series]
        step = f"its successor is {' or '.join(near)}" if near else otherwise
        yield query.problem(node, what, step, word=str(node.metric))


def _gone(metric: Metric, context: LintContext) -> tuple[str, str]:
    """Why the registry in question has no such metric, and what to do where nothing took its place."""
    forms = [form for form in metric.forms if context.flavor is None or context.flavor in form.flavors]
    until = max((form.until for form in forms if form.until), default=None)
    since = min((form.since for form in forms if form.since), default=None)
    if not forms:
        return f"a registry of the flavor {context.flavor} has no {metric.name}", "remove the query for this flavor"
    if until is not None and (context.version is None or context.version >= until):
        return f"{metric.name} was removed in {until}", "; ".join(
            one.rstrip(".") for one in metric.pitfalls
        ) or "remove the query"
    return f"{metric.name} is there since {since} only", "update the registry, or remove the query"


def _asked_beside(query: LintedQuery, node: Selector) -> bool:
    """Whether the query asks for another series where this one is missing: `new or old`."""
    return any(getattr(above, "op", "") == "or" for above in query.above(node))


def _successors(metric: Metric, context: LintContext) -> list[Metric]:
    """What the registry in question has instead: what came when it went and begins alike, or has the same words."""
    words, stem = _words(metric.name), f"{metric.name.removesuffix('_total')}_"
    went = {form.until for form in metric.forms if form.until is not None}
    living = [one for one in METRICS.values() if one is not metric and context.forms(one)]
    alike = [one for one in living if one.name.startswith(stem) and any(form.since in went for form in one.forms)]
    return alike or [one for one in living if _words(one.name) == words][:1]


def _words(name: str) -> tuple[str, ...]:
    return tuple(word for word in name.split("_") if word not in {"total", "seconds", "bytes"})


@check("impossible-value", Severity.ERROR)
def impossible_value(query: LintedQuery) -> Iterator[LintProblem]:
    """A matcher asks for a value that the label of this metric never has.

    Why: nothing matches, so the result is always empty, and an empty error rate looks like a good one.

    Wrong:
        rate(registry_gc_runs_total{noop="yes"}[5m])
    Right:
        rate(registry_gc_runs_total{noop="true"}[5m])
    """
    for node in query.selectors:
        entry = query.entry(node)
        if entry is None or not (forms := query.context.forms(entry[0])):
            continue
        for matcher in node.matchers:
            if not matcher.value or "$" in matcher.value or matcher.label == "le":
                continue
            if right := _other_case(forms, matcher):
                what = f"no {matcher.label} of {entry[0].name} is {matcher.value!r}"
                yield query.problem(matcher, what, f"write {right}")
                continue
            values = _values(forms, matcher.label) or _meant_values(entry[0], forms, matcher)
            if matcher.op is MatchOp.NOT_EQUAL and values and matcher.value not in values:
                what = f"no {matcher.label} of {entry[0].name} is {matcher.value!r}: nothing is left out"
                expected = f"it is one of {closest_first(matcher.value, values)}"
                yield query.problem(matcher, what, expected, Severity.WARNING)
            if matcher.op not in _POSITIVE:
                continue
            if values and not any(_accepts(matcher, value) for value in values):
                what = f"no {matcher.label} of {entry[0].name} is {matcher.value!r}"
                expected = f"it is one of {closest_first(matcher.value, values)}"
                yield query.problem(matcher, what, expected)
            elif values and matcher.op is MatchOp.REGEX and (dead := _dead_branch(matcher.value, values)):
                what = f"no {matcher.label} of {entry[0].name} is {dead!r}"
                yield query.problem(
                    matcher, what, f"it is one of {closest_first(dead, values)}", Severity.NOTE, word=dead
                )


def _other_case(forms: tuple[Form, ...], matcher: Matcher) -> str:
    """The value that differs from what is asked only in upper and lower case, or the code of a class of codes."""
    if matcher.op is not MatchOp.EQUAL:
        return ""
    name = matcher.label.removeprefix("exported_")
    found = [one for form in forms for one in form.labels if one.exposed == name]
    values = {value for one in found for value in one.values or ()}
    if not found or matcher.value in values:
        return ""
    if matcher.label == "code" and not values and re.fullmatch(r"[1-5]xx", matcher.value, re.IGNORECASE):
        return f'code=~"{matcher.value[0]}.."'
    return next((value for value in values if value.casefold() == matcher.value.casefold()), "")


def _dead_branch(regex: str, values: tuple[str, ...]) -> str:
    """A plain alternative of a regular expression that is none of the values."""
    branches = regex.split("|")
    if len(branches) < 2 or any(_SPECIAL.search(branch) for branch in branches):
        return ""
    return next((branch for branch in branches if branch and branch not in values), "")


def _values(forms: tuple[Form, ...], label: str) -> tuple[str, ...]:
    """The closed values of a label; none where one of the forms leaves it open."""
    name = label.removeprefix("exported_")
    found = [one for form in forms for one in form.labels if one.exposed == name]
    if any(one.target_label for one in found) and not label.startswith("exported_"):
        return ()  # after the scrape this is the target's label, or with honor_labels the metric's
    if not found or any(one.values is None for one in found):
        return ()
    # A target label of the same name may have taken the plain one.
    if label in {"type", "instance", "job"}:
        return ()
    return tuple(dict.fromkeys(value for one in found for value in one.values or ()))


def _meant_values(metric: Metric, forms: tuple[Form, ...], matcher: Matcher) -> tuple[str, ...]:
    """The values of a label that a target may have too, where one is asked for that only this metric ever had.

    That is, in another flavor or version: `type="Errors"` is no type of a target.
    """
    own = _closed(forms, matcher.label)
    once = set(_closed(metric.forms, matcher.label)) - set(own)
    asked = matcher.value.split("|") if matcher.op is MatchOp.REGEX else [matcher.value]
    return own if own and once.intersection(asked) else ()


def _closed(forms: tuple[Form, ...], name: str) -> tuple[str, ...]:
    """The values that a label has by any of these forms; none where one of them leaves it open."""
    found = [one.values for form in forms for one in form.labels if one.exposed == name]
    return tuple(dict.fromkeys(value for values in found for value in values or ())) if all(found) else ()


def _accepts(matcher: Matcher, value: str) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return matcher.value == value
    return regex_matches(matcher.value, value) is not False

"""Metric sources of OpenSLO documents, as selectors."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Flavor, Kind, Label, Metric
from regobs.common.closest import closest, closest_first
from regobs.config import Config
from regobs.documents import Document, Steps
from regobs.errors import PromqlError
from regobs.promql.build import select
from regobs.promql.canonical import gitlab_form
from regobs.promql.evaluated import check_evaluated
from regobs.promql.infer import infer
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Call, Expr, Matcher, MatchOp, Selector
from regobs.promql.parse import parse
from regobs.promql.series import check_classic, known_metric
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import selectors, strip_parens
from regobs.promql.words import check_edge, edge_matcher, is_of, label_words, metric_buckets, metric_labels, read_edge
from regobs.slo.model import EventSource

_BUCKET = "_bucket"
_SUFFIXES = dict.fromkeys(Kind, ("",)) | {Kind.HISTOGRAM: (_BUCKET, "_count", "_sum")}
_OF_COUNTERS = frozenset({"rate", "increase"})
_NAMES_OF_COUNTERS = ("_total", "_count", "_sum", _BUCKET)
_LONGEST = 500  # characters of a regular expression over codes
_REGEXES = frozenset({MatchOp.REGEX, MatchOp.NOT_REGEX})
_POSITIVE = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_GROUPS = re.compile(r"[()\[\]\\]")  # where a `|` may not part the whole
_WRITTEN = Vocabulary(Flavor.GITLAB)  # documents are written in these names


def read_source(document: Document, path: Steps, at_most: Decimal | None, config: Config) -> EventSource:
    """The events at `path` (a metricSource); `at_most` takes the place of the document's. Raises PromqlError."""
    data = document.at(path)
    spec, location = data["spec"], document.locate((*path, "spec"))
    if data.get("type") != "catalog":
        return EventSource(counter_of(spec["query"], config), None, location)
    metric, selector = catalog_entry(spec["metric"]), source_selector(spec)
    _check_words(metric, selector, config)
    own = spec.get("at_most")
    threshold = None if own is None else at_most if at_most is not None else Decimal(own)
    _check_threshold(metric, threshold)
    return EventSource(selector, threshold, location)


def read_value(document: Document, path: Steps, config: Config) -> Expr:
    """The value at `path` (a metricSource) of a thresholdMetric. Raises PromqlError."""
    data = document.at(path)
    if data.get("type") == "catalog":
        selector = source_selector(data["spec"])
        _check_words(catalog_entry(data["spec"]["metric"]), selector, config)
        return selector
    expr = strip_parens(parse(data["spec"]["query"]))
    check_classic(expr)
    known = infer(expr, _WRITTEN, deployment=config.vocabulary)
    for node in selectors(expr):
        check_names(node, config)
    check_evaluated(expr, known.value, scalars=False)
    return expr


def source_selector(spec: Mapping[str, Any]) -> Selector:
    """The series that a source of type `catalog` reads. Raises PromqlError."""
    where = spec.get("where", {})
    return select(catalog_entry(spec["metric"]), **{name: _words(value) for name, value in where.items()})


def catalog_entry(reference: str) -> Metric:
    """The metric that `http.REQUESTS` names. Raises PromqlError with the nearest right names."""
    module, _, constant = reference.partition(".")
    if find_spec(f"regobs.catalog.{module}") is None:
        raise PromqlError(
            f"the catalog has no component {module!r}",
            value=reference,
            expected="a component such as http or storage",
            next_step="`regobs catalog list` shows all metrics",
        )
    entries = vars(import_module(f"regobs.catalog.{module}"))
    found = entries.get(constant)
    if isinstance(found, Metric):
        return found
    names = [name for name, value in entries.items() if isinstance(value, Metric)]
    raise PromqlError(
        f"the catalog has no metric {reference}",
        value=reference,
        expected=closest_first(constant, names),
        next_step="`regobs catalog list` shows all metrics",
    )


def _words(value: Any) -> str | bool | tuple[str, ...]:
    return tuple(value) if isinstance(value, list) else value


def _check_words(metric: Metric, selector: Selector, config: Config) -> None:
    """A word of a closed label is one of the newest releases, of either flavor, or of the release that is there."""
    there = config.vocabulary.form(metric)
    for choice in selector.choices:
        labels = [*metric_labels(metric, live=True).get(choice.label, ()), there.label(choice.label) if there else None]
        words = [label_words(label) for label in labels if label is not None]
        exposed = [value for label in labels if label is not None for value in label.values or ()]
        known = list(dict.fromkeys(word for some in words for word in some or ()))
        wrong = [word for word in choice.words if word not in known and word not in exposed]
        if words and all(some is not None for some in words) and wrong:
            raise PromqlError(
                f"{wrong[0]!r} is no {choice.label} of {metric.name}",
                value=wrong[0],
                expected=closest_first(wrong[0], known),
            )


def _check_threshold(metric: Metric, threshold: Decimal | None) -> None:
    if metric.kind is Kind.GAUGE and not metric.cumulative:
        raise PromqlError(f"{metric.name} is a gauge: it counts no events", value=metric.name, expected="a counter")
    if metric.kind is Kind.SUMMARY:
        raise PromqlError(f"{metric.name} is a summary: it has no buckets", value=metric.name, expected="a histogram")
    if threshold is None:
        return
    if metric.kind is not Kind.HISTOGRAM:
        raise PromqlError(
            f"{metric.name} is a {metric.kind}: at_most needs buckets",
            value=threshold,
            expected="a histogram",
            next_step="remove at_most, or choose a histogram",
        )
    try:
        check_edge(metric, str(threshold), metric_buckets(metric))
    except PromqlError as error:
        error.next_step = error.next_step or "choose one of the nearest edges"
        raise


def counter_of(text: str, config: Config) -> Selector:
    """The counter that a query of good, bad or all events reads.

    `sum(...)`, `rate(...[5m])` and `increase(...[5m])` around it change nothing: the recording rules put their own.
    """
    expr = _within_sum(text)
    check_classic(expr)
    if isinstance(expr, Call) and expr.function in _OF_COUNTERS and isinstance(expr.args[0], Selector):
        expr = replace(expr.args[0], range=None)
    if not isinstance(expr, Selector) or expr.range is not None or expr.offset is not None or expr.at is not None:
        raise PromqlError(
            "the query is no counter",
            value=text,
            expected='the selector of a counter, such as my_requests_total{code=~"5.."}, or sum(rate(...[5m])) of it',
            next_step="leave out other functions, windows and offsets: the recording rules add them",
        )
    if not expr.metric:
        raise PromqlError(
            "the query names no metric: what a pattern over names finds may be counters of other things too",
            value=text,
            expected='one metric by its name, such as registry_http_requests_total{code=~"5.."}',
            next_step="write the name in front of the braces",
        )
    check_evaluated(expr, "vector")
    check_names(expr, config)
    _check_bucket(expr)
    metric = known_metric(expr)
    if metric is not None and metric.kind is Kind.GAUGE and not metric.cumulative and metric.exposer != Exposer.RULES:
        raise PromqlError(f"{metric.name} is a gauge: it counts no events", value=text, expected="a counter")
    return _in_both_spellings(expr) if metric is None else expr  # binding does it for a metric of the catalog


def check_counter_known(text: str) -> None:
    """Raise PromqlError for a query that leaves open whether it reads a counter: a document need not say so."""
    expr = _within_sum(text)
    if not isinstance(expr, Selector):
        return  # rate() and increase() are of counters, and anything else is refused as what it is
    metric, name = known_metric(expr), expr.metric if isinstance(expr.metric, str) else ""
    if metric is None and not name.endswith(_NAMES_OF_COUNTERS):
        raise PromqlError(
            f"the ratio does not say whether {name or 'the metric'} is a counter",
            value=name or text,
            expected=f"counter: true beside total, or a name that ends in {', '.join(_NAMES_OF_COUNTERS)}",
            next_step="add `counter: true` if the metric only grows",
        )


def _within_sum(text: str) -> Expr:
    expr = strip_parens(parse(text))
    if isinstance(expr, Aggregate) and expr.op == "sum" and not expr.labels and not expr.without:
        return strip_parens(expr.expr)
    return expr


def _in_both_spellings(node: Selector) -> Selector:
    """A bucket as it is stored by Prometheus 2 (`le="1"`) and by 3 (`le="1.0"`): a history may have both."""
    if not (isinstance(node.metric, str) and node.metric.endswith(_BUCKET)):
        return node
    edges = {one: read_edge(one.value) for one in node.matchers if one.label == "le" and one.op is MatchOp.EQUAL}
    return replace(
        node, matchers=tuple(edge_matcher([edge]) if (edge := edges.get(one)) else one for one in node.matchers)
    )


def _check_bucket(node: Selector) -> None:
    """Buckets are counters of which each holds those below it: all of them together count no events."""
    name, metric = node.metric if isinstance(node.metric, str) else "", known_metric(node)
    if not name.endswith(_BUCKET) or (metric is not None and metric.kind is not Kind.HISTOGRAM):
        return
    bounds = [one for one in node.matchers if one.label == "le"]
    asked = {text.replace("\\", "") for one in bounds if one.op in _POSITIVE for text in one.value.split("|")}
    edges = {read_edge(text) for text in asked}
    if len(edges) != 1 or None in edges or any(one.op not in _POSITIVE for one in bounds):
        raise PromqlError(
            f"{name} counts an event in every bucket above it: without one `le` the sum is of no events",
            value=name,
            expected=f'one bound, such as {name}{{le="1"}}, or {name.removesuffix(_BUCKET)}_count for all events',
            next_step="add the bound, or count all events",
        )


def check_names(node: Selector, config: Config) -> None:
    """Raise PromqlError for a metric, label, value or bucket edge that the registry cannot have."""
    metric = known_metric(node)
    if metric is None:
        _check_spelling(node)
        return
    try:
        written = replace(_WRITTEN, target_labels=config.target_labels | {*config.labels.scope})
        infer(node, written, deployment=config.vocabulary)
        for matcher in node.matchers:
            check_pattern(metric, matcher)
    except PromqlError as error:
        translated = "; documents have the names of GitLab's registry, which are translated for CNCF Distribution"
        others = config.flavor is not Flavor.GITLAB
        error.next_step = error.next_step or f"choose one of the nearest{translated if others else ''}"
        raise


def _check_spelling(node: Selector) -> None:
    """A name that is nearly one of the registry's, and none that anybody else has."""
    name = node.metric if isinstance(node.metric, str) else ""
    entries = METRICS.values()
    known = [metric.name + suffix for metric in entries for suffix in _SUFFIXES[metric.kind]]
    near = closest(name, known, cutoff=0.9) if name.startswith("registry_") else []
    if near:
        raise PromqlError(
            f"no metric of the registry is called {name}",
            value=name,
            expected=near[0],
            next_step="correct the name; `regobs catalog list` shows all",
        )


def check_pattern(metric: Metric, matcher: Matcher) -> None:
    """Each value that is asked for is like one that there can be, of an open label too, such as a status code."""
    labels = metric_labels(metric).get(matcher.label, ())
    patterns = list(dict.fromkeys(pattern for label in labels for pattern in label.patterns.values()))
    if not matcher.value:
        wrong = [""] if matcher.op in _POSITIVE and _always_filled(metric, matcher.label) else []
    elif matcher.op in _REGEXES and len(matcher.value) > _LONGEST:
        wrong = []  # to try it would take long
    else:
        tried = matcher.value.split("|") if matcher.op in _REGEXES and not _GROUPS.search(matcher.value) else []
        texts = [text for text in dict.fromkeys(tried) if text] or [matcher.value]
        wrong = [text for text in texts if patterns and not any(_like(one, matcher.op, text) for one in patterns)]
    if wrong:
        values = [value for label in labels for value in label.values or ()]
        raise PromqlError(
            f"no {matcher.label} of {metric.name} is {wrong[0]!r}",
            value=wrong[0],
            expected=closest_first(wrong[0], patterns or list(dict.fromkeys(values))),
        )


def _always_filled(metric: Metric, name: str) -> bool:
    """Whether every series, by GitLab's names or where there are none by any, has a value of this label."""
    form = gitlab_form(metric)
    found = [one.label(name) for one in (metric.forms if form is None else [form])]
    return all(one is not None and not one.target_label and _told(one) for one in found)


def _told(label: Label) -> bool:
    return bool(label.patterns) or (label.values is not None and "" not in label.values)


def _like(pattern: str, op: MatchOp, text: str) -> bool:
    """Whether a value or a regular expression is the pattern itself, or is of it: one of 500 to 599 for `5..`."""
    if op not in _REGEXES:
        return text == pattern or is_of(pattern, text)
    if text == pattern or ".." not in pattern:
        return True
    # Go's syntax allows what Python's does not, and what may take long is not tried
    return any(regex_matches(text, pattern.replace("..", f"{number:02}")) is not False for number in range(100))

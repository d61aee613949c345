"""Putting a vocabulary's names into an expression.

Content says `select(http.REQUESTS, route="manifest", code="5xx")`; a GitLab registry says
`registry_http_requests_total{route="/v2/{name}/manifests/{reference}", code=~"5.."}`. Expressions parsed from text are
written in the names of GitLab's registry and are translated in the same way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Form, Kind, Metric
from regobs.common.closest import closest_first
from regobs.errors import PromqlError
from regobs.promql.canonical import is_target_label, text_label, translate
from regobs.promql.nodes import Aggregate, Binary, Call, Choice, Expr, Matcher, Selector, String
from regobs.promql.series import Lookup, catalog_lookup, known_metric
from regobs.promql.unavailable import (
    Unavailable,
    available_form,
    exposed_words,
    missing_edge,
    missing_label,
    word_matcher,
)
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import rebuild, selectors
from regobs.promql.words import check_edge, edge_matcher, metric_labels

RELABEL_SOURCES = {"label_replace": slice(3, 4), "label_join": slice(3, None)}


def bind(expr: Expr, vocabulary: Vocabulary, *, lookup: Lookup = catalog_lookup) -> Expr:
    """The expression in the vocabulary's names. Binding it again changes nothing.

    Raises Unavailable when the vocabulary lacks a metric, a label, every value asked for, or a bucket edge.
    """
    return _Binding(vocabulary, lookup).visit(expr)


def metrics_of(expr: Expr, *, lookup: Lookup = catalog_lookup) -> frozenset[Metric]:
    """The catalog entries that an expression reads, bound or not."""
    found = (known_metric(node, lookup) for node in selectors(expr))
    return frozenset(metric for metric in found if metric is not None)


def requirements(expr: Expr, vocabulary: Vocabulary, *, lookup: Lookup = catalog_lookup) -> list[tuple[Metric, Form]]:
    """The metrics an expression reads, each with its form in the vocabulary, by name. Raises Unavailable."""
    metrics = sorted(metrics_of(expr, lookup=lookup), key=lambda metric: metric.name)
    return [(metric, available_form(metric, vocabulary)) for metric in metrics]


def bind_selector(node: Selector, vocabulary: Vocabulary, lookup: Lookup) -> Selector:
    """One selector in the vocabulary's names; one of a metric outside the catalog stays as it is."""
    metric = known_metric(node, lookup)
    if metric is None:
        return node
    form = available_form(metric, vocabulary)
    if isinstance(node.metric, Metric):
        chosen = (_matcher(metric, form, choice, vocabulary) for choice in node.choices)
        matchers = (*(matcher for matcher in chosen if matcher is not None), *node.matchers)
        return replace(node, metric=metric.name + node.suffix, suffix="", choices=(), matchers=matchers)
    matchers = tuple(bound for matcher in node.matchers for bound in translate(matcher, metric, form, vocabulary))
    return node if matchers == node.matchers else replace(node, matchers=matchers)


def _matcher(metric: Metric, form: Form, choice: Choice, vocabulary: Vocabulary) -> Matcher | None:
    if choice.label == "le" and metric.kind is Kind.HISTOGRAM:
        return edge_matcher(_edges(metric, form, choice), negated=choice.negated)
    label = form.label(choice.label)
    if label is None:
        if choice.label not in metric_labels(metric):
            return word_matcher(choice.label, dict.fromkeys(choice.words, False), negated=choice.negated)
        raise missing_label(metric, choice.label, vocabulary)
    values = exposed_words(label, choice.words)
    if values:
        return word_matcher(vocabulary.series_label(metric, label), values, negated=choice.negated)
    if choice.negated:
        return None  # none of the excluded values exists here
    word = choice.words[0]
    raise Unavailable(
        f"{metric.name} has no {choice.label} {word!r} in {vocabulary.flavor} registries",
        metric=metric,
        reason="label",
        value=word,
        expected=closest_first(word, [*label.words, *(label.values or ())]),
    )


def _edges(metric: Metric, form: Form, choice: Choice) -> Iterator[Decimal]:
    for word in choice.words:
        try:
            yield check_edge(metric, word, form.buckets or ())
        except PromqlError as error:
            raise missing_edge(metric, error) from error


class _Binding:
    def __init__(self, vocabulary: Vocabulary, lookup: Lookup) -> None:
        self._vocabulary = vocabulary
        self._lookup = lookup

    def visit(self, node: Expr) -> Expr:
        match node:
            case Selector():
                return bind_selector(node, self._vocabulary, self._lookup)
            case Aggregate(labels=labels) if labels is not None:
                return replace(rebuild(node, self.visit), labels=self._rename(labels, node, strict=not node.without))
            case Binary():
                return self._binary(node)
            case Call(function) if function in RELABEL_SOURCES:
                return self._relabel(node)
        return rebuild(node, self.visit)

    def _binary(self, node: Binary) -> Binary:
        changed = rebuild(node, self.visit)
        if node.on is None and node.ignoring is None and not node.include:
            return changed
        return replace(
            changed,
            on=None if node.on is None else self._rename(node.on, node),
            ignoring=None if node.ignoring is None else self._rename(node.ignoring, node),
            include=self._rename(node.include, node),
        )

    def _relabel(self, node: Call) -> Call:
        """label_replace and label_join read labels by name: those names are the vocabulary's too."""
        sources = range(len(node.args))[RELABEL_SOURCES[node.function]]
        args = (
            String(self._rename((arg.value,), node)[0])
            if index in sources and isinstance(arg, String)
            else self.visit(arg)
            for index, arg in enumerate(node.args)
        )
        return replace(node, args=tuple(args))

    def _rename(self, names: tuple[str, ...], node: Expr, *, strict: bool = False) -> tuple[str, ...]:
        """Label names of a clause, by the labels of the metrics below it; names that no metric has stay as they are."""
        return tuple(dict.fromkeys(self._rename_one(name, node, strict=strict) for name in names))

    def _rename_one(self, name: str, node: Expr, *, strict: bool) -> str:
        found: dict[str, Metric] = {}
        for selector in selectors(node):
            metric = known_metric(selector, self._lookup)
            bound = self._clause_label(name, metric, selector, strict=strict) if metric else None
            if metric and bound is not None:
                found.setdefault(bound, metric)
        if len(found) > 1:
            raise PromqlError(
                f"the label {name} has different names below one clause: {', '.join(found)}",
                value=name,
                next_step="aggregate each metric by itself, then rename with label_replace",
            )
        return next(iter(found), name)

    def _clause_label(self, name: str, metric: Metric, selector: Selector, *, strict: bool) -> str | None:
        form = available_form(metric, self._vocabulary)
        unbound = isinstance(selector.metric, Metric)
        if unbound:
            label = next((label for label in form.labels if label.name == name), None)
        else:
            label = text_label(name, metric, form, self._vocabulary)
        if label is not None:
            stored = self._vocabulary.series_label(metric, label)
            return None if not unbound and is_target_label(name, label, stored) else stored
        if strict and name in metric_labels(metric):
            raise missing_label(metric, name, self._vocabulary)
        return None

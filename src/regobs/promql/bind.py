"""Putting a vocabulary's names into an expression.

Content says `select(http.REQUESTS, route="manifest", code="5xx")`; a GitLab registry says
`registry_http_requests_total{route="/v2/{name}/manifests/{reference}", code=~"5.."}`. Expressions parsed from text are
written in the names of GitLab's registry and are translated in the same way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Form, Kind, Metric
from regobs.errors import PromqlError
from regobs.promql.canonical import text_label, translate
from regobs.promql.edges import edge_matcher
from regobs.promql.forms import available_form, exposed_words, missing_edge, missing_label, word_matcher
from regobs.promql.nodes import Aggregate, Binary, Call, Choice, Expr, Matcher, Selector, String
from regobs.promql.series import Lookup, catalog_lookup, known_metric
from regobs.promql.unavailable import Unavailable
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import rebuild, selectors
from regobs.promql.words import check_edge, metric_labels, nearest

_RELABEL_SOURCES = {"label_replace": slice(3, 4), "label_join": slice(3, None)}


def bind(expr: Expr, vocabulary: Vocabulary, *, lookup: Lookup = catalog_lookup) -> Expr:
    """The expression in the vocabulary's names. Binding it again changes nothing.

    Raises Unavailable when the vocabulary lacks a metric, a label, every value asked for, or a bucket edge.
    """

    def visit(node: Expr) -> Expr:
        match node:
            case Selector():
                return bind_selector(node, vocabulary, lookup)
            case Aggregate(labels=labels) if labels is not None:
                return replace(rebuild(node, visit), labels=_rename(labels, node, vocabulary, lookup))
            case Binary():
                return _bind_binary(node, rebuild(node, visit), vocabulary, lookup)
            case Call(function, args) if function in _RELABEL_SOURCES:
                return replace(rebuild(node, visit), args=_relabel(function, args, node, visit, vocabulary, lookup))
        return rebuild(node, visit)

    return visit(expr)


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
        expected=nearest(word, [*label.words, *(label.values or ())]),
    )


def _edges(metric: Metric, form: Form, choice: Choice) -> Iterator[Decimal]:
    for word in choice.words:
        try:
            yield check_edge(metric, word, form.buckets or ())
        except PromqlError as error:
            raise missing_edge(metric, error) from error


def _bind_binary(node: Binary, changed: Binary, vocabulary: Vocabulary, lookup: Lookup) -> Binary:
    def rename(names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        return None if names is None else _rename(names, node, vocabulary, lookup, strict=False)

    if node.on is None and node.ignoring is None and not node.include:
        return changed
    return replace(changed, on=rename(node.on), ignoring=rename(node.ignoring), include=rename(node.include) or ())


def _relabel(
    function: str,
    args: tuple[Expr, ...],
    node: Call,
    visit: Callable[[Expr], Expr],
    vocabulary: Vocabulary,
    lookup: Lookup,
) -> tuple[Expr, ...]:
    """label_replace and label_join read labels by name: those names are the vocabulary's too."""
    sources = range(len(args))[_RELABEL_SOURCES[function]]

    def one(index: int, arg: Expr) -> Expr:
        if index in sources and isinstance(arg, String):
            return String(_rename((arg.value,), node, vocabulary, lookup, strict=False)[0])
        return visit(arg)

    return tuple(one(index, arg) for index, arg in enumerate(args))


def _rename(
    names: tuple[str, ...], node: Expr, vocabulary: Vocabulary, lookup: Lookup, *, strict: bool = True
) -> tuple[str, ...]:
    """Label names of a clause, by the labels of the metrics below it; names that no metric has stay as they are."""
    renamed = (_rename_one(name, node, vocabulary, lookup, strict=strict) for name in names)
    return tuple(dict.fromkeys(renamed))


def _rename_one(name: str, node: Expr, vocabulary: Vocabulary, lookup: Lookup, *, strict: bool) -> str:
    found: dict[str, Metric] = {}
    for selector in selectors(node):
        metric = known_metric(selector, lookup)
        if metric is None:
            continue
        bound = _clause_label(name, metric, isinstance(selector.metric, Metric), vocabulary, strict=strict)
        if bound is not None:
            found.setdefault(bound, metric)
    if len(found) > 1:
        raise PromqlError(
            f"the label {name} has different names below one clause: {', '.join(found)}",
            value=name,
            next_step="aggregate each metric by itself, then rename with label_replace",
        )
    return next(iter(found), name)


def _clause_label(name: str, metric: Metric, unbound: bool, vocabulary: Vocabulary, *, strict: bool) -> str | None:
    form = available_form(metric, vocabulary)
    if unbound:
        label = next((label for label in form.labels if label.name == name), None)
    else:
        label = text_label(name, metric, form, vocabulary)
    if label is not None:
        plain_target = not unbound and name == label.exposed != vocabulary.series_label(metric, label)
        return None if plain_target else vocabulary.series_label(metric, label)
    if strict and name in metric_labels(metric):
        raise missing_label(metric, name, vocabulary)
    return None

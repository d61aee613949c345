"""Laws over every entry of the real catalog, in every flavor."""

from __future__ import annotations

import pytest

from regobs.catalog import METRICS
from regobs.catalog.model import Flavor, Kind, Metric
from regobs.promql import (
    Expr,
    Unavailable,
    Vocabulary,
    bind,
    infer,
    latest,
    mean,
    metrics_of,
    parse,
    quantile,
    rate,
    select,
    strip_parens,
    to_text,
    total,
    volume,
)
from regobs.promql.words import label_words

VOCABULARIES = [Vocabulary(flavor) for flavor in Flavor]


def _questions(metric: Metric) -> list[Expr]:
    """Everything that can be asked of a metric, grouped by each of its labels and filtered by each of its words."""
    groups = [(), *((label.name,) for form in metric.forms for label in form.labels)]
    narrowed = [
        select(metric, **{label.name: word})
        for form in metric.forms
        if form.until is None
        for label in form.labels
        for word in label_words(label) or ()
    ]
    if metric.kind is Kind.HISTOGRAM:
        asked = [question(metric, by=by) for by in groups for question in (rate, volume, mean)]
        return [*asked, *(quantile(0.9, metric, by=by) for by in groups), *(rate(part) for part in narrowed)]
    if metric.kind is Kind.SUMMARY:
        return [rate(metric), mean(metric)]
    if metric.kind is Kind.COUNTER:
        return [*(rate(metric, by=by) for by in groups), *(rate(part) for part in narrowed)]
    return [latest(metric), *(total(metric, by=by) for by in groups), *(latest(part) for part in narrowed)]


@pytest.mark.parametrize("vocabulary", VOCABULARIES, ids=lambda words: words.flavor)
def test_every_metric_is_bound_typed_and_printed_or_unavailable(vocabulary: Vocabulary) -> None:
    bound = 0
    for metric in METRICS.values():
        for question in _questions(metric):
            try:
                tree = bind(question, vocabulary)
            except Unavailable:
                continue
            bound += 1
            assert metrics_of(tree) == {metric}, to_text(tree)
            assert infer(tree, vocabulary).value == "vector"
            assert bind(tree, vocabulary) == tree
            assert strip_parens(parse(to_text(tree))) == tree
    assert bound > 100


def test_the_canonical_text_says_the_same_in_the_other_flavor() -> None:
    gitlab, distribution = VOCABULARIES
    compared = 0
    for metric in METRICS.values():
        for question in _questions(metric):
            try:
                wanted = bind(question, distribution)
                text = to_text(bind(question, gitlab))
            except Unavailable:
                continue
            assert strip_parens(bind(parse(text), distribution)) == wanted, text
            compared += 1
    assert compared > 100

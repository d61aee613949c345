"""Content words of a metric's labels: which exist at all, and what the nearest right one is."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from difflib import get_close_matches

from regobs.catalog.model import Kind, Label, Metric
from regobs.errors import PromqlError
from regobs.promql.edges import nearest_edges, read_edge
from regobs.promql.nodes import Choice
from regobs.promql.vocabulary import TARGET_LABELS


def metric_labels(metric: Metric, *, live: bool = False) -> dict[str, tuple[Label, ...]]:
    """Every content label that some form of the metric has, with the form's descriptions of it.

    `live` looks only at the forms of the newest versions, unless the metric is gone from all of them.
    """
    found: dict[str, tuple[Label, ...]] = {}
    newest = [form for form in metric.forms if form.until is None] if live else []
    for form in newest or metric.forms:
        for label in form.labels:
            found[label.name] = (*found.get(label.name, ()), label)
    return found


def label_words(label: Label) -> tuple[str, ...] | None:
    """The words content may use for a label's value, or None when the label is open.

    Where some value has a word, the word is the way to say it; the exposed value is accepted too.
    """
    if label.values is None:
        return None
    named = set(label.words.values())
    plain = tuple(value for value in label.values if value not in named)
    return (*label.words, *plain, *label.patterns)


def metric_buckets(metric: Metric) -> tuple[float, ...]:
    """The bucket bounds of all forms, ascending."""
    return tuple(sorted({bound for form in metric.forms for bound in form.buckets or ()}))


def check_label(metric: Metric, name: str, *, extra: Iterable[str] = ()) -> None:
    """Raise PromqlError unless some form of the metric has the content label, or it is one of `extra`."""
    known = metric_labels(metric)
    if name in known or name in extra or (name == "le" and metric.kind is Kind.HISTOGRAM):
        return
    raise PromqlError(
        f"{metric.name} has no label {name}",
        value=name,
        expected=nearest(name, known) or "it has no labels of its own",
    )


def check_group(metric: Metric, names: Iterable[str]) -> None:
    """Like check_label for a `by` list, where a target label is allowed too."""
    for name in names:
        check_label(metric, name, extra=TARGET_LABELS)


def check_choice(metric: Metric, choice: Choice) -> None:
    """Raise PromqlError unless every word of the choice exists in some form of the metric."""
    if choice.label == "le" and metric.kind is Kind.HISTOGRAM:
        for word in choice.words:
            check_edge(metric, word, metric_buckets(metric))
        return
    check_label(metric, choice.label, extra=TARGET_LABELS)
    labels = metric_labels(metric, live=True).get(choice.label) or metric_labels(metric).get(choice.label, ())
    if not labels or any(label_words(label) is None for label in labels):
        return
    known = dict.fromkeys(word for label in labels for word in label_words(label) or ())
    exposed = {value for label in labels for value in label.values or ()}
    for word in choice.words:
        if word not in known and word not in exposed:
            raise PromqlError(
                f"{word!r} is no {choice.label} of {metric.name}",
                value=word,
                expected=nearest(word, known),
            )


def check_edge(metric: Metric, text: str, buckets: Iterable[float]) -> Decimal:
    """The bucket edge a text means. Raises PromqlError when it is none of `buckets` (nor +Inf)."""
    buckets = tuple(buckets)
    edge = read_edge(text)
    if edge is not None and (edge.is_infinite() or float(edge) in buckets):
        return edge
    if edge is None:
        raise PromqlError(f"{text!r} is no number, so it is no bucket edge of {metric.name}", value=text)
    near = nearest_edges(edge, buckets)
    raise PromqlError(f"{text} is no bucket edge of {metric.name}; nearest: {near}", value=text, expected=near)


def nearest(word: str, choices: Iterable[str]) -> str:
    """The choices, the closest to `word` first, as text for an error message; at most eight."""
    names = list(dict.fromkeys(choices))
    close = get_close_matches(word, names, n=3, cutoff=0.6)
    rest = [name for name in names if name not in close]
    shown = (close + rest)[:8]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")

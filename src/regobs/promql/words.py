"""Content words of a metric's labels: which exist at all, and what the nearest right one is.

Bucket edges are words too: the spellings of one number that clients expose are told as one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from decimal import Decimal, InvalidOperation

from regobs.catalog.model import Kind, Label, Metric
from regobs.common.closest import closest_first
from regobs.errors import PromqlError
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Choice, Matcher, MatchOp
from regobs.promql.vocabulary import TARGET_LABELS


def spell_edge(edge: Decimal) -> str:
    """The bound as Go's strconv.FormatFloat(x, 'g', -1, 64) writes it, which is what client_golang exposes."""
    number = Decimal(repr(float(edge)))
    if number.is_infinite():
        return "+Inf" if number > 0 else "-Inf"
    sign, digits, exponent = number.as_tuple()
    text = "".join(map(str, digits)).lstrip("0")
    stripped = text.rstrip("0")
    if not stripped:
        return "0"
    exponent = int(exponent) + len(text) - 1
    prefix = "-" if sign else ""
    if exponent < -4 or exponent >= 6:  # strconv/ftoa.go: eprec is 6 for the shortest 'g'
        return prefix + _scientific(stripped, exponent)
    return prefix + format(abs(number).normalize(), "f")


def _scientific(digits: str, exponent: int) -> str:
    mantissa = digits[0] + (f".{digits[1:]}" if len(digits) > 1 else "")
    return f"{mantissa}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"


def edge_spellings(edge: Decimal) -> tuple[str, ...]:
    """Every spelling that a stored `le` may have: one, or two where the bound looks like an integer."""
    text = spell_edge(edge)
    return (text,) if "." in text or "e" in text or "Inf" in text else (text, text + ".0")


def edge_matcher(edges: Iterable[Decimal], *, negated: bool = False) -> Matcher:
    """The `le` matcher that finds these bounds in both spellings."""
    spellings = [spelling for edge in edges for spelling in edge_spellings(edge)]
    if len(spellings) == 1:
        return Matcher("le", MatchOp.NOT_EQUAL if negated else MatchOp.EQUAL, spellings[0])
    pattern = "|".join(quote_regex(spelling) for spelling in spellings)
    return Matcher("le", MatchOp.NOT_REGEX if negated else MatchOp.REGEX, pattern)


def read_edge(text: str) -> Decimal | None:
    """The bound that an `le` value means, or None when it is no number."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        return None
    return None if value.is_nan() else value


def asked_edges(matcher: Matcher, edges: Iterable[float]) -> tuple[float, ...] | None:
    """The bounds that a positive `le` matcher accepts in one of their spellings; None where that is not known."""
    if "$" in matcher.value.rstrip("$"):
        return None  # a variable
    if matcher.op is MatchOp.EQUAL:
        asked = read_edge(matcher.value)
        return tuple(edge for edge in edges if asked is not None and edge == float(asked))
    found = []
    for edge in edges:
        tried = [regex_matches(matcher.value, text) for text in edge_spellings(Decimal(repr(edge)))]
        if None in tried:
            return None
        found += [edge] if any(tried) else []
    return tuple(found)


def nearest_edges(edge: Decimal, buckets: Iterable[float]) -> str:
    """The one or two bounds around `edge`, as text for an error message."""
    bounds = sorted({Decimal(repr(bound)) for bound in buckets})
    below = [bound for bound in bounds if bound < edge][-1:]
    above = [bound for bound in bounds if bound > edge][:1]
    return ", ".join(spell_edge(bound) for bound in below + above)


def quote_regex(text: str) -> str:
    """The RE2 expression that matches exactly this text (Go's regexp.QuoteMeta)."""
    return "".join("\\" + char if char in "\\.+*?()|[]{}^$" else char for char in text)


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
        expected=closest_first(name, known) or "it has no labels of its own",
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
        _check_patterns(metric, choice, labels)
        return
    known = dict.fromkeys(word for label in labels for word in label_words(label) or ())
    exposed = {value for label in metric_labels(metric).get(choice.label, ()) for value in label.values or ()}
    for word in choice.words:
        if word not in known and word not in exposed:
            raise PromqlError(
                f"{word!r} is no {choice.label} of {metric.name}",
                value=word,
                expected=closest_first(word, known),
            )


def _check_patterns(metric: Metric, choice: Choice, labels: Iterable[Label]) -> None:
    """A status code is an open label, but none is called `6xx`: a word must be a class of codes or belong to one."""
    patterns = {name: pattern for label in labels for name, pattern in label.patterns.items()}
    for word in choice.words if patterns else ():
        if word not in patterns and not any(is_of(pattern, word) for pattern in patterns.values()):
            raise PromqlError(
                f"{word!r} is no {choice.label} of {metric.name}",
                value=word,
                expected=closest_first(word, patterns),
            )


def is_of(pattern: str, word: str) -> bool:
    """Whether a word is a value that the pattern stands for; the two points of `5..` are two digits."""
    return re.fullmatch(pattern.replace("..", "[0-9][0-9]"), word) is not None


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

"""Translating matchers that were written in the names of GitLab's registry.

Rule files of the pack and raw PromQL use GitLab's label names and values. In another flavor the label is called
differently and its values have other names, so a matcher is translated value by value: a regular expression is tried
on GitLab's closed values, and the words of those it matches are looked up in the other flavor.
"""

from __future__ import annotations

from regobs.catalog.model import Flavor, Form, Kind, Label, Metric, Version
from regobs.common.closest import closest_first
from regobs.errors import PromqlError
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.unavailable import Unavailable, missing_edge, missing_label, word_matcher
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.words import check_edge, edge_matcher, metric_labels

_NEGATED = frozenset({MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX})


def gitlab_form(metric: Metric) -> Form | None:
    """The form whose names text is written in: GitLab's newest, or the last one it had."""
    forms = [form for form in metric.forms if Flavor.GITLAB in form.flavors]
    return metric.form(Flavor.GITLAB) or max(forms, key=lambda form: form.until or Version(0), default=None)


def text_label(name: str, metric: Metric, form: Form, vocabulary: Vocabulary) -> Label | None:
    """The label of `form` that a label name in text means: by the vocabulary's own name, or by GitLab's."""
    own = next(
        (label for label in form.labels if name in (label.exposed, vocabulary.series_label(metric, label))), None
    )
    if own is not None:
        return own
    canonical = _canonical_label(name, metric)
    if canonical is None:
        return None
    return next((label for label in form.labels if label.name == canonical.name), None)


def is_target_label(name: str, label: Label, stored: str) -> bool:
    """Whether a name in text means the label that Prometheus itself puts on a target, not the metric's: `instance`.

    A label that only this deployment's targets have is not meant: text is written for all, in the names of the metric.
    """
    return label.target_label and name == label.exposed != stored


def _canonical_label(name: str, metric: Metric) -> Label | None:
    source = gitlab_form(metric)
    if source is None:
        return None
    plain = name.removeprefix("exported_")
    return next((label for label in source.labels if label.exposed in {name, plain}), None)


def translate(matcher: Matcher, metric: Metric, form: Form, vocabulary: Vocabulary) -> tuple[Matcher, ...]:
    """The matchers that say the same in the vocabulary; none when everything is meant anyway. Raises Unavailable."""
    if matcher.label == "le" and metric.kind is Kind.HISTOGRAM:
        return (_translate_edge(matcher, metric, form),)
    target = text_label(matcher.label, metric, form, vocabulary)
    canonical = _canonical_label(matcher.label, metric)
    if target is None:
        if canonical is not None and canonical.name in metric_labels(metric):
            raise missing_label(metric, canonical.name, vocabulary)
        return (matcher,)
    name = vocabulary.series_label(metric, target)
    if is_target_label(matcher.label, target, name):
        return (matcher,)
    renamed = Matcher(name, matcher.op, matcher.value)
    if not matcher.value or canonical is None or _same_values(canonical, target) or _speaks(matcher, target):
        return (renamed,)
    return _translate_values(renamed, canonical, target, metric, vocabulary)


def _translate_edge(matcher: Matcher, metric: Metric, form: Form) -> Matcher:
    if matcher.op not in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return matcher
    try:
        edge = check_edge(metric, matcher.value, form.buckets or ())
    except PromqlError as error:
        raise missing_edge(metric, error) from error
    return edge_matcher([edge], negated=matcher.op is MatchOp.NOT_EQUAL)


def _same_values(canonical: Label, target: Label) -> bool:
    return not _known(canonical) or not _known(target) or {*_known(canonical)} <= {*_known(target)}


def _known(label: Label) -> tuple[str, ...]:
    """The values of a label, of an open one those that have a word of their own."""
    return label.values if label.values is not None else tuple(label.words.values())


def _speaks(matcher: Matcher, target: Label) -> bool:
    """Whether the matcher is in the target's own values already, as after a first `bind`, or is a Grafana variable."""
    if "$" in matcher.value.rstrip("$"):
        return True
    return any(_matches(matcher, value) for value in _known(target))


def _matches(matcher: Matcher, value: str) -> bool:
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return matcher.value == value
    found = regex_matches(matcher.value, value)
    if found is None:
        raise PromqlError(
            f"the expression for {matcher.label} cannot be tried on its values",
            value=matcher.value,
            expected="a regular expression that RE2 and Python both read, without repetitions in repetitions",
        )
    return found


def _translate_values(
    matcher: Matcher, canonical: Label, target: Label, metric: Metric, vocabulary: Vocabulary
) -> tuple[Matcher, ...]:
    words = {exposed: word for word, exposed in canonical.words.items()}
    meant = [words.get(value, value) for value in _known(canonical) if _matches(matcher, value)]
    if canonical.values is None and not meant:
        return (matcher,)  # a value of whoever wrote it, the same in every flavor
    there = [target.words.get(word, word) for word in meant]
    there = [value for value in there if value in _known(target)]
    negated = matcher.op in _NEGATED
    if there:
        return (word_matcher(matcher.label, dict.fromkeys(there, False), negated=negated),)
    if negated:
        return ()
    raise Unavailable(
        f"{metric.name} has no {canonical.name} like {matcher.value!r} in {vocabulary.flavor} registries",
        metric=metric,
        reason="label",
        value=matcher.value,
        expected=closest_first(meant[0] if meant else matcher.value, [*target.words, *(target.values or ())]),
    )

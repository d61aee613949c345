"""The error for an expression that one vocabulary cannot say, although another can."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

from regobs.catalog.model import Capability, Form, Label, Metric
from regobs.common.closest import closest_first
from regobs.errors import PromqlError
from regobs.promql.nodes import Matcher, MatchOp
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.words import quote_regex

Reason = Literal["flavor", "version", "capability", "label", "bucket"]


class Unavailable(PromqlError):  # noqa: N818  (an answer about a vocabulary more often than a failure)
    """A metric, label, value or bucket edge does not exist in a vocabulary.

    `reason` says which of flavor, version, capability, label (also: label value) or bucket it is; `capability` is the
    one that is off, where that is the reason.
    """

    def __init__(
        self,
        message: str,
        *,
        metric: Metric,
        reason: Reason,
        capability: Capability | None = None,
        value: object = None,
        expected: str | None = None,
        next_step: str | None = None,
    ) -> None:
        super().__init__(message, value=value, expected=expected, next_step=next_step)
        self.metric = metric
        self.reason: Reason = reason
        self.capability = capability


def available_form(metric: Metric, vocabulary: Vocabulary) -> Form:
    """The metric's form in the vocabulary. Raises Unavailable when there is none or its capability is off."""
    form = vocabulary.form(metric)
    if form is None:
        raise _absent(metric, vocabulary)
    if form.needs is not None and form.needs not in vocabulary.capabilities:
        raise Unavailable(
            f"{metric.name} needs the capability {form.needs}, which is off",
            metric=metric,
            reason="capability",
            capability=form.needs,
            next_step=f"if the deployment has it, add {form.needs} to capabilities in regobs.toml",
        )
    return form


def _absent(metric: Metric, vocabulary: Vocabulary) -> Unavailable:
    forms = [form for form in metric.forms if vocabulary.flavor in form.flavors]
    if not forms:
        flavors = ", ".join(metric.flavors)
        return Unavailable(
            f"{metric.name} does not exist in {vocabulary.flavor} registries",
            metric=metric,
            reason="flavor",
            expected=f"flavor {flavors}" if flavors else None,
        )
    spans = "; ".join(_span(form) for form in forms)
    version = vocabulary.version
    registry = f"{vocabulary.flavor} {version}" if version else f"the newest {vocabulary.flavor}"
    return Unavailable(
        f"{metric.name} does not exist in {registry}",
        metric=metric,
        reason="version",
        value=str(version) if version else None,
        expected=spans,
    )


def _span(form: Form) -> str:
    parts = [f"from {form.since}" if form.since else "", f"before {form.until}" if form.until else ""]
    return " and ".join(part for part in parts if part) or "any version"


def exposed_words(label: Label, words: Iterable[str]) -> dict[str, bool]:
    """The words as this form exposes them, each with whether it is a regular expression; unknown ones are left out."""
    found: dict[str, bool] = {}
    for word in words:
        if word in label.words:
            found[label.words[word]] = False
        elif word in label.patterns:
            found[label.patterns[word]] = True
        elif label.values is None or word in label.values:
            found[word] = False
    return found


def word_matcher(name: str, values: Mapping[str, bool], *, negated: bool) -> Matcher:
    """The simplest matcher for some values, each with whether it is a regular expression, in their order."""
    if list(values.values()) == [False]:
        return Matcher(name, MatchOp.NOT_EQUAL if negated else MatchOp.EQUAL, next(iter(values)))
    alternatives = "|".join(value if pattern else quote_regex(value) for value, pattern in values.items())
    return Matcher(name, MatchOp.NOT_REGEX if negated else MatchOp.REGEX, alternatives)


def missing_edge(metric: Metric, error: PromqlError) -> Unavailable:
    """The error for a bound that is no bucket edge in the vocabulary."""
    return Unavailable(error.message, metric=metric, reason="bucket", value=error.value, expected=error.expected)


def missing_label(metric: Metric, name: str, vocabulary: Vocabulary) -> Unavailable:
    """The error for a label that only other forms of the metric have."""
    form = vocabulary.form(metric)
    names = [label.name for label in form.labels] if form else []
    return Unavailable(
        f"{metric.name} has no label {name} in {vocabulary.flavor} registries",
        metric=metric,
        reason="label",
        value=name,
        expected=closest_first(name, names) or "it has no labels of its own",
    )

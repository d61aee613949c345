"""The type of a selector: what the catalog knows of the series, with its matchers checked."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from regobs.catalog.model import Form, Kind, Label, Metric, Unit
from regobs.common.closest import closest_first
from regobs.errors import PromqlError
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.series import Lookup, series_of
from regobs.promql.types import Type, ValueType
from regobs.promql.vocabulary import TARGET_LABELS, Vocabulary
from regobs.promql.words import asked_edges, check_choice, check_edge, read_edge

Recorded = Callable[[str], Type | None]
_NEGATED = frozenset({MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX})


class SelectorTypes:
    """Types of selectors in one vocabulary (None: in any), with `extra` label names that every series may have.

    Where they are not `judged`, a label or value that the metric does not have is no error. `recorded` gives the types
    of what rules record. Values may be those that the metric has in the vocabulary `deployment`, too.
    """

    def __init__(
        self,
        vocabulary: Vocabulary | None,
        extra: Iterable[str],
        lookup: Lookup,
        *,
        judged: bool = True,
        recorded: Recorded | None = None,
        deployment: Vocabulary | None = None,
    ) -> None:
        self._deployment = deployment
        self._recorded = recorded
        self._judged = judged
        self._vocabulary = vocabulary
        self._lookup = lookup
        self.everywhere = frozenset(extra) | (vocabulary.target_labels if vocabulary else TARGET_LABELS) | {"__name__"}

    def infer(self, node: Selector) -> Type:
        """The selector's type. Raises PromqlError for a label, value or bucket edge that the metric does not have."""
        value: ValueType = "matrix" if node.range is not None else "vector"
        entry = series_of(node, self._lookup)
        if entry is None:
            found = self._recorded(str(node.metric)) if self._recorded is not None and node.metric else None
            return found._replace(value=value) if found is not None else Type(value)
        metric, suffix = entry
        unbound = isinstance(node.metric, Metric)
        labels = self._labels(metric, unbound=unbound)
        if suffix == "_bucket":
            labels["le"] = []
        elif metric.kind is Kind.SUMMARY and not suffix:
            labels.setdefault("quantile", [])
        for choice in node.choices:
            check_choice(metric, choice)
        for matcher in node.matchers if self._judged else ():
            self._check(matcher, metric, labels)
        counts = suffix in {"_bucket", "_count"}
        counter = bool(suffix) or metric.kind is Kind.COUNTER or metric.cumulative
        return Type(
            value,
            unit=Unit.EVENTS if counts else metric.unit,
            kind=Kind.COUNTER if suffix else metric.kind,
            labels=frozenset(labels),
            le=self._edges(node, metric) if suffix == "_bucket" else None,
            raw_counter=counter,
            open=True,
            quantile=metric.kind is Kind.SUMMARY and not suffix,
            fraction=metric.unit is Unit.RATIO and not suffix,
            observed=metric.unit if suffix == "_bucket" else None,
            signed=metric.signed and not suffix,
            busy=metric.busy,
        )

    def _forms(self, metric: Metric) -> tuple[Form, ...]:
        form = self._vocabulary.form(metric) if self._vocabulary else None
        return (form,) if form else metric.forms

    def _labels(self, metric: Metric, *, unbound: bool) -> dict[str, list[Label]]:
        found: dict[str, list[Label]] = {}
        for form in self._forms(metric):
            for label in form.labels:
                for name in self._names(metric, label, unbound=unbound):
                    found.setdefault(name, []).append(label)
        return found

    def _names(self, metric: Metric, label: Label, *, unbound: bool) -> set[str]:
        if unbound:
            return {label.name}
        if self._vocabulary is None:
            return {label.exposed, f"exported_{label.exposed}"} if label.target_label else {label.exposed}
        return {self._vocabulary.series_label(metric, label)}

    def _buckets(self, metric: Metric) -> tuple[float, ...]:
        return tuple(sorted({bound for form in self._forms(metric) for bound in form.buckets or ()}))

    def _check(self, matcher: Matcher, metric: Metric, labels: dict[str, list[Label]]) -> None:
        if matcher.label not in labels:
            if matcher.label in self.everywhere or matcher.label.startswith("$"):
                return
            raise PromqlError(
                f"{metric.name} has no label {matcher.label}",
                value=matcher.label,
                expected=closest_first(matcher.label, labels) or "it has no labels of its own",
            )
        if "$" in matcher.value.rstrip("$"):
            return  # a Grafana variable: only the dashboard knows its values
        if matcher.label == "le":
            for text in _edge_texts(matcher):
                check_edge(metric, text, self._buckets(metric))
            return
        self._check_value(matcher, metric, labels[matcher.label])

    def _check_value(self, matcher: Matcher, metric: Metric, labels: list[Label]) -> None:
        pattern = next((p for label in labels if (p := label.patterns.get(matcher.value))), None)
        if pattern is not None and not any(matcher.value in (label.values or ()) for label in labels):
            raise PromqlError(
                f"no {matcher.label} of {metric.name} is {matcher.value!r}: that is a word for a pattern",
                value=matcher.value,
                expected=f'{matcher.label}=~"{pattern}"',
            )
        if not labels or any(label.values is None for label in labels) or matcher.op in _NEGATED or not matcher.value:
            return
        there = self._deployment.form(metric) if self._deployment else None
        same = there.label(matcher.label) if there else None
        every = [*labels, same] if same else labels
        values = list(dict.fromkeys(value for label in every for value in label.values or ()))
        if any(_accepts(matcher, value) for value in values):
            return
        raise PromqlError(
            f"no {matcher.label} of {metric.name} is {matcher.value!r}",
            value=matcher.value,
            expected=closest_first(matcher.value, values),
        )

    def _edges(self, node: Selector, metric: Metric) -> tuple[float, ...]:
        """The edges, +Inf last, that the selector's conditions on `le` let through."""
        edges = (*self._buckets(metric), float("inf"))
        for choice in node.choices:
            if choice.label == "le":
                chosen = {float(word) for word in choice.words}
                edges = tuple(edge for edge in edges if (edge in chosen) != choice.negated)
        for matcher in node.matchers:
            if matcher.label == "le" and matcher.op not in _NEGATED:
                edges = asked_edges(matcher, edges) or ()  # none where a variable says which
        return edges


def _edge_texts(matcher: Matcher) -> list[str]:
    """The bounds an `le` matcher lists; nothing for a regular expression that is more than a list of numbers."""
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return [matcher.value]
    texts = [text.replace("\\", "") for text in matcher.value.removeprefix("(").removesuffix(")").split("|")]
    return texts if all(read_edge(text) is not None for text in texts) else []


def _accepts(matcher: Matcher, value: str) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return matcher.value == value
    return regex_matches(matcher.value, value) is not False

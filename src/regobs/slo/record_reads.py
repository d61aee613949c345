"""Selectors of recorded series that no rule of the pack can fit: a name, a label, or a value that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property

from regobs.catalog.model import Exposer, Flavor
from regobs.common.closest import closest, closest_first
from regobs.config import Config
from regobs.documents import load_yaml
from regobs.errors import PromqlError, RulesError
from regobs.pack import Pack
from regobs.promql.bind import RELABEL_SOURCES
from regobs.promql.infer import infer
from regobs.promql.inferred_parts import infer_parts
from regobs.promql.literals import regex_matches
from regobs.promql.nodes import Aggregate, Call, Expr, Matcher, MatchOp, Selector
from regobs.promql.parse import parse
from regobs.promql.series import known_metric
from regobs.promql.types import Type
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import selectors, walk
from regobs.promql.words import metric_labels
from regobs.slo.outputs import CompiledRules, compile_rules, load_slos
from regobs.slo.rule_files import SUFFIX
from regobs.slo.sources import check_pattern

_OURS = "registry:"  # nobody else's records begin so
_LIKE = 0.85
_ASKS = frozenset({MatchOp.EQUAL, MatchOp.REGEX})
_WRITTEN = Vocabulary(Flavor.GITLAB)  # rule files are written in these names
_DIGITS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class _Rule:
    """One rule that records: what it reads, and the labels that it adds."""

    expr: Expr
    labels: dict[str, str]


class RecordReads:
    """What the rules and SLOs of a pack record, and what is wrong where it is read."""

    def __init__(self, pack: Pack, config: Config) -> None:
        self._pack, self._config = pack, config
        self._types: dict[str, Type | None] = {}

    @cached_property
    def _rules(self) -> dict[str, list[_Rule]]:
        found: dict[str, list[_Rule]] = {}
        for file in self._pack.files("alerts", "*" + SUFFIX):
            document = load_yaml(file.read(), str(file.path), error=RulesError)
            for rule in (rule for group in document.data["groups"] for rule in group["rules"] if "record" in rule):
                found.setdefault(rule["record"], []).append(_Rule(parse(rule["expr"]), rule.get("labels", {})))
        return found

    @cached_property
    def _compiled(self) -> CompiledRules:
        return compile_rules(self._pack, self._config)

    @cached_property
    def _of_slos(self) -> list[str]:
        rules = (rule for one in self._compiled.slos for rule in one.group["rules"])
        return list(dict.fromkeys(rule["record"] for rule in rules if "record" in rule))

    @cached_property
    def _slo_labels(self) -> dict[str, list[str]]:
        """The values of the labels of SLOs, also of those that this deployment leaves out."""
        found: dict[str, list[str]] = {}
        for slo in load_slos(self._pack, self._config):
            for name, value in slo.labels.items():
                found.setdefault(name, []).append(value)
        return found

    def faults(self, expr: Expr) -> Iterator[str]:
        """A sentence for each name, label and value of recorded series that is not there."""
        for node in selectors(expr):
            name = node.metric if isinstance(node.metric, str) else ""
            if ":" not in name:
                continue
            metric = known_metric(node)
            if metric is not None and metric.exposer is Exposer.RULES:
                yield from self._of_slo(node, name)
            elif name in self._rules:
                yield from self._of_rule(node, name)
            else:
                yield from self._unknown(name)

    def _of_slo(self, node: Selector, name: str) -> Iterator[str]:
        if name not in self._of_slos:
            yield f"no SLO records {name}; expected: {closest_first(name, self._of_slos)}"
        for matcher in node.matchers:
            values = self._slo_labels.get(matcher.label, [])
            if _asks(matcher) and values and not any(_accepts(matcher, one) for one in values):
                known = closest_first(matcher.value, dict.fromkeys(values))
                yield f"no SLO of the pack has {matcher.label} {matcher.value!r}; expected: {known}"

    def _unknown(self, name: str) -> Iterator[str]:
        near = closest(name, self._rules, 1, _LIKE)
        other_window = bool(near) and _DIGITS.sub("", near[0]) == _DIGITS.sub("", name)
        if name.startswith(_OURS) or (near and not other_window):
            expected = near[0] if near else closest_first(name, self._rules)
            yield f"no rule of the pack records {name}; expected: {expected}"

    def _of_rule(self, node: Selector, name: str) -> Iterator[str]:
        labels = self._labels(name)
        for matcher in filter(_asks, node.matchers):
            if labels is not None and matcher.label not in labels | self._everywhere:
                known = closest_first(matcher.label, sorted(labels)) or "it has no labels of its own"
                yield f"the rule that records {name} keeps no label {matcher.label}; expected: {known}"
            elif fault := self._wrong_value(name, matcher, frozenset()):
                yield f"{fault.message}, so {name} has none; expected: {fault.expected}"

    @property
    def _everywhere(self) -> frozenset[str]:
        return self._config.target_labels | {*self._config.labels.scope, "__name__"}

    def _labels(self, name: str) -> frozenset[str] | None:
        """The labels that the rules of a name may give it; None where that is not known."""
        found: frozenset[str] = frozenset()
        for rule in self._rules[name]:
            of = infer_parts(rule.expr, recorded=self._type).of(rule.expr).possible_labels
            if of is None:
                return None
            found |= of | rule.labels.keys()
        return found

    def _type(self, name: str) -> Type | None:
        """The type of what one rule records; None where none or several do, and of what reads itself."""
        if name not in self._types:
            self._types[name] = None
            rules = self._rules.get(name, [])
            if len(rules) == 1 and not rules[0].labels:
                self._types[name] = infer_parts(rules[0].expr, recorded=self._type).of(rules[0].expr)
        return self._types[name]

    def _wrong_value(self, name: str, matcher: Matcher, above: frozenset[str]) -> PromqlError | None:
        """Why no series that a record reads can have the value; None where one may."""
        first: PromqlError | None = None
        for rule in self._rules.get(name, []) if name not in above else ():
            if matcher.label in rule.labels or _makes_labels(rule.expr):
                return None
            for node in selectors(rule.expr):
                inner = str(node.metric)
                if inner in self._rules:
                    fault = self._wrong_value(inner, matcher, above | {name})
                else:
                    fault = self._wrong_of_metric(node, matcher)
                if fault is None:
                    return None
                first = first or fault
        return first

    def _wrong_of_metric(self, node: Selector, matcher: Matcher) -> PromqlError | None:
        metric = known_metric(node)
        if metric is None or matcher.label not in metric_labels(metric, live=True):
            return None
        try:
            infer(Selector(node.metric, matchers=(matcher,)), _WRITTEN, deployment=self._config.vocabulary)
            check_pattern(metric, matcher)
        except PromqlError as error:
            return error
        return None


def reads_records(exprs: Iterable[Expr]) -> bool:
    """Whether any of these reads a series that is named as those of rules are."""
    return any(":" in str(node.metric) for expr in exprs for node in selectors(expr))


def _makes_labels(expr: Expr) -> bool:
    return any(
        (isinstance(node, Call) and node.function in RELABEL_SOURCES)
        or (isinstance(node, Aggregate) and node.op == "count_values")
        for node in walk(expr)
    )


def _asks(matcher: Matcher) -> bool:
    """Whether a matcher wants a value that is not empty."""
    return matcher.op in _ASKS and bool(matcher.value) and not _accepts(matcher, "")


def _accepts(matcher: Matcher, value: str) -> bool:
    if matcher.op is MatchOp.EQUAL:
        return matcher.value == value
    return regex_matches(matcher.value, value) is not False

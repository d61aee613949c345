"""The counters that a generated test feeds an SLO's rules with.

They cover every label value that the SLO's selectors ask for by name, and for every matcher one series that only this
matcher keeps out, full of bad events: a rule whose matcher is broken then counts something else, and its test fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from regobs.catalog.model import Kind, Metric
from regobs.config import Config
from regobs.errors import SloError
from regobs.promql.bind import bind
from regobs.promql.nodes import Matcher, MatchOp, Selector
from regobs.promql.scope import inject
from regobs.promql.series import known_metric
from regobs.promql.walk import selectors
from regobs.promql.words import edge_spellings
from regobs.slo.model import EventSource, Ratio, Slo
from regobs.slo.recording import selector_of

Labels = dict[str, str]
_NOISE = 7.0  # times all events of the SLO
_ELSEWHERE = "elsewhere"
_FEW = 2  # representatives of a label that the selectors do not ask about
_CLASSES = 4  # status codes from 1xx to 4xx: what a 5xx could be mistaken for


class Role(StrEnum):
    """What a counter counts."""

    ALL = "all events"
    GOOD = "good events"
    BAD = "bad events"
    NOISE = "events that are none of the SLO's business"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class FedCounter:
    """A series and its share (one of `parts` equal ones) of the events of its role."""

    series: str
    labels: Labels
    role: Role
    parts: int = 1

    def text(self) -> str:
        """The series as promtool reads it."""
        inner = ",".join(f'{name}="{_escape(value)}"' for name, value in sorted(self.labels.items()))
        return f"{self.series}{{{inner}}}"


def _escape(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')


def counters(slo: Slo, config: Config) -> list[FedCounter]:
    """All of them, in a fixed order; none for an SLO that compares a value."""
    if not isinstance(slo.indicator, Ratio):
        return []
    ratio = slo.indicator
    total, part = _bound(ratio.total, config), _bound(ratio.part, config)
    role, rest_role = (Role.BAD, Role.GOOD) if ratio.part_is_bad else (Role.GOOD, Role.BAD)
    values = FedLabels(total, part, config)
    if ratio.part.at_most is not None:
        found = _histogram(ratio, total, values.covering((total,)))
    elif total.metric == part.metric and not _edge(total) and not _edge(part):
        inside = values.covering((total, part))
        outside = values.covering((total,), but_not=part)
        found = _share(total, inside, role) + _share(total, outside, rest_role)
    else:
        found = _share(total, values.covering((total,)), Role.ALL) + _share(part, values.covering((part,)), role)
    noise = values.noise(total, part if total.metric == part.metric and ratio.part_is_bad else total)
    found += _share(total, noise, Role.NOISE)
    if ratio.part.at_most is not None:
        le = edge_spellings(ratio.part.at_most)[0]
        found += _share(part, [{**labels, "le": le} for labels in noise], Role.NOISE)
    return _unique(found)


def _edge(node: Selector) -> Labels:
    """The bucket that a selector of a histogram's buckets asks for, as a label."""
    own = [matcher for matcher in node.matchers if matcher.label == "le"]
    return {"le": accepted_samples("le", own, ["+Inf"])[0]} if own else {}


def scope_labels(config: Config) -> Labels:
    """A value for each label that rules keep: one that the registry's own matchers accept."""
    keep = config.rules_scope.keep
    return {name: accepted_samples(name, config.matchers, [f"{name}-1"])[0] for name in keep}


def _bound(source: EventSource, config: Config) -> Selector:
    scoped = inject(bind(selector_of(source), config.vocabulary), config.rules_scope)
    return next(selectors(scoped))


def _share(node: Selector, label_sets: list[Labels], role: Role) -> list[FedCounter]:
    edge = _edge(node)
    return [FedCounter(str(node.metric), edge | labels, role, len(label_sets)) for labels in label_sets]


def _unique(found: Iterable[FedCounter]) -> list[FedCounter]:
    return list({counter.text(): counter for counter in reversed(list(found))}.values())[::-1]


def _histogram(ratio: Ratio, total: Selector, label_sets: list[Labels]) -> list[FedCounter]:
    """Counts and buckets; two instances, which spell a whole-number edge differently, as a fleet of two ages does."""
    metric = ratio.total.selector.metric
    threshold = ratio.part.at_most
    if not isinstance(metric, Metric) or threshold is None:
        raise SloError("a threshold needs a histogram of the catalog", location=ratio.part.location)
    edges = sorted({Decimal(repr(edge)) for form in metric.forms for edge in form.buckets or ()})
    below = [edge for edge in edges if edge < threshold][-1:]
    above = [edge for edge in edges if edge > threshold][:1]
    roles = [(edge, Role.NOTHING) for edge in below] + [(threshold, Role.GOOD)]
    roles += [(edge, Role.ALL) for edge in (*above, Decimal("Infinity"))]
    parts = 2 * len(label_sets)
    found = []
    for labels in label_sets:
        for instance in (0, 1):
            here = {**labels, "instance": f"registry-{instance}"}
            found.append(FedCounter(str(total.metric), here, Role.ALL, parts))
            for edge, role in roles:
                le = edge_spellings(edge)[-instance]
                found.append(FedCounter(f"{metric.name}_bucket", {**here, "le": le}, role, parts))
    return found


def _matches(matcher: Matcher, value: str) -> bool:
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        return (matcher.value == value) == (matcher.op is MatchOp.EQUAL)
    return (re.fullmatch(matcher.value, value) is not None) == (matcher.op is MatchOp.REGEX)


def _accepts(matchers: Iterable[Matcher], name: str, value: str) -> bool:
    return all(_matches(matcher, value) for matcher in matchers if matcher.label == name)


def _samples(matcher: Matcher) -> Iterator[str]:
    """Texts that a matcher is about: its own value, or its alternatives with wildcards filled in."""
    if matcher.op in {MatchOp.EQUAL, MatchOp.NOT_EQUAL}:
        yield matcher.value
    else:
        for alternative in matcher.value.strip("^$()").split("|"):
            for filled in (alternative, re.sub(r"\[[^]]*\][+*]?|\\[dw][+*]?", "1", alternative)):
                yield re.sub(r"\\(.)", r"\1", re.sub(r"(?<!\\)\.[*+]?", "0", filled))


def accepted_samples(name: str, matchers: Iterable[Matcher], fallback: list[str]) -> list[str]:
    """Values of a label that all matchers on it accept, taken from their own texts; `fallback` where there is none."""
    own = [matcher for matcher in matchers if matcher.label == name]
    candidates = dict.fromkeys([value for matcher in own for value in _samples(matcher)] + fallback)
    return [value for value in candidates if _accepts(own, name, value)] or fallback


class FedLabels:
    """The values that tests give to each label."""

    def __init__(self, total: Selector, part: Selector, config: Config) -> None:
        matchers = [m for m in dict.fromkeys(total.matchers + part.matchers) if m.label != "le"]
        self._asked = {matcher.label for matcher in matchers}
        self._known = _label_values(total, config)
        scope = scope_labels(config)
        names = dict.fromkeys([*(m.label for m in matchers), *self._known, *scope, "instance"])
        self._candidates = {name: self._of(name, matchers, scope) for name in names}

    def _of(self, name: str, matchers: list[Matcher], scope: Labels) -> list[str]:
        if name in self._known:
            return self._known[name]
        if name not in self._asked:
            return [scope.get(name, "registry-0")]
        own = [matcher for matcher in matchers if matcher.label == name]
        accepted = [scope[name]] if name in scope else accepted_samples(name, matchers, [f"{name}-1"])
        others = [_ELSEWHERE, *(value for matcher in own for value in _samples(matcher))]
        return accepted + [value for value in others if not _accepts(own, name, value)][:1]

    def covering(self, within: tuple[Selector, ...], *, but_not: Selector | None = None) -> list[Labels]:
        """Label sets that the selectors accept; every accepted value of a label that is asked about stands in one."""
        chosen = {}
        for name, candidates in self._candidates.items():
            fitting = [v for v in candidates if all(_accepts(node.matchers, name, v) for node in within)]
            if but_not is not None:
                left = [value for value in fitting if not _accepts(but_not.matchers, name, value)]
                fitting = left or fitting
            most = _FEW if name not in self._asked else _CLASSES if but_not is not None else len(fitting)
            chosen[name] = fitting[:most]
        size = max((len(values) for values in chosen.values()), default=0)
        if not all(chosen.values()):
            return []
        return [{name: values[i % len(values)] for name, values in chosen.items()} for i in range(size)]

    def noise(self, total: Selector, bad: Selector) -> list[Labels]:
        """For every matcher of `total`, a label set that only this matcher refuses, as bad as can be otherwise."""
        base = next(iter(self.covering((total, bad))), None)
        found = []
        for matcher in total.matchers:
            others = [v for v in self._candidates.get(matcher.label, []) if not _matches(matcher, v)]
            if base is not None and others:
                found.append({**base, matcher.label: others[0]})
        return found


def _label_values(node: Selector, config: Config) -> dict[str, list[str]]:
    """The values of the metric's own labels: the closed ones, or two examples for each pattern (500 and 503)."""
    metric = known_metric(node)
    form = config.vocabulary.form(metric) if metric is not None else None
    if metric is None or form is None or metric.kind is Kind.GAUGE:
        return {}
    found = {}
    for label in form.labels:
        examples = [p.replace(".", "0") for p in label.patterns.values()]
        examples += [p.replace(".", "0")[:-1] + "3" for p in label.patterns.values()]
        values = list(label.values) if label.values is not None else examples
        if values:
            found[config.vocabulary.series_label(metric, label)] = values
    return found


@dataclass(frozen=True, slots=True)
class Phase:
    """`steps` steps with so many good and bad events in each."""

    steps: int
    good: float
    bad: float

    def of(self, role: Role) -> float:
        """The events of a step that a counter of this role sees."""
        everything = self.good + self.bad
        return {
            Role.ALL: everything,
            Role.GOOD: self.good,
            Role.BAD: self.bad,
            Role.NOISE: _NOISE * everything,
            Role.NOTHING: 0.0,
        }[role]


def series_data(counters: Iterable[FedCounter], phases: list[Phase]) -> list[dict[str, str]]:
    """`input_series` of a promtool test: each counter from 0 at time 0."""
    return [{"series": counter.text(), "values": _values(counter, phases)} for counter in counters]


def flat_data(counters: Iterable[FedCounter], steps: int) -> list[dict[str, str]]:
    """Counters that have counted before and no longer do."""
    return [{"series": counter.text(), "values": f"1000+0x{steps}"} for counter in counters]


def _values(counter: FedCounter, phases: list[Phase]) -> str:
    value = 0.0
    parts = ["0"]
    for phase in phases:
        growth = phase.of(counter.role) / counter.parts
        parts.append(f"{_text(value + growth)}+{_text(growth)}x{phase.steps - 1}")
        value += growth * phase.steps
    return " ".join(parts)


def _text(value: float) -> str:
    """A number as short as it can be read back, without an exponent: promtool's notation has none."""
    text = f"{value:.6f}".rstrip("0").rstrip(".") if value < 1e15 else f"{value:.0f}"
    return text or "0"

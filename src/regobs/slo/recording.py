"""The recording rules of one SLO.

Events and bad events stay apart in every window; only burn rates and the budget left are ratios, and each is one bad
sum over one sum of events, never an average of ratios. Where nothing happened there is no ratio, and no NaN.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from regobs.catalog import slo as names
from regobs.catalog.model import Kind, Metric
from regobs.config import Config
from regobs.promql.bind import bind
from regobs.promql.build import select, zero_filled
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Number,
    Selector,
    Subquery,
)
from regobs.promql.printer import to_text
from regobs.promql.scope import inject
from regobs.slo.model import Slo, Source, Windows, window_text
from regobs.slo.windows import SAMPLES, Step, chain, step_of


@dataclass(frozen=True, slots=True)
class RecordingRule:
    """One recording rule: the series it writes, and how."""

    name: str
    expr: Expr
    labels: dict[str, str]

    def data(self) -> dict[str, object]:
        """As it stands in a rule file."""
        return {"record": self.name, "expr": to_text(self.expr), "labels": self.labels}


def number(value: int | Decimal | Fraction) -> Expr:
    """An exact number: a literal where its decimals end, else a quotient (`14 / 15`)."""
    if not isinstance(value, Fraction):
        return Number(Decimal(value).normalize())
    rest = value.denominator
    for prime in (2, 5):
        while rest % prime == 0:
            rest //= prime
    if rest == 1:
        return Number(Decimal(value.numerator) / Decimal(value.denominator))
    return Binary("/", Number(Decimal(value.numerator)), Number(Decimal(value.denominator)))


def recorded(metric: Metric, slo: Slo) -> Selector:
    """The SLO's series of a recorded metric."""
    return Selector(metric.name, matchers=(Matcher("slo", MatchOp.EQUAL, slo.name),))


def selector_of(source: Source) -> Selector:
    """The counters that a source reads: of a histogram its count, or the bucket of the threshold."""
    node = source.selector
    if not isinstance(node.metric, Metric) or node.metric.kind is not Kind.HISTOGRAM:
        return node
    if source.at_most is None:
        return replace(node, suffix="_count")
    return replace(select(node, le=str(source.at_most)), suffix="_bucket")


def bound(expr: Expr, config: Config) -> Expr:
    """The expression in the deployment's names and scope. Raises Unavailable."""
    return inject(bind(expr, config.vocabulary), config.rules_scope)


def _increase(source: Source, window: Duration) -> Expr:
    return Aggregate("sum", Call("increase", (replace(selector_of(source), range=window),)))


def events(slo: Slo, window: Duration, config: Config) -> Expr:
    """All events of a window, from the counters."""
    return bound(_increase(slo.total, window), config)


def bad_events(slo: Slo, window: Duration, config: Config) -> Expr:
    """The bad events of a window, from the counters: zero where there are events and none of them is bad."""
    total = _increase(slo.total, window)
    part = zero_filled(_increase(slo.part, window), total)
    return bound(part if slo.part_is_bad else total - part, config)


def _summed(metric: Metric, slo: Slo, step: Step, source: Duration) -> Expr:
    samples = Subquery(recorded(metric, slo), step.window, step_of(source))
    return Call("sum_over_time", (samples,)) / SAMPLES


def _window_rules(slo: Slo, step: Step, config: Config) -> list[tuple[Metric, Expr]]:
    window = window_text(step.window)
    all_of, bad_of = names.EVENTS(window), names.BAD_EVENTS(window)
    if step.source is None:
        counts = [(all_of, events(slo, step.window, config)), (bad_of, bad_events(slo, step.window, config))]
    else:
        shorter = window_text(step.source)
        counts = [
            (all_of, _summed(names.EVENTS(shorter), slo, step, step.source)),
            (bad_of, _summed(names.BAD_EVENTS(shorter), slo, step, step.source)),
        ]
    happened = Binary(">", recorded(all_of, slo), Number(Decimal(0)))
    burn = recorded(bad_of, slo) / happened / number(slo.budget)
    return [*counts, (names.BURN_RATE(window), burn)]


def recording_rules(slo: Slo, windows: Windows, config: Config) -> list[RecordingRule]:
    """Those of the tiers' windows, each behind those it reads. Raises Unavailable when the registry lacks a metric."""
    steps = [step for step in chain(windows, slo.period) if step.window != slo.period or _in_tier(step, windows)]
    return [_rule(slo, metric, expr) for step in steps for metric, expr in _window_rules(slo, step, config)]


def budget_rules(slo: Slo, windows: Windows, config: Config) -> list[RecordingRule]:
    """Those of the whole period: its events, burn rate and budget, and the target."""
    whole = next(step for step in chain(windows, slo.period) if step.window == slo.period)
    rules = [] if _in_tier(whole, windows) else _window_rules(slo, whole, config)
    rules.append((names.BUDGET_REMAINING, Number(Decimal(1)) - recorded(names.BURN_RATE(window_text(slo.period)), slo)))
    rules.append((names.TARGET, Call("vector", (number(slo.target),))))
    return [_rule(slo, metric, expr) for metric, expr in rules]


def _in_tier(step: Step, windows: Windows) -> bool:
    return any(step.window in {tier.long, tier.short} for tier in windows.tiers)


def _rule(slo: Slo, metric: Metric, expr: Expr) -> RecordingRule:
    return RecordingRule(metric.name, expr, slo.labels)

"""The recording rules of one SLO.

Events and bad events stay apart in every window; only burn rates, the budget spent and the budget left are ratios, and
each is one bad sum over one sum of events, never an average of ratios. Where nothing happened there is no ratio, and
no NaN. All rules of an SLO are one group: at every evaluation burn and budget tell of the same events.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction

from regobs.catalog import slo as names
from regobs.catalog.model import Kind, Metric
from regobs.config import Config
from regobs.promql.bind import bind
from regobs.promql.build import any_of, select, zero_filled
from regobs.promql.nodes import (
    Aggregate,
    Binary,
    Call,
    Duration,
    Expr,
    Matcher,
    MatchOp,
    Number,
    Paren,
    Selector,
    String,
)
from regobs.promql.printer import to_text
from regobs.promql.scope import inject
from regobs.slo.model import Budgeting, CalendarSpan, EventSource, Limit, Slo, Windows, window_text
from regobs.slo.windows import Step, chain, fitting, gap, interval

MORE_THAN_ONE = Decimal("1.5")  # between one event and two: increase() estimates where a scrape is missing
_SPAN_LABEL = "span"
DAY_SECONDS = 86_400
_LEAST = Decimal("0.0001")  # of a burn rate, in the place of zero, which has no logarithm
_GOOD_IS_OVER = {"<=": ">", "<": ">=", ">=": "<", ">": "<="}


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


def recorded(metric: Metric, slo: Slo, **labels: str) -> Selector:
    """The SLO's series of a recorded metric."""
    more = tuple(Matcher(name, MatchOp.EQUAL, value) for name, value in labels.items())
    return Selector(metric.name, matchers=(Matcher("slo", MatchOp.EQUAL, slo.name), *more))


def selector_of(source: EventSource) -> Selector:
    """The counters that a source reads: of a histogram its count, or the bucket of the threshold."""
    return counters_of(source.selector, source.at_most)


def counters_of(node: Selector, at_most: Decimal | None) -> Selector:
    """The same of a selector and the threshold beside it."""
    if not isinstance(node.metric, Metric) or node.metric.kind is not Kind.HISTOGRAM:
        return node
    if at_most is None:
        return replace(node, suffix="_count")
    return replace(select(node, le=str(at_most)), suffix="_bucket")


def bound(expr: Expr, config: Config) -> Expr:
    """The expression in the deployment's names and scope. Raises Unavailable."""
    return inject(bind(expr, config.vocabulary), config.rules_scope)


def rules_of(slo: Slo, windows: Windows, config: Config) -> list[RecordingRule]:
    """All of them, each behind those it reads. Raises Unavailable when the registry lacks a metric."""
    return [
        RecordingRule(metric.name, expr, slo.labels | more) for metric, expr, more in _Rules(slo, windows, config).all()
    ]


def interval_of(slo: Slo, windows: Windows, config: Config) -> Duration:
    """How often the SLO's rules are evaluated: once a slice, where slices are what its budget is counted in."""
    return slo.slice_length or interval(windows, config.prometheus.scrape_interval)


def number_of(value: Fraction | Decimal | int) -> Expr:
    """The same as `number`, in parentheses where it is a quotient and stands behind an operator."""
    made = number(value)
    return Paren(made) if isinstance(made, Binary) else made


Rule = tuple[Metric, Expr, dict[str, str]]


class _Rules:
    """The recording rules of one SLO, by part."""

    def __init__(self, slo: Slo, windows: Windows, config: Config) -> None:
        self._slo, self._windows, self._config = slo, windows, config
        self._every = interval_of(slo, windows, config)
        self._steps = chain(windows, slo.period)

    def all(self) -> Iterator[Rule]:
        """Each behind those it reads."""
        yield from self._evaluation()
        for step in self._steps:
            yield from self._window(step)
        if self._slo.period.span is not None:
            yield from self._calendar(self._slo.period.span)
        yield from self._budget()
        for severity in dict.fromkeys(tier.severity for tier in fitting(self._slo, self._windows)):
            yield from self._recovery(severity)

    def _evaluation(self) -> Iterator[Rule]:
        """What happened since the evaluation before: all later rules are made of it."""
        total, bad = self._counted()
        every = window_text(self._every)
        yield names.EVENTS(every), total, {}
        yield names.BAD_EVENTS(every), bad, {}

    def _counted(self) -> tuple[Expr, Expr]:
        """Events and bad events of one evaluation, in the deployment's names and scope."""
        indicator = self._slo.indicator
        if isinstance(indicator, Limit):
            return self._measured(indicator)
        total, part = self._increase(indicator.total), self._increase(indicator.part)
        part = zero_filled(part, total)
        bad = part if indicator.part_is_bad else total - part
        if self._slo.budgeting is Budgeting.OCCURRENCES:
            return bound(total, self._config), bound(bad, self._config)
        share = bad / Binary(">", total, Number(Decimal(0)))
        slice_is = Binary(">", total, Number(Decimal(0)), bool=True)
        if self._slo.budgeting is Budgeting.RATIO_TIMESLICES:
            return bound(slice_is, self._config), bound(zero_filled(share, total), self._config)
        allowed = number_of(1 - (self._slo.slice_target or self._slo.target))
        return bound(slice_is, self._config), bound(
            zero_filled(Binary(">", share, allowed, bool=True), total), self._config
        )

    def _measured(self, limit: Limit) -> tuple[Expr, Expr]:
        """One event an evaluation while there is a value; of several the worst one counts."""
        worst = Aggregate("max" if limit.op in {"<", "<="} else "min", limit.value)
        bad = Binary(_GOOD_IS_OVER[limit.op], worst, number_of(limit.number), bool=True)
        return bound(0 * worst + 1, self._config), bound(bad, self._config)

    def _increase(self, source: EventSource) -> Expr:
        """The growth since the evaluation before. One scrape more than fits in between stands at its beginning.

        The range is 1 ms short of that, because Prometheus 2 counts a sample at its very beginning and 3 does not.
        """
        scrape = self._config.prometheus.scrape_interval.ms
        ranged = replace(selector_of(source), range=Duration(self._every.ms + scrape - 1))
        share = Fraction(self._every.ms, self._every.ms + scrape)
        return Aggregate("sum", Call("increase", (ranged,))) * number_of(share)

    def _window(self, step: Step) -> Iterator[Rule]:
        window = window_text(step.window)
        for family in (names.EVENTS, names.BAD_EVENTS):
            yield family(window), self._sum(family, step), {}
        if step.window.ms >= self._windows.tiers[0].long.ms:
            yield names.EVALUATIONS(window), self._evaluations(step), {}
        if step.window.ms in self._told():
            yield names.BURN_RATE(window), self._burn(window), {}

    def _told(self) -> set[int]:
        """The windows that have a burn rate; others only serve longer ones."""
        sizes = {size.ms for tier in self._windows.tiers for size in (tier.short, tier.long)}
        return sizes | {self._slo.period.length.ms}

    def _sum(self, family: names.WindowFamily, step: Step) -> Expr:
        if not step.pieces:
            return Call("sum_over_time", (self._ranged(family, step.window),))
        return self._laid_together(family, step)

    def _evaluations(self, step: Step) -> Expr:
        if not step.pieces:
            return Call("count_over_time", (self._ranged(names.EVENTS, step.window),))
        return self._laid_together(names.EVALUATIONS, step)

    def _ranged(self, family: names.WindowFamily, window: Duration) -> Selector:
        """The evaluations of a window: half an interval short of it, so that a late one does not add another."""
        samples = recorded(family(window_text(self._every)), self._slo)
        return replace(samples, range=Duration(max(window.ms - self._every.ms // 2, self._every.ms // 2)))

    def _laid_together(self, family: names.WindowFamily, step: Step) -> Expr:
        """The pieces end to end, each zero where it is older than the data."""
        nothing = 0 * recorded(family(window_text(step.pieces[0].window)), self._slo)
        made: Expr = recorded(family(window_text(step.pieces[0].window)), self._slo)
        for piece in step.pieces[1:]:
            far = gap(piece.window)
            older = replace(recorded(family(window_text(piece.window)), self._slo), offset=piece.offset, range=far)
            made += Binary("or", older if far is None else Call("last_over_time", (older,)), nothing)
        return made

    def _burn(self, window: str) -> Expr:
        happened = Binary(">", recorded(names.EVENTS(window), self._slo), Number(Decimal(0)))
        return recorded(names.BAD_EVENTS(window), self._slo) / happened / number_of(self._slo.budget)

    def _calendar(self, span: CalendarSpan) -> Iterator[Rule]:
        """Sums since the span began: each evaluation is labelled with its span, and the present one's are summed."""
        window, every = self._slo.period.text, window_text(self._every)
        for family in (names.EVENTS, names.BAD_EVENTS):
            series = recorded(family(every), self._slo, **{_SPAN_LABEL: ""})
            labelled = Binary("*", series, _span_number(span), on=(), group="left", include=(_SPAN_LABEL,))
            yield family(f"{every}_{window}"), labelled, {}
        for family, function in (
            (names.EVENTS, "sum_over_time"),
            (names.BAD_EVENTS, "sum_over_time"),
            (names.EVALUATIONS, "count_over_time"),
        ):
            source = names.EVENTS if family is names.EVALUATIONS else family
            samples = replace(recorded(source(f"{every}_{window}"), self._slo), range=self._slo.period.length)
            present = Binary("and", Call(function, (samples,)), _span_number(span), on=(_SPAN_LABEL,))
            yield family(window), Aggregate("sum", present, (_SPAN_LABEL,), without=True), {}
        yield names.BURN_RATE(window), self._burn(window), {}

    def _budget(self) -> Iterator[Rule]:
        slo, period = self._slo, self._slo.period.text
        most = number_of(Fraction(self._slo.period.length.ms, self._every.ms))
        used = recorded(names.BURN_RATE(period), slo) * recorded(names.EVALUATIONS(period), slo) / most
        yield names.BUDGET_REMAINING, Number(Decimal(1)) - used, {}
        for tier in fitting(slo, self._windows):
            bad = recorded(names.BAD_EVENTS(tier.name), slo)
            whole = Binary(">", recorded(names.EVENTS(period), slo), Number(Decimal(0)))
            share = recorded(names.EVALUATIONS(period), slo) / most
            yield names.BUDGET_SPENT(tier.name), bad / whole / number_of(slo.budget) * share, {}
        yield names.TARGET, 0 * recorded(names.EVENTS(period), slo) + number_of(slo.target), {}

    def _recovery(self, severity: str) -> Iterator[Rule]:
        """How improbable a short window would be, had the burn of the reference window gone on.

        Of n events m = n x ratio would be bad. That k or fewer are has a probability of at most
        exp(-(m - k + k ln(k/m))), the lower Chernoff bound. One bad event is not told from none.
        """
        slo, low = self._slo, number_of(lowest(slo=self._slo, windows=self._windows, severity=severity))
        reference = window_text(self._windows.reference(severity))
        before = recorded(names.BURN_RATE(reference), slo)
        for short in self._windows.shorts(severity):
            window = window_text(short)
            bad, burn = recorded(names.BAD_EVENTS(window), slo), recorded(names.BURN_RATE(window), slo)
            falls = before / Call("clamp_min", (burn, Number(_LEAST)))
            expected = recorded(names.EVENTS(window), slo) * number_of(slo.budget) * before
            proof = expected - bad - bad * Call("ln", (Call("clamp_min", (falls, Number(_LEAST))),))
            is_low = Binary("<=", burn, low)
            is_one = Binary("<", bad, Number(MORE_THAN_ONE))
            fewer = Binary("<", burn, before)
            yield (
                names.RECOVERY(f"{window}_{reference}"),
                Binary("and", Binary("and", proof, fewer), Paren(any_of((is_low, is_one)))),
                {},
            )


def lowest(slo: Slo, windows: Windows, severity: str) -> Fraction:
    """The burn rate below which alerts of a severity end: half of the factor of its slowest tier."""
    return min(tier.factor(slo.period) for tier in fitting(slo, windows) if tier.severity == severity) / 2


def _span_number(span: CalendarSpan) -> Expr:
    """A series with the label `span` that tells the present day, week or month from the others of the period."""
    now = Call("time", ())
    since = {
        CalendarSpan.DAY: (0, DAY_SECONDS),
        CalendarSpan.WEEK: (3 * DAY_SECONDS, 7 * DAY_SECONDS),
    }  # 1970 began on a Thursday
    if span is CalendarSpan.MONTH:
        value: Expr = Call("month", ())
    else:
        shift, length = since[span]
        value = Call("floor", (Call("vector", (Paren(now + shift) / length,)),))
    return Aggregate("count_values", value, param=String(_SPAN_LABEL))

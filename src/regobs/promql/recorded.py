"""Recorded series in place of the raw queries they answer.

A recording rule `name = sum by (L2) (rate(m{M2}[w]))` answers `sum by (L) (rate(m{M}[v]))` when every label that is
still needed, to group by or to filter on, is in L2, and everything the rule filters on is asked for too:

    L + labels(M without M2) within L2   and   M2 within M

The answer is `sum by (L) (name{M without M2})`. Records and expression are those before a scope is injected. The
window is then the rule's: a dashboard's `$__rate_interval` grows with the time range only to have enough points, and
the recorded rate has them. A fixed window other than the rule's is another question, so it is left alone.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from regobs.promql.nodes import Aggregate, Call, Duration, Expr, Matcher, Selector
from regobs.promql.walk import rebuild, selectors, strip_parens


@dataclass(frozen=True, slots=True)
class Record:
    """A recording rule: the name of its series and the bound expression it evaluates.

    `every` is the time between two evaluations, None where the server's own default says it.
    """

    name: str
    expr: Expr
    every: Duration | None = None


def renewal(expr: Expr, records: Iterable[Record]) -> Duration | None:
    """How often the answer can be another one: the shortest interval of the records that the expression reads.

    None for an expression that also reads what no record writes, or a record of unknown interval.
    """
    every = {record.name: record.every for record in records}
    found = [every.get(str(selector.metric)) for selector in selectors(expr)]
    known = [duration for duration in found if duration is not None]
    return min(known, key=lambda duration: duration.ms) if known and len(known) == len(found) else None


@dataclass(frozen=True, slots=True)
class _RateSum:
    """The parts of `sum by (labels) (rate(series{matchers}[window] modifiers))`."""

    labels: tuple[str, ...] | None
    selector: Selector
    matchers: frozenset[Matcher]
    window: Duration


def use_recorded(expr: Expr, records: Iterable[Record]) -> Expr:
    """The bound expression with each part that a record answers read from the recorded series.

    Of several records that could answer, the one with the fewest labels is taken. Quantiles (`_bucket`) and means
    (`_sum` over `_count`) are found by the same rule, because their inner parts have the same shape. An expression
    in which nothing fits comes back unchanged.
    """
    answers = [(record.name, parts) for record in records if (parts := _rate_sum(record.expr))]
    answers.sort(key=lambda answer: (len(answer[1].labels or ()), -len(answer[1].matchers), answer[0]))

    def visit(node: Expr) -> Expr:
        asked = _rate_sum(node)
        if asked is None:
            return rebuild(node, visit)
        name, given = next(((n, g) for n, g in answers if _answers(g, asked)), ("", None))
        return node if given is None else _read(name, given, asked)

    return visit(expr)


def _rate_sum(expr: Expr) -> _RateSum | None:
    match strip_parens(expr):
        case Aggregate("sum", Call("rate", (Selector() as selector,)), labels, False) if selector.range is not None:
            if isinstance(selector.metric, str) and not selector.choices:
                return _RateSum(labels, selector, frozenset(selector.matchers), selector.range)
    return None


def _answers(given: _RateSum, asked: _RateSum) -> bool:
    if given.selector.metric != asked.selector.metric or not given.matchers <= asked.matchers:
        return False
    if given.selector.offset is not None or given.selector.at is not None:
        return False
    if not asked.window.macro and asked.window != given.window:
        return False
    needed = {*(asked.labels or ()), *(matcher.label for matcher in asked.matchers - given.matchers)}
    return needed <= set(given.labels or ())


def _read(name: str, given: _RateSum, asked: _RateSum) -> Expr:
    matchers = tuple(matcher for matcher in asked.selector.matchers if matcher not in given.matchers)
    selector = Selector(name, matchers=matchers, offset=asked.selector.offset, at=asked.selector.at)
    return Aggregate("sum", selector, labels=asked.labels)

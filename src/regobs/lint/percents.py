"""Checks of ratios that are compared with percentages, and of percentages with ratios."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

from regobs.catalog.model import Unit
from regobs.lint.bounds import SWITCH
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare, core, named_share, says_fill, says_percentage, says_share
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Binary, Call, Expr, Number, Selector
from regobs.promql.printer import number_text
from regobs.promql.walk import walk

_RECORDS = 20  # records of records
# A text for people that takes the value for a percentage; `%.1f` is a format, and humanizePercentage takes a ratio.
_PERCENT = re.compile(r"\bper ?cent|%(?![-+#0-9.]{0,8}[a-z])", re.IGNORECASE)
_NEVER = {">": True, ">=": True, "==": True, "<": False, "<=": False, "!=": False}


@check("ratio-compared-with-percent", Severity.ERROR)
def ratio_compared_with_percent(query: LintedQuery) -> Iterator[LintProblem]:
    """A ratio, which lies between 0 and 1, is compared with a percentage, or a percentage with a ratio.

    Why: the comparison is true of no value or of every value, so the alert never fires, not even at 100 %, or always.

    Wrong:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 70
        sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m])) < 99
        100 * process_open_fds / process_max_fds > 0.9
    Right:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 0.7
        sum(rate(http_requests_total{code!~"5.."}[5m])) / sum(rate(http_requests_total[5m])) < 0.99
    """
    for node, value, op, number in query.compared:
        if kind := kind_of_ratio(query, value, number):
            shown = number_text(number)
            step = f"{shown} percent is {number_text(number / 100)}"
            told = "is compared with" if _NEVER[op] else "is always below"
            what = f"{kind} lies between 0 and 1 and {told} {shown}"
            if op == "!=":
                what = f"{kind} lies between 0 and 1 and never equals {shown}"
            # What only a name calls a ratio may be exposed, or recorded, in percent all the same.
            named = kind.startswith("what is called") or (kind.startswith("the ratio") and _only_named(query, value))
            by_name = Severity.WARNING if named else None
            problem = query.problem(_side(node), what, step, by_name)
            edit = query.edit(_side(node), _written(query, _side(node)), number_text(number / 100))
            yield problem.fixed_by(None if _PERCENT.search(query.texts) else edit)
        elif kind := _percentage(query, value, op, number):
            shown, right = number_text(number), number_text(number * 100)
            problem = query.problem(
                _side(node), f"{kind} is a percentage and is compared with {shown}", f"write {right}"
            )
            yield replace(problem, severity=Severity.WARNING).fixed_by(
                query.edit(_side(node), _written(query, _side(node)), right)
            )


def _side(node: Binary) -> Expr:
    """The side of a comparison that is the number."""
    return node.right if literal(node.right) is not None else node.left


def _written(query: LintedQuery, side: Expr) -> str:
    """A number as it is written, with its zeros; "" for one that is computed."""
    return query.text[slice(*side.span)] if isinstance(side, Number) and side.span is not None else ""


def kind_of_ratio(query: LintedQuery, value: Expr, number: Decimal) -> str:  # noqa: PLR0911 - one case a kind of share
    """What kind of a share is compared with a percentage; nothing for what may be more than 1."""
    if not 1 < number <= 100:
        return ""
    inner, of = core(value), query.values.of(value)
    if divided := _hundredth(query, inner):
        return divided
    if 0 <= of.low < of.high <= 1 and not _is_bool(inner):
        if isinstance(inner, Selector):
            metric = query.metric(inner)
            if metric is not None and query.values.of(inner) == SWITCH and metric.unit == "ratio":
                return f"the ratio {metric.name}"
            if inner.metric and query.context.records.expressions(str(inner.metric)):
                return f"the share {inner.metric}" if number >= 10 or _recorded_share(query, inner) else ""
            averaged = bare(value) is not inner and any(
                getattr(one, "function", getattr(one, "op", "")) in {"avg", "avg_over_time"} for one in walk(value)
            )
            switch = query.values.of(inner) == SWITCH
            mean = f"the mean of {inner.metric}" if averaged else ""
            return (mean if switch else "the value") if number >= 10 else ""
        if isinstance(inner, Binary) and inner.op == "/" and query.values.share(inner) is not None:
            return "a part of a whole"
        if isinstance(inner, Binary) and inner.op == "/":
            return "the use of what has an end" if number >= 10 else ""
        return "the value" if number >= 10 else ""
    return _by_name(query, value, inner) if number >= 10 or says_share(value) else ""


def _by_name(query: LintedQuery, value: Expr, inner: Expr) -> str:
    """What a value most likely is by its name; nothing where its rule says more, as a product with 100."""
    recorded = isinstance(inner, Selector) and query.context.records.expressions(str(inner.metric))
    if recorded and isinstance(inner, Selector) and not _recorded_share(query, inner):
        return ""
    return named_share(value, query.values.busy)


def _only_named(query: LintedQuery, value: Expr) -> bool:
    """Whether neither the catalog nor a rule of these files says what a series is."""
    inner = core(value)
    if not isinstance(inner, Selector):
        return False
    return query.metric(inner) is None and not query.context.records.expressions(str(inner.metric))


def _hundredth(query: LintedQuery, node: Expr) -> str:
    """What a percentage is called that is divided by 100; nothing for anything else."""
    if not (isinstance(node, Binary) and node.op == "/" and literal(node.right) == 100):
        return ""
    part = core(node.left)
    metric = query.metric(part) if isinstance(part, Selector) else None
    if metric is not None and metric.unit is Unit.PERCENT:
        return f"the percentage {metric.name} / 100"
    return f"what is called the percentage {name}, divided by 100," if (name := says_percentage(part)) else ""


def _recorded_share(query: LintedQuery, node: Selector) -> bool:
    """Whether a rule records a quotient, and not what is only 0 or 1."""
    inner: Expr = node
    for _ in range(_RECORDS):
        rules = query.context.records.expressions(str(inner.metric)) if isinstance(inner, Selector) else ()
        if not rules:
            break
        inner = core(rules[0])
    return isinstance(inner, Binary) and inner.op == "/"


def _is_bool(node: Expr) -> bool:
    return isinstance(node, Binary) and node.op in COMPARISONS and node.bool


def _percentage(query: LintedQuery, value: Expr, op: str, number: Decimal) -> str:
    """What kind of a percentage is compared with a ratio: 0.9 % of what may be full, 0.99 % of all requests.

    A share of errors of half a percent is a threshold, so only what can hardly be meant as a percentage is named.
    """
    if not (0 < number < 1) or op in {"==", "!="}:
        return ""
    rises = op in {">", ">="}
    if (name := says_fill(value, free=not rises)) and (number >= Decimal("0.5") or not rises):
        return name
    share = hundredfold(core(value)) if number >= Decimal("0.5") else None
    if share is None:
        return ""
    if rises:
        return "the use of what has an end, times 100," if _fills(query, share) else ""
    part = query.values.of(share) == SWITCH and number >= Decimal("0.9")
    return "a part of a whole, times 100," if part else ""


def _fills(query: LintedQuery, share: Expr) -> bool:
    inner = core(share)
    if isinstance(inner, Binary) and inner.op == "/" and query.likely_values.part(inner) is not None:
        return not any(isinstance(one, Call) and one.function in GROWTH for one in walk(inner))
    return bool(named_share(share, query.values.busy)) and not _of_events(share)


def _of_events(share: Expr) -> bool:
    """Whether it is a share of events, of which half a percent may be too much."""
    inner = core(share)
    return isinstance(inner, Binary) and any(isinstance(one, Call) and one.function in GROWTH for one in walk(inner))


def hundredfold(node: Expr) -> Expr | None:
    """What is multiplied by 100: `x / y * 100`, `100 * x / y`, `100 - 100 * x / y`; None for anything else."""
    inner = bare(node)
    if isinstance(inner, Binary) and inner.op == "-" and literal(inner.left) == 100:
        inner = bare(inner.right)
    if not isinstance(inner, Binary):
        return None
    if inner.op == "*":
        sides = ((inner.left, inner.right), (inner.right, inner.left))
        return next((bare(other) for hundred, other in sides if literal(hundred) == 100), None)
    left = hundredfold(inner.left) if inner.op == "/" and isinstance(bare(inner.left), Binary) else None
    return replace(inner, left=left) if left is not None else None

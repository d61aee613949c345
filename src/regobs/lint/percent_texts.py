"""The check of texts of alerts that write a ratio as a percentage, or a percentage a hundred times too large."""

from __future__ import annotations

import re
from collections.abc import Iterator
from decimal import Decimal
from typing import NamedTuple

from regobs.catalog.model import Unit
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare, core, named_share, says_percentage
from regobs.lint.percents import hundredfold
from regobs.lint.subjects import LintedQuery, LintedRule
from regobs.lint.templates import value_actions
from regobs.promql.infer import literal
from regobs.promql.nodes import Binary, Expr

_BEHIND = re.compile(r"[ \t]?(?:%|per ?cent\b)", re.IGNORECASE)


class _Fired(NamedTuple):
    """What an alert is about: the value that its texts write, and the number that it is compared with."""

    value: Expr
    limit: Decimal | None


@check("percentage-in-text", Severity.WARNING, CheckSubject.RULE)
def percentage_in_text(rule: LintedRule) -> Iterator[LintProblem]:
    """A text of an alert takes a percentage for a ratio, or a ratio for a percentage.

    `humanizePercentage` multiplies by 100; a `%` behind the value does not.

    Why: 5 % reads 500 %, or 0.05 %: whoever is woken up is wrong by a factor of 100.

    Wrong:
        - alert: ManyErrors
          expr: 100 * sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 5
          labels: {severity: page}
          annotations: {summary: "{{ $value | humanizePercentage }} of the requests fail"}
        - alert: ManyErrors
          expr: sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 0.05
          labels: {severity: page}
          annotations: {summary: "{{ $value }}% of the requests fail"}
    Right:
        - alert: ManyErrors
          expr: sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 0.05
          labels: {severity: page}
          annotations: {summary: "{{ $value | humanizePercentage }} of the requests fail"}
    """
    query = rule.query
    if not rule.alerts or query is None or query.expr is None or (fired := _fired(query.expr)) is None:
        return
    for name, text in rule.texts("annotations").items():
        for action, end in value_actions(text):
            multiplies = "humanizePercentage" in action
            if multiplies and _is_percentage(query, fired):
                what = "humanizePercentage of a percentage: 5 reads 500 %"
                yield rule.problem(("annotations", name), what, "write humanize, and % behind it", word=action)
            elif not multiplies and _BEHIND.match(text, end) and _is_ratio(query, fired):
                what = "a ratio with % behind it: 0.05 reads 0.05 %"
                yield rule.problem(("annotations", name), what, "write humanizePercentage, and no %", word=action)


def _fired(expr: Expr) -> _Fired | None:
    """The value of what an alert decides by; None for one that may be one of several."""
    node = bare(expr)
    while isinstance(node, Binary) and node.op in {"and", "unless"}:
        node = bare(node.left)
    if not isinstance(node, Binary) or node.op not in COMPARISONS:
        return None if isinstance(node, Binary) and node.op == "or" else _Fired(node, None)
    right, left = literal(node.right), literal(node.left)
    if node.bool or left is not None:
        return None if node.bool else _Fired(node.right, left)
    return _Fired(node.left, right)


def _is_percentage(query: LintedQuery, fired: _Fired) -> bool:
    """Whether it is multiplied by 100, or is a percentage by the catalog, or by its name and its limit."""
    value = core(fired.value)
    if fired.limit is not None and 0 < abs(fired.limit) <= 1:
        return False  # half a percent, or a ratio whose name says otherwise
    by_name = bool(says_percentage(value)) and fired.limit is not None
    return by_name or hundredfold(value) is not None or query.parts.of(value).unit is Unit.PERCENT


def _is_ratio(query: LintedQuery, fired: _Fired) -> bool:
    """Whether it lies between 0 and 1, and is compared with such a number."""
    value = core(fired.value)
    of = query.values.of(value)
    divides = isinstance(value, Binary) and value.op == "/" and literal(value.right) is None
    share = 0 <= of.low < of.high <= 1 or bool(named_share(value, query.values.busy))
    return divides and share and fired.limit is not None and 0 < fired.limit < 1

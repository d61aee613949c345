"""Counts of events in a window are compared with halves: Prometheus extrapolates six events to a little more than six.

Prometheus 3 does so in every window, Prometheus 2 in those that begin between two scrapes. `changes` and `resets` count
exactly.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from regobs.promql.nodes import Binary, Call, Expr, Number
from regobs.promql.parse import parse
from regobs.promql.walk import children, walk
from tests.pack.rule_trial import alerts

EXTRAPOLATED = {"increase", "delta"}
SAME = {">", ">=", "<", "<=", "==", "!="}


def whole_numbers(expr: Expr) -> Iterator[float]:
    """The whole numbers that a count of events is compared with. Whether there is any, `> 0`, is no count."""
    for node in walk(expr):
        if isinstance(node, Binary) and node.op in SAME:
            for counted, limit in ((node.left, node.right), (node.right, node.left)):
                if isinstance(limit, Number) and counts(counted) and float(limit.value).is_integer() and limit.value:
                    yield float(limit.value)


def counts(expr: Expr) -> bool:
    """Whether it is a number of events: an increase or a sum of increases, not a share of one in another."""
    if isinstance(expr, Binary):
        return expr.op in {"+", "-"} and all(counts(part) or isinstance(part, Number) for part in children(expr))
    if isinstance(expr, Call):
        return expr.function in EXTRAPOLATED
    return any(counts(part) for part in children(expr))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("increase(a_total[1h]) > 6", [6]),
        ("sum by (worker) (increase(a_total[1h])) > 6", [6]),
        ("3 <= (sum(increase(a_total[1h])) + sum(increase(b_total[1h]))) and b > 5", [3]),
        ("delta(a[1h]) == 2", [2]),
        ("sum(increase(a_total[1h])) > 6.5", []),
        ("increase(a_total[1h]) > 0", []),
        ("increase(a_total[1h]) / increase(b_total[1h]) > 2", []),
        ("changes(a[1h]) > 2", []),
    ],
)
def test_whole_numbers_are_found_beside_counts_alone(text: str, found: list[float]) -> None:
    assert list(whole_numbers(parse(text))) == found


def test_no_alert_compares_a_count_of_events_with_a_whole_number() -> None:
    found = {name: list(whole_numbers(parse(rule["expr"]))) for name, (_, rule) in alerts().items()}
    assert {name: numbers for name, numbers in found.items() if numbers} == {}

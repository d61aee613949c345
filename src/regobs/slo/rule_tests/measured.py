"""The series that a generated test feeds an SLO with that compares a value: good ones, bad ones, and none of its own.

Only a value that is read as it is (a selector of a gauge) can be fed; what feeds an expression is nobody's to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from regobs.config import Config
from regobs.promql.bind import bind
from regobs.promql.nodes import Selector
from regobs.promql.scope import inject
from regobs.promql.walk import selectors
from regobs.slo.model import Limit, Slo
from regobs.slo.rule_tests.counters import FedCounter, FedLabels, Role

_GOOD_BY = {"<=": 0, ">=": 0, "<": -1, ">": 1}  # from the limit to the nearest whole step that is good
_BAD_BY = {"<=": 1, ">=": -1, "<": 0, ">": 0}


@dataclass(frozen=True, slots=True)
class FedValues:
    """Series of two targets, series that one matcher of the SLO refuses, and a good value and a bad one."""

    own: list[FedCounter]
    noise: list[FedCounter]
    good: Decimal
    bad: Decimal


def fed_values(slo: Slo, config: Config) -> FedValues | None:
    """None for an SLO of events, and where the value is no plain series."""
    limit = slo.indicator
    if not isinstance(limit, Limit) or not isinstance(limit.value, Selector):
        return None
    node = next(selectors(inject(bind(limit.value, config.vocabulary), config.rules_scope)))
    if node.range is not None or node.offset is not None or node.at is not None:
        return None
    values, series = FedLabels(node, node, config), f"{node.metric}{node.suffix}"
    found = values.covering((node,))
    if not found or "instance" in {matcher.label for matcher in node.matchers}:
        return None
    own = [FedCounter(series, {**found[0], "instance": f"target-{one}"}, Role.ALL) for one in (0, 1)]
    noise = [FedCounter(series, labels, Role.NOISE) for labels in values.noise(node, node)]
    return FedValues(own, noise, limit.number + _GOOD_BY[limit.op], limit.number + _BAD_BY[limit.op])

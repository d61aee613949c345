"""Which series of a fleet a history holds: all, those of some families, or those that expressions read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property

from regobs.catalog import METRICS
from regobs.catalog.model import Exposer, Metric
from regobs.common.closest import did_you_mean
from regobs.errors import InputError
from regobs.promql.nodes import Expr, Matcher, MatchOp, Selector
from regobs.promql.walk import selectors

_NEGATED = {MatchOp.NOT_EQUAL, MatchOp.NOT_REGEX}
_LISTED = {MatchOp.EQUAL, MatchOp.NOT_EQUAL}
UP = "up"


class Selection:
    """The series that at least one of these selectors finds, or all of them with None.

    `target` are the labels that the scrape gives every series of a fleet.
    """

    def __init__(self, wanted: Iterable[Selector] | None, target: Mapping[str, str]) -> None:
        self._by_name: dict[str, list[tuple[Matcher, ...]]] = {}
        self.everything = wanted is None
        for selector in wanted or ():
            rest = tuple(matcher for matcher in selector.matchers if matcher.label not in target)
            own = all(_fits(matcher, target) for matcher in selector.matchers if matcher.label in target)
            if own and rest not in self._by_name.setdefault(str(selector.metric), []):
                self._by_name[str(selector.metric)].append(rest)

    @cached_property
    def families(self) -> frozenset[str] | None:
        """Names of the catalog's families that have a series in it, None for all."""
        if self.everything:
            return None
        return frozenset(metric.name for metric in METRICS.values() if self._by_name.keys() & set(metric.series))

    def touches(self, metric: Metric) -> bool:
        """Whether a series of this family may be in it."""
        return self.families is None or metric.name in self.families

    def holds_all(self, metric: Metric) -> bool:
        """Whether it asks for every series of this family, whatever its labels."""
        return self.everything or all(() in self._by_name.get(name, ()) for name in metric.series)

    def holds(self, name: str, labels: Mapping[str, str]) -> bool:
        """Whether a series is in it."""
        if self.everything:
            return True
        choices = self._by_name.get(name, ())
        return any(all(_fits(matcher, labels) for matcher in choice) for choice in choices)


def _fits(matcher: Matcher, labels: Mapping[str, str]) -> bool:
    """As Prometheus matches: a label that is not there is an empty one, an expression fits the whole value."""
    value = labels.get(matcher.label, "")
    found = value == matcher.value if matcher.op in _LISTED else re.fullmatch(matcher.value, value) is not None
    return found != (matcher.op in _NEGATED)


def of_families(names: Iterable[str]) -> list[Selector]:
    """Selectors of all series of these families. Raises InputError for one that is in no catalog."""
    found = []
    for name in names:
        metric = METRICS.get(name)
        if metric is None or metric.exposer is not Exposer.REGISTRY:
            raise InputError(
                "a registry has no such family",
                value=name,
                expected="a name of `regobs catalog list`, without _bucket, _sum or _count",
                next_step=did_you_mean(name, METRICS),
            )
        found += [Selector(series) for series in metric.series]
    return found


def read_by(expressions: Iterable[Expr], recorded: Mapping[str, Sequence[Expr]]) -> list[Selector]:
    """What these expressions read in the end: for a recorded series, what its rules read.

    `recorded` has the expressions of the recording rules by the name that they record.
    """
    todo, found, followed = list(expressions), [], set[str]()
    while todo:
        for selector in selectors(todo.pop()):
            name = str(selector.metric)
            if name not in recorded:
                found.append(selector)
            elif name not in followed:
                followed.add(name)
                todo += recorded[name]
    return found

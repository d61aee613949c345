"""Labels that a rule's results no longer have: since the rule sets them no longer, or its query drops them.

What a query keeps follows from its types, also through the series that other rules record: an alert loses a label when
the series that it reads does.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from regobs.errors import PromqlError
from regobs.promql.inferred_parts import infer_parts
from regobs.promql.parse import parse
from regobs.promql.types import Type
from regobs.promql.vocabulary import TARGET_LABELS

REMOVED_LABEL = "removed label"
OF_ALERT = "silences, routes and inhibitions that match it, and templates that show it"
OF_SERIES = "dashboards, alerts and queries that group by it, filter by it or join on it"
Rule = Mapping[str, Any]
_NAME = re.compile(r"[a-zA-Z_:][a-zA-Z0-9_:]*")
_UNKNOWN = Type("vector")
_DEEPEST = 30  # series that each read the next


class RuleLabels:
    """The labels of what rules give, each by its own query and by those of the series that it reads."""

    def __init__(self, rules: Iterable[Rule]) -> None:
        self._recording: dict[str, list[Rule]] = defaultdict(list)
        for rule in rules:
            if "record" in rule:
                self._recording[str(rule["record"])].append(rule)
        self._recorded: dict[str, Type | None] = {}
        self._depth = 0

    def of(self, rule: Rule) -> Type:
        """Labels of the results of a rule, those that it sets included."""
        try:
            expr = parse(str(rule.get("expr", "")))
        except PromqlError:
            return _UNKNOWN
        found = infer_parts(expr, recorded=self._series).of(expr)
        if found.labels is None:
            return found
        return found._replace(labels=found.labels | {str(name) for name in rule.get("labels") or ()})

    def _series(self, name: str) -> Type | None:
        """Those of a recorded series; of one that reads itself nothing is known."""
        if name not in self._recorded:
            self._recorded[name] = None
            if self._depth > _DEEPEST:
                return None
            self._depth += 1
            types = [self.of(rule) for rule in self._recording.get(name, ())]
            self._depth -= 1
            names = [one.labels for one in types if one.labels is not None]
            if types and len(names) == len(types):
                opened = any(one.open for one in types)
                self._recorded[name] = Type("vector", labels=frozenset().union(*names), open=opened)
        return self._recorded[name]


def touched(rules: Iterable[tuple[Rule, Rule]]) -> list[tuple[Rule, Rule]]:
    """Of rules before and after those whose labels may differ: changed, or reading what a changed rule records."""
    pairs = list(rules)
    readers: dict[str, list[int]] = defaultdict(list)
    for number, (_, after) in enumerate(pairs):
        for name in set(_NAME.findall(str(after.get("expr", "")))):
            readers[name].append(number)
    found = {number for number, (before, after) in enumerate(pairs) if before != after}
    open_ends = list(found)
    while open_ends:
        fresh = set(readers.get(str(pairs[open_ends.pop()][1].get("record", "")), ())) - found
        found |= fresh
        open_ends += fresh
    return [pairs[number] for number in sorted(found)]


def lost_labels(before: Type, after: Type) -> list[str]:
    """The labels that are there no longer; in brackets all but some, where nobody can list what there was."""
    if after.labels is None or (before.labels is None and after.open):
        return []
    if before.labels is None or (before.open and not after.open):
        kept = ", ".join(sorted(after.labels))
        return [f"(all but {kept})" if kept else "(all)"]
    return sorted(before.labels - after.labels - (TARGET_LABELS if after.open else frozenset()))

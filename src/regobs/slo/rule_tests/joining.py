"""Test groups of one SLO as one: promtool reads all rules anew for each group, which costs as much as evaluating them.

What is fed decides all longer windows as long as nothing is older than the longest window that is fed, so parts may
follow each other for less than that. A part must not depend on alerts of the ones before it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from regobs.promql.durations import read_duration
from regobs.slo.rule_tests import expectations as expect
from regobs.slo.rule_tests.bench import Bench, Json

_REPEATED = re.compile(r"x([0-9]+)")
_TESTS = ("promql_expr_test", "alert_rule_test")


def one_after_another(bench: Bench, name: str, groups: Sequence[Json]) -> list[Json]:
    """Groups with the bench's step as one group, or as they are where one would last too long for what is fed."""
    lengths = [_length(bench, group) for group in groups]
    if len(groups) < 2 or (sum(lengths) - 1) * bench.minute >= bench.fed[-1].ms:
        return list(groups)
    values: dict[str, list[str]] = {}
    tests: dict[str, list[Json]] = {kind: [] for kind in _TESTS}
    start = 0
    for group, length in zip(groups, lengths, strict=True):
        fed = {one["series"]: one["values"] for one in group["input_series"]}
        for series in dict.fromkeys((*values, *fed)):
            before = values.setdefault(series, ["_" if index else "stale" for index in range(start)])
            before.append(_padded(fed.get(series, ""), length))
        for kind, found in tests.items():
            found += [_later(one, start * bench.minute) for one in group.get(kind, ())]
        start += length
    series_of_all = [{"series": series, "values": " ".join(parts)} for series, parts in values.items()]
    return [bench.group(name, series_of_all, bench.minute, **tests)]


def silent_to_the_end(bench: Bench, group: Json) -> Json:
    """A group that also expects that no alert fires at its end: none is there for the groups after it."""
    last = expect.silent((_length(bench, group) - 1) * bench.minute)
    return {**group, "promql_expr_test": [*group["promql_expr_test"], last]}


def _length(bench: Bench, group: Json) -> int:
    """How many samples a group needs: those that it feeds, and as many as it has evaluations."""
    last = max(_ms(one["eval_time"]) for kind in _TESTS for one in group.get(kind, ()))
    return max(last // bench.minute + 1, *(_samples(one["values"]) for one in group["input_series"]))


def _ms(text: str) -> int:
    found = read_duration(text) if text != "0s" else None
    return found.ms if found else 0


def _samples(values: str) -> int:
    """How many samples a text in promtool's notation stands for."""
    parts = values.split()
    return len(parts) + sum(int(found[1]) for part in parts if (found := _REPEATED.search(part)))


def _padded(values: str, length: int) -> str:
    """With so many samples: what a part does not feed ends with the part before it."""
    parts = values.split() or ["stale"]
    return " ".join([*parts, *["_" for _ in range(length - _samples(" ".join(parts)))]])


def _later(test: Json, ms: int) -> Json:
    return {**test, "eval_time": expect.at(_ms(test["eval_time"]) + ms)}

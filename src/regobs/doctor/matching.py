"""Which of a selector's matchers leave nothing over, found on label sets, without a server."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from regobs.common.closest import closest
from regobs.promql.nodes import Matcher, MatchOp

LabelSet = Mapping[str, str]


@lru_cache(maxsize=1024)
def _pattern(text: str) -> re.Pattern[str] | None:
    try:
        return re.compile(text, re.DOTALL)
    except re.error:  # RE2 knows some forms that Python does not; such a matcher is taken as matching
        return None


def matches(matcher: Matcher, labels: LabelSet) -> bool:
    """Whether a label set passes, by Prometheus' rules: an absent label is empty, a regex matches the whole value."""
    value = labels.get(matcher.label, "")
    if matcher.op is MatchOp.EQUAL:
        return value == matcher.value
    if matcher.op is MatchOp.NOT_EQUAL:
        return value != matcher.value
    pattern = _pattern(matcher.value)
    if pattern is None:
        return True
    found = pattern.fullmatch(value) is not None
    return found if matcher.op is MatchOp.REGEX else not found


def selected(matchers: Sequence[Matcher], series: Sequence[LabelSet]) -> list[LabelSet]:
    """The label sets that pass every matcher."""
    return [labels for labels in series if all(matches(matcher, labels) for matcher in matchers)]


def _any_passes(matchers: Sequence[Matcher], series: Sequence[LabelSet]) -> bool:
    return any(all(matches(matcher, labels) for matcher in matchers) for labels in series)


def culprits(matchers: Sequence[Matcher], series: Sequence[LabelSet]) -> tuple[Matcher, ...]:
    """The smallest group of matchers that together leave no series over; empty when something is left.

    The first such group in the order of the matchers: one alone if there is one, else a pair, else all that it takes.
    """
    if _any_passes(matchers, series):
        return ()
    for size in range(1, min(len(matchers), 3) + 1):
        for group in itertools.combinations(matchers, size):
            if not _any_passes(group, series):
                return group
    return tuple(matchers)


def values(label: str, series: Sequence[LabelSet]) -> tuple[str, ...]:
    """The values of a label, sorted, without the empty one."""
    return tuple(sorted({labels[label] for labels in series if labels.get(label)}))


def nearest(wanted: str, present: Sequence[str], count: int = 5) -> tuple[str, ...]:
    """Up to `count` values, those most like the wanted one first."""
    close = closest(wanted, present, count, cutoff=0.5)
    return tuple((close + [value for value in present if value not in close])[:count])


def shown(matchers: Sequence[Matcher]) -> str:
    """The matchers as in PromQL, without braces."""
    return ", ".join(f"{item.label}{item.op.value}{quoted(item.value)}" for item in matchers)


def quoted(value: str) -> str:
    """A PromQL string literal."""
    escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def literal(text: str) -> str:
    """The text with a backslash before each character that RE2 would not take as itself."""
    return "".join(f"\\{char}" if char in r"\.+*?()|[]{}^$" else char for char in text)

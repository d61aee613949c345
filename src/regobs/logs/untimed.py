"""How many lines a query leaves out for nothing but that they have no time, which nobody would see otherwise."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.common.counts import counted
from regobs.logs.answer import Answer
from regobs.logs.fields import FIELDS
from regobs.logs.kql.condition import All, Between, Condition, Equals, No, Present, both
from regobs.logs.query import ByTime, Clause, MetricKind, Query, QueryMetric

_TIME = FIELDS["time"]


def untimed(query: Query) -> Query | None:
    """Counts the lines that fit a query but for their time; None of one that is about no time.

    One is where it has a window, in its options or its text, or groups by time.
    """
    parts = list(_parts(query.where.condition))
    windows = [part for part in parts if isinstance(part, Between | Equals) and part.field.name == _TIME.name]
    if not windows and not any(isinstance(group, ByTime) for group in query.groups):
        return None
    left = (part for part in parts if part not in windows)
    return without_time(*left)


def without_time(*conditions: Condition) -> Query:
    """Counts the lines without a time that fit the conditions."""
    where = Clause("", both(*conditions, No(Present(_TIME))))
    return Query("untimed", where=where, metrics=(QueryMetric("lines", MetricKind.COUNT),))


def note(answer: Answer, of: str = "") -> str:
    """What to tell of the answer of such a query: nothing where there is no such line. `of` names what left it out."""
    lines = int(str(answer.rows[0][0])) if answer.rows else 0
    return f"{counted(lines, 'line')} without a time {'was' if lines == 1 else 'were'} left out{of}" if lines else ""


def _parts(condition: Condition) -> Iterator[Condition]:
    """What must hold, one by one."""
    if isinstance(condition, All):
        for part in condition.of:
            yield from _parts(part)
    else:
        yield condition

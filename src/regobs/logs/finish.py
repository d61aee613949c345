"""The last steps of an answer whose groups come from a server: shares of the total, the order, the limit."""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

from regobs.logs.query import MetricKind, Query

Row = tuple[Any, ...]


def finished(query: Query, rows: Sequence[Row]) -> list[Row]:
    """The rows of all groups as the query shows them; a share comes in as the amount that it is of."""
    found = _with_shares(query, rows)
    for order in reversed(query.ordering):  # sorting is stable: the last order first
        at = query.names.index(order.column)
        missing = [row for row in found if row[at] is None]
        there = [row for row in found if row[at] is not None]
        found = sorted(there, key=itemgetter(at), reverse=order.descending) + missing
    return found[: query.limit]


def _with_shares(query: Query, rows: Sequence[Row]) -> list[Row]:
    found = list(rows)
    for at, metric in enumerate(query.metrics, start=len(query.groups)):
        if metric.kind is MetricKind.SHARE:
            total = sum(row[at] for row in found)
            found = [(*row[:at], row[at] / total if total else None, *row[at + 1 :]) for row in found]
    return found

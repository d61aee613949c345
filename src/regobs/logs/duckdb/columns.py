"""The columns of an answer: their types, how a value of one is shown, and what stands there when no line fits."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from regobs.logs.answer import Value
from regobs.logs.fields import FieldType
from regobs.logs.kql.dates import EPOCH, iso, span
from regobs.logs.query import ByFilters, MetricKind, Query
from regobs.logs.redact import masked

_EMPTY: dict[MetricKind, Value] = {
    MetricKind.COUNT: 0,
    MetricKind.SUM: 0,
    MetricKind.CARDINALITY: 0,
}  # of no line at all; others have none


def types_of(query: Query) -> list[FieldType | None]:
    """The types of the columns that hold values of a field; None for names of clauses and computed numbers."""
    types: list[FieldType | None] = [
        None if isinstance(group, ByFilters) else group.field.type for group in query.groups
    ]
    for metric in query.metrics:
        kept = metric.kind in {MetricKind.MIN, MetricKind.MAX} and metric.field is not None
        types.append(metric.field.type if kept and metric.field else None)
    return types or [field.type for field in query.columns]


def shown(value: Any, column: FieldType | None) -> Value:
    """A value in an answer: milliseconds as a time, lists as tuples."""
    if column is FieldType.DATE and isinstance(value, int):
        return iso(value)
    if isinstance(value, list):
        return tuple(str(part) for part in value)
    same: Value = value
    return same


def without_secrets(query: Query, rows: Iterable[tuple[Value, ...]]) -> tuple[tuple[Value, ...], ...]:
    """The rows with what is secret in their texts masked. What `shown` wrote of a time holds none."""
    names = [None if isinstance(group, ByFilters) else group.field.name for group in query.groups]
    names += [one.field.name if one.text and one.field else None for one in query.metrics] or [
        field.name for field in query.columns
    ]
    times = [kind is FieldType.DATE for kind in types_of(query)]
    names = [None if time else name for name, time in zip(names, times, strict=True)]
    return tuple(tuple(_masked(value, name) for value, name in zip(row, names, strict=True)) for row in rows)


def _masked(value: Value, field: str | None) -> Value:
    if field is None or value is None or isinstance(value, bool | int | float):
        return value
    return tuple(masked(part, field) for part in value) if isinstance(value, tuple) else masked(value, field)


def empty(query: Query) -> tuple[Value, ...]:
    """The row of a query without groups over no line at all."""
    return tuple(_EMPTY.get(metric.kind) for metric in query.metrics)


def typed(value: Any, kind: FieldType) -> Any:
    """A value of a line as it was written, in the type of its field; None where it is not of that type."""
    if value is None or kind is FieldType.KEYWORD_LIST:
        return value if isinstance(value, list) else None
    if kind is FieldType.DATE:
        covered = span(value, EPOCH) if isinstance(value, str) else None
        return covered.first if covered else None
    if kind in {FieldType.LONG, FieldType.DOUBLE}:
        return _number(value, kind)
    if kind is FieldType.BOOLEAN:
        return value if isinstance(value, bool) else None
    text = value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
    return (text or None) if kind is FieldType.IP else text


def _number(value: Any, kind: FieldType) -> int | float | None:
    """A number, also one that is written as text, which both the index and DuckDB take for one."""
    try:
        return int(value) if kind is FieldType.LONG else float(value)
    except (TypeError, ValueError, OverflowError):
        return None

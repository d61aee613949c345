"""The rows that an Elasticsearch answer holds: from buckets, or from the lines themselves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from regobs.logs.duckdb.columns import typed
from regobs.logs.fields import FieldType
from regobs.logs.query import EVERYTHING, ByFilters, ByTime, MetricKind, Query, QueryMetric

Bucket = Mapping[str, Any]
Row = tuple[Any, ...]


def rows_of(query: Query, buckets: list[Bucket]) -> Iterator[Row]:
    """The rows of buckets of the composite, or of the one that stands for all lines; in raw values.

    A share is still the amount that it is of: `finish` divides it. A bucket of filters that no line fits is no row.
    """
    for bucket in buckets:
        for keys, part in _parts(query, bucket):
            if part["doc_count"] or not query.groups:
                named = {**bucket.get("key", {}), **keys}
                groups = (named[group.name] for group in query.groups)
                yield (*groups, *(_measured(metric, part, query) for metric in query.metrics))


def _parts(query: Query, bucket: Bucket) -> Iterator[tuple[dict[str, str], Bucket]]:
    """The innermost buckets with the names of their filters."""
    found: list[tuple[dict[str, str], Bucket]] = [({}, bucket)]
    for group in query.groups:
        if isinstance(group, ByFilters):
            found = [
                ({**keys, group.name: name}, inner)
                for keys, outer in found
                for name, inner in outer[group.name]["buckets"].items()
            ]
    yield from found


def _measured(metric: QueryMetric, part: Bucket, query: Query) -> Any:
    chosen = part if metric.where.condition == EVERYTHING else part[metric.name]
    count = chosen["doc_count"]
    if metric.kind is MetricKind.RATIO:
        whole = part if metric.whole.condition == EVERYTHING else part[f"{metric.name}:whole"]
        return count / whole["doc_count"] if whole["doc_count"] else None
    if metric.field is None:
        return _rate(metric, count, query) if metric.kind is MetricKind.RATE else count
    value = _value(chosen["value"] if chosen is not part else part[metric.name])
    if metric.kind is MetricKind.RATE:
        return _rate(metric, value, query)
    whole_number = metric.kind is MetricKind.CARDINALITY or (
        metric.kind in {MetricKind.SUM, MetricKind.SHARE, MetricKind.MIN, MetricKind.MAX}
        and metric.field.type in {FieldType.LONG, FieldType.DATE}
    )
    return int(value) if whole_number and value is not None else value


def _value(measured: Mapping[str, Any]) -> Any:
    """The value of an aggregation; that of percentiles and of a text stands in a list."""
    if "buckets" in measured:
        return measured["buckets"][0]["key"] if measured["buckets"] else None
    return measured["values"][0]["value"] if "values" in measured else measured["value"]


def _rate(metric: QueryMetric, amount: float, query: Query) -> float:
    seconds = next(group.seconds for group in query.groups if isinstance(group, ByTime) and group.seconds)
    return amount * metric.per_seconds / seconds


def row_of(query: Query, line: Mapping[str, Any]) -> Row:
    """The columns of a query of a line as it was written, typed as its fields are."""
    return tuple(typed(line.get(field.name), field.type) for field in query.columns)

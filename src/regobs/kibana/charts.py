"""Panels as charts of the Dashboards API of Kibana 9.5.

Source of the form: Kibana 9.5, kbn-lens-embeddable-utils/config_builder/schema and dashboard/server/api.
"""

from __future__ import annotations

from typing import Any

from regobs.kibana import words
from regobs.kibana.definition import KibanaEnvironment, KibanaPanel, Shape
from regobs.logs.query import ByFilters, ByTime, Clause, Group, MetricKind, Query, QueryMetric

Json = dict[str, Any]
_PERCENT = {"type": "percent", "decimals": 2}


def config(panel: KibanaPanel, environment: KibanaEnvironment) -> Json:
    """The `config` of a panel of type `vis`."""
    query = panel.query
    named: Json = {"title": panel.title}
    if panel.about:
        named["description"] = panel.about
    source = {"data_source": {"type": "data_view_reference", "ref_id": environment.data_view}}
    lines = {"query": _query(query.where)}
    metrics = [_metric(metric) for metric in query.metrics]
    if panel.shape is Shape.NUMBER:
        return {"type": "metric", **named, **source, **lines, "metrics": [{"type": "primary", **metrics[0]}]}
    if panel.shape is Shape.TABLE:
        rows = [_group(query, group) for group in query.groups]
        styling: Json = {"paging": 10, **_sorting(query)}
        return {"type": "data_table", **named, **source, **lines, "metrics": metrics, "rows": rows, "styling": styling}
    return {"type": "xy", **named, **lines, "layers": [{**_layer(panel), **source, "y": metrics}]}


def _layer(panel: KibanaPanel) -> Json:
    query = panel.query
    others = [group for group in query.groups if not isinstance(group, ByTime)]
    if panel.shape is Shape.BARS:
        return {"type": "bar_horizontal", "x": _group(query, others[0])}
    by_time = next(group for group in query.groups if isinstance(group, ByTime))
    split = {"breakdown_by": _group(query, others[0])} if others else {}
    return {"type": "line", "x": _group(query, by_time), **split}


def _sorting(query: Query) -> Json:
    """The first column of the order, by its place among the metrics or the rows."""
    if not query.order:
        return {}
    first = query.order[0]
    direction = "desc" if first.descending else "asc"
    for kind, names in (("metric", query.metrics), ("row", query.groups)):
        for index, one in enumerate(names):
            if one.name == first.column:
                return {"sort_by": {"column_type": kind, "index": index, "direction": direction}}
    return {}


def _query(clause: Clause) -> Json:
    return {"expression": words.kql(clause.text), "language": "kql"}


def _group(query: Query, group: Group) -> Json:
    label = {"label": words.label(group.name)}
    if isinstance(group, ByTime):
        return {"operation": "date_histogram", "field": group.field.name, **label}
    if isinstance(group, ByFilters):
        named = [
            {"label": name, "filter": {"expression": text, "language": "kql"}} for name, text in words.filters(group)
        ]
        return {"operation": "filters", "filters": named, **label}
    top: Json = {"operation": "terms", "fields": [words.field_name(group)], "limit": words.size(query, group), **label}
    if group.missing:
        top["other_bucket"] = {"include_documents_without_field": True}
    ranking = words.ranking(query)
    if ranking is None:
        return {**top, "rank_by": {"type": "alphabetical", "direction": "asc"}}
    index, descending = ranking
    return {
        **top,
        "rank_by": {"type": "metric", "metric_index": index, "direction": "desc" if descending else "asc"},
    }


def _metric(metric: QueryMetric) -> Json:
    label = {"label": words.label(metric.name)}
    if metric.kind in words.FORMULAS:
        return {"operation": "formula", "formula": words.formula(metric), "format": _PERCENT, **label}
    found: Json = {"operation": words.operation(metric), **label}
    if metric.field is not None:
        found["field"] = metric.field.term
    if metric.kind is MetricKind.PERCENTILE:
        found["percentile"] = metric.percent
    if metric.kind is MetricKind.RATE:
        found["time_scale"] = words.SCALES[metric.per_seconds]
    if metric.where.text:
        found["filter"] = _query(metric.where)
    return found

"""Panels as Lens visualizations of saved objects: what Kibana 8.17 to 9.x imports.

Source of the form: Kibana 9, lens/server and lens/public/datasources/form_based; exports of Kibana 8.17.
"""

from __future__ import annotations

from typing import Any

from regobs.kibana import words
from regobs.kibana.definition import KibanaEnvironment, KibanaPanel, Shape
from regobs.logs.fields import FieldType
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, MetricKind, Query, QueryMetric

Json = dict[str, Any]
LAYER = "lines"
REFERENCE = f"indexpattern-datasource-layer-{LAYER}"
_RECORDS = "___records___"
_TYPES = {
    FieldType.LONG: "number",
    FieldType.DOUBLE: "number",
    FieldType.BOOLEAN: "boolean",
    FieldType.DATE: "date",
    FieldType.IP: "ip",
}
_PERCENT = {"id": "percent", "params": {"decimals": 2}}
_CHARTS = {Shape.NUMBER: "lnsMetric", Shape.TREND: "lnsXY", Shape.BARS: "lnsXY", Shape.TABLE: "lnsDatatable"}


def attributes(panel: KibanaPanel, environment: KibanaEnvironment) -> Json:
    """The attributes of a by-value Lens panel."""
    query = panel.query
    columns = {name: column for group in words.ordered(query) for name, column in _group(query, group).items()}
    for metric in query.metrics:
        columns |= _metric(metric)
    layer = {"columns": columns, "columnOrder": list(columns), "incompleteColumns": {}, "sampling": 1}
    return {
        "title": panel.title,
        "description": panel.about,
        "visualizationType": _CHARTS[panel.shape],
        "type": "lens",
        "references": [{"type": "index-pattern", "id": environment.data_view, "name": REFERENCE}],
        "state": {
            "visualization": _visualization(panel),
            "query": _kuery(query.where),
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {LAYER: layer}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }


def _kuery(clause: Clause) -> Json:
    return {"query": words.kql(clause.text), "language": "kuery"}


def _column(name: str, kind: str, operation: str, *, bucketed: bool, **more: Any) -> Json:
    scale = {"date": "interval"}.get(kind, "ordinal") if bucketed else "ratio"
    return {
        "label": words.label(name),
        "customLabel": True,
        "dataType": kind,
        "operationType": operation,
        "isBucketed": bucketed,
        "scale": scale,
        **more,
    }


def _group(query: Query, group: Group) -> Json:
    if isinstance(group, ByTime):  # the period that is shown decides how long a bucket is
        params: Json = {"interval": "auto", "includeEmptyRows": True, "dropPartials": False}
        more = {"sourceField": group.field.name, "params": params}
        return {group.name: _column(group.name, "date", "date_histogram", bucketed=True, **more)}
    if isinstance(group, ByFilters):
        named = [{"label": name, "input": {"query": text, "language": "kuery"}} for name, text in words.filters(group)]
        return {group.name: _column(group.name, "string", "filters", bucketed=True, params={"filters": named})}
    kind = "string" if group.part else _TYPES.get(group.field.type, "string")
    more = {"sourceField": words.field_name(group), "params": _top(query, group)}
    return {group.name: _column(group.name, kind, "terms", bucketed=True, **more)}


def _top(query: Query, group: ByTerms) -> Json:
    ranking = words.ranking(query)
    if ranking is None:
        order: Json = {"orderBy": {"type": "alphabetical"}, "orderDirection": "asc"}
    else:
        index, descending = ranking
        column = {"type": "column", "columnId": query.metrics[index].name}
        order = {"orderBy": column, "orderDirection": "desc" if descending else "asc"}
    return {
        "size": words.size(query, group),
        **order,
        "otherBucket": group.missing,  # a bucket of lines without the field comes only with that of all others
        "missingBucket": group.missing,
        "parentFormat": {"id": "terms"},
        "include": [],
        "exclude": [],
        "includeIsRegex": False,
        "excludeIsRegex": False,
    }


def _metric(metric: QueryMetric) -> Json:
    """The column of a metric, behind those that it is computed from."""
    if metric.kind in words.FORMULAS:
        return _formula(metric)
    params: Json = {"percentile": metric.percent} if metric.kind is MetricKind.PERCENTILE else {}
    if metric.kind in {MetricKind.COUNT, MetricKind.SUM, MetricKind.RATE, MetricKind.CARDINALITY}:
        params["emptyAsNull"] = False  # zero lines are zero, not nothing
    more: Json = {"sourceField": metric.field.term if metric.field else _RECORDS, "params": params}
    if metric.where.text:
        more["filter"] = _kuery(metric.where)
    if metric.kind is MetricKind.RATE:
        more["timeScale"] = words.SCALES[metric.per_seconds]
    is_date = (
        metric.field is not None
        and metric.field.type is FieldType.DATE
        and metric.kind in {MetricKind.MIN, MetricKind.MAX}
    )
    operation = words.operation(metric)
    return {metric.name: _column(metric.name, "date" if is_date else "number", operation, bucketed=False, **more)}


def _formula(metric: QueryMetric) -> Json:
    """A formula as Lens keeps it: two amounts, their quotient, and the column that is shown."""
    text = words.formula(metric)
    columns = _amounts(metric)
    divided = list(columns)[-2:] if metric.kind is MetricKind.RATIO else [f"{metric.name}X0", f"{metric.name}X2"]
    quotient = {
        "type": "function",
        "name": "divide",
        "args": divided,
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }
    math = {"params": {"tinymathAst": quotient}, "references": divided}
    last = f"{metric.name}X{len(columns)}"
    columns[last] = _part(metric, last, "math", **math)
    shown = {"params": {"formula": text, "isFormulaBroken": False, "format": _PERCENT}, "references": [last]}
    return {**columns, metric.name: _column(metric.name, "number", "formula", bucketed=False, **shown)}


def _amounts(metric: QueryMetric) -> Json:
    """The columns X0, X1 ... that a formula divides: of a share the amount twice, and the sum of the second."""
    whole = metric.where if metric.kind is MetricKind.SHARE else metric.whole
    columns = {}
    for name, clause in ((f"{metric.name}X0", metric.where), (f"{metric.name}X1", whole)):
        source = metric.field.term if metric.field else _RECORDS
        counted: Json = {"sourceField": source, "params": {"emptyAsNull": False}}
        if clause.text:
            counted["filter"] = _kuery(clause)
        columns[name] = _part(metric, name, "sum" if metric.field else "count", **counted)
    if metric.kind is MetricKind.SHARE:
        total = f"{metric.name}X2"
        columns[total] = _part(metric, total, "overall_sum", params={}, references=[f"{metric.name}X1"])
    return columns


def _part(metric: QueryMetric, name: str, operation: str, **more: Any) -> Json:
    column = _column(name, "number", operation, bucketed=False, **more)
    return column | {"label": f"Part of {words.label(metric.name)}"}


def _visualization(panel: KibanaPanel) -> Json:
    query = panel.query
    metrics = [metric.name for metric in query.metrics]
    base = {"layerId": LAYER, "layerType": "data"}
    if panel.shape is Shape.NUMBER:
        return {**base, "metricAccessor": metrics[0]}
    if panel.shape is Shape.TABLE:
        columns = [{"columnId": name, "isMetric": name in metrics, "isTransposed": False} for name in query.names]
        sorting = [
            {"columnId": order.column, "direction": "desc" if order.descending else "asc"} for order in query.order
        ]
        sorted_by = {"sorting": sorting[0]} if sorting else {}
        return {**base, "columns": columns, **sorted_by, "paging": {"enabled": True, "size": 10}}
    series = "line" if panel.shape is Shape.TREND else "bar_horizontal"
    by_time = [group.name for group in query.groups if isinstance(group, ByTime)]
    others = [group.name for group in query.groups if not isinstance(group, ByTime)]
    axis, split = (by_time[0], others[:1]) if by_time else (others[0], [])
    layer = {**base, "seriesType": series, "xAccessor": axis, "accessors": metrics, "position": "top"}
    if split:
        layer["splitAccessor"] = split[0]
    return {
        "legend": {"isVisible": bool(split) or len(metrics) > 1, "position": "right"},
        "valueLabels": "hide",
        "preferredSeriesType": series,
        "fittingFunction": "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "layers": [layer],
    }

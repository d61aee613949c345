"""Panels as Lens visualizations of saved objects: what Kibana 8.17 to 9.x imports.

Source of the form: Kibana 9, lens/server and lens/public/datasources/form_based; exports of Kibana 8.17.
"""

from __future__ import annotations

from typing import Any

from regobs.kibana import words
from regobs.kibana.definition import Environment, Panel, Shape
from regobs.logs.fields import FieldType
from regobs.logs.query import ByFilters, ByTerms, ByTime, Clause, Group, Kind, Metric, Query

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


def attributes(panel: Panel, environment: Environment) -> Json:
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
    kind = _TYPES.get(group.field.type, "string")
    more = {"sourceField": group.field.term, "params": _top(query, group)}
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


def _metric(metric: Metric) -> Json:
    """The column of a metric, behind those that it is computed from."""
    if metric.kind is Kind.RATIO:
        return _formula(metric)
    params: Json = {"percentile": metric.percent} if metric.kind is Kind.PERCENTILE else {}
    if metric.kind in {Kind.COUNT, Kind.SUM, Kind.RATE, Kind.CARDINALITY}:
        params["emptyAsNull"] = False  # zero lines are zero, not nothing
    more: Json = {"sourceField": metric.field.term if metric.field else _RECORDS, "params": params}
    if metric.where.text:
        more["filter"] = _kuery(metric.where)
    if metric.kind is Kind.RATE:
        more["timeScale"] = words.SCALES[metric.per_seconds]
    is_date = metric.field is not None and metric.field.type is FieldType.DATE and metric.kind in {Kind.MIN, Kind.MAX}
    operation = words.operation(metric)
    return {metric.name: _column(metric.name, "date" if is_date else "number", operation, bucketed=False, **more)}


def _formula(metric: Metric) -> Json:
    """A ratio as Lens keeps a formula: the two counts, their quotient, and the column that is shown."""
    text = words.formula(metric)
    parts = [f"{metric.name}X{index}" for index in range(3)]
    label = f"Part of {words.label(metric.name)}"
    columns = {}
    for name, clause in zip(parts, (metric.where, metric.whole), strict=False):
        counted = {"sourceField": _RECORDS, "params": {"emptyAsNull": False}}
        if clause.text:
            counted["filter"] = _kuery(clause)
        columns[name] = _column(name, "number", "count", bucketed=False, **counted) | {"label": label}
    divided = {
        "type": "function",
        "name": "divide",
        "args": parts[:2],
        "location": {"min": 0, "max": len(text)},
        "text": text,
    }
    math = {"params": {"tinymathAst": divided}, "references": parts[:2]}
    columns[parts[2]] = _column(parts[2], "number", "math", bucketed=False, **math) | {"label": label}
    shown = {"params": {"formula": text, "isFormulaBroken": False, "format": _PERCENT}, "references": [parts[2]]}
    return {**columns, metric.name: _column(metric.name, "number", "formula", bucketed=False, **shown)}


def _visualization(panel: Panel) -> Json:
    query = panel.query
    metrics = [metric.name for metric in query.metrics]
    base = {"layerId": LAYER, "layerType": "data"}
    if panel.shape is Shape.NUMBER:
        return {**base, "metricAccessor": metrics[0]}
    if panel.shape is Shape.TABLE:
        columns = [{"columnId": name, "isMetric": name in metrics, "isTransposed": False} for name in query.names]
        sorting = [{"columnId": one.column, "direction": "desc" if one.descending else "asc"} for one in query.order]
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

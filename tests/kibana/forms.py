"""The forms that Kibana takes, as JSON Schemas that allow nothing else.

Sources: Kibana 9.5, dashboard/server/api and kbn-lens-embeddable-utils/config_builder/schema for the dashboards API;
saved_search and dashboard saved object schemas of model versions 5 and 2, exports of Kibana 8.17 for saved objects.
Only what regobs writes is described: a key that Kibana knows and we never write is refused here.
"""

from __future__ import annotations

from typing import Any

from regobs.kibana.saved_objects import COLUMNS

Schema = dict[str, Any]


def thing(required: dict[str, Any], optional: dict[str, Any] | None = None) -> Schema:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": {**required, **(optional or {})},
    }


def one_of(*values: Any) -> Schema:
    return {"enum": list(values)}


TEXT: Schema = {"type": "string", "minLength": 1}
ANY_TEXT: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
WAY = one_of("asc", "desc")


def some(items: Schema, **more: Any) -> Schema:
    return {"type": "array", "items": items, "minItems": 1, **more}


# The dashboards API.
QUERY = thing({"expression": ANY_TEXT, "language": one_of("kql", "lucene")})
LABEL = {"label": TEXT}
PERCENT = thing({"type": one_of("percent"), "decimals": NUMBER})
FILTERED = {"filter": QUERY, **LABEL}
SCALED = {**FILTERED, "time_scale": one_of("s", "m", "h", "d")}
METRICS = [
    ({"operation": one_of("count")}, SCALED),
    ({"operation": one_of("sum"), "field": TEXT}, SCALED),
    ({"operation": one_of("min", "max", "average", "unique_count"), "field": TEXT}, FILTERED),
    ({"operation": one_of("percentile"), "field": TEXT, "percentile": NUMBER}, FILTERED),
    ({"operation": one_of("formula"), "formula": TEXT}, {**LABEL, "format": PERCENT}),
]
METRIC = {"oneOf": [thing(required, optional) for required, optional in METRICS]}
PRIMARY = {"oneOf": [thing({"type": one_of("primary"), **required}, optional) for required, optional in METRICS]}
RANK = {
    "oneOf": [
        thing({"type": one_of("alphabetical"), "direction": WAY}),
        thing({"type": one_of("metric"), "metric_index": {"type": "integer", "minimum": 0}, "direction": WAY}),
    ]
}
OTHER = thing({"include_documents_without_field": BOOLEAN})
LIMIT = {"type": "integer", "minimum": 1, "maximum": 1000}
BUCKET = {
    "oneOf": [
        thing({"operation": one_of("date_histogram"), "field": TEXT}, LABEL),
        thing(
            {"operation": one_of("terms"), "fields": some(TEXT, maxItems=1), "limit": LIMIT},
            {**LABEL, "rank_by": RANK, "other_bucket": OTHER},
        ),
        thing({"operation": one_of("filters"), "filters": some(thing({"filter": QUERY, "label": TEXT}))}, LABEL),
    ]
}
SOURCE = {"data_source": thing({"type": one_of("data_view_reference"), "ref_id": TEXT})}
PANEL_INFO = {"title": TEXT, "description": TEXT}
SORT = thing({"column_type": one_of("metric", "row"), "index": {"type": "integer", "minimum": 0}, "direction": WAY})
STYLING = thing({"paging": one_of(10, 20, 30, 50, 100)}, {"sort_by": SORT})
XY_LAYER = thing(
    {"type": one_of("line", "bar_horizontal"), "x": BUCKET, "y": some(METRIC, maxItems=100), **SOURCE},
    {"breakdown_by": BUCKET},
)
CHART = {
    "oneOf": [
        thing({"type": one_of("metric"), "query": QUERY, **SOURCE, "metrics": some(PRIMARY, maxItems=2)}, PANEL_INFO),
        thing(
            {"type": one_of("data_table"), "query": QUERY, **SOURCE, "metrics": some(METRIC), "rows": some(BUCKET)},
            {**PANEL_INFO, "styling": STYLING},
        ),
        thing({"type": one_of("xy"), "query": QUERY, "layers": some(XY_LAYER)}, PANEL_INFO),
    ]
}
CORNER = {"type": "integer", "minimum": 0}
GRID = thing(
    {
        "x": CORNER,
        "y": CORNER,
        "w": {"type": "integer", "minimum": 1, "maximum": COLUMNS},
        "h": {**CORNER, "minimum": 1},
    }
)
PANEL = {
    "oneOf": [
        thing({"grid": GRID, "type": one_of("vis"), "config": CHART}),
        thing({"grid": GRID, "type": one_of("discover_session"), "config": thing({"ref_id": TEXT})}),
    ]
}
PINNED = thing(
    {
        "type": one_of("options_list_control"),
        "width": one_of("small", "medium", "large"),
        "grow": BOOLEAN,
        "config": thing({"data_view_id": TEXT, "field_name": TEXT}, {"title": TEXT}),
    }
)
DASHBOARD_BODY = thing(
    {"title": TEXT, "panels": some(PANEL, maxItems=100)},
    {
        "description": TEXT,
        "time_range": thing({"from": TEXT, "to": TEXT}),
        "pinned_panels": some(PINNED),
    },
)
RUNTIME: Schema = {  # kbn data_views, server/rest_api_routes: by name; the type of one field, and a script that emits
    "type": "object",
    "additionalProperties": thing({"type": one_of("keyword"), "script": thing({"source": TEXT})}),
}
DATA_VIEW_BODY = thing(
    {
        "data_view": thing(
            {"title": TEXT},
            {
                "id": TEXT,
                "name": TEXT,
                "timeFieldName": TEXT,
                "fieldFormats": {"type": "object"},
                "runtimeFieldMap": RUNTIME,
            },
        )
    },
    {"override": BOOLEAN},
)

# Saved objects. What is text there and JSON inside is checked by `tests/kibana/stub.py` with the schemas below.
REFERENCE = thing({"type": one_of("index-pattern", "search"), "id": TEXT, "name": TEXT})
META = {"kibanaSavedObjectMeta": thing({"searchSourceJSON": TEXT})}
ATTRIBUTES = {
    "index-pattern": thing(
        {"title": TEXT},
        {
            "name": TEXT,
            "timeFieldName": TEXT,
            "fieldFormatMap": TEXT,
            "fieldAttrs": TEXT,
            "runtimeFieldMap": TEXT,
            "sourceFilters": TEXT,
        },
    ),
    "search": thing(
        {"title": TEXT, "columns": some(TEXT), "sort": some({"type": "array", "prefixItems": [TEXT, WAY]}), **META},
        {
            "description": ANY_TEXT,
            "grid": {"type": "object"},
            "hideChart": BOOLEAN,
            "isTextBasedQuery": BOOLEAN,
            "timeRestore": BOOLEAN,
        },
    ),
    "dashboard": thing(
        {"title": TEXT, "panelsJSON": TEXT, "optionsJSON": TEXT, **META},
        {
            "description": ANY_TEXT,
            "timeRestore": BOOLEAN,
            "timeFrom": TEXT,
            "timeTo": TEXT,
            "refreshInterval": thing({"pause": BOOLEAN, "value": NUMBER}),
            "controlGroupInput": thing(
                {"chainingSystem": TEXT, "controlStyle": TEXT, "ignoreParentSettingsJSON": TEXT, "panelsJSON": TEXT},
                {"showApplySelections": BOOLEAN},
            ),
        },
    ),
}
SAVED_OBJECT = thing(
    {
        "type": TEXT,
        "id": TEXT,
        "attributes": {"type": "object"},
        "references": {"type": "array", "items": REFERENCE},
        "coreMigrationVersion": TEXT,
        "typeMigrationVersion": TEXT,
    }
)
KUERY = thing({"query": ANY_TEXT, "language": one_of("kuery")})
SEARCH_SOURCE = thing({"query": KUERY, "filter": {"type": "array", "maxItems": 0}}, {"indexRefName": TEXT})
PLACED = thing({"x": CORNER, "y": CORNER, "w": {**CORNER, "minimum": 1}, "h": {**CORNER, "minimum": 1}, "i": TEXT})
COLUMN = thing(
    {
        "label": TEXT,
        "customLabel": BOOLEAN,
        "dataType": one_of("number", "string", "date", "boolean", "ip"),
        "operationType": TEXT,
        "isBucketed": BOOLEAN,
        "scale": one_of("ratio", "ordinal", "interval"),
        "params": {"type": "object"},
    },
    {"sourceField": TEXT, "filter": KUERY, "timeScale": one_of("s", "m", "h", "d"), "references": some(TEXT)},
)
LENS_LAYER = thing(
    {
        "columns": {"type": "object", "minProperties": 1, "additionalProperties": COLUMN},
        "columnOrder": some(TEXT, uniqueItems=True),
        "incompleteColumns": {"type": "object", "maxProperties": 0},
        "sampling": NUMBER,
    }
)
LENS = thing(
    {
        "title": TEXT,
        "description": ANY_TEXT,
        "visualizationType": one_of("lnsMetric", "lnsXY", "lnsDatatable"),
        "type": one_of("lens"),
        "references": some(REFERENCE),
        "state": thing(
            {
                "visualization": {"type": "object"},
                "query": KUERY,
                "filters": {"type": "array", "maxItems": 0},
                "datasourceStates": thing(
                    {"formBased": thing({"layers": {"type": "object", "additionalProperties": LENS_LAYER}})}
                ),
                "internalReferences": {"type": "array", "maxItems": 0},
                "adHocDataViews": {"type": "object", "maxProperties": 0},
            }
        ),
    }
)
EMBEDDED = {
    "oneOf": [
        thing(
            {
                "type": one_of("lens"),
                "panelIndex": TEXT,
                "gridData": PLACED,
                "title": TEXT,
                "embeddableConfig": thing({"attributes": LENS}, {"description": TEXT}),
            }
        ),
        thing(
            {
                "type": one_of("search"),
                "panelIndex": TEXT,
                "gridData": PLACED,
                "panelRefName": TEXT,
                "embeddableConfig": thing({}, {"title": TEXT}),
            }
        ),
    ]
}

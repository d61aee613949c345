"""JSON Schemas of the files in log_schemas/kibana."""

from __future__ import annotations

from typing import Any

from regobs.logs.saved_schema import FIELD, KQL, METRIC

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_TITLE = {"type": "string", "minLength": 1, "maxLength": 120}
_NAME = {"type": "string", "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$", "description": "lower case, digits and hyphens"}
_ROWS = {"type": "integer", "minimum": 1, "maximum": 1000, "description": "how many groups are shown"}


def _object(properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "properties": properties, "required": required}


def _named(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "minProperties": 1, "propertyNames": _NAME, "additionalProperties": items}


ENVIRONMENTS: dict[str, Any] = {
    "$schema": _DRAFT,
    **_named(
        _object(
            {
                "title": _TITLE,
                "index": {"type": "string", "pattern": r"^[^A-Z\s\"\\/<>|#?:]+$", "description": "an index pattern"},
            },
            ["title", "index"],
        )
    ),
}
_COLUMNS = {"type": "array", "minItems": 1, "items": FIELD, "uniqueItems": True}
SESSIONS: dict[str, Any] = {
    "$schema": _DRAFT,
    **_named(
        _object(
            {"title": _TITLE, "description": {"type": "string"}, "where": KQL, "columns": _COLUMNS},
            ["title", "where", "columns"],
        )
    ),
}
_PANEL = _object(
    {
        "number": _TITLE,
        "trend": _TITLE,
        "bars": _TITLE,
        "table": _TITLE,
        "session": {**_NAME, "description": "the name of a session"},
        "about": {"type": "string", "minLength": 1, "description": "what a reader should know"},
        "query": {**_NAME, "description": "the name of a saved query"},
        "show": {"type": "array", "minItems": 1, "items": {"type": "string"}, "description": "metrics of the query"},
        "where": KQL,
        "metric": METRIC,
        "by": {"anyOf": [FIELD, {"type": "array", "minItems": 1, "maxItems": 3, "items": FIELD}]},
        "top": _ROWS,
    },
    [],
)
DASHBOARD: dict[str, Any] = {
    "$schema": _DRAFT,
    **_object(
        {
            "title": _TITLE,
            "description": {"type": "string"},
            "period": {"type": "string", "pattern": "^[1-9][0-9]{0,3}[mhdw]$", "description": "a period such as 24h"},
            "controls": {"type": "array", "items": FIELD, "maxItems": 6, "uniqueItems": True},
            "rows": {"type": "array", "minItems": 1, "items": {"type": "array", "minItems": 1, "items": _PANEL}},
        },
        ["title", "rows"],
    ),
}

"""JSON Schema of the files of saved queries."""

from __future__ import annotations

from typing import Any

from regobs.logs.path_part import NAMES

KQL = {"type": "string", "description": "a KQL text"}
FIELD = {"type": "string", "description": "the name of a log field"}
_INTERVAL = {
    "type": "string",
    "pattern": "^([1-9][0-9]{0,5}[smhd]|week|month|quarter|year)$",
    "description": "an interval such as 5m, 1h or 1d, or week, month, quarter, year",
}
_PER = {"enum": ["s", "m", "h", "d"], "description": "s, m, h or d"}


def _one_of(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": False,
        "properties": properties,
    }


def _options(required: list[str], properties: dict[str, Any]) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _measured(**more: Any) -> dict[str, Any]:
    """A field by its name, or with options."""
    return {"anyOf": [FIELD, _options(["field", *more], {"field": FIELD, "where": KQL, **more})]}


_PART = {
    "anyOf": [{"type": "integer", "minimum": 1, "maximum": 32}, {"enum": list(NAMES)}],
    "description": "which part of a path: 1 to 32, repository, namespace, reference; of a User-Agent: product, version",
}
_TERMS = {"field": FIELD, "missing": {"type": "boolean"}, "part": _PART, "first": FIELD}
_GROUP = _one_of(
    {
        "terms": {"anyOf": [FIELD, _options(["field"], _TERMS)]},
        "date_histogram": {"anyOf": [_INTERVAL, _options(["interval"], {"field": FIELD, "interval": _INTERVAL})]},
        "filters": {"type": "object", "minProperties": 1, "additionalProperties": {"type": ["string", "null"]}},
    }
)
METRIC = {
    "anyOf": [
        {"enum": ["count", "share"], "description": "count or share"},
        _one_of(
            {
                "count": _options(["where"], {"where": KQL}),
                "sum": _measured(),
                "avg": _measured(),
                "min": _measured(),
                "max": _measured(),
                "cardinality": _measured(),
                "percentile": _options(
                    ["field", "percent"],
                    {"field": FIELD, "where": KQL, "percent": {"type": "number", "minimum": 0, "maximum": 100}},
                ),
                "rate": _options(["per"], {"per": _PER, "field": FIELD, "where": KQL}),
                "share": _options([], {"field": FIELD, "where": KQL}),
                "ratio": _options(["part"], {"part": KQL, "whole": KQL}),
            }
        ),
    ]
}
SCHEMA: dict[str, Any] = {
    **_options(
        ["title"],
        {
            "title": {"type": "string", "minLength": 1},
            "description": {"type": "string"},
            "flavor": {"enum": ["gitlab"], "description": "gitlab: the only registry that writes the lines"},
            "where": KQL,
            "group": {"type": "object", "additionalProperties": _GROUP},
            "metrics": {"type": "object", "additionalProperties": METRIC},
            "columns": {"type": "array", "minItems": 1, "items": FIELD, "uniqueItems": True},
            "order": {"type": "object", "additionalProperties": {"enum": ["asc", "desc"]}},
            "limit": {"type": "integer", "minimum": 1, "maximum": 100000},
        },
    ),
    "$schema": "https://json-schema.org/draft/2020-12/schema",
}

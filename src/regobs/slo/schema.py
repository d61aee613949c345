"""The JSON Schema of the OpenSLO documents that are accepted: a strict part of openslo/v1, from its public text."""

from __future__ import annotations

from typing import Any

_NAME = {
    "type": "string",
    "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    "description": "a name as in DNS: small letters, digits and hyphens",
}
_TEXT = {"type": "string", "minLength": 1}
_WORD = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "small letters, digits and underscores"}
_WORDS = {"type": "array", "minItems": 1, "items": _TEXT, "uniqueItems": True}

_SOURCE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["metricSource"],
    "properties": {
        "metricSource": {
            "type": "object",
            "additionalProperties": False,
            "required": ["type", "spec"],
            "properties": {
                "type": {"enum": ["catalog", "Prometheus"]},
                "spec": {
                    "type": "object",
                    "additionalProperties": False,
                    "properties": {
                        "metric": {
                            "type": "string",
                            "pattern": "^[a-z_]+\\.[A-Z][A-Z0-9_]*$",
                            "description": "an entry of the catalog, such as http.REQUESTS",
                        },
                        "where": {
                            "type": "object",
                            "additionalProperties": {"anyOf": [_TEXT, {"type": "boolean"}, _WORDS]},
                            "description": "label: word, or label: [word, word]",
                        },
                        "at_most": {"type": "number", "exclusiveMinimum": 0},
                        "query": {**_TEXT, "description": "the selector of a counter"},
                    },
                },
            },
            "if": {"properties": {"type": {"const": "catalog"}}},
            "then": {"properties": {"spec": {"required": ["metric"], "properties": {"query": False}}}},
            "else": {
                "properties": {
                    "spec": {
                        "required": ["query"],
                        "properties": {"metric": False, "where": False, "at_most": False},
                    }
                }
            },
        }
    },
}

_RATIO: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["counter", "total"],
    "properties": {
        "counter": {"const": True, "description": "only counters that grow can be summed over any window"},
        "good": _SOURCE,
        "bad": _SOURCE,
        "total": _SOURCE,
    },
}

_OBJECTIVE: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "displayName": _TEXT,
        "target": {"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "a fraction such as 0.999"},
        "targetPercent": {"type": "number", "exclusiveMinimum": 0, "maximum": 100},
    },
    "not": {"required": ["target", "targetPercent"]},
}

SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "openslo/v1"},
        "kind": {"const": "SLO"},
        "metadata": {
            "type": "object",
            "additionalProperties": False,
            "required": ["name", "labels"],
            "properties": {
                "name": _NAME,
                "displayName": _TEXT,
                "labels": {
                    "type": "object",
                    "required": ["operation", "sli"],
                    "properties": {"operation": _WORD, "sli": {"enum": ["availability", "latency"]}},
                    "additionalProperties": {"anyOf": [_TEXT, _WORDS]},
                },
                "annotations": {"type": "object", "additionalProperties": _TEXT},
            },
        },
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["service", "indicator", "budgetingMethod", "objectives"],
            "properties": {
                "description": _TEXT,
                "service": _NAME,
                "indicator": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["metadata", "spec"],
                    "properties": {
                        "metadata": {
                            "type": "object",
                            "required": ["name"],
                            "additionalProperties": False,
                            "properties": {"name": _NAME, "displayName": _TEXT},
                        },
                        "spec": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["ratioMetric"],
                            "properties": {"description": _TEXT, "ratioMetric": _RATIO},
                        },
                    },
                },
                "timeWindow": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": 1,
                    "items": {
                        "type": "object",
                        "additionalProperties": False,
                        "required": ["duration", "isRolling"],
                        "properties": {"duration": _TEXT, "isRolling": {"const": True}},
                    },
                },
                "budgetingMethod": {"const": "Occurrences"},
                "objectives": {"type": "array", "minItems": 1, "maxItems": 1, "items": _OBJECTIVE},
            },
        },
    },
}

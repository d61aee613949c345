"""The JSON Schemas of the OpenSLO v1 documents that are read, from the standard's public text; docs/openslo.md.

They say what a document may hold. What is valid OpenSLO but not supported here is refused by name in spec.py.
"""

from __future__ import annotations

from typing import Any

from regobs.config.model import SEVERITIES

Json = dict[str, Any]
_NAME = {
    "type": "string",
    "pattern": "^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$",
    "description": "a name as in DNS: small letters, digits and hyphens",
}
_TEXT = {"type": "string", "minLength": 1}
_TEXTS = {"type": "object", "additionalProperties": _TEXT}
_WORD = {"type": "string", "pattern": "^[a-z][a-z0-9_]*$", "description": "small letters, digits and underscores"}
_WORDS = {"type": "array", "minItems": 1, "items": _TEXT, "uniqueItems": True}
_DURATION = {**_TEXT, "description": "a duration such as 5m or 28d"}


def _object(required: list[str], **properties: Any) -> Json:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


def _referring(key: str) -> Json:
    """What names a document of another kind, or stands in its place: that is checked against the schema of the kind."""
    return {"type": "object", "properties": {key: _TEXT}}


_METADATA = _object(
    ["name"],
    name=_NAME,
    displayName=_TEXT,
    labels={
        "type": "object",
        "properties": {
            "operation": _WORD,
            "sli": {"enum": ["availability", "latency", "freshness"]},
            "severity": {"enum": list(SEVERITIES)},
        },
        "additionalProperties": {"anyOf": [_TEXT, {"type": "array", "items": _TEXT}]},
    },
    annotations=_TEXTS,
)
_IN_NAMES = frozenset({"SLO", "SLI"})  # kinds whose names stand in names of rules
# The standard's own examples call policies and targets `AlertPolicy` and `OnCallDevopsMailNotification`.
_ANY_METADATA = _object(["name"], name=_TEXT, displayName=_TEXT, labels={"type": "object"}, annotations=_TEXTS)
_CATALOG_SPEC = _object(
    ["metric"],
    metric={
        "type": "string",
        "pattern": "^[a-z_]+\\.[A-Z][A-Z0-9_]*$",
        "description": "an entry of the catalog, such as http.REQUESTS",
    },
    where={
        "type": "object",
        "additionalProperties": {"anyOf": [_TEXT, {"type": "boolean"}, _WORDS]},
        "description": "label: word, or label: [word, word]",
    },
    at_most={"type": "number", "exclusiveMinimum": 0},
)
_SOURCE = _object(
    ["metricSource"],
    metricSource={
        **_object(["spec"], metricSourceRef=_TEXT, type=_TEXT, spec={"type": "object"}),
        "if": {"properties": {"type": {"const": "catalog"}}, "required": ["type"]},
        "then": {"properties": {"spec": _CATALOG_SPEC}},
        "else": {
            "if": {"properties": {"type": {"enum": ["Prometheus", "prometheus"]}}},
            "then": {"properties": {"spec": _object(["query"], query={**_TEXT, "description": "PromQL"})}},
        },
    },
)
_RATIO = _object(
    [],
    counter={"type": "boolean"},
    good=_SOURCE,
    bad=_SOURCE,
    total=_SOURCE,
    raw=_SOURCE,
    rawType={"enum": ["success", "failure"]},
)
_INDICATOR_SPEC = {
    **_object([], description=_TEXT, ratioMetric=_RATIO, thresholdMetric=_SOURCE),
    "oneOf": [{"required": ["ratioMetric"]}, {"required": ["thresholdMetric"]}],
}
_INDICATOR = _object(["spec"], metadata=_METADATA, spec=_INDICATOR_SPEC)
_OBJECTIVE = {
    **_object(
        [],
        displayName=_TEXT,
        op={"enum": ["lte", "gte", "lt", "gt"]},
        value={"type": "number"},
        target={"type": "number", "exclusiveMinimum": 0, "maximum": 1, "description": "a fraction such as 0.999"},
        targetPercent={"type": "number", "exclusiveMinimum": 0, "maximum": 100},
        timeSliceTarget={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        timeSliceWindow={
            **_TEXT,
            "type": ["string", "number"],
            "exclusiveMinimum": 0,
            "description": "a duration such as 1m, or a number of minutes",
        },
        indicator={"type": "object"},
        indicatorRef=_NAME,
        compositeWeight={"type": "number"},
    ),
    "not": {"required": ["target", "targetPercent"]},
}
_TIME_WINDOW = _object(
    ["duration"],
    duration=_TEXT,
    isRolling={"type": "boolean"},
    calendar=_object(["startTime", "timeZone"], startTime=_TEXT, timeZone=_TEXT),
)
_SLO = {
    **_object(
        ["service", "budgetingMethod", "objectives"],
        description=_TEXT,
        service=_NAME,
        indicator=_INDICATOR,
        indicatorRef=_NAME,
        timeWindow={"type": "array", "minItems": 1, "maxItems": 1, "items": _TIME_WINDOW},
        budgetingMethod={"enum": ["Occurrences", "Timeslices", "RatioTimeslices"]},
        objectives={"type": "array", "minItems": 1, "items": _OBJECTIVE},
        alertPolicies={
            "type": ["array", "null"],
            "items": {**_referring("alertPolicyRef"), "type": ["object", "string"]},
        },
    ),
    "oneOf": [{"required": ["indicator"]}, {"required": ["indicatorRef"]}],
}
_CONDITION = _object(
    ["severity", "condition"],
    description=_TEXT,
    severity={"type": ["string", "integer"]},
    condition=_object(
        ["op", "threshold", "lookbackWindow"],  # the others have a default in the standard: burnrate, and 0m
        kind={"enum": ["burnrate"]},
        op={"enum": ["lte", "gte", "lt", "gt"]},
        threshold={"type": "number"},
        lookbackWindow=_DURATION,
        alertAfter=_DURATION,
    ),
)
_POLICY = _object(
    [],
    description=_TEXT,
    alertWhenNoData={"type": "boolean"},
    alertWhenResolved={"type": "boolean"},
    alertWhenBreaching={"type": "boolean"},
    conditions={"type": "array", "minItems": 1, "items": _referring("conditionRef")},
    notificationTargets={"type": "array", "minItems": 1, "items": _referring("targetRef")},
)
_SPECS: dict[str, Json] = {
    "SLO": _SLO,
    "SLI": _INDICATOR_SPEC,
    "Service": _object([], description=_TEXT),
    "DataSource": _object(
        ["type"], description=_TEXT, type=_TEXT, connectionDetails={}
    ),  # "everything that is valid YAML"
    "AlertPolicy": _POLICY,
    "AlertCondition": _CONDITION,
    "AlertNotificationTarget": _object(["target"], description=_TEXT, target=_TEXT),
}
_EMPTY = frozenset({"Service"})  # kinds that may say nothing beside their name
SCHEMAS: dict[str, Json] = {
    kind: _object(
        ["apiVersion", "kind", "metadata", *(() if kind in _EMPTY else ("spec",))],
        apiVersion={"const": "openslo/v1"},
        kind={"const": kind},
        metadata=_METADATA if kind in _IN_NAMES else _ANY_METADATA,
        spec=spec,
    )
    for kind, spec in _SPECS.items()
}
# What may stand in the place of a reference: the standard's own examples leave out apiVersion there.
INLINE = {
    kind: {**SCHEMAS[kind], "required": ["kind", "metadata", "spec"]}
    for kind in ("AlertPolicy", "AlertCondition", "AlertNotificationTarget")
}

"""SARIF as its specification has it: of each object that lint writes, the properties that there are, and their forms.

Source: OASIS, Static Analysis Results Interchange Format 2.1.0; the sections stand beside the objects. What the
specification allows and lint does not write is left out, so that a property which it does not know is refused.
"""

from __future__ import annotations

import json
from copy import deepcopy
from typing import Any

import jsonschema
import pytest

from regobs.lint import lint_text
from regobs.lint.report import FORMATS


def _object(required: str, **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }


def _many(items: dict[str, Any], least: int = 0) -> dict[str, Any]:
    return {"type": "array", "items": items, "minItems": least}


_TEXT: dict[str, Any] = {"type": "string"}
_MESSAGE = _object("text", text=_TEXT)  # 3.11
_PLACE = _object("uri", uri={"type": "string", "format": "uri-reference"})  # 3.4
_COUNT = {"type": "integer", "minimum": 1}
_REGION = _object("startLine", startLine=_COUNT, startColumn=_COUNT, endLine=_COUNT, endColumn=_COUNT)  # 3.30
_LEVEL = {"enum": ["none", "note", "warning", "error"]}  # 3.27.10
_CHANGE = _object("deletedRegion", deletedRegion=_REGION, insertedContent=_object("text", text=_TEXT))  # 3.57
_FIX = _object(  # 3.55, 3.56
    "artifactChanges",
    description=_MESSAGE,
    artifactChanges=_many(
        _object("artifactLocation replacements", artifactLocation=_PLACE, replacements=_many(_CHANGE, 1)), 1
    ),
)
_LOCATION = _object(  # 3.28, 3.29
    "physicalLocation",
    physicalLocation=_object("artifactLocation region", artifactLocation=_PLACE, region=_REGION),
)
_RESULT = _object(  # 3.27
    "message ruleId ruleIndex level locations",
    ruleId=_TEXT,
    ruleIndex={"type": "integer", "minimum": 0},
    level=_LEVEL,
    message=_MESSAGE,
    locations=_many(_LOCATION, 1),
    partialFingerprints={"type": "object", "additionalProperties": _TEXT},
    fixes=_many(_FIX, 1),
)
_RULE = _object(  # 3.49
    "id",
    id=_TEXT,
    shortDescription=_MESSAGE,
    fullDescription=_MESSAGE,
    defaultConfiguration=_object("level", level=_LEVEL),
)
_INVOCATION = _object(  # 3.20, 3.58
    "executionSuccessful",
    executionSuccessful={"type": "boolean"},
    toolExecutionNotifications=_many(_object("message", message=_MESSAGE, level=_LEVEL, locations=_many(_LOCATION))),
)
_RUN = _object(  # 3.14, 3.18, 3.19
    "tool results",
    tool=_object(
        "driver", driver=_object("name", name=_TEXT, version=_TEXT, rules={**_many(_RULE), "uniqueItems": True})
    ),
    columnKind={"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
    invocations=_many(_INVOCATION),
    results=_many(_RESULT),
)
SCHEMA = _object("version runs", **{"$schema": _TEXT}, version={"const": "2.1.0"}, runs=_many(_RUN))  # 3.13
JUDGE = jsonschema.Draft202012Validator(SCHEMA)


def _sarif(file: str = "rules.yaml") -> dict[str, Any]:
    rule = "{alert: A, expr: 'avg(a / a_max) > 70 and sum(rate(b{code=\"5..\"}[5m])) > 1', for: 1m}"
    noted = "{alert: B, expr: up == 0, labels: {severity: page}, annotations: {summary: x}}"
    report = lint_text(f"groups: [{{name: é, interval: 5m, rules: [{rule}, {noted}, {{expr: x}}]}}]\n", file, ".yaml")
    data: dict[str, Any] = json.loads(FORMATS["sarif"](report))
    return data


@pytest.mark.parametrize("file", ["rules.yaml", "a b/é.yaml", "./x%y#z.yaml", "a\udcffb.yaml"])
def test_what_lint_writes_is_sarif(file: str) -> None:
    data = _sarif(file)
    JUDGE.validate(data)
    results = data["runs"][0]["results"]
    assert {one["level"] for one in results} == {"error", "warning", "note"}
    assert any("fixes" in one for one in results)
    assert all(data["runs"][0]["tool"]["driver"]["rules"][one["ruleIndex"]]["id"] == one["ruleId"] for one in results)


def test_a_report_without_findings_is_sarif() -> None:
    data = json.loads(FORMATS["sarif"](lint_text("groups: []\n", "a.yaml", ".yaml")))
    JUDGE.validate(data)
    assert data["runs"][0]["results"] == []


@pytest.mark.parametrize(
    ("key", "value"), [("level", "critical"), ("ruleIndex", -1), ("message", "text"), ("locations", []), ("line", 1)]
)
def test_the_schema_refuses_what_is_no_sarif(key: str, value: object) -> None:
    data = deepcopy(_sarif())
    data["runs"][0]["results"][0][key] = value
    assert not JUDGE.is_valid(data)

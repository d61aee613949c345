"""What grafanalib lacks, in this one place: from its JSON of 2016 to the classic dashboard JSON of today.

grafanalib is the model layer, but its schema stopped at version 12 and it writes null for what is not set. Here each
object is cut down to the keys that Grafana still reads, and gets those it has come to need. Schema versions and
their meaning: https://github.com/grafana/grafana/tree/main/apps/dashboard/pkg/migration/schemaversion
"""

from __future__ import annotations

import json
from typing import Any

from grafanalib.core import Dashboard

from regobs.documents import dump_json

SCHEMA_VERSION = 39  # written by Grafana 11.0; newer servers migrate it on load, 10.x reads it as it is
PLUGIN_VERSION = "11.0.0"  # the panel options below are those of that release
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PANEL_TYPES = frozenset({"row", "timeseries", "stat", "gauge", "bargauge", "table", "heatmap"})

_DASHBOARD_KEYS = (
    "annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion", "tags",
    "templating", "time", "timepicker", "timezone", "title", "uid", "version",
)  # fmt: skip
_PANEL_KEYS = (
    "datasource", "description", "fieldConfig", "gridPos", "id", "links", "options", "pluginVersion", "targets",
    "title", "transformations", "type",
)  # fmt: skip
_ROW_KEYS = ("collapsed", "gridPos", "id", "panels", "title", "type")
_TARGET_KEYS = ("datasource", "expr", "format", "instant", "interval", "legendFormat", "refId")
_VARIABLE_KEYS = (
    "allValue", "current", "datasource", "hide", "includeAll", "label", "multi", "name", "options", "query", "refresh",
    "regex", "sort", "type",
)  # fmt: skip

Json = dict[str, Any]


def to_json(dashboard: Dashboard) -> Json:
    """The JSON of a grafanalib dashboard as Grafana 11 and later reads it."""
    plain: Json = json.loads(json.dumps(dashboard.to_json_data(), default=lambda part: part.to_json_data()))
    modern = _keep(plain, _DASHBOARD_KEYS)
    modern["schemaVersion"] = SCHEMA_VERSION
    modern["annotations"] = {"list": [_annotations(), *plain["annotations"]["list"]]}
    modern["panels"] = [_panel(panel) for panel in plain["panels"]]
    modern["templating"] = {"list": [_variable(variable) for variable in plain["templating"]["list"]]}
    modern["timepicker"] = {}
    return modern


def to_bytes(dashboard: Json) -> bytes:
    """One spelling for one content: sorted keys, two blanks, no escapes, a newline at the end."""
    return dump_json(dashboard, sorted_keys=True)


def _annotations() -> Json:
    return {
        "builtIn": 1,
        "datasource": {"type": "grafana", "uid": "-- Grafana --"},
        "enable": True,
        "hide": True,
        "iconColor": "rgba(0, 211, 255, 1)",
        "name": "Annotations & Alerts",
        "type": "dashboard",
    }


def _panel(panel: Json) -> Json:
    if panel["type"] == "row":
        row = _keep(panel, _ROW_KEYS)
        row["panels"] = [_panel(nested) for nested in panel["panels"]]
        return row
    modern = _keep(panel, _PANEL_KEYS)
    modern["datasource"] = DATASOURCE
    modern["pluginVersion"] = PLUGIN_VERSION
    modern["targets"] = [_target(target) for target in panel["targets"]]
    modern["fieldConfig"].setdefault("overrides", [])
    return modern


def _target(target: Json) -> Json:
    modern = _keep(target, _TARGET_KEYS)
    modern["datasource"] = DATASOURCE
    modern["editorMode"] = "code"
    modern["range"] = not target["instant"]
    return modern


def _variable(variable: Json) -> Json:
    modern = _keep(variable, _VARIABLE_KEYS)
    if variable["type"] == "datasource":
        name = variable["current"]["text"]
        modern["current"] = {"selected": False, "text": name, "value": name} if name else {}
        return modern
    modern["datasource"] = DATASOURCE
    modern["definition"] = variable["query"]
    modern["query"] = {"qryType": 1, "query": variable["query"], "refId": "PrometheusVariableQueryEditor-VariableQuery"}
    modern["current"] = {"selected": True, "text": ["All"], "value": ["$__all"]}
    return modern


def _keep(data: Json, keys: tuple[str, ...]) -> Json:
    return {key: _clean(data[key]) for key in keys if data.get(key) is not None}


def _clean(value: Any) -> Any:
    """Without nulls, except in threshold steps: there a null says `from minus infinity`, and Grafana insists on it."""
    if isinstance(value, dict):
        if value.keys() == {"color", "value"}:
            return value
        return {key: _clean(inner) for key, inner in value.items() if inner is not None}
    return [_clean(inner) for inner in value] if isinstance(value, list) else value

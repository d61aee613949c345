"""What grafanalib lacks, in this one place: from its JSON of 2016 to the classic dashboard JSON of today.

grafanalib is the model layer, but its schema stopped at version 12 and it writes null for what is not set. Here each
object is cut down to the keys that Grafana still reads, and gets those it has come to need. Schema versions and
their meaning: https://github.com/grafana/grafana/tree/main/apps/dashboard/pkg/migration/schemaversion
"""

from __future__ import annotations

from typing import Any

from grafanalib.core import Dashboard

from regobs.documents import dump_json

SCHEMA_VERSION = 39  # written by Grafana 11.0; newer servers migrate it on load, 10.x reads it as it is
RESOURCE = "dashboard.grafana.app/v1beta1"  # the version of that API that Grafana 12.0 to 13 read
PLUGIN_VERSION = "11.0.0"  # the panel options below are those of that release
DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
PANEL_TYPES = frozenset(
    {"row", "timeseries", "stat", "gauge", "bargauge", "table", "heatmap", "state-timeline", "alertlist"}
)

_DASHBOARD_KEYS = (
    "annotations", "description", "editable", "graphTooltip", "links", "panels", "refresh", "schemaVersion", "tags",
    "templating", "time", "timepicker", "timezone", "title", "uid", "version",
)  # fmt: skip
_PANEL_KEYS = (
    "datasource", "description", "fieldConfig", "gridPos", "id", "links", "options", "pluginVersion", "targets",
    "title", "transformations", "type",
)  # fmt: skip
_ROW_KEYS = ("collapsed", "gridPos", "id", "panels", "repeat", "title", "type")
_TARGET_KEYS = ("datasource", "exemplar", "expr", "format", "instant", "interval", "legendFormat", "refId")
_VARIABLE_KEYS = (
    "allValue", "current", "datasource", "hide", "includeAll", "label", "multi", "name", "options", "query", "refresh",
    "regex", "sort", "type",
)  # fmt: skip

Json = dict[str, Any]
_PLAIN = frozenset({str, int, float, bool, type(None)})


def to_json(dashboard: Dashboard) -> Json:
    """The JSON of a grafanalib dashboard as Grafana 11 and later reads it."""
    plain: Json = dashboard.to_json_data()
    modern = _keep(plain, _DASHBOARD_KEYS)
    modern["schemaVersion"] = SCHEMA_VERSION
    modern["annotations"] = {"list": [_annotations(), *_clean(_data(plain["annotations"])["list"])]}
    modern["panels"] = [_panel(_data(panel)) for panel in plain["panels"]]
    modern["templating"] = {"list": [_variable(_data(one)) for one in _data(plain["templating"])["list"]]}
    modern["timepicker"] = {}
    return modern


def to_bytes(dashboard: Json) -> bytes:
    """One spelling for one content: sorted keys, two blanks, no escapes, a newline at the end."""
    return dump_json(dashboard, sorted_keys=True)


def resource_of(dashboard: Json) -> Json:
    """A dashboard as a resource of Grafana's API: its uid is the name, and Grafana counts the versions itself.

    The model of `spec` is the classic one, which Grafana 12 and 13 call v1. Source:
    https://grafana.com/docs/grafana/v13.2/visualizations/dashboards/build-dashboards/view-dashboard-json-model/
    """
    spec = {key: value for key, value in dashboard.items() if key not in {"id", "uid", "version"}}
    return {"apiVersion": RESOURCE, "kind": "Dashboard", "metadata": {"name": dashboard["uid"]}, "spec": spec}


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
        row["panels"] = [_panel(_data(nested)) for nested in panel["panels"]]
        return row
    modern = _keep(panel, _PANEL_KEYS)
    modern["datasource"] = DATASOURCE
    modern["pluginVersion"] = PLUGIN_VERSION
    modern["targets"] = [_target(_data(target)) for target in panel["targets"]]
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


def _data(part: Any) -> Json:
    """The data of a part of a dashboard, which grafanalib keeps as an object."""
    data: Json = part if isinstance(part, dict) else part.to_json_data()
    return data


def _clean(value: Any) -> Any:
    """Plain data without nulls, except where Grafana wants one: an end that a threshold or a range does not have."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if kind is dict:
        if value.keys() in ({"color", "value"}, {"from", "to", "result"}):
            return value
        return {
            key: inner if type(inner) in _PLAIN else _clean(inner)  # a call for each value would be most of the time
            for key, inner in value.items()
            if inner is not None
        }
    if kind in {list, tuple}:
        return [inner if type(inner) in _PLAIN else _clean(inner) for inner in value]
    return _clean(value.to_json_data()) if hasattr(value, "to_json_data") else value

"""Bodies of Kibana's APIs: dashboards for `PUT /api/dashboards/{id}` of 9.5, and the data view that they refer to."""

from __future__ import annotations

from typing import Any

from regobs.kibana import charts, words
from regobs.kibana.definition import KibanaDashboard, KibanaEnvironment, KibanaPanel, Session, Shape
from regobs.kibana.saved_objects import formats, placed

Json = dict[str, Any]


def dashboard(made: KibanaDashboard, sessions: dict[str, Session], environment: KibanaEnvironment) -> Json:
    """A whole dashboard. Its data view and sessions must exist: the saved objects bring both."""
    panels = [
        {"grid": {"x": at.x, "y": at.y, "w": at.w, "h": at.h}, **_panel(panel, sessions, environment)}
        for panel, at in placed(made)
    ]
    body: Json = {"title": f"{made.title} ({environment.name})"}
    if made.description:
        body["description"] = made.description
    body["time_range"] = {"from": f"now-{made.period}", "to": "now"}
    if made.controls:
        body["pinned_panels"] = [
            {
                "type": "options_list_control",
                "width": "medium",
                "grow": True,
                "config": {"title": field.title, "data_view_id": environment.data_view, "field_name": field.name},
            }
            for field in made.controls
        ]
    return {**body, "panels": panels}


def _panel(panel: KibanaPanel, sessions: dict[str, Session], environment: KibanaEnvironment) -> Json:
    if panel.shape is Shape.SESSION:
        return {"type": "discover_session", "config": {"ref_id": sessions[panel.session].id(environment)}}
    return {"type": "vis", "config": charts.config(panel, environment)}


def data_view(environment: KibanaEnvironment, runtime: Json) -> Json:
    """The body of `POST /api/data_views/data_view`, with its runtime fields."""
    view = {
        "id": environment.data_view,
        "title": environment.index,
        "name": environment.title,
        "timeFieldName": words.TIME,
        "fieldFormats": formats(),
        "runtimeFieldMap": runtime,
    }
    return {"data_view": view, "override": True}

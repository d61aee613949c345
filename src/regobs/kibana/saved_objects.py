"""Saved objects: one JSON document a line, as Kibana 8.17 to 9.x imports them, whole for one environment.

Each type says the lowest version whose form it has, so that newer releases migrate it and older ones take it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import msgspec

from regobs.kibana import lens, words
from regobs.kibana.definition import Definition, KibanaDashboard, KibanaEnvironment, KibanaPanel, Session, Shape
from regobs.logs.elasticsearch.search import runtime_script
from regobs.logs.fields import FIELDS
from regobs.logs.query import ByTerms

COLUMNS = 48  # Kibana's grid
_HEIGHTS = {Shape.NUMBER: 6, Shape.TREND: 12, Shape.BARS: 12, Shape.TABLE: 15, Shape.SESSION: 18}  # of 20 pixels each


@dataclass(frozen=True, slots=True)
class GridPlace:
    """A rectangle of the grid, from the top left corner."""

    x: int
    y: int
    w: int
    h: int


def placed(dashboard: KibanaDashboard) -> Iterator[tuple[KibanaPanel, GridPlace]]:
    """The panels with their places; a row is as high as its highest panel wants to be."""
    y = 0
    for row in dashboard.rows:
        height = max(_HEIGHTS[panel.shape] for panel in row)
        edges = [COLUMNS * index // len(row) for index in range(len(row) + 1)]
        for panel, left, right in zip(row, edges, edges[1:], strict=False):
            yield panel, GridPlace(left, y, right - left, height)
        y += height


Json = dict[str, Any]
_CORE = "8.8.0"
_VERSIONS = {"index-pattern": "8.0.0", "search": "10.5.0", "dashboard": "10.2.0"}
_INDEX = "kibanaSavedObjectMeta.searchSourceJSON.index"
_FORMATS: dict[str | None, Json] = {
    "bytes": {"id": "bytes"},
    "ms": {"id": "duration", "params": {"inputFormat": "milliseconds", "outputFormat": "humanizePrecise"}},
    "s": {"id": "duration", "params": {"inputFormat": "seconds", "outputFormat": "humanizePrecise"}},
    "ratio": {"id": "percent"},
}


def ndjson(definition: Definition, environment: KibanaEnvironment) -> bytes:
    """The objects of an environment; what others refer to comes first."""
    sessions = {listed.name: listed for listed in definition.sessions}
    objects = [data_view(environment, runtime_fields(definition))]
    objects += [session(listed, environment) for listed in definition.sessions]
    objects += [dashboard(board, sessions, environment) for board in definition.dashboards]
    return b"".join(msgspec.json.encode(saved) + b"\n" for saved in objects)


def data_view(environment: KibanaEnvironment, runtime: Json) -> Json:
    """The data view of an environment: the time field, units and meanings of the fields, and its runtime fields."""
    attributes = {
        "title": environment.index,
        "name": environment.title,
        "timeFieldName": words.TIME,
        "fieldFormatMap": _text(formats()),
        "fieldAttrs": _text({name: {"customDescription": field.meaning} for name, field in FIELDS.items()}),
        "runtimeFieldMap": _text(runtime),
        "sourceFilters": "[]",
    }
    return _object("index-pattern", environment.data_view, attributes, [])


def formats() -> dict[str, Json]:
    """How Kibana shows the values of fields that have a unit."""
    return {name: _FORMATS[field.unit] for name, field in FIELDS.items() if field.unit in _FORMATS}


def runtime_fields(definition: Definition) -> Json:
    """The runtime fields that panels group by: a part of a field, which Kibana can take of no field by itself."""
    panels = (panel for board in definition.dashboards for row in board.rows for panel in row)
    groups = (group for panel in panels for group in panel.query.groups)
    return {
        words.field_name(group): {"type": "keyword", "script": {"source": runtime_script(group)}}
        for group in groups
        if isinstance(group, ByTerms) and group.part
    }


def session(made: Session, environment: KibanaEnvironment) -> Json:
    """A Discover session."""
    source = {"query": _query(made.query.where.text), "filter": [], "indexRefName": _INDEX}
    attributes = {
        "title": f"{made.query.title} ({environment.name})",
        "description": made.query.description,
        "columns": [field.name for field in made.query.columns],
        "sort": [[words.TIME, "desc"]],
        "grid": {},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text(source)},
    }
    reference = {"type": "index-pattern", "id": environment.data_view, "name": _INDEX}
    return _object("search", made.id(environment), attributes, [reference])


def dashboard(made: KibanaDashboard, sessions: dict[str, Session], environment: KibanaEnvironment) -> Json:
    """A dashboard with its panels inside; only sessions are objects of their own."""
    panels, references = [], []
    for panel, place in placed(made):
        written, needed = _panel(panel, place, sessions, environment)
        panels.append(written)
        references += needed
    controls, needed = _controls(made, environment)
    attributes = {
        "title": f"{made.title} ({environment.name})",
        "description": made.description,
        "panelsJSON": _text(panels),
        "optionsJSON": _text({"useMargins": True, "syncColors": True, "syncCursor": True, "hidePanelTitles": False}),
        "kibanaSavedObjectMeta": {"searchSourceJSON": _text({"query": _query(""), "filter": []})},
        "timeRestore": True,
        "timeFrom": f"now-{made.period}",
        "timeTo": "now",
        "refreshInterval": {"pause": True, "value": 60000},
        **controls,
    }
    return _object("dashboard", made.id(environment), attributes, [*references, *needed])


def _panel(
    panel: KibanaPanel, place: GridPlace, sessions: dict[str, Session], environment: KibanaEnvironment
) -> tuple[Json, list[Json]]:
    """A panel of panelsJSON, and the references of the dashboard that it needs."""
    grid = {"x": place.x, "y": place.y, "w": place.w, "h": place.h, "i": panel.name}
    if panel.shape is Shape.SESSION:
        name = f"panel_{panel.name}"
        shown: Json = {"type": "search", "panelRefName": name, "embeddableConfig": {"title": panel.title}}
        target = {"type": "search", "id": sessions[panel.session].id(environment), "name": f"{panel.name}:{name}"}
        return {"panelIndex": panel.name, "gridData": grid, **shown}, [target]
    attributes = lens.attributes(panel, environment)
    about = {"description": panel.about} if panel.about else {}
    shown = {"type": "lens", "title": panel.title, "embeddableConfig": {"attributes": attributes, **about}}
    references = [{**reference, "name": f"{panel.name}:{reference['name']}"} for reference in attributes["references"]]
    return {"panelIndex": panel.name, "gridData": grid, **shown}, references


def _controls(made: KibanaDashboard, environment: KibanaEnvironment) -> tuple[Json, list[Json]]:
    """The fields whose values can be chosen above the panels, and their references."""
    if not made.controls:
        return {}, []
    panels, references = {}, []
    for order, field in enumerate(made.controls):
        common = {"grow": True, "width": "medium"}
        explicit = {"id": field.name, "fieldName": field.name, "title": field.title, **common}
        panels[field.name] = {"type": "optionsListControl", "order": order, **common, "explicitInput": explicit}
        name = f"controlGroup_{field.name}:optionsListDataView"
        references.append({"type": "index-pattern", "id": environment.data_view, "name": name})
    ignored = {"ignoreFilters": False, "ignoreQuery": False, "ignoreTimerange": False, "ignoreValidations": False}
    group = {
        "chainingSystem": "HIERARCHICAL",
        "controlStyle": "oneLine",
        "showApplySelections": False,
        "ignoreParentSettingsJSON": _text(ignored),
        "panelsJSON": _text(panels),
    }
    return {"controlGroupInput": group}, references


def _query(text: str) -> Json:
    return {"query": words.kql(text), "language": "kuery"}


def _object(kind: str, name: str, attributes: Json, references: list[Json]) -> Json:
    return {
        "type": kind,
        "id": name,
        "attributes": attributes,
        "references": references,
        "coreMigrationVersion": _CORE,
        "typeMigrationVersion": _VERSIONS[kind],
    }


def _text(data: Any) -> str:
    """JSON in a text, as saved objects keep what Elasticsearch does not index."""
    return msgspec.json.encode(data).decode()

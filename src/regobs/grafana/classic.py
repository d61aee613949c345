"""The shape of classic dashboard JSON, old and new: where dashboards, panels and queries stand in it.

The one place that knows it: snapshot, diff, doctor and lint all read dashboards through it. Rows were objects that
hold their panels until schemaVersion 15, and are panels since; a collapsed one still holds those below it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from regobs.documents import Steps

Json = dict[str, Any]
# A hyphen is in no name of a variable, but in those that an export gives to data sources: `${DS_GRAFANA-PROM}`.
VARIABLE = re.compile(r"\$\{(\w[\w-]*+)[^}${]*+\}|\$(\w+)|\[\[(\w++)[^\]\[]*+\]\]")
V2 = "a dashboard of schema v2: export it as classic JSON"
_SOURCES = ("loki", "elasticsearch", "cloudwatch", "stackdriver", "influx", "graphite", "tempo", "mysql", "postgres")


@dataclass
class FoundDashboards:
    """The dashboards of a file, each with the steps to it, and what in the file is not read, with the reason."""

    boards: list[tuple[Steps, Json]] = field(default_factory=list)
    not_read: list[tuple[Steps, str]] = field(default_factory=list)


def find_dashboards(data: Json, path: Steps = ()) -> FoundDashboards:
    """The dashboards of a file: bare, wrapped by the API or a Kubernetes object, or in a mixin rendered to JSON."""
    found = FoundDashboards()
    _find(data, path, found)
    return found


def _find(data: Json, path: Steps, found: FoundDashboards) -> None:
    version = str(data.get("apiVersion", ""))
    if version.startswith("dashboard.grafana.app/v2") or "elements" in data:
        if "layout" in data or "spec" in data:
            found.not_read.append((path, V2))
        return
    if version.startswith("dashboard.grafana.app/") and isinstance(data.get("spec"), dict):
        _find(data["spec"], (*path, "spec"), found)
        return
    if isinstance(data.get("dashboard"), dict):
        _find(data["dashboard"], (*path, "dashboard"), found)
    boards = data.get("grafanaDashboards")
    for name, board in boards.items() if isinstance(boards, dict) else ():
        if isinstance(board, dict):
            _find(board, (*path, "grafanaDashboards", name), found)
    named = "title" in data or "schemaVersion" in data or "templating" in data
    if named and (isinstance(data.get("panels"), list) or isinstance(data.get("rows"), list)):
        found.boards.append((path, data))


def panels_of(data: Json, path: Steps = ()) -> Iterator[tuple[Steps, Json]]:
    """The panels of a dashboard in the order of the file, rows of today among them, with the steps to each."""
    waiting = _held(data, path)
    while waiting:
        where, panel = waiting.pop()
        if where[-2] == "panels":
            yield where, panel
        waiting += _held(panel, where)


def _held(data: Json, path: Steps) -> list[tuple[Steps, Json]]:
    """The panels and rows of a dashboard, row or panel, the first one last."""
    found: list[tuple[Steps, Json]] = []
    for key in ("panels", "rows"):
        listed = data.get(key)
        for index, one in enumerate(listed if isinstance(listed, list) else ()):
            if isinstance(one, dict):
                found.append(((*path, key, index), one))
    return found[::-1]


def variables_of(board: Json) -> list[Json]:
    """The variables of a dashboard."""
    templating = board.get("templating")
    listed = templating.get("list") if isinstance(templating, dict) else None
    return [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []


def targets_of(panel: Json) -> list[tuple[int, Json]]:
    """The queries of a panel, whatever they ask, with the place of each in its list."""
    listed = panel.get("targets")
    return [
        (index, one) for index, one in enumerate(listed if isinstance(listed, list) else ()) if isinstance(one, dict)
    ]


def links_of(data: Json, path: Steps = ()) -> Iterator[tuple[Steps, str]]:
    """The addresses of the links of a dashboard, its panels and their fields."""
    waiting = [(path, data)]
    while waiting:
        where, one = waiting.pop()
        yield from _own_links(one, where)
        waiting += _held(one, where)


def _own_links(data: Json, path: Steps) -> Iterator[tuple[Steps, str]]:
    listed: list[tuple[Steps, Any]] = [((*path, "links"), data.get("links"))]
    config = data.get("fieldConfig")
    defaults = config.get("defaults") if isinstance(config, dict) else None
    if isinstance(defaults, dict):
        listed.append(((*path, "fieldConfig", "defaults", "links"), defaults.get("links")))
    overrides = config.get("overrides") if isinstance(config, dict) else None
    for index, one in enumerate(overrides if isinstance(overrides, list) else ()):
        properties = one.get("properties") if isinstance(one, dict) else None
        for number, each in enumerate(properties if isinstance(properties, list) else ()):
            if isinstance(each, dict) and str(each.get("id")) in {"links", "dataLinks"}:
                where: Steps = (*path, "fieldConfig", "overrides", index, "properties", number, "value")
                listed.append((where, each.get("value")))
    listed.append(((*path, "styles"), data.get("styles")))  # of the table that Grafana 7 replaced
    for where, links in listed:
        for index, one in enumerate(links if isinstance(links, list) else ()):
            for key in ("url", "linkUrl"):
                if isinstance(one, dict) and isinstance(one.get(key), str):
                    yield (*where, index, key), one[key]


def annotations_of(data: Json, path: Steps = ()) -> Iterator[tuple[Steps, Json]]:
    """The queries of the marks that a dashboard draws into its panels."""
    annotations = data.get("annotations")
    listed = annotations.get("list") if isinstance(annotations, dict) else None
    for index, one in enumerate(listed if isinstance(listed, list) else ()):
        if isinstance(one, dict):
            yield (*path, "annotations", "list", index), one


def asks_prometheus(panel: Json, target: Json, variables: Mapping[str, Json]) -> bool:
    """Whether a query may be in PromQL: false where its data source is certainly another one."""
    return not of_other_source(target.get("datasource", panel.get("datasource")), variables)


def of_other_source(datasource: Any, variables: Mapping[str, Json]) -> bool:
    """Whether a data source is certainly none of Prometheus."""
    if isinstance(datasource, dict):
        kind = str(datasource.get("type") or "")
        if kind and kind != "prometheus" and not kind.startswith("$"):
            return kind not in {"datasource", "mixed"} and "prometheus" not in kind
        datasource = datasource.get("uid")
    text = str(datasource or "").lower()
    if match := VARIABLE.search(text):
        name = next(filter(None, match.groups()), "")
        asked = next((one for key, one in variables.items() if key.lower() == name), {})
        text = str(asked.get("query") or "").lower() if asked.get("type") == "datasource" else text
    return any(word in text for word in _SOURCES)


def library_panel(panel: Json) -> str:
    """The name of the library panel that a panel stands for, where the dashboard does not hold what it shows."""
    kept = panel.get("libraryPanel")
    if not isinstance(kept, dict) or panel.get("targets"):
        return ""
    return str(kept.get("name") or kept.get("uid") or "without a name")

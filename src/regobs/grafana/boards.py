"""Dashboards as Grafana has them, read from classic JSON: whoever wrote it, in its file or as the API exports it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from regobs.common.reasons import shape_of
from regobs.documents import Steps
from regobs.errors import InputError, Location
from regobs.grafana.classic import FoundDashboards, find_dashboards, panels_of, targets_of

Json = dict[str, Any]
FOLDER = "dashboards"  # where a build puts them, below its own directory


@dataclass(frozen=True, slots=True)
class ReadPanel:
    """One panel. `place` counts from 0 within its row; `number` is Grafana's id; each query is (ref, text, legend).

    `thresholds` and `links` are one line of text each. `json` is the panel as it was read.
    """

    row: str
    place: int
    number: int
    title: str
    kind: str
    unit: str
    thresholds: str
    description: str
    links: str
    queries: tuple[tuple[str, str, str], ...]
    json: Json = field(default_factory=dict, compare=False, repr=False)

    @property
    def defaults(self) -> Json:
        """What Grafana keeps of all its fields: unit, thresholds, ends of the axis."""
        found = (self.json.get("fieldConfig") or {}).get("defaults")
        return found if isinstance(found, dict) else {}

    @property
    def texts(self) -> tuple[str, ...]:
        """What it asks."""
        return tuple(text for _, text, _ in self.queries)


@dataclass(frozen=True, slots=True)
class ReadDashboard:
    """One dashboard: its panels in reading order, its variables by name."""

    uid: str
    title: str
    variables: tuple[str, ...]
    panels: tuple[ReadPanel, ...]


def read_boards(path: Path) -> dict[str, ReadDashboard]:
    """The dashboards of a file, of a directory, or of a build's output, by file name without suffix.

    Raises InputError for a path that has none, and for a file that is none.
    """
    if path.is_file():
        return {path.stem: read_board(path)}
    folder = path / FOLDER if (path / FOLDER).is_dir() else path
    found = {file.stem: read_board(file) for file in sorted(folder.glob("*.json"))}
    if not found:
        raise InputError(
            "there is no dashboard",
            value=str(path),
            expected="a dashboard's JSON file, a directory of them, or the output of `regobs build`",
            next_step="correct the path, or write one with `regobs build --out DIR`",
        )
    return found


def read_board(path: Path) -> ReadDashboard:
    """The dashboard of one file. Raises InputError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise _refused(f"this is no JSON: {error.msg}", path, error.lineno, error.colno) from error
    except RecursionError as error:
        raise _refused("this file has too many brackets within brackets", path) from error
    except (OSError, ValueError) as error:  # no UTF-8, or a number of thousands of digits
        raise _refused(f"this file cannot be read: {error}", path) from error
    found = find_dashboards(data) if isinstance(data, dict) else FoundDashboards()
    board = next((one for _, one in found.boards), data)
    if not isinstance(board, dict) or not isinstance(board.get("panels", board.get("rows")), list):
        reason = next((why for _, why in found.not_read), "this is no dashboard: it has no list of panels")
        raise _refused(reason, path)
    try:
        return board_of(board)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _refused(f"this dashboard is not whole: {shape_of(error)}", path) from error


def _refused(message: str, path: Path, line: int | None = None, column: int | None = None) -> InputError:
    return InputError(
        message,
        location=Location(str(path), line, column),
        expected="the classic JSON of a Grafana dashboard",
        next_step="export it again, or build it with `regobs build --out DIR`",
    )


def board_of(data: Json) -> ReadDashboard:
    """The dashboard of its JSON. Raises TypeError, ValueError, KeyError or AttributeError for what is not whole."""
    variables = data.get("templating", {}).get("list", [])
    return ReadDashboard(
        uid=str(data.get("uid") or ""),
        title=str(data.get("title") or ""),
        variables=tuple(f"{one['name']}: {_query(one.get('query', ''))}" for one in variables),
        panels=tuple(_panels(data)),
    )


def _query(query: object) -> str:
    """A variable's query; Grafana keeps that of a label's values as an object once someone saved it."""
    return str(query.get("query", "")) if isinstance(query, dict) else str(query)


def _panels(data: Json) -> Iterator[ReadPanel]:
    listed = data.get("panels", data.get("rows"))
    if not isinstance(listed, list) or not all(isinstance(one, dict) for one in listed):
        raise TypeError("its panels are no list of objects")
    below: dict[Steps, list[tuple[Steps, Json]]] = {}
    for path, panel in panels_of(data):
        below.setdefault(path[:-2], []).append((path, panel))
    row, place = "", 0
    for path, panel in sorted(below.pop((), []), key=_position):
        if panel["type"] != "row":
            yield _shown(panel, row, place)
            place += 1
            continue
        row, place = str(panel.get("title") or ""), 0
        inside = sorted(below.pop(path, []), key=_position)
        yield from (_shown(inner, row, index) for index, (_, inner) in enumerate(inside))
    for path, inner in below.items():  # rows of the old kind, whose panels have no place on a grid
        if path[0] == "rows" and len(path) == 2:
            title = str(data["rows"][path[1]].get("title") or "")
            yield from (_shown(panel, title, index) for index, (_, panel) in enumerate(inner))


def _position(found: tuple[Steps, Json]) -> tuple[int, int]:
    place = found[1].get("gridPos") or {}
    return place.get("y", 0), place.get("x", 0)


def _shown(panel: Json, row: str, place: int) -> ReadPanel:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    links = [f"{link.get('title', '')} {link.get('url', '')}".strip() for link in panel.get("links") or []]
    return ReadPanel(
        row=row,
        place=place,
        number=int(panel.get("id") or 0),
        title=str(panel.get("title") or ""),
        kind=str(panel["type"]),
        unit=str(defaults.get("unit") or ""),
        thresholds=_thresholds(defaults),
        description=str(panel.get("description") or ""),
        links="; ".join(links),
        queries=tuple(
            (str(target.get("refId", "")), str(target.get("expr", "")), str(target.get("legendFormat", "")))
            for _, target in targets_of(panel)
        ),
        json=panel,
    )


def _thresholds(defaults: Json) -> str:
    """`green, yellow from 0.7, red from 0.9`; "" where there is one colour only."""
    steps = defaults.get("thresholds", {}).get("steps") or []
    if len(steps) < 2:
        return ""
    parts = (f"{one['color']}" + ("" if one.get("value") is None else f" from {one['value']:g}") for one in steps)
    return ", ".join(parts)

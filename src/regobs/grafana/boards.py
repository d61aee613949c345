"""Dashboards as Grafana has them, read from classic JSON: whoever wrote it, in its file or as the API exports it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from regobs.errors import InputError, Location

Json = dict[str, Any]
FOLDER = "dashboards"  # where a build puts them, below its own directory


@dataclass(frozen=True, slots=True)
class Shown:
    """One panel. `place` counts from 0 within its row; `number` is Grafana's id; each query is (ref, text, legend).

    `thresholds` and `links` are one line of text each.
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

    @property
    def texts(self) -> tuple[str, ...]:
        """What it asks."""
        return tuple(text for _, text, _ in self.queries)


@dataclass(frozen=True, slots=True)
class Board:
    """One dashboard: its panels in reading order, its variables by name."""

    uid: str
    title: str
    variables: tuple[str, ...]
    panels: tuple[Shown, ...]


def read_boards(path: Path) -> dict[str, Board]:
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


def read_board(path: Path) -> Board:
    """The dashboard of one file. Raises InputError."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise _refused(f"this is no JSON: {error.msg}", path, error.lineno, error.colno) from error
    except (OSError, UnicodeDecodeError) as error:
        raise _refused(f"this file cannot be read: {error}", path) from error
    board = data.get("dashboard", data) if isinstance(data, dict) else None  # the API wraps it
    if not isinstance(board, dict) or not isinstance(board.get("panels"), list):
        raise _refused("this is no dashboard: it has no list of panels", path)
    try:
        return board_of(board)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise _refused(f"this dashboard is not whole: {type(error).__name__}: {error}", path) from error


def _refused(message: str, path: Path, line: int | None = None, column: int | None = None) -> InputError:
    return InputError(
        message,
        location=Location(str(path), line, column),
        expected="the classic JSON of a Grafana dashboard",
        next_step="export it again, or build it with `regobs build --out DIR`",
    )


def board_of(data: Json) -> Board:
    """The dashboard of its JSON. Raises TypeError, ValueError, KeyError or AttributeError for what is not whole."""
    variables = data.get("templating", {}).get("list", [])
    return Board(
        uid=str(data.get("uid") or ""),
        title=str(data.get("title") or ""),
        variables=tuple(f"{one['name']}: {_query(one.get('query', ''))}" for one in variables),
        panels=tuple(_panels(data["panels"])),
    )


def _query(query: object) -> str:
    """A variable's query; Grafana keeps that of a label's values as an object once someone saved it."""
    return str(query.get("query", "")) if isinstance(query, dict) else str(query)


def _panels(listed: list[Json]) -> Iterator[Shown]:
    row, place = "", 0
    for panel in sorted(listed, key=_position):
        if panel["type"] != "row":
            yield _shown(panel, row, place)
            place += 1
            continue
        row, place = str(panel.get("title") or ""), 0
        inside = sorted(panel.get("panels") or [], key=_position)
        yield from (_shown(inner, row, index) for index, inner in enumerate(inside))


def _position(panel: Json) -> tuple[int, int]:
    place = panel.get("gridPos") or {}
    return place.get("y", 0), place.get("x", 0)


def _shown(panel: Json, row: str, place: int) -> Shown:
    defaults = panel.get("fieldConfig", {}).get("defaults", {})
    links = [f"{link.get('title', '')} {link.get('url', '')}".strip() for link in panel.get("links") or []]
    return Shown(
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
            for target in panel.get("targets") or []
        ),
    )


def _thresholds(defaults: Json) -> str:
    """`green, yellow from 0.7, red from 0.9`; "" where there is one colour only."""
    steps = defaults.get("thresholds", {}).get("steps") or []
    if len(steps) < 2:
        return ""
    parts = (f"{one['color']}" + ("" if one.get("value") is None else f" from {one['value']:g}") for one in steps)
    return ", ".join(parts)

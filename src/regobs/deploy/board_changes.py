"""What differs between dashboards: in meaning as far as that is known, and of every other setting its key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from regobs.deploy.other_settings import differing_keys, other_settings
from regobs.deploy.target import PlannedChange
from regobs.grafana.boards import ReadDashboard, ReadPanel, board_of
from regobs.grafana.compare import compare_board, compare_boards, panel_pairs

Json = Mapping[str, Any]
_OF_BOARD = ("title", "panels", "rows", "templating")
_PLACE = ("x", "y")  # of a panel, which those before it shift
_OF_PANEL = ("id", "title", "description", "type", "panels")
_OF_QUERY = ("refId", "expr", "legendFormat")


def board_changes(before: Mapping[str, Json], after: Mapping[str, Json]) -> list[PlannedChange]:
    """Dashboards and panels added, removed, moved and changed; other settings by their keys, one line a panel."""
    old, new = ({name: board_of(dict(one)) for name, one in side.items()} for side in (before, after))
    found = [
        PlannedChange(" / ".join(filter(None, (one.dashboard, one.row, one.panel))), one.what, one.before, one.after)
        for one in compare_boards(old, new)
    ]
    for name in sorted(old.keys() & new.keys()):
        keys = differing_keys(_own(before[name]), _own(after[name]))
        if keys:
            found.append(other_settings(name, keys))
        found += _of_panels(name, old[name], new[name])
    return found


def _own(board: Json) -> dict[str, Any]:
    """The settings of a dashboard itself that are not compared in meaning, those of its variables among them."""
    plain = {key: value for key, value in board.items() if key not in _OF_BOARD}
    listed = (board.get("templating") or {}).get("list") or ()
    variables = {str(one.get("name")): _without(one, ("name", "query")) for one in listed}
    return plain | {"templating": variables}


def _of_panels(name: str, old: ReadDashboard, new: ReadDashboard) -> Iterator[PlannedChange]:
    pairs = panel_pairs(old, new)
    placed = len(pairs) == len(old.panels) == len(new.panels) and all(_size(a) == _size(b) for a, b in pairs)
    placed = placed and not any(one.what == "panel moved" for one in compare_board(name, old, new))
    for before, after in pairs:
        keys = differing_keys(_settings(before, after, placed=placed), _settings(after, before, placed=placed))
        if keys:
            yield other_settings(" / ".join(filter(None, (name, after.row, after.title))), keys)


def _size(panel: ReadPanel) -> tuple[Any, Any]:
    place = panel.json.get("gridPos") or {}
    return place.get("h"), place.get("w")


def _settings(panel: ReadPanel, other: ReadPanel, *, placed: bool) -> dict[str, Any]:
    """Of a panel what no other line tells; `placed` says that its place is not only that of what stands before it."""
    found = _without(panel.json, _OF_PANEL)
    if not placed:
        found["gridPos"] = _without(panel.json.get("gridPos") or {}, _PLACE)
    if panel.links != other.links:
        found.pop("links", None)
    told = [key for key in ("unit", "thresholds") if getattr(panel, key) != getattr(other, key)]
    fields = panel.json.get("fieldConfig") or {}
    found["fieldConfig"] = {**fields, "defaults": _without(fields.get("defaults") or {}, told)}
    queries = panel.json.get("targets") or []
    found["targets"] = [_without(one, _OF_QUERY) for one in queries]
    if len(queries) != len(other.json.get("targets") or []):
        found.pop("targets")
    return found


def _without(settings: Json, keys: tuple[str, ...] | list[str]) -> dict[str, Any]:
    return {key: value for key, value in settings.items() if key not in keys}

"""What differs between dashboards: in meaning as far as that is known, and of every other setting its key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from regobs.deploy.other_settings import differing_keys, other_settings
from regobs.deploy.target import PlannedChange
from regobs.grafana.boards import ReadDashboard, ReadPanel, board_of
from regobs.grafana.compare import compare_board, compare_boards, panel_pairs, same_query

Json = Mapping[str, Any]
_OF_BOARD = ("title", "panels", "rows", "templating")
_PLACE, _SIZE = ("x", "y"), ("w", "h")  # of a panel; what stands before it shifts its place
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
    placed = len(pairs) == len(old.panels) == len(new.panels)
    placed = placed and all(_grid(a, _SIZE) == _grid(b, _SIZE) for a, b in pairs)
    placed = placed and not any(one.what == "panel moved" for one in compare_board(name, old, new))
    for before, after in pairs:
        thing = " / ".join(filter(None, (name, after.row, after.title)))
        for grid, what in ((_PLACE if placed else (), "panel moved"), (_SIZE, "panel resized")):
            if (was := _grid(before, grid)) != (now := _grid(after, grid)):
                yield PlannedChange(thing, what, was, now)
        for was, now in _written_otherwise(before, after):
            yield PlannedChange(thing, "query written differently", was, now)
        if keys := differing_keys(_settings(before, after), _settings(after, before)):
            yield other_settings(thing, keys)


def _grid(panel: ReadPanel, keys: Iterable[str]) -> str:
    """What a panel's `gridPos` says of these keys, as text."""
    place = panel.json.get("gridPos") or {}
    return ", ".join(f"{key} {place.get(key, 'unset')}" for key in keys)


def _written_otherwise(old: ReadPanel, new: ReadPanel) -> Iterator[tuple[str, str]]:
    """Queries that ask the same on both sides, and are not the same text."""
    left, right = list(old.texts), list(new.texts)
    for text in old.texts:
        if text in right:
            left.remove(text)
            right.remove(text)
    for text in left:
        same = next((other for other in right if same_query(text, other)), None)
        if same is not None:
            right.remove(same)
            yield text, same


def _settings(panel: ReadPanel, other: ReadPanel) -> dict[str, Any]:
    """Of a panel what no other line tells."""
    found = _without(panel.json, _OF_PANEL)
    found["gridPos"] = _without(panel.json.get("gridPos") or {}, (*_PLACE, *_SIZE))
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

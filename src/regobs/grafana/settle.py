"""Ids and places for the panels of a dashboard that an overlay changed."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count
from typing import Any
from zlib import crc32

from regobs.grafana.layout import COLUMNS, HEADING, LONG, SMALL, TALL, arrange, bottom
from regobs.grafana.modern import DATASOURCE
from regobs.grafana.render import LARGEST_ID

_SMALL_KINDS = frozenset({"stat", "gauge"})

Json = dict[str, Any]


def settle(dashboard: Json) -> None:
    """Give each panel its place, which follows from the order, and where it lacks them an id and a data source.

    An id depends on titles alone, as that of a panel of a dashboard file does.
    """
    used = {panel.get("id") for outer in dashboard["panels"] for panel in [outer, *outer.get("panels", [])]}
    top = 0
    for row, panels in groups(dashboard["panels"]):
        for panel in ([row] if row else []) + panels:
            if panel.get("id") is None:
                panel["id"] = _free_id(f"{dashboard['uid']}\n{row['title'] if row else ''}\n{panel.get('title')}", used)
                used.add(panel["id"])
        if row is not None:
            row["gridPos"] = {"x": 0, "y": top, "w": COLUMNS, "h": HEADING}
            top += HEADING
        places = arrange([_height(panel) for panel in panels], top)
        for panel, place in zip(panels, places, strict=True):
            panel.setdefault("datasource", DATASOURCE)
            panel["gridPos"] = {"x": place.x, "y": place.y, "w": place.w, "h": place.h}
        if row is None or not row.get("collapsed"):
            top = bottom(places, top)


def groups(panels: Sequence[Json]) -> list[tuple[Json | None, list[Json]]]:
    """Each row with its panels, those before the first row without one."""
    groups: list[tuple[Json | None, list[Json]]] = [(None, [])]
    for panel in panels:
        if panel.get("type") == "row":
            groups.append((panel, list(panel.get("panels", []))))
        else:
            groups[-1][1].append(panel)
    return [(row, inside) for row, inside in groups if row is not None or inside]


def _height(panel: Json) -> int:
    """The nearest height that the layout knows; for a panel without one, that of its kind."""
    given = panel.get("gridPos", {}).get("h")
    if given is None:
        return SMALL if panel.get("type") in _SMALL_KINDS else TALL
    return next((height for height in (SMALL, TALL) if given <= height), LONG)


def _free_id(text: str, used: set[object]) -> int:
    first = crc32(text.encode()) % LARGEST_ID + 1
    return next(number for number in (first + step for step in count()) if number not in used)

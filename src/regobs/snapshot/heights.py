"""Heights of panels on a page or a picture: a table shows every row, and what has little to show leaves no hole.

Grafana's grid has one height for each panel, made before anybody knows how many rows there are, and scrolls inside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace

from regobs.grafana.layout import COLUMNS, SMALL
from regobs.grafana.panels import Alerts, Table
from regobs.snapshot.taken import TakenPanel

_UNIT, _GAP = 30, 8  # pixels of a grid line and between two, as the page's styles have them
_HEADER, _ROW, _BELOW = 30, 24, 22  # of a panel's title, a row of a table, and a scroll bar that may be below it
_EMPTY = SMALL - 1  # grid lines of a panel that says that there is nothing


def fitted(panels: Iterable[tuple[TakenPanel, int | None]], row_height: int = _ROW) -> list[TakenPanel]:
    """Panels of one row with the places that the rows of their tables need; what stands below moves with them.

    With each panel comes how many rows its table has, None for what is drawn. Only a panel that has its lines of the
    grid for itself changes its height.
    """
    found, shift = [], 0
    for panel, rows in sorted(panels, key=lambda one: (one[0].place.y, one[0].place.x)):
        place = replace(panel.place, y=panel.place.y + shift)
        if rows is not None and place.w == COLUMNS and isinstance(panel.bound.panel, Table | Alerts):
            height = -(-(_HEADER + row_height * (rows + 1) + _BELOW + _GAP) // (_UNIT + _GAP)) if rows else _EMPTY
            shift += height - place.h
            place = replace(place, h=height)
        found.append(replace(panel, place=place))
    return found


def grown(panels: Sequence[tuple[TakenPanel, float]]) -> list[TakenPanel]:
    """Panels of one row with the pixels that each lacks: those side by side grow alike, what is below moves down."""
    lacking: dict[tuple[int, int], int] = {}
    for panel, pixels in panels:
        shelf, lines = (panel.place.y, panel.place.h), math.ceil(max(pixels, 0) / (_UNIT + _GAP))
        lacking[shelf] = max(lacking.get(shelf, 0), lines)
    found = []
    for panel, _ in panels:
        y, h = panel.place.y, panel.place.h
        shift = sum(lines for (top, height), lines in lacking.items() if top + height <= y)
        found.append(replace(panel, place=replace(panel.place, y=y + shift, h=h + lacking[y, h])))
    return found

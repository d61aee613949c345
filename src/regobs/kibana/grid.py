"""Where panels stand: 48 columns, rows one below the other, the panels of a row side by side and equally high."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from regobs.kibana.definition import Dashboard, Panel, Shape

COLUMNS = 48  # Kibana's grid
_HEIGHTS = {Shape.NUMBER: 6, Shape.TREND: 12, Shape.BARS: 12, Shape.TABLE: 15, Shape.SESSION: 18}  # of 20 pixels each


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle of the grid, from the top left corner."""

    x: int
    y: int
    w: int
    h: int


def placed(dashboard: Dashboard) -> Iterator[tuple[Panel, Place]]:
    """The panels with their places; a row is as high as its highest panel wants to be."""
    y = 0
    for row in dashboard.rows:
        height = max(_HEIGHTS[panel.shape] for panel in row)
        edges = [COLUMNS * index // len(row) for index in range(len(row) + 1)]
        for panel, left, right in zip(row, edges, edges[1:], strict=False):
            yield panel, Place(left, y, right - left, height)
        y += height

"""Where panels stand: 24 columns, no gap, no overlap, decided by how many panels a row has.

Panels of one height that follow each other form a band. A band is cut into lines that hold equally many panels, or
one fewer, and each line fills all 24 columns.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

COLUMNS = 24  # Grafana's grid
HEADING = 1  # the height of a row's title, in grid units of 30 pixels
SMALL, TALL, LONG = 4, 8, 16  # a number, a chart (Grafana's own defaults for the two), and a table of many rows
# Three columns are enough for a number and its title, eight for a chart and its legend.
MOST = {SMALL: 8, TALL: 3, LONG: 1}


@dataclass(frozen=True, slots=True)
class PanelPlace:
    """A rectangle on the grid: columns and grid units from the top left corner."""

    x: int
    y: int
    w: int
    h: int


def shares(total: int, parts: int) -> list[int]:
    """Cut `total` into `parts` whole numbers that differ by at most one, larger ones first."""
    small, extra = divmod(total, parts)
    return [small + 1] * extra + [small] * (parts - extra)


def rows_height(rows: int) -> int:
    """The height of a table of which so many rows are to be seen: 36 pixels a row, and its title and heads."""
    return max(LONG, -(-(36 * (rows + 1) + 48) // 38))


def arrange(heights: Sequence[int], top: int) -> list[PanelPlace]:
    """Places of one row's panels, in order, from grid line `top` down; one of a height of its own takes a line."""
    places: list[PanelPlace] = []
    for height, band in groupby(heights):
        panels = len(list(band))
        for on_line in shares(panels, -(-panels // MOST.get(height, 1))):
            places += [PanelPlace(x, top, w, height) for x, w in _columns(on_line)]
            top += height
    return places


def bottom(places: Sequence[PanelPlace], top: int) -> int:
    """The first free grid line below these places."""
    return max((place.y + place.h for place in places), default=top)


def _columns(panels: int) -> Iterator[tuple[int, int]]:
    x = 0
    for width in shares(COLUMNS, panels):
        yield x, width
        x += width

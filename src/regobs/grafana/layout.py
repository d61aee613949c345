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
SMALL, TALL = 4, 8  # a number, and a chart: Grafana's own defaults for the two
MOST_SMALL, MOST_TALL = 8, 3  # three columns are enough for a number and its title, eight for a chart and its legend


@dataclass(frozen=True, slots=True)
class Place:
    """A rectangle on the grid: columns and grid units from the top left corner."""

    x: int
    y: int
    w: int
    h: int


def shares(total: int, parts: int) -> list[int]:
    """Cut `total` into `parts` whole numbers that differ by at most one, larger ones first."""
    small, extra = divmod(total, parts)
    return [small + 1] * extra + [small] * (parts - extra)


def arrange(tall: Sequence[bool], top: int) -> list[Place]:
    """Places of one row's panels, in order, from grid line `top` down; `tall` says of each whether it is a chart."""
    places: list[Place] = []
    for is_tall, band in groupby(tall):
        height, most = (TALL, MOST_TALL) if is_tall else (SMALL, MOST_SMALL)
        panels = len(list(band))
        for on_line in shares(panels, -(-panels // most)):
            places += [Place(x, top, w, height) for x, w in _columns(on_line)]
            top += height
    return places


def bottom(places: Sequence[Place], top: int) -> int:
    """The first free grid line below these places."""
    return max((place.y + place.h for place in places), default=top)


def _columns(panels: int) -> Iterator[tuple[int, int]]:
    x = 0
    for width in shares(COLUMNS, panels):
        yield x, width
        x += width

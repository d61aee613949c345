"""Causes before their consequences: the order of what moved, by the links of the catalog.

A line may follow from another one whose metrics are causes of its own, share none with it, and moved at least a quarter
as much. It stands below the strongest such line of each component, which is moved up to just above it where it stood
further down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from regobs.catalog.causes import causes_by_effect, components

if TYPE_CHECKING:
    from regobs.query.moved import MovedPanel

ENOUGH = 0.25  # of an effect's rank: what moved less is not taken for its cause


def causes_first(lines: Sequence[MovedPanel]) -> list[MovedPanel]:
    """The lines with each cause above what may follow from it, else in the order given; each names its causes."""
    causes = {place: _causes(place, lines) for place in range(len(lines))}
    placed: dict[int, MovedPanel] = {}

    def put(place: int, waiting: frozenset[int]) -> None:
        if place in placed or place in waiting:  # two lines of several metrics each may name one another
            return
        for cause in causes[place]:
            put(cause, waiting | {place})
        names = tuple(lines[cause].panel.panel for cause in causes[place] if cause in placed)
        placed[place] = replace(lines[place], causes=names)

    for place in range(len(lines)):
        put(place, frozenset())
    return list(placed.values())


def _causes(place: int, lines: Sequence[MovedPanel]) -> list[int]:
    """The strongest line of each component that this one may follow from, the strongest first."""
    effect = lines[place]
    known = _before(effect.panel.telling)
    found: dict[str, int] = {}
    for other, line in sorted(enumerate(lines), key=lambda pair: -pair[1].rank):
        if line.rank < ENOUGH * effect.rank:
            break
        if line.panel.metrics & effect.panel.metrics:
            continue
        for name in sorted(line.panel.telling & known):
            found.setdefault(components()[name], other)
    return list(dict.fromkeys(found.values()))


def _before(metrics: Iterable[str]) -> frozenset[str]:
    known: Mapping[str, frozenset[str]] = causes_by_effect()
    return frozenset().union(*(known.get(name, frozenset()) for name in metrics))

"""One colour for each name of a series, whichever panel of a snapshot shows it.

The name alone chooses its colour; of two names of one panel that choose the same, one takes the next.
"""

from __future__ import annotations

import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from regobs.grafana.panels import Lines
from regobs.grafana.visuals import tells_status
from regobs.snapshot.series import series_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.theme import SERIES, SHADES, STATUSES, named_color, series_color, status_of

Palette = Mapping[str, str]


def palette_of(panels: Iterable[TakenPanel], span: TimeSpan) -> dict[str, str]:
    """The colour of every name in the charts of these panels.

    What a panel gives a name by itself comes first, then the class of a status code, then what the name chooses. The
    only series of a panel that is called as the panel has the first colour, as every chart of one line has.
    """
    drawn = [panel for panel in panels if isinstance(panel.bound.panel, Lines)]
    names = {id(panel): sorted({one.name for one in series_of(panel, span)[0]}) for panel in drawn}
    beside: defaultdict[str, set[str]] = defaultdict(set)
    for together in names.values():
        for name in together:
            beside[name].update(together)
    chosen = {name: color for panel in reversed(drawn) for name, color in _own(panel) if name in beside}
    by_status = {name for panel in drawn if tells_status(panel.bound) for name in names[id(panel)]}
    alone = {panel.title for panel in drawn if names[id(panel)] == [panel.title]}
    for name in sorted(beside):
        if name not in chosen:
            taken = Counter(chosen[one] for one in beside[name] if one in chosen)
            wanted = _statuses(name) if name in by_status else ()
            wanted = wanted or _hues(0 if name in alone else zlib.crc32(name.encode()))
            chosen[name] = min(wanted, key=lambda color: taken[color])
    return chosen


def _own(panel: TakenPanel) -> Iterator[tuple[str, str]]:
    colors = ((name, named_color(word)) for name, word in panel.bound.colors)
    return ((name, color) for name, color in colors if color)


def _hues(first: int) -> Sequence[str]:
    """The colours of series in the order of preference: every hue, then every hue in another shade."""
    count = len(SERIES)
    return [series_color((first + step) % count + shade * count) for shade in range(SHADES) for step in range(count)]


def _statuses(name: str) -> Sequence[str]:
    """The shades of the class of a status code in the order of preference; none for what names no code."""
    found = status_of(name)
    if found is None:
        return ()
    shades = STATUSES[found[0]]
    return [shades[(found[1] + step) % len(shades)] for step in range(len(shades))]

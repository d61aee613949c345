"""Panels that are text: numbers at the end of the range, and tables of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from regobs.common.counts import whole
from regobs.grafana.bound import RESOURCE, BoundQuery
from regobs.grafana.levels import WORDS as LEVELS
from regobs.grafana.panels import Alerts, Stat, Table, Tile
from regobs.grafana.readings import column_title, mapped_text, mappings_of, sorting, unit_of
from regobs.snapshot.bars import now_of
from regobs.snapshot.charts import Chart, Json, framed
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.theme import STATES, state_of
from regobs.snapshot.units import value_text

MOST_NUMBERS = 6  # side by side in one panel
MOST_ROWS = 60  # of a table in a picture, which is not longer for a thousand of them; the page has all
_ALERTS = "alerts"  # what a list of alerts counts
_NAME, _SEVERITY = "alertname", "severity"  # labels of an alert: the second tells how grave it is
_OTHERS = "labels"  # the column of all its other labels
_Key = tuple[tuple[str, str], ...]  # the labels of a row
ROW_HEIGHT, _LETTER = 20, 6.2  # pixels of a row of a table, and of a letter of 12 pixels at the mean
_NAME_WIDTH = 28  # characters of a name below a number, and of a cell where there is no room for all of it


@dataclass(frozen=True, slots=True)
class WrittenNumber:
    """One value in words. `state` is green, yellow or red, "" without thresholds."""

    name: str
    text: str
    state: str


@dataclass(frozen=True, slots=True)
class TextTable:
    """Heads and rows of text; of each row the last `values` cells are numbers, `states` are theirs by row and place.

    A state is green, yellow or red, "" for a column without thresholds.
    """

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    values: int
    states: tuple[tuple[str, ...], ...] = ()


def numbers_of(panel: TakenPanel) -> list[WrittenNumber]:
    """The values of a panel, highest first; a name only where it says more than the title."""
    return [
        WrittenNumber(
            "" if name == panel.title else name,
            (_level(value) if isinstance(panel.bound.panel, Tile) else "") or text,
            state_of(value, panel.bound.panel.thresholds),
        )
        for name, value, text in now_of(panel)
    ]


def _level(value: float) -> str:
    return LEVELS.get(whole(value), "") if math.isfinite(value) else ""


def _cell(query: BoundQuery, value: float) -> str:
    return mapped_text(mappings_of(query), value) or value_text(value, unit_of(query))


def table_of(panel: TakenPanel) -> TextTable:
    """One row for each combination of labels, one column for each query; the worst first, as in Grafana.

    A table of resources begins with what it is about, a list of alerts with the gravest.
    """
    cells: dict[_Key, dict[str, float]] = {}
    for asked in panel.asked:
        for sample in asked.answer.samples if asked.answer else ():
            key = tuple(sorted((name, value) for name, value in sample.labels.items() if name != "__name__"))
            cells.setdefault(key, {})[asked.query.ref] = sample.value
    if isinstance(panel.bound.panel, Alerts):
        cells = {_told(key): values for key, values in cells.items()}
    labels = sorted({name for key in cells for name, _ in key}, key=lambda name: (name != RESOURCE, name))
    queries = [asked.query for asked in panel.asked]
    ordered = sorted(cells, key=lambda key: (_gravity(panel, key), _order(panel, cells[key]), key))
    rows = [
        (
            *(dict(key).get(label, "") for label in labels),
            *(_cell(one, found[one.ref]) if one.ref in found else "" for one in queries),
        )
        for key in ordered
        for found in (cells[key],)
    ]
    word = panel.bound.panel
    colored = word.colored if isinstance(word, Table) else {}
    limits = [colored.get(query.name, word.thresholds) for query in queries]
    states = tuple(
        tuple(state_of(cells[key].get(one.ref, math.nan), pair) for one, pair in zip(queries, limits, strict=True))
        for key in ordered
    )
    unnamed = _ALERTS if isinstance(word, Alerts) else panel.title
    heads = (*map(column_title, labels), *(query.name or unnamed for query in queries))
    return TextTable(tuple(heads), tuple(rows), len(queries), states)


def _told(key: _Key) -> _Key:
    """The labels of alerts in three columns: the name, what it is about, and how grave it is."""
    own = {name: value for name, value in key if name in {_NAME, _SEVERITY}}
    about = ", ".join(f"{name} {value}" for name, value in key if name not in own and value)
    return tuple(sorted({**own, _OTHERS: about}.items()))


def _gravity(panel: TakenPanel, key: _Key) -> int:
    """Of an alert, how many severities are graver; 0 of what is none."""
    if not isinstance(panel.bound.panel, Alerts):
        return 0
    severity = dict(key).get(_SEVERITY, "")
    return panel.severities.index(severity) if severity in panel.severities else len(panel.severities)


def _order(panel: TakenPanel, found: Mapping[str, float]) -> list[float]:
    """The values by which a row has its place, the lowest first; what has none comes last."""
    values = ((found.get(query.ref, math.nan), down) for query, down in sorting(panel.bound))
    return [math.inf if math.isnan(value) else -value if down else value for value, down in values]


def answers_of(panel: TakenPanel) -> list[WrittenNumber]:
    """The same as they are to be read: where what is called so is the answer, its name comes before how many it is."""
    found, word = numbers_of(panel), panel.bound.panel
    if isinstance(word, Stat) and word.names:
        return [replace(one, name=one.text, text=one.name) if one.name else one for one in found]
    return found


def numbers_picture(numbers: Sequence[WrittenNumber], width: float) -> Chart:
    """Numbers side by side, for a picture so wide."""
    shown = numbers[:MOST_NUMBERS]
    longest = max(len(one.text) for one in shown)
    size = min(30, round(280 / (len(shown) * longest)) + 8)
    letters = min(_NAME_WIDTH, int(width / len(shown) / _LETTER) - 1)  # of a name: it stays beside the next
    rows = [
        {"x": number + 0.5, "text": one.text, "name": _cut(one.name, letters), "color": STATES.get(one.state)}
        for number, one in enumerate(shown)
    ]
    along: Json = {
        "field": "x",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [0, len(shown)], "nice": False},
    }
    named = any(one.name for one in shown)
    color: Json = {"condition": {"test": "datum.color", "field": "color", "scale": None}}
    value: Json = {
        "mark": {"type": "text", "fontSize": size, "fontWeight": 600, "dy": -6 if named else 0},
        "encoding": {"x": along, "text": {"field": "text"}, "color": color},
    }
    name: Json = {
        "mark": {"type": "text", "fontSize": 11, "dy": size * 0.8, "opacity": 0.65},
        "encoding": {"x": along, "text": {"field": "name"}},
    }
    return Chart(framed(data={"name": "points"}, layer=[value, name]), {"form": "rows", "values": rows})


def table_picture(table: TextTable, width: float, height: float) -> Chart:
    """As many rows of a table as a picture of this size has room for; a page scrolls, a picture does not."""
    room = min(MOST_ROWS, max(1, int(height // ROW_HEIGHT) - 1))
    shown = table.rows[:room]
    lines: list[Sequence[str]] = [table.heads, *shown]
    if sum(_widths(lines)) * _LETTER > width:
        lines = [[_cut(text) for text in row] for row in lines]
    widths = _widths(lines)
    starts = [sum(widths[:index]) / sum(widths) for index in range(len(widths))]
    labels = len(table.heads) - table.values
    states = [[""] * len(table.heads), *([""] * labels + list(one) for one in table.states[:room])]
    cells = [
        {"x": start, "y": number, "text": text, "head": number == 0, "color": STATES.get(state)}
        for number, (line, judged) in enumerate(zip(lines, states, strict=True))
        for start, text, state in zip(starts, line, judged, strict=True)
    ]
    more = len(table.rows) - len(shown)
    note = f"{more} more {'row is' if more == 1 else 'rows are'} not shown" if more else ""
    return Chart(_table_spec(room), {"form": "rows", "values": cells}, note=note)


def _table_spec(rows: int) -> Json:
    down: Json = {
        "field": "y",
        "type": "quantitative",
        "axis": None,
        "scale": {"domain": [rows + 1, 0], "nice": False},
    }
    encoding: Json = {
        "x": {"field": "x", "type": "quantitative", "axis": None, "scale": {"domain": [0, 1], "nice": False}},
        "y": down,
        "text": {"field": "text"},
        "color": {"condition": {"test": "datum.color", "field": "color", "scale": None}},
        "opacity": {"condition": {"test": "datum.head", "value": 0.6}, "value": 1},
    }
    mark: Json = {"type": "text", "align": "left", "baseline": "top", "fontSize": 12}
    return framed(data={"name": "points"}, mark=mark, encoding=encoding)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    """Letters of each column, and a space after it."""
    return [max(map(len, column)) + 2 for column in zip(*lines, strict=True)]


def _cut(text: str, letters: int = _NAME_WIDTH) -> str:
    return text if len(text) <= letters else f"{text[: letters - 1]}…"

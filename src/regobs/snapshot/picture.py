"""A dashboard as one PNG: the charts as vl-convert draws them, on the grid, in frames with their titles."""

from __future__ import annotations

import copy
import math
import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from typing import Any

from regobs import __version__
from regobs.grafana.layout import COLUMNS, PanelPlace, bottom
from regobs.grafana.panels import Alerts, Table
from regobs.grafana.readings import NO_DATA
from regobs.snapshot import theme
from regobs.snapshot.charts import VEGALITE, Chart, Json, chosen, expand, marked
from regobs.snapshot.draw import chart_of, has_data, rows_of
from regobs.snapshot.heights import fitted
from regobs.snapshot.page import facts
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import Snapshot, TakenDashboard, TakenPanel
from regobs.snapshot.texts import MOST_ROWS, ROW_HEIGHT, answers_of, numbers_picture, table_of, table_picture
from regobs.snapshot.vega import vl_convert

WIDTH = 1600  # pixels
_UNIT, _GAP, _MARGIN = 30, 8, 16  # a grid unit and what lies between panels, as Grafana has them
_TITLE, _HEADING, _NOTE = 26, 30, 14  # heights of a panel's title, of a row's, and of what stands below a chart
_NAME, _LETTER = 60, 6.2  # letters of a name in a legend at most, and pixels of one at the mean
_FONT = "Liberation Sans, Arial, sans-serif"
_ID = re.compile(r'(\bid="|url\(#|href="#)')
Events = Sequence[tuple[float, str]]  # time and colour
_SVG = "http://www.w3.org/2000/svg"


def picture(dashboard: TakenDashboard, snapshot: Snapshot, *, dark: bool = False) -> bytes:
    """The PNG of a dashboard that shows something. Raises MachineError without the extra `snapshot`."""
    png: bytes = vl_convert().svg_to_png(drawing(dashboard, snapshot, dark=dark))
    return png


def drawing(dashboard: TakenDashboard, snapshot: Snapshot, *, dark: bool = False) -> str:
    """The same as SVG."""
    sheet = _Sheet("dark" if dark else "light")
    events = [(one.time, theme.EVENTS[one.kind]) for one in snapshot.events]
    sheet.text(_MARGIN, 30, dashboard.title, size=20, weight="600")
    sheet.text(_MARGIN, 50, f"{facts(snapshot)}, regobs {__version__}", size=12, faint=True)
    top = 62.0
    for row in dashboard.rows:
        sheet.text(_MARGIN, top + 20, row.title, size=14, weight="600")
        top += _HEADING
        panels = fitted(((panel, _rows(panel, snapshot.span)) for panel in row.panels), ROW_HEIGHT)
        for panel in panels:
            sheet.panel(panel, snapshot.span, events, top)
        top += bottom([panel.place for panel in panels], 0) * (_UNIT + _GAP)
    return sheet.svg(top + _MARGIN)


def _rows(panel: TakenPanel, span: TimeSpan) -> int | None:
    """How many rows of a table are shown, as `rows_of` says it."""
    rows = rows_of(panel, span)
    return None if rows is None else min(rows, MOST_ROWS)


class _Sheet:
    """An SVG of frames and titles, into which the library's drawings are put."""

    def __init__(self, name: str) -> None:
        self._theme = name
        self._root = ET.Element("svg", {"xmlns": _SVG, "xmlns:xlink": "http://www.w3.org/1999/xlink"})
        self._background = self._add(self._root, "rect", width="100%", height="100%", fill=theme.CANVAS[name])
        self._drawings: list[tuple[str, str]] = []

    def svg(self, height: float) -> str:
        """The whole, so high."""
        self._root.set("width", str(WIDTH))
        self._root.set("height", f"{height:.0f}")
        text = ET.tostring(self._root, encoding="unicode")
        for mark, drawing in self._drawings:
            text = text.replace(mark, drawing)
        return text

    def text(
        self,
        x: float,
        y: float,
        content: str,
        *,
        size: int,
        weight: str = "400",
        faint: bool = False,
        middle: bool = False,
    ) -> None:
        """One line of text with its baseline at y."""
        color = (theme.FAINT if faint else theme.INK)[self._theme]
        own = self._add(self._root, "text", x=x, y=y, fill=color)
        own.set("font-size", str(size))
        own.set("font-weight", weight)
        own.set("font-family", _FONT)
        own.set("text-anchor", "middle" if middle else "start")
        own.text = content

    def panel(self, panel: TakenPanel, span: TimeSpan, events: Events, top: float) -> None:
        """A panel at its place below `top`."""
        x, y, w, h = _pixels(panel.place, top)
        frame = self._add(self._root, "rect", x=x, y=y, width=w, height=h, rx=4, fill=theme.PANEL[self._theme])
        frame.set("stroke", theme.GRID[self._theme])
        self.text(x + 9, y + 18, _cut(panel.title, w), size=13, weight="600")
        chart = _chart(panel, span, events, (w, h - _TITLE))
        if chart is None:
            self._nothing(panel, x + w / 2, y + h / 2)
            return
        notes = [chart.note, _unnamed(chart, w) if chart.names != (panel.title,) else ""]
        note = ", ".join(filter(None, notes))
        drawing = self._draw(chart, panel.title, w, h - _TITLE - (_NOTE if note else 0))
        mark = f"@{len(self._drawings)}@"
        holder = self._add(self._root, "g", transform=f"translate({x:.1f} {y + _TITLE:.1f})")
        holder.text = mark
        self._drawings.append((mark, drawing))
        if note:
            self.text(x + 9, y + h - 6, note, size=11, faint=True)

    def _nothing(self, panel: TakenPanel, x: float, y: float) -> None:
        if panel.error:
            self.text(x, y + 4, "the server rejects this query", size=13, faint=True, middle=True)
            return
        self.text(x, y + 4, NO_DATA, size=13, faint=True, middle=True)
        if panel.hint:
            self.text(x, y + 20, panel.hint, size=11, faint=True, middle=True)

    def _draw(self, chart: Chart, title: str, width: float, height: float) -> str:
        """The library's drawing, its identifiers told apart from those of the others."""
        spec = _still(chart, width, height, legend=chart.names != (title,))
        svg: str = vl_convert().vegalite_to_svg(spec, vl_version=VEGALITE, config=theme.config(self._theme))
        return _ID.sub(rf"\g<1>p{len(self._drawings)}-", svg)

    @staticmethod
    def _add(parent: ET.Element, tag: str, **attributes: Any) -> ET.Element:
        return ET.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})


def _chart(panel: TakenPanel, span: TimeSpan, events: Events, size: tuple[float, float]) -> Chart | None:
    if not has_data(panel, span):
        return None
    if (chart := chart_of(panel, span)) is not None:
        return marked(chart, events)
    if isinstance(panel.bound.panel, Table | Alerts):
        width, height = size
        return table_picture(table_of(panel), width, height - _NOTE)
    return numbers_picture(answers_of(panel))


def _still(chart: Chart, width: float, height: float, *, legend: bool) -> Json:
    """The specification with its data, of a fixed size, with a legend where the page has one of its own."""
    spec = copy.deepcopy(chart.spec)
    spec |= {"width": round(width), "height": round(height), "datasets": {"points": expand(chart.data)}}
    if chart.data["form"] == "series" and legend:
        spec["layer"][0]["encoding"]["color"]["legend"] = _legend(chart, width)
    return spec


def _columns(chart: Chart, width: float) -> int:
    return max(1, int((width - 20) // (_longest(chart) * _LETTER + 30)))


def _longest(chart: Chart) -> int:
    """Letters of the longest name in a legend; what is longer is cut."""
    return min(max(map(len, chart.names)), _NAME)


def _named(chart: Chart, width: float) -> list[int]:
    """The numbers of the series that the legend names, those with the highest peaks: four lines leave it room."""
    peaks = [
        max((value for value in values if value is not None), default=-math.inf) for values in chart.data["values"]
    ]
    highest = sorted(range(len(chart.names)), key=lambda number: (-peaks[number], number))
    return sorted(highest[: _columns(chart, width) * 4])


def _unnamed(chart: Chart, width: float) -> str:
    """What the legend has no room for, in words."""
    if chart.data["form"] != "series":
        return ""
    rest = len(chart.names) - len(_named(chart, width))
    return f"{rest} more {'name' if rest == 1 else 'names'} on the page" if rest else ""


def _legend(chart: Chart, width: float) -> Json:
    return {
        "title": None,
        "orient": "bottom",
        "direction": "horizontal",
        "columns": _columns(chart, width),
        "labelLimit": round(_longest(chart) * _LETTER * 1.1) + 8,
        "symbolType": "stroke",
        "values": _named(chart, width),
        "labelExpr": chosen(chart.names),
    }


def _pixels(place: PanelPlace, top: float) -> tuple[float, float, float, float]:
    column = (WIDTH - 2 * _MARGIN + _GAP) / COLUMNS
    return (
        _MARGIN + place.x * column,
        top + place.y * (_UNIT + _GAP),
        place.w * column - _GAP,
        place.h * (_UNIT + _GAP) - _GAP,
    )


def _cut(title: str, width: float) -> str:
    most = int((width - 16) / 7)
    return title if len(title) <= most else f"{title[: most - 1]}…"

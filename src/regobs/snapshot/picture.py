"""A dashboard as one PNG: the charts as vl-convert draws them, on the grid, in frames with their titles."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from regobs import __version__
from regobs.grafana.layout import COLUMNS, PanelPlace, bottom
from regobs.grafana.panels import Alerts, Table
from regobs.grafana.readings import NO_DATA
from regobs.snapshot import theme
from regobs.snapshot.charts import VEGALITE, Chart, expand, marked
from regobs.snapshot.draw import chart_of, has_data, rows_of
from regobs.snapshot.heights import fitted, grown
from regobs.snapshot.legend import legend_of
from regobs.snapshot.page import facts
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import Snapshot, TakenDashboard, TakenPanel
from regobs.snapshot.texts import MOST_ROWS, ROW_HEIGHT, answers_of, numbers_picture, table_of, table_picture
from regobs.snapshot.vega import vl_convert
from regobs.snapshot.wrapped import WrittenItem, wrapped

WIDTH = 1600  # pixels
_UNIT, _GAP, _MARGIN = 30, 8, 16  # a grid unit and what lies between panels, as Grafana has them
_TITLE, _HEADING, _NOTE = 26, 30, 14  # heights of a panel's title, of a row's, and of what stands below a chart
_LINE, _LOWEST, _EDGE = 16, 150, 9  # a line of a legend, the least height of a chart, and what is free beside both
_FONT = "Liberation Sans, Arial, sans-serif"
_ID = re.compile(r'(\bid="|url\(#|href="#)')
_SVG = "http://www.w3.org/2000/svg"


def picture(dashboard: TakenDashboard, snapshot: Snapshot, *, dark: bool = False) -> bytes:
    """The PNG of a dashboard that shows something. Raises MachineError without the extra `snapshot`."""
    png: bytes = vl_convert().svg_to_png(drawing(dashboard, snapshot, dark=dark))
    return png


def drawing(dashboard: TakenDashboard, snapshot: Snapshot, *, dark: bool = False) -> str:
    """The same as SVG."""
    sheet = _Sheet("dark" if dark else "light")
    sheet.text(_MARGIN, 30, dashboard.title, size=20, weight="600")
    sheet.text(_MARGIN, 50, f"{facts(snapshot)}, regobs {__version__}", size=12, faint=True)
    top = 62.0 + sheet.items(_happened(snapshot), _MARGIN, 58)
    for row in dashboard.rows:
        sheet.text(_MARGIN, top + 20, row.title, size=14, weight="600")
        top += _HEADING
        panels = fitted(((panel, _rows(panel, snapshot.span)) for panel in row.panels), ROW_HEIGHT)
        contents = [_Content.of(panel, snapshot) for panel in panels]
        panels = grown([(one.panel, one.lacking) for one in contents])
        for panel, content in zip(panels, contents, strict=True):
            sheet.panel(replace(content, panel=panel), snapshot.span, top)
        top += bottom([panel.place for panel in panels], 0) * (_UNIT + _GAP)
    return sheet.svg(top + _MARGIN)


def _happened(snapshot: Snapshot) -> list[list[WrittenItem]]:
    """What happened, in order, in the colours of the lines on the charts."""
    found = ((f"{snapshot.span.moment(one.time)} {one.text}", theme.EVENTS[one.kind]) for one in snapshot.events)
    return wrapped(found, WIDTH - 2 * _MARGIN)


def _rows(panel: TakenPanel, span: TimeSpan) -> int | None:
    """How many rows of a table are shown, as `rows_of` says it."""
    rows = rows_of(panel, span)
    return None if rows is None else min(rows, MOST_ROWS)


@dataclass(frozen=True, slots=True)
class _Content:
    """A panel with its chart, None where it has no data or is text, and the lines of its legend."""

    panel: TakenPanel
    chart: Chart | None
    legend: list[list[WrittenItem]]

    @classmethod
    def of(cls, panel: TakenPanel, snapshot: Snapshot) -> _Content:
        """What is drawn of a panel."""
        span = snapshot.span
        chart = chart_of(panel, span, snapshot.colors) if has_data(panel, span) else None
        if chart is None:
            return cls(panel, None, [])
        _, _, width, _ = _pixels(panel.place, 0)
        named = ((text, chart.colors[number]) for number, text in legend_of(panel, chart))
        marks = ((one.time, theme.EVENTS[one.kind]) for one in snapshot.events)
        return cls(panel, marked(chart, marks), wrapped(named, width - 2 * _EDGE))

    @property
    def below(self) -> float:
        """The height of what stands below the chart."""
        noted = self.chart is not None and self.chart.note
        return len(self.legend) * _LINE + (_NOTE if noted else 0)

    @property
    def lacking(self) -> float:
        """How many pixels more the panel needs, so that a long legend leaves room for the chart."""
        _, _, _, height = _pixels(self.panel.place, 0)
        return _TITLE + _LOWEST + self.below - height if self.legend else 0


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

    def items(self, lines: Sequence[Sequence[WrittenItem]], x: float, y: float) -> float:
        """Lines of texts with a mark in the colour of each, from y down, and the height of all of them."""
        for number, line in enumerate(lines):
            base = y + (number + 1) * _LINE - 4
            for item in line:
                if item.color:
                    self._add(self._root, "rect", x=x + item.x, y=base - 5, width=12, height=3, fill=item.color)
                self.text(x + item.x + 16, base, item.text, size=11)
        return len(lines) * _LINE

    def panel(self, content: _Content, span: TimeSpan, top: float) -> None:
        """A panel at its place below `top`."""
        panel = content.panel
        x, y, w, h = _pixels(panel.place, top)
        frame = self._add(self._root, "rect", x=x, y=y, width=w, height=h, rx=4, fill=theme.PANEL[self._theme])
        frame.set("stroke", theme.GRID[self._theme])
        self.text(x + _EDGE, y + 18, _cut(panel.title, w), size=13, weight="600")
        chart = content.chart or _text(panel, span, (w, h - _TITLE))
        if chart is None:
            self._nothing(panel, x + w / 2, y + h / 2)
            return
        below = replace(content, chart=chart).below
        drawing = self._draw(chart, w, h - _TITLE - below)
        mark = f"@{len(self._drawings)}@"
        holder = self._add(self._root, "g", transform=f"translate({x:.1f} {y + _TITLE:.1f})")
        holder.text = mark
        self._drawings.append((mark, drawing))
        self.items(content.legend, x + _EDGE, y + h - below)
        if chart.note:
            self.text(x + _EDGE, y + h - 6, chart.note, size=11, faint=True)

    def _nothing(self, panel: TakenPanel, x: float, y: float) -> None:
        if panel.error:
            self.text(x, y + 4, "the server rejects this query", size=13, faint=True, middle=True)
            return
        self.text(x, y + 4, NO_DATA, size=13, faint=True, middle=True)
        if panel.hint:
            self.text(x, y + 20, panel.hint, size=11, faint=True, middle=True)

    def _draw(self, chart: Chart, width: float, height: float) -> str:
        """The library's drawing, its identifiers told apart from those of the others."""
        spec = {
            **chart.spec,
            "width": round(width),
            "height": round(height),
            "datasets": {"points": expand(chart.data)},
        }
        svg: str = vl_convert().vegalite_to_svg(spec, vl_version=VEGALITE, config=theme.config(self._theme))
        return _ID.sub(rf"\g<1>p{len(self._drawings)}-", svg)

    @staticmethod
    def _add(parent: ET.Element, tag: str, **attributes: Any) -> ET.Element:
        return ET.SubElement(parent, tag, {name: str(value) for name, value in attributes.items()})


def _text(panel: TakenPanel, span: TimeSpan, size: tuple[float, float]) -> Chart | None:
    """A panel that is text as a drawing of this size; None for one without data."""
    if not has_data(panel, span):
        return None
    width, height = size
    if isinstance(panel.bound.panel, Table | Alerts):
        return table_picture(table_of(panel), width, height - _NOTE)
    return numbers_picture(answers_of(panel), width)


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

"""Colours and type of the charts, light and dark."""

from __future__ import annotations

import re
from typing import Any

Json = dict[str, Any]
THEMES = ("light", "dark")

# Told apart on white and on black, neighbours of different hue and lightness, none of them the red of a threshold.
SERIES = (
    "#3f87d9", "#ef8c34", "#35a46e", "#9c6cd6", "#c9a61b", "#2ab3c4", "#d667a9", "#8a94a3", "#a5764a", "#7fb13b",
    "#6675e0", "#e57f76",
)  # fmt: skip
_MIXED = ((0.0, 0), (0.42, 255), (0.38, 0))  # how much of white (255) or black is mixed in: still seen on both
SHADES = len(_MIXED)
# Shades of the classes of status codes, in Grafana's hues of dashboards: red only for what the registry does wrong.
STATUSES = {
    "2": ("#2f9e62", "#7fb13b", "#57c79b", "#1d6b43"),
    "3": ("#3f87d9", "#2ab3c4", "#7aa9f0", "#2b5f9e"),
    "4": ("#ef8c34", "#c9a61b", "#f3b37a", "#a5764a"),
    "5": ("#dc4446", "#b02a5b", "#f08a84", "#8c1d1f"),
}
STATES = {"green": "#2f9e62", "yellow": "#d99a0b", "red": "#dc4446"}  # Grafana's names for threshold colours
_HUES = {**STATES, "orange": "#ef8c34", "blue": "#3f87d9", "purple": "#9c6cd6"}  # of which Grafana has shades
_HEX = re.compile(r"#[0-9a-fA-F]{6}")
# What happened: a fault, its repair, an alert that begins to fire, and its end.
EVENTS = {"fault": "#dc4446", "repair": "#2f9e62", "alert": "#d99a0b", "end": "#3f87d9"}
_STATUS = re.compile(r"(?<!\S)([2-5])(?:(\d\d)|xx)?(?!\S)")
NEUTRAL = "#808a96"  # seen on white and on black
PLAIN = "#3f87d9"  # a bar without thresholds

_FONT = "system-ui, -apple-system, 'Segoe UI', 'Liberation Sans', Arial, sans-serif"
INK = {"light": "#24292f", "dark": "#d8dce2"}
FAINT = {"light": "#69727d", "dark": "#939ba6"}
GRID = {"light": "#e7eaee", "dark": "#2b3038"}
PANEL = {"light": "#ffffff", "dark": "#181b20"}
CANVAS = {"light": "#f2f4f6", "dark": "#0f1114"}
# From few to many; the fewest still differ from the panel behind them.
_HEAT = {
    "light": ["#fde3c8", "#f9b574", "#ee7f2b", "#c5500c", "#7f2704"],
    "dark": ["#4a2a14", "#8a4312", "#d0661a", "#f79a46", "#ffe0b8"],
}


def series_color(index: int) -> str:
    """The colour of a series by its place; after the last the hues come again lighter, then darker, then as before."""
    hue = SERIES[index % len(SERIES)]
    part, towards = _MIXED[index // len(SERIES) % SHADES]
    mixed = (round(int(hue[at : at + 2], 16) * (1 - part) + towards * part) for at in (1, 3, 5))
    return "#" + "".join(f"{value:02x}" for value in mixed)


def status_of(name: str) -> tuple[str, int] | None:
    """The class of the status code that a series is named by, and the number of its code in that class."""
    code = _STATUS.search(name)
    return None if code is None else (code[1], int(code[2] or 0))


def named_color(word: str) -> str:
    """One of Grafana's words for a colour, such as `semi-dark-red`, or its hex code; "" for what is neither."""
    hue = _HUES.get(word.rpartition("-")[2], "")
    return hue or (word.lower() if _HEX.fullmatch(word) else "")


def state_of(value: float, thresholds: tuple[float, float] | None) -> str:
    """green, yellow or red, by (warning, critical), rising or falling; "" without thresholds or for NaN."""
    if thresholds is None or value != value:  # noqa: PLR0124 - NaN alone differs from itself
        return ""
    warn, bad = thresholds
    if warn < bad:
        return "red" if value >= bad else "yellow" if value >= warn else "green"
    return "red" if value < bad else "yellow" if value < warn else "green"


def config(theme: str) -> Json:
    """The Vega-Lite configuration of a theme."""
    text = {"labelColor": FAINT[theme], "titleColor": FAINT[theme], "labelFontSize": 11, "titleFontSize": 11}
    return {
        "background": "transparent",
        "font": _FONT,
        "view": {"stroke": None},
        "axis": {
            **text,
            "titleFontWeight": "normal",
            "domain": False,
            "ticks": False,
            "gridColor": GRID[theme],
            "labelPadding": 6,
        },
        "legend": {**text, "labelColor": INK[theme], "symbolStrokeWidth": 3, "symbolSize": 90, "rowPadding": 2},
        "range": {"heatmap": _HEAT[theme], "ramp": _HEAT[theme]},
        "text": {"color": INK[theme], "font": _FONT},
    }

"""A chart: a Vega-Lite specification without its data, and the data in a compact form beside it.

Three forms of data. `series` and `heat` hold one list of values a series and the times once; `expand` makes of them
the rows that the specification reads, and so does the page's script. `rows` are these rows already.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from regobs.snapshot.span import TimeSpan

Json = dict[str, Any]
Stretch = tuple[int, int, str]  # the first and the last point, and words for what is known of them

SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"
VEGALITE = "6.4"  # as vl-convert counts them
PRECISION = 5  # significant digits of a drawn value: a screen shows four
# What Vega writes on a time axis, by the finest part of a tick that is not zero. Its own words have twelve hours.
_TIMES = {
    "year": "%Y",
    "quarter": "%b %Y",
    "month": "%b %Y",
    "week": "%b %d",
    "date": "%b %d",
    "hours": "%H:%M",
    "minutes": "%H:%M",
    "seconds": "%H:%M:%S",
    "milliseconds": "%S.%L",
}
ZOOM: Json = {
    "name": "zoom",
    "select": {"type": "interval", "encodings": ["x"], "zoom": "wheel![event.ctrlKey || event.metaKey]"},
    "bind": "scales",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """What is drawn in a panel. `interactive` layers are for a page, a picture has none of them.

    `names` and `colors` are those of the series by number, `unit` that of their values; the page's tooltip is made of
    them. `beyond` are the stretches of points of each series, first and last, whose values are only known to lie at or
    beyond the outermost bucket edge, with the words for that. `note` says what is not drawn.
    """

    spec: Json
    data: Json
    interactive: Json = field(default_factory=dict)
    names: tuple[str, ...] = ()
    colors: tuple[str, ...] = ()
    unit: str = "none"
    beyond: tuple[tuple[Stretch, ...], ...] = ()
    note: str = ""


def framed(**parts: Any) -> Json:
    """A specification that fills its panel."""
    return {
        "$schema": SCHEMA,
        "width": "container",
        "height": "container",
        "autosize": {"type": "fit", "contains": "padding"},
        "padding": {"left": 4, "right": 10, "top": 6, "bottom": 2},
        **parts,
    }


def time_axis(span: TimeSpan, last: int) -> Json:
    """The channel of time, from the first point to `last` (seconds since 1970), in UTC."""
    return {
        "field": "t",
        "type": "temporal",
        # Not `domain`: with that, Vega-Lite warns of a conflict wherever a mark has a second end.
        "scale": {"type": "utc", "domainMin": span.first * 1000, "domainMax": last * 1000, "nice": False},
        "axis": {
            "title": None,
            "format": _TIMES,
            "tickCount": 7,
            "grid": False,
            "labelOverlap": True,
            "labelSeparation": 14,
        },
    }


def marked(chart: Chart, events: Iterable[tuple[float, str]]) -> Chart:
    """The chart with a line at the time (seconds since 1970) and in the colour of each event; only one over time."""
    along = chart.spec.get("encoding", {}).get("x", {})
    if along.get("type") != "temporal":
        return chart
    by_color: dict[str, list[Json]] = {}
    for time, color in events:
        by_color.setdefault(color, []).append({"at": round(time * 1000)})
    lines = [
        {
            "data": {"values": values},
            "mark": {"type": "rule", "color": color, "strokeWidth": 1, "opacity": 0.5, "clip": True},
            "encoding": {"x": {**along, "field": "at"}},
        }
        for color, values in by_color.items()
    ]
    if "layer" in chart.spec:
        return replace(chart, spec={**chart.spec, "layer": [*chart.spec["layer"], *lines]})
    rest = {key: value for key, value in chart.spec.items() if key not in {"mark", "encoding"}}
    drawn = {
        key: chart.spec[key] for key in ("mark", "encoding")
    }  # its own: a line has neither its rows nor its colours
    return replace(chart, spec={**rest, "layer": [drawn, *lines]})


def chosen(names: Sequence[str]) -> str:
    """A Vega expression: the name of the number that an axis or a legend labels."""
    return f"{json.dumps(names)}[datum.value]"


def rounded(value: float | None) -> float | int | None:
    """A value with as many digits as a screen shows; whole numbers without a point."""
    if value is None:
        return None
    short = float(f"{value:.{PRECISION}g}")
    return int(short) if short.is_integer() and abs(short) < 1e15 else short


def compact(kind: str, span: TimeSpan, values: Sequence[Sequence[float | None]]) -> Json:
    """Data of the form `series` or `heat`: times in milliseconds, values in the scale they are drawn in."""
    return {
        "form": kind,
        "first": span.first * 1000,
        "step": span.step * 1000,
        "values": [[rounded(value) for value in one] for one in values],
    }


def expand(data: Json) -> list[Json]:
    """The rows of compact data: time `t`, series `s` and value `v`.

    A row of `series` says with `lone` that no neighbour joins it to a line; one of `heat` has its end `t2`, and there
    is none for a cell without observations.
    """
    if data["form"] == "rows":
        return list(data["values"])
    return _cells(data) if data["form"] == "heat" else _points(data)


def _points(data: Json) -> list[Json]:
    rows = []
    for number, values in enumerate(data["values"]):
        around = [None, *values, None]
        for index, value in enumerate(values):
            lone = value is not None and around[index] is None and around[index + 2] is None
            rows.append({"t": data["first"] + index * data["step"], "s": number, "v": value, "lone": lone})
    return rows


def _cells(data: Json) -> list[Json]:
    step = data["step"]
    return [
        {"t": (start := data["first"] + index * step), "t2": start + step, "s": number, "v": value}
        for number, values in enumerate(data["values"])
        for index, value in enumerate(values)
        if value
    ]

"""Values over time: lines, and areas on each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from regobs.catalog.model import Unit
from regobs.grafana.panels import Lines
from regobs.grafana.readings import unit_of
from regobs.grafana.units import axis
from regobs.promql.types import bounds_of
from regobs.snapshot.charts import ZOOM, Chart, Json, compact, expand, framed, time_axis
from regobs.snapshot.series import DrawnSeries, filled, series_of
from regobs.snapshot.span import TimeSpan
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.theme import NEUTRAL, STATES
from regobs.snapshot.units import Scale, label_expression, log_ticks, scale_of

# The time that the pointer is nearest to: the page's tooltip then lists every series at it.
_CURSOR: Json = {
    "data": {"name": "times"},
    "params": [
        {
            "name": "hover",
            "select": {
                "type": "point",
                "fields": ["t"],
                "nearest": True,
                "on": "pointermove",
                "clear": "pointerout",
                "toggle": False,
            },
        }
    ],
    "mark": {"type": "rule", "color": NEUTRAL},
    "encoding": {"opacity": {"condition": {"param": "hover", "empty": False, "value": 1}, "value": 0}},
}


def lines_chart(panel: TakenPanel, span: TimeSpan, palette: Mapping[str, str]) -> Chart:
    """The chart of a panel that has data; `palette` has the colour of each of its names."""
    word = panel.bound.panel
    assert isinstance(word, Lines)  # noqa: S101 - a fault of ours, not of a user
    series, left_out = series_of(panel, span)
    series = filled(series) if word.stacked else series
    unit = unit_of(panel.bound.queries[0])
    scale = Scale(1, "") if word.log else scale_of(unit, _largest(series, stacked=word.stacked))
    values = [_scaled(one, scale) for one in series]
    beyond = tuple(one.beyond() for one in series)
    data = compact("series", span, values) | {"size": scale.size}
    names = tuple(one.name for one in series)
    colors = tuple(palette[name] for name in names)
    layers = [*_marks(panel, series, scale, data, colors), *_limits(word, scale)]
    if word.log:
        axis_of_y = {**_y_axis(label_expression(unit), values, unit), "values": log_ticks(unit, *_ends(values))}
        axis_of_y["labelOverlap"] = False  # there are few, and Vega would leave out every second
    else:
        axis_of_y = _y_axis(f"datum.label + '{scale.suffix}'", values, unit)
    for layer in layers:
        layer["encoding"]["y"] = {"axis": axis_of_y} | layer["encoding"]["y"]
    return Chart(
        spec=framed(data={"name": "points"}, encoding={"x": time_axis(span, span.last)}, layer=layers),
        data=data,
        interactive={"layer": [_CURSOR], "params": [ZOOM]},
        names=names,
        colors=colors,
        unit=unit,
        beyond=beyond if any(beyond) else (),
        note=f"{left_out} series with {'a lower peak is' if left_out == 1 else 'lower peaks are'} not drawn"
        if left_out
        else "",
    )


def _largest(series: Sequence[DrawnSeries], *, stacked: bool) -> float:
    """The largest magnitude on the axis."""
    columns = zip(*(one.values for one in series), strict=True)
    if stacked:
        return max((sum(value for value in column if value is not None) for column in columns), default=0)
    return max((abs(value) for one in series for value in one.values if value is not None), default=0)


def _ends(values: Sequence[Sequence[float | None]]) -> tuple[float, float]:
    """The lowest and the highest value that is drawn."""
    numbers = [value for one in values for value in one if value is not None]
    return min(numbers), max(numbers)


def _scaled(one: DrawnSeries, scale: Scale) -> list[float | None]:
    """The values in the scale of the axis."""
    return [None if value is None else value / scale.size for value in one.values]


def _y_axis(labels: str, values: Sequence[Sequence[float | None]], unit: str) -> Json:
    numbers = [value for one in values for value in one if value is not None]
    counts = unit in {"none", "short"} and all(value == int(value) for value in numbers)
    return {
        "title": None,
        "labelExpr": labels,
        "tickCount": 5,
        "minExtent": 48,  # the plots of panels that stand under each other begin in one line
        "labelLimit": 100,
        **({"tickMinStep": 1} if counts else {}),
    }


def _marks(
    panel: TakenPanel, series: Sequence[DrawnSeries], scale: Scale, data: Json, colors: Sequence[str]
) -> list[Json]:
    word = panel.bound.panel
    assert isinstance(word, Lines)  # noqa: S101 - as in `lines_chart`
    color = {
        "field": "s",
        "type": "nominal",
        "scale": {"domain": list(range(len(series))), "range": list(colors)},
        "legend": None,
    }
    y: Json = {"field": "v", "type": "quantitative", "scale": _y_scale(word, panel, series, scale)}
    y["stack"] = "zero" if word.stacked else None
    line: Json = {"type": "line", "strokeWidth": 1.6, "strokeJoin": "round", "clip": True}
    if word.stacked:
        line = {"type": "area", "line": {"strokeWidth": 1.2}, "fillOpacity": 0.45, "clip": True}
    elif len(series) == 1 and not word.log and not word.zoom:
        line = {"type": "area", "line": {"strokeWidth": 1.6}, "fillOpacity": 0.12, "clip": True}
    lone: Json = {"type": "point", "filled": True, "size": 22, "opacity": 1, "clip": True}
    layers: list[Json] = [{"mark": line, "encoding": {"y": y, "color": color}}]
    if any(row["lone"] for row in expand(data)):
        only = [{"filter": "datum.lone"}]
        layers.append({"transform": only, "mark": lone, "encoding": {"y": dict(y), "color": color}})
    return layers


def _y_scale(word: Lines, panel: TakenPanel, series: Sequence[DrawnSeries], scale: Scale) -> Json:
    """From where to where the axis goes: as Grafana's does, and never of no height.

    Thresholds are on it also where every value is zero: an axis that ends below them is drawn with no height.
    """
    low, high = _ends([_scaled(one, scale) for one in series])
    if word.log:  # linear below 1, so that zero has its place; `nice` ends such an axis between two ticks
        ticks = log_ticks(unit_of(panel.bound.queries[0]), low, high)
        return {"type": "symlog", "constant": 1, "nice": False, "domain": [min(low, ticks[0]), max(high, 1)]}
    kind = panel.bound.queries[0].type
    limits = [limit / scale.size for limit in word.thresholds or ()]
    if word.zoom:
        if low == high:  # room above and below a flat line, as far as there can be values
            around, bounds = abs(low) / 2 or 1, bounds_of(kind)
            first = min(low, max(low - around, bounds.low / scale.size)) if low else 0
            most = 1 if kind.unit is Unit.RATIO and high * scale.size <= 1 else bounds.high
            last = max(high, min(high + around, most / scale.size))
            return {"domain": [min(first, *limits), max(last, *limits)] if limits else [first, last], "nice": True}
        return {"zero": False, "nice": True}
    bottom, top = axis(kind.unit, fraction=kind.fraction)
    ends: Json = {"nice": True, "zero": bottom == 0}
    if bottom is not None:
        ends["domainMin"] = min(bottom / scale.size, low)
    if top is not None:
        ends["domainMax"] = max(top / scale.size, high)
    elif low == high == 0:
        ends["domainMax"] = max(1, *limits) if limits else 1
    return ends


def _limits(word: Lines, scale: Scale) -> list[Json]:
    """The thresholds as dashed lines over the whole width."""
    colors = (STATES["yellow"], STATES["red"])
    return [
        {
            "data": {"values": [{}]},
            "mark": {"type": "rule", "strokeDash": [6, 4], "strokeWidth": 1.4, "color": color, "clip": True},
            "encoding": {"x": {"value": 0}, "x2": {"value": "width"}, "y": {"datum": limit / scale.size}},
        }
        for limit, color in zip(word.thresholds or (), colors, strict=False)
    ]


def _undrawn(count: int) -> str:
    """That so many series are left out, "" for none."""
    if not count:
        return ""
    return f"{count} series with {'a lower peak is' if count == 1 else 'lower peaks are'} not drawn"

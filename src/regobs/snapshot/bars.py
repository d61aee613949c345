"""Values at the end of the range: a bar each, or a dial."""

from __future__ import annotations

import math

from regobs.catalog.model import Unit
from regobs.grafana.readings import mapped_text, mappings, unit_of
from regobs.grafana.units import axis
from regobs.snapshot import theme
from regobs.snapshot.charts import Chart, Json, chosen, framed
from regobs.snapshot.series import name_of, within_reach
from regobs.snapshot.taken import TakenPanel
from regobs.snapshot.theme import PLAIN, STATES, state_of
from regobs.snapshot.units import value_text

MOST = 16  # bars that fit into a panel and can still be read
_FEWEST_SLOTS = 6  # so that one bar alone is no wall
_TURN = 0.75 * math.pi  # half of what a dial spans

_TRACK = {"color": theme.NEUTRAL, "opacity": 0.18}  # what is not filled


def now_of(panel: TakenPanel) -> list[tuple[str, float, str]]:
    """The values of an instant panel: name, value, its text as in Grafana; longest first. NaN is no value."""
    words = mappings(panel.bound)
    found = [
        (
            name_of(asked.query.legend, sample.labels, panel.title, asked.query.words),
            within_reach(sample.value) if math.isfinite(sample.value) else sample.value,
            mapped_text(words, sample.value) or value_text(sample.value, unit_of(asked.query)),
        )
        for asked in panel.asked
        for sample in (asked.answer.samples if asked.answer else ())
        if not math.isnan(sample.value)
    ]
    return sorted(found, key=lambda one: (-one[1], one[0]))


def bars_chart(panel: TakenPanel) -> Chart:
    """One bar each, longest first; that of infinity goes to the end of the scale."""
    found = now_of(panel)
    shown, more = found[:MOST], len(found) - MOST
    low, high = _ends(panel, [value for _, value, _ in shown if math.isfinite(value)])
    rows: list[Json] = [
        {
            "name": name,
            "n": number,
            "v": max(low, min(value, high)),
            "text": text,
            "color": _color(panel, value),
        }
        for number, (name, value, text) in enumerate(shown)
    ]
    slots = list(range(max(len(rows), _FEWEST_SLOTS)))
    names = {
        "field": "n",
        "type": "ordinal",
        "scale": {"domain": slots, "paddingInner": 0.3, "paddingOuter": 0.1},
        "axis": {
            "title": None,
            "grid": False,
            "values": slots[: len(rows)],
            "labelExpr": chosen([name for name, _, _ in shown]),
            "labelLimit": 150,
        },
    }
    scale = {"domain": [low, high], "nice": False, "zero": False}
    along: Json = {"type": "quantitative", "scale": scale, "axis": None}
    layers: list[Json] = [
        {
            "mark": {"type": "bar", **_TRACK},
            "encoding": {"x": {"datum": low, **along}, "x2": {"datum": high}},
        },
        {
            "mark": {"type": "bar"},
            "encoding": {
                "x": {"field": "v", **along},
                "x2": {"datum": max(low, min(0, high))},
                "color": {"field": "color", "type": "nominal", "scale": None},
            },
        },
        {
            "mark": {"type": "text", "align": "left", "dx": 6, "fontSize": 12},
            "encoding": {"x": {"datum": high, **along}, "text": {"field": "text"}},
        },
    ]
    spec = framed(data={"name": "points"}, encoding={"y": names}, layer=layers)
    spec["padding"] = spec["padding"] | {"right": 14 + 7 * max(len(row["text"]) for row in rows)}  # where the texts are
    return Chart(
        spec=spec,
        data={"form": "rows", "values": rows},
        note=f"{more} shorter bars are not drawn" if more > 0 else "",
    )


def dial_chart(panel: TakenPanel) -> Chart:
    """One value as a part of a dial; several are bars, which compare better."""
    found = now_of(panel)
    if len(found) != 1 or not math.isfinite(found[0][1]):
        return bars_chart(panel)
    [(_, value, text)] = found
    low, high = _ends(panel, [value])
    scale = {"domain": [low, high], "range": [-_TURN, _TURN], "clamp": True}
    dial: Json = {"type": "quantitative", "scale": scale, "stack": None}
    arc: Json = {"type": "arc", "innerRadius": {"expr": "min(width, height) * 0.4"}}
    layers: list[Json] = [
        {
            "mark": {**arc, **_TRACK},
            "encoding": {"theta": {"field": "high", **dial}, "theta2": {"field": "low"}},
        },
        {
            "mark": {**arc, "color": _color(panel, value)},
            "encoding": {"theta": {"field": "v", **dial}, "theta2": {"field": "low"}},
        },
        {
            "mark": {"type": "text", "fontSize": {"expr": "min(width, height) * 0.16"}, "fontWeight": 600},
            "encoding": {"text": {"field": "text"}},
        },
    ]
    rows = [{"v": value, "low": low, "high": high, "text": text}]
    return Chart(framed(data={"name": "points"}, layer=layers), {"form": "rows", "values": rows})


def _ends(panel: TakenPanel, values: list[float]) -> tuple[float, float]:
    """From where to where the bars go; of a share from 0 to 1, as in Grafana, however far below zero a value is."""
    kind = panel.bound.queries[0].type
    bottom, top = axis(kind.unit, fraction=kind.fraction)
    if kind.unit is Unit.RATIO and (kind.fraction or kind.signed):
        return 0, 1
    low = min([bottom or 0, *values])
    high = max([*values, low if top is None else top])
    return (low, high) if high > low else (low, low + 1)


def _color(panel: TakenPanel, value: float) -> str:
    return STATES.get(state_of(value, panel.bound.panel.thresholds), PLAIN)

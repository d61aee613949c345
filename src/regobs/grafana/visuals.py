"""One grafanalib panel for each word: how numbers, lines, bars, tables and heat maps look.

grafanalib's own Gauge, BarGauge, Table and Heatmap write the options of Grafana 7 and before; `ModernPanel` stands in
for them with the options of Grafana 11.
"""

from __future__ import annotations

from typing import Any

import attr
from grafanalib import core

from regobs.grafana.bound import BoundPanel, Query
from regobs.grafana.panels import Bars, Gauge, Heat, Lines, Panel, Table
from regobs.grafana.units import axis, grafana_unit

Json = dict[str, Any]

NO_DATA = "no data"  # what an empty answer shows, so that it cannot be taken for zero
GOOD, WARN, BAD = "green", "yellow", "red"
REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}


@attr.s(auto_attribs=True)
class ModernPanel(core.Panel):
    """A panel whose `fieldConfig.defaults` and `options` are given as they are."""

    kind: str = ""
    defaults: Json = attr.ib(factory=dict)
    overrides: list[Json] = attr.ib(factory=list)
    options: Json = attr.ib(factory=dict)

    def to_json_data(self) -> Json:
        """The JSON grafanalib writes for any panel, and these."""
        own = {"defaults": self.defaults, "overrides": self.overrides}
        own = {"type": self.kind, "fieldConfig": own, "options": self.options}
        data: Json = self.panel_json(own)  # type: ignore[no-untyped-call]
        return data


def visual(bound: BoundPanel, common: Json) -> core.Panel:
    """The grafanalib panel of a bound one; `common` holds title, place, targets, links and so on."""
    panel = bound.panel
    if isinstance(panel, Lines):
        return _lines(panel, bound, common)
    if isinstance(panel, Heat):
        return _heat(panel, bound, common)
    if isinstance(panel, Table):
        return _table(bound, common)
    if isinstance(panel, Bars):
        return _bars(panel, bound, common)
    return _gauge(panel, bound, common) if isinstance(panel, Gauge) else _stat(panel, bound, common)


def unit_of(query: Query) -> str:
    """Grafana's unit of a query's values."""
    return grafana_unit(query.type.unit, per_second=query.type.per_second)


def steps(thresholds: tuple[float, float] | None) -> list[Json]:
    """Threshold steps in ascending order, the first from minus infinity."""
    if thresholds is None:
        return [{"color": GOOD, "value": None}]
    warn, bad = thresholds
    if warn < bad:
        return [{"color": GOOD, "value": None}, {"color": WARN, "value": warn}, {"color": BAD, "value": bad}]
    return [{"color": BAD, "value": None}, {"color": WARN, "value": bad}, {"color": GOOD, "value": warn}]


def _ends(bound: BoundPanel) -> tuple[float | None, float | None]:
    kind = bound.queries[0].type
    return axis(kind.unit, fraction=kind.fraction)


def _lines(panel: Lines, bound: BoundPanel, common: Json) -> core.Panel:
    low, high = (None, None) if panel.zoom else _ends(bound)
    if panel.log:
        low = None  # a logarithmic axis has no zero
    signed = low is not None and bound.queries[0].type.signed
    return core.TimeSeries(
        **common,
        unit=unit_of(bound.queries[0]),
        valueMin=None if signed else low,
        axisSoftMin=0 if signed else None,  # zero is on the axis, and what is below it too
        valueMax=high,
        fillOpacity=30 if panel.stacked else 10,
        stacking={"mode": "normal", "group": "A"} if panel.stacked else {"mode": "none", "group": "A"},
        scaleDistributionType="log" if panel.log else "linear",
        spanNulls=False,
        thresholds=steps(panel.thresholds),
        thresholdsStyleMode="dashed" if panel.thresholds else "off",
        tooltipMode="multi",
        tooltipSort="desc",
        extraJson={
            "fieldConfig": {"defaults": {"noValue": NO_DATA}},
            "options": {"legend": {"showLegend": True}},
        },
    )


def _stat(panel: Panel, bound: BoundPanel, common: Json) -> core.Panel:
    named = any(query.legend != panel.title for query in bound.queries)
    return core.Stat(
        **common,
        format=unit_of(bound.queries[0]),
        color={"mode": "thresholds"} if panel.thresholds else {"mode": "fixed", "fixedColor": "text"},
        graphMode="none",
        reduceCalc="lastNotNull",
        noValue=NO_DATA,
        textMode="value_and_name" if named else "value",
        thresholds=steps(panel.thresholds),
    )


def _numbers(panel: Panel, bound: BoundPanel) -> Json:
    low, high = _ends(bound)
    return {
        "color": {"mode": "thresholds"} if panel.thresholds else {"mode": "fixed", "fixedColor": "blue"},
        "mappings": [],
        "max": high,
        "min": low,
        "noValue": NO_DATA,
        "thresholds": {"mode": "absolute", "steps": steps(panel.thresholds)},
        "unit": unit_of(bound.queries[0]),
    }


def _gauge(panel: Gauge, bound: BoundPanel, common: Json) -> core.Panel:
    options = {
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": REDUCE,
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
        "sizing": "auto",
    }
    return ModernPanel(**common, kind="gauge", defaults=_numbers(panel, bound), options=options)


def _bars(panel: Bars, bound: BoundPanel, common: Json) -> core.Panel:
    options = {
        "displayMode": "basic",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": False},
        "maxVizHeight": 300,
        "minVizHeight": 16,
        "minVizWidth": 8,
        "namePlacement": "auto",
        "orientation": "horizontal",
        "reduceOptions": REDUCE,
        "showUnfilled": True,
        "sizing": "auto",
        "valueMode": "color",
    }
    return ModernPanel(**common, kind="bargauge", defaults=_numbers(panel, bound), options=options)


def _table(bound: BoundPanel, common: Json) -> core.Panel:
    several = len(bound.queries) > 1
    columns = {f"Value #{query.ref}" if several else "Value": query for query in bound.queries}
    names = {field: query.name or bound.panel.title for field, query in columns.items()}
    overrides = [
        {
            "matcher": {"id": "byName", "options": names[field]},
            "properties": [{"id": "unit", "value": unit_of(query)}],
        }
        for field, query in columns.items()
    ]
    organize = {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names}
    transformations = [{"id": "merge", "options": {}}] if several else []
    return ModernPanel(
        **common,
        kind="table",
        transformations=[*transformations, {"id": "organize", "options": organize}],
        defaults={
            "color": {"mode": "fixed", "fixedColor": "text"},
            "custom": {"align": "auto", "cellOptions": {"type": "auto"}, "filterable": False, "inspect": False},
            "mappings": [],
            "noValue": NO_DATA,
            "thresholds": {"mode": "absolute", "steps": steps(None)},
        },
        overrides=overrides,
        options={
            "cellHeight": "sm",
            "footer": {"countRows": False, "fields": "", "reducer": ["sum"], "show": False},
            "showHeader": True,
            "sortBy": [{"desc": True, "displayName": next(iter(names.values()))}],
        },
    )


def _heat(panel: Heat, bound: BoundPanel, common: Json) -> core.Panel:
    unit = grafana_unit(panel.histogram.unit, per_second=False)
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {
            "exponent": 0.5,
            "fill": "dark-orange",
            "mode": "scheme",
            "reverse": False,
            "scale": "exponential",
            "scheme": "Oranges",
            "steps": 64,
        },
        "exemplars": {"color": "rgba(255,0,255,0.7)"},
        "filterValues": {"le": 1e-9},
        "legend": {"show": True},
        "rowsFrame": {"layout": "auto"},
        "tooltip": {"mode": "single", "showColorScale": False, "yHistogram": False},
        "yAxis": {"axisPlacement": "left", "reverse": False, "unit": unit},
    }
    defaults = {
        "custom": {
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            "scaleDistribution": {"type": "linear"},
        },
        "noValue": NO_DATA,
        "unit": unit_of(bound.queries[0]),
    }
    return ModernPanel(**common, kind="heatmap", defaults=defaults, options=options)

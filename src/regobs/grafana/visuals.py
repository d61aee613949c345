"""One grafanalib panel for each word: how numbers, lines, bars, tables and heat maps look.

grafanalib's own panels write the options of Grafana 7 and before, or lack the later ones; `ModernPanel` stands in for
most of them with the options of Grafana 11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

import attr
from grafanalib import core

from regobs.catalog.model import Unit
from regobs.grafana.bound import RESOURCE, BoundPanel, BoundQuery
from regobs.grafana.panels import (
    Alerts,
    Bars,
    GaugePanel,
    Heat,
    Limits,
    Lines,
    Panel,
    Saturation,
    Stat,
    States,
    Table,
    Tile,
)
from regobs.grafana.readings import (
    BAD,
    GOOD,
    NO_DATA,
    RULE_GROUP,
    column_title,
    judged,
    levels,
    mappings_of,
    sorting,
    steps,
    unit_of,
)
from regobs.grafana.units import axis, grafana_unit
from regobs.promql import parse
from regobs.promql.printer import matcher_text
from regobs.promql.walk import selectors

Json = dict[str, Any]

REDUCE = {"calcs": ["lastNotNull"], "fields": "", "values": False}
# Grafana's colours for classes of status codes: red only for what the registry does wrong.
STATUS_CLASSES = {"2": "green", "3": "blue", "4": "orange", "5": "red"}
_STATUS_LABELS = frozenset({"code", "response_code", "response_code_class", "status"})
_STATUS_CLASS = re.compile(r"[1-5]xx")
# Labels with as many values as somebody chooses to have: their lines need a table to be compared.
_OPEN_LABELS = frozenset(
    {"instance", "pod", "route", "handler", "name", "table", "index", "cmd", "command", "query_name", "datname"}
)


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


def visual(bound: BoundPanel, common: Json, series_links: list[Json]) -> core.Panel:
    """The grafanalib panel of a bound one.

    `common` holds title, place, targets, links and so on; `series_links` are those of one line, bar or cell.
    """
    draw = next(draw for word, draw in _DRAWN if isinstance(bound.panel, word))
    panel = draw(bound, {**common, "transformations": list(shortened(bound))})
    if series_links:
        panel.defaults["links"] = series_links
    return panel


def shortened(bound: BoundPanel) -> Iterator[Json]:
    """Transformations that put a short word in place of a long label value in every legend."""
    if RULE_GROUP in _labels(bound):
        yield {"id": "renameByRegex", "options": {"regex": "^.*;(.+)$", "renamePattern": "$1"}}
    for value, word in dict.fromkeys(pair for query in bound.queries for pair in query.words):
        options = {"regex": f"(.* )?{re.escape(value)}( .*)?", "renamePattern": f"$1{word}$2"}
        yield {"id": "renameByRegex", "options": options}


def _ends(bound: BoundPanel) -> tuple[float | None, float | None]:
    kind = bound.queries[0].type
    return axis(kind.unit, fraction=kind.fraction)


def _labels(bound: BoundPanel) -> frozenset[str]:
    return frozenset(label for query in bound.queries for label in query.type.labels or ())


def tells_status(bound: BoundPanel) -> bool:
    """Whether the series of a panel are named by status codes, or by classes of them."""
    named = any(_STATUS_CLASS.fullmatch(query.name) for query in bound.queries)
    return named or bool(_labels(bound) & _STATUS_LABELS)


def _status_colors(bound: BoundPanel) -> list[Json]:
    """Overrides that give each class of status codes its colour, whichever codes there are."""
    if not tells_status(bound):
        return []
    return [
        {
            "matcher": {"id": "byRegexp", "options": f"/(^| ){first}(\\d\\d|xx)?( |$)/"},
            "properties": [{"id": "color", "value": {"fixedColor": color, "mode": "fixed"}}],
        }
        for first, color in STATUS_CLASSES.items()
    ]


def _lines(bound: BoundPanel, common: Json) -> ModernPanel:
    panel = bound.panel
    assert isinstance(panel, Lines)  # noqa: S101 - as all of these: `visual` chose by the class
    low, high = (None, None) if panel.zoom else _ends(bound)
    signed = low is not None and bound.queries[0].type.signed
    # Zero has its place on a `symlog` axis, which is linear below 1; on a logarithmic one it would be a gap.
    scale = {"type": "symlog", "log": 10, "linearThreshold": 1} if panel.log else {"type": "linear"}
    custom = {
        "axisPlacement": "auto",
        "drawStyle": "line",
        "fillOpacity": 30 if panel.stacked else 10,
        "gradientMode": "none",
        "hideFrom": {"legend": False, "tooltip": False, "viz": False},
        "lineInterpolation": "linear",
        "lineWidth": 1,
        "pointSize": 5,
        "scaleDistribution": scale,
        "showPoints": "auto",
        "spanNulls": False,
        "stacking": {"mode": "normal" if panel.stacked else "none", "group": "A"},
        "thresholdsStyle": {"mode": "dashed" if panel.thresholds else "off"},
        **({"axisSoftMin": 0} if signed else {}),  # zero is on the axis, and what is below it too
    }
    defaults = {
        "color": {"mode": "palette-classic-by-name"},  # an instance or a route has the same colour on every panel
        "custom": custom,
        "mappings": [],  # the axis would wear their words too
        **({"max": high} if high is not None else {}),
        **({"min": low} if low is not None and not signed else {}),
        "noValue": NO_DATA,
        "thresholds": {"mode": "absolute", "steps": steps(panel.thresholds)},
        "unit": unit_of(bound.queries[0]),
    }
    many = bool(_labels(bound) & _OPEN_LABELS) or any(query.type.open for query in bound.queries)
    legend: Json = {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": True}
    if many:
        ordered = {"sortBy": "Max", "sortDesc": not _falling(panel)}
        legend |= {"calcs": ["lastNotNull", "max"], "displayMode": "table", **ordered}
    options = {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}}
    return ModernPanel(**common, kind="timeseries", defaults=defaults, overrides=_status_colors(bound), options=options)


def _falling(panel: Panel) -> bool:
    """Whether low values are the bad ones."""
    return panel.thresholds is not None and panel.thresholds[0] > panel.thresholds[1]


def _states(bound: BoundPanel, common: Json) -> ModernPanel:
    switch = all(query.type.unit is Unit.BOOL for query in bound.queries)
    values = {"0": {"color": BAD, "index": 1, "text": "no"}, "1": {"color": GOOD, "index": 0, "text": "yes"}}
    defaults = {
        "color": {"mode": "thresholds" if switch or bound.panel.thresholds else "palette-classic-by-name"},
        "custom": {
            "fillOpacity": 70,
            "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            "insertNulls": False,
            "lineWidth": 0,
            "spanNulls": False,
        },
        "mappings": [{"type": "value", "options": values}] if switch else [],
        "noValue": NO_DATA,
        "thresholds": {"mode": "absolute", "steps": steps((1, 0.5) if switch else bound.panel.thresholds)},
        "unit": unit_of(bound.queries[0]),
    }
    options = {
        "alignValue": "left",
        "legend": {"calcs": [], "displayMode": "list", "placement": "bottom", "showLegend": not switch},
        "mergeValues": True,
        "rowHeight": 0.9,
        "showValue": "never" if switch else "auto",
        "tooltip": {"mode": "single", "sort": "none"},
    }
    return ModernPanel(**common, kind="state-timeline", defaults=defaults, options=options)


def _alerts(_bound: BoundPanel, common: Json) -> ModernPanel:
    # Grafana asks for alerts itself: it takes their labels from the query, with the variables of the dashboard in it.
    asked = (matcher for one in selectors(parse(common["targets"][0].expr)) for matcher in one.matchers)
    about = [matcher_text(one) for one in asked if one.label not in {"alertname", "alertstate"}]
    options = {
        "alertInstanceLabelFilter": f"{{{', '.join(about)}}}",
        "alertName": "Registry",
        "dashboardAlerts": False,
        "groupBy": ["severity", "alertname"],
        "groupMode": "custom",
        "maxItems": 30,
        "sortOrder": 3,  # by importance
        "stateFilter": {"error": True, "firing": True, "noData": False, "normal": False, "pending": False},
        "viewMode": "list",
    }
    return ModernPanel(**common, kind="alertlist", defaults={"noValue": NO_DATA}, options=options)


def _number(bound: BoundPanel, common: Json) -> ModernPanel:
    """A number, with its course behind it where it has one; a tile is coloured all over."""
    panel = bound.panel
    tile = isinstance(panel, Tile)
    names = isinstance(panel, Stat) and panel.names
    named = names or any(query.legend != panel.title for query in bound.queries)
    options = {
        "colorMode": "background" if tile else "value",
        "graphMode": "none" if all(query.instant for query in bound.queries) else "area",
        "justifyMode": "auto",
        "orientation": "auto",
        "percentChangeColorMode": "standard",
        "reduceOptions": REDUCE,
        "showPercentChange": False,
        **({"text": {"titleSize": 26, "valueSize": 14}} if names else {}),
        **({"text": {"titleSize": 14, "valueSize": 26}} if tile else {}),
        "textMode": "value_and_name" if named else "value",
        "wideLayout": True,
    }
    defaults = {
        "color": {"mode": "thresholds"} if panel.thresholds else {"mode": "fixed", "fixedColor": "text"},
        "mappings": levels() if tile else judged(bound),
        "noValue": NO_DATA,
        "thresholds": {"mode": "absolute", "steps": steps(panel.thresholds)},
        "unit": unit_of(bound.queries[0]),
    }
    return ModernPanel(**common, kind="stat", defaults=defaults, options=options)


def _numbers(bound: BoundPanel) -> Json:
    low, high = _ends(bound)
    thresholds = bound.panel.thresholds
    return {
        "color": {"mode": "thresholds"} if thresholds else {"mode": "fixed", "fixedColor": "blue"},
        "mappings": judged(bound),
        "max": high,
        "min": low,
        "noValue": NO_DATA,
        "thresholds": {"mode": "absolute", "steps": steps(thresholds)},
        "unit": unit_of(bound.queries[0]),
    }


def _gauge(bound: BoundPanel, common: Json) -> ModernPanel:
    options = {
        "minVizHeight": 75,
        "minVizWidth": 75,
        "orientation": "auto",
        "reduceOptions": REDUCE,
        "showThresholdLabels": False,
        "showThresholdMarkers": True,
        "sizing": "auto",
    }
    return ModernPanel(**common, kind="gauge", defaults=_numbers(bound), options=options)


def _bars(bound: BoundPanel, common: Json) -> ModernPanel:
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
    return ModernPanel(**common, kind="bargauge", defaults=_numbers(bound), options=options)


def _column(query: BoundQuery, thresholds: Limits | None) -> list[Json]:
    """What is special of one column: its unit, its colours, and the word for a moment that never was."""
    properties: list[Json] = [{"id": "unit", "value": unit_of(query)}]
    if thresholds is not None:
        properties += [
            {"id": "color", "value": {"mode": "thresholds"}},
            {"id": "custom.cellOptions", "value": {"mode": "basic", "type": "color-background"}},
            {"id": "thresholds", "value": {"mode": "absolute", "steps": steps(thresholds)}},
        ]
    if words := mappings_of(query):
        properties.append({"id": "mappings", "value": words})
    return properties


def _table(bound: BoundPanel, common: Json) -> ModernPanel:
    panel = bound.panel
    assert isinstance(panel, Table)  # noqa: S101
    several = len(bound.queries) > 1
    columns = {f"Value #{query.ref}" if several else "Value": query for query in bound.queries}
    names = {field: query.name or panel.title for field, query in columns.items()}
    overrides = [
        {
            "matcher": {"id": "byName", "options": names[field]},
            "properties": _column(query, panel.colored.get(query.name, panel.thresholds)),
        }
        for field, query in columns.items()
    ]
    places = {name: place for place, name in enumerate([RESOURCE, *columns])} if isinstance(panel, Saturation) else {}
    organize = {"excludeByName": {"Time": True}, "indexByName": places, "renameByName": names | _label_titles(bound)}
    transformations = [{"id": "merge", "options": {}}] if several else []
    titles = {query.ref: names[field] for field, query in columns.items()}
    ordered = dict.fromkeys((titles[query.ref], down) for query, down in sorting(bound))
    return ModernPanel(
        **{**common, "transformations": [*transformations, {"id": "organize", "options": organize}]},
        kind="table",
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
            "sortBy": [{"desc": down, "displayName": title} for title, down in ordered],
        },
    )


def _label_titles(bound: BoundPanel) -> dict[str, str]:
    """The columns of labels that are called otherwise than the label."""
    titles = {label: column_title(label) for label in sorted(_labels(bound))}
    return {label: title for label, title in titles.items() if title != label}


def _heat(bound: BoundPanel, common: Json) -> ModernPanel:
    panel = bound.panel
    assert isinstance(panel, Heat)  # noqa: S101
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


_DRAWN: tuple[tuple[type[Panel], Callable[[BoundPanel, Json], ModernPanel]], ...] = (
    (Lines, _lines),
    (States, _states),
    (Heat, _heat),
    (Table, _table),
    (Bars, _bars),
    (GaugePanel, _gauge),
    (Alerts, _alerts),
    (Panel, _number),
)

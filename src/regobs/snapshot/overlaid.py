"""A dashboard as an overlay leaves it: read back from Grafana's JSON into what a snapshot asks and draws.

What the overlay does not touch stays as its file has it. Title, description, thresholds, unit and queries are read back
where they differ; a panel that the overlay adds is drawn as its kind says. Kinds that hold no numbers over time or now,
such as text, are not drawn.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from regobs.catalog.model import Unit
from regobs.errors import DashboardError, Location, PromqlError
from regobs.grafana.bound import BoundDashboard, BoundPanel, BoundRow, Query
from regobs.grafana.overlay import apply_overlay
from regobs.grafana.panel_links import uid_of
from regobs.grafana.panels import Bars, Gauge, Lines, Panel, Stat, Table
from regobs.grafana.render import Setting, panel_ids, render
from regobs.grafana.settle import groups
from regobs.grafana.units import grafana_unit, unit_named
from regobs.grafana.words import Row
from regobs.promql import infer, parse
from regobs.promql.nodes import Expr, Selector
from regobs.promql.types import Type
from regobs.promql.walk import rebuild

_KINDS: Mapping[str, type[Panel]] = {
    "timeseries": Lines,
    "stat": Stat,
    "gauge": Gauge,
    "bargauge": Bars,
    "table": Table,
}
Json = dict[str, Any]


def overlaid(bound: BoundDashboard, setting: Setting, path: Path) -> BoundDashboard:
    """The dashboard with its overlay. Raises as `apply_overlay`, and DashboardError for a query that is no PromQL."""
    before = render(bound, setting)
    ids = panel_ids(uid_of(bound.slug), bound)
    drawn = {ids[row.title, panel.panel.title]: panel for row, panel in bound.panels()}
    originals = {
        panel["id"]: _Known(panel, drawn[panel["id"]]) for _, panels in groups(before["panels"]) for panel in panels
    }
    after = apply_overlay(before, path)
    rows = {ids[row.row.title, ""]: row for row in bound.rows}
    reading = _Reading(originals, path)
    found = (reading.row(head, panels, rows) for head, panels in groups(after["panels"]))
    dashboard = copy.copy(bound.dashboard)
    dashboard.title = after["title"]
    return replace(bound, dashboard=dashboard, rows=tuple(row for row in found if row is not None))


@dataclass(frozen=True, slots=True)
class _Known:
    """A panel of the file: its JSON, and what it was made of."""

    json: Json
    bound: BoundPanel


class _Reading:
    """Reads panels back; `known` are those of the file, by id."""

    def __init__(self, known: Mapping[int, _Known], path: Path) -> None:
        self._known = known
        self._path = path

    def row(self, head: Json | None, panels: list[Json], rows: Mapping[int, BoundRow]) -> BoundRow | None:
        """A row with the panels that can be drawn; None when there is none and nothing was left out of it."""
        title = head["title"] if head is not None else "Before the first row"
        made = tuple(panel for one in panels if (panel := self._panel(one)) is not None)
        ours = rows.get(head["id"]) if head is not None else None
        if ours is None:
            return BoundRow(Row(title, *(one.panel for one in made)), made, ()) if made else None
        row = copy.copy(ours.row)
        row.title = title
        return replace(ours, row=row, panels=made)

    def _panel(self, json: Json) -> BoundPanel | None:
        known = self._known.get(json["id"])
        if known is not None and {**known.json, "gridPos": None} == {**json, "gridPos": None}:
            return known.bound
        if known is None and json.get("type") not in _KINDS:
            return None
        queries = tuple(self._queries(json, known))
        if not queries:
            return None
        panel = copy.copy(known.bound.panel) if known is not None else self._new(json, queries)
        panel.title = json["title"]
        defaults = json.get("fieldConfig", {}).get("defaults", {})
        if known is None or defaults.get("thresholds") != known.json["fieldConfig"]["defaults"].get("thresholds"):
            panel.thresholds = _limits(defaults.get("thresholds", {}).get("steps", []))
        return BoundPanel(panel, queries, description=str(json.get("description") or ""))

    def _new(self, json: Json, queries: tuple[Query, ...]) -> Panel:
        exprs = {query.ref: query.expr for query in queries}
        kind = _KINDS[json["type"]]
        if kind is Lines:
            custom = json.get("fieldConfig", {}).get("defaults", {}).get("custom", {})
            stacked = custom.get("stacking", {}).get("mode") == "normal"
            return Lines(json["title"], exprs, good="added by an overlay", stacked=stacked)
        return kind(json["title"], exprs, good="added by an overlay")

    def _queries(self, json: Json, known: _Known | None) -> Iterator[Query]:
        """The queries of a panel: those of the file that stand there unchanged, the others read from their text."""
        unit = json.get("fieldConfig", {}).get("defaults", {}).get("unit")
        ours = {} if known is None else {query.ref: query for query in known.bound.queries}
        texts = {} if known is None else {target["refId"]: target["expr"] for target in known.json["targets"]}
        for target in json.get("targets", []):
            if not (text := target.get("expr")) or target.get("hide"):
                continue
            ref, legend = target.get("refId", "A"), target.get("legendFormat", "")
            query = ours.get(ref)
            if query is None or texts[ref] != text:
                query = self._read(ref, text, json["title"])
            yield replace(query, legend=legend, type=_in_unit(query.type, unit))

    def _read(self, ref: str, text: str, title: str) -> Query:
        try:
            expr = _everything(parse(text))
        except PromqlError as error:
            raise DashboardError(
                f"a snapshot cannot ask the query {ref} of the panel {title!r}, which this overlay writes",
                location=Location(str(self._path)),
                value=error.value or text,
                expected=error.expected or error.message,
                next_step="correct the query",
            ) from error
        try:
            kind = infer(expr)
        except PromqlError:  # what we know of the metrics is no judge of another's query
            kind = Type("vector")
        return Query(ref, "", "", expr, kind, frozenset(), scoped=True)


def _everything(expr: Expr) -> Expr:
    """Without the matchers that hold a variable of the dashboard: a snapshot shows all that can be chosen."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector):
            return replace(node, matchers=tuple(one for one in node.matchers if "$" not in one.value.rstrip("$")))
        return rebuild(node, visit)

    return visit(expr)


def _in_unit(kind: Type, unit: str | None) -> Type:
    """The type with Grafana's unit; one that we have no word for has none."""
    if unit is None or grafana_unit(kind.unit, per_second=kind.per_second) == unit:
        return kind
    named = unit_named(unit) or (Unit.NONE, False)
    return replace(kind, unit=named[0], per_second=named[1], fraction=False)


def _limits(steps: list[Json]) -> tuple[float, float] | None:
    """Warning and critical of Grafana's three steps; None for any other number of them."""
    values = [float(step["value"]) for step in steps if step.get("value") is not None]
    if len(values) != 2 or len(steps) != 3:
        return None
    return (values[1], values[0]) if steps[0].get("color") == "red" else (values[0], values[1])

"""Dashboards as Grafana has them, whoever wrote them, as what a snapshot asks and draws.

A dashboard is read from its built JSON: what an overlay changed and what somebody clicked together are read alike.
Queries are parsed and typed; a panel of a kind that holds no numbers over time or now, such as text, is left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby
from typing import Any

from regobs.catalog.model import Kind, Metric, Unit
from regobs.errors import DashboardError, Location, PromqlError
from regobs.grafana.boards import ReadDashboard, ReadPanel
from regobs.grafana.bound import BoundDashboard, BoundPanel, BoundQuery, BoundRow, LeftOut, edges_behind
from regobs.grafana.classic import asks_prometheus, targets_of
from regobs.grafana.layout import PanelPlace
from regobs.grafana.levels import WORDS as LEVELS
from regobs.grafana.panels import Alerts, Bars, GaugePanel, Heat, Limits, Lines, Panel, Stat, States, Table, Tile
from regobs.grafana.units import grafana_unit, unit_named
from regobs.grafana.words import Dashboard, Row
from regobs.promql.bind import metrics_of
from regobs.promql.infer import infer
from regobs.promql.nodes import Expr, Selector
from regobs.promql.parse import parse
from regobs.promql.types import Type
from regobs.promql.vocabulary import Vocabulary
from regobs.promql.walk import rebuild

_KINDS: Mapping[str, type[Panel]] = {
    "timeseries": Lines,
    "graph": Lines,
    "stat": Stat,
    "singlestat": Stat,
    "gauge": GaugePanel,
    "bargauge": Bars,
    "table": Table,
    "state-timeline": States,
    "alertlist": Alerts,
}
_BEFORE = "Before the first row"
Json = dict[str, Any]


def read_bound(
    slug: str, board: ReadDashboard, vocabulary: Vocabulary, file: str = "", left_out: Sequence[BoundRow] = ()
) -> BoundDashboard:
    """The panels of a dashboard that can be drawn, row by row.

    `vocabulary` knows the buckets behind quantiles, `left_out` are rows as they were bound, for the reasons of what is
    not in the JSON. Raises DashboardError for a query that is no PromQL.
    """
    lacking = {row.row.title: row.left_out for row in left_out}
    rows: list[BoundRow] = []
    for title, group in groupby(board.panels, key=_heading):
        made = _told_apart(_read(panel, vocabulary, file) for panel in group)
        if made:
            twin = sum(row.row.title == title for row in rows)
            rows.append(_row((title or _BEFORE) + f" ({twin + 1})" * bool(twin), made, lacking.pop(title, ())))
    rest = [row for row in left_out if row.row.title in lacking and row.left_out]
    rows += [replace(row, panels=()) for row in rest]
    dashboard = Dashboard(board.title or slug, *(row.row for row in rows)) if rows else None
    if dashboard is None:
        raise DashboardError(
            "this dashboard has no panel that can be drawn",
            location=Location(file),
            value=board.title,
            expected="a panel with a PromQL query",
            next_step="choose another dashboard",
        )
    return BoundDashboard(slug, dashboard, tuple(rows))


def _heading(panel: ReadPanel) -> str:
    """The title of a row, without the variable that a repeated one ends with: it is drawn once, for all."""
    return re.sub(r"\s*\$\w+$", "", panel.row)


def _row(title: str, panels: Sequence[BoundPanel], left_out: tuple[LeftOut, ...]) -> BoundRow:
    return BoundRow(Row(title, *(one.panel for one in panels)), tuple(panels), left_out)


def _told_apart(panels: Iterator[BoundPanel | None]) -> list[BoundPanel]:
    """The panels that can be drawn; of several with one title the later ones are numbered."""
    found: list[BoundPanel] = []
    seen: dict[str, int] = {}
    for one in panels:
        if one is not None:
            number = seen[one.panel.title] = seen.get(one.panel.title, 0) + 1
            one.panel.title += f" ({number})" if number > 1 else ""
            found.append(one)
    return found


def _read(shown: ReadPanel, vocabulary: Vocabulary, file: str) -> BoundPanel | None:
    if shown.kind not in {*_KINDS, "heatmap"}:
        return None
    queries = tuple(_queries(shown, vocabulary, file))
    if not queries:
        return None
    panel = _panel(shown, queries)
    panel.thresholds = _limits(shown.defaults.get("thresholds"))
    if isinstance(panel, Table):
        limits = ((name, _limits(own.get("thresholds"))) for name, own in _of_columns(shown.json).items())
        panel.colored = {name: pair for name, pair in limits if pair is not None}
    place = shown.json.get("gridPos") or {}
    return BoundPanel(panel, queries, shown.description, _place(place) if place else None, _colors(shown.json))


def _place(place: Json) -> PanelPlace:
    return PanelPlace(*(int(place.get(side, 0)) for side in ("x", "y", "w", "h")))


def _panel(shown: ReadPanel, queries: tuple[BoundQuery, ...]) -> Panel:
    title = " ".join(shown.title.split()) or f"Panel {shown.number}"
    exprs = {query.ref: query.expr for query in queries}
    alert = next((one["title"].removeprefix("Alert ") for one in shown.json.get("links") or () if _is_alert(one)), None)
    good = shown.description.partition("\n")[0].removeprefix("Good: ").strip() or "it says nothing of that"
    told: dict[str, Any] = {"good": good, "alert": alert}
    if shown.kind == "heatmap":
        return Heat(title, _histogram(shown, queries[0].expr), **told)
    kind = _KINDS[shown.kind]
    if kind is Stat and _is_tile(shown):
        return Tile(title, exprs, **told)
    if kind is Stat:
        text = (shown.json.get("options") or {}).get("text") or {}
        return Stat(title, exprs, **told, names=text.get("titleSize", 0) > text.get("valueSize", 0))
    if kind is not Lines:
        return kind(title, exprs, **told)
    custom = shown.defaults.get("custom") or {}
    return Lines(
        title,
        exprs,
        **told,
        stacked=(custom.get("stacking") or {}).get("mode") in {"normal", "percent"},
        log=(custom.get("scaleDistribution") or {}).get("type") in {"log", "symlog"},
        zoom="min" not in shown.defaults and custom.get("axisSoftMin") is None,
    )


def _is_tile(shown: ReadPanel) -> bool:
    """Whether the values of a panel are levels, as `regobs build` writes their words."""
    mappings = (one.get("options") or {} for one in shown.defaults.get("mappings") or () if one.get("type") == "value")
    found = {key: one.get("text") for mapping in mappings for key, one in mapping.items() if isinstance(one, dict)}
    return found == {str(value): word for value, word in LEVELS.items()}


def _is_alert(link: Json) -> bool:
    return str(link.get("title", "")).startswith("Alert ")


def _histogram(shown: ReadPanel, expr: Expr) -> Metric:
    """The histogram of a heat map; for one that the catalog does not know, one in the unit of its axis."""
    known = next((metric for metric in metrics_of(expr) if metric.kind is Kind.HISTOGRAM), None)
    axis = (shown.json.get("options") or {}).get("yAxis") or {}
    unit, _ = unit_named(str(axis.get("unit"))) or (Unit.NONE, False)
    return known or Metric("histogram", Kind.HISTOGRAM, unit, "", (), "")


def _queries(shown: ReadPanel, vocabulary: Vocabulary, file: str) -> Iterator[BoundQuery]:
    columns, special = _columns(shown.json), _of_columns(shown.json)
    words = tuple(_words(shown.json))
    for _, target in targets_of(shown.json):
        text = target.get("expr")
        if not text or target.get("hide") or not asks_prometheus(shown.json, target, {}):
            continue
        ref = str(target.get("refId", "A"))
        expr = _parsed(shown, ref, str(text), file)
        instant = bool(target.get("instant")) and not target.get("range")
        name = columns.get(f"Value #{ref}", columns.get("Value", ""))
        metrics = metrics_of(expr)
        yield BoundQuery(
            ref=ref,
            name=name,
            legend=_legend(target),
            expr=expr,
            type=_typed(expr, shown, special.get(name, {}).get("unit", shown.defaults.get("unit"))),
            metrics=metrics,
            instant=instant,
            words=words,
            edges=edges_behind(expr, metrics, vocabulary),
            scoped=True,
        )


def _legend(target: Json) -> str:
    legend = str(target.get("legendFormat") or "")
    return "" if legend == "__auto" else legend


def _columns(panel: Json) -> dict[str, str]:
    """The names that a table gives its columns of values."""
    named: dict[str, str] = {}
    for one in panel.get("transformations") or ():
        if one.get("id") == "organize":
            named |= {key: str(name) for key, name in (one.get("options", {}).get("renameByName") or {}).items()}
    return named


def _of_columns(panel: Json) -> dict[str, Json]:
    """What a table says of single columns, such as their unit and thresholds: by name, what is set by its id."""
    overrides = (panel.get("fieldConfig") or {}).get("overrides") or ()
    return {
        str(one["matcher"].get("options")): {own["id"]: own.get("value") for own in one.get("properties") or ()}
        for one in overrides
        if (one.get("matcher") or {}).get("id") == "byName"
    }


def _colors(panel: Json) -> tuple[tuple[str, str], ...]:
    """The series that a panel gives a colour of their own, by name, in Grafana's words for colours."""
    own = ((name, properties.get("color")) for name, properties in _of_columns(panel).items())
    colors = ((name, color.get("fixedColor")) for name, color in own if isinstance(color, dict))
    return tuple((name, str(color)) for name, color in colors if color)


def _words(panel: Json) -> Iterator[tuple[str, str]]:
    """Label values and the words that stand in their place in legends, as `regobs build` writes them."""
    for one in panel.get("transformations") or ():
        options = one.get("options") or {}
        value = re.fullmatch(r"\(\.\* \)\?(.+)\( \.\*\)\?", str(options.get("regex", "")))
        word = re.fullmatch(r"\$1(.+)\$2", str(options.get("renamePattern", "")))
        if one.get("id") == "renameByRegex" and value and word:
            yield re.sub(r"\\(.)", r"\1", value[1]), word[1]


def _parsed(shown: ReadPanel, ref: str, text: str, file: str) -> Expr:
    try:
        return _everything(parse(text))
    except PromqlError as error:
        raise DashboardError(
            f"a snapshot cannot ask the query {ref} of the panel {shown.title!r}",
            location=Location(file),
            value=error.value or text,
            expected=error.expected or error.message,
            next_step="correct the query",
        ) from error


def _everything(expr: Expr) -> Expr:
    """Without the matchers that hold a variable of the dashboard: a snapshot shows all that can be chosen."""

    def visit(node: Expr) -> Expr:
        if isinstance(node, Selector):
            return replace(node, matchers=tuple(one for one in node.matchers if "$" not in one.value.rstrip("$")))
        return rebuild(node, visit)

    return visit(expr)


def _typed(expr: Expr, shown: ReadPanel, unit: object) -> Type:
    """What an expression gives, in the unit that its panel, or its column, writes it in."""
    try:
        kind = infer(expr)
    except PromqlError:  # what we know of the metrics is no judge of another's query
        kind = Type("vector")
    if shown.kind == "heatmap":
        return kind
    if unit is None or grafana_unit(kind.unit, per_second=kind.per_second) == unit:
        return kind
    named = unit_named(str(unit)) or (Unit.NONE, False)
    return kind._replace(unit=named[0], per_second=named[1], fraction=False)


def _limits(thresholds: Json | None) -> Limits | None:
    """Warning and critical of Grafana's three steps; None for any other number of them."""
    steps = (thresholds or {}).get("steps") or []
    values = [float(step["value"]) for step in steps if step.get("value") is not None]
    if len(values) != 2 or len(steps) != 3:
        return None
    return (values[1], values[0]) if steps[0].get("color") == "red" else (values[0], values[1])

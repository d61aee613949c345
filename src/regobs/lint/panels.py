"""Checks of panels: units, colours, what a single number is made of."""

from __future__ import annotations

from collections.abc import Iterator

from regobs.grafana.classic import targets_of
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import bare
from regobs.lint.panel_units import is_percent, is_share
from regobs.lint.read_boards import reducers
from regobs.lint.shown_units import panel_unit_of
from regobs.lint.subjects import LintedPanel
from regobs.promql.functions import GROWTH
from regobs.promql.nodes import Call, Expr, Selector

_NO_DATA = frozenset(
    {"row", "text", "dashlist", "alertlist", "news", "welcome", "pluginlist", "gettingstarted", "nodeGraph"}
)


@check("threshold-order", Severity.WARNING, CheckSubject.PANEL)
def threshold_order(panel: LintedPanel) -> Iterator[LintProblem]:
    """The colour steps of a panel are not in ascending order, or one of them has no value.

    Why: Grafana takes the last step that is reached, so a colour in between is never shown.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "fieldConfig": {"defaults": {"thresholds": {
          "mode": "absolute", "steps": [{"color": "green", "value": null}, {"color": "red", "value": 90},
          {"color": "orange", "value": 45}]}}}, "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "fieldConfig": {"defaults": {"thresholds": {
          "mode": "absolute", "steps": [{"color": "green", "value": null}, {"color": "orange", "value": 45},
          {"color": "red", "value": 90}]}}}, "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    """
    steps = _steps(panel)
    seen = None if _coloured_by_steps(panel) else Severity.NOTE
    path = ("fieldConfig", "defaults", "thresholds", "steps")
    numbers = [float(value) for _, value in steps[1:] if value is not None]
    if numbers != sorted(numbers):
        yield panel.problem(path, f"the steps are {', '.join(f'{one:g}' for one in numbers)}", "sort them", seen)
    if any(value is None for _, value in steps[1:]):
        yield panel.problem(path, "a step behind the first has no value", "give it one, or remove it", seen)


def _steps(panel: LintedPanel) -> list[tuple[str, float | None]]:
    limits = panel.defaults.get("thresholds")
    steps = limits.get("steps") if isinstance(limits, dict) else None
    found: list[tuple[str, float | None]] = []
    for one in steps if isinstance(steps, list) else ():
        if not isinstance(one, dict):
            return []
        value = one.get("value")
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            return []
        found.append((str(one.get("color")), value))
    return found


@check("threshold-out-of-reach", Severity.WARNING, CheckSubject.PANEL)
def threshold_out_of_reach(panel: LintedPanel) -> Iterator[LintProblem]:
    r"""A colour step lies where the panel's ratio never is.

    Why: the panel stays green while everything fails.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Errors", "fieldConfig": {"defaults": {
          "unit": "percentunit", "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": null},
          {"color": "red", "value": 30}]}}}, "targets": [{"refId": "A", "expr":
          "sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Errors", "fieldConfig": {"defaults": {
          "unit": "percentunit", "thresholds": {"mode": "absolute", "steps": [{"color": "green", "value": null},
          {"color": "red", "value": 0.3}]}}}, "targets": [{"refId": "A", "expr":
          "sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))"}]}]}
    """
    limits = panel.defaults.get("thresholds")
    if not isinstance(limits, dict) or limits.get("mode") == "percentage":
        return
    untouched = [value for _, value in _steps(panel)] in ([None, 80], [0, 80])  # as Grafana begins every panel
    seen = _coloured_by_steps(panel)
    if untouched and (not seen or _overrides_colour(panel)):
        return
    unit, _ = panel_unit_of(panel)
    beyond = [value for _, value in _steps(panel) if value is not None and value > 1]
    queries = [query for query in panel.queries if query.expr is not None]
    shares = bool(queries) and all(is_share(query) for query in queries if query.expr is not None)
    scaled = any(is_percent(query) for query in queries)
    if beyond and (shares or (unit == "percentunit" and min(beyond) >= 10)) and not scaled:
        shown = ", ".join(f"{value:g}" for value in beyond)
        path = ("fieldConfig", "defaults", "thresholds", "steps")
        yield panel.problem(
            path, f"a ratio never reaches {shown}", f"write {beyond[0] / 100:g}", None if seen else Severity.NOTE
        )


def _overrides_colour(panel: LintedPanel) -> bool:
    """Whether single series have a colour of their own."""
    config = panel.data.get("fieldConfig")
    listed = config.get("overrides") if isinstance(config, dict) else None
    settings = [one.get("properties") for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    return any(isinstance(one, list) and any(_is_colour(each) for each in one) for one in settings)


def _is_colour(setting: object) -> bool:
    return isinstance(setting, dict) and setting.get("id") == "color"


def _coloured_by_steps(panel: LintedPanel) -> bool:
    """Whether the colour steps are seen: on a graph where it says so, on a single number unless it has no colour.

    A gauge shows them on its rim whatever its colour is.
    """
    colour = panel.defaults.get("color")
    mode = colour.get("mode", "thresholds") if isinstance(colour, dict) else "thresholds"
    custom = panel.defaults.get("custom")
    style = custom.get("thresholdsStyle") if isinstance(custom, dict) else None
    drawn = style.get("mode", "off") != "off" if isinstance(style, dict) else False
    if panel.kind in {"timeseries", "barchart", "histogram", "trend"}:
        return drawn or (isinstance(colour, dict) and mode == "thresholds")
    options = panel.data.get("options")
    if panel.kind == "stat" and isinstance(options, dict) and options.get("colorMode") == "none":
        return False
    return mode == "thresholds" or panel.kind == "gauge"


@check("mean-of-quantile", Severity.WARNING, CheckSubject.PANEL)
def mean_of_quantile(panel: LintedPanel) -> Iterator[LintProblem]:
    """A single number is the mean over time of a quantile.

    Why: it is not the quantile of that time: hours without traffic weigh as much as the peak.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "p95", "options": {"reduceOptions": {
          "calcs": ["mean"]}}, "targets": [{"refId": "A", "expr":
          "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[$__rate_interval])))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "p95", "options": {"reduceOptions": {
          "calcs": ["lastNotNull"]}}, "targets": [{"refId": "A", "instant": true, "expr":
          "histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket[$__range])))"}]}]}
    """
    steps, calcs = reducers(panel.data)
    quantile = any(_is_quantile(query.expr) for query in panel.queries if query.expr is not None and not query.instant)
    if quantile and set(calcs) & {"mean", "avg", "sum", "total"}:
        yield panel.problem(steps, "a mean of quantiles", "ask once over $__range")


def _is_quantile(expr: Expr) -> bool:
    top = bare(expr)
    return isinstance(top, Call) and top.function == "histogram_quantile"


@check("sum-of-increases", Severity.WARNING, CheckSubject.PANEL)
def sum_of_increases(panel: LintedPanel) -> Iterator[LintProblem]:
    """A total is added up in the browser from the points of a graph.

    Why: it depends on the width of the panel: windows overlap, or leave gaps.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Bytes", "options": {"reduceOptions": {
          "calcs": ["sum"]}}, "targets": [{"refId": "A", "expr": "sum(increase(bytes_total[$__rate_interval]))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Bytes", "options": {"reduceOptions": {
          "calcs": ["lastNotNull"]}}, "targets": [{"refId": "A", "instant": true,
          "expr": "sum(increase(bytes_total[$__range]))"}]}]}
    """
    steps, calcs = reducers(panel.data)
    grown = any(
        node.function in {"increase", "rate"} for query in panel.queries for node in query.calls if not query.instant
    )
    if grown and set(calcs) & {"sum", "total"}:
        yield panel.problem(steps, "a total of overlapping windows", "ask once for increase over $__range")


@check("last-may-be-null", Severity.NOTE, CheckSubject.PANEL)
def last_may_be_null(panel: LintedPanel) -> Iterator[LintProblem]:
    """A single number is the last point, even where that is missing.

    Why: the newest point is often not there yet; the panel then says "No data".

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "options": {"reduceOptions": {
          "calcs": ["last"]}}, "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "options": {"reduceOptions": {
          "calcs": ["lastNotNull"]}}, "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    """
    steps, calcs = reducers(panel.data)
    if "last" in calcs and panel.kind != "singlestat" and any(not query.instant for query in panel.queries):
        problem = panel.problem(steps, "the newest point may be missing", "write lastNotNull")
        yield problem.fixed_by(panel.edit((*steps, calcs.index("last")), "last", "lastNotNull"))


@check("panel-without-title", Severity.NOTE, CheckSubject.PANEL)
def panel_without_title(panel: LintedPanel) -> Iterator[LintProblem]:
    """A panel with a query has no title.

    Why: nobody can say which number is meant.

    Wrong:
        {"title": "a", "panels": [
          {"id": 1, "type": "stat", "title": "", "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    Right:
        {"title": "a", "panels": [
          {"id": 1, "type": "stat", "title": "Up", "targets": [{"refId": "A", "expr": "sum(up)"}]}]}
    """
    if panel.queries and not panel.title.strip() and panel.kind not in _NO_DATA and not panel.data.get("libraryPanel"):
        yield panel.problem(("title",), "the panel has no title", "give it one")


@check("duplicate-query-letter", Severity.WARNING, CheckSubject.PANEL)
def duplicate_query_letter(panel: LintedPanel) -> Iterator[LintProblem]:
    """Two queries of a panel have the same letter, `refId`.

    Why: results come back by their letters, so that one of the two is lost or shown as the other.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up)"}, {"refId": "A", "expr": "count(up)"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Up", "targets": [
          {"refId": "A", "expr": "sum(up)"}, {"refId": "B", "expr": "count(up)"}]}]}
    """
    seen: set[str] = set()
    for index, target in targets_of(panel.data):
        letter = target.get("refId")
        if not isinstance(letter, str) or not letter or target.get("hide") is True:
            continue
        if letter in seen:
            yield panel.problem(("targets", index, "refId"), f"a second query {letter}", "give it another letter")
        seen.add(letter)


@check("nested-panels", Severity.WARNING, CheckSubject.PANEL)
def nested_panels(panel: LintedPanel) -> Iterator[LintProblem]:
    """An open row holds panels, which only a collapsed one may.

    Why: Grafana does not draw them; they are lost when the dashboard is saved.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "row", "title": "Pool", "collapsed": false, "panels": [
          {"id": 2, "type": "text", "title": "b"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "row", "title": "Pool", "collapsed": true, "panels": [
          {"id": 2, "type": "text", "title": "b"}]}]}
    """
    if panel.kind == "row" and panel.data.get("collapsed") is False and panel.data.get("panels"):
        yield panel.problem(("collapsed",), f"the open row {panel.title!r} holds panels", "move them behind the row")


@check("old-panel", Severity.NOTE, CheckSubject.PANEL)
def old_panel(panel: LintedPanel) -> Iterator[LintProblem]:
    """A panel is of a kind that Grafana 12 no longer has.

    Why: newer servers turn it into another kind, and some of its settings are lost on the way.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "singlestat", "title": "Up", "targets": []}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Up", "targets": []}]}
    """
    newer = {"graph": "timeseries", "singlestat": "stat", "table-old": "table", "grafana-piechart-panel": "piechart"}
    if panel.kind in newer:
        yield panel.problem(("type",), f"{panel.kind} is gone", f"write {newer[panel.kind]}")


@check("green-only-at-limit", Severity.NOTE, CheckSubject.PANEL)
def green_only_at_limit(panel: LintedPanel) -> Iterator[LintProblem]:
    """A share is green only when it is whole.

    Why: one failure of a million turns the panel to another colour, so nobody looks at its colour any more.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Runs", "fieldConfig": {"defaults": {
          "unit": "percent", "thresholds": {"mode": "absolute", "steps": [{"color": "red", "value": null},
          {"color": "green", "value": 100}]}}}, "targets": [{"refId": "A", "expr": "runs:success:percent"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "stat", "title": "Runs", "fieldConfig": {"defaults": {
          "unit": "percent", "thresholds": {"mode": "absolute", "steps": [{"color": "red", "value": null},
          {"color": "green", "value": 99}]}}}, "targets": [{"refId": "A", "expr": "runs:success:percent"}]}]}
    """
    whole = {"percent": 100, "percentunit": 1}.get(panel_unit_of(panel)[0])
    steps = _steps(panel)
    found = [one for query in panel.queries for one in query.nodes]
    events = any(isinstance(one, Call) and one.function in GROWTH for one in found)
    recorded = any(isinstance(one, Selector) and ":" in str(one.metric or "") for one in found)
    if not events and not recorded:
        return  # of replicas, shards and nodes all are wanted
    if len(steps) > 1 and whole is not None and steps[-1][1] == whole and "green" in steps[-1][0]:
        path = ("fieldConfig", "defaults", "thresholds", "steps")
        yield panel.problem(path, f"green begins at {whole}", "let green begin at the objective")

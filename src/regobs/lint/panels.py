"""Checks of panels: units, colours, what a single number is made of."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from regobs.catalog.model import Unit
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import bare
from regobs.lint.subjects import LintedPanel, LintedQuery
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.types import Bounds
from regobs.promql.walk import strip_parens

_NO_DATA = frozenset(
    {"row", "text", "dashlist", "alertlist", "news", "welcome", "pluginlist", "gettingstarted", "nodeGraph"}
)
_SECONDS = {"s", "ms", "µs", "us", "ns", "dtdurations", "dtdurationms", "m", "h", "d", "clocks", "clockms", "dthms"}
_BYTE_RATES = {"Bps", "binBps", "KBs", "MBs", "GBs", "KiBs", "MiBs", "GiBs"}
_BYTES = {"bytes", "decbytes", "kbytes", "mbytes", "gbytes", "deckbytes", "decmbytes", "decgbytes"}
_BIT_RATES = {"bps", "binbps", "Kbits", "Mbits", "Gbits"}
_SHARES = {"percent", "percentunit"}
_MEASURES = {
    Unit.SECONDS,
    Unit.TIMESTAMP,
    Unit.BYTES,
    Unit.RATIO,
    Unit.PERCENT,
    Unit.CORES,
    Unit.BOOL,
    Unit.INFO,
    Unit.NONE,
}
_OF_ONE_CORE = "two cores read 200 %"  # some want it so: the share of one core, as `top` shows it
_MOMENTS = {"dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsUS", "dateTimeFromNow", "dateTimeAsSystem"}
_MOMENT = "subtract it from time(), or write dateTimeAsIso and multiply it by 1000"
_PER_SECOND = {"ops", "reqps", "rps", "wps", "iops", "cps", "mps", "eps"}
_RATES = {"ops", "reqps", "rps", "wps", "iops", "cps", "opm", "rpm", "wpm", "mps", "eps"}


@check("panel-unit", Severity.WARNING, CheckSubject.PANEL)
def panel_unit(panel: LintedPanel) -> Iterator[LintProblem]:
    r"""A panel shows its values in another unit than they are.

    Why: 0.9 is shown as 0.9 %, two cores as 200 %, bytes as bits: whoever reads it is wrong by a factor.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Errors",
          "fieldConfig": {"defaults": {"unit": "percentunit"}}, "targets": [{"refId": "A", "expr":
          "100 * sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Errors",
          "fieldConfig": {"defaults": {"unit": "percent"}}, "targets": [{"refId": "A", "expr":
          "100 * sum(rate(http_requests_total{code=~\"5..\"}[5m])) / sum(rate(http_requests_total[5m]))"}]}]}
    """
    unit, path = _unit(panel)
    config = panel.data.get("fieldConfig")
    overrides = config.get("overrides") if isinstance(config, dict) else None
    if (
        not unit
        or not panel.queries
        or overrides
        or panel.kind in {"table", "heatmap"}
        or panel.data.get("transformations")
    ):
        return
    judged = [_unit_fault(query, unit) for query in panel.queries if query.expr is not None]
    if judged and all(judged):
        what, step = judged[0] or ("", "")
        yield panel.problem(path, what, step, Severity.NOTE if what == _OF_ONE_CORE else None)


def _unit(panel: LintedPanel) -> tuple[str, tuple[Any, ...]]:
    """The unit of a panel and where it stands: of today's panels, or of the graph and singlestat of old ones."""
    if isinstance(panel.defaults.get("unit"), str):
        return str(panel.defaults["unit"]), ("fieldConfig", "defaults", "unit")
    if isinstance(panel.data.get("format"), str):
        return str(panel.data["format"]), ("format",)
    axes = panel.data.get("yaxes")
    if isinstance(axes, list) and axes and isinstance(axes[0], dict) and panel.kind == "graph":
        return str(axes[0].get("format") or ""), ("yaxes", 0, "format")
    return "", ()


def _unit_fault(query: LintedQuery, unit: str) -> tuple[str, str] | None:
    """What is wrong about the unit, and what to do."""
    assert query.expr is not None  # noqa: S101 - those that cannot be read are left out
    kind = query.type
    share = kind.unit is Unit.RATIO or _share(query) or _utilization(query.expr)
    share = share and not any(literal(one) == 100 for one in query.nodes)  # a part of it may be percent
    seconds = kind.unit is Unit.SECONDS and not kind.per_second
    of_time = kind.unit is Unit.SECONDS and kind.per_second
    flow = kind.unit is Unit.BYTES and kind.per_second
    amount = kind.unit is Unit.BYTES and not kind.per_second
    since = any(isinstance(one, Call) and one.function == "time" for one in query.nodes)  # what it is less is not known
    moment = kind.unit is Unit.TIMESTAMP and not since
    buckets = any(str(one.metric).endswith("_bucket") for one in query.selectors)  # the unit may be that of the edges
    things = kind.unit not in _MEASURES and not buckets
    faults = (
        (_percent(query.expr), {"percentunit"}, "percent are shown as a ratio: 50 reads 5000 %", "write percent"),
        (share, {"percent"}, "a ratio is shown as percent: 0.5 reads 0.5 %", "write percentunit"),
        (moment, _SECONDS, "a moment is shown as a duration", _MOMENT),
        (seconds, _MOMENTS, "a duration is shown as a moment", "write s"),
        (share, _RATES | _SECONDS | _BYTES, f"a ratio is shown as {unit}", "write percentunit"),
        (kind.unit is Unit.CORES, {"percent"}, "two cores read 2 %", "write none or short"),
        (
            kind.unit is Unit.CORES and not query.values.averages_cores(query.expr),
            {"percentunit"},
            _OF_ONE_CORE,
            "write none or short",
        ),
        (flow or amount, _BIT_RATES, "bytes are shown as bits", "write binBps"),
        (flow, _BYTES, "bytes per second are shown as bytes", "write binBps"),
        (amount, _BYTE_RATES, "bytes are shown as bytes per second", "write bytes"),
        (
            flow or amount,
            _SECONDS | _RATES | _SHARES,
            f"bytes are shown as {unit}",
            f"write {'binBps' if flow else 'bytes'}",
        ),
        (things, _SECONDS | _BYTES | _BYTE_RATES | _BIT_RATES, f"{kind.unit} are shown as {unit}", "write short"),
        (seconds, _RATES | _BYTES | _BYTE_RATES | {"percent"}, f"seconds are shown as {unit}", "write s"),
        (seconds, {"short", "none"}, "seconds are shown without their unit", "write s"),
        (
            flow or amount,
            {"short", "none"},
            "bytes are shown without their unit",
            f"write {'binBps' if flow else 'bytes'}",
        ),
        (of_time, _RATES, f"seconds per second are shown as {unit}", "write percentunit, or short"),
        (_increases(query.expr), _PER_SECOND, f"what happened in a window is shown as {unit}", "take the rate"),
        (seconds and not _scaled(query.expr), {"ms", "µs", "us", "ns"}, f"seconds are shown as {unit}", "write s"),
    )
    return next(((what, step) for holds, units, what, step in faults if holds and unit in units), None)


def _increases(expr: Expr) -> bool:
    """Whether it is an increase, as it is or added up."""
    top = strip_parens(expr)
    while isinstance(top, Aggregate) and top.op in {"sum", "max", "avg"}:
        top = strip_parens(top.expr)
    return isinstance(top, Call) and top.function == "increase"


def _utilization(expr: Expr) -> bool:
    """Whether it is one of Google Cloud's utilizations, which are all from 0 to 1."""
    top = strip_parens(expr)
    while isinstance(top, Aggregate) and top.op in {"avg", "max", "min"}:
        top = strip_parens(top.expr)
    name = str(top.metric or "") if isinstance(top, Selector) else ""
    return name.startswith("stackdriver_") and name.endswith("_utilization")


def _scaled(expr: Expr) -> bool:
    top = strip_parens(expr)
    return (
        isinstance(top, Binary)
        and top.op in {"*", "/"}
        and None not in {literal(top.left), literal(top.right)} - {None}
    )


def _percent(expr: Expr) -> bool:
    """Whether a share is multiplied by 100."""
    top = strip_parens(expr)
    if isinstance(top, Aggregate) and top.op in {"avg", "max", "min"}:
        top = strip_parens(top.expr)
    if not isinstance(top, Binary):
        return False
    if top.op == "*" and 100 in {literal(top.left), literal(top.right)}:
        return _has_division(top)
    if top.op == "/":
        left = strip_parens(top.left)
        return isinstance(left, Binary) and left.op == "*" and 100 in {literal(left.left), literal(left.right)}
    return False


def _has_division(expr: Expr) -> bool:
    top = strip_parens(expr)
    if isinstance(top, Binary):
        return (top.op == "/" and literal(top.right) is None) or _has_division(top.left) or _has_division(top.right)
    return isinstance(top, Aggregate) and _has_division(top.expr)


def _share(query: LintedQuery) -> bool:
    top = bare(query.expr) if query.expr is not None else None
    if isinstance(top, Binary) and top.op == "-" and literal(top.left) == 1:
        top = bare(top.right)
    return isinstance(top, Binary) and top.op == "/" and query.values.share(top) == Bounds(0, 1)


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
    path = ("fieldConfig", "defaults", "thresholds", "steps")
    numbers = [float(value) for _, value in steps[1:] if value is not None]
    if numbers != sorted(numbers):
        yield panel.problem(path, f"the steps are {', '.join(f'{one:g}' for one in numbers)}", "sort them")
    if any(value is None for _, value in steps[1:]):
        yield panel.problem(path, "a step behind the first has no value", "give it one, or remove it")


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
    if untouched and not _coloured_by_steps(panel):
        return
    unit, _ = _unit(panel)
    beyond = [value for _, value in _steps(panel) if value is not None and value > 1]
    queries = [query for query in panel.queries if query.expr is not None]
    shares = bool(queries) and all(_share(query) for query in queries if query.expr is not None)
    scaled = any(query.expr is not None and _percent(query.expr) for query in queries)
    if beyond and (shares or (unit == "percentunit" and min(beyond) >= 10)) and not scaled:
        shown = ", ".join(f"{value:g}" for value in beyond)
        path = ("fieldConfig", "defaults", "thresholds", "steps")
        yield panel.problem(path, f"a ratio never reaches {shown}", f"write {beyond[0] / 100:g}")


def _coloured_by_steps(panel: LintedPanel) -> bool:
    """Whether the colour steps are seen; on a graph they are where it says so."""
    colour = panel.defaults.get("color")
    mode = colour.get("mode", "thresholds") if isinstance(colour, dict) else "thresholds"
    custom = panel.defaults.get("custom")
    style = custom.get("thresholdsStyle") if isinstance(custom, dict) else None
    drawn = style.get("mode", "off") != "off" if isinstance(style, dict) else False
    if panel.kind in {"timeseries", "barchart", "histogram", "trend"}:
        return drawn or (isinstance(colour, dict) and mode == "thresholds")
    return mode == "thresholds"


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
    steps, calcs = _calcs(panel)
    quantile = any(_is_quantile(query.expr) for query in panel.queries if query.expr is not None and not query.instant)
    if quantile and set(calcs) & {"mean", "avg", "sum", "total"}:
        yield panel.problem(steps, "a mean of quantiles", "ask once over $__range")


def _calcs(panel: LintedPanel) -> tuple[tuple[Any, ...], list[str]]:
    options = panel.data.get("options")
    reduced = options.get("reduceOptions") if isinstance(options, dict) else None
    calcs = reduced.get("calcs") if isinstance(reduced, dict) else None
    if isinstance(calcs, list) and panel.kind in {"stat", "gauge", "bargauge"}:
        return ("options", "reduceOptions", "calcs"), [str(one) for one in calcs]
    if panel.kind == "singlestat" and isinstance(panel.data.get("valueName"), str):
        return ("valueName",), [str(panel.data["valueName"])]
    return (), []


def _is_quantile(expr: Expr) -> bool:
    top = strip_parens(expr)
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
    steps, calcs = _calcs(panel)
    grown = any(
        isinstance(node, Call) and node.function in {"increase", "rate"}
        for query in panel.queries
        for node in query.nodes
        if not query.instant
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
    steps, calcs = _calcs(panel)
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
    whole = {"percent": 100, "percentunit": 1}.get(_unit(panel)[0])
    steps = _steps(panel)
    if len(steps) > 1 and whole is not None and steps[-1][1] == whole and "green" in steps[-1][0]:
        path = ("fieldConfig", "defaults", "thresholds", "steps")
        yield panel.problem(path, f"green begins at {whole}", "let green begin at the objective")

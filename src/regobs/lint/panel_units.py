"""The unit in which a panel shows its values against the one that they have."""

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
def panelpanel_unit_of(panel: LintedPanel) -> Iterator[LintProblem]:
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
    unit, path = panel_unit_of(panel)
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


def panel_unit_of(panel: LintedPanel) -> tuple[str, tuple[Any, ...]]:
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
    share = kind.unit is Unit.RATIO or is_share(query) or _utilization(query.expr)
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
        (is_percent(query.expr), {"percentunit"}, "percent are shown as a ratio: 50 reads 5000 %", "write percent"),
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


def is_percent(expr: Expr) -> bool:
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


def is_share(query: LintedQuery) -> bool:
    top = bare(query.expr) if query.expr is not None else None
    if isinstance(top, Binary) and top.op == "-" and literal(top.left) == 1:
        top = bare(top.right)
    return isinstance(top, Binary) and top.op == "/" and query.values.share(top) == Bounds(0, 1)

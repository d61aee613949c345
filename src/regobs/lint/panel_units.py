"""The check of the unit in which a panel shows its values against the one that they have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import replace

from regobs.catalog import database, http, redis, sql_pool, storage
from regobs.catalog.model import Unit
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.named_shares import bare
from regobs.lint.quantities import Dimension, measured
from regobs.lint.shown_units import shown_units
from regobs.lint.subjects import LintedPanel, LintedQuery
from regobs.lint.units_of_grafana import SHARES, UNITS, unit_fault
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Selector
from regobs.promql.types import Bounds

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
_BYTE_SECONDS = "bytes times seconds are shown as one of them"
_HELD = "divide them by the seconds that they were counted in, and write bytes"
_MOMENTS = {"dateTimeAsIso", "dateTimeAsIsoNoDateIfToday", "dateTimeAsUS", "dateTimeFromNow", "dateTimeAsSystem"}
_MOMENT = "subtract it from time(), or write dateTimeAsIso and multiply it by 1000"
_PER_SECOND = {"ops", "reqps", "rps", "wps", "iops", "cps", "mps", "eps"}
# Where a number stands beside its unit. A table has a unit for each column, a state timeline none.
_SHOWS_UNITS = {"timeseries", "graph", "stat", "singlestat", "gauge", "bargauge", "barchart", "piechart"}
_RATE_TOLD = re.compile(r"/ ?s\b|/ ?sec|per[ -]sec|bps|\b(?:rate|throughput|bandwidth|traffic|speed)\b", re.IGNORECASE)
_OF_POINTS = frozenset({"count", "countAll", "changeCount", "distinctCount", "diffperc", "range"})
# Told beside a number that is shown without a unit: "Memory [GB]", "Latency (ms)", "size in bytes".
_UNIT_NAMED = re.compile(
    r"\b(?:[kKMGT]i?B|ms|µs)\b"
    r"|[(\[] ?(?:[kKMGT]i?b|B|[kKMGT]?i?[bB]ytes|[kKMGT]?i?bits?|[mµun]?s|(?:milli|micro|nano)?sec(?:ond)?s?"
    r"|min(?:ute)?s?|hours?|days?)(?: ?/ ?s|ps)? ?[)\]]"
    r"|\bin (?:(?:milli|micro|nano)?seconds|minutes|hours|days|(?:kilo|mega|giga)?bytes)\b"
)
# Gauges of bytes named so may be amounts per second: who exposes them took the rate.
_FLOWS = frozenset(
    """
    ingress egress rx tx in out sent recv receive received transmit transmitted transfer transferred download
    downloaded upload uploaded read write written network traffic io
    """.split()  # noqa: SIM905 - words
)
_UNIT_TOLD = re.compile(r"\b(?:sec(?:ond)?s?|bytes?)\b|[(\[] ?(?:s|B) ?[)\]]", re.IGNORECASE)
# Of what callers wait for: as many may wait at a time as there are. Of the work of one process there is one at a time.
_WAITED_FOR = {
    http.DURATION, http.TIME_TO_HEADER, storage.ACTIONS, database.QUERY_DURATION, redis.COMMANDS, sql_pool.WAIT_SECONDS,
}  # fmt: skip
_RATES = {"ops", "reqps", "rps", "wps", "iops", "cps", "opm", "rpm", "wpm", "mps", "eps"}


@check("panel-unit", Severity.WARNING, CheckSubject.PANEL)
def panel_unit(panel: LintedPanel) -> Iterator[LintProblem]:
    r"""A panel shows its values in another unit than they are, or seconds and bytes in none.

    The unit of an override is judged too, where it certainly chooses a query: by the letter of the query, by a legend
    without labels, or as the column of a table. Percent are shown as a ratio or the other way round, cores, callers at
    a time and requests a second as a share, bytes as bits or kibibytes, milliseconds as seconds, an amount as a rate, a
    moment as a duration, a percentage or what is 0 or 1 as bytes. What a metric that is not known measures is told by
    its name (`_bytes`, `_seconds`), and by the constants that it is multiplied with or divided by.

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
    for one in shown_units(panel):
        if not one.unit and (panel.kind not in _SHOWS_UNITS or panel.defaults.get("mappings") or _says_unit(panel)):
            continue
        if one.unit in {"short", "none"} and _says_unit(panel, _UNIT_NAMED):
            continue
        judged = [_unit_fault(query, one.unit) or _measure_fault(panel, query, one.unit) for query in one.queries]
        if all(judged):
            what, step = judged[0] or ("", "")
            of_one_core = any(fault is not None and fault[0] == _OF_ONE_CORE for fault in judged)
            unsaid = one.unit in {"bytes", "decbytes"} and what.startswith("bytes per second")  # in the same steps
            severity = Severity.NOTE if of_one_core or unsaid or not one.unit else None
            yield panel.problem(one.path if one.unit else ("title",), what, step, severity)


def _measure_fault(panel: LintedPanel, query: LintedQuery, unit: str) -> tuple[str, str] | None:
    """What is wrong about the unit by what the query measures, and in steps of what."""
    found = measured(query)
    if found is None or _counts_points(panel) or (unit in SHARES and _stacks_to_percent(panel)):
        return None
    shown = UNITS.get(unit)
    # "Traffic per second" in bytes: the words say what the unit does not.
    told = shown is not None and replace(shown, per_second=found.per_second, scale=found.scale) == found
    if told and shown is not None and shown.per_second is not found.per_second and shown.scale == found.scale:
        texts = (panel.title, panel.data.get("description"), query.caption, *_axis_labels(panel))
        if any(_RATE_TOLD.search(str(text)) for text in texts if text):
            return None
    if told and shown is not None and shown.per_second and _may_be_flow(query):
        return None
    if found.dimension is Dimension.STATE and panel.defaults.get("mappings"):
        return None
    if shown is not None and shown.dimension is Dimension.MOMENT and _may_be_moment(query):
        return None
    kind = query.type.unit
    return unit_fault(found, unit, "things" if kind in _MEASURES else str(kind))


def _may_be_flow(query: LintedQuery) -> bool:
    """Whether a gauge of bytes that the catalog does not know may be named for the bytes of a second."""
    names = [str(one.metric) for one in query.selectors if query.entry(one) is None and one.range is None]
    return any(name.endswith("_bytes") and not _FLOWS.isdisjoint(name.split("_")) for name in names)


def _may_be_moment(query: LintedQuery) -> bool:
    """Whether an unknown series may be named for the time at which something was: `bind_config_time_seconds`."""
    names = [str(one.metric) for one in query.selectors if query.entry(one) is None]
    return any(name.endswith("_time_seconds") for name in names)


def _stacks_to_percent(panel: LintedPanel) -> bool:
    """Whether a panel shows the share that each line has of all, whatever it measures."""
    custom = panel.defaults.get("custom")
    stacking = custom.get("stacking") if isinstance(custom, dict) else None
    mode = stacking.get("mode") if isinstance(stacking, dict) else None
    return mode == "percent" or panel.data.get("percentage") is True or panel.kind == "piechart"


def _counts_points(panel: LintedPanel) -> bool:
    """Whether a single number is how many points there are, or how they differ in percent."""
    options = panel.data.get("options")
    reduced = options.get("reduceOptions") if isinstance(options, dict) else None
    calcs = reduced.get("calcs") if isinstance(reduced, dict) else None
    return isinstance(calcs, list) and not _OF_POINTS.isdisjoint(map(str, calcs))


def _axis_labels(panel: LintedPanel) -> list[object]:
    """What stands beside the axes of a graph, of today's and of the old kind."""
    custom = panel.defaults.get("custom")
    axes = panel.data.get("yaxes")
    labels = [one.get("label") for one in axes if isinstance(one, dict)] if isinstance(axes, list) else []
    return [custom.get("axisLabel") if isinstance(custom, dict) else "", *labels]


def _says_unit(panel: LintedPanel, words: re.Pattern[str] = _UNIT_TOLD) -> bool:
    """Whether the words around the values of a panel name their unit: "Latency (s)", "in seconds"."""
    captions = (one.caption for one in panel.queries)
    texts = [panel.title, panel.defaults.get("displayName"), *_axis_labels(panel), *captions]
    return any(words.search(str(text)) for text in texts if text)


_OTHER_THAN_SHARES = _RATES | UNITS.keys()
_Fault = tuple[bool, Collection[str], str, str]  # whether it may be one, for which units, what is wrong, what to do


def _unit_fault(query: LintedQuery, unit: str) -> tuple[str, str] | None:
    """What is wrong about the unit, and what to do."""
    faults = (*_faults_of_shares(query, unit), *_faults_of_measures(query, unit))
    return next(((what, step) for holds, units, what, step in faults if holds and unit in units), None)


def _multiplied(query: LintedQuery) -> bool:
    """Whether something is multiplied: by 100 it is percent, by the seconds of a month a time."""
    return any(map(_is_multiplied, query.binaries))


def _faults_of_shares(query: LintedQuery, unit: str) -> Iterator[_Fault]:
    """Percent, ratios and cores; a moment and a duration, which are told before ratios are."""
    assert query.expr is not None  # noqa: S101 - those that cannot be read are left out
    kind = query.type
    share = kind.unit is Unit.RATIO or is_share(query) or _utilization(query.expr)
    share = share and not _multiplied(query)
    since = any(one.function == "time" for one in query.calls)  # what it is less is not known
    moment = kind.unit is Unit.TIMESTAMP and not since
    seconds = kind.unit is Unit.SECONDS and not kind.per_second
    cores = kind.unit is Unit.CORES
    percent = is_percent(query) or _is_known_percent(query)
    yield percent, {"percentunit"}, "percent are shown as a ratio: 50 reads 5000 %", "write percent"
    yield percent, _OTHER_THAN_SHARES, f"percent are shown as {unit}", "write percent"
    yield share, {"percent"}, "a ratio is shown as percent: 0.5 reads 0.5 %", "write percentunit"
    yield moment, _SECONDS, "a moment is shown as a duration", _MOMENT
    yield seconds, _MOMENTS, "a duration is shown as a moment", "write s"
    yield share, _OTHER_THAN_SHARES, f"a ratio is shown as {unit}", "write percentunit"
    yield cores, {"percent"}, "two cores read 2 %", "write none or short"
    averages = cores and (query.values.averages_cores(query.expr) or query.values.of(query.expr).high <= 1)
    yield cores and not averages, {"percentunit"}, _OF_ONE_CORE, "write none or short"


def _faults_of_measures(query: LintedQuery, unit: str) -> Iterator[_Fault]:
    """Bytes, times and numbers of things."""
    assert query.expr is not None  # noqa: S101 - as above
    kind, times = query.type, _multiplied(query)
    seconds = kind.unit is Unit.SECONDS and not kind.per_second
    of_time = kind.unit is Unit.SECONDS and kind.per_second
    flow = kind.unit is Unit.BYTES and kind.per_second
    amount = kind.unit is Unit.BYTES and not kind.per_second
    buckets = any(str(one.metric).endswith("_bucket") for one in query.selectors)  # the unit may be that of the edges
    things = kind.unit not in _MEASURES and not buckets
    busy = (of_time or _rate_of_time(query.expr)) and not times
    waited = of_time and not times and all(query.metric(one) in _WAITED_FOR for one in query.selectors)
    nothing, of_bytes = {"short", "none", ""}, f"write {'binBps' if flow else 'bytes'}"
    per_second = "write percentunit, or short"
    yield _of_byte_seconds(query.expr), _BYTES | _BYTE_RATES | _BIT_RATES | _SECONDS, _BYTE_SECONDS, _HELD
    yield flow or amount, _BIT_RATES, "bytes are shown as bits", "write binBps"
    yield flow and not times, _BYTES, "bytes per second are shown as bytes", "write binBps"
    # Divided by the seconds of their window they are a rate.
    yield amount and not times, _BYTE_RATES, "bytes are shown as bytes per second", "write bytes"
    yield flow or amount, _SECONDS | _RATES | _SHARES, f"bytes are shown as {unit}", of_bytes
    yield things, _SECONDS | _BYTES | _BYTE_RATES | _BIT_RATES, f"{kind.unit} are shown as {unit}", "write short"
    yield seconds, _RATES | _BYTES | _BYTE_RATES | {"percent"}, f"seconds are shown as {unit}", "write s"
    yield seconds, nothing, "seconds are shown without their unit", "write s"
    placed = all("offset" in str(one.metric or "") for one in query.selectors)  # a place in a log is no amount
    yield (flow or amount) and not placed, nothing, "bytes are shown without their unit", of_bytes
    yield of_time, _RATES, f"seconds per second are shown as {unit}", per_second
    yield busy, {"percent"}, "seconds per second are shown as percent: 0.5 reads 0.5 %", per_second
    yield waited, {"percentunit"}, "callers at a time are shown as percent: 3 read 300 %", "write short"
    yield _increases(query.expr), _PER_SECOND, f"what happened in a window is shown as {unit}", "take the rate"
    exact = seconds and not _scaled(query.expr)
    yield exact, {"ms", "µs", "us", "ns"}, f"seconds are shown as {unit}", "write s"


def _is_multiplied(node: Binary) -> bool:
    sides = {literal(node.left), literal(node.right)} if node.op in {"*", "/"} else set()
    return not sides <= {None, 0, 1}


def _increases(expr: Expr) -> bool:
    """Whether it is an increase, as it is or added up."""
    top = bare(expr)
    while isinstance(top, Aggregate) and top.op in {"sum", "max", "avg"}:
        top = bare(top.expr)
    return isinstance(top, Call) and top.function == "increase"


def _of_byte_seconds(expr: Expr) -> bool:
    """Whether it is what bytes were held for how long, as it is or added up: its rate is how many were held."""
    top = bare(expr)
    while isinstance(top, Aggregate) and top.op in {"sum", "max", "avg", "min"}:
        top = bare(top.expr)
    return isinstance(top, Selector) and str(top.metric or "").endswith(("_byte_seconds", "_bytes_seconds"))


def _utilization(expr: Expr) -> bool:
    """Whether it is one of Google Cloud's utilizations, which are all from 0 to 1."""
    top = bare(expr)
    while isinstance(top, Aggregate) and top.op in {"avg", "max", "min"}:
        top = bare(top.expr)
    name = str(top.metric or "") if isinstance(top, Selector) else ""
    return name.startswith("stackdriver_") and name.endswith("_utilization")


def _scaled(expr: Expr) -> bool:
    top = bare(expr)
    return (
        isinstance(top, Binary)
        and top.op in {"*", "/"}
        and None not in {literal(top.left), literal(top.right)} - {None}
    )


def _rate_of_time(expr: Expr) -> bool:
    """Whether it is the rate of a counter that is named for its seconds, as it is or added up."""
    top = bare(expr)
    while isinstance(top, Aggregate) and top.op in {"sum", "max", "avg", "min"}:
        top = bare(top.expr)
    inner = bare(top.args[0]) if isinstance(top, Call) and top.function == "rate" and top.args else None
    return isinstance(inner, Selector) and str(inner.metric or "").endswith(("_seconds_total", "_seconds_sum"))


def _is_known_percent(query: LintedQuery) -> bool:
    """Whether it is what the catalog says goes from 0 to 100; a name such as `_percent` says too little."""
    metrics = [query.metric(one) for one in query.selectors]
    known = bool(metrics) and all(one is not None and one.unit is Unit.PERCENT for one in metrics)
    return known and query.type.unit is Unit.PERCENT and not query.binaries


def is_percent(query: LintedQuery) -> bool:
    """Whether a share, or the share of time that something was busy, is multiplied by 100."""
    top = query.stripped
    if isinstance(top, Aggregate) and top.op in {"avg", "max", "min"}:
        top = bare(top.expr)
    if isinstance(top, Binary) and top.op == "-" and literal(top.left) == 100:
        top = bare(top.right)
    if not isinstance(top, Binary):
        return False
    if top.op == "*" and 100 in {literal(top.left), literal(top.right)}:
        other = top.left if literal(top.right) == 100 else top.right
        of = query.parts.of(other)
        busy = of.unit is Unit.CORES or (of.unit is Unit.SECONDS and of.per_second) or _rate_of_time(other)
        return busy or _has_division(top)
    if top.op == "/":
        left = bare(top.left)
        return isinstance(left, Binary) and left.op == "*" and 100 in {literal(left.left), literal(left.right)}
    return False


def _has_division(expr: Expr) -> bool:
    top = bare(expr)
    if isinstance(top, Binary):
        return (top.op == "/" and literal(top.right) is None) or _has_division(top.left) or _has_division(top.right)
    return isinstance(top, Aggregate) and _has_division(top.expr)


def is_share(query: LintedQuery) -> bool:
    top = bare(query.expr) if query.expr is not None else None
    if isinstance(top, Binary) and top.op == "-" and literal(top.left) == 1:
        top = bare(top.right)
    return isinstance(top, Binary) and top.op == "/" and query.values.share(top) == Bounds(0, 1)

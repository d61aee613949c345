"""What a query measures, and in steps of what: bytes, kibibytes per second, milliseconds, a number of requests.

By the catalog, else by the ends of names that Prometheus's conventions give a meaning (`_bytes`, `_seconds`), and by
the constants that a value is multiplied with or divided by. Where either leaves a doubt, nothing is known.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum

from regobs.catalog.model import Unit
from regobs.lint.subjects import LintedQuery
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Paren, Selector, Subquery, Unary


class Dimension(StrEnum):
    """What is measured."""

    DATA = "data"
    TIME = "time"
    MOMENT = "moment"
    COUNT = "things"
    STATE = "state"  # 0 or 1
    SHARE = "share"  # between 0 and 1
    PART = "part"  # called a percentage or a ratio: whether of 1 or of 100 is not known


@dataclass(frozen=True, slots=True)
class Quantity:
    """A measure: `scale` is how many bytes or seconds a value of 1 is; `per_second` tells whether it is a rate."""

    dimension: Dimension
    scale: float = 1.0
    per_second: bool = False


# The ends of names, and what they are steps of. Kilobytes may be of 1,000 or of 1,024.
_ENDS = {
    "bytes": Quantity(Dimension.DATA),
    "kilobytes": Quantity(Dimension.DATA, 1_000.0),
    "megabytes": Quantity(Dimension.DATA, 1e6),
    "gigabytes": Quantity(Dimension.DATA, 1e9),
    **{name: Quantity(Dimension.DATA, 1e3) for name in ("kb", "kib")},
    **{name: Quantity(Dimension.DATA, 1e6) for name in ("mb", "mib")},
    **{name: Quantity(Dimension.DATA, 1e9) for name in ("gb", "gib")},
    "seconds": Quantity(Dimension.TIME),
    **{name: Quantity(Dimension.TIME, 1e-3) for name in ("milliseconds", "ms", "msec", "millis")},
    **{name: Quantity(Dimension.TIME, 1e-6) for name in ("microseconds", "usec", "micros")},
    "minutes": Quantity(Dimension.TIME, 60.0),
    "hours": Quantity(Dimension.TIME, 3600.0),
    "days": Quantity(Dimension.TIME, 86_400.0),
    "nanoseconds": Quantity(Dimension.TIME, 1e-9),
    "ns": Quantity(Dimension.TIME, 1e-9),
}
# Counters of one of these count events, whatever comes before.
_THINGS = frozenset({"requests", "errors", "failures", "responses", "queries", "messages", "connections", "operations"})
# Names that end like an amount and are something else: a speed, a share, a moment, bytes for a time; and the range of
# the chunks of Prometheus, which is in milliseconds whatever its name says.
_DOUBT = re.compile(
    r"per_sec|speed|bandwidth|throughput|kbytes|mbytes|kilobytes_|chunk_range_seconds"
    r"|(?:^|[_:])(?:rate|ratio|percent|pct|rps|bps|timestamp)(?:[_:]|$)"
    r"|(?:^|_)(?:bytes?|[kmg]i?b|cores?|replicas?|pods?|nodes?)_(?:seconds|minutes|hours|days)(?:_|$)"
)
# `_nano_seconds`: the step of a second in a word of its own.
_STEPS = {"milli": 1e-3, "micro": 1e-6, "nano": 1e-9}
# A `_count` of Google Cloud's metrics is whatever the name says before it: bytes of `_bytes_count`.
_COUNTS_ANYTHING = re.compile(r"^stackdriver_|googleapis_com")
_MOMENT = re.compile(r"(?:_timestamp|(?:^|_)(?:start|boot)_time)_seconds$")
_MEASURES = {
    Unit.BYTES: Dimension.DATA,
    Unit.SECONDS: Dimension.TIME,
    Unit.TIMESTAMP: Dimension.MOMENT,
    Unit.BOOL: Dimension.STATE,
    Unit.PERCENT: Dimension.PART,
}
_NO_COUNT = frozenset({Unit.NONE, Unit.RATIO, Unit.CORES, Unit.INFO})
_RATES = frozenset({"rate", "irate", "deriv"})
_SAME = frozenset(
    """
    increase delta idelta avg_over_time min_over_time max_over_time last_over_time quantile_over_time
    abs ceil floor round sort sort_desc label_replace label_join scalar vector
    """.split()  # noqa: SIM905 - words
)
_PICKS = frozenset({"avg", "min", "max", "quantile", "topk", "bottomk", "limitk"})
_PICKED = frozenset({"min_over_time", "max_over_time", "last_over_time", "sort", "sort_desc", "label_replace"})
_COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})


def measured(query: LintedQuery) -> Quantity | None:
    """What a query measures; None where that is not certain."""
    return _of(query, query.expr) if query.expr is not None else None


def measured_part(query: LintedQuery, node: Expr) -> Quantity | None:
    """What a part of a query measures; None where that is not certain."""
    return _of(query, node)


def _of(query: LintedQuery, node: Expr) -> Quantity | None:
    match node:
        case Paren(inner) | Subquery(inner) | Unary(_, inner):
            return _of(query, inner)
        case Selector():
            return _of_series(query, node)
        case Aggregate():
            return _of_aggregate(query, node)
        case Call():
            return _of_call(query, node)
        case Binary():
            return _of_binary(query, node)
    return None


def _of_series(query: LintedQuery, node: Selector) -> Quantity | None:
    entry = query.entry(node)
    if entry is not None and (entry[1] or not str(node.metric).endswith(("_bucket", "_count"))):
        metric, suffix = entry
        if suffix in {"_bucket", "_count"}:
            return Quantity(Dimension.COUNT) if suffix == "_count" else None
        if metric.unit in _NO_COUNT:
            return None
        return Quantity(_MEASURES.get(metric.unit, Dimension.COUNT))
    return _of_name(str(node.metric or ""))


def _of_name(name: str) -> Quantity | None:
    """By the name of a metric of which nothing else is known; nothing for what a rule records."""
    if ":" in name or name.endswith("_bucket"):
        return None
    if name.endswith("_count"):
        told = _unit_end(name.removesuffix("_count")) and not _COUNTS_ANYTHING.search(name)
        return Quantity(Dimension.COUNT) if told else None
    if _MOMENT.search(name):
        return Quantity(Dimension.MOMENT)
    if name.endswith("_total") and name.removesuffix("_total").rpartition("_")[2] in _THINGS:
        return Quantity(Dimension.COUNT)
    if name.endswith(("_percent", "_percentage", "_ratio")):
        return Quantity(Dimension.PART)
    return None if _DOUBT.search(name) else _unit_end(name.removesuffix("_total").removesuffix("_sum"))


def _unit_end(name: str) -> Quantity | None:
    before, _, end = name.rpartition("_")
    step = _STEPS.get(before.rpartition("_")[2]) if end == "seconds" else None
    if step is not None:
        return Quantity(Dimension.TIME, step)
    return _ENDS.get(end) if before else None


def _of_aggregate(query: LintedQuery, node: Aggregate) -> Quantity | None:
    inner = _of(query, node.expr)
    if node.op in {"count", "group", "count_values"}:
        return Quantity(Dimension.COUNT) if node.op == "count" else None
    if node.op == "sum":
        return Quantity(Dimension.COUNT) if inner == Quantity(Dimension.STATE) else _but_moments(inner)
    if node.op == "avg" and inner == Quantity(Dimension.STATE):
        return Quantity(Dimension.SHARE)
    return inner if node.op in _PICKS else None


def _but_moments(found: Quantity | None) -> Quantity | None:
    return found if found is None or found.dimension is not Dimension.MOMENT else None


def _of_call(query: LintedQuery, node: Call) -> Quantity | None:
    if node.function == "histogram_quantile" and len(node.args) == 2:
        return _of_buckets(query, node.args[1])
    if node.function == "time":
        return Quantity(Dimension.MOMENT)
    if node.function in _RATES | _SAME and node.args:
        inner = _of(query, node.args[-1] if node.function == "quantile_over_time" else node.args[0])
        if inner == Quantity(Dimension.STATE):
            mean = Quantity(Dimension.SHARE) if node.function == "avg_over_time" else None
            return inner if node.function in _PICKED else mean
        if inner is None or node.function not in _RATES:
            return inner
        grows = inner.dimension in {Dimension.DATA, Dimension.TIME, Dimension.COUNT} and not inner.per_second
        return replace(inner, per_second=True) if grows else None
    return None


def _of_buckets(query: LintedQuery, node: Expr) -> Quantity | None:
    """What the observations are that the buckets in a query count."""
    series = [one for one in query.selectors if _stands_in(query, one, node)]
    names = {str(one.metric or "") for one in series}
    if len(names) != 1 or not next(iter(names)).endswith("_bucket"):
        return None
    entry = query.entry(series[0])
    if entry is not None:
        dimension = _MEASURES.get(entry[0].unit)
        return Quantity(dimension) if dimension in {Dimension.DATA, Dimension.TIME} else None
    name = next(iter(names)).removesuffix("_bucket")
    return None if _DOUBT.search(name) else _unit_end(name)


def _stands_in(query: LintedQuery, inner: Expr, node: Expr) -> bool:
    return inner is node or any(one is node for one in query.above(inner))


def _of_binary(query: LintedQuery, node: Binary) -> Quantity | None:
    first, second = literal(node.left), literal(node.right)
    if node.op in {"*", "/"} and (first is None) != (second is None):
        return _scaled(query, node, first, second)
    left, right = (_of(query, one) for one in (node.left, node.right))
    if node.op in {"and", "unless"} or (second is not None and node.op in {"or", *_COMPARISONS}):
        return None if node.bool else left
    if left is None or right is None:
        return None
    if node.op == "/":
        return _mean(left, right)
    if node.op == "-" and left == right and left.dimension is Dimension.MOMENT:
        return Quantity(Dimension.TIME, left.scale)
    adds = node.op in {"+", "-", "or"} and left.dimension in {Dimension.DATA, Dimension.TIME, Dimension.COUNT}
    return left if adds and left == right else None


def _mean(whole: Quantity, number: Quantity) -> Quantity | None:
    """Seconds or bytes of all by the number of them, or both a second."""
    measures = whole.dimension in {Dimension.DATA, Dimension.TIME} and whole.per_second == number.per_second
    return replace(whole, per_second=False) if measures and number.dimension is Dimension.COUNT else None


def _scaled(query: LintedQuery, node: Binary, first: Decimal | None, second: Decimal | None) -> Quantity | None:
    """A measure that a constant multiplies or divides: bytes times 8 are bits. Of things it is something else."""
    factor = float((second if first is None else first) or 0)
    inner = _of(query, node.left if first is None else node.right)
    if inner is None or factor <= 0 or (node.op == "/" and first is not None):
        return None
    if factor == 1:
        return inner
    if inner.dimension not in {Dimension.DATA, Dimension.TIME, Dimension.MOMENT}:
        return None
    scale = inner.scale / factor if node.op == "*" else inner.scale * factor
    return replace(inner, scale=scale) if 0 < scale < float("inf") else None

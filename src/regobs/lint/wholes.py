"""Whether a quotient of two series is a part of a whole by what they are: open files of all that may be open.

Of the pairs of the catalog it is certain; of others their names say it, as of `x_used_bytes` and `x_max_bytes`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from regobs.catalog import (
    containers,
    go_runtime,
    kubernetes,
    node,
    pgbouncer,
    postgresql,
    process,
    proxy,
    redis_server,
    sql_pool,
    storage,
)
from regobs.catalog.model import Metric
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.shares import implied
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Selector
from regobs.promql.types import Bounds

_ALIKE = 1 + 1e-9  # of what is measured at two moments, or limited softly, one is no proof of a mistake
PARTS_OF_COUNTS: Mapping[str, frozenset[str]] = {
    storage.CACHE_REQUESTS.name: frozenset({storage.CACHE_HITS.name, storage.CACHE_ERRORS.name}),
    proxy.REQUESTS.name: frozenset({proxy.HITS.name, proxy.MISSES.name}),
}


def _pairs(*listed: tuple[Metric, Metric]) -> Mapping[str, frozenset[str]]:
    wholes: dict[str, frozenset[str]] = {}
    for part, whole in listed:
        wholes[part.name] = wholes.get(part.name, frozenset()) | {whole.name}
    return wholes


# By the part, that of which it is never more.
_CERTAIN = _pairs(
    (process.OPEN_FDS, process.MAX_FDS),
    (node.FILESYSTEM_AVAILABLE, node.FILESYSTEM_SIZE),
    (node.FILESYSTEM_FILES_FREE, node.FILESYSTEM_FILES),
    (node.MEMORY_AVAILABLE, node.MEMORY),
    (sql_pool.IN_USE, sql_pool.OPEN),
    (sql_pool.IDLE, sql_pool.OPEN),
    (redis_server.CLIENTS, redis_server.MAX_CLIENTS),
    (redis_server.BLOCKED, redis_server.CLIENTS),
    (redis_server.KEYS_EXPIRING, redis_server.KEYS),
    (go_runtime.HEAP_ALLOCATED, go_runtime.HEAP_SYSTEM),
    (go_runtime.HEAP_INUSE, go_runtime.HEAP_SYSTEM),
    (go_runtime.HEAP_IDLE, go_runtime.HEAP_SYSTEM),
    (go_runtime.HEAP_RELEASED, go_runtime.HEAP_IDLE),
)
# What may be without a limit, which is exposed as 0, or exceed it for a moment.
_LIKELY = _pairs(
    (sql_pool.IN_USE, sql_pool.MAX_OPEN),
    (sql_pool.OPEN, sql_pool.MAX_OPEN),
    (sql_pool.IDLE, sql_pool.MAX_OPEN),
    (redis_server.MEMORY, redis_server.MAX_MEMORY),
    (postgresql.CONNECTIONS, postgresql.MAX_CONNECTIONS),
    (pgbouncer.USED_CLIENTS, pgbouncer.MAX_CLIENTS),
    (containers.MEMORY, kubernetes.RESOURCE_LIMIT),
    (kubernetes.AUTOSCALER_REPLICAS, kubernetes.AUTOSCALER_MAX),
)
_SUMMED = frozenset({postgresql.CONNECTIONS.name})  # of one server several series, which are limited together
_SERVERS = frozenset({"instance", "server", "pod"})
_FREE = frozenset({"free", "avail", "available", "idle"})
_USED = frozenset(
    """
    used usage open opened active current allocated inuse connected busy running working rss use
    """.split()  # noqa: SIM905 - words
)
_WHOLES = frozenset({"max", "maximum", "limit", "limits", "capacity", "size", "total"})
_PHYSICAL = frozenset({"capacity", "size", "total"})  # of which there is no more, where a limit may be exceeded
_NEUTRAL = frozenset("in set stat stats config settings spec status info number num count value mem bytes".split())  # noqa: SIM905 - words
# What is no limit that holds, or no amount of one thing.
_SOFT = frozenset(
    """
    quota soft overcommit min minimum request requests requested committed reserved desired target threshold warning
    warn low high watermark burst percent pct percentage ratio rate cpu cores load duration latency time age burn
    """.split()  # noqa: SIM905 - words
)
_WORD = re.compile(r"[a-z]+|[A-Z][a-z]*|[0-9]+")


@dataclass(frozen=True)
class _Side:
    """A side of a quotient: what is done to its series, and the number that it is multiplied by."""

    ops: tuple[object, ...]
    series: Selector
    factor: float = 1.0


def part_of_whole(quotient: Binary, metric_of: Callable[[Selector], Metric | None], *, named: bool) -> Bounds | None:
    """The interval of a quotient of a part and its whole; None for any other.

    With `named` also where only names say so, or where the limit may be none.
    """
    whole = _side(quotient.right)
    if quotient.group == "right" or whole is None or whole.factor <= 0:
        return None
    top, taken = bare(quotient.left), False
    if isinstance(top, Binary) and top.op == "-" and not top.group:  # (size - free) / size
        first = _side(top.left)
        taken = first is not None and first == whole and whole.factor == 1
        top = top.right if taken else top
    part = _side(top)
    if part is None or part.factor <= 0 or (taken and part.factor != 1):
        return None
    high = _highest(part, whole, metric_of, named=named)
    if high is None:
        return None
    return Bounds(1 - high, 1) if taken else Bounds(0, high * part.factor / whole.factor)


def _highest(  # noqa: PLR0911 - one case a kind of pair
    part: _Side, whole: _Side, metric_of: Callable[[Selector], Metric | None], *, named: bool
) -> float | None:
    """How much of the whole the part may be; None where it may be anything."""
    here, there = str(part.series.metric or ""), str(whole.series.metric or "")
    times = [(one.series.range, one.series.offset, one.series.at) for one in (part, whole)]
    if not here or not there or times[0] != times[1]:
        return None
    limited = named and here in _SUMMED and there in _LIKELY.get(here, ())
    if part.ops != whole.ops and not (limited and _of_servers(part.ops, whole.ops)):
        return None
    grown = any(one in GROWTH for one in part.ops if isinstance(one, str))
    chosen = [one for one in whole.series.matchers if one.label not in {"resource", "unit"}]
    if part.ops and not implied(chosen, part.series.matchers):
        return _of_outcomes(part.series, whole.series, metric_of) if grown else None
    if grown:
        return 1.0 if here in PARTS_OF_COUNTS.get(there, ()) else _of_outcomes(part.series, whole.series, metric_of)
    if there in _CERTAIN.get(here, ()):
        return 1.0
    if not named:
        return None
    if there in _LIKELY.get(here, ()):
        # Of what has no limit the sum holds the use and not the limit.
        summed = any(isinstance(one, tuple) and one[0] in {"sum", "max"} for one in part.ops)
        return None if summed and here == containers.MEMORY.name else _ALIKE
    known = metric_of(part.series) is not None and metric_of(whole.series) is not None
    return None if known and here == there else _named(here, there)


def _of_servers(part: tuple[object, ...], whole: tuple[object, ...]) -> bool:
    """Whether all series of one server are added up, and its limit is taken as it is, or as the highest of its."""
    if len(part) != 1 or not isinstance(part[0], tuple) or part[0][0] != "sum" or part[0][2]:
        return False
    labels = part[0][1]
    same = whole == () or (len(whole) == 1 and isinstance(whole[0], tuple) and whole[0][1:] == part[0][1:])
    return same and not _SERVERS.isdisjoint(labels)


def _of_outcomes(part: Selector, whole: Selector, metric_of: Callable[[Selector], Metric | None]) -> float | None:
    """Of a counter that counts each look-up as a request and again as a hit or miss: hits of all requests."""
    asked = [{one.label: one for one in side.matchers if one.label in _TYPE} for side in (part, whole)]
    if part.metric != whole.metric or asked[0].keys() != asked[1].keys() or len(asked[0]) != 1:
        return None
    (label,) = asked[0]
    metric, one, other = metric_of(part), asked[0][label], asked[1][label]
    values = {each for form in metric.forms for name in form.labels for each in name.values or ()} if metric else set()
    plain = one.op is other.op is MatchOp.EQUAL and other.value == "Request"
    rest = [[each for each in side.matchers if each.label != label] for side in (part, whole)]
    told = {"Request", "Hit", "Miss"} <= values and one.value in {"Hit", "Miss"}
    return 1.0 if plain and told and implied(rest[1], rest[0]) else None


_TYPE = frozenset({"type", "exported_type"})


@lru_cache(maxsize=1024)
def _named(part: str, whole: str) -> float | None:
    """How much of a whole a part may be, as far as two names say."""
    here, there = (frozenset(one.lower() for one in _WORD.findall(name)) for name in (part, whole))
    words = (_FREE | _USED) & here - there
    if _SOFT & (here | there) or part == whole or ":" in part + whole:
        return None
    if not words:  # x and x_limit
        return _ALIKE if here < there and there - here <= _WHOLES - _PHYSICAL else None
    stems = [one - _FREE - _USED - _WHOLES - _NEUTRAL for one in (here, there)]
    if not stems[0] or stems[0] != stems[1] or not (_WHOLES & there or (there < here and not (_FREE | _USED) & there)):
        return None
    if _WHOLES & here - _PHYSICAL or (part.endswith("_total") and whole.endswith("_total")):
        return None
    return 1.0 if words <= _FREE or _PHYSICAL & there else _ALIKE


def _side(expr: Expr) -> _Side | None:
    """A series, and what is done to it, from the outside in; None where it is more than one."""
    ops: list[object] = []
    factor, inner = 1.0, bare(expr)
    while not isinstance(inner, Selector):
        if isinstance(inner, Aggregate) and inner.op in {"sum", "max", "min", "avg"}:
            ops.append((inner.op, frozenset(inner.labels or ()), inner.without))
            inner = bare(inner.expr)
        elif isinstance(inner, Call) and len(inner.args) == 1 and _keeps_parts(inner.function):
            ops.append(inner.function)
            inner = bare(inner.args[0])
        elif isinstance(inner, Binary) and inner.op in {"*", *COMPARISONS} and not inner.bool:
            numbers = literal(inner.left), literal(inner.right)
            number = numbers[1] if numbers[1] is not None else numbers[0]
            if number is None or number <= 0 < (inner.op == "*"):
                return None
            factor *= float(number) if inner.op == "*" else 1
            inner = bare(inner.left if numbers[1] is not None else inner.right)
        else:
            return None
    return _Side(tuple(ops), inner, factor)


def _keeps_parts(function: str) -> bool:
    """Whether of a part it is never more than of the whole."""
    return function in GROWTH or function in {f"{name}_over_time" for name in ("avg", "min", "max", "sum", "last")}


def idle_matcher(node: Selector) -> Matcher | None:
    """The matcher by which a counter of CPU time is that of one core in one mode: `mode="idle"`."""
    if "cpu" not in str(node.metric or "").lower():
        return None
    return next((one for one in node.matchers if one.label in {"mode", "state"} and one.op is MatchOp.EQUAL), None)

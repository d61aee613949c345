"""Whether a value is a share by what its names say: used bytes over all bytes, errors over requests, `x:ratio`.

Names are no proof: such a value is only held against numbers that no such share comes near, 10 and more; a recorded
ratio of errors or of what is used against any above 1.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Paren, Selector, Subquery
from regobs.promql.walk import selectors, walk

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
PICKS = frozenset({"avg", "min", "max", "quantile", "topk", "bottomk", "limitk"})
# A name for the whole of which something is a part: used connections of the most that there may be.
_WHOLES = frozenset({"max", "limit", "limits", "capacity", "quota", "total", "size", "allocatable"})
# What is counted of all that happened, and what names all of it.
_OUTCOMES = frozenset(
    """
    error errors errs err failed failure failures fail success successes successful succeeded good bad ok hit hits miss
    misses dropped drop drops rejected denied timeouts aborted refused
    """.split()  # noqa: SIM905 - words
)
_FOUND = frozenset(
    """
    hit hits miss misses success successes successful succeeded good ok availability available
    """.split()  # noqa: SIM905 - words
)
_ALL = frozenset(
    """
    total requests request attempts queries lookups packets calls operations ops commands all received processed
    responses count sum events
    """.split()  # noqa: SIM905 - words
)
# Ratios of which the larger may be above the smaller: fragmentation of 30 is a fact.
_UNBOUNDED = frozenset(
    """
    compression compressed fragmentation frag amplification dedup deduplication imbalance skew burn burnrate speedup
    overcommit percent pct percentage signal concurrency
    """.split()  # noqa: SIM905 - words
)
# With one of these words a recorded ratio is a share of a whole.
_SHARES = _OUTCOMES | {"availability", "available", "utilization", "utilisation", "usage", "used", "saturation", "sli"}


# What is in percent of a whole and never above 100; of a CPU percent it may be, as of a growth.
_PARTS = _OUTCOMES | frozenset(
    """
    used free full available availability utilization utilisation disk filesystem memory mem battery humidity idle loss
    progress complete completed
    """.split()  # noqa: SIM905 - words
)
_LEFT = frozenset({"free", "available", "avail", "availability", "battery"})
_FULL = frozenset({"used", "full", "utilization", "utilisation", "usage"})
_MAY_EXCEED = _UNBOUNDED - {"percent", "pct", "percentage"} | {"cpu", "cores", "load", "growth", "change", "requests"}


def says_percentage(value: Expr) -> str:
    """The name of what is called a percentage of a whole, as `disk_used_percent`; nothing for anything else."""
    node = core(value)
    name = str(node.metric or "") if isinstance(node, Selector) else ""
    words = set(re.split(r"[:_]", name.lower()))
    part = name.endswith(("_percent", "_percentage", "_pct")) and not _PARTS.isdisjoint(words)
    return name if part and _MAY_EXCEED.isdisjoint(words) else ""


def says_fill(value: Expr, *, free: bool) -> str:
    """The name of what is called a percentage of how full something is, or of what is left of it."""
    name = says_percentage(value)
    words = set(re.split(r"[:_]", name.lower()))
    return name if not (_LEFT if free else _FULL).isdisjoint(words) and _OUTCOMES.isdisjoint(words) else ""


def named_share(value: Expr, metric_is_busy: Callable[[Selector], bool]) -> str:
    """What kind of a share a value most likely is; nothing for anything else."""
    node = core(value)
    if isinstance(node, Binary) and node.op == "/":
        if is_usage(node):
            return "the use of what has an end"
        return "the share of an outcome" if _outcome(node) else ""
    if isinstance(node, Call) and node.function in {"rate", "irate"} and node.args:
        inner = bare(node.args[0])
        return "the share of time" if isinstance(inner, Selector) and metric_is_busy(inner) else ""
    if not isinstance(node, Selector) or not _says_ratio(str(node.metric or "")):
        return ""
    return f"the ratio {node.metric}" if ":" in str(node.metric) else f"what is called the ratio {node.metric}"


def bare(node: Expr) -> Expr:
    """The node without the parentheses around it."""
    while isinstance(node, Paren):
        node = node.expr
    return node


def core(value: Expr) -> Expr:
    """What is picked, averaged over time, or taken from one: a share as long as the whole of it is."""
    node = bare(value)
    while True:
        if isinstance(node, Aggregate) and node.op in PICKS:
            node = bare(node.expr)
        elif isinstance(node, Call) and _keeps_share(node.function):
            node = bare(node.args[-1] if node.function == "quantile_over_time" else node.args[0])
            node = bare(node.expr) if isinstance(node, Subquery) else node
        elif isinstance(node, Binary) and node.op == "-" and literal(node.left) == 1:
            node = bare(node.right)
        elif isinstance(node, Binary) and node.op in {"and", "unless"}:
            node = bare(node.left)
        else:
            return node


def _keeps_share(function: str) -> bool:
    over_time = function.endswith("_over_time") and function.split("_", maxsplit=1)[0] in {
        "avg",
        "min",
        "max",
        "quantile",
        "last",
    }
    return over_time or function in {"clamp_min", "clamp_max", "clamp", "label_replace", "label_join", "scalar", "abs"}


def says_share(value: Expr) -> bool:
    """Whether a value is recorded as the ratio of errors, of hits, or of what is used."""
    node = core(value)
    name = str(node.metric or "").lower() if isinstance(node, Selector) else ""
    return ":" in name and tells_share(name)


def tells_share(name: str) -> bool:
    """Whether a name is that of the ratio of errors, of hits, or of what is used."""
    return _says_ratio(name) and not _SHARES.isdisjoint(re.split(r"[:_]", name.lower()))


def hits(name: str) -> bool:
    """Whether a name tells of a part that succeeded or was found: of that there is never more than all."""
    return not _FOUND.isdisjoint(re.split(r"[:_]", name.lower()))


def _says_ratio(name: str) -> bool:
    words = re.split(r"[:_]", name.lower())
    if _UNBOUNDED & set(words):
        return False
    if ":" not in name:
        return words[-1] == "ratio"
    operation = re.split(r"_", name.lower().rsplit(":", 1)[1])
    return any(re.fullmatch(r"ratio(?:[0-9]+[smhdw])?", word) for word in operation)


def is_usage(node: Binary) -> bool:
    """Whether a quotient is most likely the use of something that has an end: used bytes over all bytes."""
    sides = [list(selectors(side)) for side in (node.left, node.right)]
    if len(sides[1]) != 1 or not sides[0]:
        return False
    whole = str(sides[1][0].metric or "")
    scaled = any(isinstance(one, Number) for one in walk(node))  # times 100, before or behind an aggregation
    if scaled or not _names_whole(whole):
        return False
    if len(sides[0]) == 2 and sides[0][0].metric == whole:  # (size - free) / size
        top = bare(node.left)
        return isinstance(top, Binary) and top.op == "-" and _family(str(sides[0][1].metric or ""), whole)
    return len(sides[0]) == 1 and _family(str(sides[0][0].metric or ""), whole)


def _names_whole(name: str) -> bool:
    words = re.split(r"[:_]", name.lower())
    return not _WHOLES.isdisjoint(words) or any(word in {"memtotal", "swaptotal"} for word in words)


def _family(part: str, whole: str) -> bool:
    """Whether two names are those of one thing, or of a container and its limit; two counters may have any quotient."""
    if part == whole or (part.endswith("_total") and whole.endswith("_total")):
        return False
    first = {name.split("_", maxsplit=1)[0] for name in (part, whole)}
    return len(first) == 1 or first == {"container", "kube"}


def _outcome(node: Binary) -> bool:
    """Whether counters of one thing are divided, those of one outcome by all: `a_errors_total / a_requests_total`."""
    sides = [list(selectors(side)) for side in (node.left, node.right)]
    if len(sides[0]) != 1 or len(sides[1]) != 1 or any(isinstance(one, Number) for one in walk(node)):
        return False
    grown = [
        any(isinstance(one, Call) and one.function in GROWTH for one in walk(side)) for side in (node.left, node.right)
    ]
    part, whole = (re.split(r"[:_]", str(side[0].metric or "").lower()) for side in sides)
    named = bool(_OUTCOMES & set(part)) and not _OUTCOMES & set(whole)
    stems = [{word for word in words if word not in _OUTCOMES | _ALL} for words in (part, whole)]
    return all(grown) and named and bool(stems[0]) and stems[0] == stems[1]

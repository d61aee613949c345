"""The check of counters that are read as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from regobs.catalog.model import Exposer, Kind
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, bare
from regobs.lint.subjects import LintedQuery
from regobs.promql.durations import duration_text
from regobs.promql.functions import CHANGE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Duration, Expr, Paren, Selector
from regobs.promql.walk import selectors

# Of what happens, there are counters only: one rate of it is enough to tell.
_EVENTS = frozenset(
    """
    request requests responses calls queries events error errors failure failures failed exceptions panics deaths
    crashes restarts retries timeouts evictions hits misses received sent dropped
    seconds started handled succeeded success attempt attempts
    """.split()  # noqa: SIM905 - one name a line would be a page
)
# And of what was done, in an alert: it compares with a number what only grows.
_DONE = frozenset(
    """
    processed completed executed aborted cancelled canceled rejected denied blocked skipped discarded lost expired
    delivered published consumed acked uploaded downloaded pulled pushed uploads downloads pulls pushes
    reconnects disconnects overflows collisions invocations rollbacks kills drops
    """.split()  # noqa: SIM905 - one name a line would be a page
)
# With one of these a number of events is how many there are now: `pending_requests_total`.
_STATES = frozenset(
    {"pending", "active", "current", "open", "queued", "waiting", "running", "inflight", "flight", "max", "limit"}
)
COUNTERS = ("_total", "_bucket")
# What may be asked of a counter as it is: whether it is there, when, and how often it began anew.
_EXISTENCE = frozenset(
    {"absent", "absent_over_time", "present_over_time", "count_over_time", "changes", "resets", "timestamp", "scalar"}
)


@check("raw-counter", Severity.WARNING)
def raw_counter(query: LintedQuery) -> Iterator[LintProblem]:
    """A counter is shown, compared or divided as it is.

    Whether it is above zero may be asked; but not in a window, of which its highest value says nothing, nor what it
    was some time before, when its process may have begun since, nor whether it exceeds another counter.

    Why: its value only says how much there was since its process began, and falls when that restarts.

    Wrong:
        sum(registry_storage_rate_limit_total) > 100
        sum(registry_storage_rate_limit_total) - sum(registry_storage_rate_limit_total offset 5m)
        max_over_time(registry_storage_rate_limit_total[5m]) > 0
    Right:
        sum(increase(registry_storage_rate_limit_total[5m])) > 100
    """
    if query.role not in {"alert", "panel", "record", "bare"}:
        return
    named: set[str] = set()
    for node in query.selectors:
        entry = query.entry(node)
        counter = entry is not None and entry[0].kind in {Kind.COUNTER, Kind.HISTOGRAM, Kind.SUMMARY}
        counter = counter and entry is not None and (bool(entry[1]) or entry[0].kind is Kind.COUNTER)
        counter = counter or (entry is not None and entry[0].cumulative)
        name = str(node.metric or "")
        if entry is None:
            told = query.context.records.type(name)
            counter = name.endswith("_total") and (name in query.context.rated or _counts_events(query, name))
            counter = counter or (told is not None and told.raw_counter)
        # The cluster counts for the object, as `kubectl get` shows it: no process begins anew.
        kept = entry is not None and entry[0].exposer is Exposer.KUBE_STATE
        if counter and not kept and (then := _difference(query, node)):
            if node.offset is None:
                named.add(name)
                what = f"{name} is a counter: after a restart it is below what it was {duration_text(then)} ago"
                yield query.problem(node, what, f"write increase({name}[{duration_text(then)}])", word=name)
        elif counter and name not in named and not (kept and query.role == "panel") and _read_raw(query, node):
            named.add(name)  # once for all places of a query: the same is wrong in each
            what = f"{name} is a counter, and read as it is"
            if entry is None and may_be_gauge(query, name):
                what = f"{name} is read as it is here, but as a counter where a rate is taken of it"
                yield query.problem(node, what, "make both the same", Severity.NOTE, word=name)
            else:
                # "Uploads in all" of one process that seldom restarts, as a test or a backup, is told by it.
                total = entry is None and query.one_number and not _divided(query, node)
                yield query.problem(node, what, _instead(query), Severity.NOTE if total else None, word=name)


def _counts_events(query: LintedQuery, name: str) -> bool:
    """Whether the name of what an alert asks for can only be that of a counter: `x_errors_total`."""
    words = name.removesuffix("_total").split("_")
    return query.alerts and words[-1] in (_EVENTS | _DONE) - {"seconds"} and _STATES.isdisjoint(words)


def may_be_gauge(query: LintedQuery, name: str) -> bool:
    """Whether the rate may be what is wrong: some gauges end in `_total` too, such as `db_indexes_total`."""
    context = query.context
    return context.rated[name] <= context.read_raw[name] and (_EVENTS | _DONE).isdisjoint(name.split("_"))


def _instead(query: LintedQuery) -> str:
    window = "$__rate_interval" if query.role == "panel" else "5m"
    return f"take rate(...[{window}]) or increase(...) of it"


def _read_raw(query: LintedQuery, node: Selector) -> bool:
    """Whether the value of a counter reaches the result, an aggregation or a comparison with a number."""
    if (node.range is not None and not _over_time(query, node)) or _only_kept(query, node):
        return False
    child: Expr = node
    for above in query.above(node):
        if isinstance(above, Call) and above.function in _EXISTENCE | GROWTH | CHANGE:
            return False
        if isinstance(above, Call) and above.function in {"histogram_quantile", "histogram_count", "histogram_sum"}:
            # Of a native histogram another check tells.
            return above.function == "histogram_quantile" and str(node.metric or "").endswith("_bucket")
        if isinstance(above, Aggregate) and above.op in {"count", "group", "count_values"}:
            return False
        if isinstance(above, Binary) and (_reads_none(above) or _asks_existence(query, node, above, child)):
            return False
        child = above
    return query.role != "record" or _divided(query, node)


def _only_kept(query: LintedQuery, node: Selector) -> bool:
    """Whether an alert only asks whether a series is left over: `x unless x offset 5m`, `x and on (job) up == 0`."""
    filtered = False
    child: Expr = node
    for above in query.above(node):
        if isinstance(above, Binary) and above.op in {"and", "unless"} and child is above.left:
            filtered = True
        elif not isinstance(above, Paren | Aggregate) and not (isinstance(above, Binary) and above.op == "or"):
            return False
        child = above
    return filtered and query.role in {"alert", "bare"}


def _over_time(query: LintedQuery, node: Selector) -> bool:
    parent = next(query.above(node), None)
    return isinstance(parent, Call) and parent.function in {"max_over_time", "avg_over_time", "min_over_time"}


def _divided(query: LintedQuery, node: Selector) -> bool:
    return any(isinstance(above, Binary) and above.op == "/" for above in query.above(node))


def _asks_existence(query: LintedQuery, node: Selector, above: Binary, child: Expr) -> bool:
    """`x > 0`, `y unless x`, `x - x offset 1h`, and a product with an info metric: none reads how much it is.

    The highest value of a window is above zero ever since the first event, and so says nothing of the window.
    """
    if above.op in {"and", "unless"}:
        return child is above.right
    if above.op in COMPARISONS:
        other = above.right if child is above.left else above.left
        number = literal(other)
        if number is None:
            return not _compares_counters(above)
        return number == 0 and not (above.op in {">", "!="} and _over_time(query, node))
    shifted = any(one.offset is not None or one.at is not None for one in selectors(above))
    return above.op == "-" and shifted


def _compares_counters(above: Binary) -> bool:
    """Whether one counter is asked to exceed another one: each says how long its process has run."""
    sides = [bare(side) for side in (above.left, above.right)]
    names = {one.metric for one in sides if isinstance(one, Selector) and one.offset is None and one.at is None}
    return above.op not in {"==", "!="} and len(names) == 2 and all(str(name).endswith("_total") for name in names)


def _difference(query: LintedQuery, node: Selector) -> Duration | None:
    """How long ago the value is that is taken from a counter, as in `x - x offset 5m`; None where there is none.

    With an `unless` beside it, it is there for the first value of a series, which an increase does not see; compared
    with `==`, for a counter that stands still.
    """
    top = next((one for one in query.above(node) if isinstance(one, Binary)), None)
    beside = any(one.op == "unless" for one in query.binaries)
    if query.role == "record" or beside or top is None or top.op != "-":
        return None
    if any(isinstance(one, Binary) and one.op in {"==", "!="} for one in query.above(top)):
        return None
    (clauses, now), (others, then) = _summed(top.left), _summed(top.right)
    if clauses != others or not isinstance(now, Selector) or not isinstance(then, Selector) or now.offset is not None:
        return None
    ago = then.offset
    return ago if ago is not None and ago.ms > 0 and replace(then, offset=None) == now else None


def _summed(expr: Expr) -> tuple[list[object], Expr]:
    """What is added up, and by which labels."""
    clauses: list[object] = []
    inner = bare(expr)
    while isinstance(inner, Aggregate) and inner.op == "sum":
        clauses.append((inner.labels, inner.without))
        inner = bare(inner.expr)
    return clauses, inner


def _reads_none(above: Binary) -> bool:
    """Whether no value is read: `started - finished`, or `x * 0`, a zero with the labels of the counter."""
    zero = above.op == "*" and 0 in {literal(above.left), literal(above.right)}
    return zero or _of_two_counters(above)


def _of_two_counters(above: Binary) -> bool:
    """Whether it is `started - finished`, how many are under way: both begin anew at the same restart.

    Of positions in a log it is how far one is behind the other.
    """
    names = [{str(one.metric or "") for one in selectors(side)} for side in (above.left, above.right)]
    if above.op != "-" or not all(names):
        return False
    return all(name.endswith(COUNTERS) or "offset" in name for side in names for name in side)

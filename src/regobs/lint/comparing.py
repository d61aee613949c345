"""Checks of comparisons: units that do not fit, filters in the wrong place, what stands for nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from regobs.catalog import redis, sql_pool
from regobs.catalog.model import Unit
from regobs.lint.bounds import OPPOSITE, Values, compared_with_number, never
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS, PICKS, bare, core, is_usage
from regobs.lint.pools import counts_idle
from regobs.lint.quantities import Dimension, measured_part
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import ABSENCE, GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Paren, Selector, Subquery, Unary
from regobs.promql.printer import number_text
from regobs.promql.walk import selectors, strip_parens, walk

_MILLISECONDS = ("_ms", "_msec", "_millis", "_milliseconds")
_FIRST_MOMENT = 500_000_000  # in 1985: no process that is scraped began before


@check("unit-mismatch", Severity.ERROR)
def unit_mismatch(query: LintedQuery) -> Iterator[LintProblem]:
    """Values in different units are compared, added or subtracted.

    Why: the result has no meaning.

    Wrong:
        sum(process_resident_memory_bytes) > sum(time() - process_start_time_seconds)
        process_resident_memory_bytes + go_goroutines
    Right:
        sum(process_resident_memory_bytes) > sum(process_virtual_memory_bytes)
    """
    yield from query.faults("unit-mismatch")
    told = {id(node) for node, _ in query.faults_by_node("unit-mismatch")}
    for node in query.binaries:
        if id(node) not in told and node.op in {"+", "-", *COMPARISONS}:
            yield from _other_quantities(query, node)
    yield from _in_other_steps(query)
    for node, value, op, number in query.compared:
        moment = query.parts.of(value).unit is Unit.TIMESTAMP and 1 < number < _FIRST_MOMENT
        if moment and op not in {"==", "!="} and not any(one.function in {"time", "timestamp"} for one in query.calls):
            what = f"a moment is compared with a duration of {number_text(number)} seconds"
            yield query.problem(node, what, "subtract time() from it, or it from time()", word=node.op)


def _in_other_steps(query: LintedQuery) -> Iterator[LintProblem]:
    """The seconds of now beside what is called milliseconds, be it a moment or a duration."""
    if not any(one.function == "time" for one in query.calls):
        return
    for node in query.binaries:
        if node.op not in {"+", "-", *COMPARISONS}:
            continue
        for now, other in ((node.left, node.right), (node.right, node.left)):
            of = core(other)
            name = str(of.metric or "") if isinstance(of, Selector) else ""
            if getattr(core(now), "function", "") == "time" and name.endswith(_MILLISECONDS):
                what = f"time() is in seconds, {name} in milliseconds"
                yield query.problem(node, what, f"divide {name} by 1000", Severity.WARNING, word=node.op)


def _other_quantities(query: LintedQuery, node: Binary) -> Iterator[LintProblem]:
    """Bytes beside things or times; of a time and a number of things the mean may be asked: `sum > count`."""
    if literal(node.left) is not None or literal(node.right) is not None:
        return
    left = measured_part(query, node.left)
    right = measured_part(query, node.right) if left is not None else None
    if left is None or right is None:
        return
    plain = not any(isinstance(one, Number) for one in walk(node))  # a number may be the factor between the two
    if left.dimension is right.dimension and left.scale != right.scale and plain:
        what = f"{_QUANTITIES.get(left.dimension, 'values')} in steps of {left.scale:g} and of {right.scale:g}"
        yield query.problem(node, what, "multiply one of them", Severity.WARNING, word=node.op)
    known = all(query.entry(one) is not None for side in (node.left, node.right) for one in selectors(side))
    found = {left.dimension, right.dimension}
    if found == {Dimension.TIME, Dimension.COUNT} and _is_time_of_one(node, left.dimension):
        what = "the seconds of one event are held against a number of things"
        yield query.problem(node, what, "write the same unit", None if known else Severity.WARNING, word=node.op)
    if Dimension.DATA not in found or not found & {Dimension.COUNT, Dimension.TIME, Dimension.MOMENT}:
        return
    does = "compared with" if node.op in COMPARISONS else "added to" if node.op == "+" else "minus"
    what = f"{_QUANTITIES[left.dimension]} {does} {_QUANTITIES[right.dimension]}"
    yield query.problem(node, what, "write the same unit", None if known else Severity.WARNING, word=node.op)


def _is_time_of_one(node: Binary, left: Dimension) -> bool:
    """Whether the side in seconds is a quantile: how long one event takes, and no sum of which a mean is asked."""
    top = core(node.left if left is Dimension.TIME else node.right)
    factor = any(
        isinstance(one, Binary) and one.op in {"*", "/"} for side in (node.left, node.right) for one in walk(side)
    )
    return isinstance(top, Call) and top.function == "histogram_quantile" and not factor


_QUANTITIES = {
    Dimension.DATA: "bytes",
    Dimension.COUNT: "a number of things",
    Dimension.TIME: "seconds",
    Dimension.MOMENT: "a moment",
}


@check("open-against-in-use", Severity.WARNING)
def open_against_in_use(query: LintedQuery) -> Iterator[LintProblem]:
    """The use of a connection pool is measured by its open connections.

    Of the pools to Redis that is `total_conns` against `max_conns`; of others, `x_active + x_idle` against `x_max`.

    Why: idle connections are open too: a warm pool looks full, and how many callers wait is not seen.

    Wrong:
        max(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 0.8
    Right:
        max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    """
    asked = frozenset[str]().union(*(query.series_names(one) for one in query.selectors))
    opened, pool, step = next(((one[0], {*one[:2]}, one[2]) for one in _POOLS if {*one[:2]} <= asked), ("", set(), ""))
    for node in query.binaries if pool else ():
        if node.op not in {"/", "-", *COMPARISONS}:
            continue
        sides = [[(one, query.series_names(one)) for one in selectors(side)] for side in (node.left, node.right)]
        if any(len(side) != 1 for side in sides):
            continue
        (left, left_names), (right, right_names) = sides[0][0], sides[1][0]
        if len(left_names) == len(right_names) == 1 and left_names | right_names == pool:
            where = left if left_names == {opened} else right
            yield query.problem(where, f"{opened} counts idle connections as used", step)
    yield from counts_idle(query)


# What is open, what may be, and what to ask for instead.
_POOLS = (
    (sql_pool.OPEN.name, sql_pool.MAX_OPEN.name, f"take {sql_pool.IN_USE}"),
    (redis.POOL_TOTAL.name, redis.POOL_MAX.name, f"take {redis.POOL_TOTAL} - {redis.POOL_IDLE}"),
)


@check("average-hides", Severity.NOTE)
def average_hides(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on how full something is looks at the average of all processes.

    Why: one process whose pool is exhausted fails its requests while the average is low.

    Wrong:
        avg(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    Right:
        max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    """
    for node, value, _, _ in query.compared:
        inner = bare(value)
        quotient = bare(inner.expr) if isinstance(inner, Aggregate) and inner.op == "avg" else None
        grown = any(one.function in GROWTH for one in query.calls)
        if isinstance(quotient, Binary) and quotient.op == "/" and is_usage(quotient) and not grown:
            yield query.problem(
                inner, "an average of how full each one is", "take max, or keep the instance", word="avg"
            )
            del node


@check("filter-before-aggregation", Severity.WARNING)
def filter_before_aggregation(query: LintedQuery) -> Iterator[LintProblem]:
    """Values are filtered by a comparison before they are averaged, or added up for another comparison.

    Why: what is below the threshold is left out, so the average is always above it, and the sum too small.

    Wrong:
        avg(replication_lag_seconds > 5)
    Right:
        avg(replication_lag_seconds) > 5
    """
    top = bare(query.expr) if query.expr is not None else None  # an alert fires whatever its value is
    for node in query.nodes:
        op, inner = _combined(node)
        if inner is None:
            continue
        if (
            not (isinstance(inner, Binary) and inner.op in COMPARISONS)
            or inner.bool
            or _asks_presence(node, query.above(node), query.values)
        ):
            continue
        number = literal(inner.right)
        if op == "sum" and number == 0 and inner.op == "==" and not (query.alerts and node is top):
            step = "write == bool 0, or count(... == 0)"
            yield query.problem(node, "a sum of zeros is zero", step, Severity.ERROR, word="sum")
        elif (
            op in {"avg", "avg_over_time"} and number is not None and number > 0 and inner.op in {">", ">=", "<", "<="}
        ):
            yield query.problem(node, "the average of what passed the filter", "compare the average", word=op)
        elif op in {"sum", "sum_over_time"} and number is not None and _has_threshold(query, node, inner):
            what = f"the sum leaves out what is not {inner.op} {number_text(number)}"
            yield query.problem(node, what, "compare only the sum, or count what is beyond", word=op)


def _combined(node: Expr) -> tuple[str, Expr | None]:
    """What adds up or averages, series or the points of a subquery, and of what; None where nothing does."""
    if isinstance(node, Aggregate) and node.op in {"avg", "sum"}:
        return node.op, bare(node.expr)
    if isinstance(node, Call) and node.function in {"avg_over_time", "sum_over_time"} and node.args:
        points = bare(node.args[0])
        return node.function, bare(points.expr) if isinstance(points, Subquery) else None
    return "", None


def _has_threshold(query: LintedQuery, node: Expr, inner: Binary) -> bool:
    """Whether a sum of what is beyond one number is compared with another, in the same direction.

    A sum of what is below a number, or above one below zero, may leave out what stands for "none" or "no limit".
    """
    number = literal(inner.right)
    if number is None or number <= 0 or inner.op not in {">", ">="}:
        return False
    picked = node
    for above in query.above(node):
        if isinstance(above, Binary):
            asked = next(iter(compared_with_number([above])), None)
            return (
                asked is not None
                and not above.bool
                and bare(asked[1]) is picked
                and asked[2] in {">", ">="}
                and asked[3] > number
            )
        if isinstance(above, Aggregate) and above.op in PICKS:
            picked = above
        elif not isinstance(above, Paren):
            return False
    return False


def _asks_presence(node: Expr, around: Iterable[Expr], values: Values) -> bool:
    """Whether it only matters that there is a value: `... and on() sum(up == 0)`, `avg(x > 5) > 0`, `count(...)`.

    `around` is what the part stands in, from the inside out.
    """
    for above in around:
        if isinstance(above, Call) and above.function in ABSENCE | {"label_replace", "label_join"}:  # labels are shown
            return True
        if isinstance(above, Aggregate) and above.op in {"count", "group"}:
            return True
        if isinstance(above, Binary) and above.op in {"and", "unless"}:
            return node is above.right
        if isinstance(above, Binary) and above.op in COMPARISONS:
            number = literal(above.right)
            of = values.of(node)
            # A number between 0 and that of the filter is meant as a threshold, though every value is beyond it.
            asked = number is not None and float(number) in {0.0, of.low, of.high}
            return number is not None and asked and never(OPPOSITE[above.op], of, float(number))
        node = above
    return False


@check("hides-zeros", Severity.NOTE)
def hides_zeros(query: LintedQuery) -> Iterator[LintProblem]:
    """A panel shows rates of events only where they are above zero.

    Why: "nothing happened" and "nobody measures" then look alike.

    Wrong:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Errors", "targets": [
          {"refId": "A", "expr": "sum(rate(http_errors_total[$__rate_interval])) > 0"}]}]}
    Right:
        {"title": "a", "panels": [{"id": 1, "type": "timeseries", "title": "Errors", "targets": [
          {"refId": "A", "expr": "sum(rate(http_errors_total[$__rate_interval]))"}]}]}
    """
    if query.role != "panel" or query.expr is None or query.instant:
        return
    top = query.stripped
    above = isinstance(top, Binary) and top.op == ">" and literal(top.right) == 0 and not top.bool
    if above and _grows(query.expr):
        yield query.problem(query.expr, "zeros are left out", "leave the comparison out")


@check("self-resolving", Severity.WARNING)
def self_resolving(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on a series that vanished asks for the one of an hour ago, or for how many there were then.

    Why: an hour later that one is gone too, and the alert ends while the service is still down.

    Wrong:
        - alert: RegistryGone
          expr: up{job="registry"} offset 1h unless up{job="registry"}
          labels: {severity: page}
          annotations: {summary: The registry is gone}
    Right:
        - alert: RegistryGone
          expr: absent(up{job="registry"})
          labels: {severity: page}
          annotations: {summary: The registry is gone}
    """
    if not query.alerts:
        return
    for node in query.binaries:
        if node.op == "unless":
            then = [one for one in selectors(node.left) if one.offset is not None and (one.offset.ms > 0)]
            now = {(one.metric, one.matchers) for one in selectors(node.right) if one.offset is None}
            same = [one for one in then if (one.metric, one.matchers) in now]
            absent = any(one.function.startswith("absent") for one in query.calls)
            if same and len(then) == len(list(selectors(node.left))) and not absent:
                yield query.problem(node, _ENDS, "add `or absent(...)`", word="unless")
        elif node.op == "and" and _gone_since(node):
            yield query.problem(node, _ENDS, "leave out what asks for the past", word="and")
        elif node.op in {"-", *COMPARISONS} and (of := _fewer(node)):
            step = "compare with a fixed number, or alert on each that is gone"
            yield query.problem(node, _ENDS, step, None if of == "up" else Severity.NOTE, word=node.op)


def _gone_since(node: Binary) -> bool:
    """Whether it is `absent(x) and on() x offset 1h`: of the same series, all of them as they were."""
    sides = bare(node.left), bare(node.right)
    gone = [isinstance(one, Call) and one.function in {"absent", "absent_over_time"} for one in sides]
    if gone[0] is gone[1]:
        return False
    now, then = (list(selectors(one)) for one in (sides if gone[0] else sides[::-1]))
    past = [one.offset is not None and one.offset.ms > 0 and one.range is None for one in then]
    return bool(then) and all(past) and {one.metric for one in now} == {one.metric for one in then}


def _fewer(node: Binary) -> str:
    """Whose number now is held against that of some time ago, as `count(up) < count(up offset 1h)`; "" for none."""
    sides = [bare(side) for side in (node.left, node.right)]
    counts = [side for side in sides if isinstance(side, Aggregate) and side.op in {"count", "sum"}]
    read = [one for one in (bare(side.expr) for side in counts) if isinstance(one, Selector)]
    if any(side.op == "sum" for side in counts) and any(one.metric != "up" for one in read):
        return ""
    if len(read) != 2 or (read[0].metric, read[0].matchers) != (read[1].metric, read[1].matchers):
        return ""
    past = [one.offset is not None and one.offset.ms > 0 for one in read]
    return str(read[0].metric) if past[0] is not past[1] else ""


_ENDS = "it ends by itself once the offset has passed"


@check("unguarded-ratio", Severity.NOTE)
def unguarded_ratio(query: LintedQuery) -> Iterator[LintProblem]:
    """A share of errors has no value until the first error, and none without traffic.

    Why: one minus nothing is nothing: where all is well, or nothing arrives, there is no point, which looks like a gap.

    Wrong:
        1 - sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) < 0.99
    Right:
        sum(rate(http_errors_total[5m])) / (sum(rate(http_requests_total[5m])) > 0) > 0.01
    """
    for node, value, op, _ in query.compared:
        inner = bare(value)
        if op in {"<", "<="} and isinstance(inner, Binary) and inner.op == "-" and literal(inner.left) == 1:
            share = bare(inner.right)
            if isinstance(share, Binary) and share.op == "/" and not isinstance(strip_parens(share.left), Unary):
                guarded = isinstance(strip_parens(share.left), Binary)
                if not guarded:
                    yield query.problem(node, "without a first error there is no result", "compare the share of errors")


@check("nan-fires", Severity.WARNING)
def nan_fires(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert compares a quotient of rates, or a quantile, with `!=`.

    Why: without traffic zero is divided by zero, and NaN is unequal to every number, so it fires where all is well.

    Wrong:
        - alert: HitsIncomplete
          expr: sum(rate(cache_hits_total[5m])) / sum(rate(cache_requests_total[5m])) != 1
          labels: {severity: ticket}
          annotations: {summary: Some requests missed the cache}
    Right:
        - alert: HitsIncomplete
          expr: sum(rate(cache_hits_total[5m])) / (sum(rate(cache_requests_total[5m])) > 0) != 1
          labels: {severity: ticket}
          annotations: {summary: Some requests missed the cache}
    """
    for node, value, op, number in query.compared if query.alerts else ():
        quotient = next((one for one in walk(value) if isinstance(one, Binary) and one.op == "/"), None)
        sides = (quotient.left, quotient.right) if quotient is not None else ()
        # Where a filter or a constant stands in the denominator, it may be that it is never zero.
        plain = quotient is not None and not any(isinstance(one, Binary | Number) for one in walk(quotient.right))
        quantile = any(isinstance(one, Call) and one.function == "histogram_quantile" for one in walk(value))
        if op == "!=" and quantile:
            step = "compare where there is traffic: ... and on () sum(rate(..._count[5m])) > 0"
            what = f"without traffic a quantile is NaN, which is != {number_text(number)}"
            yield query.problem(node, what, step, word=node.op)
        elif op == "!=" and plain and sides and all(_grows(side) for side in sides):
            yield query.problem(
                node, f"0 / 0 is NaN, which is != {number_text(number)}", "divide by a rate that is > 0", word=node.op
            )


def _grows(side: Expr) -> bool:
    return any(isinstance(one, Call) and one.function in GROWTH for one in walk(side))

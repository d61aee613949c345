"""Checks of comparisons: thresholds that nothing reaches, units that do not fit, filters in the wrong place."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from math import inf

from regobs.catalog import sql_pool
from regobs.catalog.model import Unit
from regobs.lint.bounds import COMPARISONS, asks_presence, bounds, compared_with_number, is_part, is_usage, never
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Number, Selector, Unary
from regobs.promql.printer import number_text
from regobs.promql.series import known_metric
from regobs.promql.types import Bounds
from regobs.promql.walk import selectors, strip_parens, walk


@check("ratio-compared-with-percent", Severity.ERROR)
def ratio_compared_with_percent(query: LintedQuery) -> Iterator[LintProblem]:
    """A ratio, which lies between 0 and 1, is compared with a percentage.

    Why: the comparison can never be true, so the alert never fires, not even at 100 %.

    Wrong:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 70
    Right:
        avg(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 0.7
    """
    for node, value, op, number in compared_with_number(query.nodes):
        if op in {">", ">="} and 1 < number <= 100 and (kind := _ratio(value, float(number))):
            step = f"{number_text(number)} percent is {number_text(number / 100)}"
            what = f"{kind} lies between 0 and 1 and is compared with {number_text(number)}"
            side = node.right if literal(node.right) == number else node.left
            problem = query.problem(side, what, step)
            yield problem.fixed_by(query.edit(side, number_text(number), number_text(number / 100)))


def _ratio(value: Expr, number: float) -> str:
    """What kind of a share the value is; nothing for what may be more than 1."""
    node = strip_parens(value)
    while isinstance(node, Aggregate) and node.op in {"avg", "min", "max", "quantile", "topk", "bottomk"}:
        node = strip_parens(node.expr)
    if isinstance(node, Call) and node.function.endswith("_over_time") and node.function != "sum_over_time":
        node = strip_parens(node.args[-1])
        node = strip_parens(node.expr) if hasattr(node, "expr") else node
    if isinstance(node, Binary) and node.op == "-" and literal(node.left) == 1:
        node = strip_parens(node.right)
    if isinstance(node, Binary) and node.op == "/":
        if is_part(node):
            return "a part of a whole"
        return "the use of what has an end" if number >= 10 and is_usage(node) else ""
    if not isinstance(node, Selector):
        return ""
    metric = known_metric(node)
    if metric is not None:
        return f"the ratio {metric.name}" if metric.unit is Unit.RATIO and not metric.signed else ""
    name = str(node.metric or "")
    return f"the ratio {name}" if number >= 10 and name.endswith(("_ratio", ":ratio")) else ""


@check("never-true", Severity.ERROR)
def never_true(query: LintedQuery) -> Iterator[LintProblem]:
    """A comparison that no value can fulfil.

    Why: the alert never fires.

    Wrong:
        clamp_max(pg_stat_activity_count / 100, 1) > 1
        max(redis_up == 0) > 0
    Right:
        max(redis_up == bool 0) > 0
    """
    for node, value, op, number in compared_with_number(query.nodes):
        if node.bool or (op in {">", ">="} and 1 < number <= 100 and _ratio(value, float(number))):
            continue
        of = bounds(value, query.parts)
        if never(op, of, float(number)):
            shown = f"is always {of.low:g}" if of.low == of.high else _range(of)
            step = "write bool behind the inner comparison" if _filtered(value) else "correct the threshold"
            if _counts_none(value, op, number):  # `== bool 0` would be counted just as well
                step = "write absent(...): of nothing there is no count"
            yield query.problem(node, f"this {shown}, so {op} {number_text(number)} is never true", step)
    for part in query.nodes:
        if not isinstance(part, Binary) or part.op not in COMPARISONS - {"!="} or part.bool:
            continue
        if _is_nan(part.left) or _is_nan(part.right):
            yield query.problem(part, "nothing equals NaN, not even NaN", "write x != x to find NaN")


def _counts_none(value: Expr, op: str, number: Decimal) -> bool:
    node = strip_parens(value)
    return isinstance(node, Aggregate) and node.op in {"count", "group"} and op in {"==", "<", "<="} and number <= 1


def _is_nan(node: Expr) -> bool:
    inner = strip_parens(node)
    return isinstance(inner, Number) and inner.value.is_nan()


def _range(of: Bounds) -> str:
    if of.high == inf:
        return f"is never below {of.low:g}"
    return f"lies between {of.low:g} and {of.high:g}" if of.low != -inf else f"is never above {of.high:g}"


def _filtered(value: Expr) -> bool:
    inner = strip_parens(value)
    while isinstance(inner, Aggregate):
        inner = strip_parens(inner.expr)
    return isinstance(inner, Binary) and inner.op in COMPARISONS


@check("always-true", Severity.WARNING)
def always_true(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert's comparison that every value fulfils.

    Why: it fires as long as the series exists.

    Wrong:
        - alert: ReplicasMissing
          expr: count(registry_database_lb_pool_size) >= 0
          labels: {severity: page}
          annotations: {summary: Replicas are missing}
    Right:
        - alert: ReplicasMissing
          expr: count(registry_database_lb_pool_size) < 2
          labels: {severity: page}
          annotations: {summary: Replicas are missing}
    """
    if not query.alerts:
        return
    for node, value, op, number in compared_with_number(query.nodes):
        top = all(isinstance(above, Binary) and above.op == "and" for above in query.above(node))
        if not top or node.bool or op in {"==", "!="} or (op == ">=" and number == 0 and not _counts(value)):
            continue
        if op == ">" and number == 0:
            continue  # whether there is anything at all
        of = bounds(value, query.parts)
        opposite = {">": "<=", ">=": "<", "<": ">=", "<=": ">"}[op]
        absent = any(isinstance(one, Call) and one.function.startswith("absent") for one in query.nodes)
        if never(opposite, of, float(number)) and of.low != of.high and not absent:
            yield query.problem(
                node, f"this {_range(of)}, so {op} {number_text(number)} is always true", "correct the threshold"
            )


def _counts(value: Expr) -> bool:
    inner = strip_parens(value)
    return isinstance(inner, Aggregate) and inner.op == "count"


@check("unit-mismatch", Severity.ERROR)
def unit_mismatch(query: LintedQuery) -> Iterator[LintProblem]:
    """Values in different units are compared, added or subtracted.

    Why: the result has no meaning.

    Wrong:
        sum(process_resident_memory_bytes) > sum(time() - process_start_time_seconds)
    Right:
        sum(process_resident_memory_bytes) > sum(process_virtual_memory_bytes)
    """
    yield from query.faults("unit-mismatch")


@check("open-against-in-use", Severity.WARNING)
def open_against_in_use(query: LintedQuery) -> Iterator[LintProblem]:
    """The use of a connection pool is measured by its open connections.

    Why: idle connections are open too: a warm pool looks full, and how many callers wait is not seen.

    Wrong:
        max(go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open) > 0.8
    Right:
        max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    """
    for node in query.nodes:
        if not (isinstance(node, Binary) and node.op == "/"):
            continue
        parts, wholes = list(selectors(node.left)), list(selectors(node.right))
        if len(parts) != 1 or len(wholes) != 1:
            continue
        part, whole = str(parts[0].metric or ""), str(wholes[0].metric or "")
        if (part, whole) == (sql_pool.OPEN.name, sql_pool.MAX_OPEN.name):
            yield query.problem(parts[0], f"{part} counts idle connections as used", f"take {sql_pool.IN_USE}")


@check("average-hides", Severity.NOTE)
def average_hides(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on how full something is looks at the average of all processes.

    Why: one process whose pool is exhausted fails its requests while the average is low.

    Wrong:
        avg(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    Right:
        max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open) > 0.8
    """
    for node, value, _, _ in compared_with_number(query.nodes):
        inner = strip_parens(value)
        quotient = strip_parens(inner.expr) if isinstance(inner, Aggregate) and inner.op == "avg" else None
        grown = any(isinstance(one, Call) and one.function in GROWTH for one in query.nodes)
        if isinstance(quotient, Binary) and quotient.op == "/" and is_usage(quotient) and not grown:
            yield query.problem(
                inner, "an average of how full each one is", "take max, or keep the instance", word="avg"
            )
            del node


@check("filter-before-aggregation", Severity.WARNING)
def filter_before_aggregation(query: LintedQuery) -> Iterator[LintProblem]:
    """Values are filtered by a comparison before they are averaged or added up.

    Why: what is below the threshold is left out, so the average is always above it.

    Wrong:
        avg(replication_lag_seconds > 5)
    Right:
        avg(replication_lag_seconds) > 5
    """
    top = strip_parens(query.expr) if query.expr is not None else None  # an alert fires whatever its value is
    for node in query.nodes:
        if not (isinstance(node, Aggregate) and node.op in {"avg", "sum"}):
            continue
        inner = strip_parens(node.expr)
        if (
            not (isinstance(inner, Binary) and inner.op in COMPARISONS)
            or inner.bool
            or asks_presence(node, query.above(node), query.parts)
        ):
            continue
        number = literal(inner.right)
        if node.op == "sum" and number == 0 and inner.op == "==" and not (query.alerts and node is top):
            step = "write == bool 0, or count(... == 0)"
            yield query.problem(node, "a sum of zeros is zero", step, Severity.ERROR, word="sum")
        elif node.op == "avg" and number not in {None, 0} and inner.op in {">", ">=", "<", "<="}:
            yield query.problem(node, "the average of what passed the filter", "compare the average", word="avg")


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
    top = strip_parens(query.expr)
    above = isinstance(top, Binary) and top.op == ">" and literal(top.right) == 0 and not top.bool
    if above and _grows(query.expr):
        yield query.problem(query.expr, "zeros are left out", "leave the comparison out")


@check("self-resolving", Severity.WARNING)
def self_resolving(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on a series that vanished asks for the one of an hour ago.

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
    for node in query.nodes:
        if isinstance(node, Binary) and node.op == "unless":
            then = [one for one in selectors(node.left) if one.offset is not None and (one.offset.ms > 0)]
            now = {(one.metric, one.matchers) for one in selectors(node.right) if one.offset is None}
            same = [one for one in then if (one.metric, one.matchers) in now]
            absent = any(isinstance(one, Call) and one.function.startswith("absent") for one in query.nodes)
            if same and len(then) == len(list(selectors(node.left))) and not absent:
                yield query.problem(
                    node, "it ends by itself once the offset has passed", "add `or absent(...)`", word="unless"
                )


@check("unguarded-ratio", Severity.NOTE)
def unguarded_ratio(query: LintedQuery) -> Iterator[LintProblem]:
    """A share of errors has no value until the first error, and none without traffic.

    Why: one minus nothing is nothing: where all is well, or nothing arrives, there is no point, which looks like a gap.

    Wrong:
        1 - sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) < 0.99
    Right:
        sum(rate(http_errors_total[5m])) / (sum(rate(http_requests_total[5m])) > 0) > 0.01
    """
    for node, value, op, _ in compared_with_number(query.nodes):
        inner = strip_parens(value)
        if op in {"<", "<="} and isinstance(inner, Binary) and inner.op == "-" and literal(inner.left) == 1:
            share = strip_parens(inner.right)
            if isinstance(share, Binary) and share.op == "/" and not isinstance(strip_parens(share.left), Unary):
                guarded = isinstance(strip_parens(share.left), Binary)
                if not guarded:
                    yield query.problem(node, "without a first error there is no result", "compare the share of errors")


@check("nan-fires", Severity.WARNING)
def nan_fires(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert compares a quotient of rates with `!=`.

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
    for node, value, op, number in compared_with_number(query.nodes) if query.alerts else ():
        quotient = next((one for one in walk(value) if isinstance(one, Binary) and one.op == "/"), None)
        sides = (quotient.left, quotient.right) if quotient is not None else ()
        # Where a filter or a constant stands in the denominator, it may be that it is never zero.
        plain = quotient is not None and not any(isinstance(one, Binary | Number) for one in walk(quotient.right))
        if op == "!=" and plain and sides and all(_grows(side) for side in sides):
            yield query.problem(
                node, f"0 / 0 is NaN, which is != {number_text(number)}", "divide by a rate that is > 0", word=node.op
            )


def _grows(side: Expr) -> bool:
    return any(isinstance(one, Call) and one.function in GROWTH for one in walk(side))

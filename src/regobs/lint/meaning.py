"""Checks of what is added up, divided and left out: queries that work, and answer another question than was asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from regobs.catalog.model import Unit
from regobs.common.closest import closest
from regobs.lint.alerting import names_registry
from regobs.lint.findings import LintProblem, Severity, check
from regobs.lint.named_shares import COMPARISONS
from regobs.lint.subjects import LintedQuery
from regobs.promql.functions import GROWTH
from regobs.promql.infer import literal
from regobs.promql.nodes import Aggregate, Binary, Call, Expr, Matcher, MatchOp, Paren, Selector, String
from regobs.promql.types import MEASURES
from regobs.promql.walk import selectors, strip_parens, walk

# Labels that a deployment gives to its targets, by which the two sides of a quotient should be chosen alike.
_SCOPES = frozenset({"environment", "env", "stage", "cluster", "type", "tier", "region", "shard"})
_LIKE = 0.9  # of the ratio of closest
_DIGITS = re.compile(r"[0-9]+")
_PLAIN = MEASURES | {Unit.NONE, Unit.EVENTS, Unit.BOOL, Unit.INFO}


@check("traffic-floor", Severity.NOTE)
def traffic_floor(query: LintedQuery) -> Iterator[LintProblem]:
    """An alert on a ratio only counts while there are more requests than a fixed rate.

    Why: a small installation never alerts, and a failing service that loses its traffic silences its own alert.

    Wrong:
        - alert: Errors
          expr: job:errors:ratio1h > 0.01 and sum(rate(http_requests_total[1h])) > 1
          labels: {severity: ticket}
          annotations: {summary: Requests fail}
    Right:
        - alert: Errors
          expr: job:errors:ratio1h > 0.01
          labels: {severity: ticket}
          annotations: {summary: Requests fail}
    """
    for node in query.binaries if query.alerts else ():
        if node.op != "and":
            continue
        sides = strip_parens(node.left), strip_parens(node.right)
        floor, ratio = (sides[1], sides[0]) if _is_ratio(sides[0]) else sides
        if not (isinstance(floor, Binary) and floor.op in {">", ">="} and (literal(floor.right) or 0) > 0):
            continue
        named = [str(one.metric or "") for one in selectors(floor.left)]
        rated = any(isinstance(one, Call) and one.function in {"rate", "irate"} for one in walk(floor.left))
        counts = rated or any(name.endswith((":ops", ":rps", "_ops")) or ":ops:" in name for name in named)
        divided = any(isinstance(one, Binary) and one.op == "/" for one in walk(floor.left))
        divided = divided or any(map(_whole_window, walk(floor.left)))
        failures = any(
            one.label in {"code", "status", "error"} for each in selectors(floor.left) for one in each.matchers
        )
        if counts and not divided and not failures and _is_ratio(ratio):
            yield query.problem(
                floor, "a fixed rate decides whether this alert counts", "judge by the number of events"
            )


def _whole_window(node: Expr) -> bool:
    """Whether a rate is multiplied by the seconds of its window: that is how many events there were."""
    if not (isinstance(node, Binary) and node.op == "*"):
        return False
    seconds = next((number for one in (node.left, node.right) if (number := literal(one)) is not None), None)
    windows = {one.range.ms for one in selectors(node) if one.range is not None}
    return seconds is not None and windows == {seconds * 1000}


def _is_ratio(expr: Expr) -> bool:
    divides = any(isinstance(one, Binary) and one.op == "/" for one in walk(expr))
    return divides or any("ratio" in str(one.metric or "") for one in selectors(expr))


@check("mixed-events", Severity.NOTE)
def mixed_events(query: LintedQuery) -> Iterator[LintProblem]:
    """Events of different kinds are added up.

    Why: one request makes many queries: the sum is neither, and the more frequent kind rules every share of it.

    Wrong:
        sum(rate(registry_http_requests_total[5m])) + sum(rate(registry_database_queries_total[5m]))
    Right:
        sum(rate(registry_http_requests_total[5m]))
    """
    for node in query.binaries:
        if node.op == "+":
            left, right = query.parts.of(node.left).unit, query.parts.of(node.right).unit
            if left != right and left not in _PLAIN and right not in _PLAIN:
                yield query.problem(node, f"{left} and {right} are added up", "show them apart")


@check("uneven-scope", Severity.NOTE)
def uneven_scope(query: LintedQuery) -> Iterator[LintProblem]:
    """One side of a quotient is narrowed by a label of the deployment, the other is not.

    Why: the processes of another environment or service are counted on one side only.

    Wrong:
        sum(rate(http_errors_total{type="registry"}[5m])) / sum(rate(http_requests_total[5m]))
    Right:
        sum(rate(http_errors_total{type="registry"}[5m])) / sum(rate(http_requests_total{type="registry"}[5m]))
    """
    for node in query.binaries:
        if node.op not in {"/", "*", "-"}:
            continue
        if node.group or any(next(selectors(side), None) is None for side in (node.left, node.right)):
            continue
        scopes = [_scope(node.left), _scope(node.right)]
        if not any(scopes):
            continue
        kept = query.parts.of(node.left).closed_labels or frozenset()
        joined = (frozenset(node.on or ()) | kept) if query.parts.of(node.left).closed_labels is not None else _SCOPES
        for here, there, side in ((0, 1, node.right), (1, 0, node.left)):
            apart = set() if _of_one_exporter(node) else {"job"}  # each is scraped by a job of its own
            lacking = sorted(set(scopes[here]) - set(scopes[there]) - joined - apart)
            if lacking:
                what = f"only the other side is narrowed by {', '.join(lacking)}"
                yield query.problem(next(selectors(side)), what, f"add {scopes[here][lacking[0]]}")
                break


def _of_one_exporter(node: Binary) -> bool:
    """Whether the series of both sides may begin with the same word, as those of one exporter do."""
    names = [[str(one.metric or "") for one in selectors(side)] for side in (node.left, node.right)]
    sides = [{name.split("_")[0] for name in side} for side in names]
    return not sides[0].isdisjoint(sides[1]) or not all("_" in name for side in names for name in side)


def _scope(expr: Expr) -> dict[str, str]:
    """The labels of the deployment by which every selector of a side is narrowed, and how."""
    found: dict[str, str] = {}
    for one in selectors(expr):
        found |= {each.label: _shown(each) for each in one.matchers if _narrows(each)}
    return found


def _narrows(matcher: Matcher) -> bool:
    """Whether a matcher chooses a part of a deployment. `type` may tell anything; at GitLab it is the service."""
    chooses = matcher.op in {MatchOp.EQUAL, MatchOp.REGEX} and bool(matcher.value)
    if matcher.label == "job":  # of a literal one each metric may have its own
        return chooses and matcher.value.startswith("$")
    return chooses and matcher.label in _SCOPES and (matcher.label != "type" or names_registry(matcher.value))


def _shown(matcher: Matcher) -> str:
    return f'{matcher.label}{matcher.op}"{matcher.value}"'


@check("counts-idle-runs", Severity.NOTE)
def counts_idle_runs(query: LintedQuery) -> Iterator[LintProblem]:
    """Runs that found nothing to do are counted with those that did.

    Why: they are many and short, so a latency or a share of failures looks well while every real run is slow.

    Wrong:
        histogram_quantile(0.9, sum by (le) (rate(registry_gc_run_duration_seconds_bucket[5m])))
    Right:
        histogram_quantile(0.9, sum by (le) (rate(registry_gc_run_duration_seconds_bucket{noop="false"}[5m])))
    """
    for node in query.selectors:
        metric = query.metric(node)
        if metric is None or not any(form.label("noop") for form in metric.forms):
            continue
        told = any(one.label in {"noop", "error", "event", "dangling"} for one in node.matchers)
        above = [one for one in query.above(node) if isinstance(one, Aggregate)]
        kept = any({"noop", "event", "error", "dangling"} & set(one.labels or ()) or one.without for one in above)
        if not told and not kept and above:
            yield query.problem(node, "runs without a task are counted", 'choose noop="false"', word=str(node.metric))


@check("sum-of-maxima", Severity.NOTE)
def sum_of_maxima(query: LintedQuery) -> Iterator[LintProblem]:
    """The highest values of several processes are added up.

    Why: they were not reached at the same moment, and those of processes that ended are counted too.

    Wrong:
        sum(max_over_time(go_sql_dbstats_connections_in_use[5m]))
    Right:
        max_over_time(sum(go_sql_dbstats_connections_in_use)[5m:])
    """
    for node in query.aggregates:
        if node.op == "sum":
            inner = strip_parens(node.expr)
            highest = isinstance(inner, Call) and inner.function in {"max_over_time", "min_over_time"}
            if highest and not _asks_for_any(query, node):
                yield query.problem(node, "a sum of what was not there at one time", "add up first", word="sum")


def _asks_for_any(query: LintedQuery, node: Expr) -> bool:
    """Whether a sum is only compared with zero: whether there is any, not how many."""
    above = next((one for one in query.above(node) if not isinstance(one, Paren)), None)
    return isinstance(above, Binary) and above.op in COMPARISONS and literal(above.right) == 0


@check("rate-of-record", Severity.NOTE)
def rate_of_record(query: LintedQuery) -> Iterator[LintProblem]:
    """A rate is taken of a recorded series.

    Why: when a process restarts, or leaves the sum that was recorded, the rate reads that as a restart of all.

    Wrong:
        rate(job:http_requests:sum[5m])
    Right:
        sum by (job) (rate(http_requests_total[5m]))
    """
    for node in query.calls:
        if node.function in GROWTH and node.args:
            inner = strip_parens(node.args[0])
            if (
                isinstance(inner, Selector)
                and ":" in str(inner.metric or "")
                and not _exposed(query, str(inner.metric))
            ):
                yield query.problem(node, f"{inner.metric} is recorded", "record the rate")


@check("undefined-record", Severity.NOTE)
def undefined_record(query: LintedQuery) -> Iterator[LintProblem]:
    """A series is named like a recorded one, and no rule of these files records it.

    Why: if no other file does, it is always empty.

    Wrong:
        groups:
        - name: pods
          rules:
          - record: pod:cpu:rate5m
            expr: sum by (pod) (rate(cpu_seconds_total[5m]))
          - record: pod:cpu:share
            expr: pod:cpu:rate5m / pod:cpu_quota:sum
    Right:
        groups:
        - name: pods
          rules:
          - record: pod:cpu:rate5m
            expr: sum by (pod) (rate(cpu_seconds_total[5m]))
          - record: pod:cpu_quota:sum
            expr: sum by (pod) (cpu_quota)
          - record: pod:cpu:share
            expr: pod:cpu:rate5m / pod:cpu_quota:sum
    """
    recorded = query.context.recorded
    for node in query.selectors:
        name = str(node.metric or "")
        known = name in recorded or query.entry(node) is not None or "$" in name or query.role == "variable"
        known = known or _exposed(query, name)
        if ":" in name and recorded and not known and not _may_be_missing(query, node):
            near = _nearly_recorded(name, recorded)
            step = f"did you mean {near}? Else record it" if near else "record it, or lint its rules too"
            severity = Severity.WARNING if near else None
            yield query.problem(node, f"no rule here records {name}", step, severity, word=name)


def _nearly_recorded(name: str, recorded: Iterable[str]) -> str:
    """The recorded name that a name is like; none that only differs in numbers: that is of another window."""
    near = next(iter(closest(name, recorded, 1, _LIKE)), "")
    return near if near and _DIGITS.sub("", near) != _DIGITS.sub("", name) else ""


def _exposed(query: LintedQuery, name: str) -> bool:
    """Whether a name with a colon is a process's own, as those of some libraries are: it ends as a counter does."""
    return name.endswith(("_total", "_count", "_sum", "_bucket")) and name not in query.context.recorded


def _may_be_missing(query: LintedQuery, node: Selector) -> bool:
    """Whether a selector stands behind `or` or `unless`: what is missing there leaves the rest as it is."""
    below: Expr = node
    for above in query.above(node):
        if isinstance(above, Binary) and above.op in {"or", "unless"} and above.right is below:
            return True
        below = above
    return False


@check("idle-label-replace", Severity.NOTE)
def idle_label_replace(query: LintedQuery) -> Iterator[LintProblem]:
    """`label_replace` writes a label over itself.

    Why: it changes nothing, and hides what was meant.

    Wrong:
        label_replace(up, "pod", "$1", "pod", "(.*)")
    Right:
        label_replace(up, "pod_name", "$1", "pod", "(.*)")
    """
    for node in query.calls:
        if node.function == "label_replace" and len(node.args) == 5:
            texts = [one.value if isinstance(one, String) else "" for one in node.args[1:]]
            if texts[0] == texts[2] and texts[1] in {"$1", "${1}"} and texts[3] in {"(.*)", "(.+)"}:
                yield query.problem(node, f"{texts[0]} stays what it is", "leave it out", word="label_replace")


@check("quantile-of-each-series", Severity.NOTE)
def quantile_of_each_series(query: LintedQuery) -> Iterator[LintProblem]:
    """`histogram_quantile` is taken of buckets that nothing aggregates.

    Why: it gives a line for every process and label, none of which is the latency that users see.

    Wrong:
        histogram_quantile(0.9, rate(http_request_duration_seconds_bucket[5m]))
    Right:
        histogram_quantile(0.9, sum by (le) (rate(http_request_duration_seconds_bucket[5m])))
    """
    for node in query.calls:
        if node.function == "histogram_quantile":
            aggregated = any(isinstance(one, Aggregate) for one in (*walk(node), *query.above(node)))
            if not aggregated and any(str(one.metric or "").endswith("_bucket") for one in selectors(node)):
                yield query.problem(
                    node, "a quantile of each series", "sum the buckets by le", word="histogram_quantile"
                )


@check("irate-in-panel", Severity.NOTE)
def irate_in_panel(query: LintedQuery) -> Iterator[LintProblem]:
    """A panel or alert looks at `irate`.

    Why: it reads only the last two samples: what happened before them in each step is not seen.

    Wrong:
        sum(irate(http_requests_total[5m])) > 100
    Right:
        sum(rate(http_requests_total[5m])) > 100
    """
    for node in query.calls:
        if node.function == "irate":
            yield query.problem(node, "irate reads two samples", "write rate", word="irate")


@check("pools-mixed", Severity.NOTE)
def pools_mixed(query: LintedQuery) -> Iterator[LintProblem]:
    """The connection pools of the primary and of the replicas are added up.

    Why: a full pool of the primary, which fails every write, is diluted by idle replicas.

    Wrong:
        sum(go_sql_dbstats_connections_in_use) / sum(go_sql_dbstats_connections_max_open)
    Right:
        max by (host_type) (go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open)
    """
    for node in query.aggregates:
        if node.op not in {"sum", "avg"} or node.without:
            continue
        inner = strip_parens(node.expr)
        if isinstance(inner, Call) and inner.function in GROWTH:
            inner = strip_parens(inner.args[0])
        metric = query.metric(inner) if isinstance(inner, Selector) else None
        if metric is None or not isinstance(inner, Selector):
            continue
        pooled = any(form.label("host_type") and form.until is None for form in metric.forms)
        told = {"host_type", "host_addr"} & {*(node.labels or ()), *(one.label for one in inner.matchers)}
        compared = any(isinstance(one, Binary) and one.op in {"/", *COMPARISONS} for one in query.above(node))
        if pooled and not told and compared:
            yield query.problem(node, "pools of primary and replicas in one", "keep host_type", word=node.op)


@check("newest-by-timestamp", Severity.NOTE)
def newest_by_timestamp(query: LintedQuery) -> Iterator[LintProblem]:
    """The newest of several series of one process is chosen by `timestamp`.

    Why: all series of a scrape have the same timestamp, so any of them may be chosen.

    Wrong:
        topk(1, timestamp(job_status))
    Right:
        topk(1, job_status_changed_timestamp_seconds)
    """
    for node in query.aggregates:
        if node.op in {"topk", "bottomk"}:
            inner = strip_parens(node.expr)
            if isinstance(inner, Call) and inner.function == "timestamp":
                step = "expose when it changed, as a gauge"
                yield query.problem(node, "series of one scrape are equally new", step, word=node.op)

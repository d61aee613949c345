"""What cannot be read: broken files and queries, and allowances that say nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator

from regobs.errors import PromqlError
from regobs.grafana.classic import VARIABLE
from regobs.lint.findings import CheckSubject, LintProblem, Severity, check
from regobs.lint.subjects import LintedQuery
from regobs.promql.literals import regex_fault, regex_matches
from regobs.promql.nodes import MatchOp, String

_WORD = re.compile(r"[\w.]+")
_CLAUSE = re.compile(r"(?:by|without)\b", re.IGNORECASE)
_WITH = re.compile(r"\s*(WITH)\s*\(", re.IGNORECASE)
# What stands behind or between queries, or is a number.
_METRICSQL_WORD = re.compile(
    r"keep_metric_names|default|if|ifnot|limit|prefixes|[0-9.]+(?:i|[KMGT]i?B?)", re.IGNORECASE
)
_METRICSQL_FUNCTIONS = frozenset(
    """
    aggr_over_time alias any ascent_over_time bitmap_and bitmap_or bitmap_xor bottomk_avg bottomk_last bottomk_max
    bottomk_median bottomk_min buckets_limit changes_prometheus count_eq_over_time count_gt_over_time
    count_le_over_time count_ne_over_time count_values_over_time decreases_over_time default_rollup delta_prometheus
    deriv_fast descent_over_time distinct distinct_over_time drop_common_labels drop_empty_series duration_over_time
    geomean geomean_over_time histogram histogram_over_time histogram_share hoeffding_bound_lower
    hoeffding_bound_upper ideriv increase_prometheus increase_pure increases_over_time integrate interpolate
    keep_last_value keep_next_value label_copy label_del label_graphite_group label_keep label_lowercase label_map
    label_match label_mismatch label_move label_set label_transform label_uppercase label_value labels_equal lag
    lifetime limit_offset mad median median_over_time mode mode_over_time now outlier_iqr_over_time outliers_iqr
    outliers_mad outliersk prometheus_buckets quantiles quantiles_over_time rand rand_exponential rand_normal random
    range_avg range_first range_last range_linear_regression range_mad range_max range_median range_min
    range_normalize range_over_time range_quantile range_stddev range_stdvar range_sum range_trim_outliers
    range_trim_spikes range_trim_zscore range_zscore rate_over_sum rate_prometheus remove_resets rollup
    rollup_candlestick rollup_delta rollup_deriv rollup_increase rollup_rate rollup_scrape_interval ru running_avg
    running_max running_min running_sum scrape_interval share share_eq_over_time share_gt_over_time
    share_le_over_time smooth_exponential sort_by_label_numeric sort_by_label_numeric_desc stale_samples_over_time
    sum2 sum2_over_time sum_eq_over_time sum_gt_over_time sum_le_over_time tfirst_over_time timestamp_with_name
    timezone_offset tlast_change_over_time tlast_over_time tmax_over_time tmin_over_time topk_avg topk_last topk_max
    topk_median topk_min ttf union zscore zscore_over_time
    """.split()  # noqa: SIM905 - one name a line would be a page
)
_EXTENDED = re.compile(r"(?:anchored|smoothed)\b", re.IGNORECASE)
_NOTHING: tuple[LintProblem, ...] = ()


@check("unreadable-file", Severity.ERROR, CheckSubject.FILE)
def unreadable_file(file: object) -> Iterator[LintProblem]:
    """The file is no valid YAML or JSON, or one that makes regobs itself fail.

    Why: the server that should load it refuses the whole file, with every rule or panel in it.

    Wrong:
        groups:
        - name: registry
            rules: []
    Right:
        groups:
        - name: registry
          rules: []
    """
    del file
    yield from _NOTHING  # the reader of files finds it


@check("syntax", Severity.ERROR)
def syntax(query: LintedQuery) -> Iterator[LintProblem]:
    """The query is no PromQL.

    Also a pattern of `label_replace` that is no regular expression, and a range vector or a text as the whole query of
    a rule. As a note: a query of MetricsQL, which only
    VictoriaMetrics reads, and `{}`, a placeholder that was never filled.

    Why: a rule file with such a query is refused as a whole, a panel shows an error.

    Wrong:
        sum(rate(http_requests_total[5m])
    Right:
        sum(rate(http_requests_total[5m]))
    """
    fault = query.fault
    yield from _kind_of_result(query)
    for node in query.calls:
        pattern = node.args[-1] if node.function == "label_replace" and node.args else None
        if isinstance(pattern, String) and "$" not in pattern.value and (wrong := regex_fault(pattern.value)):
            yield query.problem(pattern, f"{pattern.value!r} is no regular expression: {wrong}", "correct it")
    if fault is None or fault.check == "limit":
        return
    if query.role in {"panel", "variable", "annotation"} and VARIABLE.search(query.text):
        return  # a variable may stand for any text
    start = _start(query, fault)
    place = query.place(start, start + 1)
    if query.text.strip() == "{}" and query.role not in {"alert", "record"}:
        yield LintProblem(*place, "the query is still a placeholder", "write it, or remove it", Severity.NOTE)
    elif fault.message.startswith("comparisons between scalars") and "loki" in query.source.file.lower():
        return  # Loki reads `1 > 0`
    elif extended := _EXTENDED.match(query.text, start):
        what = f"{extended[0]} is of an experiment of Prometheus 3.7 and later, and the query is not judged"
        step = "it needs --enable-feature=promql-extended-range-selectors; other servers refuse it"
        yield LintProblem(*place, what, step, Severity.NOTE)
    elif not _is_time(query.text, start) and (extension := _of_metricsql(query.text, start)):
        what = f"{extension} is MetricsQL: only VictoriaMetrics reads it, and the query is not judged"
        yield LintProblem(*place, what, "Prometheus, Thanos and Mimir refuse it", Severity.NOTE)
    else:
        step = fault.next_step or (f"expected: {fault.expected}" if fault.expected else "correct the query")
        yield LintProblem(*place, fault.message, step)


def _kind_of_result(query: LintedQuery) -> Iterator[LintProblem]:
    """What no rule and no panel over time can have as its result."""
    asks_points = query.role in {"alert", "record"} or (query.role == "panel" and not query.instant)
    if query.expr is None or not asks_points or query.type.value not in {"matrix", "string"}:
        return
    kind, step = ("a text", "write a query")
    if query.type.value == "matrix":
        kind, step = "a range vector", "leave the range out, or write a function of it such as rate or avg_over_time"
    yield query.problem(query.expr, f"the result is {kind}, no instant vector: Prometheus refuses it", step)


def _start(query: LintedQuery, fault: PromqlError) -> int:
    """Where in a query a fault is."""
    location, start = fault.location, 0
    if location and location.line:
        lines = query.text.split("\n")
        start = sum(len(line) + 1 for line in lines[: location.line - 1]) + (location.column or 1) - 1
    return max(0, min(start, len(query.text.rstrip()) - 1))


def _is_time(text: str, start: int) -> bool:
    """Whether a duration is what cannot be read, as the `1M` of `x[1M]`: no server knows a month."""
    word = _WORD.match(text, start)
    before = text[:start].rstrip()
    return (
        word is not None
        and word[0][-1:] in "KMGT"
        and (before.endswith("[") or (before.endswith(":") and "[" in before) or before[-6:].lower() == "offset")
    )


@check("not-read", Severity.ERROR)
def not_read(query: LintedQuery) -> Iterator[LintProblem]:
    """A query, a pattern or a file is longer or nested more deeply than lint reads, so nothing is said of it.

    Why: what nobody has judged looks like what was found to be right.

    Wrong:
        (((((((((((((((((((((((((((((((((((((((((((((((((((up)))))))))))))))))))))))))))))))))))))))))))))))))))
    Right:
        ((((((((((((((((((((((((((((((((((((((((((((((((((up))))))))))))))))))))))))))))))))))))))))))))))))))
    """
    fault = query.fault
    if fault is not None and fault.check == "limit":
        start = _start(query, fault)
        what = f"{fault.message}: lint reads {fault.expected}"
        yield LintProblem(*query.place(start, start + 1), what, fault.next_step or "record parts of it")
    for node in query.selectors:
        forms = metric.forms if (metric := query.metric(node)) is not None else ()
        for one in node.matchers if forms else ():
            if one.op not in {MatchOp.REGEX, MatchOp.NOT_REGEX}:
                continue
            labels = (form.label(one.label) for form in forms)
            values = [value for label in labels if label is not None for value in label.values or ()]
            untried = any(regex_matches(one.value, value) is None for value in values) and not regex_fault(one.value)
            if untried:
                what = f"this pattern is not tried on the values of {one.label}: it repeats too much within repetitions"
                yield query.problem(one, what, "list the values, or repeat less", Severity.WARNING)


def _of_metricsql(text: str, start: int) -> str:
    """The word at which PromQL ends and MetricsQL, the language of VictoriaMetrics, begins; nothing for another fault.

    Source: https://docs.victoriametrics.com/victoriametrics/metricsql/
    """
    if match := _WITH.match(text):
        return match[1]
    if _CLAUSE.match(text, start) and (before := _WORD.findall("".join(text[:start].split()[-1:]))):
        return before[-1] if before[-1].lower() in _METRICSQL_FUNCTIONS else ""
    word = _WORD.match(text, start)
    if word is None:
        return ""
    called = word[0].lower() in _METRICSQL_FUNCTIONS
    return word[0] if called or _METRICSQL_WORD.fullmatch(word[0]) else ""


@check("bad-allowance", Severity.WARNING, CheckSubject.FILE)
def bad_allowance(file: object) -> Iterator[LintProblem]:
    """An allowance gives no reason, or names a check that there is not.

    Why: nobody can tell later whether it may go; and without a reason it allows nothing.

    Wrong:
        # regobs: allow raw-counter
    Right:
        # regobs: allow raw-counter: the panel shows since when the process has been up
    """
    del file
    yield from _NOTHING  # where allowances are read


@check("unused-allowance", Severity.WARNING, CheckSubject.FILE)
def unused_allowance(file: object) -> Iterator[LintProblem]:
    """An allowance stands where its check finds nothing.

    Why: it will hide the next real finding.

    Wrong:
        # regobs: allow raw-counter: nothing here has a counter
    Right:
        # no comment
    """
    del file
    yield from _NOTHING  # where allowances are read

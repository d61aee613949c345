# ruff: noqa: E501 - a table
"""Each check on other wordings of its defect: other aggregations, clauses, functions, and recording rules between."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.lint import LintReport, lint_text
from tests.lint.cases import alert, board, found, panel, query, record, rules, unit

_SECONDS = "registry_http_request_duration_seconds"
_P90 = f"histogram_quantile(0.9, sum by (le) (rate({_SECONDS}_bucket[5m])))"
_TEXTS = {"labels": {"severity": "ticket"}, "annotations": {"summary": "x"}}


def _by_rules(expr: str, *records: tuple[str, str], **more: object) -> LintReport:
    listed = [{"record": name, "expr": text} for name, text in records]
    return rules(*listed, {"alert": "A", "expr": expr, **_TEXTS, **more})


def _told(expr: str, text: str, *records: tuple[str, str]) -> LintReport:
    return _by_rules(expr, *records, annotations={"summary": text})


def _text(text: str) -> LintReport:
    return alert("up == 0", annotations={"summary": text})


_GROUPS = "{groups: [{name: a, rules: [{record: 'a:b:c', expr: 'rate(go_goroutines[5m])'}]}]}"


def _rule(fields: str, group: str = "") -> LintReport:
    return lint_text(f"groups: [{{name: a, {group}rules: [{{{fields}}}]}}]\n", "a.yaml", ".yaml")


_OPEN, _MOST, _USED = (f"go_sql_dbstats_connections_{name}" for name in ("open", "max_open", "in_use"))

# name of the check, what it finds, what is just no such thing
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    ("open-against-in-use", lambda: alert(f"{_MOST} - {_OPEN} < 2"), lambda: alert(f"{_MOST} - {_USED} < 2")),
    ("open-against-in-use", lambda: alert(f"{_OPEN} >= {_MOST}"), lambda: alert(f"{_USED} >= {_MOST}")),
    ("open-against-in-use", lambda: alert(f"{_OPEN} > 0.9 * {_MOST}"), lambda: alert(f"{_OPEN} > {_USED}")),
    ("open-against-in-use",
     lambda: _by_rules("a:o:sum / a:m:sum > 0.9", ("a:o:sum", f"sum({_OPEN})"), ("a:m:sum", f"sum({_MOST})")),
     lambda: _by_rules("a:o:sum / a:m:sum > 0.9", ("a:o:sum", f"sum({_USED})"), ("a:m:sum", f"sum({_MOST})"))),
    ("unit-mismatch",
     lambda: _by_rules("a:p90:s > a:b:s", ("a:p90:s", _P90), ("a:b:s", "sum(go_memstats_heap_alloc_bytes)")),
     lambda: _by_rules("a:p90:s > a:b:s", ("a:p90:s", _P90), ("a:b:s", "max(process_cpu_seconds_total) / 10"))),
    ("threshold-between-buckets", lambda: alert(f"3 < {_P90}"), lambda: alert(f"2.5 < {_P90}")),
    ("threshold-between-buckets", lambda: alert(f"max by (job) ({_P90}) > 3"), lambda: alert(f"max({_P90}) > 2.5")),
    ("threshold-between-buckets",
     lambda: _by_rules("a:p90:s > 3", ("a:p90:s", _P90)), lambda: _by_rules("a:p90:s > 2.5", ("a:p90:s", _P90))),
    ("rate-of-gauge",
     lambda: _by_rules("rate(a:g:s[5m]) > 1", ("a:g:s", "go_goroutines")),
     lambda: _by_rules("rate(a:g:s[5m]) > 1", ("a:g:s", "something"))),
    ("rate-of-gauge",
     lambda: _by_rules("increase(a:g:s[5m]) > 1", ("a:g:s", "sum(rate(a_total[5m]))")),
     lambda: _by_rules("increase(a:g:s[5m]) > 1", ("a:g:s", "sum(registry_http_requests_total)"))),
    ("raw-counter",
     lambda: _by_rules("a:c:sum > 100", ("a:c:sum", "sum(registry_http_requests_total)")),
     lambda: _by_rules("a:c:sum > 100", ("a:c:sum", "sum(increase(registry_http_requests_total[5m]))"))),
    ("raw-counter", lambda: alert("my_errors_total > 100"), lambda: alert("my_uptime_seconds_total > 100")),
    ("raw-counter", lambda: alert("my_errors_total > 100"), lambda: alert("my_shards_total > 100")),
    ("raw-counter", lambda: alert("my_requests_total > 100"), lambda: alert("my_pending_requests_total > 100")),
    ("quantile-without-le",
     lambda: _by_rules("histogram_quantile(0.9, a:b:c) > 1", ("a:b:c", f"sum by (job) (rate({_SECONDS}_bucket[5m]))")),
     lambda: _by_rules("histogram_quantile(0.9, a:b:c) > 1", ("a:b:c", f"sum by (le) (rate({_SECONDS}_bucket[5m]))"))),
    ("quantile-without-le",
     lambda: _by_rules("histogram_quantile(0.9, a:b:c) > 1", ("a:b:c", "sum by (job) (rate(x_bucket[5m]))")),
     lambda: _by_rules("histogram_quantile(0.9, a:b:c) > 1", ("a:b:c", "sum by (job, le) (rate(x_bucket[5m]))"))),
    ("quantile-without-le",
     lambda: query("histogram_quantile(0.9, sum without (le, pod) (rate(x_bucket[5m])))"),
     lambda: query("histogram_quantile(0.9, sum without (pod) (rate(x_bucket[5m])))")),
    ("average-of-quantiles",
     lambda: _by_rules("avg(a:p90:s) > 1", ("a:p90:s", _P90.replace("(le)", "(le, pod)"))),
     lambda: _by_rules("max(a:p90:s) > 1", ("a:p90:s", _P90.replace("(le)", "(le, pod)")))),
    ("average-of-ratios",
     lambda: panel("avg(sum by (pod) (rate(a_total{b='c'}[5m])) / sum by (pod) (rate(a_total[5m])))"),
     lambda: panel("max(sum by (pod) (rate(a_total{b='c'}[5m])) / sum by (pod) (rate(a_total[5m])))")),
    ("average-of-ratios",
     lambda: _by_rules("avg(pod:e:r) > 1", ("pod:e:r", "sum by (pod) (rate(a[5m])) / sum by (pod) (rate(b[5m]))")),
     lambda: _by_rules("avg(pod:e:r) > 1", ("pod:e:r", "sum by (pod) (rate(a[5m]))"))),
    ("unknown-label",
     lambda: alert('sum(rate(registry_http_requests_total{status_code=~"5.."}[5m])) > 1'),
     lambda: alert('sum(rate(http_requests_total{status_code=~"5.."}[5m])) > 1')),
    ("unknown-label",
     lambda: alert("sum by (http_method) (rate(registry_http_requests_total[5m])) > 1"),
     lambda: alert("sum by (namespace) (rate(registry_http_requests_total[5m])) > 1")),
    ("impossible-value",
     lambda: alert('sum(rate(registry_http_requests_total{method!="HEAD"}[5m])) > 1'),
     lambda: alert('sum(rate(registry_http_requests_total{method!="head"}[5m])) > 1')),
    ("lost-label",
     lambda: _by_rules("sum by (pod) (job:a:sum) > 1", ("job:a:sum", "sum by (job) (a)")),
     lambda: _by_rules("sum by (cluster, job) (job:a:sum) > 1", ("job:a:sum", "sum by (job) (a)"))),
    ("lost-label",
     lambda: _by_rules("sum by (pod) (a:b:c) > 1", ("a:b:c", "a:a:sum"), ("a:a:sum", "sum by (job) (a)")),
     lambda: _by_rules("sum by (pod) (a:b:c) > 1", ("a:b:c", "a:a:sum"), ("a:a:sum", "sum without (x) (a)"))),
    ("label-not-in-result",
     lambda: _told("job:a:sum > 1", "{{ $labels.instance }}", ("job:a:sum", "sum by (job) (a)")),
     lambda: _told("job:a:sum > 1", "{{ $labels.cluster }} {{ $labels.job }}", ("job:a:sum", "sum by (job) (a)"))),
    ("label-not-in-result",
     lambda: _told("sum without (instance) (a) > 1", "{{ $labels.instance }}"),
     lambda: _told("sum without (instance) (a) > 1", "{{ $labels.pod }}")),
    ("label-not-in-result",
     lambda: _told("absent(up{job='x'}) == 1", "{{ $labels.instance }}"),
     lambda: _told("absent(up{job='x'}) == 1", "{{ $labels.job }}")),
    ("label-not-in-result",
     lambda: _told("absent(up{job=~'x.*'})", "{{ $labels.job }}"),
     lambda: _told("absent(up{job='x'}) or up == 0", "{{ $labels.instance }}")),
    ("legend-label",
     lambda: panel("sum without (instance) (a)", legend="{{instance}}"),
     lambda: panel("sum without (instance) (a)", legend="{{pod}}")),
    ("many-to-many",
     lambda: query("sum by (job, path) (a) / ignoring (path) sum by (job, path) (b)"),
     lambda: query("sum by (job, path) (a) / ignoring (path) group_left sum by (job) (b)")),
    ("many-to-many",
     lambda: query("sum by (job, path) (a) / ignoring (path) group_left sum by (job, path) (b)"),
     lambda: query("sum by (instance, pod) (a) + ignoring (pod) group_right sum by (instance, pod) (b)")),
    ("sides-never-match",
     lambda: query("rate(x_bucket{le='0.5'}[5m]) / rate(x_count[5m])"),
     lambda: query("rate(x_bucket{le='0.5'}[5m]) / ignoring (le) rate(x_count[5m])")),
    ("sides-never-match",
     lambda: query("sum without (pod) (rate(x_bucket{le='0.5'}[5m])) / sum without (pod) (rate(x_count[5m]))"),
     lambda: query("sum without (pod, le) (rate(x_bucket{le='0.5'}[5m])) / sum without (pod) (rate(x_count[5m]))")),
    ("sum-of-copies",
     lambda: panel("sum without (instance, pod) (registry_database_rows)"),
     lambda: panel("sum without (query_name) (registry_database_rows)")),
    ("nan-fires", lambda: alert(f"{_P90} != 0"), lambda: alert(f"{_P90} > 1")),
    ("record-name", lambda: record("job:a:max", "avg by (job) (a)"), lambda: record("job:a:max", "max by (job) (a)")),
    ("record-name",
     lambda: record("job:a:rate5m", "sum by (job) (increase(a_total[5m]))"),
     lambda: record("job:a:rate5m", "sum by (job) (increase(a_total[5m])) / 300")),
    ("record-name",
     lambda: record("job:a_p99:5m", "histogram_quantile(0.9, sum by (job, le) (rate(a_bucket[5m])))"),
     lambda: record("job:a_p999:5m", "histogram_quantile(0.999, sum by (job, le) (rate(a_bucket[5m])))")),
    ("record-level",
     lambda: record("instance_job:a:rate5m", "sum by (job) (rate(a_total[5m]))"),
     lambda: record("instance_job:a:rate5m", "sum by (job, instance) (rate(a_total[5m]))")),
    ("duplicate-rule",
     lambda: rules({"alert": "A", "expr": "up==0", **_TEXTS}, {"alert": "A", "expr": "(up == 0)", **_TEXTS}),
     lambda: rules({"alert": "A", "expr": "up==0", **_TEXTS}, {"alert": "A", "expr": "up == 1", **_TEXTS})),
    ("broken-rule", lambda: _rule("alert: A, expr: up == 0, annotation: {a: b}"), lambda: _rule("alert: A, expr: up == 0, debug: true")),
    ("broken-rule", lambda: _rule("record: a, expr: up, annotations: {a: b}"), lambda: _rule("record: a, expr: up, labels: {a: b}")),
    ("broken-rule", lambda: _rule("record: a, expr: up, labels: {a-b: c}"), lambda: _rule("record: a, expr: up, labels: {a_b: c}")),
    ("broken-rule", lambda: _rule("record: a, expr: up", "interval: 5, "), lambda: _rule("record: a, expr: up", "interval: 5m, ")),
    ("rate-of-gauge",
     lambda: lint_text(f"kind: PrometheusRuleList\nitems:\n- {{kind: PrometheusRule, spec: {_GROUPS}}}\n", "a.yaml", ".yaml"),
     lambda: lint_text(f"kind: PrometheusRuleList\nitems:\n- {{kind: Other, spec: {_GROUPS}}}\n", "a.yaml", ".yaml")),
    ("dashboard-time", lambda: board(time={"from": "now-5x", "to": "now"}), lambda: board(time={"from": "now-1d/d", "to": "now"})),
    ("traffic-floor",
     lambda: alert("sum(rate(a_total[5m])) > 5 and sum(rate(a_total{b='c'}[5m])) / sum(rate(a_total[5m])) > 0.1"),
     lambda: alert("sum(rate(a_total[5m])) > 5 and sum(rate(a_total{b='c'}[5m])) > 0.1")),
    ("broken-template", lambda: _text("{{ }}"), lambda: _text("{{ $value }}")),
    ("broken-template", lambda: _text("{{ $labels..job }}"), lambda: _text("{{ $labels.job }}")),
    ("broken-template", lambda: _text('{{ printf "%.2f $value }}'), lambda: _text('{{ printf "%.2f" $value }}')),
    ("broken-template", lambda: _text("{{ ( $value }}"), lambda: _text("{{ humanize (printf `(%s` $labels.a) }}")),
    ("panel-unit",
     lambda: panel("process_start_time_seconds", **unit("s")),
     lambda: panel("time() - process_start_time_seconds", **unit("s"))),
    ("panel-unit",
     lambda: panel("time() - process_start_time_seconds", **unit("dateTimeAsIso")),
     lambda: panel("process_start_time_seconds * 1000", **unit("dateTimeAsIso"))),
    ("panel-unit",
     lambda: panel("process_start_time_seconds", **unit("s")),
     lambda: panel("time() - some_start_time_seconds", **unit("s"))),
]  # fmt: skip


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_check_finds_another_wording_of_its_defect_and_not_what_is_beside_it(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())

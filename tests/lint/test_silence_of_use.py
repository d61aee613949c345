"""What is asked on purpose is no defect, and what is wrong is said once, in words that fit, at the right place."""

from __future__ import annotations

import json
import re

import pytest

from regobs.lint import LintContext, LintReport, Severity, lint_text
from regobs.lint.report import as_text
from tests.lint.cases import alert, board, found, panel, query, rules
from tests.lint.cases import unit as unit_of

_HISTOGRAM = "registry_http_request_duration_seconds"


def _severities(report: LintReport, check: str) -> list[Severity]:
    return [one.severity for one in report.findings if one.check == check]


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        (f"histogram_quantile(0.99, sum(rate({_HISTOGRAM}[5m])))", [Severity.NOTE]),
        (f"histogram_count(sum(rate({_HISTOGRAM}[5m]))) > 1", [Severity.NOTE]),
        (f"sum(rate({_HISTOGRAM}[5m]))", [Severity.ERROR]),
        ("histogram_quantile(0.99, sum(rate(registry_http_request_seconds[5m])))", [Severity.ERROR]),
        ("histogram_quantile(0.99, sum(rate(registry_http_requests[5m])))", [Severity.ERROR]),
    ],
)
def test_a_histogram_by_its_own_name_may_be_a_native_one(text: str, severities: list[Severity]) -> None:
    assert _severities(query(text), "unknown-metric") == severities
    assert (Severity.ERROR in {one.severity for one in query(text).findings}) is (severities == [Severity.ERROR])


@pytest.mark.parametrize(
    "text",
    [
        "(increase(foo_errors_total[5m]) > 0) or (foo_errors_total unless foo_errors_total offset 5m)",
        "registry_storage_rate_limit_total and on (instance) up == 0",
        "sum by (job) (registry_storage_rate_limit_total) unless on (job) up",
    ],
)
def test_a_counter_of_which_only_the_presence_counts_is_not_read_raw(text: str) -> None:
    assert "raw-counter" not in found(alert(text))
    assert "raw-counter" not in found(query(text))


@pytest.mark.parametrize(
    "text",
    [
        "registry_storage_rate_limit_total > 100 and on (instance) up == 1",
        "(registry_storage_rate_limit_total and on (instance) up == 1) > 100",
        "registry_storage_rate_limit_total or vector(0)",
    ],
)
def test_a_counter_whose_value_decides_is_read_raw(text: str) -> None:
    assert "raw-counter" in found(alert(text))


def test_a_panel_that_draws_a_filtered_counter_reads_it_raw() -> None:
    assert "raw-counter" in found(panel("registry_storage_rate_limit_total unless on (instance) up == 0"))


def _told(report: LintReport, check: str) -> str:
    one = next(one for one in report.findings if one.check == check)
    return f"{one.what}; {one.next_step}"


@pytest.mark.parametrize(
    ("op", "grouped"),
    [("/", " with group_left or group_right"), ("and", ""), ("unless", "")],
)
def test_the_labels_of_both_sides_are_told(op: str, grouped: str) -> None:
    assert _told(query(f"sum by (job) (a) {op} sum by (instance) (b)"), "sides-never-match") == (
        f"the sides of {op} never match: left has job, right has instance; "
        f"write the same by list on both sides, or on(...){grouped}"
    )
    assert "left has job, route, right has no label" in _told(
        query(f"sum by (route, job) (a) {op} sum(b)"), "sides-never-match"
    )


@pytest.mark.parametrize(
    ("expr", "step"),
    [
        ('absent(up{job="a"})', "absent keeps job: name it in a matcher, or leave it out"),
        ("sum by (job) (up) == 0", "add instance to the by list; the expression keeps job"),
    ],
)
def test_a_by_list_is_only_named_where_there_can_be_one(expr: str, step: str) -> None:
    texts = {"summary": "{{ $labels.instance }} is down", "runbook_url": "https://example.com/a"}
    assert _told(alert(expr, annotations=texts), "label-not-in-result").endswith(step)


@pytest.mark.parametrize(
    ("title", "expr", "told"),
    [
        ("Requests", "sum(increase(a_total[1d]))", True),
        ("Requests by v2 endpoint", "sum(increase(a_total[1d]))", True),
        ("Requests, last 24 hours", "sum(increase(a_total[1d]))", False),
        ("Requests [1w]", "sum(increase(a_total[1w]))", False),
        ("Requests in 5m", "sum(rate(a_total[5m]))", False),
        ("Requests per day", "sum(increase(a_total[1d]))", False),
        ("Requests", "max_over_time(sum(increase(a_total[5m]))[$__range:5m])", False),
        ("Requests", "max_over_time(sum(increase(a_total[5m]))[$__range:10m])", True),
    ],
)
def test_a_fixed_window_that_is_told_or_never_misses_an_event_is_right(title: str, expr: str, *, told: bool) -> None:
    assert ("fixed-range-in-panel" in found(panel(expr, title=title))) is told


@pytest.mark.parametrize(
    ("floor", "told"),
    [
        ("sum by (job) (rate(x_count[10m])) * 600 > 100", False),
        ("600 * sum by (job) (rate(x_count[10m])) > 100", False),
        ("sum by (job) (rate(x_count[10m])) * 60 > 100", True),
        ("sum by (job) (rate(x_count[10m])) > 1", True),
    ],
)
def test_a_number_of_events_is_no_rate(floor: str, told: bool) -> None:
    assert ("traffic-floor" in found(alert(f"job:errors:ratio10m > 0.01 and {floor}"))) is told


def _recorded_cores(expr: str, shown: str) -> LintReport:
    rule = {"groups": [{"name": "a", "rules": [{"record": "instance:cpu:rate5m", "expr": expr}]}]}
    drawn = {"id": 1, "type": "timeseries", "title": "P", "targets": [{"refId": "A", "expr": shown}]}
    dashboard = {"title": "D", "panels": [{**drawn, **unit_of("percentunit")}]}
    return lint_text(f"{json.dumps(rule)}\n---\n{json.dumps(dashboard)}\n", "a.yaml", ".yaml")


def test_the_average_of_cores_is_a_share_behind_a_rule_too() -> None:
    cores = "(rate(node_cpu_seconds_total{mode!='idle'}[5m]))"
    shown = "avg by (cluster) (instance:cpu:rate5m)"
    assert "panel-unit" not in found(_recorded_cores(f"avg by (instance, cluster) {cores}", shown))
    assert "panel-unit" in found(_recorded_cores(f"sum by (instance, cluster) {cores}", "sum(instance:cpu:rate5m)"))


_UNDEFINED = 'sum(up{stage="$stage"}) + sum(up{stage="$stage"}) + sum(up{job=~"${jobs}"})'


def test_an_undefined_variable_is_told_once_with_the_number_of_its_uses() -> None:
    shown = [{"id": i, "type": "stat", "title": f"P{i}", "targets": [{"expr": _UNDEFINED}]} for i in (1, 2, 3)]
    told = [one for one in board(*shown).findings if one.check == "undefined-variable"]
    assert [(one.what, one.next_step) for one in told] == [
        ("the dashboard has no variable stage", "add it, or correct the name in its 6 uses"),
        ("the dashboard has no variable jobs", "add it, or correct the name in its 3 uses"),
    ]
    once = [one for one in panel('up{stage="$stage"}').findings if one.check == "undefined-variable"]
    assert [one.next_step for one in once] == ["add it, or correct the name"]


@pytest.mark.parametrize(
    ("text", "before"),
    [("état", 4), ("\u7e41\u5fd9", 4), ("\U0001f600", 2), ("e\u0301", 1)],
)
def test_a_caret_stands_under_its_place_behind_wide_characters(text: str, before: int) -> None:
    report = query(f'up{{a="{text}"}} > rate(b_total)')
    shown = as_text(report).splitlines()
    number = next(at for at, line in enumerate(shown) if "^" in line)
    assert shown[number].index("^") == len('1 | up{a=""} > rate(') + before
    assert "rate(b_total)" in shown[number - 1]


@pytest.mark.parametrize(
    ("line", "key"),
    [
        ("exp: up == 0", "exp"),
        ("label: {severity: page}", "label"),
        ("labels: {severity: page, team-name: a}", "team-name"),
    ],
)
def test_a_wrong_key_is_marked_itself(line: str, key: str) -> None:
    text = f"groups:\n- name: a\n  rules:\n  - alert: Down\n    {line}\n"
    one = next(one for one in lint_text(text, "a.yaml", ".yaml").findings if re.search(rf"\b{key}\b", one.what))
    assert (one.line, one.column) == (5, 5 + re.search(rf"\b{key}:", line).start())  # type: ignore[union-attr]
    assert one.end_column - one.column == len(key)


def test_a_wrong_key_in_json_is_marked_itself() -> None:
    report = rules({"alert": "Down", "exp": "up == 0"})
    one = next(one for one in report.findings if "no field exp" in one.what)
    line = report.files["rules.json"].splitlines()[one.line - 1]
    assert line[one.column - 1 : one.end_column - 1] == '"exp"'


@pytest.mark.parametrize(
    ("text", "mismatch"),
    [
        ("a_response_bytes_count > a_response_bytes_sum", True),
        ("stackdriver_a_response_bytes_count > stackdriver_b_bytes_sum", False),
        ("a_job_seconds / 86400 > b_size_bytes", True),
        ("a_memory_byte_seconds / 86400 > b_size_bytes", False),
        ("a_job_nano_seconds > b_size_bytes", True),
    ],
)
def test_a_name_that_may_measure_something_else_is_compared_with_anything(text: str, mismatch: bool) -> None:
    assert ("unit-mismatch" in found(query(text))) is mismatch


@pytest.mark.parametrize(
    ("text", "severities"),
    [
        ("rate(registry_storage_ratelimit_total[5m])", [Severity.ERROR]),
        ("registry_htp_requests_total", [Severity.ERROR]),
        ("registry_databse_queries_total", [Severity.ERROR]),
        ("registry_gc_something", [Severity.ERROR]),
        ("registry_storage_disk_usage_bytes", [Severity.ERROR]),
        ("registry_requests_total", [Severity.NOTE]),
        ("registry_errors_total", [Severity.NOTE]),
        ("registry_registry_storage_cache_total", [Severity.NOTE]),
        ("registry_up == 0", []),
        ("registry_disk_usage_bytes", []),
        ("registry_backup_last_success", []),
        ("registry_auth_failures_total", []),
        ("registry_ready < registry_desired", []),
        ('registry_errors_total{job="apicurio"}', []),
        ('registry_requests_total{job=~"schema-registry.*"}', []),
        ('registry_http_request_total{job="schema-registry"}', []),
        ('registry_http_request_total{job!="schema-registry"}', [Severity.ERROR]),
        ('registry_http_request_total{job="registry"}', [Severity.ERROR]),
    ],
)
def test_a_name_that_another_program_may_have_is_no_error(text: str, severities: list[Severity]) -> None:
    assert _severities(query(text), "unknown-metric") == severities


@pytest.mark.parametrize(
    ("condition", "told"),
    [
        ("{} > 0", False), ("{} == 0", False), ("{} != 0", False), ("({}) <= 0", False), ("{} >= 1", False),
        ("{} < 1", False), ("{} > 1", True), ("{} >= 2", True), ("{} < 0", True), ("{} == 1", True), ("0 < {}", True),
        ("{}", True), ("{} * 2 > 0", True),
    ],
)  # fmt: skip
def test_whether_a_sum_of_copies_is_zero_may_be_asked(condition: str, told: bool) -> None:
    asked = condition.format("sum(registry_database_rows)")
    assert ("sum-of-copies" in found(alert(asked))) is told
    assert "sum-of-copies" in found(panel(asked))


def test_the_label_of_the_other_flavor_is_named_with_it() -> None:
    ours = ["sum(rate(registry_database_queries_total[5m]))", "sum(registry_database_rows)", "registry_gc_runs_total"]
    asked = "sum by (handler) (rate(registry_http_requests_total[5m]))"
    report = lint_text(board_of(asked, *ours), "a.json", ".json", LintContext())
    (one,) = [one for one in report.findings if one.check == "unknown-label"]
    assert one.severity is Severity.NOTE
    assert one.what.endswith("has no label handler in a registry of the flavor gitlab: it is one of distribution")
    (one,) = [one for one in panel(asked).findings if one.check == "unknown-label"]
    assert one.severity is Severity.WARNING  # who names the flavor wants no other


def board_of(*exprs: str) -> str:
    """A dashboard with these queries, of a registry that nobody named."""
    targets = [{"refId": chr(65 + index), "expr": expr} for index, expr in enumerate(exprs)]
    return json.dumps({"title": "a", "panels": [{"id": 1, "type": "table", "title": "a", "targets": targets}]})

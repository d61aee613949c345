"""What public files of many origins hold that looks like a defect and is none, beside what is one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.lint import LintReport, Severity, lint_paths, lint_text
from tests.lint.cases import alert, board, found, panel, query, rules, steps, unit


def _shown(kind: str, options: dict[str, Any], *values: float | None, **defaults: Any) -> LintReport:
    """A panel of the share of requests that failed, with colour steps."""
    share = 'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))'
    settings = {"unit": "percentunit", **steps(*values), **defaults}
    return panel(share, kind=kind, options=options, fieldConfig={"defaults": settings})


def _as_table(form: str) -> LintReport:
    target = {"refId": "A", "expr": "sum by (code) (up)", "legendFormat": "{{job}}", "format": form}
    return board({"id": 1, "type": "table", "title": "Panel", "targets": [target]})


def _age(name: str, divisor: int, limit: int) -> LintReport:
    expr = f"min by (job) (time() - backup_completed_seconds) / {divisor}"
    return rules({"record": name, "expr": expr}, {"alert": "BackupOld", "expr": f"{name} >= {limit}"})


# name of the check, how what it finds looks, how what resembles it looks
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    (
        "unit-mismatch",
        lambda: alert("process_start_time_seconds >= 900"),
        lambda: _age("backup:age_seconds", 1, 900),
    ),
    (
        "unit-mismatch",
        lambda: alert("max(process_start_time_seconds) >= 30"),
        lambda: _age("backup:age_hours", 3600, 30),
    ),
    (
        "raw-counter",
        lambda: panel("sum(policy_results_total) * 2 + sum(rate(policy_results_total[5m]))"),
        lambda: panel("sum(rate(policy_results_total[5m])) or sum(policy_results_total) * 0"),
    ),
    (
        "rate-of-gauge",
        lambda: panel("sum by (alertname) (rate(ALERTS[1h]))"),
        lambda: panel("count by (alertname) (rate(ALERTS[1h]))"),
    ),
    ("legend-label", lambda: _as_table("time_series"), lambda: _as_table("table")),
    (
        "always-true",
        lambda: alert("count(redis_up{job='registry'}) >= 1"),
        lambda: alert("count by (pod) (kube_pod_container_status_terminated_reason{reason='OOMKilled'}) >= 1"),
    ),
    (
        "filter-before-aggregation",
        lambda: panel("avg(repository_score > 1)"),
        lambda: panel("avg(repository_score > -1)"),
    ),
    (
        "uneven-scope",
        lambda: panel('sum(kube_pod_limit{job=~"$job"}) / sum(kube_pod_request)'),
        lambda: panel('sum(kube_pod_limit{job=~"$job"}) / sum(container_memory_bytes)'),
    ),
    (
        "sum-of-maxima",
        lambda: alert("sum(max_over_time(defrag_inflight[5m])) > 3"),
        lambda: alert("sum(max_over_time(defrag_inflight[5m])) > 0"),
    ),
    (
        "panel-unit",
        lambda: panel("sum(rate(node_cpu_seconds_total[5m]))", **unit("percentunit")),
        lambda: panel("clamp_max(max(rate(node_cpu_seconds_total[5m])), 1)", **unit("percentunit")),
    ),
    (
        "panel-unit",
        lambda: panel("sum(storage_total_byte_seconds)", **unit("Bps")),
        lambda: panel("sum(rate(storage_total_byte_seconds[1d]))", **unit("bytes")),
    ),
    (
        "panel-unit",
        lambda: panel("redis_memory_used_bytes", **unit("short")),
        lambda: panel("redis_master_repl_offset", **unit("short")),
    ),
    (
        "green-only-at-limit",
        lambda: _shown("stat", {}, None, 1),
        lambda: panel(
            "kube_statefulset_status_replicas_ready / kube_statefulset_replicas",
            kind="stat",
            fieldConfig={"defaults": {"unit": "percentunit", **steps(None, 1)}},
        ),
    ),
]


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_check_finds_the_defect_and_passes_over_what_resembles_it(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())


@pytest.mark.parametrize(
    ("report", "severity"),
    [
        (lambda: _shown("stat", {}, None, 30), Severity.WARNING),
        (lambda: _shown("stat", {"colorMode": "none"}, None, 30), Severity.NOTE),
        (lambda: _shown("stat", {}, None, 30, color={"mode": "fixed"}), Severity.NOTE),
        (lambda: _shown("gauge", {}, None, 30, color={"mode": "fixed"}), Severity.WARNING),
        (lambda: _shown("timeseries", {}, None, 30), Severity.NOTE),
        (lambda: _shown("timeseries", {}, None, 30, color={"mode": "thresholds"}), Severity.WARNING),
    ],
)
def test_a_colour_step_that_is_not_seen_is_a_note(report: Callable[[], LintReport], severity: Severity) -> None:
    told = [one for one in report().findings if one.check == "threshold-out-of-reach"]
    assert [one.severity for one in told] == [severity]


def test_colour_steps_as_every_panel_begins_are_passed_over_where_each_series_has_its_colour() -> None:
    colour = {"matcher": {"id": "byName", "options": "A"}, "properties": [{"id": "color", "value": {"mode": "fixed"}}]}
    for overrides, told in (([], True), ([colour], False)):
        settings = {"defaults": {"unit": "percentunit", **steps(None, 80)}, "overrides": overrides}
        report = panel('sum(up{job="a"}) / sum(up)', kind="bargauge", fieldConfig=settings)
        assert ("threshold-out-of-reach" in found(report)) is told


@pytest.mark.parametrize(("options", "severity"), [({}, Severity.WARNING), ({"colorMode": "none"}, Severity.NOTE)])
def test_a_colour_step_without_a_value_is_a_note_where_no_colour_is_seen(
    options: dict[str, Any], severity: Severity
) -> None:
    told = [one for one in _shown("stat", options, None, 0.5, None).findings if one.check == "threshold-order"]
    assert [one.severity for one in told] == [severity]


@pytest.mark.parametrize(
    ("name", "severity"), [("bytes", Severity.NOTE), ("decbytes", Severity.NOTE), ("kbytes", Severity.WARNING)]
)
def test_bytes_a_second_in_the_unit_of_bytes_are_a_note_and_in_other_steps_a_warning(
    name: str, severity: Severity
) -> None:
    report = panel("sum(rate(node_network_receive_bytes_total[5m]))", **unit(name))
    assert [one.severity for one in report.findings if one.check == "panel-unit"] == [severity]


@pytest.mark.parametrize(
    ("kind", "expr", "severity"),
    [
        ("stat", "sum(tests_requests_total)", Severity.NOTE),
        ("timeseries", "sum(tests_requests_total)", Severity.WARNING),
        ("stat", "sum(tests_errors_total) / sum(tests_requests_total)", Severity.WARNING),
        ("stat", "sum(registry_gc_runs_total)", Severity.WARNING),
    ],
)
def test_a_total_of_a_strangers_counter_as_a_single_number_is_a_note(kind: str, expr: str, severity: Severity) -> None:
    shown = {"id": 1, "type": kind, "title": "Requests", "targets": [{"refId": "A", "expr": expr}]}
    rated = "sum(rate(tests_requests_total[5m])) + sum(rate(tests_errors_total[5m]))"
    other = {"id": 2, "type": "timeseries", "title": "Rate", "targets": [{"refId": "A", "expr": rated}]}
    told = [one.severity for one in board(shown, other).findings if one.check == "raw-counter"]
    assert set(told) == {severity}


@pytest.mark.parametrize(
    ("report", "severity"),
    [
        (lambda: alert("rate(notifications_total{integration!~'.*'}[5m]) > 1"), Severity.NOTE),
        (lambda: panel("rate(notifications_total{integration!~'.*'}[5m])"), Severity.WARNING),
    ],
)
def test_an_alert_that_a_pattern_switches_off_is_a_note(report: Callable[[], LintReport], severity: Severity) -> None:
    assert [one.severity for one in report().findings if one.check == "contradiction"] == [severity]


@pytest.mark.parametrize(
    ("title", "expr", "severity"),
    [
        ("Restarts / $__interval", "sum(increase(restarts_total[$__interval]))", Severity.NOTE),
        ("Restarts", "sum(increase(restarts_total[$__interval]))", Severity.WARNING),
        ("Restarts / $__interval", "sum(rate(restarts_total[$__interval]))", Severity.WARNING),
    ],
)
def test_an_increase_of_each_point_is_a_note_where_the_title_says_so(title: str, expr: str, severity: Severity) -> None:
    report = panel(expr, title=title)
    assert [one.severity for one in report.findings if one.check == "interval-in-rate"] == [severity]


@pytest.mark.parametrize(("kind", "severity"), [("table", Severity.NOTE), ("timeseries", Severity.WARNING)])
def test_a_legend_without_its_label_is_a_note_in_a_table(kind: str, severity: Severity) -> None:
    report = panel("sum by (code) (up)", kind=kind, legend="{{job}}")
    assert [one.severity for one in report.findings if one.check == "legend-label"] == [severity]


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("max by (id) (a_usage) / ignoring (id) group_left () max by (id) (org_usage)", Severity.NOTE),
        ("max by (job, id) (a_usage) / ignoring (id) max by (job, id) (org_usage)", Severity.WARNING),
        (
            "sum by (job) (a) / ignoring (code) group_left () sum by (job, code) (registry_http_requests_total)",
            Severity.ERROR,
        ),
    ],
)
def test_a_label_that_ignoring_leaves_out_is_an_error_where_the_series_have_it(text: str, severity: Severity) -> None:
    assert [one.severity for one in query(text).findings if one.check == "many-to-many"] == [severity]


def _ratio_of(expr: str) -> LintReport:
    return rules({"record": "job:errors:ratio5m", "expr": expr}, {"alert": "Errors", "expr": "job:errors:ratio5m > 5"})


@pytest.mark.parametrize(
    ("report", "severities"),
    [
        (lambda: alert("job:errors:ratio5m > 5"), [Severity.WARNING]),
        (lambda: _ratio_of("job:bad:rate5m / clamp_min(job:all:rate5m, 0.01)"), [Severity.ERROR]),
        (lambda: _ratio_of("job:bad:rate5m / clamp_min(job:all:rate5m, 0.01) * 100"), []),
    ],
)
def test_what_its_rule_multiplies_by_100_is_no_ratio_whatever_it_is_called(
    report: Callable[[], LintReport], severities: list[Severity]
) -> None:
    told = [one.severity for one in report().findings if one.check == "ratio-compared-with-percent"]
    assert told == severities


def test_a_label_that_another_files_record_lacks_may_be_added_on_the_way(tmp_path: Path) -> None:
    record = {"record": "seed:memory:sum", "expr": "sum(memory_bytes)"}
    asked = {"record": "seed:memory:max", "expr": "max by (seed) (seed:memory:sum{seed='a'})"}
    for name, listed in (("a", [record]), ("b", [asked]), ("both", [record, asked])):
        (tmp_path / name).mkdir()
        (tmp_path / name / "rules.json").write_text(json.dumps({"groups": [{"name": name, "rules": listed}]}))
    for paths, severity in (
        ((tmp_path / "a", tmp_path / "b"), Severity.NOTE),
        ((tmp_path / "both",), Severity.WARNING),
    ):
        told = [one.severity for one in lint_paths(paths).findings if one.check == "lost-label"]
        assert told == [severity] * 2


_NULL = """apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata: {{name: a}}
spec:
  groups:
  - name: a
    rules:
    - {{alert: A, expr: up == 0, labels: {{severity: page}}, annotations: {{summary: Down, runbook_url: {value}}}}}
"""


@pytest.mark.parametrize(("value", "checks"), [("null", {"broken-link"}), ("5", {"broken-rule"})])
def test_an_annotation_that_is_null_is_empty_and_one_that_is_a_number_is_refused(value: str, checks: set[str]) -> None:
    report = lint_text(_NULL.format(value=value), "a.yaml", ".yaml")
    assert found(report) & {"broken-link", "broken-rule"} == checks


@pytest.mark.parametrize(("window", "read"), [("5m", 1), ("{{.window}}", 0)])
def test_an_objective_with_the_template_of_a_generator_is_named_as_not_read(window: str, read: int) -> None:
    text = (
        "apiVersion: openslo/v1alpha\nkind: SLO\nmetadata: {name: a}\nspec:\n  objectives:\n  - ratioMetrics:\n"
        f"      good: {{source: prometheus, queryType: promql, query: 'sum(rate(up_total[{window}]))'}}\n"
    )
    report = lint_text(text, "a.yaml", ".yaml")
    assert (report.queries, len(report.not_read), "syntax" in found(report)) == (read, 1 - read, False)


def test_a_broken_file_is_one_of_ours_by_its_keys_and_not_by_words_of_comments(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text("groups: []\n")
    (tmp_path / "init.yaml").write_text(
        "# updates the A record, and halts on alert: see the groups of hosts\na: b: c\n"
    )
    assert lint_paths([tmp_path]).findings == []
    (tmp_path / "init.yaml").write_text("kind: VirtualService\nspec: {route: [}\n")
    assert lint_paths([tmp_path]).findings == []
    for text in ("- alert: A\n  a: b: c\n", "spec: {groups: [}\n", "'rows': [}\n"):
        (tmp_path / "init.yaml").write_text(text)
        assert found(lint_paths([tmp_path])) == {"unreadable-file"}


@pytest.mark.parametrize(
    ("text", "suffix"),
    [
        ("alert: a\nrules:\n  %{if up}\n  - a\n  %{endif}\n", ".yaml"),
        ("alert: {{.Name}}\nspec:\n  hosts:\n  - {{ .Host }}.example.com\n", ".yaml"),
        ('{"panels": [], "id": {{ .id }}}', ".json"),
    ],
)
def test_a_file_that_another_program_fills_in_is_a_template(text: str, suffix: str) -> None:
    report = lint_text(text, "a" + suffix, suffix)
    assert (found(report), len(report.not_read)) == (set(), 1)


def test_a_text_that_begins_with_a_template_of_prometheus_out_of_quotes_is_broken() -> None:
    for value in ("{{ $labels.job }} is down", "{{ .Value }} of 5", "{{- $value }}"):
        report = lint_text(f"groups:\n- name: a\n  rules:\n  - alert: A\n    summary: {value}\n", "a.yaml", ".yaml")
        assert found(report) == {"unreadable-file"}


def test_what_compares_a_moment_with_a_duration_is_found_with_time_on_no_side() -> None:
    assert "unit-mismatch" in found(query("max(process_start_time_seconds) > 3600"))
    assert "unit-mismatch" not in found(query("time() - max(process_start_time_seconds) > 3600"))

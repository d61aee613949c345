"""What public mixins and dashboards of neighbours hold that looks like a defect and is none, beside what is one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from regobs.lint import LintReport, Severity, lint_paths, lint_text
from tests.lint.cases import alert, found, panel, query, record, rules

# name of the check, how what it finds looks, how what resembles it looks
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    (
        "rate-of-gauge",
        lambda: query("rate(kube_pod_container_status_last_terminated_reason[30m]) > 0"),
        lambda: query("increase(kube_pod_container_status_last_terminated_reason[30m]) > 0"),
    ),
    (
        "delta-of-counter",
        lambda: record("a:b:c", 'avg(deriv(node_cpu_seconds_total{mode="iowait"}[1m]))'),
        lambda: record("a:b:c", 'avg(deriv(node_cpu_seconds_total{mode="iowait"}[1m]) > 0)'),
    ),
    (
        "delta-of-counter",
        lambda: query("delta(registry_gc_runs_total[5m]) > 0"),
        lambda: query("clamp_min(deriv(registry_gc_runs_total[5m]), 0)"),
    ),
    (
        "raw-counter",
        lambda: alert("kube_pod_container_status_restarts_total > 5"),
        lambda: panel("sum(kube_pod_container_status_restarts_total)"),
    ),
    (
        "average-of-quantiles",
        lambda: query("avg by (job) (go_gc_duration_seconds{quantile='0.75'})"),
        lambda: query("avg by (job) (go_gc_duration_seconds{quantile='1'})"),
    ),
    (
        "uneven-scope",
        lambda: query("sum(used{cluster='a'}) / sum(allocatable)"),
        lambda: query("sum(used{type='hard'}) / sum(allocatable)"),
    ),
    (
        "uneven-scope",
        lambda: query("sum(used{cluster='a'}) / sum(used)"),
        lambda: query("sum(used{cluster!='a'}) / sum(used)"),
    ),
    (
        "for-beyond-window",
        lambda: alert("changes(a[5m]) > 0", **{"for": "15m"}),
        lambda: alert("(a != b) * (changes(a[5m]) == 0) > 0", **{"for": "15m"}),
    ),
    (
        "rate-of-record",
        lambda: query("rate(job:requests:sum5m[5m])"),
        lambda: query("rate(clouddriver:google:api__count_total[5m])"),
    ),
    (
        "undefined-record",
        lambda: rules({"record": "a:b:c", "expr": "sum(up)"}, {"record": "a:b:d", "expr": "a:b:e"}),
        lambda: rules({"record": "a:b:c", "expr": "sum(up)"}, {"record": "a:b:d", "expr": "rate(a:b:e_total[5m])"}),
    ),
    (
        "legend-label",
        lambda: panel("sum(up)", kind="timeseries", legend="{{job}}"),
        lambda: panel("sum(up)", kind="stat", legend="{{job}}"),
    ),
    (
        "legend-label",
        lambda: panel("sum(up)", kind="stat", legend="{{job}}", options={"textMode": "value_and_name"}),
        lambda: panel("sum by (job) (up)", kind="stat", legend="{{job}}"),
    ),
    (
        "legend-label",
        lambda: panel("sum(up)", "count(up)", kind="stat", legend="{{job}}"),
        lambda: panel("sum(up)", kind="gauge", legend="{{job}}"),
    ),
]


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_check_finds_the_defect_and_passes_over_what_resembles_it(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("avg by (pod) (sum(up))", Severity.WARNING),  # has a result, of which one is told less
        ("sum(a) / on (pod) sum(b)", Severity.WARNING),  # matches, since neither side has it
        ("sum by (pod) (a) / on (pod) sum(b)", Severity.ERROR),
        ("a / on (pod) sum(b)", Severity.ERROR),
    ],
)
def test_a_lost_label_is_an_error_where_nothing_matches_for_it(text: str, severity: Severity) -> None:
    assert {one.severity for one in query(text).findings if one.check == "lost-label"} == {severity}


def test_what_is_added_to_itself_is_told_from_what_is_a_part_of_it() -> None:
    def whats(text: str) -> set[str]:
        return {one.what for one in query(text).findings if one.check == "double-counting"}

    assert whats("sum(rate(a_total[5m])) + sum(rate(a_total[5m]))") == {"a_total is added to itself"}
    part = whats("sum(rate(a_total[5m])) + sum(rate(a_total{b='c'}[5m]))")
    assert part == {"it is a part of the a_total that it is added to"}


@pytest.mark.parametrize(("number", "shown"), [("0", "== 0"), ("0.0", "== 0"), ("0.5", "== 0.5")])
def test_a_number_is_told_as_people_write_it(number: str, shown: str) -> None:
    (one,) = [one for one in query(f"count(up == 1) == {number}").findings if one.check == "never-true"]
    assert one.what == f"this is never below 1, so {shown} is never true"


def test_a_template_in_place_of_yaml_is_named_as_not_read() -> None:
    text = "{% for group in groups %}\n- name: {{ group }}\n{% endfor %}\n"
    report = lint_text(text, "template.yml", ".yml")
    assert report.findings == []
    assert [reason for _, _, reason in report.not_read] == ["a template of another language: lint what it renders"]
    assert found(lint_text("groups: [\n", "rules.yml", ".yml")) == {"unreadable-file"}


@pytest.mark.parametrize(
    "text",
    [
        "metadata:\n  name: {{ .Chart.Name }}-alerts\n  a: b\n",
        "metadata:\n  namespace: {{ .Release.Namespace }}\n",
        'spec:\n  names: ["{{(index .Values "a-b").c }}"]\n',
        'a: {{ template "chart.name" . }}-x\n',
        "a: {{ toYaml .x }}\n",
    ],
)
def test_a_chart_that_is_no_yaml_is_a_template(text: str) -> None:
    report = lint_text(text, "a.yaml", ".yaml")
    assert report.findings == []
    assert [one.reason for one in report.not_read] == ["a template of another language: lint what it renders"]


def test_rules_with_tags_of_erb_are_a_template() -> None:
    rules = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: rate(go_goroutines[5m]) > 1\n    for: "
    report = lint_text(f"{rules}<%= p('a.evaluation_time') %>\n", "a.yml", ".yml")
    assert report.findings == []
    assert [one.reason for one in report.not_read] == ["a template of another language: lint what it renders"]
    assert "rate-of-gauge" in found(lint_text(f"{rules}5m # <% of it\n", "a.yml", ".yml"))


def test_a_broken_rule_file_with_templates_of_prometheus_is_broken() -> None:
    text = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: up == 0\n    annotations:\n      a: "
    for shown in ("{{ $labels.job }}\n", "|\n        {{ $labels.job }}\n  x\n"):
        assert [one.check for one in lint_text(text + shown, "a.yaml", ".yaml").findings] == ["unreadable-file"]


def test_a_configuration_of_alertmanager_with_templates_is_read() -> None:
    rule = (
        "groups: [{name: a, rules: [{alert: A, expr: up == 0, labels: {severity: page}, annotations: {summary: x}}]}]"
    )
    routes = "route: {receiver: a, routes: [{receiver: a, matchers: ['alertname=\"Other\"']}]}"
    receiver = "receivers:\n- name: a\n  slack_configs: [{title: '{{ template \"slack.title\" . }}'}]"
    report = lint_text(f"{rule}\n---\n{routes}\n{receiver}\n", "a.yaml", ".yaml")
    assert [one.check for one in report.findings if one.check == "dead-route"] == ["dead-route"]


def test_files_of_others_in_a_directory_may_be_what_nobody_here_reads(tmp_path: Path) -> None:
    (tmp_path / "ours.yaml").write_text("groups: []\n")
    (tmp_path / "tsconfig.json").write_text("/* see the handbook */\n{}\n")
    (tmp_path / "stack.yaml").write_text("a: !Sub b\n")
    assert lint_paths([tmp_path]).findings == []
    assert {one.check for one in lint_paths([tmp_path / "tsconfig.json"]).findings} == {"unreadable-file"}
    (tmp_path / "rules.yaml").write_text("groups:\n- name: a\n    rules: []\n")
    (tmp_path / "board.json").write_text('{"panels": [}')
    assert [one.check for one in lint_paths([tmp_path]).findings] == ["unreadable-file"] * 2


def test_a_hook_may_name_files_with_the_tags_of_other_programs(tmp_path: Path) -> None:
    for text in ("a:\n- !reference [.x, script]\n", "Resources: {B: !Ref C}\n", "password: !vault |\n  1234\n"):
        (tmp_path / "a.yaml").write_text(text)
        report = lint_paths([tmp_path / "a.yaml"])
        assert (report.findings, len(report.not_read)) == ([], 1)
    (tmp_path / "rules.yaml").write_text("groups:\n- name: a\n  rules: !mine []\n")
    assert [one.what for one in lint_paths([tmp_path / "rules.yaml"]).findings] == ["a tag of its own: !mine"]


def test_a_label_that_group_left_takes_over_is_a_note_where_it_could_tell_series_apart() -> None:
    joined = "max by (pod, phase) (a) * on (pod) group_left (node) max by (pod, {}) (kube_pod_info)"
    for kept, severity in (("node", Severity.NOTE), ("node, container", Severity.WARNING)):
        report = query(joined.format(kept))
        assert [one.severity for one in report.findings if one.check == "many-to-many"] == [severity]


def test_a_text_of_an_alert_may_begin_with_a_template_of_prometheus() -> None:
    text = "groups:\n- name: a\n  rules:\n  - alert: A\n    expr: rate(up[5m]) > 1\n    annotations:\n      a: |\n"
    report = lint_text(text + "        {{ $labels.job }} is down\n", "a.yaml", ".yaml")
    assert "rate-of-gauge" in found(report)
    assert report.not_read == []


@pytest.mark.parametrize(
    ("place", "matcher", "severity"),
    [
        ("alerts/a.rules.yaml", 'le="1"', Severity.NOTE),
        ("alerts/a.rules.yaml", 'le="1.0"', Severity.NOTE),
        ("alerts/a.rules.yaml", 'le=~"1|1[.]5"', Severity.WARNING),  # a build leaves patterns as they are
        ("alerts/a.yaml", 'le="1"', Severity.WARNING),
        ("rules/a.rules.yaml", 'le="1"', Severity.WARNING),
    ],
)
def test_one_spelling_of_a_bucket_is_enough_in_a_pack_whose_rules_are_built(
    tmp_path: Path, place: str, matcher: str, severity: Severity
) -> None:
    file = tmp_path / place
    file.parent.mkdir()
    expr = f"sum(rate(registry_http_request_duration_seconds_bucket{{{matcher}}}[5m]))"
    file.write_text(f"groups:\n- name: a\n  rules:\n  - record: a:b:rate5m\n    expr: {expr}\n")
    for path in (tmp_path, file.parent, file):
        spellings = [one.severity for one in lint_paths([path]).findings if one.check == "bucket-spelling"]
        assert spellings == [severity]

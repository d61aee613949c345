"""What public mixins and dashboards of neighbours hold that looks like a defect and is none, beside what is one."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.lint import LintReport, Severity, lint_text
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

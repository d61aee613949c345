"""What an alert decides on, and what a recorded series is called: each defect beside what resembles it."""

from __future__ import annotations

import pytest

from regobs.lint import Severity
from tests.lint.cases import alert, found, query, record, rules

_RATE = "sum(rate(registry_http_requests_total[5m]))"
_FAILED = 'sum(rate(registry_http_requests_total{code=~"5.."}[5m]))'
_TEXTS = {"labels": {"severity": "none"}, "annotations": {"summary": "x"}}


@pytest.mark.parametrize(
    ("name", "expr"),
    [
        ("registry:http_requests:ratio5m", "sum(rate(registry_http_requests_total[1h])) / sum(rate(b_total[1h]))"),
        ("registry:http_requests:ratio5m", _RATE),
        ("registry:http_requests:ratio_rate5m", "sum by (code) (increase(registry_http_requests_total[5m]))"),
        ("job:http:client_error_ratio_5m", f"{_FAILED} / {_RATE}".replace("5m", "1h")),
        ("job:up:avg_5m", "avg by (job) (avg_over_time(up[1h]))"),
        ("job:latency:p99_5m", "histogram_quantile(0.99, sum by (job, le) (rate(latency_seconds_bucket[1h])))"),
        (
            "job:http_requests:rate1h",
            "sum by (job) (rate(http_requests_total[5m])) + sum by (job) (max_over_time(a[1d]))",
        ),
    ],
)
def test_a_record_that_is_named_against_its_content_is_found(name: str, expr: str) -> None:
    assert "record-name" in found(record(name, expr))


@pytest.mark.parametrize(
    ("name", "expr"),
    [
        ("registry:http_requests:ratio5m", f"{_FAILED} / {_RATE}"),
        ("registry:http_requests:rate5m", _RATE),
        ("job:cpu:ratio5m", "sum by (job) (rate(process_cpu_seconds_total[5m]))"),  # of a second
        ("job:errors:ratio5m", "max by (job) (instance:errors:ratio5m)"),
        ("job:errors:ratio30d", "sum_over_time(job:errors:ratio5m[30d]) / count_over_time(job:errors:ratio5m[30d])"),
        ("job:errors:ratio5m", "avg by (job) (rate(http_requests_total[5m]))"),
        ("job:errors:ratio5m", "sum(rate(http_requests_total[5m])) * 0.01"),
        ("job:errors:ration5m", _RATE),
        ("job:http_requests:le_5s", 'sum by (job) (rate(latency_seconds_bucket{le="5"}[1h]))'),  # a limit, no window
        ("job:disk:predicted_1d", "predict_linear(disk_free_bytes[1h], 86400)"),
        ("job:up:max_1h", "max_over_time(sum(avg_over_time(up[5m]))[1h:1m])"),
        ("job:up:avg5m", "avg_over_time(up[5m]) - avg_over_time(up[1h])"),
        ("job:http_requests:ratio5m", "sum(rate(http_requests_total[$__rate_interval])) / 2"),
    ],
)
def test_a_record_whose_name_may_be_meant_so_is_passed_over(name: str, expr: str) -> None:
    assert "record-name" not in found(record(name, expr))


@pytest.mark.parametrize(
    "text",
    [
        "sum(registry_http_in_flight_requests) > 100",
        "100 < sum by (job) (registry_http_in_flight_requests)",
        'count(up{job="registry"}) < 3',
        'sum(up{job=~"registry.*"}) <= 2',
        'count(up{job="registry"} == 1) != 4',
    ],
)
def test_a_threshold_that_fits_one_number_of_processes_is_found(text: str) -> None:
    assert "grows-with-processes" in found(query(text))


@pytest.mark.parametrize(
    "text",
    [
        "max(registry_http_in_flight_requests) > 100",
        "sum by (instance) (registry_http_in_flight_requests) > 100",
        "sum without (handler) (registry_http_in_flight_requests) > 100",
        'sum(registry_http_in_flight_requests{instance="a:5001"}) > 100',
        "sum(registry_http_in_flight_requests) > 0",  # whether there is any
        "sum(registry_http_in_flight_requests) > 50 * count(registry_http_in_flight_requests)",
        "sum(go_sql_dbstats_connections_in_use) > 90",  # what the database takes from all of them
        'count(up{job="registry"}) < 2',  # no redundancy, however many there are
        'count(up{job="etcd"}) < 3',  # a quorum
        'count(up{job="registry_probe"}) < 3',
        'count(up{job="registry"} == 0) > 3',
        "sum(queue_length) > 100",
    ],
)
def test_a_threshold_that_holds_for_any_number_of_processes_is_passed_over(text: str) -> None:
    assert "grows-with-processes" not in found(query(text))


@pytest.mark.parametrize(
    "expr",
    [
        f"{_RATE} == 0",
        f"0 >= {_RATE}",
        f"{_RATE} < 0.1",
        f"{_RATE} == 0 and on () hour() > 8",
        "rate(registry_http_requests_total[5m]) == 0",
    ],
)
def test_an_alert_on_no_events_that_ends_with_its_series_is_found(expr: str) -> None:
    assert "resolves-when-absent" in found(alert(expr))


@pytest.mark.parametrize(
    "expr",
    [
        f"{_RATE} == 0 or absent(registry_http_requests_total)",
        f"({_RATE} or vector(0)) == 0",
        f"{_RATE} == 0 unless on () up == 0",
        f"{_RATE} > 5",
        f"({_RATE} == bool 0) > 0.5",
        "sum(rate(http_requests_total[5m])) == 0",  # of no registry
        "sum(registry_http_in_flight_requests) == 0",
    ],
)
def test_an_alert_that_says_what_holds_without_series_is_passed_over(expr: str) -> None:
    assert "resolves-when-absent" not in found(alert(expr))


@pytest.mark.parametrize(
    ("other", "job", "is_found"),
    [
        ('up{job="registry"} == 0', "", False),
        ('absent(up{job="registry"})', "registry", False),
        ("absent(registry_http_requests_total)", "registry", False),
        ("up == 0", "registry", False),
        ('count(up{job="registry"} == 0) > 0', "registry", False),
        ('count(up{job="registry"}) < 3', "registry", True),  # of none there is no count
        ('up{job="redis_exporter"} == 0', "", True),
        ('up{job="registry_probe"} == 0', "", True),
        ('up{job="other"} == 0', "shop", True),
        ("absent(http_requests_total)", "", True),
    ],
)
def test_another_alert_of_the_same_targets_tells_of_the_absence(other: str, job: str, is_found: bool) -> None:
    chosen = f'{{job="{job}"}}' if job else ""
    report = rules(
        {"alert": "Silent", "expr": f"sum(rate(registry_http_requests_total{chosen}[5m])) == 0", **_TEXTS},
        {"alert": "Gone", "expr": other, **_TEXTS},
    )
    assert ("resolves-when-absent" in found(report)) is is_found


@pytest.mark.parametrize(
    "expr",
    [
        f"{_FAILED} / {_RATE} > 0.05",
        f"0.05 <= {_FAILED} / {_RATE}",
        f"100 * {_FAILED} / {_RATE} > 5",
        f"({_FAILED} / {_RATE}) * 100 > 5",
        (
            'sum(rate(registry_storage_action_seconds_count{action="Stat"}[5m]))'
            " / sum(rate(registry_storage_action_seconds_count[5m])) > 0.5"
        ),
    ],
)
def test_an_alert_on_a_share_of_however_few_requests_is_found(expr: str) -> None:
    assert "few-requests" in found(alert(expr))


@pytest.mark.parametrize(
    "expr",
    [
        f"{_FAILED} / {_RATE} > 0.05 and sum(increase(registry_http_requests_total[5m])) > 100",
        f"{_FAILED} / ({_RATE} > 1) > 0.05",
        f"{_FAILED} / clamp_min({_RATE}, 1) > 0.05",
        f"{_FAILED} / {_RATE} < 0.05",
        f"{_FAILED} / {_RATE} > 0",
        "registry:http_errors:ratio5m > 0.05",
        'sum(rate(http_requests_total{code="500"}[5m])) / sum(rate(http_requests_total[5m])) > 0.05',
        (
            "sum(rate(registry_http_request_duration_seconds_sum[5m]))"
            " / sum(rate(registry_http_request_duration_seconds_count[5m])) > 2"
        ),  # a mean
    ],
)
def test_an_alert_with_a_least_number_of_requests_is_passed_over(expr: str) -> None:
    assert "few-requests" not in found(alert(expr))


def test_the_next_step_of_few_requests_is_no_fixed_rate() -> None:
    step = next(one.next_step for one in alert(f"{_FAILED} / {_RATE} > 0.05").findings if one.check == "few-requests")
    guard = step.split("`")[1]
    assert guard == "and sum(increase(registry_http_requests_total[5m])) > 20"
    assert not found(alert(f"{_FAILED} / {_RATE} > 0.05 {guard}")) & {"few-requests", "traffic-floor", "syntax"}


@pytest.mark.parametrize("severity", ["p", "ticket", "warning", "P3", "sev-2", 2])
def test_an_alert_of_any_severity_asks_for_a_runbook(severity: object) -> None:
    report = alert("vector(1)", labels={"severity": severity}, annotations={"summary": "x"})
    assert "no-runbook" in found(report)


@pytest.mark.parametrize("labels", [{"severity": "none"}, {"severity": "Info"}, {"severity": ""}, {"team": "a"}])
def test_an_alert_that_only_tells_something_needs_no_runbook(labels: dict[str, str]) -> None:
    assert "no-runbook" not in found(alert("vector(1)", labels=labels, annotations={"summary": "x"}))


def test_the_severity_of_the_group_counts() -> None:
    report = rules({"alert": "A", "expr": "vector(1)", "annotations": {"summary": "x"}}, labels={"severity": "warning"})
    assert "no-runbook" in found(report)


@pytest.mark.parametrize(
    ("expr", "is_found"),
    [
        ("job:a:rate5m / job:b:rate5m", True),
        ("job:a:rate5m or job:b:rate5m", False),
        ("job:a:rate5m unless on () job:a:rate5m < 4 * job:b:rate5m", False),
        ("job:b:rate5m or job:a:rate5m", True),
    ],
)
def test_a_series_that_nothing_here_records_may_be_missing_behind_or_and_unless(expr: str, is_found: bool) -> None:
    report = rules(
        {"record": "job:a:rate5m", "expr": "sum by (job) (rate(a_total[5m]))"}, {"record": "job:c:rate5m", "expr": expr}
    )
    assert ("undefined-record" in found(report)) is is_found


@pytest.mark.parametrize(
    ("name", "severity"),
    [("job:a:rate5", Severity.WARNING), ("job:a:rate1m", Severity.NOTE), ("team:other:sum", Severity.NOTE)],
)
def test_a_name_that_is_nearly_a_recorded_one_is_a_warning_with_that_name(name: str, severity: Severity) -> None:
    report = rules(
        {"record": "job:a:rate5m", "expr": "sum by (job) (rate(a_total[5m]))"},
        {"record": "job:c:rate5m", "expr": f"2 * {name}"},
    )
    [one] = [one for one in report.findings if one.check == "undefined-record"]
    assert one.severity is severity
    assert ("did you mean job:a:rate5m?" in str(one)) is (severity is Severity.WARNING)

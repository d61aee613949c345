"""Thresholds that no value or every value is beyond, in both directions; and those that only look so."""

from __future__ import annotations

import json

import pytest

from regobs.lint import LintReport, Severity, lint_text
from tests.lint.cases import alert, found, panel, query, rules

_BUCKET = 'sum(rate(http_request_duration_seconds_bucket{le="1"}[5m]))'
_COUNT = "sum(rate(http_request_duration_seconds_count[5m]))"
_ERRORS = 'sum(rate(a_total{code=~"5.."}[5m]))'
_ALL = "sum(rate(a_total[5m]))"
_P90 = "histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))"
_IDLE = 'avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'
_CHECKS = {"ratio-compared-with-percent", "never-true", "always-true"}

SHARES = [
    f"{_ERRORS} / {_ALL}",
    f"1 - {_ERRORS} / {_ALL}",
    f"({_ALL} - {_ERRORS}) / {_ALL}",
    f"({_ERRORS} or vector(0)) / {_ALL}",
    f"{_ERRORS} / ({_ALL} > 0)",
    f"{_ERRORS} / clamp_min({_ALL}, 1)",
    'sum without (code) (rate(a_total{code=~"5.."}[5m])) / sum without (code) (rate(a_total[5m]))',
    "sum by (job) (rate(a_total{code='500'}[5m])) / on (job) group_left sum by (job) (rate(a_total[5m]))",
    "sum by (code, job) (rate(a_total[5m])) / ignoring (code) group_left sum by (job) (rate(a_total[5m]))",
    "sum(rate(a_total{code='500'}[5m])) / sum(rate(a_total{code!=''}[5m]))",
    "sum(rate(a_total{code='500'}[5m])) / sum(rate(a_total{code=~'4..|5..'}[5m]))",
    "sum(sum_over_time(x:bad:sum[1d])) / sum(sum_over_time(x:bad:sum[1d]))",
    f"{_BUCKET} / {_COUNT}",
    f"1 - {_BUCKET} / {_COUNT}",
    f"({_BUCKET} + {_BUCKET.replace('1', '4')}) / 2 / {_COUNT}",
    'sum(rate(x_bucket{le=~"1|1\\\\.0"}[5m])) / sum(rate(x_count[5m]))',
    'sum(rate(x_bucket{le="0.5"}[5m])) / sum(rate(x_bucket{le="+Inf"}[5m]))',
    'sum by (job) (rate(x_bucket{le="0.5"}[5m])) / sum by (job) (rate(x_count[5m]))',
    "sum(rate(hits_total[5m])) / (sum(rate(hits_total[5m])) + sum(rate(misses_total[5m])))",
    "sum(rate(hits_total[5m])) / sum(rate(hits_total[5m]) + rate(misses_total[5m]))",
    "count(up == 1) / count(up)",
    "max(rate(a_total{code='500'}[5m])) / max(rate(a_total[5m]))",
]
OF_TIME = ["avg_over_time(up[1h])", "avg_over_time(pg_up[1h])", "avg(up)", "sum(up) / count(up)", "clamp(x, 0, 1)"]
OF_AN_END = [
    "go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open",
    "node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    "1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes",
    "(node_filesystem_size_bytes - node_filesystem_avail_bytes) / node_filesystem_size_bytes",
    "container_memory_working_set_bytes / on (pod) kube_pod_container_resource_limits",
    f"1 - {_IDLE}",
    "sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m]))",
    "sum(rate(node_network_receive_errs_total[5m])) / sum(rate(node_network_receive_packets_total[5m]))",
    "service:latency:ratio5m",
    "x:y:ratio_rate5m",
]


@pytest.mark.parametrize("share", [*SHARES, *OF_TIME, *OF_AN_END])
@pytest.mark.parametrize("op", ["> 99", ">= 50", "< 99", "<= 99.9", "== 100"])
def test_a_share_is_not_compared_with_a_percentage_in_either_direction(share: str, op: str) -> None:
    assert "ratio-compared-with-percent" in found(alert(f"({share}) {op}"))


@pytest.mark.parametrize("share", SHARES)
def test_a_certain_share_is_compared_with_no_number_above_one(share: str) -> None:
    assert "ratio-compared-with-percent" in found(query(f"({share}) > 5"))
    assert "ratio-compared-with-percent" in found(query(f"5 > ({share})"))
    assert "never-true" in found(query(f"({share}) > 1"))
    assert "never-true" in found(query(f"({share}) < 0"))
    assert "never-true" in found(query(f"({share}) > 150"))
    assert "always-true" in found(query(f"({share}) <= 1"))
    assert not _CHECKS & found(query(f"({share}) > 0.05"))
    assert not _CHECKS & found(query(f"({share}) < 1"))


@pytest.mark.parametrize("share", [*SHARES, *OF_TIME, *OF_AN_END])
def test_a_percentage_is_compared_with_a_percentage(share: str) -> None:
    assert not _CHECKS & found(alert(f"100 * ({share}) > 5"))
    assert not _CHECKS & found(alert(f"({share}) * 100 < 99"))
    assert not _CHECKS & found(alert(f"({share}) < 0.99"))


@pytest.mark.parametrize(
    "text",
    [
        f"100 * ({_ERRORS} / {_ALL}) > 100",
        "x_total < 0",
        "increase(x_total[5m]) < 0",
        "sum(rate(x_total[5m])) <= -1",
        "up > 1",
        "up == 2",
        "min_over_time(up[5m]) > 1",
        "count(up) < 1",
        "count(up) == 0",
        "absent(up) == 0",
        "absent(up) > 1",
        "(x > bool 5) == 2",
        "(x > bool 5) > 1",
        "sum(up > bool 1) > 0",
        "count_over_time(x[5m]) == 0",
        "changes(x[5m]) < 0",
        "hour() > 23",
        "day_of_week() == 7",
        "stddev(x) < 0",
        "registry_database_rows < 0",
        f"{_P90} > 100",
        f"{_P90} < 0",
        "histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m]))) < 0",
        "rate(registry_gc_run_duration_seconds_sum[5m]) / rate(registry_gc_run_duration_seconds_count[5m]) < 0",
        'rpc_duration_seconds{quantile="0.9"} < 0',
        "x_total % 10 > 10",
        "sgn(x) > 1",
    ],
)
def test_what_no_value_fulfils_is_found(text: str) -> None:
    assert "never-true" in found(query(text))
    assert "never-true" in found(alert(text))


@pytest.mark.parametrize(
    "text",
    [
        "x_total >= 0",
        "sum(rate(x_total[5m])) >= 0",
        "resets(x[1h]) >= 0",
        "up < 2",
        "up <= 1",
        "up != 2",
        "up >= 0",
        "(up < 2) and on () (x > 5)",
        "(x > bool 5) < 2",
        "hour() < 24",
        "count(redis_up) >= 1",
        f"{_P90} < 61",
        f"100 * ({_ERRORS} / {_ALL}) < 101",
    ],
)
def test_what_every_value_fulfils_is_found(text: str) -> None:
    assert "always-true" in found(alert(text))
    assert "always-true" in found(query(text))
    assert "always-true" not in found(panel(text))  # where it leaves out what is NaN


@pytest.mark.parametrize(
    "text",
    [
        "avg(rate(a_total{code='500'}[5m])) / avg(rate(a_total[5m])) > 5",
        "sum(rate(a_total[5m])) / sum(rate(b_total[5m])) > 50",
        "sum(rate(a_total{x='1'}[5m])) / sum(rate(a_total{y='1'}[5m])) > 50",
        "sum(rate(a_total[5m])) / sum(rate(a_total[5m] offset 1w)) > 5",
        "sum by (job) (rate(a_total{b='c'}[5m])) / on (job) group_right sum by (job, pod) (rate(a_total[5m])) > 5",
        "increase(a_total{x='1'}[5m]) / rate(a_total[5m]) > 50",
        "sum(rate(a_total{x='1'}[5m])) / sum(rate(a_total[1m])) > 5",
        "rate(x_bucket{le='1'}[5m]) / ignoring (le) rate(x_bucket{le='0.5'}[5m]) > 5",
        "sum(rate(x_bucket{le='1'}[5m])) / sum(rate(y_count[5m])) > 50",
        "sum(rate(x_bucket{le=~'0.1|0.5'}[5m])) / sum(rate(x_count[5m])) > 1.5",
        "count(up{job='a'}) / count(up{job='b'}) > 3",
        "count(up == 0) / count(up == 1) > 3",
        "sum(a) / (sum(a) + sum(b)) > 5",  # gauges may be negative
        "node_load1 / count(node_cpu_seconds_total) > 5",
        "redis_mem_fragmentation_ratio > 10",
        "slo:burn_rate:ratio > 14",
        "x:compression:ratio > 20",
        "sum(kube_pod_container_resource_requests) / sum(kube_node_status_allocatable) > 1.5",
        "rate(x_seconds_sum[5m]) / rate(x_seconds_count[5m]) > 50",
        "x >= 0",
        "time() - x < 0",
        "rate(a_total[5m]) / rate(b_total[5m]) >= 0",  # leaves out what is NaN
        "a > 5 and on () rate(b_total[5m]) >= 0",  # asks whether there is one
        "count(up == 0) >= 1",
        "count(x) > 0",
        "delta(x_total[5m]) < 0",
        "jvm_memory_max_bytes < 0",
        "probe_ssl_earliest_cert_expiry - time() < 0",
        "sum(up) > 5",
        "predict_linear(x[1h], 3600) < 0",
        "up != 1",
        "max_over_time(x[5m]) >= 1",
        "vector(1) > 0",
        f"100 * ({_ERRORS} / {_ALL}) > 0.5",
        f"100 * (1 - {_ERRORS} / {_ALL}) < 99.5",
    ],
)
def test_what_may_be_so_or_not_is_passed_over(text: str) -> None:
    assert not _CHECKS & found(alert(text))


def _severity(report: LintReport, check: str) -> Severity:
    return next(one.severity for one in report.findings if one.check == check)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes) > 0.9", "90"),
        (f"({_BUCKET} / {_COUNT}) * 100 < 0.99", "99"),
    ],
)
def test_a_percentage_that_is_compared_with_a_ratio_is_a_warning(text: str, right: str) -> None:
    report = alert(text)
    assert _severity(report, "ratio-compared-with-percent") is Severity.WARNING
    assert {one.fix.text for one in report.findings if one.fix is not None and "le=" not in one.fix.text} == {right}


def _recorded(expr: str, *records: tuple[str, str]) -> set[str]:
    listed = [{"record": name, "expr": text} for name, text in records]
    texts = {"labels": {"severity": "ticket"}, "annotations": {"summary": "x"}}
    return found(rules(*listed, {"alert": "A", "expr": expr, **texts}))


@pytest.mark.parametrize("threshold", ["> 5", "< 99"])
@pytest.mark.parametrize(
    ("expr", "records"),
    [
        ("job:slow:share", [("job:slow:share", f"{_BUCKET} / {_COUNT}")]),
        ("1 - avg(job:slow:share)", [("job:slow:share", f"{_BUCKET} / {_COUNT}")]),
        ("job:bad:rate5m / job:all:rate5m", [("job:bad:rate5m", _ERRORS), ("job:all:rate5m", _ALL)]),
        (
            "sum(job:all:rate5m{code='500'}) / sum(job:all:rate5m)",
            [("job:all:rate5m", "sum by (code) (rate(a_total[5m]))")],
        ),
        ("job:b:c", [("job:b:c", "job:a:c"), ("job:a:c", f"{_ERRORS} / {_ALL}")]),
        ("job:errors:ratio5m", []),
    ],
)
def test_what_a_rule_records_is_judged_by_its_expression(
    expr: str, records: list[tuple[str, str]], threshold: str
) -> None:
    assert "ratio-compared-with-percent" in _recorded(f"{expr} {threshold}", *records)


def test_a_recorded_quantile_ends_at_its_highest_bucket() -> None:
    edges = "sum by (le, job) (rate(registry_http_request_duration_seconds_bucket[5m]))"
    assert "never-true" in _recorded("job:p90:c > 100", ("job:p90:c", _P90))
    assert "never-true" not in _recorded("job:p90:c > 50", ("job:p90:c", _P90))
    assert "never-true" in _recorded("histogram_quantile(0.9, sum by (le) (job:b:c)) > 100", ("job:b:c", edges))


def test_a_name_that_two_rules_record_may_be_what_either_says() -> None:
    share = ("job:a:c", f"{_ERRORS} / {_ALL}")
    assert "ratio-compared-with-percent" in _recorded("job:a:c > 50", share, share)
    assert "ratio-compared-with-percent" not in _recorded("job:a:c > 50", share, ("job:a:c", "x"))


def test_rules_of_another_file_are_known() -> None:
    record = {"groups": [{"name": "a", "rules": [{"record": "job:a:c", "expr": f"{_ERRORS} / {_ALL}"}]}]}
    alone = {"groups": [{"name": "b", "rules": [{"record": "x:y:z", "expr": "job:a:c > 5"}]}]}
    text = "---\n".join(json.dumps(one) + "\n" for one in (record, alone))
    assert "ratio-compared-with-percent" in found(lint_text(text, "a.yaml", ".yaml"))
    assert "ratio-compared-with-percent" not in found(lint_text(json.dumps(alone), "a.yaml", ".yaml"))

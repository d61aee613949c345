# ruff: noqa: E501 - tables of queries
"""Expressions that look like a condition and are none: joins that are empty, codes that there are not, no comparison."""

from __future__ import annotations

import pytest

from regobs.lint import LintReport, Severity
from tests.lint.cases import alert, found, panel, query, record, rules

_SECONDS = "http_request_duration_seconds_bucket"


def told(report: LintReport, check: str) -> list[str]:
    """What a check said."""
    return [one.what for one in report.findings if one.check == check]


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ('up{job="a"} == 0 and up{job="b"} == 0', "job is 'a' on one side and 'b' on the other"),
        ('(up{job="a"} == 0) and (up{job="b"} == 0 or up{job="b"} == 2)', "job is 'a' on one side and 'b' on the other"),
        ('rate(a_total{code="200"}[5m]) / rate(a_total{code="500"}[5m])', "code is '200' on one side and '500' on the other"),
        ('rate(a_total{code=~"5.."}[5m]) / rate(a_total{code=~"2.."}[5m])', 'one side has code=~"5..", the other has code=~"2.."'),
        ('a{state="used"} / on (job, state) a{state="free"}', "state is 'used' on one side and 'free' on the other"),
        ('sum by (job, code) (a{code="200"}) / sum by (job, code) (a{code="500"})', "code is '200' on one side and '500' on the other"),
        ('sum without (pod) (a{code="200"}) > sum without (pod) (a{code!="200"})', 'one side has code="200", the other has code!="200"'),
        ('label_replace(a{x="1"}, "y", "$1", "z", "(.*)") * a{x="2"}', "x is '1' on one side and '2' on the other"),
        ('max(a) - b{code="500"}', 'one side has no code, the other has code="500"'),
        ('sum without (code) (a) / b{code="500"}', 'one side has no code, the other has code="500"'),
        ('count by (job) (x) == 0 and absent(y{job="b"}) == 1 and count by (job) (x{job="a"})', "job is 'b' on one side and 'a' on the other"),
        ('absent(y{job="b"}) and absent(y{job="a"})', "job is 'b' on one side and 'a' on the other"),
        ('(a{k="1"} / ignoring (z) b) + c{k="2"}', "k is '1' on one side and '2' on the other"),
        ('topk(3, a{k="1"}) / a{k="2"}', "k is '1' on one side and '2' on the other"),
        ('-a{k="1"} + a{k="2"}', "k is '1' on one side and '2' on the other"),
        ('max_over_time(a{k="1"}[5m]) > a{k="2"}', "k is '1' on one side and '2' on the other"),
        ('a{k="1"} * on (job, k) group_left (n) b{k="2"}', "k is '1' on one side and '2' on the other"),
        ('sum without (code) (rate(a_total[5m])) / rate(a_total[5m])', "one side drops code, the other keeps it"),
        ('rate(a_total[5m]) / sum without (code) (rate(a_total[5m]))', "one side drops code, the other keeps it"),
        ('sum(rate(a_total[5m])) / rate(a_total[5m])', "one side has no label, the other job and instance too"),
        ('absent(up) and up', "up is asked to be absent and to be there at once"),
        ('up and absent(up)', "up is asked to be absent and to be there at once"),
        ('absent(up{job="a"}) and on (job) up{job="a", x="y"} == 1', "up is asked to be absent and to be there at once"),
        ('absent(sum(up)) and sum(up)', "up is asked to be absent and to be there at once"),
        ('up unless (up)', "of the same on both sides nothing is left"),
        ('absent(up) and on () sum(up) > 0', "up is asked to be absent and to be there at once"),
    ],
)  # fmt: skip
def test_sides_that_ask_for_different_values_never_match(text: str, what: str) -> None:
    for report in (query(text), alert(text)):
        assert what in "; ".join(told(report, "sides-never-match"))
        assert all(one.severity is Severity.ERROR for one in report.findings if one.check == "sides-never-match")


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("up == 0 and vector(1)", Severity.ERROR),
        ("up == 0 and hour() > 8", Severity.ERROR),
        ("go_goroutines > 5 and absent(x)", Severity.ERROR),
        ("my_queue_length > 5 and hour() > 8", Severity.WARNING),
        ("my_queue_length > 5 and absent(my_consumers)", Severity.WARNING),
        ("up == 0 and on () hour() > 8", None),
        ("hour() > 8 and hour() < 17", None),
        ("sum(my_queue_length) > 5 and hour() > 8", None),
        ("job:queue_length:max > 5 and hour() > 8", None),
        ("up == 0 or vector(1) == 0", None),
        ("my_queue_length * scalar(vector(2)) > 5", None),
    ],
)
def test_the_time_of_day_and_what_is_absent_have_no_labels(text: str, severity: Severity | None) -> None:
    sure = [one.severity for one in query(text).findings if one.check == "sides-never-match"]
    assert sure == ([] if severity is None else [severity])


@pytest.mark.parametrize(
    "text",
    [
        'up{job="a"} == 0 and on () up{job="b"} == 0',
        'up{job="a"} == 0 and on (instance) up{job="b"} == 0',
        'up{job="a"} == 0 or up{job="b"} == 0',
        'up{job="a"} == 0 unless up{job="b"} == 0',
        'rate(a_total{code="200"}[5m]) / ignoring (code) rate(a_total{code="500"}[5m])',
        'sum(a{code="200"}) / sum(a{code="500"})',
        'sum by (job) (a{code="200"}) / sum by (job) (a{code="500"})',
        'sum without (code) (a{code="200"}) / sum without (code) (a{code="500"})',
        'a{code=~"5.."} / a{code=~"[45].."}',
        'a{code=~"5..|4.."} / a{code=~"4.."}',
        'a{code!="200"} / a{code!="500"}',
        'a{job="$job"} / b{job="x"}',
        'a{job="x"} / b',
        'label_replace(a{x="1"}, "x", "2", "", "") * a{x="2"}',
        'label_join(a{x="1"}, "x", "", "y") * a{x="2"}',
        'a{k="1"} * on (job) group_left (k) b{k="2"} / on (job) c{k="3"}',
        '(a{k="1"} or b{k="2"}) * c{k="2"}',
        'max(a{k="1"}) - scalar(b{k="2"})',
        'a{k="1"} > 5',
        '5 < a{k="1"}',
        'sum without (code) (rate(a_total[5m])) / rate(b_total[5m])',
        'sum without (code) (rate(a_total[5m])) / rate(a_total{code=""}[5m])',
        'rate(a_total[5m]) / ignoring (code) group_left sum without (code) (rate(a_total[5m]))',
        'sum without (code) (a) / sum without (code) (b)',
        'absent(up{job="a"}) and on () up{job="b"}',
        'absent(up{job="a"}) and on () up',
        'absent(x) and on () count_over_time(x[1h])',
        'absent(x) and on () x offset 1h',
        'absent(up) or up == 0',
        'up unless up offset 1h',
        'up unless on (job) up',
        'absent(up{job="a"}) unless on () up{job="a"}',
        'absent(x{job="a"}) * on (job) group_left (team) owner{job="a"}',
    ],
)  # fmt: skip
def test_sides_that_may_match_are_left_alone(text: str) -> None:
    assert not told(query(text), "sides-never-match")
    assert not told(alert(text), "sides-never-match")


@pytest.mark.parametrize(
    "text",
    [
        "up == bool 0",
        "sum(rate(a_total[5m])) > bool 5",
        "(go_goroutines > bool 1000)",
        "go_goroutines > 1000 and on (instance) (up == bool 1)",
        "(a > bool 5) and (b > bool 3)",
        "(a > bool 5) * (b > bool 3)",
        "a > 5 unless on (job) (maintenance == bool 1)",
        "max(up == bool 0)",
    ],
)
def test_an_alert_with_bool_at_the_top_fires_whatever_the_value_is(text: str) -> None:
    report = alert(text)
    assert "no-condition" in found(report)
    assert {one.severity for one in report.findings if one.check == "no-condition"} == {Severity.ERROR}
    assert "no-condition" not in found(query(text)) | found(panel(text)) | found(record("a:b:c", text))


@pytest.mark.parametrize(
    "text",
    [
        'up{job="registry"}',
        "redis_up",
        "haproxy_up",
        "avg_over_time(up[5m])",
        "rate(http_requests_total[5m])",
        'sum by (job) (rate(http_errors_total{code=~"5.."}[5m]))',
        "sum(rate(a_total[5m])) / sum(rate(b_total[5m])) * 100",
        "histogram_quantile(0.9, sum by (le) (rate(x_bucket[5m])))",
        "go_goroutines",
        "max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open)",
        "time() - process_start_time_seconds",
        "replication_lag_seconds",
        "changes(x[5m])",
        "1",
        "time() - 5",
        "scalar(x)",
        "1 > bool 2",
        "max_over_time(rate(x_total[5m])[1h:])",
        "avg_over_time((up == bool 0)[5m:])",
    ],
)
def test_an_alert_without_a_comparison_always_fires(text: str) -> None:
    assert "no-condition" in found(alert(text))
    assert "no-condition" not in found(query(text)) | found(panel(text)) | found(record("a:b:c", text))


@pytest.mark.parametrize(
    "text",
    [
        "up == 0",
        "up > bool 0 == 0",
        "sum(up == bool 0) > 1",
        'ALERTS{alertname="x", alertstate="firing"}',
        "absent(up)",
        "absent_over_time(up[10m])",
        "up offset 1h unless up",
        "up and on (job) x > 5",
        "count(up == 0)",
        "vector(1)",
        'kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff"}',
        'node_uname_info{release!="6.1"}',
        "ceph_health_detail",
        "something_failed",
        "my_errors_total",
        "job:something:alerting",
        "avg by (job) (x > 5)",
        "max_over_time((x > 5)[10m:])",
        "go_goroutines > 5 or redis_up == 0",
        "rate(a_total[5m]) * (up == 0)",
        "label_replace(x > 5, 'a', '$1', 'b', '(.*)')",
        "registry_gc_runs_total offset 1h unless registry_gc_runs_total",
    ],
)
def test_an_alert_with_a_condition_or_a_sign_of_a_fault_is_left_alone(text: str) -> None:
    assert "no-condition" not in found(alert(text))


@pytest.mark.parametrize(
    ("name", "fires"), [("Watchdog", False), ("DeadMansSwitch", False), ("HeartbeatTest", False), ("RegistryLatest", True)]
)  # fmt: skip
def test_an_alert_that_is_to_fire_always_is_told_by_its_name(name: str, fires: bool) -> None:
    assert ("no-condition" in found(alert("up", alert=name))) is fires
    assert ("no-condition" in found(alert("1", alert=name))) is fires


def test_a_recorded_condition_is_a_condition() -> None:
    texts = {"labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    asked = {"alert": "A", "expr": "a:b:c", **texts}
    assert "no-condition" not in found(rules({"record": "a:b:c", "expr": "up == 0"}, asked))
    assert "no-condition" in found(rules({"record": "a:b:c", "expr": "sum(up)"}, asked))
    assert "no-condition" not in found(rules({"record": "a:b:c", "expr": "a:b:c"}, asked))


@pytest.mark.parametrize(
    ("text", "kind"),
    [("up[5m]", "a range vector"), ('"up"', "a text"), ("(up[5m])", "a range vector"), ("up[5m:1m]", "a range vector")],
)
def test_a_rule_has_an_instant_vector(text: str, kind: str) -> None:
    for report in (alert(text), record("a:b:c", text), panel(text)):
        assert any(kind in one for one in told(report, "syntax"))
    assert "syntax" not in found(query(text)) | found(alert("max_over_time(up[5m]) == 0"))


@pytest.mark.parametrize(
    "matcher",
    [
        'code=~"5xx"', 'code=~"[45]xx"', 'code=~"5x+"', 'code="50"', 'code="200 "', 'code=~"6.."', 'code!~"2xx"', 'code!="20"',
        'code=~"5."', 'code=~"5"', 'code=~"5*"', 'code=~"5+"', 'code=~"4xx|5.."', 'code=~"50"', 'status_code="5"', 'code="5000"', 'code=~"(4|5)xx"',
        'http_status="50"', 'code="5xx"',
    ],
)  # fmt: skip
def test_a_code_that_no_answer_has_is_found(matcher: str) -> None:
    assert "partial-code" in found(query(f"sum(rate(http_requests_total{{{matcher}}}[5m]))"))
    registry = found(query(f"sum(rate(registry_http_requests_total{{{matcher}}}[5m]))"))
    assert {"partial-code", "impossible-value", "unknown-label"} & registry or "status" in matcher


@pytest.mark.parametrize(
    "text",
    [
        *(f"rate(http_requests_total{{{one}}}[5m])" for one in (
            'code=~"5.."', 'code=~"[45].."', 'code=~"5[0-9]{2}"', 'code=~"50[0-4]"', 'code="200"', 'code!~"2..|3.."', 'code=~"5.*"', 'code=~"5.+"',
            'code=~"^5..$"', 'code=~"(4|5).."', 'code=~"5..|4.."', 'code="0"', 'code=""', 'code=~"5..|"', 'code=~"5\\\\d\\\\d"', 'code=~"$code"',
            'code=~".*"', 'code=~".+"', 'code="499"', 'code=~"52."', 'status=~"5xx"', 'status="5xx"', 'code="ok"', 'code=~"2.*|3.*"', 'code=~"500|502|503"',
        )),
        'rate(haproxy_server_http_responses_total{code=~"5xx"}[5m])',
        'rate(haproxy_server_http_responses_total{code="5xx"}[5m])',
        'rate(nginx_vts_server_requests_total{code=~"[45]xx"}[5m])',
        'rate(envoy_cluster_upstream_rq_xx{envoy_response_code_class="5"}[5m])',
        'rate(grpc_server_handled_total{code="14"}[5m])',
        'process_exit_code{code="1"}',
        'rate(my_results_total{code="42"}[5m])',
        'rate(istio_requests_total{response_code="0"}[5m])',
        'rate(sip_requests_total{code=~"6.."}[5m])',
        'rate(apiserver_request_total{code=~"5.."}[5m])',
    ],
)  # fmt: skip
def test_a_code_that_an_answer_has_is_left_alone(text: str) -> None:
    assert "partial-code" not in found(query(text))


@pytest.mark.parametrize(
    ("matchers", "excluded"),
    [
        ('code="200", code=~"5.."', True), ('code=~"5..", code="200"', True), ('method="GET", method!="GET"', True),
        ('code=~"2..", code=~"5.."', True), ('code=~"2..", code!~"2.."', True), ('method=~"GET|HEAD", method="PUT"', True),
        ('method=~"GET|HEAD", method!~"GET|HEAD"', True), ('method=~"GET|HEAD", method=~"PUT|POST"', True), ('code=~"a.*", code!~"a.*"', True),
        ('job="a", job=""', True), ('code=~"5..", code!="500"', False), ('code=~"5..", code=~"50."', False),
        ('method=~"GET|HEAD", method!="GET"', False), ('method=~"GET|HEAD", method=~"G.*"', False), ('code=~"2..", code=~"2xx"', False),
        ('code=~"a.*", code=~"b.*"', False), ('job="a", job=~"$job"', False), ('job=~"a|b", job=~".+"', False), ('job!="a", job!="b"', False),
        ('job="a", job="a"', False),
    ],
)  # fmt: skip
def test_matchers_of_one_label_that_exclude_each_other_are_told_once(matchers: str, excluded: bool) -> None:
    assert len(told(query(f"rate(http_requests_total{{{matchers}}}[5m])"), "contradiction")) == int(excluded)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("avg(replication_lag_seconds > 5) > 3", True), ("avg(replication_lag_seconds > 5) > 10", True),
        ("avg(replication_lag_seconds > 5) > 5", True), ("avg(replication_lag_seconds > 5) > 0", False),
        ("avg(replication_lag_seconds) > 3", False), ("count(replication_lag_seconds > 5) > 3", False),
    ],
)  # fmt: skip
def test_an_average_of_what_passed_a_filter_is_found_with_any_threshold_behind_it(text: str, expected: bool) -> None:
    assert ("filter-before-aggregation" in found(alert(text))) is expected
    assert ("filter-before-aggregation" in found(query(text))) is expected


@pytest.mark.parametrize(
    "text", ["increase(x[1M])", "x offset 1M", "max_over_time(x[1h:1M])", "rate(x[ 5M ])", "x[1h] OFFSET 1G"]
)
def test_a_month_is_no_duration(text: str) -> None:
    report = alert(text)
    assert [(one.check, one.severity) for one in report.findings if one.check == "syntax"] == [
        ("syntax", Severity.ERROR)
    ]


@pytest.mark.parametrize("text", ["x > 5M", "x > 1.5Ki", "increase(x[5i])"])
def test_numbers_and_steps_of_metricsql_stay_a_note(text: str) -> None:
    assert {one.severity for one in query(text).findings if one.check == "syntax"} == {Severity.NOTE}


@pytest.mark.parametrize("op", ["max", "min", "count"])
def test_buckets_are_added_up_before_a_quantile_is_taken(op: str) -> None:
    def of(clause: str) -> LintReport:
        return query(f"histogram_quantile(0.9, {clause} (rate({_SECONDS}[5m])))")

    assert "buckets-not-summed" in found(of(f"{op} by (le)"))
    assert "buckets-not-summed" in found(of(f"{op} by (le, method)"))
    for clause in (
        f"{op} by (le, instance)",
        f"{op} by (le, pod)",
        f"{op} without (replica)",
        "sum by (le)",
        "avg by (le)",
    ):
        assert "buckets-not-summed" not in found(of(clause))
    deduplicated = f"histogram_quantile(0.9, sum by (le) (max by (le, instance) (rate({_SECONDS}[5m]))))"
    assert "buckets-not-summed" not in found(query(deduplicated))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rate(rate(x_total[5m])[1h:])", True), ("increase(rate(x_total[5m])[1h:5m])", True), ("irate(increase(x_total[5m])[1h:5m])", True),
        ("rate(sum(rate(x_total[5m]))[1h:])", True), ("rate((max by (job) (rate(x_total[5m])))[1h:1m])", True),
        ("avg_over_time(rate(x_total[5m])[1h:])", False), ("deriv(rate(x_total[5m])[1h:])", False), ("delta(rate(x_total[5m])[1h:])", False),
        ("rate(x_total[1h:])", False), ("sum_over_time(increase(x_total[5m])[1h:5m])", False),
    ],
)  # fmt: skip
def test_no_rate_is_taken_of_a_rate(text: str, expected: bool) -> None:
    assert ("rate-of-gauge" in found(query(text))) is expected


@pytest.mark.parametrize(
    ("text", "times"),
    [
        ("registry_http_requests_total > 5 and registry_http_requests_total < 100", 1),
        ('sum(registry_http_requests_total{code="500"}) / sum(registry_http_requests_total) > 0.5', 1),
        ("(registry_http_requests_total - registry_http_requests_total offset 5m) / registry_http_requests_total > 1", 1),
        ("registry_http_requests_total + registry_storage_rate_limit_total > 5", 2),
        ("rate(registry_http_requests_total[5m]) > 5", 0),
    ],
)  # fmt: skip
def test_a_counter_that_is_read_as_it_is_is_told_once_for_a_query(text: str, times: int) -> None:
    assert len(told(alert(text), "raw-counter")) == times

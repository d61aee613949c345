"""What looks like a defect and is none, or cannot be known: each beside the defect that it resembles."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.lint import LintReport, Severity, lint_text
from tests.lint.cases import alert, board, found, panel, query, rules
from tests.lint.cases import unit as unit_of

_BUCKETS = "sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m]))"
_SHARE = "sum(rate(a_total{code=~'5..'}[5m])) / sum(rate(a_total[5m]))"


_BYTES = "rate(node_network_receive_bytes_total[$__rate_interval])"
_IDLE = 'avg(rate(node_cpu_seconds_total{mode="idle"}[$__rate_interval]))'
_FREE = "node_filesystem_avail_bytes"


def _stepped(interval: str) -> LintReport:
    target = {"refId": "A", "expr": "increase(a_total[$__interval])", "interval": interval}
    return board({"id": 1, "type": "timeseries", "title": "P", "targets": [target]})


def _steps(*values: float | None) -> dict[str, object]:
    return {"mode": "absolute", "steps": [{"color": "green", "value": value} for value in values]}


def _share(kind: str, **defaults: object) -> LintReport:
    return panel(_SHARE, kind=kind, fieldConfig={"defaults": {"unit": "percentunit", **defaults}, "overrides": []})


def _placed(*places: tuple[int, str, int, int]) -> LintReport:
    listed = [
        {"id": number, "type": kind, "title": f"P{number}", "gridPos": {"x": 0, "y": y, "w": 12, "h": height}}
        for number, kind, y, height in places
    ]
    return board(*listed)


def _tested(test: str, of: str = "rules/*.yaml") -> LintReport:
    rule = "{alert: Known, expr: up == 0, labels: {severity: page}, annotations: {summary: x}}"
    text = f"groups: [{{name: a, rules: [{rule}]}}]\n---\nrule_files: [{of}]\ntests:\n- {test}\n"
    return lint_text(text, "a.yaml", ".yaml")


# name of the check, how what it finds looks, how what resembles it looks
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    (
        "raw-counter",
        lambda: query("registry_storage_rate_limit_total > 10"),
        lambda: query(
            "sum(grpc_server_started_total{grpc_type='bidi_stream'}) - sum(grpc_server_handled_total) > 10"
            " and rate(grpc_server_started_total[5m]) > rate(grpc_server_handled_total[5m])"
        ),
    ),
    (
        "rate-of-gauge",
        lambda: query("rate(process_virtual_memory_bytes[5m])"),
        lambda: query("rate(stackdriver_gcs_bucket_storage_googleapis_com_api_request_count[5m])"),
    ),
    (
        "removed-metric",
        lambda: query("sum(registry_gc_queue_size)"),
        lambda: panel("go_memstats_gc_cpu_fraction{job='influxdb'}"),
    ),
    (
        "average-of-quantiles",
        lambda: query("sum by (job) (rpc_seconds{quantile='0.9'})"),
        lambda: query("avg by (job, instance) (rpc_seconds{quantile='0.9'})"),
    ),
    (
        "escaped-twice",
        lambda: query(r'node_load1{instance=~"a\\\\.b"}'),
        lambda: query(r'node_load1{instance=~"a[\\\\.:].*"}'),
    ),
    (
        "undefined-variable",
        lambda: panel("up{job=~'$job'}"),
        lambda: panel(r'up{topic!~"SYSTEM.*|\\$SYS.*"}'),
    ),
    (
        "threshold-out-of-reach",
        lambda: _share("stat", thresholds=_steps(None, 80)),
        lambda: _share("timeseries", thresholds=_steps(None, 80), color={"mode": "palette-classic"}),
    ),
    (
        "panel-overlap",
        lambda: _placed((1, "row", 0, 1), (2, "text", 1, 8), (3, "text", 4, 8)),
        lambda: _placed((1, "row", 0, 1), (2, "text", 0, 8), (3, "row", 1, 1), (4, "text", 1, 8)),
    ),
    (
        "many-to-many",
        lambda: query("max by (a, b) (x) * on (a) group_left (c) topk by (a, b) (1, max by (a, b, c) (y))"),
        lambda: query("max by (a, b) (x) * on (a) group_left (c) topk by (a) (1, max by (a, b, c) (y))"),
    ),
    *(
        ("many-to-many", lambda: query("sum by (instance) (x) / on (instance) node_filesystem_size_bytes"), right)
        for right in (
            lambda: query("sum by (instance) (x) / on (instance) pg_settings_max_connections"),
            lambda: query("x * on (instance) group_left (version) gitlab_build_info"),
            lambda: query("sum by (instance, cluster) (x) > on (instance) group_right (cluster) y"),
        )
    ),
    (
        "many-to-many",
        lambda: query("max by (a, b) (x) * on (a) group_left (c) topk by (a) (2, max by (a, b, c) (y))"),
        lambda: query("max by (a, b) (x) * on (a) group_left (c) bottomk(1, max by (a, b, c) (y))"),
    ),
    *(
        (
            "panel-unit",
            lambda unit=unit, wrong=wrong: panel(wrong, **unit_of(unit)),
            lambda unit=unit, right=right: panel(right, **unit_of(unit)),
        )
        for unit, wrong, right in (
            ("bps", f"sum({_BYTES})", f"sum(8 * {_BYTES})"),
            ("bps", f"{_BYTES} * 7", f"{_BYTES} * 8"),
            ("Mbits", f"{_BYTES} / 1e6", f"{_BYTES} / 125000"),
            ("percent", _IDLE, f"100 * (1 - {_IDLE})"),
            ("percent", f"1 - {_IDLE}", f"100 - ({_IDLE} * 100)"),
            ("percent", f"clamp_min(1 - {_IDLE}, 0)", f"clamp_min(100 - ({_IDLE} * 100), 0)"),
            (
                "percent",
                f"{_FREE} / node_filesystem_size_bytes",
                f"100 - (({_FREE} * 100) / node_filesystem_size_bytes)",
            ),
        )
    ),
    (
        "interval-in-rate",
        lambda: panel("rate(a_total[$__interval])", interval="30s"),
        lambda: panel("rate(a_total[$__interval])", interval="1m"),
    ),
    (
        "sides-never-match",
        lambda: query("(sum by (a) (x) or sum by (a) (y)) + sum by (b) (z)"),
        lambda: query("(sum by (a) (x) or sum by (b) (y)) + sum by (b) (z)"),
    ),
    (
        "hides-zeros",
        lambda: panel("sum(rate(a_total[$__rate_interval])) > 0"),
        lambda: panel("redis_memory_max_bytes > 0"),  # where zero means that there is no limit
    ),
    *(
        ("nan-fires", lambda: alert("rate(a_total[5m]) / rate(b_total[5m]) != 1"), right)
        for right in (
            lambda: alert("rate(a_total[5m]) / rate(b_total[5m]) > 1"),
            lambda: alert("rate(a_total[5m]) / clamp_min(rate(b_total[5m]), 1) != 1"),
            lambda: alert("node_a / node_b != 1"),  # a limit is rarely zero
            lambda: query("rate(a_total[5m]) / rate(b_total[5m]) != 1"),
        )
    ),
    (
        "quantile-without-le",
        lambda: query("histogram_quantile(0.9, sum by (job) (rate(x_bucket[5m])))"),
        lambda: query("histogram_quantile(0.9, sum by (job, vmrange) (rate(x_bucket[5m])))"),
    ),
    (
        "interval-in-rate",
        lambda: _stepped("$__rate_interval"),
        lambda: _stepped(">5m"),
    ),
    (
        "interval-in-rate",
        lambda: _stepped(""),
        lambda: _stepped("$resolution"),
    ),
    (
        "never-true",
        lambda: query(f"histogram_quantile(0.9, {_BUCKETS}) > 100"),  # the highest bucket ends at 60 s
        lambda: query(f"histogram_quantile(0.9, {_BUCKETS}) > 50"),
    ),
    (
        "threshold-between-buckets",
        lambda: alert(f"histogram_quantile(0.9, {_BUCKETS}) > 3"),
        lambda: alert(f"histogram_quantile(0.9, {_BUCKETS}) > 2.5"),
    ),
    (
        "threshold-between-buckets",
        lambda: alert(f"histogram_quantile(0.9, {_BUCKETS}) > 3"),
        lambda: alert("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m]))) > 3"),
    ),
    ("partial-code", lambda: query("up{code=~'5'}"), lambda: query("up{code=~'5..|4..'}")),
    ("partial-code", lambda: query("up{code=~'5.'}"), lambda: query("up{status=~'5.'}")),
    (
        "conflicting-records",
        lambda: rules({"record": "a:b:c", "expr": "sum(a)"}, {"record": "a:b:c", "expr": "sum(b)"}),
        lambda: rules({"record": "a:b:c", "expr": "sum by (job) (a)"}, {"record": "a:b:c", "expr": "sum by (job) (b)"}),
    ),
    (
        "conflicting-records",
        lambda: rules({"record": "a:b:c", "expr": "sum(a)"}, {"record": "a:b:c", "expr": "sum(b)"}),
        lambda: rules(
            {"record": "a:b:c", "expr": "sum(a)", "labels": {"of": "a"}},
            {"record": "a:b:c", "expr": "sum(b)", "labels": {"of": "b"}},
        ),
    ),
    (
        "for-beyond-window",
        lambda: alert("increase(a_total[5m]) > 0", **{"for": "5m"}),
        lambda: alert("increase(a_total[5m]) > 0", **{"for": "4m"}),
    ),
    (
        "for-beyond-window",
        lambda: alert("increase(a_total[5m]) > 0", **{"for": "5m"}),
        lambda: alert("rate(a_total[5m]) > 0.1", **{"for": "5m"}),
    ),
    (
        "average-of-ratios",
        lambda: query("avg(avg by (pod) (a))"),
        lambda: query("avg(sum by (pod) (a))"),
    ),
    (
        "no-datasource",
        lambda: panel("up", datasource={"type": "prometheus", "uid": "P1809F7CD0C75ACF3"}),
        lambda: panel("up", datasource={"type": "prometheus", "uid": "${DS_PROMETHEUS}"}),
    ),
    (
        "untested-alert",
        lambda: _tested("alert_rule_test: [{alertname: Another}]"),
        lambda: _tested("promql_expr_test: [{expr: 'ALERTS{alertname=\"Known\"}'}]"),
    ),
    (
        "untested-alert",
        lambda: _tested("alert_rule_test: [{alertname: Another}]", "a.yaml"),
        lambda: _tested("alert_rule_test: [{alertname: Another}]", "b.yaml"),
    ),
    (
        "unreadable-file",
        lambda: lint_text('{"title": }', "a.json", ".json"),
        lambda: lint_text('[\n{{ range $page := .Pages }}\n{"a": 1}\n{{ end }}\n]', "a.json", ".json"),
    ),
    ("unreadable-file", lambda: lint_text("{", "a.json", ".json"), lambda: lint_text(" \n", "a.json", ".json")),
]


@pytest.mark.parametrize(("check", "wrong", "right"), CASES, ids=[one[0] for one in CASES])
def test_what_resembles_a_defect_is_passed_over(
    check: str, wrong: Callable[[], LintReport], right: Callable[[], LintReport]
) -> None:
    assert check in found(wrong())
    assert check not in found(right())


def _severity(report: LintReport, check: str) -> Severity:
    return next(one.severity for one in report.findings if one.check == check)


def test_the_spelling_of_a_bucket_is_a_note_where_the_server_is_not_known() -> None:
    assert _severity(alert('a_bucket{le="10"} > 1'), "bucket-spelling") is Severity.NOTE
    ours = alert('sum(rate(registry_http_request_duration_seconds_bucket{le="10"}[5m])) > 1')
    assert _severity(ours, "bucket-spelling") is Severity.WARNING


def test_panels_that_are_only_pushed_down_are_a_note() -> None:
    assert _severity(_placed((1, "text", 0, 8), (2, "text", 1, 8)), "panel-overlap") is Severity.NOTE
    assert _severity(_placed((1, "text", 0, 8), (2, "text", 0, 8)), "panel-overlap") is Severity.WARNING
    beside = [
        {"id": number, "type": "text", "title": "P", "gridPos": {"x": x, "y": number, "w": 12, "h": 8}}
        for number, x in ((1, 0), (2, 6))
    ]
    assert _severity(board(*beside), "panel-overlap") is Severity.WARNING


def test_cores_as_the_share_of_one_are_a_note_and_as_a_hundredth_a_warning() -> None:
    cores = "rate(process_cpu_seconds_total[$__rate_interval])"
    assert _severity(panel(cores, **unit_of("percentunit")), "panel-unit") is Severity.NOTE
    assert _severity(panel(cores, **unit_of("percent")), "panel-unit") is Severity.WARNING


def _in_rules(*exprs: str) -> LintReport:
    return rules(*({"record": f"job:a{index}:sum", "expr": expr} for index, expr in enumerate(exprs)))


@pytest.mark.parametrize(
    ("exprs", "severity"),
    [
        (["rate(db_indexes_total[5m])", "db_indexes_total / 2"], Severity.NOTE),
        (["rate(db_indexes_total[5m])", "irate(db_indexes_total[5m])", "db_indexes_total / 2"], Severity.WARNING),
        (["rate(db_indexes_total[5m])", "rate(db_indexes_total[5m])", "db_indexes_total / 2"], Severity.NOTE),
        (["rate(db_errors_total[5m])", "db_errors_total / 2"], Severity.WARNING),
    ],
)
def test_a_total_that_as_many_queries_take_for_a_gauge_is_a_note(exprs: list[str], severity: Severity) -> None:
    assert _severity(_in_rules(*exprs), "raw-counter") is severity


@pytest.mark.parametrize(
    "text",
    [
        "up == 1 and on () sum(up == 0)",
        "up == 1 unless on (job) (avg by (job) (lag_seconds > 5))",
        "count(sum by (job) (up == 0)) > 2",
        "absent(sum(up == 0))",
        "avg(lag_seconds > 5) > 0",
        "avg(lag_seconds < 5) <= 5",
        "sum(up == 0) == 0",
        'label_replace(sum by (pod) (up == 0), "a", "$1", "pod", "(.*)")',
    ],
)
def test_a_filter_of_which_only_the_presence_counts_may_stand_before_an_aggregation(text: str) -> None:
    assert "filter-before-aggregation" not in found(query(text))


@pytest.mark.parametrize(
    "text",
    [
        "sum(up == 0) and on () up == 1",
        "sum(up == 0) > 0",
        "sum(up == 0) > bool 0",
        "avg(lag_seconds > 5) > 5",
        "avg(lag_seconds > 5)",
        "max(avg by (job) (lag_seconds > 5)) > 10",
        "sum(up == 0)",
    ],
)
def test_a_filter_of_which_the_value_is_read_may_not(text: str) -> None:
    assert "filter-before-aggregation" in found(query(text))


def test_an_alert_fires_whatever_the_sum_of_what_passed_its_filter_is() -> None:
    assert "filter-before-aggregation" not in found(alert("sum by (job) (up == 0)"))
    assert "filter-before-aggregation" in found(alert("sum by (job) (up == 0) > 0"))


def _step(text: str) -> str:
    return next(one.next_step for one in query(text).findings if one.check == "never-true")


def test_of_a_count_that_is_never_zero_the_next_step_is_absent() -> None:
    assert _step("count(up == 1) == 0") == _step("count(up) < 1") == "write absent(...): of nothing there is no count"
    assert _step("max(redis_up == 0) > 0") == "write bool behind the inner comparison"


@pytest.mark.parametrize(
    "text",
    [
        "sum(rate(a_total[5m])) keep_metric_names",
        "WITH (x = up) sum(x)",
        "range_median(a[1h])",
        "lag(a[24h])",
        "mad(a)",
        "any(a)",
        "any by (job) (a)",
        "sum(distinct(a) by (job))",
        "a default 0",
        "rate(a_total[5m]) if b",
        "topk(5, a) limit 2",
        'label_set(a, "b", "c")',
        "rate(a_total[5i])",
        "a > 1Ki",
    ],
)
def test_metricsql_is_named_as_such(text: str) -> None:
    note = next(one for one in alert(text).findings if one.check == "syntax")
    assert note.severity is Severity.NOTE
    assert "is MetricsQL: only VictoriaMetrics reads it" in note.what


@pytest.mark.parametrize(
    "text",
    [
        "label_replace(a)",
        "histogram_quantle(0.9, a)",
        "label_st(a)",
        "a b",
        "sum(a",
        "with_x(a)",
        "rate(a)",
        "a[5x]",
        "1a",
    ],
)
def test_what_is_neither_promql_nor_metricsql_is_an_error(text: str) -> None:
    assert _severity(alert(text), "syntax") is Severity.ERROR


def test_a_placeholder_is_a_note_in_a_panel_and_an_error_in_a_rule() -> None:
    assert _severity(panel("{}"), "syntax") is Severity.NOTE
    assert _severity(alert("{}"), "syntax") is Severity.ERROR
    assert _severity(panel("sum({})"), "syntax") is Severity.ERROR


def test_how_far_one_position_is_behind_another_is_no_raw_counter() -> None:
    behind = "redis_master_repl_offset - on (job) group_left (slave_ip) redis_connected_slave_offset_bytes > 1000"
    assert "raw-counter" not in found(query(behind))
    assert "raw-counter" in found(query("redis_master_repl_offset > 1000"))
    assert "raw-counter" in found(query("redis_master_repl_offset - redis_memory_used_bytes > 1000"))


_SENT = "rate(registry_http_response_size_bytes_sum[$__rate_interval])"
_ASKED = "sum(rate(registry_http_requests_total[$__rate_interval]))"
_EDGES = "sum by (le) (increase(registry_http_request_duration_seconds_bucket[$__rate_interval]))"


@pytest.mark.parametrize(
    ("expr", "unit", "step"),
    [
        (_SENT, "s", "write binBps"),
        (_SENT, "reqps", "write binBps"),
        ("go_memstats_heap_alloc_bytes", "percent", "write bytes"),
        (_ASKED, "s", "write short"),
        (_ASKED, "bytes", "write short"),
        (_ASKED, "percent", "write ops"),
        (_ASKED, "percentunit", "write ops"),
    ],
)
def test_bytes_and_requests_that_are_shown_as_something_else_are_found(expr: str, unit: str, step: str) -> None:
    assert [one.next_step for one in panel(expr, **unit_of(unit)).findings if one.check == "panel-unit"] == [step]


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        (_SENT, "binBps"),
        (_ASKED, "reqps"),
        (_EDGES, "s"),
        ("count(go_memstats_heap_alloc_bytes)", "short"),
        ("go_memstats_heap_alloc_bytes / go_memstats_heap_sys_bytes", "percentunit"),
        ("clamp_max((node_memory_Cached_bytes * 100) / node_memory_MemTotal_bytes, 100)", "percent"),
        ("sum(rate(a_things[5m]))", "s"),
    ],
)
def test_what_may_have_the_unit_of_its_panel_is_passed_over(expr: str, unit: str) -> None:
    assert "panel-unit" not in found(panel(expr, **unit_of(unit)))


@pytest.mark.parametrize(
    ("text", "step"),
    [("rate(a)", "such as [5m]"), ("sum(a[5m])", "leave the range out"), ("abs(a[5m])", "leave the range out")],
)
def test_a_range_that_is_missing_or_too_many_has_a_next_step(text: str, step: str) -> None:
    assert step in next(one.next_step for one in query(text).findings if one.check == "syntax")


@pytest.mark.parametrize("word", ["anchored", "smoothed"])
def test_a_modifier_of_newer_servers_is_a_note(word: str) -> None:
    for text in (f"sum(rate(a_total[5m] {word}))", f"increase(a_total[5m] {word} offset 1m)"):
        (note,) = query(text).findings
        assert (note.check, note.severity) == ("syntax", Severity.NOTE)
        assert note.what.startswith(f"{word} is of an experiment of Prometheus 3.7")
    (error,) = query(f"sum(rate(a_total[5m] {word}y))").findings
    assert error.severity is Severity.ERROR


@pytest.mark.parametrize(("file", "checks"), [("loki/rules/alerts.yml", set()), ("prometheus/alerts.yml", {"syntax"})])
def test_a_comparison_of_numbers_is_one_of_loki(file: str, checks: set[str]) -> None:
    text = "groups:\n- name: a\n  rules:\n  - {alert: A, expr: 1 > 0, labels: {severity: page}}\n"
    assert {one.check for one in lint_text(text, file, ".yml").findings} & {"syntax"} == checks

# ruff: noqa: E501 - a table
"""Defects of conditions and of what variables ask that lint once passed over, each beside what is right."""

from __future__ import annotations

import pytest

from regobs.catalog.model import Flavor, Version
from regobs.lint import LintContext, LintReport, lint_text
from regobs.lint.findings import Severity
from tests.lint.cases import alert, board, found, panel, query, reduced

_FLIGHT = "registry_http_in_flight_requests"
_EVENTS = "registry_notifications_events_total"
_ALERTS = [
    # a filter before the sum, or before the mean over time
    ("filter-before-aggregation", "sum(rate(x_total[5m]) > 10) > 100", "sum(rate(x_total[5m]) > 10) > 10"),
    ("filter-before-aggregation", "sum by (pod) (rate(x_total[5m]) > 0.1) > 5", "sum by (pod) (rate(x_total[5m])) > 5"),
    ("filter-before-aggregation", "100 < sum(x_lag > 10)", "5 < sum(x_lag > 10)"),
    ("filter-before-aggregation", "max(sum by (pod) (x_lag > 10)) > 100", "count(sum by (pod) (x_lag > 10)) > 100"),
    ("filter-before-aggregation", f"sum({_FLIGHT} > 10) >= 100", f"count({_FLIGHT} > 10) >= 100"),
    ("filter-before-aggregation", "sum(x_lag >= 10) > 100", "sum(x_lag > 0) > 100"),
    ("filter-before-aggregation", "sum(x_lag > 10) > 100", "sum(x_limit < 1e18) > 100"),
    ("filter-before-aggregation", "sum(x_lag > 10) > 100", "sum(x_lag > -1) > 100"),
    ("filter-before-aggregation", "sum(x_lag > 10) > 100", "sum(x_lag > bool 10) > 100"),
    ("filter-before-aggregation", "sum(x_lag > 10) > 100", "sum(x_lag > 10) < 100"),
    ("filter-before-aggregation", f"avg_over_time(({_FLIGHT} > 10)[5m:]) > 1", f"avg_over_time(({_FLIGHT} > 10)[5m:]) > 0"),
    ("filter-before-aggregation", f"avg_over_time(({_FLIGHT} > 10)[5m:]) > 1", f"max_over_time(({_FLIGHT} > 10)[5m:]) > 50"),
    ("filter-before-aggregation", f"sum_over_time(({_FLIGHT} > 10)[5m:]) > 100", f"count_over_time(({_FLIGHT} > 10)[5m:]) > 3"),
    # a mean over time
    ("average-of-ratios", "avg_over_time((rate(a_total[5m]) / rate(b_total[5m]))[1h:]) > 0.1", "rate(a_total[1h]) / rate(b_total[1h]) > 0.1"),
    ("average-of-ratios", "avg_over_time((rate(a_total[5m]) / rate(b_total[5m]))[1h:]) > 0.1", "avg_over_time((x_used / x_size)[1h:]) > 0.1"),
    # a count of what is there whatever it is
    ("no-condition", 'count(up{job="registry"} == bool 0) > 0', 'count(up{job="registry"} == 0) > 0'),
    ("no-condition", "count by (job) ((up == bool 1)) < 2", "sum by (job) ((up == bool 1)) < 2"),
    ("no-condition", f"count_over_time(({_FLIGHT} > bool 10)[5m:]) > 3", f"sum_over_time(({_FLIGHT} > bool 10)[5m:]) > 3"),
    ("no-condition", "count(up == bool 1) < 2", "sum(up == bool 1) / count(up == bool 1) < 0.5"),
    # it ends by itself
    ("self-resolving", "absent(up{job='a'}) and on () up{job='a'} offset 1d", "absent(up{job='a'}) and on () y{job='a'} offset 1d"),
    ("self-resolving", "absent(x_rows) and on () x_rows offset 1h", "absent(x_rows) and on () y_rows"),
    ("self-resolving", "absent(x_rows) and on () x_rows offset 1h", "absent(x_rows) and on () present_over_time(x_rows[1d] offset 5m)"),
    ("self-resolving", "absent(x_rows) and on () x_rows offset 1h", "absent(x_rows offset 1h) and on () x_rows"),
    ("self-resolving", "count(up offset 30m) - count(up) > 0", "count(up) - count(up == 1) > 0"),
    ("self-resolving", "count by (job) (up) < count by (job) (up offset 1h)", "count by (job) (up) < 3"),
    ("self-resolving", "up{job='a'} offset 1d and on () absent(up{job='a'})", "up{job='b'} and on () absent(up{job='a'})"),
    ("self-resolving", "sum(up) < sum(up offset 1h)", "sum(x) < sum(x offset 1h)"),
    ("self-resolving", "count(up) < count(up offset 1h)", "count(up) < 0.7 * count(up offset 1h)"),
    ("self-resolving", "count(up) < count(up offset 1h)", "sum(rate(x_total[5m])) < sum(rate(x_total[5m] offset 1h))"),
    ("self-resolving", "count(up{job='a'} offset 30m) > count(up{job='a'})", "count(up{job='b'} offset 30m) > count(up{job='a'})"),
    # a value of another flavor of a label that a target may have too
    ("impossible-value", f'rate({_EVENTS}{{type="Errors"}}[5m]) > 1', f'rate({_EVENTS}{{type="Failures"}}[5m]) > 1'),
    ("impossible-value", f'rate({_EVENTS}{{type="Errors"}}[5m]) > 1', f'rate({_EVENTS}{{type="registry"}}[5m]) > 1'),
    ("impossible-value", f'rate({_EVENTS}{{type=~"Errors"}}[5m]) > 1', f'rate({_EVENTS}{{type=~"Dropped|Failures"}}[5m]) > 1'),
]  # fmt: skip


@pytest.mark.parametrize(("check", "wrong", "right"), _ALERTS)
def test_a_condition_is_found_and_what_looks_like_it_is_not(check: str, wrong: str, right: str) -> None:
    assert check in found(alert(wrong))
    assert check not in found(alert(right))


def _severities(report: LintReport, check: str) -> set[Severity]:
    return {one.severity for one in report.findings if one.check == check}


def test_fewer_series_than_before_are_a_warning_of_targets_and_a_note_of_what_may_be_scaled() -> None:
    assert _severities(alert("count(up) < count(up offset 1h)"), "self-resolving") == {Severity.WARNING}
    assert _severities(alert("count(node_x) < count(node_x offset 1h)"), "self-resolving") == {Severity.NOTE}


def test_a_branch_that_only_another_flavor_has_is_a_note() -> None:
    assert _severities(alert(f'rate({_EVENTS}{{type=~"Errors|Failures"}}[5m]) > 1'), "impossible-value") == {
        Severity.NOTE
    }
    assert "impossible-value" not in found(query(f'rate({_EVENTS}{{type="Errors"}}[5m])'))


def test_a_count_of_a_comparison_with_bool_is_found_outside_of_alerts() -> None:
    assert "no-condition" in found(query("count(up == bool 1)"))
    assert "no-condition" not in found(query("count(up == 1)"))


@pytest.mark.parametrize("asked", ["label_values({}, queue)", "query_result({})", "query_result(topk(3, {}))"])
def test_a_variable_that_asks_for_a_removed_metric_is_found(asked: str) -> None:
    def of(name: str) -> set[str]:
        return found(board(variables=[{"name": "queue", "type": "query", "query": asked.format(name)}]))

    assert "removed-metric" in of("registry_gc_queue_size")
    assert "removed-metric" not in of("registry_database_rows")


@pytest.mark.parametrize(
    ("flavor", "version", "text", "step"),
    [
        (
            Flavor.DISTRIBUTION,
            Version(3),
            'registry_storage_cache_total{type="Hit"}',
            "registry_storage_cache_hits_total",
        ),
        (Flavor.GITLAB, Version(4, 20), "registry_database_lb_lag_bytes", "update the registry"),
        (Flavor.GITLAB, Version(4, 20), "registry_database_lb_lag_seconds_count", "update the registry"),
    ],
)
def test_a_successor_is_one_that_the_registry_has(flavor: Flavor, version: Version, text: str, step: str) -> None:
    report = lint_text(f"rate({text}[5m])", "a.promql", ".promql", LintContext(None, flavor, version))
    (told,) = [one.next_step for one in report.findings if one.check == "removed-metric"]
    assert step in told
    assert "successor" not in told or "update" not in step


_SHARE = 'sum(rate(x_total{code="500"}[$__rate_interval])) / sum(rate(x_total[$__rate_interval]))'
_USE = "max(go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open)"


@pytest.mark.parametrize("expr", [_SHARE, f"100 * ({_SHARE})", f"1 - {_SHARE}", f"(1 - {_SHARE}) * 100"])
def test_a_panel_that_shows_the_mean_over_time_of_a_ratio_is_found(expr: str) -> None:
    assert _severities(panel(expr, **reduced("mean")), "average-of-ratios") == {Severity.WARNING}
    assert "average-of-ratios" not in found(panel(expr, **reduced("lastNotNull")))
    assert "average-of-ratios" not in found(panel(expr, kind="timeseries"))


def test_the_mean_of_how_full_something_is_is_a_note_and_of_other_quotients_nothing() -> None:
    assert _severities(panel(_USE, **reduced("mean")), "average-of-ratios") == {Severity.NOTE}
    assert "average-of-ratios" not in found(panel(_USE, **reduced("max")))
    assert "average-of-ratios" not in found(panel("sum(rate(x_total[5m])) / 60", **reduced("mean")))
    assert "average-of-ratios" not in found(panel("sum(x_seconds_sum) / sum(x_requests_total)", **reduced("mean")))
    assert _severities(panel("rate(x_a[5m]) / rate(x_b[5m])", **reduced("mean")), "average-of-ratios") == {
        Severity.NOTE
    }
    assert "average-of-ratios" not in found(panel(_SHARE, kind="singlestat", valueName="avg"))


def test_a_query_of_one_moment_has_no_mean_over_time() -> None:
    targets = [{"refId": "A", "expr": _SHARE, "instant": True}]
    assert "average-of-ratios" not in found(panel(_SHARE, **reduced("mean"), targets=targets))

# ruff: noqa: E501 - a table
"""Defects of sums, windows, units and pools that lint once passed over, each beside what is right."""

from __future__ import annotations

import pytest

from tests.lint.cases import alert, found, panel, unit

_CACHE = "rate(registry_storage_cache_total[5m])"
_QUANTILE = "histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))"
_POOL = "registry_redis_pool_stats"
_BYTES = "sum(rate(registry_storage_blob_upload_bytes_sum[$__rate_interval]))"
_ALERTS = [
    ("double-counting", f"sum without (type) ({_CACHE}) > 9", f"sum without (pod) ({_CACHE}) > 9"),
    ("double-counting", f"sum without (exported_type, pod) ({_CACHE}) > 9", 'sum without (type) (rate(registry_storage_cache_total{type="Hit"}[5m])) > 9'),
    ("double-counting", "sum without (backend) (rate(registry_gc_deletes_total[5m])) > 9", "sum without (artifact) (rate(registry_gc_deletes_total[5m])) > 9"),
    ("unit-mismatch", f"{_QUANTILE} > on () sum(registry_http_in_flight_requests)", f"{_QUANTILE} > on () sum(rate(registry_http_request_duration_seconds_sum[5m]))"),
    ("unit-mismatch", f"sum(registry_http_in_flight_requests) < on () {_QUANTILE}", f"sum(registry_http_in_flight_requests) < on () 0.1 * {_QUANTILE}"),
    ("open-against-in-use", f"{_POOL}_total_conns / {_POOL}_max_conns > 0.9", f"({_POOL}_total_conns - {_POOL}_idle_conns) / {_POOL}_max_conns > 0.9"),
    ("open-against-in-use", "go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open > 0.9", f"go_sql_dbstats_connections_open / {_POOL}_max_conns > 0.9"),
    ("delta-of-counter", "predict_linear(registry_http_requests_total[1h], 3600) > 5", "predict_linear(registry_database_rows[1h], 3600) > 5"),
    ("delta-of-counter", "predict_linear(registry_http_request_duration_seconds_count[1h], 60) > 5", "predict_linear(x_total[1h], 3600) > 5"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) > 3", "resets(registry_http_requests_total[1h]) > 3"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) > 3", "resets(process_start_time_seconds[1h]) > 3"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) > 3", "resets(registry_redis_pool_stats_hits[1h]) > 3"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) > 3", "resets(x_size[1h]) > 3"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) != 0", "resets(registry_database_lb_pool_size[1h]) == 0"),
    ("rate-of-gauge", "resets(registry_database_lb_pool_size[1h]) < 2", "(resets(registry_database_lb_pool_size[1h])) < 1"),
    ("short-range", "rate(x_total[20s:5s]) > 1", "rate(x_total[10m:1m]) > 1"),
    ("short-range", "rate(x_total[20s:5s]) > 1", "max_over_time(x[20s:5s]) > 1"),
    ("short-range", "rate(x_total[5m:5m]) > 1", "rate(x_total[5m:150s]) > 1"),
    ("short-range", "delta(sum(x)[5m:4m]) > 1", "delta(sum(x)[5m:1m]) > 1"),
    ("short-range", "rate(x_total[5m:5m]) > 1", "max_over_time(x[5m:5m]) > 1"),
    ("grows-with-processes", 'sum(process_open_fds{job="registry"}) > 1000', 'max(process_open_fds{job="registry"}) > 1000'),
    ("grows-with-processes", "sum(go_goroutines) > 10000", "sum by (pod) (go_goroutines) > 10000"),
    ("grows-with-processes", "sum by (job) (process_resident_memory_bytes) > 1e9", "sum by (node) (process_resident_memory_bytes) > 1e9"),
    ("grows-with-processes", "sum(go_goroutines) > 10000", "sum(go_sql_dbstats_connections_open) > 90"),
    ("no-condition", "registry_database_rows", "registry_database_rows > 5"),
    ("no-condition", "sum(kube_pod_info)", 'sum(kube_pod_info{node=""})'),
    ("no-condition", "sum(kube_pod_info)", "kube_outdated_info"),
]  # fmt: skip


@pytest.mark.parametrize(("check", "wrong", "right"), _ALERTS)
def test_an_alert_is_found_and_what_looks_like_it_is_not(check: str, wrong: str, right: str) -> None:
    assert check in found(alert(wrong))
    assert check not in found(alert(right))


@pytest.mark.parametrize(
    ("expr", "wrong", "right"),
    [
        (f"{_BYTES} * 3600", "Bps", "bytes"),
        (f"86400 * {_BYTES}", "binBps", "decbytes"),
        (f"{_BYTES} * 60", "MBs", "decbytes"),
        (f"{_BYTES} * 8", "Bps", "bps"),
        ("sum(rate(go_sql_dbstats_connections_wait_seconds_total[5m]))", "percentunit", "short"),
    ],
)
def test_a_panel_in_another_unit_is_found(expr: str, wrong: str, right: str) -> None:
    assert "panel-unit" in found(panel(expr, **unit(wrong)))
    assert "panel-unit" not in found(panel(expr, **unit(right)))

# ruff: noqa: E501 - tables of queries
"""Thresholds beyond a whole, joins of several series for one, units that do not fit: by the catalog, and by names."""

from __future__ import annotations

import pytest

from regobs.lint import LintReport, Severity
from tests.lint.cases import alert, found, panel, query, rules, unit

_CPU = 'rate(node_cpu_seconds_total{mode="idle"}[5m])'
_HIT, _REQUEST = (f'rate(registry_storage_cache_total{{type="{one}"}}[5m])' for one in ("Hit", "Request"))


def severities(report: LintReport, check: str) -> set[Severity]:
    """How sure a check was."""
    return {one.severity for one in report.findings if one.check == check}


@pytest.mark.parametrize(
    "text",
    [
        "process_open_fds / process_max_fds > 1.5",
        "process_open_fds / process_max_fds > 1",
        "100 * process_open_fds / process_max_fds > 120",
        "process_open_fds / process_max_fds * 100 > 100",
        "max by (instance) (process_open_fds / process_max_fds) > 1.2",
        "sum(process_open_fds) / sum(process_max_fds) > 1.2",
        "avg_over_time(process_open_fds[5m]) / avg_over_time(process_max_fds[5m]) >= 2",
        "1 - process_open_fds / process_max_fds < 0",
        "(process_max_fds - process_open_fds) / process_max_fds > 1",
        "100 - 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 100",
        "node_filesystem_avail_bytes / (node_filesystem_size_bytes > 0) > 1",
        'node_filesystem_files_free{mountpoint="/"} / node_filesystem_files{mountpoint="/"} > 1',
        "redis_connected_clients / redis_config_maxclients > 1",
        "go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_open > 1",
        f"sum({_HIT}) / sum({_REQUEST}) > 1.1",
        "sum(rate(registry_storage_cache_hits_total[5m])) / sum(rate(registry_storage_cache_requests_total[5m])) > 1",
        "process_open_fds / process_max_fds == 2",
    ],
)
def test_no_part_of_a_whole_of_the_catalog_is_more_than_that(text: str) -> None:
    assert severities(alert(text), "never-true") == {Severity.ERROR}
    assert severities(query(text), "never-true") == {Severity.ERROR}


@pytest.mark.parametrize(
    "text",
    [
        f"avg by (instance) ({_CPU}) > 1.2",
        f"avg by (instance) ({_CPU}) * 100 > 120",
        f"100 - avg({_CPU}) * 100 > 100 and 100 - avg({_CPU}) * 100 < 200",
        'avg(rate(windows_cpu_time_total{mode="idle"}[5m])) > 1.1',
        "go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open > 1.1",
        "redis_memory_used_bytes / redis_memory_max_bytes > 1.5",
        "sum by (instance) (pg_stat_activity_count) / on (instance) pg_settings_max_connections > 1.2",
        "container_memory_working_set_bytes / on (namespace, pod, container) group_left kube_pod_container_resource_limits{resource='memory'} > 1.1",
        "container_memory_working_set_bytes / container_spec_memory_limit_bytes > 1.1",
        "elasticsearch_jvm_memory_used_bytes / elasticsearch_jvm_memory_max_bytes > 1.5",
        "kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes > 1",
        "my_disk_free_bytes / my_disk_size_bytes > 1",
        "node_memory_SwapFree_bytes / node_memory_SwapTotal_bytes > 1",
        "node_filefd_allocated / node_filefd_maximum > 1.1",
        "container_memory_rss / container_spec_memory_limit_bytes > 2",
        "1 - my_disk_free_bytes / my_disk_size_bytes < 0",
        "job:cache_hit:ratio > 1",
        "my_cache_hit_ratio > 1",
        "sum(rate(my_cache_hits_total[5m])) / sum(rate(my_cache_requests_total[5m])) > 1",
        "sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 5",
    ],
)
def test_what_names_call_a_part_is_hardly_more_than_the_whole(text: str) -> None:
    told = [one for one in alert(text).findings if one.check == "never-true"]
    assert [one.severity for one in told][:1] in ([Severity.WARNING], [Severity.ERROR])
    assert told


@pytest.mark.parametrize(
    "text",
    [
        "process_open_fds / process_max_fds > 0.9",
        "process_open_fds / process_max_fds == 1",
        "100 * process_open_fds / process_max_fds > 90",
        "process_max_fds / process_open_fds > 1.5",
        "process_open_fds / process_max_fds offset 1d > 1.5",
        "sum(process_open_fds) / max(process_max_fds) > 1.5",
        "sum(process_open_fds) / process_max_fds > 1.5",
        'sum(process_open_fds{job="a"}) / sum(process_max_fds{job="b"}) > 1.5',
        "go_sql_dbstats_connections_in_use / go_sql_dbstats_connections_max_open >= 1",
        "go_memstats_alloc_bytes / go_gc_gomemlimit_bytes > 1.1",
        "node_memory_Committed_AS_bytes / node_memory_MemTotal_bytes > 1.2",
        "sum(container_memory_working_set_bytes) / sum(kube_pod_container_resource_limits{resource='memory'}) > 1.1",
        "container_memory_working_set_bytes / on (namespace, pod, container) group_left kube_pod_container_resource_requests > 1.5",
        'kube_resourcequota{type="used"} / ignoring (type) kube_resourcequota{type="hard"} > 1',
        "node_load1 / on (instance) count by (instance) (node_cpu_seconds_total{mode='idle'}) > 2",
        "sum by (instance) (rate(node_cpu_seconds_total{mode!='idle'}[5m])) > 1.5",
        "rate(process_cpu_seconds_total[5m]) > 1.5",
        "my_request_duration_seconds / my_request_duration_limit_seconds > 1.5",
        "kube_deployment_status_replicas_available / kube_deployment_spec_replicas > 1.2",
        "prometheus_tsdb_compression_ratio > 2",
        "my_cache_fragmentation_ratio > 1.5",
        "rate(http_retries_total[5m]) / rate(http_requests_total[5m]) > 2",
        "mongodb_connections_current / mongodb_connections_available > 1.5",
        "redis_memory_used_rss_bytes / redis_memory_used_bytes > 1.5",
        "my_hit_ratio == -1",
    ],
)
def test_what_may_exceed_what_it_is_divided_by_is_left_alone(text: str) -> None:
    assert not {"never-true", "always-true"} & found(alert(text))


@pytest.mark.parametrize(
    ("text", "empty"),
    [
        ("x > 10 and x < 5", True),
        ("x > 10 and x < 10", True),
        ("x > 10 and x <= 10", True),
        ("x == 1 and x == 2", True),
        ("5 < x and (x) < 5", True),
        ("sum(x) > 10 and sum(x) < 5", True),
        ("x > 10 and x < 20", False),
        ("x >= 10 and x <= 10", False),
        ("x > 10 and x > 5", False),
        ("x > 10 or x < 5", False),
        ("x > 10 and on (job) x < 5", False),
        ("x > 10 and y < 5", False),
        ("x > 10 and x offset 1h < 5", False),
        ("x > bool 10 and x < 5", False),
        ("x != 10 and x == 10", False),
    ],
)
def test_two_thresholds_of_one_value_do_not_exclude_each_other(text: str, *, empty: bool) -> None:
    assert ("never-true" in found(query(text))) is empty


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("process_open_fds > process_max_fds", Severity.ERROR),
        ("process_open_fds > 1.5 * process_max_fds", Severity.ERROR),
        ("process_max_fds < process_open_fds", Severity.ERROR),
        ("sum by (job) (process_open_fds) > sum by (job) (process_max_fds)", Severity.ERROR),
        ("redis_memory_used_bytes > 1.2 * redis_memory_max_bytes", Severity.WARNING),
        ("node_nf_conntrack_entries > 1.1 * node_nf_conntrack_entries_limit", Severity.WARNING),
        ("process_open_fds >= process_max_fds", None),
        ("process_open_fds > 0.9 * process_max_fds", None),
        ("process_open_fds < process_max_fds", None),
        ("process_max_fds > process_open_fds", None),
        ("redis_memory_used_bytes > redis_memory_max_bytes", None),
        ("process_open_fds > scalar(process_max_fds)", None),
    ],
)
def test_a_part_is_not_asked_to_exceed_its_whole(text: str, severity: Severity | None) -> None:
    assert severities(query(text), "never-true") == ({severity} if severity is not None else set())


@pytest.mark.parametrize(
    "text",
    [
        'rate(registry_http_requests_total{code=~"5.."}[5m]) / ignoring (code) rate(registry_http_requests_total[5m])',
        'rate(registry_http_requests_total{code="500"}[5m]) / ignoring (code) group_left rate(registry_http_requests_total[5m])',
        'rate(http_requests_total{code=~"5.."}[5m]) / ignoring (code) rate(http_requests_total[5m])',
        'rate(http_requests_total{code="500"}[5m]) / ignoring (code) group_left rate(http_requests_total[5m])',
        "up * on (instance) group_left go_sql_dbstats_connections_in_use",
        'node_memory_MemTotal_bytes{job="node"} / on (instance) group_left node_filesystem_size_bytes{job="node"}',
        "node_filesystem_avail_bytes / on (instance) node_filesystem_size_bytes",
        'container_memory_working_set_bytes / on (namespace, pod, container) kube_pod_container_resource_limits{resource="memory"}',
        "rate(registry_http_requests_total[5m]) / on (instance) rate(registry_http_request_duration_seconds_count[5m])",
    ],
)
def test_several_series_of_the_catalog_for_one_pair_are_a_warning(text: str) -> None:
    assert severities(query(text), "many-to-many") == {Severity.WARNING}


@pytest.mark.parametrize(
    "text",
    [
        'rate(http_requests_total{code="500"}[5m]) / ignoring (code) rate(http_requests_total{code="200"}[5m])',
        'rate(registry_http_requests_total{code=~"5.."}[5m]) / ignoring (code) group_left sum without (code) (rate(registry_http_requests_total[5m]))',
        'rate(a_total{code=~"5.."}[5m]) / ignoring (code) group_left rate(b_total[5m])',
        "node_filesystem_avail_bytes / on (instance) group_left node_memory_MemTotal_bytes",
        "node_filesystem_avail_bytes / on (instance, device, mountpoint) node_filesystem_size_bytes",
        'node_memory_MemTotal_bytes / on (instance) group_left node_filesystem_size_bytes{mountpoint="/"}',
        'container_memory_working_set_bytes{container!=""} / on (namespace, pod, container) group_left kube_pod_container_resource_limits{resource="memory"}',
        'kube_pod_container_status_restarts_total * on (namespace, pod) group_left kube_pod_status_phase{phase="Running"}',
        "registry_http_in_flight_requests / on (instance) group_left up",
        'up * on (job) group_left absent(up{job="a", x="b"})',
        "process_open_fds / on (instance, job) process_max_fds",
        "up * on (instance) group_left (version) go_info",
    ],
)
def test_one_series_for_one_pair_is_left_alone(text: str) -> None:
    assert "many-to-many" not in found(query(text))


_SIZES = "max by (instance, name) (pgbouncer_databases_pool_size)"
_COPIED = f'label_replace({_SIZES}, "database", "{{}}", "name", "{{}}")'


@pytest.mark.parametrize(
    ("side", "told"),
    [
        (_COPIED.format("$1", "(.*)"), False),
        (_COPIED.format("${1}", "(.+)"), False),
        (f"({_COPIED.format('$1', '(.*)')})", False),
        (f'label_replace({_COPIED.format("$1", "(.*)")}, "shown", "$1", "name", "(.*)")', False),
        (f'label_replace(label_replace({_SIZES}, "b", "$1", "name", "(.*)"), "database", "$1", "b", "(.*)")', False),
        (_COPIED.format("$1", "(.*)_.*"), True),
        (_COPIED.format("all", "(.*)"), True),
        (_COPIED.format("$1", "(.*)").replace('"database"', '"shown"'), True),
        (f'label_replace({_COPIED.format("$1", "(.*)")}, "database", "all", "", "")', True),
        (f'label_replace(label_replace({_SIZES}, "b", "$1", "name", "(.*)"), "database", "$1", "b", "(.).*")', True),
    ],
)
def test_a_label_that_is_copied_into_one_that_is_matched_tells_no_series_apart(side: str, *, told: bool) -> None:
    pools = "max by (instance, database, user) (pgbouncer_pools_server_active_connections)"
    text = f"{pools} / on (instance, database) group_left () {side} > 0.9"
    assert ("many-to-many" in found(query(text))) is told


@pytest.mark.parametrize(
    ("text", "severity"),
    [
        ("process_resident_memory_bytes > go_goroutines", Severity.ERROR),
        ("process_resident_memory_bytes + go_goroutines", Severity.ERROR),
        ("go_goroutines - process_resident_memory_bytes", Severity.ERROR),
        ("rate(node_network_receive_bytes_total[5m]) > rate(registry_http_requests_total[5m])", Severity.ERROR),
        ("sum(node_memory_MemTotal_bytes) < sum(process_open_fds)", Severity.ERROR),
        ("my_queue_bytes > my_queue_age_seconds", Severity.WARNING),
        ("my_queue_bytes + my_queue_wait_seconds", Severity.WARNING),
        ("my_heap_bytes > count(up)", Severity.WARNING),
        ("my_heap_bytes > my_start_time_seconds", Severity.WARNING),
        ("my_latency_milliseconds > my_timeout_seconds", Severity.WARNING),
        ("my_heap_megabytes + my_stack_bytes", Severity.WARNING),
    ],
)
def test_bytes_are_not_compared_with_things_or_times(text: str, severity: Severity) -> None:
    assert severities(query(text), "unit-mismatch") == {severity}


@pytest.mark.parametrize(
    "text",
    [
        "process_resident_memory_bytes > 1000 * go_goroutines",
        "process_resident_memory_bytes / go_goroutines > 1000000",
        "process_resident_memory_bytes > process_virtual_memory_bytes",
        "process_resident_memory_bytes and go_goroutines > 5",
        "process_resident_memory_bytes or go_goroutines",
        "rate(x_duration_seconds_sum[5m]) > rate(x_duration_seconds_count[5m])",
        "my_bytes > my_limit",
        "my_latency_milliseconds / 1000 > my_timeout_seconds",
        "my_latency_seconds > 0.5 * my_timeout_seconds",
        "my_bytes > my_bytes offset 1h",
        "my_queue_bytes > 0 * my_queue_age_seconds",
        "rate(my_sent_bytes_total[5m]) > my_network_speed_bytes * 0.9",
        "rate(process_cpu_seconds_total[5m]) > go_sched_gomaxprocs_threads",
        "time() - process_start_time_seconds < 300",
    ],
)
def test_what_may_be_in_one_unit_is_left_alone(text: str) -> None:
    assert "unit-mismatch" not in found(query(text))


@pytest.mark.parametrize(
    "text",
    [
        "100 * process_open_fds / process_max_fds > 0.9",
        "process_open_fds / process_max_fds * 100 > 0.9",
        "process_open_fds * 100 / process_max_fds > 0.9",
        "(1 - node_filesystem_avail_bytes / node_filesystem_size_bytes) * 100 > 0.85",
        "100 - 100 * node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes > 0.9",
        "max by (instance) (100 * process_open_fds / process_max_fds) > 0.8",
        "disk_used_percent > 0.9",
        "memory_usage_percent > 0.8",
        "disk_free_percent < 0.1",
        "max(disk_free_percent) < 0.15",
    ],
)
def test_a_percentage_is_not_compared_with_a_ratio(text: str) -> None:
    assert severities(alert(text), "ratio-compared-with-percent") == {Severity.WARNING}


@pytest.mark.parametrize(
    "text",
    [
        "100 * process_open_fds / process_max_fds > 90",
        "process_open_fds / process_max_fds > 0.9",
        "100 * sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 0.5",
        "100 * sum(rate(http_requests_total{code='500'}[5m])) / sum(rate(http_requests_total[5m])) > 0.9",
        "packet_loss_percent > 0.5",
        "disk_used_percent > 0.1",
        "disk_used_percent < 0.5",
        "disk_free_percent > 0.5",
        "cpu_percent > 0.9",
        "disk_free_percent < 10",
        "my_growth_percent > 0.9",
    ],
)
def test_a_percentage_may_be_small_where_it_counts_what_is_rare(text: str) -> None:
    assert "ratio-compared-with-percent" not in found(alert(text))


def test_a_metric_that_always_was_zero_is_gone() -> None:
    for text in ("go_memstats_lookups_total", "rate(go_memstats_lookups_total[5m])"):
        assert severities(query(text), "removed-metric") == {Severity.WARNING}
    assert "removed-metric" not in found(query("rate(go_memstats_mallocs_total[5m])"))


def test_cores_in_percentunit_are_a_note_whatever_stands_beside_them() -> None:
    cores, callers = (
        "sum(rate(process_cpu_seconds_total[5m]))",
        "sum(rate(registry_http_request_duration_seconds_sum[5m]))",
    )
    for shown in ((cores,), (cores, callers), (callers, cores), (f"{cores} / 4",)):
        assert severities(panel(*shown, **unit("percentunit")), "panel-unit") == {Severity.NOTE}
    assert severities(panel(callers, **unit("percentunit")), "panel-unit") == {Severity.WARNING}


def test_a_recorded_part_of_a_whole_keeps_its_bounds() -> None:
    recorded = {"record": "instance:fds:ratio", "expr": "process_open_fds / process_max_fds"}
    asked = {"alert": "A", "labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    assert "never-true" in found(rules(recorded, {**asked, "expr": "instance:fds:ratio > 1"}))
    assert "never-true" not in found(rules(recorded, {**asked, "expr": "instance:fds:ratio > 0.9"}))

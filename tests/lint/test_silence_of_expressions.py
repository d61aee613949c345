# ruff: noqa: E501 - rules as people write them
"""Nothing is said about correct rules that come near the checks of conditions, joins, codes, wholes and units."""

from __future__ import annotations

import pytest

from tests.lint.cases import alert, panel, query, record

ALERTS = [
    # near a part that exceeds its whole
    "process_open_fds / process_max_fds > 0.8",
    "100 * process_open_fds / process_max_fds >= 100",
    "node_filefd_allocated / node_filefd_maximum * 100 > 70",
    "node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.75",
    '100 - (avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100) > 80',
    'avg by (instance) (rate(node_cpu_seconds_total{mode="iowait"}[5m])) * 100 > 10',
    'sum by (instance) (rate(node_cpu_seconds_total{mode!="idle"}[5m])) > 1.5',
    "(1 - node_memory_SwapFree_bytes / (node_memory_SwapTotal_bytes > 0)) * 100 > 80",
    'node_filesystem_avail_bytes{fstype!~"tmpfs|overlay"} * 100 / node_filesystem_size_bytes{fstype!~"tmpfs|overlay"} < 10',
    "node_memory_Committed_AS_bytes / node_memory_MemTotal_bytes > 1.5",
    "node_load15 / on (instance) count by (instance) (node_cpu_seconds_total{mode='idle'}) > 1.5",
    "sum by (instance) (pg_stat_activity_count) > 0.9 * max by (instance) (pg_settings_max_connections)",
    "redis_memory_used_bytes / redis_memory_max_bytes > 0.9 and redis_memory_max_bytes > 0",
    "redis_memory_used_rss_bytes / redis_memory_used_bytes > 1.5",
    "redis_keyspace_misses_total - redis_keyspace_misses_total offset 5m > 100 unless redis_up == 0",
    "rate(redis_keyspace_hits_total[5m]) / (rate(redis_keyspace_hits_total[5m]) + rate(redis_keyspace_misses_total[5m])) < 0.5",
    "go_sql_dbstats_connections_in_use / (go_sql_dbstats_connections_max_open > 0) > 0.9",
    'container_memory_working_set_bytes{container!=""} / on (namespace, pod, container) group_left kube_pod_container_resource_limits{resource="memory"} > 0.9',
    "sum by (namespace) (kube_pod_container_resource_requests{resource='cpu'}) / on () group_left sum(kube_node_status_allocatable{resource='cpu'}) > 1.2",
    'kube_resourcequota{job="kube-state-metrics", type="used"} / ignoring (instance, job, type) (kube_resourcequota{job="kube-state-metrics", type="hard"} > 0) > 1',
    "kubelet_volume_stats_used_bytes / kubelet_volume_stats_capacity_bytes > 0.95",
    "etcd_mvcc_db_total_size_in_use_in_bytes / etcd_mvcc_db_total_size_in_bytes < 0.5",
    "elasticsearch_jvm_memory_used_bytes{area='heap'} / elasticsearch_jvm_memory_max_bytes{area='heap'} * 100 > 90",
    # near joins that are empty
    'up{job="registry"} == 0 and on (instance) probe_success{job="blackbox"} == 0',
    'sum by (instance) (rate(http_requests_total{code="429"}[5m])) / sum by (instance) (rate(http_requests_total{code="200"}[5m])) > 0.5',
    'rate(http_requests_total{code="503"}[5m]) > 10 * rate(http_requests_total{code="503"}[5m] offset 1d)',
    'kube_node_status_condition{condition="Ready", status="true"} == 0 unless on (node) kube_node_spec_unschedulable == 1',
    'redis_connected_slaves{role="master"} < 1 and on (instance) redis_up == 1',
    "absent(up{job='registry'} == 1) or absent(up{job='database'} == 1)",
    "absent(nginx_up) and on () count_over_time(nginx_up[1d])",
    "pg_replication_lag_seconds > 60 and on (instance) pg_replication_is_replica == 1",
    "sum by (job) (rate(http_requests_total[5m])) < 1 and on () hour() >= 8 < 18",
    "node_filesystem_readonly{mountpoint='/var'} == 1 and node_filesystem_avail_bytes{mountpoint='/var'} > 0",
    # near alerts without a condition
    "kube_pod_container_status_waiting_reason{reason='ImagePullBackOff'} > 0",
    "absent_over_time(backup_finished_timestamp_seconds[1d])",
    "count by (version) (go_info) > 0 and on () count(count by (version) (go_info)) > 1",
    "sum by (job) (up == bool 0) / count by (job) (up) > 0.5",
    "changes(process_start_time_seconds[10m]) > 2",
    "ALERTS{alertname='RegistryDown', alertstate='firing'}",
    "vector(1)",
    # near codes
    'sum(rate(haproxy_server_http_responses_total{code="5xx"}[5m])) / sum(rate(haproxy_server_http_responses_total[5m])) > 0.05',
    'sum(rate(nginx_ingress_controller_requests{status=~"[4-5].*"}[5m])) / sum(rate(nginx_ingress_controller_requests[5m])) > 0.1',
    'sum(rate(traefik_service_requests_total{code=~"4.*|5.*"}[5m])) by (service) > 1',
    'sum by (job) (rate(grpc_server_handled_total{grpc_code=~"Unknown|Internal"}[5m])) > 1',
    'sum(rate(istio_requests_total{response_code=~"5.*|0"}[5m])) > 1',
    'probe_http_status_code <= 199 or probe_http_status_code >= 400',
    'increase(apiserver_request_terminations_total{code="504"}[5m]) > 5',
    # near several series for one pair
    'rate(http_requests_total{code=~"5.."}[5m]) / ignoring (code) group_left sum without (code) (rate(http_requests_total[5m])) > 0.1',
    "(node_memory_MemTotal_bytes - node_memory_MemAvailable_bytes) * on (instance) group_left (nodename) node_uname_info > 1e9",
    'sum by (namespace, pod) (rate(container_cpu_usage_seconds_total{container!=""}[5m])) / on (namespace, pod) sum by (namespace, pod) (kube_pod_container_resource_limits{resource="cpu"}) > 0.9',
    "kube_pod_status_phase{phase='Pending'} * on (namespace, pod) group_left (owner_name) kube_pod_owner > 0",
    # near units, filters and percentages
    "process_resident_memory_bytes / process_virtual_memory_bytes > 0.9",
    "process_resident_memory_bytes > 50000 * go_goroutines",
    "rate(http_request_duration_seconds_sum[5m]) / rate(http_request_duration_seconds_count[5m]) > 1",
    "time() - process_start_time_seconds < 600",
    "avg by (job) (replication_lag_seconds) > 5",
    "count(replication_lag_seconds > 5) > 1",
    "100 * sum by (job) (rate(http_errors_total[5m])) / sum by (job) (rate(http_requests_total[5m])) > 0.5",
    "node_hwmon_battery_percent < 20",
    "rate(node_network_receive_bytes_total[5m]) > 0.8 * node_network_speed_bytes",
    # near rates of rates and quantiles
    "max_over_time(rate(http_requests_total[5m])[1h:1m]) > 1000",
    "histogram_quantile(0.99, sum by (le, verb) (rate(apiserver_request_duration_seconds_bucket[5m]))) > 1",
    "histogram_quantile(0.9, sum by (le) (max by (le, instance) (rate(http_request_duration_seconds_bucket[5m])))) > 1",
    "deriv(node_filesystem_avail_bytes{mountpoint='/'}[6h]) < -1e6",
]  # fmt: skip
QUERIES = [
    "up > bool 0",
    "sum(up == bool 1)",
    "process_open_fds / process_max_fds",
    "avg by (le) (rate(http_request_duration_seconds_bucket[5m]))",
    "up[5m]",
    "hour()",
    "absent(up)",
    "rate(go_memstats_mallocs_total[5m])",
    "clamp_max(process_open_fds / process_max_fds, 1) > bool 0.5",
]
RECORDS = [
    ("instance:node_cpu_busy:ratio_rate5m", '1 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'),
    ("instance:fds:ratio", "process_open_fds / process_max_fds"),
    ("job:up:bool", "up == bool 1"),
    (
        "job:http_errors:ratio_rate5m",
        'sum by (job) (rate(http_requests_total{code=~"5.."}[5m])) / sum by (job) (rate(http_requests_total[5m]))',
    ),
]
# Said of every alert that has a ratio of few events, or reads a registry: no matter of the expressions here.
_ADVICE = {"few-requests", "resolves-when-absent", "unguarded-ratio"}


@pytest.mark.parametrize("expr", ALERTS)
def test_nothing_is_said_of_a_correct_alert(expr: str) -> None:
    assert [(one.check, one.what) for one in alert(expr).findings if one.check not in _ADVICE] == []


@pytest.mark.parametrize("expr", QUERIES)
def test_nothing_is_said_of_a_correct_query(expr: str) -> None:
    assert [(one.check, one.what) for one in query(expr).findings] == []


@pytest.mark.parametrize(("name", "expr"), RECORDS)
def test_nothing_is_said_of_a_correct_record(name: str, expr: str) -> None:
    assert [(one.check, one.what) for one in record(name, expr).findings if one.check != "record-level"] == []


def test_nothing_is_said_of_a_range_in_a_table_of_one_moment() -> None:
    targets = [{"refId": "A", "expr": "up[5m]", "instant": True}]
    assert "syntax" not in {one.check for one in panel("up", kind="table", targets=targets).findings}

# ruff: noqa: E501 - rules as people write them
"""Nothing is said about correct rules and panels of neighbours: nodes, PostgreSQL, Kubernetes, Prometheus itself, and others."""

from __future__ import annotations

import pytest

from tests.lint.cases import alert, board, record, unit

ALERTS = [
    # nodes
    'node_filesystem_avail_bytes{fstype!=""} / node_filesystem_size_bytes{fstype!=""} * 100 < 5 and node_filesystem_readonly == 0',
    'predict_linear(node_filesystem_avail_bytes{fstype!="tmpfs"}[6h], 24 * 3600) < 0',
    "node_filesystem_files_free / node_filesystem_files < 0.05",
    "rate(node_network_receive_errs_total[2m]) / rate(node_network_receive_packets_total[2m]) > 0.01",
    "node_nf_conntrack_entries / node_nf_conntrack_entries_limit > 0.75",
    "(node_timex_offset_seconds > 0.05 and deriv(node_timex_offset_seconds[5m]) >= 0)",
    '(1 - avg without (cpu) (rate(node_cpu_seconds_total{mode="idle"}[5m]))) * 100 > 90',
    "100 - (node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes * 100) > 90",
    'increase(node_vmstat_oom_kill[5m]) > 0',
    'node_load1 / count without (cpu, mode) (node_cpu_seconds_total{mode="idle"}) > 2',
    'rate(node_vmstat_pgmajfault[5m]) > 500',
    'node_systemd_unit_state{state="failed"} == 1',
    "changes(node_boot_time_seconds[15m]) > 0",
    'min_over_time(node_hwmon_temp_celsius[10m]) > 80',
    "time() - node_textfile_mtime_seconds > 86400",
    # PostgreSQL
    "sum by (instance) (pg_stat_activity_count) > min by (instance) (pg_settings_max_connections) * 0.8",
    "pg_replication_lag_seconds > 30 and pg_replication_is_replica == 1",
    'rate(pg_stat_database_xact_rollback{datname!~"template.*"}[5m]) / (rate(pg_stat_database_xact_commit{datname!~"template.*"}[5m]) + rate(pg_stat_database_xact_rollback{datname!~"template.*"}[5m])) > 0.1',
    "increase(pg_stat_database_deadlocks[1h]) > 5",
    'pg_up == 0',
    'avg by (instance) (rate(pg_stat_database_blks_hit[5m]) / (rate(pg_stat_database_blks_hit[5m]) + rate(pg_stat_database_blks_read[5m]) > 0)) < 0.8',
    # Kubernetes
    'max_over_time(kube_pod_container_status_waiting_reason{reason="CrashLoopBackOff", job="kube-state-metrics"}[5m]) >= 1',
    "sum by (namespace, pod) (max by (namespace, pod) (kube_pod_status_phase{phase=~\"Pending|Unknown\"}) * on (namespace, pod) group_left (owner_kind) topk by (namespace, pod) (1, max by (namespace, pod, owner_kind) (kube_pod_owner{owner_kind!=\"Job\"}))) > 0",
    "kube_deployment_spec_replicas > kube_deployment_status_replicas_available and changes(kube_deployment_status_replicas_updated[10m]) == 0",
    'sum(increase(container_cpu_cfs_throttled_periods_total{container!=""}[5m])) by (container, pod, namespace) / sum(increase(container_cpu_cfs_periods_total[5m])) by (container, pod, namespace) > 0.25',
    'kubelet_volume_stats_available_bytes{job="kubelet"} / kubelet_volume_stats_capacity_bytes{job="kubelet"} < 0.03 and kubelet_volume_stats_used_bytes > 0',
    'sum(namespace_cpu:kube_pod_container_resource_requests:sum) - (sum(kube_node_status_allocatable{resource="cpu"}) - max(kube_node_status_allocatable{resource="cpu"})) > 0',
    'count by (cluster) (sum by (node, cluster) (kube_node_spec_unschedulable) == 1) > 3',
    "kube_horizontalpodautoscaler_status_current_replicas == kube_horizontalpodautoscaler_spec_max_replicas",
    'histogram_quantile(0.99, sum by (le, verb) (rate(apiserver_request_duration_seconds_bucket{verb!="WATCH"}[5m]))) > 1',
    'sum(rate(apiserver_request_total{code=~"5.."}[1h])) / sum(rate(apiserver_request_total[1h])) > (14.40 * 0.01000)',
    'kube_job_status_failed > 0',
    'time() - kube_cronjob_next_schedule_time > 3600',
    # Prometheus, Alertmanager, others
    'absent(up{job="prometheus"} == 1)',
    "min without (alertmanager) (rate(prometheus_notifications_errors_total[5m]) / rate(prometheus_notifications_sent_total[5m])) * 100 > 3",
    "max_over_time(alertmanager_config_last_reload_successful[5m]) == 0",
    'count by (job) (up == 0) / count by (job) (up) > 0.1',
    "(prometheus_tsdb_head_samples_appended_total - prometheus_tsdb_head_samples_appended_total offset 1h) == 0",
    'probe_ssl_earliest_cert_expiry - time() < 86400 * 14',
    "redis_connected_clients / redis_config_maxclients > 0.9",
    "sum by (proxy) (haproxy_frontend_sessions * 100) / sum by (proxy) (haproxy_frontend_limit_sessions) > 80",
    "rabbitmq_queue_messages_ready > 1000",
    'hour() >= 9 and hour() < 17 and on () vector(1)',
    # joins, subqueries, two kinds of histograms, other times
    "sum by (instance) (pg_stat_activity_count) / on (instance) pg_settings_max_connections > 0.8",
    "(count by (job) (redis_instance_info{role='master'}) or 0 * count by (job) (redis_up)) < 1",
    "max_over_time(sum by (job) (rate(http_requests_total[5m]))[1d:10m]) > 3 * avg_over_time(sum by (job) (rate(http_requests_total[5m]))[1d:10m])",
    "sum(rate(http_requests_total[10m])) < 0.2 * sum(rate(http_requests_total[10m] offset 1w))",
    "sum by (job) (rate(http_requests_total[5m] @ end())) > 100",
    "histogram_quantile(0.99, sum by (job) (rate(request_duration_seconds[5m]))) > 1",
    "histogram_quantile(0.99, sum by (job, vmrange) (rate(request_duration_seconds_bucket[5m]))) > 1",
    'label_join(up, "target", "/", "job", "instance") * on (instance) group_left (nodename) node_uname_info == 0',
    "count by (service) (count_values by (service) ('config_hash', alertmanager_config_hash)) != 1",
    "kube_persistentvolumeclaim_info * on (storageclass) group_left (provisioner) topk by (storageclass) (1, max by (storageclass, provisioner) (kube_storageclass_info)) == 1",
]  # fmt: skip
RECORDS = [
    ("instance:node_cpu_utilisation:rate5m", 'sum without (cpu, mode) (1 - rate(node_cpu_seconds_total{mode="idle"}[5m]))'),
    ("namespace_cpu:kube_pod_container_resource_requests:sum", "sum by (namespace) (kube_pod_container_resource_requests)"),
    ("cluster_quantile:apiserver_request_sli_duration_seconds:histogram_quantile",
     "histogram_quantile(0.99, sum by (cluster, le) (rate(apiserver_request_sli_duration_seconds_bucket[5m])))"),
    ("node_namespace_pod:kube_pod_info:",
     'topk by (cluster, namespace, pod) (1, max by (cluster, node, namespace, pod) (label_replace(kube_pod_info, "pod", "$1", "pod", "(.*)")))'),
]  # fmt: skip


_NODE = 'instance="$node"'
# The kind and the unit of a panel, and what it shows.
PANELS = [
    ("timeseries", "bps", f"rate(node_network_receive_bytes_total{{{_NODE}}}[$__rate_interval]) * 8"),
    ("timeseries", "bps", "sum by (pod) (8 * rate(container_network_receive_bytes_total[$__rate_interval]))"),
    ("gauge", "percent", f'100 * (1 - avg(rate(node_cpu_seconds_total{{mode="idle", {_NODE}}}[$__rate_interval])))'),
    ("gauge", "percent", "clamp_min(100 - (avg by (instance) (rate(node_cpu_seconds_total{mode='idle'}[5m])) * 100), 0)"),
    ("gauge", "percent", "100 - ((node_filesystem_avail_bytes * 100) / node_filesystem_size_bytes)"),
    ("timeseries", "percent", "avg by (mode) (rate(node_cpu_seconds_total[$__rate_interval]) * 100)"),
    ("timeseries", "percentunit", "rate(node_disk_io_time_seconds_total[$__rate_interval])"),
    ("timeseries", "s", "rate(node_disk_read_time_seconds_total[5m]) / rate(node_disk_reads_completed_total[5m])"),
    ("timeseries", "bytes", "redis_memory_max_bytes > 0"),
    ("timeseries", "binBps", "-sum(rate(redis_net_output_bytes_total[$__rate_interval]))"),
    ("stat", "s", 'time() - process_start_time_seconds{job=~"redis.*"}'),
    ("piechart", "short", "sum by (phase) (kube_pod_status_phase)"),
    ("timeseries", "short", 'sum by (node) (kube_pod_info * on (namespace, pod) group_left () (kube_pod_status_phase{phase="Running"} == 1))'),
    ("heatmap", "s", "sum by (le) (rate(apiserver_request_duration_seconds_bucket[$__rate_interval]))"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "shown", "expr"), PANELS)
def test_a_correct_panel_of_a_neighbour_is_left_alone(kind: str, shown: str, expr: str) -> None:
    node = {"name": "node", "type": "query", "query": "label_values(node_uname_info, instance)"}
    target = {"refId": "A", "expr": expr}
    one = {"id": 1, "type": kind, "title": "Panel", "targets": [target], **unit(shown)}
    found = board(one, variables=[node]).findings
    assert [(one.check, one.what) for one in found if one.severity != "note"] == []


@pytest.mark.parametrize("expr", ALERTS)
def test_a_correct_alert_of_a_neighbour_is_left_alone(expr: str) -> None:
    found = alert(expr, **{"for": "5m"}).findings
    assert [(one.check, one.what) for one in found if one.severity != "note"] == []


@pytest.mark.parametrize(("name", "expr"), RECORDS)
def test_a_correct_record_of_a_neighbour_is_left_alone(name: str, expr: str) -> None:
    assert [(one.check, one.what) for one in record(name, expr).findings if one.severity != "note"] == []


def test_there_are_forty() -> None:
    assert len(ALERTS) >= 40

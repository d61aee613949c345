# ruff: noqa: E501 - a table
"""The defects of the field's best public dashboards and rules for a registry, rebuilt small, each found by name.

The number of a case is that of the list of defects of a pack of 2022 (R: rules, Q: dashboards, E: links) and of 2025
(D). Those that no query, rule or dashboard shows are listed in `NOT_VISIBLE` with the reason.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from regobs.lint import LintReport, lint_text
from tests.lint.cases import alert, board, found, panel, record, reduced, rules, steps, unit

_TEXT = {"labels": {"severity": "page"}, "annotations": {"summary": "x"}}
_POOL = "go_sql_dbstats_connections_open / go_sql_dbstats_connections_max_open"
_BUCKETS = "sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m]))"
_P90 = f"histogram_quantile(0.9, {_BUCKETS})"
_TWO = [{"name": "cluster", "type": "query", "query": "label_values(up, cluster)"}]


def _text(text: str) -> dict[str, object]:
    return {"annotations": {"summary": text}}


def _at(x: int, y: int, number: int = 1, kind: str = "text") -> dict[str, object]:
    return {"id": number, "type": kind, "title": f"P{number}", "gridPos": {"x": x, "y": y, "w": 12, "h": 8}}


_BURNS = [
    {"alert": "Burn", "for": "2m", "expr": f"a:ratio_{long} > 0.1 and a:ratio_{short} > 0.1", **_TEXT}
    for long, short in (("1h", "5m"), ("6h", "30m"))
]
_HITS = 'sum by (type) (rate(registry_storage_cache_total{type=~"registry"}[$__rate_interval]))'

CASES: list[tuple[str, str, Callable[[], LintReport]]] = [
    ("R1", "ratio-compared-with-percent", lambda: alert(f"avg({_POOL}) > 70")),
    ("R2", "open-against-in-use", lambda: alert(f"max({_POOL}) > 0.7")),
    ("R2", "average-hides", lambda: alert(f"avg({_POOL}) > 0.7")),
    ("R3", "same-for", lambda: rules(*_BURNS)),
    ("R4", "self-resolving", lambda: alert('sum(x:ops{type="registry"} offset 1h) unless sum(x:ops{type="registry"})')),
    ("R5", "label-not-in-result", lambda: alert("avg(registry_database_rows) > 9", **_text("in {{ $labels.stage }}"))),
    ("R6", "traffic-floor", lambda: alert("a:error:ratio_1h > 0.1 and sum(rate(http_requests_total[1h])) >= 1")),
    ("R7", "bucket-spelling", lambda: record("a:b:c", 'sum(rate(registry_storage_action_seconds_bucket{le="10"}[5m]))')),
    ("R8", "never-true", lambda: alert("clamp_max(pg_vacuum_age / pg_freeze_age, 1) > 1")),
    ("R9", "never-true", lambda: alert("(haproxy_nodes_missing == 0) > 0")),
    ("R15", "mixed-events", lambda: record(
        "a:b:c", "sum(rate(registry_http_requests_total[5m])) + sum(rate(registry_database_queries_total[5m]))")),
    ("R17", "uneven-scope", lambda: record("a:b:c", 'sum(rate(a_total{type="registry"}[5m])) / sum(rate(b_total[5m]))')),
    ("R18", "counts-idle-runs", lambda: record("a:b:c", "sum by (le) (rate(registry_gc_run_duration_seconds_bucket[5m]))")),
    ("R23", "dead-route", lambda: lint_text(
        "route: {receiver: a, routes: [{receiver: b, match: {env: gprd}}, {receiver: b, match: {env: gprd}}]}\n"
        "receivers: [{name: a}, {name: b}]\n", "alertmanager.yml", ".yml")),
    ("R24", "many-to-many", lambda: alert(
        "sum by (fqdn, datname) (pg_used) / on (fqdn) sum by (fqdn, instance) (pg_limit) > 0.9")),
    ("R26", "short-range", lambda: record("a:b:rate30s", "sum(rate(haproxy_seconds_total[30s]))")),
    ("R26", "irate-in-panel", lambda: record("a:b:irate1m", "sum(irate(haproxy_total[1m]))")),
    ("R27", "rate-of-record", lambda: record("a:b:c", "sum(rate(kube:memory_total:labeled[5m]))")),
    ("R27", "contradiction", lambda: record("a:b:c", 'sum(go_memstats{type="monitoring", type="registry"})')),
    ("Q1", "duplicate-variable", lambda: board(variables=_TWO * 2)),
    ("Q1", "variable-default", lambda: board(variables=[{**_TWO[0], "current": {"value": "gprd "}}])),
    ("Q1", "variable-default", lambda: board(variables=[{"name": "s", "type": "custom", "query": "main,cny,"}])),
    ("Q2", "unknown-label", lambda: panel("sum by (method, code) (registry_http_in_flight_requests)")),
    ("Q3", "double-counting", lambda: panel(_HITS)),
    ("Q4", "sum-of-durations", lambda: panel("avg(increase(registry_storage_action_seconds_sum[$__rate_interval]))")),
    ("Q5", "sum-of-increases", lambda: panel("sum(increase(a_total[$__interval]))", **reduced("sum"))),
    ("Q6", "interval-in-rate", lambda: panel("sum(rate(a_total[$__interval]))")),
    ("Q7", "mean-of-quantile", lambda: panel(_P90, **reduced("mean"))),
    ("Q7", "last-may-be-null", lambda: panel("sum(up)", **reduced("last"))),
    ("Q8", "green-only-at-limit", lambda: panel("a:b:c", fieldConfig={"defaults": {
        "unit": "percent", "thresholds": {"steps": [{"color": "red", "value": None}, {"color": "green", "value": 100}]}}})),
    ("Q9", "raw-counter", lambda: panel("sum(registry_gc_postpones_total)")),
    ("Q9", "raw-counter", lambda: panel("max_over_time(go_sql_dbstats_connections_waits_total[5m])")),
    ("Q10", "sum-of-maxima", lambda: panel("sum(max_over_time(go_sql_dbstats_connections_open[$__interval]))")),
    ("Q11", "double-counting", lambda: panel("sum(increase(registry_gc_deletes_total[$__range]))")),
    ("Q12", "double-counting", lambda: panel(
        "histogram_quantile(0.9, sum by (le) (rate(registry_gc_delete_duration_seconds_bucket[$__rate_interval])))")),
    ("Q13", "unknown-label", lambda: panel(
        'sum(rate(registry_storage_blob_upload_bytes_sum{migration_path="new"}[$__rate_interval]))')),
    ("Q14", "legend-label", lambda: panel("sum by () (rate(a_total[5m]))", legend="{{migration_path}}")),
    ("Q14", "nested-panels", lambda: board(
        {"id": 1, "type": "row", "title": "r", "collapsed": False, "panels": [_at(0, 0, 2)]})),
    ("Q14", "no-datasource", lambda: board(
        {"id": 1, "type": "stat", "title": "t", "targets": [{"expr": "sum(up)"}]},
        variables=[{"name": "ds", "type": "datasource", "query": "prometheus"}])),
    ("Q16", "panel-unit", lambda: panel(
        "avg(stackdriver_cloudsql_database_cloudsql_googleapis_com_database_cpu_utilization)", **unit("percent"))),
    ("Q18", "quantile-of-each-series", lambda: panel("histogram_quantile(0.6, rate(cdn_latency_seconds_bucket[10m]))")),
    ("Q19", "layout-gap", lambda: board(_at(0, 1), _at(0, 1000, 2, "row"))),
    ("Q17", "panel-unit", lambda: panel(
        "sum by (storage_class) (stackdriver_gcs_bucket_storage_googleapis_com_storage_total_byte_seconds)", **unit("Bps"))),
    ("Q20", "panel-unit", lambda: panel("100 * sum(cpu_used) / sum(cpu_limit)", **unit("percentunit"))),
    ("Q20", "threshold-out-of-reach", lambda: panel(
        'sum(x{a="b"}) / sum(x)', fieldConfig={"defaults": {"unit": "percentunit", **steps(None, 1, 30)}})),
    ("Q20", "uneven-scope", lambda: panel('sum(mem_used{cluster="$cluster"}) / sum(mem_limit)')),
    ("Q20", "undefined-record", lambda: rules(
        {"record": "a:b:c", "expr": "sum(up)"}, {"record": "a:b:d", "expr": "a:b:c / a:b:quota"})),
    ("Q20", "idle-label-replace", lambda: panel('label_replace(x, "pod", "$1", "pod", "(.*)")')),
    ("Q21", "panel-unit", lambda: panel("sum(rate(container_cpu_usage_seconds_total[5m]))", **unit("percentunit"))),
    ("Q22", "uneven-scope", lambda: panel('sum(requests{cluster="a"}) / sum(allocatable)')),
    ("Q23", "threshold-order", lambda: panel("sum(days)", fieldConfig={"defaults": steps(None, 90, 45)})),
    ("Q24", "threshold-order", lambda: panel("sum(slo)", fieldConfig={"defaults": steps(None, None)})),
    ("Q25", "hides-zeros", lambda: panel("sum by (code) (rate(errors_total[$__rate_interval])) > 0")),
    ("Q26", "panel-without-title", lambda: panel("sum(up)", title="")),
    ("Q27", "empty-row", lambda: board(_at(0, 0, 1, "row"), _at(0, 9, 2, "row"), _at(0, 18, 3))),
    ("Q27", "unknown-label", lambda: panel('sum(rate(registry_http_requests_total{error!=""}[$__rate_interval]))')),
    ("Q27", "panel-unit", lambda: panel(_P90, **unit("ops"))),
    ("Q27", "undefined-variable", lambda: panel('sum(up{stage="$stage"})')),
    ("Q31", "old-panel", lambda: panel("sum(up)", kind="graph")),
    ("Q32", "rate-of-gauge", lambda: panel("sum(rate(redis_memory_used_bytes[$__rate_interval]))")),
    ("Q32", "escaped-twice", lambda: panel('sum(rate(redis_total{event=~"sync_\\\\\\\\d+"}[5m]))')),
    ("Q33", "average-of-quantiles", lambda: panel("avg(controller:latency_seconds:p95)")),
    ("Q34", "duplicate-variable", lambda: board(variables=_TWO * 2)),
    ("Q35", "irate-in-panel", lambda: panel("sum by (a, b, c) (irate(registry_http_requests_total[1m]))")),
    ("Q36", "duplicate-panel-id", lambda: board(_at(0, 0, 2**31))),
    ("E8", "dashboard-time", lambda: board(time={"from": "now-24", "to": "now"})),
    ("D1", "ratio-compared-with-percent", lambda: alert(f"avg by (stage) ({_POOL}) > 70")),
    ("D2", "no-such-bucket", lambda: record(
        "a:b:c", 'sum(rate(registry_http_request_duration_seconds_bucket{route="x", le="3"}[5m]))')),
    ("D3", "unknown-metric", lambda: record("a:b:c", "sum(rate(registry_redis_single_errors_count[5m]))")),
    ("D5", "removed-metric", lambda: alert("sum(registry_notifications_pending_total) > 100")),
    ("D6", "impossible-value", lambda: panel(
        'sum(rate(registry_notifications_events_total{exported_type="Errors"}[$__rate_interval]))')),
    ("D6", "impossible-value", lambda: alert(
        'sum(rate(registry_notifications_events_total{exported_type=~"Failures|Errors"}[5m])) > 1')),
    ("D11", "grows-with-processes", lambda: alert(
        'sum(rate(registry_database_lb_pool_events_total{event="replica_quarantined"}[5m])) > 0.05')),
    ("D12", "rate-of-gauge", lambda: alert("sum(rate(registry_notifications_pending[1m])) > 2")),
    ("D13", "rate-of-gauge", lambda: panel("sum(rate(registry_redis_pool_stats_total_conns[$__rate_interval]))")),
    ("D13", "raw-counter", lambda: panel("sum(registry_redis_pool_stats_hits)")),
    ("D14", "raw-counter", lambda: panel(
        "sum(redis_keyspace_hits_total) / (sum(redis_keyspace_hits_total) + sum(redis_keyspace_misses_total))")),
    ("D15", "raw-counter", lambda: panel("registry_gc_postpones_total")),
    ("D17", "quantile-of-each-series", lambda: panel("histogram_quantile(0.9, rate(cdn_seconds_bucket[5m]))")),
    ("D18", "sum-of-durations", lambda: panel("avg(increase(registry_storage_action_seconds_sum[5m]))")),
    ("D18", "double-counting", lambda: panel("sum(rate(registry_storage_cache_total[5m]))")),
    ("D19", "sum-of-copies", lambda: panel("sum(registry_storage_object_accesses_topn)")),
    ("D20", "label-not-in-result", lambda: alert("sum(registry_notifications_pending) > 9", **_text("{{$labels.env}}"))),
    ("D21", "interval-in-rate", lambda: panel("sum(increase(a_total[$__interval]))", **reduced("last"))),
    ("D22", "panel-unit", lambda: panel(_P90, **unit("short"))),
    ("D22", "panel-unit", lambda: panel(
        "sum(rate(registry_storage_blob_download_bytes_sum[$__rate_interval]))", **unit("bps"))),
    ("D22", "panel-unit", lambda: panel('sum(rate(a_total{b="c"}[5m])) / sum(rate(a_total[5m]))', **unit("ops"))),
    ("D24", "panel-overlap", lambda: board(_at(0, 4000, 1), _at(0, 4001, 2))),
    ("D24", "layout-gap", lambda: board(_at(0, 1), _at(0, 1000, 2))),
    ("D25", "open-against-in-use", lambda: panel(f"max({_POOL})")),
    ("D26", "pools-mixed", lambda: panel(
        "sum(go_sql_dbstats_connections_in_use) / sum(go_sql_dbstats_connections_max_open)")),
    ("D27", "unknown-label", lambda: panel("sum by (method, route, code) (registry_http_in_flight_requests)")),
    ("D28", "counts-idle-runs", lambda: panel("sum(rate(registry_gc_runs_total[$__rate_interval]))")),
    ("D29", "newest-by-timestamp", lambda: panel("topk(1, timestamp(registry_bbm_status))")),
    ("D31", "head-counted", lambda: panel("sum(rate(registry_storage_blob_download_bytes_sum[$__rate_interval]))")),
    ("D32", "impossible-value", lambda: panel(
        'sum(rate(registry_storage_cdn_redirects_total{bypass="true", bypass_reason="nothing"}[$__rate_interval]))')),
    ("D37", "unknown-metric", lambda: panel("sum(rate(registry_database_lb_lookup_duration_seconds_sum[5m]))")),
    ("D37", "unknown-metric", lambda: panel("sum(rate(registry_notifications_total_latency_sum[5m]))")),
    ("D38", "broken-link", lambda: alert("up == 0", annotations={"summary": "x", "runbook_url": "hhttps://example.com/a"})),
    ("D42", "traffic-floor", lambda: alert("a:error:ratio > 0.1 and a:requests:ops > 1")),
]  # fmt: skip

# Defects that could be read from a query, rule or dashboard, and that no check finds.
NOT_FOUND = {
    "R13": "an anchored regular expression is meant in most places; whether this one was, only its author knows",
    "R28": "whether quotas are set at all is known to the cluster, not to the rule",
    "R29": "that the denominator counts only waiting containers needs the meaning of a neighbour's metric",
    "Q29": "which tags a team's menus look for is a convention of that team",
    "D9": "how far a standard deviation can go depends on the number of replicas",
    "D10": "whether half of two replicas should alert is a decision",
}
NOT_VISIBLE = {
    "R10 R11 R12 R14 R16 R19 R20 R21 R22 R25 R31 R32 R33 R34 R35": "in a service catalogue, generator or route",
    "Q15 Q28 Q30 E1 E2 E3 E4 E5 E6 E7 E9 E10": "in a generator, in Kibana, or only across the files of a whole pack",
    "R30 D4 D7 D8 D16 D23 D30 D33 D34 D35 D36 D39 D40 D41": "in the registry, in texts, or in what another process does",
}


@pytest.mark.parametrize(("number", "check", "lint"), CASES, ids=[f"{one[0]}-{one[1]}" for one in CASES])
def test_a_known_defect_is_found_by_its_check(number: str, check: str, lint: Callable[[], LintReport]) -> None:
    assert check in found(lint()), number


def test_nine_of_ten_known_defects_are_found() -> None:
    seen = {number for number, _, _ in CASES}
    assert not seen & NOT_FOUND.keys()
    assert len(seen) >= 0.9 * (len(seen) + len(NOT_FOUND))

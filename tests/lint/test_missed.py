# ruff: noqa: E501 - a table
"""Defects that other checks once passed over, each beside what looks like it and is right."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from regobs.lint import LintReport, lint_text
from tests.lint.cases import alert, board, found, panel, query, rules, unit

_LE = "registry_http_request_duration_seconds_bucket"


def _two(first: str, second: str, **more: object) -> LintReport:
    return rules({"record": "job:a:b", "expr": first}, {"record": "job:a:b", "expr": second, **more})


_PANEL = {"id": 1, "type": "stat", "title": "Up", "targets": [{"refId": "A", "expr": "up"}]}
_SHARD = [{"name": "shard", "type": "query", "query": "label_values(up, shard)"}]


def _runbook(url: str) -> LintReport:
    return alert("up == 0", annotations={"summary": "x", "runbook_url": url})


def _summary(text: str) -> LintReport:
    return alert("up == 0", annotations={"summary": text})


def _recorded(expr: str) -> LintReport:
    """An alert beside the rule that records its series by job."""
    told = {"alert": "A", "expr": expr, "labels": {"severity": "page"}, "annotations": {"summary": "x"}}
    return rules({"record": "job:a:b", "expr": "sum by (job) (rate(registry_http_requests_total[5m]))"}, told)


def _each(interval: str, expr: str) -> LintReport:
    """A rule of a group that is evaluated that often."""
    return lint_text(
        f"groups: [{{name: a, interval: {interval}, rules: [{{record: job:a:b, expr: '{expr}'}}]}}]\n",
        "a.yaml",
        ".yaml",
    )


def _of_cluster(label: str) -> LintReport:
    """An alert of a PrometheusRule with one more label."""
    rule = f"{{alert: A, expr: up == 0, labels: {{severity: page, {label}}}, annotations: {{summary: x}}}}"
    head = "apiVersion: monitoring.coreos.com/v1\nkind: PrometheusRule\nmetadata: {name: a}\n"
    return lint_text(f"{head}spec: {{groups: [{{name: a, rules: [{rule}]}}]}}\n", "a.yaml", ".yaml")


def _inhibited(expr: str, equal: str = "instance") -> LintReport:
    texts = "annotations: {summary: x}"
    listed = ", ".join(f'{{alert: {name}, expr: "{expr} > 5", labels: {{severity: {name}}}, {texts}}}' for name in "ab")
    matchers = "source_matchers: [severity=a], target_matchers: [severity=b]"
    text = f"groups: [{{name: a, rules: [{listed}]}}]\n---\ninhibit_rules: [{{{matchers}, equal: [{equal}]}}]\n"
    return lint_text(text, "a.yaml", ".yaml")


def _routed(routes: str) -> LintReport:
    return lint_text(
        f"route: {{receiver: a, routes: {routes}}}\nreceivers: [{{name: a}}, {{name: b}}]\n", "a.yaml", ".yaml"
    )


def _placed(x: float, y: int, w: int, h: int, number: int = 1) -> dict[str, Any]:
    """A panel in a place."""
    return {"id": number, "type": "text", "title": f"{number}", "gridPos": {"x": x, "y": y, "w": w, "h": h}}


def _asks(*targets: dict[str, Any]) -> dict[str, Any]:
    """A panel with these queries."""
    listed = [{"refId": "A", "expr": "sum(up)", **one} for one in targets]
    return {"id": 1, "type": "timeseries", "title": "Up", "targets": listed}


_DOWN = {
    "alert": "A",
    "expr": "up == 0",
    "for": "5m",
    "labels": {"severity": "ticket"},
    "annotations": {"summary": "a"},
}
# name of the check, what it finds, what is just no such thing
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    *(("no-such-bucket", lambda le=le: query(f'rate({_LE}{{le="{le}"}}[5m])'), lambda: query(f'rate({_LE}{{le="0.5"}}[5m])'))
      for le in ("+inf", "inf", "-inf", "Inf", "1e9999", "0.50", ".5", "5e-1", "00.5")),
    ("no-such-bucket", lambda: query('rate(x_bucket{le="1e0"}[5m])'), lambda: query('rate(x_bucket{le=~"1|1[.]0"}[5m])')),
    ("no-such-bucket", lambda: query('rate(x_bucket{le=".5"}[5m])'), lambda: query('rate(x_bucket{le=~"[.]5|0[.]5"}[5m])')),
    *(("no-such-bucket", lambda: query('rate(x_bucket{le="+INF"}[5m])'), lambda le=le: query(f'rate(x_bucket{{le="{le}"}}[5m])'))
      for le in ("+Inf", "1e+06", "1000000", "1000000.0", "1.0E6", "1e-05", "1.048576e+06", "0", "-1", "0.005")),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(a_total[10m]))"),
     lambda: _two("sum by (job) (rate(a_total{job='x'}[5m]))", "sum by (job) (rate(a_total{job='y'}[10m]))")),
    ("conflicting-records",
     lambda: _two("rate(a_total[5m])", "rate(a_total[10m])"),
     lambda: _two("rate(a_total[5m])", "rate(a_total[10m])", labels={"window": "10m"})),
    ("conflicting-records",
     lambda: _two("max by (job) (a)", "avg by (job) (a)"), lambda: _two("max by (job) (a)", "max by (instance) (a)")),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(registry_gc_runs_total[5m]))", "sum by (job) (rate(registry_gc_postpones_total[5m]))"),
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(b_total[5m]))")),
    ("conflicting-records",
     lambda: _two("sum by (job) (a)", "sum by (job) (a) * 2"), lambda: _two("sum by (job) (a) > 5", "sum by (job) (a) <= 5")),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(a_total{code='500'}[5m]))"),
     lambda: _two("sum by (job) (rate(a_total[5m]))", "sum by (job) (rate(a_total{job='x'}[5m]))")),
    ("conflicting-records",
     lambda: _two("sum without (code) (a{code='500',path='/'})", "sum without (code) (a{path='/'})"),
     lambda: _two("sum without (code) (a{code='500'})", "sum without (code) (a{code='404'})")),
    ("conflicting-records", lambda: _two("1", "2"), lambda: _two("a", "b")),
    *(("duplicate-rule", lambda other=other: _two("sum by (b, a) (c{d='1', e='2'})", other),
       lambda: _two("sum by (b, a) (c{d='1', e='2'})", "sum by (b, a) (c{d='2', e='1'})"))
      for other in ("sum by (a, b) (c{d='1', e='2'})", "sum by (b, a) (c{e='2', d='1'})", "sum by (a, b) ((c{e='2', d='1'}))")),
    ("duplicate-rule", lambda: rules(_DOWN, {**_DOWN, "for": "10m"}), lambda: rules(_DOWN, {**_DOWN, "labels": {"severity": "page"}})),
    ("duplicate-rule", lambda: rules(_DOWN, {**_DOWN, "annotations": {"summary": "b"}}), lambda: rules(_DOWN, {**_DOWN, "alert": "B"})),
    *(("value-in-label",
       lambda text=text: alert("up == 0", labels={"severity": "page", "a": text}),
       lambda text=text: alert("up == 0", annotations={"summary": text, "runbook_url": "https://a/b"}))
      for text in ("{{ $value }}", "{{$value}}", "{{- .Value | humanize -}}", '{{ printf "%.0f" $value }}',
                   "{{ query \"time()\" | first | value }}", "{{ now }}")),
    *(("value-in-label",
       lambda: alert("up == 0", labels={"severity": "page", "a": "at {{ $value }}"}),
       lambda text=text: alert("up == 0", labels={"severity": "page", "a": text}))
      for text in ("{{ if gt $value 5.0 }}a{{ else }}b{{ end }}", "$value", "{{ $labels.value }}", '{{ "$value" }}',
                   "{{ $labels.job }}", "{{ with $value }}a{{ end }}", "{{ .Labels.job | title }}", "{{/* $value */}}")),
    *(("rule-label-in-template",
       lambda: alert("sum by (job) (up) == 0", annotations={"summary": "{{ $labels.severity }}", "runbook_url": "https://a/b"}),
       lambda expr=expr: alert(expr, labels={"severity": "page", "job": "a"}, annotations={"summary": "{{ $labels.job }}", "runbook_url": "https://a/b"}))
      for expr in ("sum by (job) (up) == 0", "up == 0", "sum without (a) (up) == 0")),
    ("rule-label-in-template",
     lambda: alert("sum(up) == 0", labels={"severity": "page", "a": "{{ $labels.severity }}"}),
     lambda: alert("sum(up) == 0", labels={"severity": "page", "a": "severity"})),
    ("template-in-record",
     lambda: rules({"record": "a:b:sum", "expr": "sum(up)", "labels": {"c": "x{{ $value }}"}}),
     lambda: rules({"record": "a:b:sum", "expr": "sum(up)", "labels": {"c": "x{{"}})),
    ("template-in-record",
     lambda: rules({"record": "a:b:sum", "expr": "sum(up)", "labels": {"c": "{{ $labels.job }}"}}),
     lambda: alert("sum by (job) (up) == 0", labels={"severity": "page", "c": "{{ $labels.job }}"})),
    *(("dashboard-time", lambda time=time: board(time={"from": time, "to": "now"}), lambda: board(time={"from": "now-6h", "to": "now"}))
      for time in ("nw-6h", "now-6H", "NOW-6h", "6h", "-6h", "yesterday", "now -6h", "now", "now+1h", "2024-1-1")),
    *(("dashboard-time", lambda: board(time={"from": "now-6h", "to": "nwo"}), lambda time=time: board(time={"from": time, "to": "now"}))
      for time in ("now-1w/w", "1700000000000", "2024-01-01", "2024-01-01T00:00:00.000Z", "2024-01-01 10:00:00", "$from", "", 5,
                   "20240101T101500", "2024-01-01T00:00:00+02:00", "{{ .from }}")),
    ("dashboard-time", lambda: board(time={"from": "now-1h", "to": "now-1d"}), lambda: board(time={"from": "now-1d", "to": "now-1h"})),
    *(("dashboard-time", lambda: board(refresh="30 seconds"), lambda every=every: board(refresh=every))
      for every in ("30s", "5m", "", "auto", False, "$refresh", "1d")),
    *(("panel-off-grid", lambda place=place: board(_placed(*place)), lambda: board(_placed(12, 0, 12, 8), _placed(0, 0, 12, 8, 2)))
      for place in ((18, 0, 12, 8), (0, 0, 25, 8), (-1, 0, 4, 8), (0, -1, 4, 8), (0, 0, 0, 8), (0, 0, 4, 0))),
    ("panel-off-grid", lambda: board(_placed(13, 0, 12, 8)), lambda: board(_placed(1.5, 0, 30, 8))),
    ("panel-off-grid", lambda: board(_placed(0, 0, 0, 0)), lambda: board({**_placed(0, 0, 0, 0), "type": "row"})),
    ("duplicate-query-letter", lambda: board(_asks({}, {})), lambda: board(_asks({}, {"refId": "B"}))),
    ("duplicate-query-letter", lambda: board(_asks({}, {"refId": "B"}, {"refId": "B"})), lambda: board(_asks({}, {"hide": True}))),
    ("duplicate-query-letter", lambda: board(_asks({}, {})), lambda: board(_asks({"refId": ""}, {"refId": ""}))),
    ("always-true",
     lambda: alert('count(up{job="registry"} == 0) > 0 or vector(0)'),
     lambda: alert('(count(up{job="registry"} == 0) or vector(0)) > 0')),
    ("always-true", lambda: alert("up == 0 or vector(0) < 1"), lambda: alert("up == 0 or vector(0) > 1")),
    ("always-true",
     lambda: alert('rate(x_total{code=~"5.."}[5m]) / rate(x_total[5m]) > 0.05'),
     lambda: alert('rate(x_total{code=~"5.."}[5m]) / ignoring (code) sum without (code) (rate(x_total[5m])) > 0.05')),
    ("always-true",
     lambda: alert('x_total{code=~"5.."} / x_total > 0.05'),
     lambda: alert('rate(x_total{code=~"5.."}[5m]) / rate(y_total[5m]) > 0.05')),
    ("average-of-quantiles",
     lambda: query(f"avg_over_time(histogram_quantile(0.9, sum by (le) (rate({_LE}[5m])))[1h:])"),
     lambda: query(f"max_over_time(histogram_quantile(0.9, sum by (le) (rate({_LE}[5m])))[1h:])")),
    ("quantile-without-le",
     lambda: query("histogram_quantile(0.9, sum by (le) (rate(x_seconds_sum[5m])))"),
     lambda: query("histogram_quantile(0.9, sum by (le) (rate(x_seconds_bucket[5m])))")),
    ("raw-counter",
     lambda: panel(f"histogram_quantile(0.9, sum by (le) ({_LE}))"),
     lambda: panel(f"histogram_quantile(0.9, sum by (le) (rate({_LE}[5m])))")),
    ("sides-never-match",
     lambda: alert("sum(rate(a_total[5m])) > 3 and go_goroutines > 4"),
     lambda: alert("sum(rate(a_total[5m])) > 3 and on () go_goroutines > 4")),
    ("sides-never-match",
     lambda: alert("max by (job) (a) > 3 unless up == 0"),
     lambda: alert("max by (job, instance) (a) > 3 unless up == 0")),
    ("sides-never-match",
     lambda: alert("go_goroutines > 3 and sum(rate(a_total[5m])) > 4"), lambda: alert("b > 3 and sum(a) > 4")),
    ("legend-label",
     lambda: panel("registry_http_in_flight_requests", legend="{{route}}"),
     lambda: panel("registry_http_in_flight_requests", legend="{{instance}} {{team}}")),
    ("legend-label",
     lambda: panel("rate(registry_gc_postpones_total[5m])", legend="{{code}}"),
     lambda: panel("rate(registry_http_requests_total[5m])", legend="{{code}}")),
    ("label-not-in-result",
     lambda: alert("registry_http_in_flight_requests > 5", annotations={"summary": "{{ $labels.code }}"}),
     lambda: alert("registry_http_in_flight_requests > 5", annotations={"summary": "{{ $labels.pod }}"})),
    ("panel-unit", lambda: panel("sum(increase(a_total[1h]))", **unit("reqps")), lambda: panel("sum(rate(a_total[1h]))", **unit("reqps"))),
    ("panel-unit", lambda: panel("sum(increase(a_total[1m]))", **unit("ops")), lambda: panel("sum(increase(a_total[1m]))", **unit("opm"))),
    ("panel-unit",
     lambda: panel("sum(go_memstats_heap_alloc_bytes)", **unit("short")), lambda: panel("sum(go_memstats_heap_alloc_bytes)", **unit("bytes"))),
    ("panel-unit",
     lambda: panel("sum(rate(registry_storage_action_seconds_sum[5m]))", **unit("ops")),
     lambda: panel("sum(rate(registry_storage_action_seconds_sum[5m]))", **unit("short"))),
    ("broken-template",
     lambda: _summary('{{ query "sum(rate(foo[5m])" }}'), lambda: _summary('{{ query "sum(rate(foo{a=\\"b\\"}[5m]))" }}')),
    ("broken-template",
     lambda: _summary("{{ with query `sum(` }}{{ end }}"), lambda: _summary('{{ query (printf "sum(rate(foo{a=%q}[5m]))" $labels.a) }}')),
    ("label-lost-before-routing", lambda: _inhibited("max(go_goroutines)"), lambda: _inhibited("go_goroutines")),
    ("label-lost-before-routing",
     lambda: _inhibited("sum(rate(registry_http_requests_total[5m]))", "code"),
     lambda: _inhibited("sum by (code) (rate(registry_http_requests_total[5m]))", "code")),
    ("label-lost-before-routing", lambda: _inhibited("max(a * on (zone) sum by (zone) (a))", "zone"), lambda: _inhibited("max(a{zone='b'})", "zone")),
    ("unknown-label",
     lambda: query('registry_http_requests_total{metod="GET"}'), lambda: query('registry_http_requests_total{zone="a"}')),
    ("uneven-scope",
     lambda: panel('sum(a{job=~"$job"}) / sum(b)'), lambda: panel('sum(a{job=~"$job"}) / sum(b{job=~"$job"})')),
    ("undefined-variable", lambda: panel("up", repeat="shard"), lambda: board(_PANEL | {"repeat": "shard"}, variables=_SHARD)),
    ("undefined-variable",
     lambda: panel("up", datasource={"type": "prometheus", "uid": "${ds}"}),
     lambda: panel("up", datasource={"type": "prometheus", "uid": "abc"})),
    ("undefined-variable", lambda: panel("up", title="Of $stage"), lambda: panel("up", title="Of $5 at ${__interval}")),
    ("undefined-variable",
     lambda: panel("up", links=[{"url": "/d/a?var-job=${jobb}"}]),
     lambda: panel("up", links=[{"url": "/d/a?${__url_time_range}"}])),
    ("unit-mismatch",
     lambda: alert("probe_ssl_earliest_cert_expiry < 86400 * 14"),
     lambda: alert("probe_ssl_earliest_cert_expiry - time() < 86400 * 14")),
    ("unit-mismatch", lambda: alert("process_start_time_seconds > 3600"), lambda: alert("process_start_time_seconds == 0")),
    ("impossible-value",
     lambda: query('rate(registry_http_requests_total{code="5xx"}[5m])'),
     lambda: query('rate(registry_http_requests_total{code="500"}[5m])')),
    ("impossible-value",
     lambda: query('rate(registry_storage_cache_total{type="hit"}[5m])'),
     lambda: query('rate(registry_storage_cache_total{type="Hit"}[5m])')),
    ("unknown-label", lambda: query('sum by (x) (label_replace(rate(registry_http_requests_total[5m]), "x", "$1", "metod", "(.*)"))'), lambda: query('sum by (x) (label_replace(rate(registry_http_requests_total[5m]), "x", "$1", "method", "(.*)"))')),
    ("unknown-label", lambda: query('label_join(rate(registry_http_requests_total[5m]), "x", "-", "code", "metod")'), lambda: query('label_join(sum by (team) (rate(registry_http_requests_total[5m]) * on () group_left (metod) team_jobs), "x", "-", "metod")')),
    ("unknown-metric", lambda: query("redis_upp == 0"), lambda: query("team_upp == 0")),
    ("unknown-metric", lambda: query("rate(node_cpu_second_total[5m])"), lambda: query("rate(node_cpu_seconds_total[5m])")),
    ("unknown-label", lambda: query("sum by (le) (rate(registry_http_requests_total[5m]))"), lambda: query(f"sum by (le) (rate({_LE}[5m]))")),
    ("unknown-label", lambda: query('rate(registry_http_requests_total{le="1"}[5m])'), lambda: query('rate(registry_http_requests_total{le=""}[5m])')),
    ("unknown-label", lambda: query("sum by (quantile) (rate(registry_http_requests_total[5m]))"), lambda: query("sum by (quantile) (go_gc_duration_seconds)")),
    ("lost-label", lambda: query("max by (pod) (sum without (pod) (up))"), lambda: query("max by (pod) (sum without (instance) (up))")),
    ("lost-label",
     lambda: _recorded('job:a:b{route="/v2/"} > 1'), lambda: _recorded('job:a:b{job="registry", cluster="a", route=~".*|x"} > 1')),
    ("contradiction", lambda: query('rate(a_total{method!~".*"}[5m])'), lambda: query('rate(a_total{method!~".+"}[5m])')),
    ("never-true", lambda: alert("rate(a_total[5m]) > 10 unless rate(a_total[5m]) > 5"), lambda: alert("rate(a_total[5m]) > 5 unless rate(a_total[5m]) > 10")),
    ("never-true", lambda: alert("rate(a_total[5m]) < 5 unless rate(a_total[5m]) <= 5"), lambda: alert("rate(a_total[5m]) <= 5 unless rate(a_total[5m]) < 5")),
    ("no-such-bucket", lambda: query(f'sum(rate({_LE}{{le=~"0.1|0.2"}}[5m]))'), lambda: query(f'sum(rate({_LE}{{le=~"0.1|0.25"}}[5m]))')),
    ("unknown-metric", lambda: query('{__name__=~"registry_htp_.*"}'), lambda: query('{__name__=~"registry_http_.*"}')),
    ("unknown-metric", lambda: query('{__name__=~"registry_database_pool_.+"}'), lambda: query('{__name__=~"registry_pods_.+"}')),
    ("window-below-interval", lambda: _each("10m", "rate(a_total[5m])"), lambda: _each("5m", "rate(a_total[5m])")),
    ("window-below-interval", lambda: _each("10m", "rate(a_total[9m])"), lambda: _each("10m", "max_over_time(rate(a_total[5m])[10m:5m])")),
    ("broken-template", lambda: _summary("{{ .Label.job }}"), lambda: _summary('{{ range query "up" }}{{ .Labels.job }}{{ .Value }}{{ end }}{{ .Labels.job }}')),
    # vmalert gives $expr and others, and has functions that Prometheus lacks.
    ("broken-template", lambda: _summary("{{ $exprs }}"), lambda: _summary("{{ $expr }} {{ $for }} {{ $activeAt }} {{ $groupID }}{{ $alertID }}")),
    ("broken-template", lambda: _summary("{{ $value | quoteEscap }}"), lambda: _summary("{{ $expr | queryEscape }}{{ $expr|quotesEscape }}")),
    ("broken-rule", lambda: _of_cluster("tier: 1"), lambda: _of_cluster("tier: '1'")),
    ("undefined-variable",
     lambda: panel("up", datasource={"type": "prometheus", "uid": "${DS_A-B}"}),
     lambda: board({**_PANEL, "datasource": {"type": "prometheus", "uid": "${DS_A-B}"}}, __inputs=[{"name": "DS_A-B", "type": "datasource"}])),
    ("sum-of-copies", lambda: query("sum(registry_database_rows)"), lambda: query("sum by (job) (go_memstats_gc_cpu_fraction) > 0.5")),
    ("panel-unit", lambda: panel("my_wait_seconds * 1000", **unit("dateTimeAsIso")), lambda: panel("bind_config_time_seconds * 1000", **unit("dateTimeAsIso"))),
    ("syntax", lambda: query('label_replace(up, "x", "$1", "y", "(")'), lambda: query('label_replace(up, "x", "$1", "y", "(.*)")')),
    ("broken-link", lambda: _runbook("TODO"), lambda: _runbook("/runbooks/a")),
    ("broken-link", lambda: _runbook("htps//x.example.com/a"), lambda: _runbook("{{ $externalURL }}/a")),
    ("dead-route",
     lambda: _routed("[{receiver: b}, {receiver: a, matchers: [severity=page]}]"),
     lambda: _routed("[{receiver: b, continue: true}, {receiver: a, matchers: [severity=page]}]")),
    ("dead-route",
     lambda: _routed("[{receiver: a, matchers: ['severity=~\"crit(\"']}]"),
     lambda: _routed("[{receiver: a, matchers: ['severity=~\"crit(ical)?\"']}]")),
    *(("raw-counter", lambda wrong=wrong: alert(wrong), lambda right=right: alert(right)) for wrong, right in (
        ("max_over_time(registry_gc_runs_total[5m]) > 0", "registry_gc_runs_total > 0"),
        ("sum(avg_over_time(registry_gc_runs_total[5m])) != 0", "max_over_time(registry_gc_runs_total[5m]) == 0"),
        ("max_over_time(a_errors_total[5m]) > 0", "max_over_time(a_pending_errors_total[5m]) > 0"),
        ("registry_gc_runs_total - registry_gc_runs_total offset 5m > 3",
         "registry_gc_runs_total - registry_gc_runs_total offset 5m == 0"),
        ("sum by (job) (registry_gc_runs_total) - sum by (job) (registry_gc_runs_total offset 1h) > 3",
         "sum by (job) (registry_http_in_flight_requests) - sum by (job) (registry_http_in_flight_requests offset 1h) > 3"),
        ("a_errors_total - (a_errors_total offset 5m) > 3",
         "(a_errors_total - a_errors_total offset 5m) > 3 or (a_errors_total unless a_errors_total offset 5m)"),
        ("a_errors_total > b_errors_total", "increase(a_errors_total[5m]) > increase(b_errors_total[5m])"),
        ("a_errors_total > b_errors_total", "a_errors_total != b_errors_total"),
        ("a_errors_total > b_errors_total", "a_errors_total > a_errors_total offset 5m"),
        ("a_errors_total <= b_errors_total", "a_errors_total > on (job) a_limit"),
    )),
    *(("never-true", lambda wrong=wrong: alert(wrong), lambda right=right: alert(right)) for wrong, right in (
        ("disk_used_percent > 100", "disk_used_percent > 99"),
        ("avg(node_memory_used_percentage) >= 101", "avg(node_memory_used_percentage) >= 100"),
        ("max_over_time(a_cache_hit_percent[5m]) == 110", "max_over_time(a_cache_hit_percent[5m]) == 100"),
        ("disk_used_percent > 100", "container_cpu_used_percent > 100"),
        ("disk_used_percent > 100", "traffic_percent > 100"),
        ("disk_used_percent > 100", "memory_used_growth_percent > 100"),
        ("disk_used_percent > 100", "disk_used_percent < 100"),
    )),
    ("interval-in-rate", lambda: panel("increase(sum(a)[$__interval:])"), lambda: panel("increase(sum(a)[$__rate_interval:])")),
    ("interval-in-rate", lambda: panel("max_over_time(a[5m:$__interval])"), lambda: panel("max_over_time(a[5m:1m])")),
    ("interval-in-rate", lambda: panel("max_over_time(a[1h:${__interval}])"), lambda: panel("max_over_time(a[$__range:$__interval])")),
    ("broken-rule", lambda: alert("up == 0", labels={"severity": "page", "alertname": "a"}), lambda: alert("up == 0", labels={"severity": "page", "alert_name": "a"})),
    ("broken-rule",
     lambda: alert("up == 0", labels={"severity": "page", "alertname": "a"}),
     lambda: rules({"record": "a:b:count", "expr": "count(ALERTS)", "labels": {"alertname": "a"}})),
    ("conflicting-records",
     lambda: _two("sum by (job) (rate(a_total[5m])) / sum by (job) (rate(b_total[5m]))", "sum by (job) (rate(a_total[9m])) / sum by (job) (rate(b_total[9m]))"),
     lambda: _two("sum by (job) (rate(a_total[5m])) / sum by (job) (rate(b_total[5m]))", "sum by (job) (rate(c_total[5m])) / sum by (job) (rate(b_total[5m]))")),
    ("conflicting-records",
     lambda: _two("a / b", "a * b"), lambda: _two('a{x="1"} / b', 'a{x="2"} / b')),
]  # fmt: skip


def test_a_counter_less_itself_is_told_once_with_the_increase_that_is_meant() -> None:
    report = panel("registry_gc_runs_total - registry_gc_runs_total offset 1h")
    (one,) = [one for one in report.findings if one.check == "raw-counter"]
    assert one.next_step == "write increase(registry_gc_runs_total[1h])"


def test_the_restarts_that_the_cluster_counts_of_a_pod_may_be_subtracted() -> None:
    restarts = "kube_pod_container_status_restarts_total"
    assert "raw-counter" not in found(alert(f"{restarts} - {restarts} offset 10m >= 1"))


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_defect_is_found_and_what_looks_like_it_is_not(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())


def test_a_pattern_that_is_a_misspelt_name_is_told_with_the_whole_name_that_is_meant() -> None:
    told = query('sum({__name__=~"registry_http_request_total"})')
    [one] = [one for one in told.findings if one.check == "unknown-metric"]
    assert one.next_step == "did you mean registry_http_requests_total?"


@pytest.mark.parametrize(
    ("pattern", "meant"),
    [
        ("registry_http_requests_totl|registry_storage_action_seconds_count", "registry_http_requests_total"),
        ("(registry_http_requests_totl|up)", "registry_http_requests_total"),
        ("^registry_http_requests_totl$", "registry_http_requests_total"),
        ("^(?:registry_http_requests_totl)$", "registry_http_requests_total"),
        ("registry_http_request.*_totl", "registry_http_requests_total"),
        ("pg_stat_database_numbackend", "pg_stat_database_numbackends"),
        ("up|pg_stat_database_numbackend", "pg_stat_database_numbackends"),
    ],
)
def test_what_in_a_pattern_is_a_misspelt_name_is_told_as_a_build_does(pattern: str, meant: str) -> None:
    told = query(f'sum({{__name__=~"{pattern}"}})')
    [one] = [one for one in told.findings if one.check == "unknown-metric"]
    assert one.next_step == f"did you mean {meant}?"


@pytest.mark.parametrize(
    "pattern",
    ["registry_http_requests_total|up", "^(pg_up|team_jobs)$", "go_sql_stats_connections_(open|idle)", "(a|b)_total"],
)
def test_a_pattern_of_right_names_is_not_told(pattern: str) -> None:
    assert "unknown-metric" not in found(query(f'sum({{__name__=~"{pattern}"}})'))

"""Defects of alerts that were missed: pools, absences, milliseconds, percentages in texts; beside what is none."""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter

import pytest

from regobs.lint import LintReport, Severity
from regobs.lint.templates import value_actions
from tests.lint.cases import alert, board, found, rules

_PERCENT = "100 * sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 5"
_RATIO = "sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 0.05"
_OPEN = "go_sql_dbstats_connections"
_PANEL = {"id": 1, "type": "stat", "title": "Up", "targets": [{"refId": "A", "expr": "sum(up)"}]}


def _told(expr: str, text: str) -> LintReport:
    return rules({"alert": "A", "expr": expr, "labels": {"severity": "page"}, "annotations": {"summary": text}})


def _mark(expr: str, **more: object) -> LintReport:
    """A dashboard that draws marks where a query has a result."""
    asked = {"name": "Restarts", "enable": True, "target": {"refId": "A", "expr": expr}, **more}
    return board(_PANEL, annotations={"list": [asked]})


# name of the check, how what it finds looks, how what resembles it looks
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    (
        "open-against-in-use",
        lambda: alert(f"max(({_OPEN}_in_use + {_OPEN}_idle) / {_OPEN}_max_open) > 0.8"),
        lambda: alert(f"max({_OPEN}_in_use / {_OPEN}_max_open) > 0.8"),
    ),
    (
        "open-against-in-use",
        lambda: alert("(sum(app_pool_idle) + sum(app_pool_active)) / sum(app_pool_max) > 0.9"),
        lambda: alert("(sum(app_pool_idle) + sum(app_pool_active)) / sum(node_sockets_max) > 0.9"),
    ),
    (
        "open-against-in-use",
        lambda: alert("app_pool_used + app_pool_idle >= app_pool_limit"),
        lambda: alert("app_pool_used + app_pool_pending >= app_pool_limit"),
    ),
    (
        "absence-of-failures",
        lambda: alert('absent(registry_http_requests_total{code="500"})'),
        lambda: alert('absent(registry_http_requests_total{code="200"})'),
    ),
    (
        "absence-of-failures",
        lambda: alert("absent_over_time(registry_notifications_errors_total[10m]) == 1"),
        lambda: alert("absent_over_time(registry_notifications_events_total[10m]) == 1"),
    ),
    (
        "absence-of-failures",
        lambda: alert('up == 0 or absent(registry_gc_runs_total{error="true"})'),
        lambda: alert('rate(up_total[5m]) > 1 unless absent(registry_gc_runs_total{error="true"})'),
    ),
    (
        "absence-of-failures",
        lambda: alert('absent(sum(rate(http_requests_total{status=~"5.."}[5m])))'),
        lambda: alert('absent(backup_jobs_total{status="500"})'),
    ),
    ("raw-counter", lambda: alert("orders_rejected_total > 100"), lambda: alert("orders_total > 100")),
    ("raw-counter", lambda: alert("sum(image_pulls_total) > 100"), lambda: alert("sum(pending_image_pulls_total) > 1")),
    (
        "percentage-in-text",
        lambda: _told(_PERCENT, "{{ $value | humanizePercentage }} fail"),
        lambda: _told(_RATIO, "{{ $value | humanizePercentage }} fail"),
    ),
    (
        "percentage-in-text",
        lambda: _told(_RATIO, '{{ printf "%.2f" $value }} % fail'),
        lambda: _told(_PERCENT, '{{ printf "%.2f" $value }} % fail'),
    ),
    (
        "percentage-in-text",
        lambda: _told("disk_used_percent > 90 and on () up", "{{ .Value | humanizePercentage }} of {{ $labels.disk }}"),
        lambda: _told("disk_used_percent > 0.9 and on () up", "{{ .Value | humanizePercentage }}"),
    ),
    (
        "percentage-in-text",
        lambda: _told("0.9 < max(process_open_fds / process_max_fds)", "{{ $value }} percent"),
        lambda: _told("max(process_open_fds / process_max_fds) > 0.9 or up == 0", "{{ $value }}%"),
    ),
    (
        "ratio-compared-with-percent",
        lambda: alert("registry_database_bbm_progress_percent / 100 > 90"),
        lambda: alert("registry_database_bbm_progress_percent / 100 > 0.9"),
    ),
    (
        "ratio-compared-with-percent",
        lambda: alert("max(disk_used_percent) / 100 > 90"),
        lambda: alert("max(disk_used_percent) / 10 > 9"),
    ),
    (
        "unit-mismatch",
        lambda: alert("time() - last_success_timestamp_ms > 3600"),
        lambda: alert("time() - last_success_timestamp_ms / 1000 > 3600"),
    ),
    (
        "unit-mismatch",
        lambda: alert("max(token_expiry_milliseconds) < time()"),
        lambda: alert("max(token_expiry_milliseconds) < time() * 1000"),
    ),
    (
        "rate-of-gauge",
        lambda: _mark("rate(go_goroutines[5m]) > 1"),
        lambda: _mark("rate(go_goroutines[5m]) > 1", datasource={"type": "loki", "uid": "logs"}),
    ),
    ("syntax", lambda: _mark("changes(process_start_time_seconds[5m] > 0"), lambda: _mark("changes(up[5m]) > 0")),
]


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_defect_is_found_and_what_looks_like_it_is_not(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())


@pytest.mark.parametrize(
    ("name", "severity"),
    [("registry_database_bbm_progress_percent", Severity.ERROR), ("disk_used_percent", Severity.WARNING)],
)
def test_what_only_its_name_calls_a_percentage_is_a_warning(name: str, severity: Severity) -> None:
    told = [one for one in alert(f"{name} / 100 > 90").findings if one.check == "ratio-compared-with-percent"]
    assert [one.severity for one in told] == [severity]


@pytest.mark.parametrize("part", ["{{ $value }}", "{{", '{{ printf "%', "{{ $value ", "$value"])
def test_values_in_texts_are_read_in_linear_time(part: str) -> None:
    def seconds(times: int) -> float:
        text = part * times
        begin = perf_counter()
        list(value_actions(text))
        return perf_counter() - begin

    assert min(seconds(40_000) for _ in range(3)) < 40 * max(min(seconds(4_000) for _ in range(3)), 1e-4)

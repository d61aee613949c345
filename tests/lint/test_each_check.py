"""Each check on both sides of an edge, beside the example of its own page: those that no other table holds."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog.model import Flavor, Version
from regobs.lint import LintContext, LintReport, lint_text
from tests.lint.cases import alert, board, found, panel, query, record, rules
from tests.lint.test_examples import OFFLINE

_STAGE: dict[str, Any] = {"name": "stage", "type": "query", "query": "label_values(up, stage)"}
_MANY: dict[str, Any] = {**_STAGE, "multi": True}
_ALERT: dict[str, Any] = {
    "alert": "A",
    "expr": "up == 0",
    "labels": {"severity": "page"},
    "annotations": {"summary": "x"},
}


_BUDGET: dict[str, Any] = {"record": "registry:slo_burn_rate:ratio1h", "expr": "up", "labels": {"slo": "pulls"}}


def _up(stage: str, variable: dict[str, Any], **more: Any) -> LintReport:
    target = {"refId": "A", "expr": f"sum(up{{{stage}}})"}
    return board({"id": 1, "type": "stat", "title": "P", "targets": [target], **more}, variables=[variable])


def _groups(*names: str) -> LintReport:
    listed = ", ".join(f'{{name: {name}, rules: [{{record: "{name}:b:c", expr: up}}]}}' for name in names)
    return lint_text(f"groups: [{listed}]\n", "a.yaml", ".yaml")


# name of the check, how what it finds looks, how what is just no such thing looks
CASES: list[tuple[str, Callable[[], LintReport], Callable[[], LintReport]]] = [
    ("unused-variable", lambda: _up("", _STAGE), lambda: _up('stage="$stage"', _STAGE)),
    ("unused-variable", lambda: _up('job="stage"', _STAGE), lambda: _up('stage="[[stage]]"', _STAGE)),
    ("unused-variable", lambda: _up("", _STAGE, title="stage"), lambda: _up("", _STAGE, title="In $stage")),
    ("unused-variable", lambda: _up("", _STAGE), lambda: _up("", _STAGE, repeat="stage")),
    ("multi-value-equal", lambda: _up('stage="$stage"', _MANY), lambda: _up('stage=~"$stage"', _MANY)),
    ("multi-value-equal", lambda: _up('stage!="$stage"', _MANY), lambda: _up('stage!~"$stage"', _MANY)),
    ("multi-value-equal", lambda: _up('stage="${stage}"', _MANY), lambda: _up('stage="${stage}"', _STAGE)),
    ("multi-value-equal", lambda: _up('stage="$stage"', _MANY), lambda: _up('stage="$stage"', _MANY, repeat="stage")),
    ("always-true", lambda: alert("clamp_max(a, 1) <= 1"), lambda: alert("clamp_max(a, 1) < 1")),
    ("always-true", lambda: alert("count(redis_up) >= 1"), lambda: alert("count(redis_up) >= 2")),
    ("unit-mismatch", lambda: query("go_memstats_heap_alloc_bytes + process_start_time_seconds"),
     lambda: query("go_memstats_heap_alloc_bytes + go_memstats_stack_inuse_bytes")),
    ("unit-mismatch", lambda: query("go_memstats_heap_alloc_bytes > process_start_time_seconds"),
     lambda: query("go_memstats_heap_alloc_bytes / process_start_time_seconds")),
    ("unguarded-ratio",
     lambda: query("1 - sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) < 0.9"),
     lambda: query("sum(rate(http_errors_total[5m])) / sum(rate(http_requests_total[5m])) > 0.1")),
    ("rate-of-aggregate", lambda: query("rate(sum(a_total)[5m:])"), lambda: query("sum(rate(a_total[5m]))")),
    ("rate-of-aggregate", lambda: query("increase(sum by (job) (a_total)[1h:1m])"),
     lambda: query("max_over_time(sum by (job) (rate(a_total[5m]))[1h:1m])")),
    ("fixed-range-in-panel", lambda: panel("rate(a_total[5m])"), lambda: panel("rate(a_total[$__rate_interval])")),
    ("fixed-range-in-panel", lambda: panel("rate(a_total[5m])"), lambda: alert("rate(a_total[5m]) > 1")),
    ("broken-template", lambda: alert("up == 0", annotations={"summary": "{{ $valu }}"}),
     lambda: alert("up == 0", annotations={"summary": "{{ $value | humanize }}"})),
    ("broken-template", lambda: alert("up == 0", annotations={"summary": "{{ if $value }}down"}),
     lambda: alert("up == 0", annotations={"summary": "{{ if $value }}down{{ end }}"})),
    ("broken-template", lambda: alert("up == 0", annotations={"summary": "down{{ end }}"}),
     lambda: alert("up == 0", annotations={"summary": "{{- with $value -}}{{if(.)}}{{ else if .x }}{{ end }}{{end}}"})),
    ("broken-template", lambda: alert("up == 0", annotations={"summary": "{{ else }}{{ if $value }}{{ end }}"}),
     lambda: alert("up == 0", annotations={"summary": '{{/* if */}}{{ printf "if" }}{{ range query "a" }}{{ end }}'})),
    ("broken-template", lambda: alert("up == 0", annotations={"summary": "{{ $labels.job "}),
     lambda: alert("up == 0", annotations={"summary": '{{ printf "{{ %.0f" $value }} }}'})),
    ("mixed-buckets", lambda: query("sum(rate(registry_http_request_duration_seconds_bucket[5m]))"),
     lambda: query("sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m]))")),
    ("mixed-buckets", lambda: query("sum(rate(registry_http_request_duration_seconds_bucket[5m]))"),
     lambda: query('sum(rate(registry_http_request_duration_seconds_bucket{le="+Inf"}[5m]))')),
    ("duplicate-rule", lambda: rules(_ALERT, _ALERT), lambda: rules(_ALERT, {**_ALERT, "expr": "up < 1"})),
    ("duplicate-rule", lambda: rules(_ALERT, _ALERT),
     lambda: rules(_ALERT, {**_ALERT, "labels": {"severity": "ticket"}})),
    ("duplicate-group", lambda: _groups("a", "a"), lambda: _groups("a", "b")),
    ("no-severity", lambda: alert("up == 0", labels={}), lambda: alert("up == 0", labels={"priority": "p1"})),
    ("for-below-interval", lambda: rules({**_ALERT, "for": "59s"}, interval="1m"),
     lambda: rules({**_ALERT, "for": "60s"}, interval="1m")),
    ("record-level", lambda: record("pod:http_requests:rate5m", "sum by (job) (rate(http_requests_total[5m]))"),
     lambda: record("pod:http_requests:rate5m", "sum by (job, pod) (rate(http_requests_total[5m]))")),
    ("budget-without-alert", lambda: rules(_BUDGET), lambda: rules(_BUDGET, {**_ALERT, "labels": {"slo": "pulls"}})),
    ("budget-without-alert", lambda: rules(_BUDGET, {**_ALERT, "labels": {"slo": "pushes"}}),
     lambda: rules({**_BUDGET, "record": "team:burn_rate:ratio1h"})),
    ("record-without-level", lambda: record("request_rate", "sum(up)"), lambda: record("job:request_rate", "sum(up)")),
]  # fmt: skip


@pytest.mark.parametrize(("check", "defect", "correct"), CASES, ids=[one[0] for one in CASES])
def test_a_check_finds_the_defect_and_not_what_is_beside_it(
    check: str, defect: Callable[[], LintReport], correct: Callable[[], LintReport]
) -> None:
    assert check in found(defect())
    assert check not in found(correct())


@pytest.mark.parametrize(
    ("text", "flavor", "version", "whats"),
    [
        ("sum by (route) (rate(registry_http_requests_total[5m]))", Flavor.DISTRIBUTION, None,
         ["registry_http_requests_total has no label route"]),
        ("sum by (route) (rate(registry_http_requests_total[5m]))", Flavor.GITLAB, None, []),
        ("sum by (route) (rate(registry_http_requests_total[5m]))", None, None, []),
        ("sum by (handler) (rate(registry_http_requests_total[5m]))", Flavor.GITLAB, None,
         ["registry_http_requests_total has no label handler"]),
        ("sum by (migration_path) (rate(registry_http_requests_total[5m]))", Flavor.GITLAB, None,
         ["registry_http_requests_total lost the label migration_path in 3.69.0"]),
        ("sum by (migration_path) (rate(registry_http_requests_total[5m]))", Flavor.GITLAB, "3.69.0",
         ["registry_http_requests_total lost the label migration_path in 3.69.0"]),
        ("sum by (migration_path) (rate(registry_http_requests_total[5m]))", Flavor.GITLAB, "3.68.0", []),
        ("max(registry_database_rows)", Flavor.GITLAB, "4.26.0",
         ["registry_database_rows is there since 4.27.0 only"]),
        ("max(registry_database_rows)", Flavor.GITLAB, "4.27.0", []),
        ("max(registry_database_rows)", Flavor.DISTRIBUTION, None,
         ["a registry of the flavor distribution has no registry_database_rows"]),
    ],
)  # fmt: skip
def test_names_and_labels_are_those_of_the_flavor_at_its_version(
    text: str, flavor: Flavor | None, version: str | None, whats: list[str]
) -> None:
    asked = LintContext(flavor=flavor, version=Version.parse(version) if version else None)
    seen = [one for one in lint_text(text, context=asked).findings if one.check in {"unknown-label", "removed-metric"}]
    assert [one.what for one in seen] == whats
    assert all("update" in one.next_step for one in seen if "since" in one.what)


def test_every_check_is_tried_beside_its_own_example() -> None:
    texts = [one.read_text(encoding="utf-8") for one in Path(__file__).parent.glob("test_*.py")]
    tried = {name for text in texts for name in re.findall(r'"([a-z-]+)"', text)}
    assert not [name for name in OFFLINE if name not in tried]

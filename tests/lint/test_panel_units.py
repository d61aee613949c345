"""In which unit a panel shows a query: of all its fields, of an override that chooses it, or none."""

from __future__ import annotations

from typing import Any

import pytest

from regobs.lint import Severity
from tests.lint.cases import board, found, panel

HEAP = "sum(go_memstats_heap_alloc_bytes)"
SHARE = 'sum(rate(a_total{b="c"}[5m])) / sum(rate(a_total[5m]))'
P90 = "histogram_quantile(0.9, sum by (le) (rate(registry_http_request_duration_seconds_bucket[5m])))"
CPU = "sum(rate(process_cpu_seconds_total[5m]))"
WAITING = "sum(rate(registry_storage_action_seconds_sum[5m]))"


def override(matcher: str, options: object, unit: str) -> dict[str, Any]:
    """An override that sets a unit."""
    return {"matcher": {"id": matcher, "options": options}, "properties": [{"id": "unit", "value": unit}]}


def shown(*overrides: dict[str, Any], default: str = "short", **more: Any) -> dict[str, Any]:
    """The settings of a panel with overrides."""
    return {"fieldConfig": {"defaults": {"unit": default, **more}, "overrides": list(overrides)}}


@pytest.mark.parametrize(
    ("matcher", "wrong", "right"),
    [
        ("byFrameRefID", "A", "B"),
        ("byName", "Heap", "Heap of it"),
        ("byRegexp", "/^He/", "/^he/"),
        ("byRegexp", "/^HE/i", "/ap.$/"),
        ("byRegexp", "Hea.", "Hea"),
        ("byType", "number", "string"),
    ],
)
def test_the_unit_of_an_override_is_judged_for_the_query_that_it_chooses(
    matcher: str, wrong: object, right: object
) -> None:
    assert "panel-unit" in found(panel(HEAP, legend="Heap", **shown(override(matcher, wrong, "bps"), default="bytes")))
    assert "panel-unit" not in found(
        panel(HEAP, legend="Heap", **shown(override(matcher, right, "bps"), default="bytes"))
    )


def test_an_override_with_the_right_unit_takes_the_query_from_the_wrong_one_of_the_panel() -> None:
    assert "panel-unit" in found(panel(HEAP, **shown(default="bps")))
    assert "panel-unit" not in found(panel(HEAP, **shown(override("byFrameRefID", "A", "bytes"), default="bps")))


def test_the_last_of_several_overrides_counts() -> None:
    right, wrong = override("byFrameRefID", "A", "bytes"), override("byFrameRefID", "A", "bps")
    assert "panel-unit" in found(panel(HEAP, **shown(right, wrong, default="bytes")))
    assert "panel-unit" not in found(panel(HEAP, **shown(wrong, right, default="bytes")))


def test_an_override_without_a_unit_leaves_that_of_the_panel() -> None:
    colour = {"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": "color", "value": {"mode": "fixed"}}]}
    assert "panel-unit" in found(panel(HEAP, **shown(colour, default="bps")))


@pytest.mark.parametrize("legend", ["", "__auto", "{{kind}}", "Hea{{rest}}", "$name"])
def test_an_override_by_a_name_that_a_series_may_have_is_not_judged(legend: str) -> None:
    report = panel(HEAP, legend=legend, **shown(override("byName", "Heap", "bytes"), default="bps"))
    assert "panel-unit" not in found(report)


def test_a_legend_that_can_never_read_as_the_name_leaves_the_unit_of_the_panel() -> None:
    report = panel(HEAP, legend="Stack of {{pod}}", **shown(override("byName", "Heap", "bytes"), default="bps"))
    assert "panel-unit" in found(report)


@pytest.mark.parametrize("pattern", ["/(?<=a)b/", "/(/", "/Heap/x"])
def test_a_pattern_that_only_a_browser_reads_is_not_judged(pattern: str) -> None:
    assert "panel-unit" not in found(
        panel(HEAP, legend="Heap", **shown(override("byRegexp", pattern, "bytes"), default="bps"))
    )


def test_the_finding_stands_at_the_unit_of_the_override() -> None:
    report = panel(HEAP, **shown(override("byFrameRefID", "A", "bps"), default="bytes"))
    (one,) = [one for one in report.findings if one.check == "panel-unit"]
    line = next(iter(report.files.values())).splitlines()[one.line - 1]
    assert line[one.column - 1 : one.end_column - 1] == '"bps"'


@pytest.mark.parametrize("name", ["Value", "Value #A", "Heap"])
def test_a_column_of_a_table_is_found_by_the_name_of_its_value_or_what_it_is_renamed(name: str) -> None:
    organized = [{"id": "merge"}, {"id": "organize", "options": {"renameByName": {"Value #A": "Heap"}}}]
    table: dict[str, Any] = {"kind": "table", "transformations": organized}
    assert "panel-unit" in found(panel(HEAP, **table, **shown(override("byName", name, "bps"))))
    assert "panel-unit" not in found(panel(HEAP, **table, **shown(override("byName", name, "bytes"))))
    assert "panel-unit" not in found(panel(HEAP, **table, **shown(override("byName", "pod", "bps"))))


def test_of_a_table_with_several_queries_the_plain_name_says_nothing() -> None:
    assert "panel-unit" not in found(panel(HEAP, "up", kind="table", **shown(override("byName", "Value", "bps"))))
    assert "panel-unit" in found(panel(HEAP, "up", kind="table", **shown(override("byRegexp", "/A$/", "bps"))))
    assert "panel-unit" not in found(panel("up", HEAP, kind="table", **shown(override("byRegexp", "/A$/", "bps"))))


def test_a_table_whose_values_are_computed_anew_is_not_judged() -> None:
    reduced = [{"id": "reduce"}]
    assert "panel-unit" not in found(
        panel(HEAP, kind="table", transformations=reduced, **shown(override("byName", "Value #A", "bps")))
    )


@pytest.mark.parametrize("expr", [P90, HEAP])
def test_seconds_and_bytes_without_a_unit_are_worth_a_look(expr: str) -> None:
    (one,) = [one for one in panel(expr).findings if one.check == "panel-unit"]
    assert one.severity is Severity.NOTE
    assert "without their unit" in one.what


@pytest.mark.parametrize(
    "report",
    [
        panel(P90, title="Latency (s)"),
        panel(P90, description="In seconds"),
        panel(P90, legend="p90 [s]"),
        panel(P90, fieldConfig={"defaults": {"custom": {"axisLabel": "seconds"}}}),
        panel(P90, fieldConfig={"defaults": {"mappings": [{"type": "value"}]}}),
        panel(P90, kind="table"),
        panel("sum(rate(registry_http_requests_total[5m]))"),
    ],
)
def test_no_unit_is_right_where_the_words_around_say_it_or_there_is_none(report: Any) -> None:
    assert "panel-unit" not in found(report)


@pytest.mark.parametrize("expr", [WAITING, "sum(rate(a_wait_seconds_total[5m]))", "rate(a_duration_seconds_sum[5m])"])
def test_seconds_per_second_are_no_percent_but_times_a_hundred(expr: str) -> None:
    assert "panel-unit" in found(panel(expr, **shown(default="percent")))
    assert "panel-unit" not in found(panel(f"100 * {expr}", **shown(default="percent")))


def test_callers_at_a_time_are_no_share_but_the_work_of_one_process_is() -> None:
    assert "panel-unit" in found(panel(WAITING, **shown(default="percentunit")))
    for expr in ("sum(rate(registry_gc_run_duration_seconds_sum[5m]))", "rate(a_wait_seconds_total[5m])"):
        assert "panel-unit" not in found(panel(expr, **shown(default="percentunit")))


@pytest.mark.parametrize(
    "expr",
    [
        f"100 * {CPU}", f"{CPU} * 100", "100 * rate(a_busy_seconds_total[5m])",
        '100 - avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m])) * 100', f"100 * {SHARE}",
    ],
)  # fmt: skip
def test_what_is_times_a_hundred_is_no_ratio(expr: str) -> None:
    assert "panel-unit" in found(panel(expr, **shown(default="percentunit")))
    assert "panel-unit" not in found(panel(expr, **shown(default="percent")))


def test_what_only_begins_at_a_hundred_may_be_a_ratio() -> None:
    assert "panel-unit" not in found(panel("100 * a", **shown(default="percentunit")))


@pytest.mark.parametrize(
    "overrides", [{}, [None], [{"matcher": 1}], [{"matcher": {}, "properties": 1}], [override("byName", None, "bps")]]
)
def test_overrides_of_any_shape_are_read(overrides: Any) -> None:
    config = {"fieldConfig": {"defaults": {"unit": "bytes"}, "overrides": overrides}}
    assert "panel-unit" not in found(
        board({"id": 1, "type": "stat", "title": "a", "targets": [{"refId": "A", "expr": HEAP}], **config})
    )

"""In which unit a panel shows a query: of all its fields, of an override that chooses it, or none."""

from __future__ import annotations

from typing import Any

import pytest

from regobs.catalog import row_counts
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
    assert "panel-unit" not in found(panel(HEAP, "a_thing", kind="table", **shown(override("byName", "Value", "bps"))))
    assert "panel-unit" in found(panel(HEAP, "a_thing", kind="table", **shown(override("byRegexp", "/A$/", "bps"))))
    assert "panel-unit" not in found(panel("a_thing", HEAP, kind="table", **shown(override("byRegexp", "/A$/", "bps"))))


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


@pytest.mark.parametrize("expr", ["%s", "max by (migration_id) (%s)", "max(max_over_time(%s[1h]))"])
def test_what_the_catalog_knows_as_percent_is_no_ratio(expr: str) -> None:
    known = expr % row_counts.BBM_PROGRESS.name
    assert "panel-unit" in found(panel(known, **shown(default="percentunit")))
    assert "panel-unit" not in found(panel(known, **shown(default="percent")))
    assert "panel-unit" not in found(panel(f"{known} / 100", **shown(default="percentunit")))
    assert "panel-unit" not in found(panel(expr % "acme_use_percent", **shown(default="percentunit")))


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


SIZE, SENT, TOOK = "sum(a_size_bytes)", "sum(rate(a_sent_bytes_total[5m]))", "max(a_run_duration_seconds)"
UPLOADED = "sum(increase(registry_storage_blob_upload_bytes_sum[5m]))"
CLOUD = "stackdriver_https_lb_rule_loadbalancing_googleapis_com_https_response"
# what is shown, a unit that it has not, one that it has
MEASURES = {
    "bytes as bits": ("process_resident_memory_bytes", "bits", "bytes"),
    "bytes as decimal bits": (SIZE, "decbits", "decbytes"),
    "bytes as kibibytes": ("process_resident_memory_bytes", "kbytes", "bytes"),
    "bytes as kilobytes": (SIZE, "deckbytes", "decbytes"),
    "bytes as mebibytes": (SIZE, "mbytes", "bytes"),
    "kibibytes as bytes": (f"{SIZE} / 1024", "bytes", "kbytes"),
    "mebibytes as bytes": (f"{SIZE} / 1024 / 1024", "bytes", "mbytes"),
    "gibibytes by a product": (f"{SIZE} / (1024 * 1024 * 1024)", "mbytes", "decgbytes"),
    "bits as bytes": (f"8 * {SIZE}", "bytes", "bits"),
    "an amount as a rate": (SIZE, "Bps", "bytes"),
    "an amount as a rate of bits": (SIZE, "bps", "bytes"),
    "a rate as an amount": (SENT, "bytes", "Bps"),
    "a rate as megabytes": (SENT, "MBs", "binBps"),
    "a rate of bytes as one of bits": (SENT, "binbps", "binBps"),
    "a rate of bits as one of bytes": (f"{SENT} * 8", "Bps", "bps"),
    "a rate of megabits": (f"{SENT} * 8 / 1e6", "bps", "Mbits"),
    "bytes as a share": (SIZE, "percentunit", "bytes"),
    "bytes as a time": (SIZE, "s", "bytes"),
    "the size of what is observed": (
        "histogram_quantile(0.9, sum by (le) (rate(a_size_bytes_bucket[5m])))", "s", "bytes",
    ),
    "a mean of sizes": ("rate(a_size_bytes_sum[5m]) / rate(a_size_bytes_count[5m])", "kbytes", "bytes"),
    "milliseconds as seconds": ("max(a_run_duration_milliseconds)", "s", "ms"),
    "milliseconds by their short name": ("a_latency_ms", "s", "ms"),
    "milliseconds by a product": (f"{TOOK} * 1000", "s", "ms"),
    "seconds as milliseconds": (TOOK, "ms", "s"),
    "seconds as minutes": (TOOK, "m", "s"),
    "hours as seconds": (f"{TOOK} / 3600", "s", "h"),
    "a quantile in milliseconds": (f"1e3 * {P90}", "s", "ms"),
    "the age of a process": ("time() - process_start_time_seconds", "h", "s"),
    "seconds as a rate": (TOOK, "ops", "dtdurations"),
    "seconds as percent": (TOOK, "percent", "s"),
    "a moment in seconds": ("a_last_run_timestamp_seconds", "dateTimeAsIso", "none"),
    "a moment as bytes": ("process_start_time_seconds", "bytes", "none"),
    "a moment in milliseconds": ("1000 * process_start_time_seconds", "s", "dateTimeFromNow"),
    "events per second as a share": ("sum(rate(a_requests_total[5m]))", "percentunit", "reqps"),
    "events per second as percent": ("sum(rate(a_requests_total[5m]))", "percent", "ops"),
    "observations as their unit": ("rate(a_run_duration_seconds_count[5m])", "s", "ops"),
    "a number of things as a share": ("go_goroutines", "percentunit", "short"),
    "a number of series as bytes": ("count(a_size_bytes)", "bytes", "short"),
    "a state as bytes": ("up", "bytes", "short"),
    "a state as a time": ("min(up)", "s", "bool"),
    "a state as a rate": ("up", "reqps", "none"),
    "a state as percent": ("up", "percent", "percentunit"),
    "a mean of states as percent": ("avg(up)", "percent", "percentunit"),
    "a state over time as percent": ("avg_over_time(up[1h])", "percent", "percentunit"),
    "a sum of states as a share": ("sum(up)", "percentunit", "short"),
    "a percentage by its name as bytes": ("avg(a_used_percent)", "bytes", "percent"),
    "a percentage by its name as a time": ("avg(a_used_percentage)", "s", "percentunit"),
    "a ratio by its name as a rate": ("max(a_hit_ratio)", "reqps", "percentunit"),
    "nanoseconds by the word before": ("max(a_run_nano_seconds)", "s", "ns"),
    "milliseconds by the word before": ("sum(a_api_milli_seconds_total)", "s", "ms"),
    "microseconds by the word before": ("a_api_micro_seconds", "ms", "us"),
    "an increase as a rate": ("sum(increase(a_sent_bytes_total[5m]))", "Bps", "bytes"),
    "what the catalog knows as a rate": (UPLOADED, "Bps", "bytes"),
    "a rate of a gauge as an amount": ("rate(a_receive_bytes[5m])", "bytes", "Bps"),
    "a gauge whose name tells no flow": ("a_queue_bytes", "binBps", "bytes"),
    "hours by their name": ("a_age_hours", "s", "h"),
    "megabytes by their name": ("a_heap_mb", "bytes", "decmbytes"),
    "percent as bytes": (f"100 * {SHARE}", "bytes", "percent"),
    "percent as a rate": (f"100 * {SHARE}", "reqps", "percent"),
    "a ratio as kibibytes": (SHARE, "kbytes", "percentunit"),
    "bytes as a temperature": (SIZE, "celsius", "bytes"),
}  # fmt: skip


@pytest.mark.parametrize(("expr", "wrong", "right"), MEASURES.values(), ids=MEASURES)
def test_a_measure_is_shown_in_a_unit_that_it_has(expr: str, wrong: str, right: str) -> None:
    assert "panel-unit" in found(panel(expr, **shown(default=wrong)))
    assert "panel-unit" not in found(panel(expr, **shown(default=right)))


@pytest.mark.parametrize(
    ("expr", "unit"),
    [
        ("sum(a_bytes_per_second)", "Bps"), ("a_speed_bytes", "Bps"), ("a_bandwidth_bytes", "Bps"),
        ("a_ratio_bytes", "percentunit"), ("rate(a_hit_kbytes_out_bytes_total[5m])", "KBs"),
        ("a:b_bytes:sum", "bits"), (f"{SENT} * 60", "bytes"), (f"{SIZE} * 100", "bits"), (f"{SIZE} / 7", "kbytes"),
        (f"{SIZE} / scalar(a)", "kbytes"), (f"{SIZE} / a_limit", "percent"), (f"{SIZE} - a_size", "kbytes"),
        (f"{SIZE} / 1024", "deckbytes"), (f"{SIZE} > bool 5", "percentunit"), ("sum(rate(a_seconds_total[5m]))", "s"),
        ("sum(rate(a_requests_total[5m])) / 100", "percentunit"), ("count(a) / count(b)", "percentunit"),
        ("clamp_max(go_goroutines, 1)", "percentunit"), ("stddev(up)", "percent"), ("a_seconds_bucket", "bytes"),
        ("histogram_quantile(0.9, rate(a_seconds_bucket[5m]) or rate(b_bytes_bucket[5m]))", "bytes"),
        ("changes(a_size_bytes[5m])", "ops"), ("seconds", "bytes"), ("a_seconds", ""), ("up", "hertz"),
        (f"sum(rate({CLOUD}_bytes_count[5m]))", "Bps"), (f"sum(increase({CLOUD}_bytes_count[1h]))", "bytes"),
        ("sum(a_memory_byte_seconds) / 86400", "bytes"), ("a_memory_gb_hours / 24", "gbytes"),
        ("rate(a_chunk_range_seconds_sum[5m]) / rate(a_chunk_range_seconds_count[5m])", "ms"),
        ("node_ingress_bytes", "binBps"), ("sum(node_egress_bytes)", "Bps"), ("a_network_in_bytes", "Bps"),
        (f"{UPLOADED} / 300", "Bps"), ("sum(increase(a_sent_bytes_total[5m])) / 300", "Bps"),
    ],
)  # fmt: skip
def test_what_a_query_measures_is_not_guessed(expr: str, unit: str) -> None:
    assert "panel-unit" not in {
        one.check for one in panel(expr, **shown(default=unit)).findings if one.severity != "note"
    }


def test_words_say_what_the_unit_of_a_rate_does_not() -> None:
    bytes_only = shown(default="bytes")
    assert "panel-unit" in found(panel(SENT, title="Sent", **bytes_only))
    for told in ({"title": "Sent bytes/s"}, {"description": "Per second."}, {"legend": "traffic"}):
        assert "panel-unit" not in found(panel(SENT, **told, **bytes_only))
    assert "panel-unit" in found(panel(SENT, title="Sent bytes/s", **shown(default="bits")))


def test_a_share_of_all_lines_may_be_one_of_anything() -> None:
    asked = "sum by (a) (rate(a_requests_total[5m]))"
    assert "panel-unit" in found(panel(asked, **shown(default="percentunit")))
    stacked = shown(default="percentunit", custom={"stacking": {"mode": "percent"}})
    assert "panel-unit" not in found(panel(asked, **stacked))
    assert "panel-unit" not in found(panel(asked, kind="piechart", **shown(default="percentunit")))


def test_how_many_points_there_are_is_no_measure() -> None:
    for calc, judged in (("count", False), ("max", True)):
        options = {"reduceOptions": {"calcs": [calc]}}
        assert ("panel-unit" in found(panel(SIZE, kind="stat", options=options, **shown(default="bits")))) is judged


def test_a_state_with_words_for_its_values_has_any_unit() -> None:
    mapped = shown(default="s", mappings=[{"type": "value", "options": {"1": {"text": "up"}}}])
    assert "panel-unit" not in found(panel("up", kind="stat", **mapped))
    assert "panel-unit" in found(panel("up", kind="stat", **shown(default="s")))


def test_a_graph_of_two_axes_is_not_judged_by_the_unit_of_one() -> None:
    axes: dict[str, Any] = {"kind": "graph", "yaxes": [{"format": "bits"}, {"format": "bytes"}]}
    assert "panel-unit" in found(panel(SIZE, **axes))
    assert "panel-unit" not in found(panel(SIZE, **axes, seriesOverrides=[{"alias": "a", "yaxis": 2}]))


def test_the_axis_of_an_old_graph_says_its_unit() -> None:
    axes: dict[str, Any] = {"kind": "graph", "yaxes": [{"format": "bytes"}]}
    assert "panel-unit" not in found(panel(SIZE, **axes, **shown(default="bits")))


@pytest.mark.parametrize(
    ("title", "judged"),
    [
        ("Memory [GB]", False), ("Memory usage (MiB)", False), ("GC time (seconds)", False), ("Latency (ms)", False),
        ("Upload ( B/s )", False), ("Memory in bytes", False), ("Memory", True), ("Memory (sum)", True),
        ("GB of memory", False), ("Memory, MiB", False), ("Latency ms", False), ("Heap (Mb)", False), ("Bytes", True),
        ("GBP of memory", True), ("items", True),
    ],
)  # fmt: skip
def test_a_unit_in_the_title_stands_for_one_of_the_panel(title: str, judged: bool) -> None:
    for unit in ("short", "none"):
        asked = panel("process_resident_memory_bytes / 1e9", title=title, **shown(default=unit))
        assert ("panel-unit" in found(asked)) is judged
    assert "panel-unit" in found(panel(HEAP, title=title, **shown(default="bits")))


def test_a_unit_in_the_description_stands_for_one_of_the_panel() -> None:
    told = {"description": "How much the process holds, in bytes."}
    assert "panel-unit" not in found(panel(HEAP, **told, **shown(default="short")))
    assert "panel-unit" in found(panel(HEAP, description="How much it holds.", **shown(default="short")))

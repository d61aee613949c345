from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from regobs.catalog.model import Capability, Flavor
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.load import load_dashboard
from regobs.grafana.modern import PANEL_TYPES, to_bytes
from regobs.grafana.panel_links import Links
from regobs.grafana.render import LARGEST_ID, Setting, panel_ids, render
from regobs.grafana.variables import Variables
from regobs.promql.nodes import Duration, Matcher, MatchOp
from regobs.promql.parse import parse
from regobs.promql.recorded import Record
from regobs.promql.vocabulary import Vocabulary
from regobs.slo.links import uid_of
from tests.grafana.conftest import HEAD, Load

GOLDEN = Path(__file__).parents[1] / "golden" / "dashboard.json"
SMALL = (
    HEAD
    + """
failed = rate(select(http.REQUESTS, code="5xx"), by="route")

dashboard = Dashboard(
    "Small",
    Row(
        "Serving",
        Stat("Requests", rate(http.REQUESTS), good="follows the time of day"),
        GaugePanel("Errors", ratio(rate(select(http.REQUESTS, code="5xx")), rate(http.REQUESTS)), good="0"),
        Lines("Errors by route", ratio(failed, rate(http.REQUESTS, by="route")), good="0", alert="Errors",
              thresholds=(0.01, 0.1)),
    ),
    Row("More", Heat("Spread", http.DURATION, good="one band"), collapsed=True),
)
"""
)
SETTING = Setting(
    Variables(shared=("env",), own=("stage", "instance"), selector=(Matcher("job", MatchOp.EQUAL, "registry"),)),
    flavor="gitlab",
    interval=Duration(30_000),
    links=Links(runbooks="https://example.test/runbooks/"),
)
EVERYTHING = frozenset(Capability)


def rendered(load: Load, rows: str, flavor: Flavor = Flavor.GITLAB) -> dict[str, Any]:
    bound = bind_dashboard("t", load(rows), Vocabulary(flavor, capabilities=EVERYTHING))
    return render(bound, SETTING)


def flat(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def one(load: Load, panel: str) -> dict[str, Any]:
    return next(p for p in flat(rendered(load, f'Row("R",\n{panel})')) if p["type"] != "row")


def test_a_small_dashboard_is_rendered_as_the_golden_file_has_it() -> None:
    dashboard = load_dashboard(Path("small.dashboard.py"), SMALL)
    data = to_bytes(render(bind_dashboard("small", dashboard, Vocabulary(Flavor.GITLAB)), SETTING))
    if os.environ.get("REGOBS_UPDATE_GOLDEN"):
        GOLDEN.write_bytes(data)
    assert data.decode() == GOLDEN.read_text()


def test_a_stat_asks_for_now_and_lines_ask_for_a_range(load: Load) -> None:
    stat = one(load, 'Stat("P", total(http.IN_FLIGHT), good="g")')
    lines = one(load, 'Lines("P", rate(http.REQUESTS), good="g")')["targets"][0]
    assert (stat["targets"][0]["instant"], stat["targets"][0]["range"]) == (True, False)
    assert stat["options"]["graphMode"] == "none"
    assert (lines["instant"], lines["range"]) == (False, True)


def test_a_stat_of_a_flow_has_its_course_and_nothing_once_it_has_ended(load: Load) -> None:
    stat = one(load, 'Stat("P", rate(http.REQUESTS), good="g")')
    target = stat["targets"][0]
    assert (target["instant"], target["range"], stat["options"]["graphMode"]) == (False, True, "area")
    now, at_the_end = target["expr"].split(" and ")
    assert at_the_end == now.replace("[$__rate_interval]", "[$__rate_interval] @ end()")
    whole = one(load, 'Stat("P", increase(http.REQUESTS), good="g")')
    assert (whole["targets"][0]["instant"], whole["options"]["graphMode"]) == (True, "none")


def test_the_largest_are_those_of_the_whole_range(load: Load) -> None:
    shown = {
        'rate(http.REQUESTS, by="route")': "rate(registry_http_requests_total{M}[$__range] @ end())",
        'highest(process.RESIDENT_MEMORY, by="instance")': (
            "max_over_time(process_resident_memory_bytes{M}[$__range] @ end())"
        ),
        'quantile(0.95, http.DURATION, by="route")': (
            "rate(registry_http_request_duration_seconds_bucket{M}[$__range] @ end())"
        ),
    }
    for expr, compared in shown.items():
        lines, bars = (
            one(load, f'{word}("P", top(10, {expr}), good="g")')["targets"][0]["expr"] for word in ("Lines", "Bars")
        )
        _, chosen = re.sub(r"\{[^}]*\}", "{M}", lines).split(" and topk(10, ")
        assert compared in chosen
        assert "@ end()" not in bars


def test_the_smallest_are_those_with_the_lowest_value_of_the_range(load: Load) -> None:
    expr = one(load, 'Lines("P", bottom(3, highest(process.OPEN_FDS, by="instance")), good="g")')["targets"][0]["expr"]
    assert re.search(r"and bottomk\(3, max by \(instance\) \(min_over_time\(process_open_fds\{.*\}\[\$__range\]", expr)


def test_an_empty_answer_reads_no_data_and_lines_stop_where_samples_stop(load: Load) -> None:
    for word in ("Stat", "Lines", "Bars", "GaugePanel", "Table"):
        panel = one(load, f'{word}("P", rate(http.REQUESTS), good="g")')
        assert panel["fieldConfig"]["defaults"]["noValue"] == "no data"
    lines = one(load, 'Lines("P", rate(http.REQUESTS), good="g")')["fieldConfig"]["defaults"]
    assert lines["custom"]["spanNulls"] is False
    assert lines["min"] == 0


def test_a_share_is_drawn_from_0_to_1_unless_it_zooms(load: Load) -> None:
    share = "ratio(rate(select(http.REQUESTS, code='5xx')), rate(http.REQUESTS))"
    whole = one(load, f'Lines("P", {share}, good="g")')["fieldConfig"]["defaults"]
    zoomed = one(load, f'Lines("P", {share}, good="g", zoom=True)')["fieldConfig"]["defaults"]
    assert (whole["unit"], whole["min"], whole["max"]) == ("percentunit", 0, 1)
    assert "min" not in zoomed
    assert "max" not in zoomed


@pytest.mark.parametrize(
    ("thresholds", "steps"),
    [
        ("(0.7, 0.9)", [(None, "green"), (0.7, "yellow"), (0.9, "red")]),
        ("(0.99, 0.9)", [(None, "red"), (0.9, "yellow"), (0.99, "green")]),
    ],
)
def test_thresholds_rise_or_fall(load: Load, thresholds: str, steps: list[tuple[float | None, str]]) -> None:
    panel = one(load, f'Stat("P", rate(http.REQUESTS), good="g", thresholds={thresholds})')
    found = panel["fieldConfig"]["defaults"]["thresholds"]["steps"]
    assert [(step["value"], step["color"]) for step in found] == steps


def test_a_legend_names_the_bound_labels_in_the_order_of_the_file(load: Load) -> None:
    row = 'Row("R", Lines("P", rate(http.REQUESTS, by=("route", "method")), good="g"))'
    legends = [
        next(flat(rendered(load, row, flavor)), None) and list(flat(rendered(load, row, flavor)))[1]["targets"][0]
        for flavor in (Flavor.GITLAB, Flavor.DISTRIBUTION)
    ]
    assert [target["legendFormat"] for target in legends if target] == [
        "{{route}} {{method}}",
        "{{handler}} {{method}}",
    ]


def test_a_name_stands_before_the_labels_and_the_title_where_there_are_none(load: Load) -> None:
    named = one(load, 'Lines("P", {"in": rate(http.REQUESTS), "by code": rate(http.REQUESTS, by="code")}, good="g")')
    assert [target["legendFormat"] for target in named["targets"]] == ["in", "by code {{code}}"]
    assert [target["refId"] for target in named["targets"]] == ["A", "B"]
    assert one(load, 'Lines("P", rate(http.REQUESTS), good="g")')["targets"][0]["legendFormat"] == "P"


def test_a_description_says_what_good_is_and_what_misleads(load: Load) -> None:
    panel = one(load, 'Lines("P", rate(storage.BLOB_DOWNLOADS), good="follows pulls")')
    assert panel["description"].startswith("Good: follows pulls\n\nNote: ")
    assert "HEAD" in panel["description"]


def test_a_panel_with_an_alert_links_to_it_and_to_its_runbook(load: Load) -> None:
    links = one(load, 'Stat("P", rate(http.REQUESTS), good="g", alert="Errors")')["links"]
    assert [link["url"] for link in links] == [
        "/alerting/list?search=Errors",
        "https://example.test/runbooks/Errors.md",
    ]
    assert one(load, 'Stat("P", rate(http.REQUESTS), good="g")')["links"] == []


def test_several_expressions_of_a_table_become_named_columns(load: Load) -> None:
    table = one(load, 'Table("P", {"rate": rate(http.REQUESTS, by="code"), "p95": mean(http.DURATION)}, good="g")')
    organize = table["transformations"][-1]["options"]
    assert organize["renameByName"] == {"Value #A": "rate", "Value #B": "p95"}
    units = {o["matcher"]["options"]: o["properties"][0]["value"] for o in table["fieldConfig"]["overrides"]}
    assert units == {"rate": "reqps", "p95": "s"}


def test_a_table_is_sorted_by_its_first_column_and_then_by_the_other_coloured_ones(load: Load) -> None:
    columns = '{"rate": rate(http.REQUESTS, by="code"), "p95": mean(http.DURATION, by="code"), "all": LEFT}'
    shown = columns.replace("LEFT", 'ratio(rate(http.REQUESTS, by="code"), rate(http.REQUESTS))')
    table = one(load, f'Table("P", {shown}, good="g", colored={{"all": (0.25, 0), "p95": (1, 2)}})')
    assert [(by["displayName"], by["desc"]) for by in table["options"]["sortBy"]] == [
        ("rate", True),
        ("p95", True),
        ("all", False),
    ]
    chosen = one(load, f'Table("P", {shown}, good="g", sort="all", colored={{"all": (0.25, 0)}})')
    assert [(by["displayName"], by["desc"]) for by in chosen["options"]["sortBy"]] == [("all", False)]


def test_a_heat_map_asks_for_buckets(load: Load) -> None:
    heat = one(load, 'Heat("P", http.DURATION, good="g")')
    target = heat["targets"][0]
    assert (target["format"], target["legendFormat"]) == ("heatmap", "{{le}}")
    assert target["expr"].startswith("sum by (le) (rate(registry_http_request_duration_seconds_bucket{")
    assert heat["options"]["yAxis"]["unit"] == "s"


def test_queries_carry_the_selector_and_every_variable(load: Load) -> None:
    expr = one(load, 'Stat("P", rate(http.REQUESTS), good="g")')["targets"][0]["expr"]
    for matcher in ('job="registry"', 'env=~"$env"', 'stage=~"$stage"', 'instance=~"$instance"'):
        assert matcher in expr
    assert "[$__rate_interval]" in expr


def test_the_interval_of_scrapes_is_the_least_that_grafana_may_choose(load: Load) -> None:
    assert one(load, 'Stat("P", rate(http.REQUESTS), good="g")')["targets"][0]["interval"] == "30s"


@pytest.mark.parametrize(("ms", "least"), [(60_000, "1m"), (15_000, "30s")])
def test_recorded_series_are_asked_for_as_often_as_they_are_written(load: Load, ms: int, least: str) -> None:
    record = Record("r:requests", parse("sum by (route) (rate(registry_http_requests_total[5m]))"), Duration(ms))
    rows = 'Lines("P", rate(http.REQUESTS), good="g"), Lines("Q", rate(http.REQUESTS, by="code"), good="g")'
    bound = bind_dashboard("t", load(f'Row("R", {rows}), recorded=True'), Vocabulary(Flavor.GITLAB), [record])
    panels = render(bound, SETTING)["panels"][1:]
    assert {panel["title"]: panel["targets"][0]["interval"] for panel in panels} == {"P": least, "Q": "30s"}
    assert ["of all instances" in panel["description"] for panel in panels] == [True, False]


def test_only_panels_that_grafana_still_has_are_written(load: Load) -> None:
    names = ("Stat", "Tile", "Lines", "States", "Bars", "GaugePanel", "Table", "Alerts")
    words = [f'{word}("{word}", rate(http.REQUESTS), good="g")' for word in names]
    data = rendered(load, f'Row("R", {", ".join(words)}, Heat("H", http.DURATION, good="g"))')
    assert {panel["type"] for panel in flat(data)} == PANEL_TYPES


def test_nothing_is_null_but_the_first_step_of_a_threshold(load: Load) -> None:
    names = ("Stat", "Tile", "Lines", "States", "Bars", "GaugePanel", "Table", "Alerts")
    words = [f'{word}("{word}", rate(http.REQUESTS), good="g")' for word in names]
    data = rendered(load, f'Row("R", {", ".join(words)}, Heat("H", http.DURATION, good="g"))')

    def nulls(value: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if value is None:
            yield path
        items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
        for key, inner in items:
            yield from nulls(inner, (*path, str(key)))

    assert {path[-3:] for path in nulls(data, ())} == {("steps", "0", "value")}


def test_a_collapsed_row_holds_its_panels_and_takes_one_line(load: Load) -> None:
    stat = 'Stat("P", rate(http.REQUESTS), good="g")'
    data = rendered(load, f'Row("A", {stat}, collapsed=True), Row("B", {stat})')
    closed, opened, panel = data["panels"]
    assert (closed["type"], closed["collapsed"], len(closed["panels"])) == ("row", True, 1)
    assert (opened["type"], opened["collapsed"], opened["panels"]) == ("row", False, [])
    assert (closed["gridPos"]["y"], opened["gridPos"]["y"], panel["gridPos"]["y"]) == (0, 1, 2)
    assert closed["panels"][0]["gridPos"]["y"] == 1


def test_ids_follow_from_titles_and_not_from_order(load: Load) -> None:
    first, second = 'Stat("P", rate(http.REQUESTS), good="g")', 'Stat("Q", rate(http.REQUESTS), good="g")'
    vocabulary = Vocabulary(Flavor.GITLAB)
    one_way = panel_ids("u", bind_dashboard("t", load(f'Row("R", {first}, {second})'), vocabulary))
    other_way = panel_ids("u", bind_dashboard("t", load(f'Row("R", {second}, {first})'), vocabulary))
    assert one_way == other_way
    assert len(set(one_way.values())) == 3
    assert all(0 < number <= LARGEST_ID for number in one_way.values())


def test_a_uid_is_never_longer_than_grafana_allows() -> None:
    assert uid_of("overview") == "regobs-overview"
    assert len(uid_of("x" * 60)) == 40


def test_rendering_twice_gives_the_same_bytes(load: Load) -> None:
    row = 'Row("R", Lines("P", rate(http.REQUESTS, by=("route", "method")), good="g"))'
    data = to_bytes(rendered(load, row))
    assert data == to_bytes(rendered(load, row))
    assert data.endswith(b"}\n")
    assert json.loads(data)["schemaVersion"] >= 39


def test_what_can_be_below_zero_has_zero_on_its_axis_and_no_end_there(load: Load) -> None:
    lines = 'Row("R", Lines("Left", latest(slo.BUDGET_REMAINING), good="g"), Lines("Up", total(targets.UP), good="g"))'
    left, up = (panel for panel in flat(rendered(load, lines)) if panel["type"] == "timeseries")
    assert left["fieldConfig"]["defaults"]["custom"]["axisSoftMin"] == 0
    assert "min" not in left["fieldConfig"]["defaults"]
    assert left["fieldConfig"]["defaults"]["max"] == 1
    assert up["fieldConfig"]["defaults"]["min"] == 0


def test_the_list_of_alerts_asks_grafana_for_those_of_its_query_that_fire(load: Load) -> None:
    query = 'count(select(targets.ALERTS, alertname="registry", alertstate="firing", severity="page"), by="severity")'
    options = one(load, f'Alerts("Firing alerts", {query}, good="none")')["options"]
    assert options["alertInstanceLabelFilter"] == '{severity="page", env=~"$env"}'
    assert options["stateFilter"]["firing"]
    assert not options["stateFilter"]["pending"]

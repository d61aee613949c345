"""The specifications, judged by the schema that Altair carries, and the data beside them."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import altair as alt
import jsonschema_rs
import pytest

from regobs.catalog import http, process, storage
from regobs.config.model import Config
from regobs.grafana.panels import Alerts, Bars, GaugePanel, Lines, Stat, Table
from regobs.promql import age, highest, mean, quantile, rate, ratio, select, total, trend
from regobs.snapshot import theme
from regobs.snapshot.bars import MOST
from regobs.snapshot.charts import Chart, expand, rounded
from regobs.snapshot.draw import chart_of
from regobs.snapshot.picture import drawing
from regobs.snapshot.texts import TextTable, WrittenNumber, numbers_of, numbers_picture, table_of, table_picture
from tests.snapshot.world import PANELS, SPAN, Found, board, panel_of, shot, wave

CHARTS = [title for title, panel in PANELS.items() if not isinstance(panel, Stat) and title != "Numbers"]
IN_FLIGHT = highest(http.IN_FLIGHT, by="instance")


def chart(title: str, values: Found | None = None) -> Chart:
    found = chart_of(panel_of(title) if values is None else panel_of(title, lambda _: values), SPAN)
    assert found is not None
    return found


@cache
def schema() -> Any:
    folder = Path(alt.__file__).parent / "vegalite" / "v6" / "schema"
    text = (folder / "vega-lite-schema.json").read_text(encoding="utf-8")
    return jsonschema_rs.validator_for(json.loads(text, object_hook=_quoted))


def _quoted(part: dict[str, Any]) -> dict[str, Any]:
    """References hold < and |, which a URI writes as %3C and %7C."""
    reference = part.get("$ref")
    return part | {"$ref": quote(reference, safe="#/")} if isinstance(reference, str) else part


def whole(one: Chart) -> dict[str, Any]:
    """A specification as the page completes it."""
    spec: dict[str, Any] = json.loads(json.dumps(one.spec))
    spec["datasets"] = {"points": expand(one.data), "times": [{"t": 0}]}
    spec.setdefault("layer", []).extend(one.interactive.get("layer", ()))
    (spec["layer"][0] if spec["layer"] else spec).update(params=one.interactive.get("params", []))
    return spec if spec["layer"] else {key: part for key, part in spec.items() if key != "layer"}


@pytest.mark.parametrize("title", CHARTS)
def test_a_specification_is_valid(title: str) -> None:
    schema().validate(whole(chart(title)))


def test_the_schema_refuses_a_specification_with_a_misspelt_word() -> None:
    spec = whole(chart("Requests"))
    spec["layer"][0]["encoding"]["y"]["axis"]["tickCuont"] = 5
    assert not schema().is_valid(spec)


@pytest.mark.parametrize("name", theme.THEMES)
def test_a_theme_is_a_valid_configuration(name: str) -> None:
    spec = whole(chart("Requests"))
    schema().validate(spec | {"config": theme.config(name)})


def test_the_texts_of_a_picture_are_valid() -> None:
    schema().validate(whole(numbers_picture(numbers_of(panel_of("Requests now")), 400)))
    schema().validate(whole(table_picture(table_of(panel_of("Numbers")), 600, 300)))


def test_values_are_drawn_in_the_unit_that_fits_the_largest() -> None:
    one = chart("Memory", [({"instance": "a"}, wave(3 * 2**20))])
    assert one.data["size"] == 1  # a logarithmic axis writes its own labels
    assert "' MiB'" in one.spec["layer"][0]["encoding"]["y"]["axis"]["labelExpr"]
    failed = chart("Failed", [({}, [0.25] * SPAN.points)])
    assert (failed.data["size"], failed.data["values"][0][0]) == (0.01, 25)
    assert failed.spec["layer"][0]["encoding"]["y"]["axis"]["labelExpr"] == "datum.label + '%'"


def test_a_share_is_drawn_from_0_to_100_percent_and_a_zoomed_one_as_it_is() -> None:
    scale = chart("Failed").spec["layer"][0]["encoding"]["y"]["scale"]
    assert (scale["domainMin"], scale["domainMax"]) == (0, 100)
    assert chart("Zoomed").spec["layer"][0]["encoding"]["y"]["scale"] == {"zero": False, "nice": True}


@pytest.mark.parametrize("value", [0.0, 0.3, -0.3])
@pytest.mark.parametrize("title", ["Requests", "Zoomed"])
def test_an_axis_has_room_for_a_flat_line(title: str, value: float) -> None:
    scale = chart(title, [({"route": "a"}, [value] * SPAN.points)]).spec["layer"][0]["encoding"]["y"]["scale"]
    if "domain" in scale:
        low, high = scale["domain"]
        assert low <= 100 * value <= high
        assert low < high
    else:
        assert scale.get("domainMax", 100 * value) != scale["domainMin"]


@pytest.mark.parametrize(("value", "ends"), [(0.0, [0, 1]), (0.3, [15, 45]), (1.0, [50, 100])])
def test_the_room_around_a_flat_share_ends_where_shares_end(value: float, ends: list[float]) -> None:
    scale = chart("Zoomed", [({"route": "a"}, [value] * SPAN.points)]).spec["layer"][0]["encoding"]["y"]["scale"]
    assert scale["domain"] == pytest.approx(ends)


@pytest.mark.parametrize(("value", "end"), [(1.0, 100), (0.9, 100), (1.2, 180)])
def test_a_ratio_that_is_not_above_1_has_no_room_above_100_percent(value: float, end: float) -> None:
    several = Lines("Share", ratio(rate(http.REQUESTS), rate(storage.ACTIONS)), good="1", zoom=True)
    one = chart_of(panel_of(several, lambda _: [({}, [value] * SPAN.points)]), SPAN)
    assert one is not None
    assert one.spec["layer"][0]["encoding"]["y"]["scale"]["domain"][1] == pytest.approx(end)


def test_nothing_stands_on_its_axis_also_where_it_could_be_below() -> None:
    changing = Lines("Backlog", trend(process.RESIDENT_MEMORY), good="0", zoom=True)
    one = chart_of(panel_of(changing, lambda _: [({}, [0.0] * SPAN.points)]), SPAN)
    assert one is not None
    assert one.spec["layer"][0]["encoding"]["y"]["scale"]["domain"] == [0, 1]


def test_thresholds_are_dashed_lines_in_the_colours_of_their_states() -> None:
    limits = [layer for layer in chart("Failed").spec["layer"] if layer["mark"].get("strokeDash")]
    assert [(layer["encoding"]["y"]["datum"], layer["mark"]["color"]) for layer in limits] == [
        (20, theme.STATES["yellow"]),
        (50, theme.STATES["red"]),
    ]


@pytest.mark.parametrize("zoom", [False, True])
@pytest.mark.parametrize("value", [0.0, 1.0, 150.0])
def test_thresholds_are_on_the_axis_also_of_a_flat_line(*, zoom: bool, value: float) -> None:
    waiting = Lines("Waiting", highest(http.IN_FLIGHT), good="0", thresholds=(100, 1000), zoom=zoom)
    one = chart_of(panel_of(waiting, lambda _: [({}, [value] * SPAN.points)]), SPAN)
    assert one is not None
    scale = one.spec["layer"][0]["encoding"]["y"]["scale"]
    if value == 0 or zoom:
        assert (scale["domain"][1] if zoom else scale["domainMax"]) == 1000
    else:
        assert "domainMax" not in scale  # Vega-Lite takes both limits into the axis of the layers


def test_a_flat_line_far_below_its_thresholds_has_an_axis_in_a_picture() -> None:
    burn = Lines("Waiting", highest(http.IN_FLIGHT), good="0", thresholds=(100, 1000))
    taken = shot(board(burn), rule=lambda _: [({}, [0.0] * SPAN.points)])
    assert re.search(r"<text[^>]*>1,000</text>", drawing(taken.dashboards[0], taken))


def test_zero_and_less_have_a_place_on_a_logarithmic_axis() -> None:
    one = chart("Memory", [({"instance": "a"}, [0.0, -1.0, 5.0])])
    assert one.data["values"][0][:3] == [0, -1, 5]
    assert one.spec["layer"][0]["encoding"]["y"]["scale"]["type"] == "symlog"


def test_a_point_between_gaps_is_marked() -> None:
    one = chart("Requests", [({"route": "a"}, [None, 1.0, None, 2.0, 3.0])])
    assert [row["t"] for row in expand(one.data) if row["lone"]] == [SPAN.first * 1000 + 60_000]
    assert sum(layer["mark"]["type"] == "point" for layer in one.spec["layer"]) == 1
    assert all(layer["mark"]["type"] != "point" for layer in chart("Requests").spec["layer"])


def test_the_cells_of_a_heat_map_are_those_that_have_observations() -> None:
    def spread(_: str) -> Found:
        return [({"le": "0.1"}, [0.0, 2.0]), ({"le": "+Inf"}, [1.0, 2.0])]

    panel = panel_of("Spread", spread)
    one = chart_of(panel, SPAN)
    assert one is not None
    first = SPAN.first * 1000
    assert expand(one.data) == [
        {"t": first + 60_000, "t2": first + 120_000, "s": 0, "v": 2},
        {"t": first, "t2": first + 60_000, "s": 1, "v": 1},
    ]
    assert one.names == ("100 ms", "more")


def test_a_heat_map_without_observations_says_so() -> None:
    empty = chart("Spread", [({"le": "0.1"}, [0.0] * SPAN.points), ({"le": "+Inf"}, [0.0] * SPAN.points)])
    assert empty.note == "no observation in this time"
    assert chart("Spread").note == ""


@pytest.mark.parametrize(("found", "note"), [(MOST, ""), (MOST + 2, "2 shorter bars are not drawn")])
def test_bars_are_sorted_and_those_that_do_not_fit_are_counted(found: int, note: str) -> None:
    panel = panel_of(
        Bars("Bars", IN_FLIGHT, good="even"), lambda _: [({"instance": f"i{n}"}, [n]) for n in range(found)]
    )
    one = chart_of(panel, SPAN)
    assert one is not None
    values = [row["v"] for row in one.data["values"]]
    assert values == sorted(values, reverse=True)
    assert (len(values), one.note) == (MOST, note)


@pytest.mark.parametrize(("value", "color"), [(0.1, "green"), (0.3, "yellow"), (0.5, "red"), (7.0, "red")])
def test_a_dial_has_the_colour_of_its_state(value: float, color: str) -> None:
    one = chart("Failed now", [({}, [value])])
    assert one.spec["layer"][1]["mark"]["color"] == theme.STATES[color]


def test_several_values_of_a_dial_are_bars() -> None:
    found = chart_of(
        panel_of(GaugePanel("Dial", IN_FLIGHT, good="low"), lambda _: [({"instance": i}, [1.0]) for i in "ab"]), SPAN
    )
    assert found is not None
    assert [row["name"] for row in found.data["values"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("value", "thresholds", "state"),
    [
        (1, None, ""),
        (math.nan, (1, 2), ""),
        (0.99, (1, 2), "green"),
        (1, (1, 2), "yellow"),
        (2, (1, 2), "red"),
        (0.9, (0.9, 0.5), "green"),
        (0.89, (0.9, 0.5), "yellow"),
        (0.5, (0.9, 0.5), "yellow"),
        (0.49, (0.9, 0.5), "red"),
    ],
)
def test_thresholds_rise_or_fall(value: float, thresholds: tuple[float, float] | None, state: str) -> None:
    assert theme.state_of(value, thresholds) == state


def test_numbers_are_named_where_the_name_says_more_than_the_title() -> None:
    [one] = numbers_of(panel_of(Stat("In flight", total(http.IN_FLIGHT), good="low"), lambda _: [({}, [12.0])]))
    assert (one.name, one.text, one.state) == ("", "12", "")
    several = numbers_of(panel_of("Requests now", lambda _: [({"route": r}, [v]) for r, v in (("a", 1.0), ("b", 3.0))]))
    assert [(one.name, one.text, one.state) for one in several] == [("b", "3 req/s", "red"), ("a", "1 req/s", "green")]


@pytest.mark.parametrize(("seconds", "text"), [(1.79e9, "never"), (172_800.0, "2 days")])
def test_an_age_that_is_counted_from_the_moment_0_is_never_in_bars_numbers_and_tables(
    seconds: float, text: str
) -> None:
    since, found = age(process.START_TIME, by="instance", or_never=True), [({"instance": "a"}, [seconds])]
    bars = chart_of(panel_of(Bars("Time since start", since, good="a day"), lambda _: found), SPAN)
    assert bars is not None
    assert [row["text"] for row in bars.data["values"]] == [text]
    [number] = numbers_of(panel_of(Stat("Time since start", since, good="a day"), lambda _: found))
    assert number.text == text
    table = table_of(panel_of(Table("Starts", {"since": since}, good="a day"), lambda _: found))
    assert table.rows == (("a", text),)


@pytest.mark.parametrize(("seconds", "text"), [(0.004, "at most 5 ms"), (3.0, "3 s"), (60.0, "60 s or more")])
def test_a_percentile_at_the_end_of_the_buckets_says_so(seconds: float, text: str) -> None:
    shown = Stat("HTTP latency p95", quantile(0.95, http.DURATION), good="low")
    [number] = numbers_of(panel_of(shown, lambda _: [({}, [seconds])]))
    assert number.text == text


def test_a_table_has_a_row_for_each_combination_of_labels_and_a_column_for_each_query() -> None:
    def answer(text: str) -> Found:
        return (
            [({}, [0.5])]
            if "5.." in text or "/" in text
            else [({"route": r}, [v]) for r, v in (("a", 1.0), ("b", 2.0))]
        )

    table = table_of(panel_of("Numbers", answer))
    assert table.heads == ("route", "rate", "failed")
    assert table.rows == (("b", "2 req/s", ""), ("a", "1 req/s", ""), ("", "", "50%"))
    assert table.values == 2


def test_a_column_of_a_table_has_its_own_colours() -> None:
    shown = Table("Numbers", {"rate": rate(http.REQUESTS, by="route")}, good="usual", colored={"rate": (2, 3)})
    values = (("a", 1.9), ("b", 2.0), ("c", 3.0), ("d", math.nan))
    table = table_of(panel_of(shown, lambda _: [({"route": r}, [v]) for r, v in values]))
    assert table.states == (("red",), ("yellow",), ("green",), ("",))
    plain = table_of(panel_of("Numbers"))
    assert {state for states in plain.states for state in states} == {""}


_FAILED = ratio(rate(select(http.REQUESTS, code="5xx"), by="route"), rate(http.REQUESTS, by="route"))
_ORDERED = Table(
    "Numbers",
    {"rate": rate(http.REQUESTS, by="route"), "left": _FAILED, "mean": mean(http.DURATION, by="route")},
    good="usual",
    colored={"rate": (2, 3), "left": (0.25, 0)},
)


def test_the_worst_row_of_a_table_is_the_first_by_every_coloured_column() -> None:
    rates, left = {"a": 0.0, "b": 0.0, "c": 5.0, "d": 0.0, "e": 0.0}, {"a": 1.0, "b": -0.085, "c": 1.0, "d": 0.5}

    def answer(text: str) -> Found:
        found = left if "5.." in text else rates
        return [({"route": route}, [value]) for route, value in found.items()]

    assert [row[0] for row in table_of(panel_of(_ORDERED, answer)).rows] == ["c", "b", "d", "a", "e"]


def test_a_list_of_alerts_begins_with_those_that_page() -> None:
    found = (("Many", "warning", 9.0), ("Paging", "critical", 1.0), ("Other", "unknown", 99.0))
    labels = [({"alertname": name, "severity": severity}, [count]) for name, severity, count in found]
    shown = Alerts("Firing alerts", total(http.IN_FLIGHT), good="none")
    config = Config(severities={"page": "critical", "ticket": "warning"})
    [panel] = shot(board(shown), rule=lambda _: labels, config=config).panels()
    assert [row[0] for row in table_of(panel).rows] == ["Paging", "Many", "Other"]


def test_a_list_of_alerts_tells_which() -> None:
    found: Found = [
        ({"alertname": "RegistryAvailabilityBurn", "severity": "page", "slo": "pull-blob-availability"}, [1.0]),
        ({"alertname": "RegistryDown", "severity": "page", "instance": "a:5001", "slo": ""}, [1.0]),
        ({"alertname": "RegistryDown", "severity": "page"}, [2.0]),
    ]
    table = table_of(panel_of(Alerts("Firing alerts", total(http.IN_FLIGHT), good="none"), lambda _: found))
    assert table.heads == ("alert", "labels", "severity", "alerts")
    assert table.rows == (
        ("RegistryDown", "", "page", "2"),
        ("RegistryAvailabilityBurn", "slo pull-blob-availability", "page", "1"),
        ("RegistryDown", "instance a:5001", "page", "1"),
    )


def test_a_table_of_resources_begins_with_the_resource() -> None:
    rows = {"autoscaler": "a", "resource": "Disk space"}
    assert table_of(panel_of("Numbers", lambda _: [(rows, [1.0])])).heads[:2] == ("resource", "autoscaler")


def test_a_drawn_value_is_short_and_never_what_json_lacks() -> None:
    assert [rounded(value) for value in (None, 0.123456789, 2.0, 123456.7)] == [None, 0.12346, 2, 123460]


@pytest.mark.parametrize(
    ("many", "note"),
    [(50, "10 series with lower peaks are not drawn"), (41, "1 series with a lower peak is not drawn"), (40, "")],
)
def test_a_panel_of_many_series_says_how_many_are_not_drawn(many: int, note: str) -> None:
    panel = panel_of(
        Lines("Many", rate(http.REQUESTS, by="route"), good="usual"),
        lambda _: [({"route": f"r{number}"}, [1.0]) for number in range(many)],
    )
    found = chart_of(panel, SPAN)
    assert found is not None
    assert found.note == note


NAME = "RegistryDatabasePoolSaturated"  # longer than what a cell is cut to


def made_table(rows: int) -> TextTable:
    return TextTable(("alert", "used"), tuple((NAME, str(row)) for row in range(rows)), 1, (("red",),) * rows)


@pytest.mark.parametrize(
    ("rows", "note"), [(9, ""), (10, "1 more row is not shown"), (11, "2 more rows are not shown")]
)
def test_a_picture_of_a_table_has_as_many_rows_as_it_has_room_for(rows: int, note: str) -> None:
    drawn = table_picture(made_table(rows), 600, 200)
    assert drawn.note == note
    assert {cell["y"] for cell in drawn.data["values"]} == set(range(min(rows, 9) + 1))


@pytest.mark.parametrize(("width", "whole"), [(600, True), (200, False)])
def test_a_cell_of_a_picture_is_cut_only_where_there_is_no_room(width: int, *, whole: bool) -> None:
    told = {cell["text"] for cell in table_picture(made_table(2), width, 200).data["values"]}
    assert (NAME in told) == whole
    assert any(text.endswith("…") for text in told) != whole


def test_a_cell_of_a_picture_has_the_colour_of_its_state() -> None:
    cells = table_picture(made_table(1), 600, 200).data["values"]
    assert [cell["color"] for cell in cells] == [None, None, None, theme.STATES["red"]]


@pytest.mark.parametrize(
    ("width", "names"), [(400.0, ["route name 1 of a repository"] * 2), (200.0, ["route name 1 o…"] * 2)]
)
def test_names_below_numbers_of_a_picture_stay_beside_each_other(width: float, names: list[str]) -> None:
    numbers = [WrittenNumber("route name 1 of a repository", "1", "")] * 2
    assert [row["name"] for row in numbers_picture(numbers, width).data["values"]] == names

"""One colour for each name of a series over a snapshot, and the words of percentiles on the edge of a bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest

from regobs.catalog import http, logs
from regobs.catalog.model import Capability
from regobs.config.model import Config
from regobs.grafana.panels import Lines, Table
from regobs.grafana.visuals import tells_status
from regobs.promql import quantile, rate, select
from regobs.snapshot import theme
from regobs.snapshot.draw import chart_of
from regobs.snapshot.legend import legend_of
from regobs.snapshot.page import page
from regobs.snapshot.palette import palette_of
from regobs.snapshot.texts import table_of
from tests.snapshot.world import PANELS, SPAN, Found, board, panel_of, shot, wave

ROUTES = Lines("Requests by route", rate(http.REQUESTS, by="route"), good="g")
BY_CODE = Lines("Requests by status", rate(http.REQUESTS, by="code"), good="g")


def named(label: str, names: Sequence[str]) -> Found:
    return [({label: name}, wave(1)) for name in names]


def colors(panel: Lines, label: str, names: Sequence[str]) -> dict[str, str]:
    return palette_of([panel_of(panel, lambda _: named(label, names))], SPAN)


def test_a_name_has_one_colour_on_every_panel_of_a_snapshot() -> None:
    def other(text: str) -> Found:  # one panel has each name at another place, beside others
        return named("route", ("tags", "zulu")) if "in_flight" in text else named("route", ("blob", "manifest", "tags"))

    few = Lines("In flight", {"x": rate(http.REQUESTS, by="route")}, good="g")
    taken = shot(board(ROUTES), board(few, PANELS["Stacked"], PANELS["Requests"]), rule=other)
    charts = [chart_of(panel, taken.span, taken.colors) for panel in taken.panels()]
    seen: dict[str, set[str]] = {}
    for one in charts:
        assert one is not None
        for name, color in zip(one.names, one.colors, strict=True):
            seen.setdefault(name, set()).add(color)
    assert {"tags", "blob", "manifest", "x tags"} <= set(seen)
    assert {name: found for name, found in seen.items() if len(found) > 1} == {}
    assert {name: found.pop() for name, found in seen.items()} == taken.colors


def test_the_colour_of_a_name_does_not_depend_on_its_place_or_on_what_stands_beside_it() -> None:
    alone, among = colors(ROUTES, "route", ["tags"]), colors(ROUTES, "route", ["aaa", "blob", "tags", "zzz"])
    assert alone["tags"] == among["tags"]
    assert colors(ROUTES, "route", ["zzz", "tags"])["tags"] == alone["tags"]


def test_no_two_of_36_names_of_a_panel_have_one_colour_and_the_first_twelve_are_hues() -> None:
    many = colors(ROUTES, "route", [f"route {number}" for number in range(36)])
    assert len(set(many.values())) == 36
    assert set(colors(ROUTES, "route", [f"route {number}" for number in range(12)]).values()) == set(theme.SERIES)
    for canvas in ("#ffffff", "#181b20"):
        assert min(abs(_light(color) - _light(canvas)) for color in many.values()) > 0.06


def _light(color: str) -> float:
    """Relative luminance, 0 to 1, without gamma."""
    red, green, blue = (int(color[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def test_a_chart_of_one_line_has_the_first_colour() -> None:
    found = chart_of(panel_of("Failed"), SPAN)
    assert found is not None
    assert found.colors == (theme.SERIES[0],)


def test_a_status_has_the_colour_of_its_class_and_no_two_codes_have_the_same() -> None:
    names = ("200", "503", "manifest 404", "500", "2xx", "307")
    found = colors(BY_CODE, "code", names)
    hues = [next(kind for kind, shades in theme.STATUSES.items() if found[name] in shades) for name in names]
    assert hues == ["2", "5", "4", "5", "2", "3"]
    assert len(set(found.values())) == len(names)
    assert not set(colors(ROUTES, "route", names).values()) & set(theme.STATUSES["5"])
    assert colors(BY_CODE, "code", ["registry-200", "other"])["registry-200"] in theme.SERIES


def test_classes_of_status_have_those_colours_also_as_names_of_queries_and_in_the_log() -> None:
    two = {"4xx": rate(select(http.REQUESTS, code="4xx")), "5xx": rate(select(http.REQUESTS, code="5xx"))}
    one = chart_of(panel_of(Lines("Errors", two, good="0"), lambda _: [({}, wave(1))]), SPAN)
    assert one is not None
    assert one.colors == (theme.STATUSES["4"][0], theme.STATUSES["5"][0])
    logged = Lines("Logged", rate(logs.REQUESTS, by="status"), good="0")
    [panel] = shot(board(logged), config=Config(capabilities=frozenset({Capability.LOG_EXPORTER}))).panels()
    assert tells_status(panel.bound)


def test_only_a_panel_by_status_has_those_colours() -> None:
    failing: Found = [({"code": "503", "route": "503"}, wave(1))]
    by_code, by_route = (palette_of([panel_of(panel, lambda _: failing)], SPAN) for panel in (BY_CODE, ROUTES))
    assert by_code == {"503": theme.STATUSES["5"][3]}
    assert by_route["503"] in theme.SERIES


@pytest.mark.parametrize(
    ("word", "color"),
    [("semi-dark-red", theme.STATES["red"]), ("green", theme.STATES["green"]), ("#AA00ff", "#aa00ff"), ("text", "")],
)
def test_a_colour_that_a_panel_gives_a_name_comes_first_on_every_panel(word: str, color: str) -> None:
    plain = panel_of(ROUTES, lambda _: named("route", ["tags"]))
    own = replace(plain, bound=replace(plain.bound, colors=(("tags", word), ("not drawn", "red"))))
    assert palette_of([plain, own], SPAN) == {"tags": color or palette_of([plain], SPAN)["tags"]}


LATENCY = Lines("Latency", {"p95": quantile(0.95, http.DURATION, by="route")}, good="low")


def legend(*values: float | None) -> str:
    panel = panel_of(LATENCY, lambda _: [({"route": "tags"}, values)])
    chart = chart_of(panel, SPAN)
    assert chart is not None
    [(_, text)] = legend_of(panel, chart)
    return text


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ((0.5, 59.9), ""),
        ((0.5, 60.0), " (at times 60 s or more)"),
        ((60.0, None, 60.0), " (60 s or more)"),
        ((0.001, 0.005), " (at most 5 ms)"),
        ((0.006, 0.005, 60.0), " (at times at most 5 ms, at times 60 s or more)"),
    ],
)
def test_the_legend_says_that_a_percentile_lies_on_a_buckets_edge(values: Sequence[float | None], told: str) -> None:
    assert legend(*values) == f"p95 tags{told}"


def test_the_tooltip_of_a_page_says_it_at_the_points_where_it_is_so() -> None:
    panel = panel_of(LATENCY, lambda _: [({"route": "tags"}, [0.001, 1.0, 60.0, 60.0, None, 60.0])])
    chart = chart_of(panel, SPAN)
    assert chart is not None
    high = "60 s or more"
    assert chart.beyond == (((0, 0, "at most 5 ms"), (2, 3, high), (5, 5, high)),)
    html = page(shot(board(LATENCY), rule=lambda _: [({"route": "tags"}, [60.0])]))
    assert '"beyond":[[[0,0,"60 s or more"]]]' in html
    assert re.search(r"<span>p95 tags \(60 s or more\)</span>", html)
    assert '"beyond"' not in page(shot(board(LATENCY), rule=lambda _: [({"route": "tags"}, [1.0])]))


def test_a_chart_of_one_percentile_has_a_legend_only_where_it_lies_on_an_edge() -> None:
    alone = Lines("HTTP latency p95", quantile(0.95, http.DURATION), good="low")
    assert 'class="legend"' not in page(shot(board(alone), rule=lambda _: [({}, [1.0])]))
    assert "HTTP latency p95 (60 s or more)" in page(shot(board(alone), rule=lambda _: [({}, [60.0])]))


def test_a_table_says_it_too() -> None:
    shown = Table(
        "Latencies", {"p95": quantile(0.95, http.DURATION, by="route"), "calls": rate(http.REQUESTS)}, good="g"
    )
    panel = panel_of(shown, lambda text: [({"route": "tags"}, [60.0])] if "quantile" in text else [({}, [1.0])])
    assert ("tags", "60 s or more", "") in table_of(panel).rows

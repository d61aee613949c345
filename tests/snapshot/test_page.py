from __future__ import annotations

import base64
import hashlib
import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from regobs import __version__
from regobs.catalog import build_info, database, http, redis, slo, targets
from regobs.catalog.model import Flavor
from regobs.config.model import Config
from regobs.errors import MachineError
from regobs.grafana.bound import bind_dashboard
from regobs.grafana.levels import level
from regobs.grafana.panels import Alerts, Bars, Lines, LongTable, Stat, States, Table, Tile
from regobs.grafana.words import Dashboard, Row
from regobs.promql import count, lowest, rate
from regobs.snapshot import vega
from regobs.snapshot.draw import chart_of
from regobs.snapshot.page import FIRST, page
from regobs.snapshot.take import take
from regobs.snapshot.taken import Snapshot, SnapshotEvent
from tests.snapshot.world import PANELS, SPAN, Answering, Found, board, lively, panel_of, shot, silent

HOSTILE = "</script><script>alert(1)</script><!--<b \"'&\u2028"


@pytest.fixture(autouse=True)
def small_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real library takes a second to bundle and is tested in a browser."""
    monkeypatch.setattr("regobs.snapshot.page.bundle", lambda script: f"/* library */ {script}")


class Seen(HTMLParser):
    """The elements of a page, and the text of its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self._inside = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self._inside = tag

    def handle_data(self, data: str) -> None:
        if self._inside == "script":
            self.scripts.append(data)
            self._inside = ""


def test_a_page_says_what_it_shows_of_when_and_who_made_it() -> None:
    html = page(shot())
    assert "<title>Every kind, 2027-01-15 08:00 to 2027-01-15 09:00 UTC</title>" in html
    assert "2027-01-15 08:00 to 2027-01-15 09:00 UTC, a point each 1m, from http://server:9090" in html
    assert f"Taken with regobs {__version__}" in html


def test_nothing_of_the_address_but_host_and_port_is_in_a_page() -> None:
    html = page(shot())
    assert "s3cr3t" not in html
    assert "me:s" not in html
    assert "me@" not in html


def test_every_panel_stands_in_its_row_with_its_help() -> None:
    seen = Seen(page(shot()))
    panels = [attributes for tag, attributes in seen.elements if tag == "article"]
    assert len(panels) == len(PANELS)
    charts = [int(number) for one in panels if (number := one.get("data-chart"))]
    drawn = json.loads(seen.scripts[0])["charts"]
    assert charts == list(range(len(drawn)))
    assert len(drawn) == len(PANELS) - sum(isinstance(panel, Stat) for panel in PANELS.values()) - 1  # and a table
    assert sum(tag == "details" and "open" in attributes for tag, attributes in seen.elements) == 2
    html = page(shot(board(PANELS["Failed"])))
    assert "Good: 0" in html
    assert "Alert: RegistryDown" in html
    assert "sum(rate(" in html.split('class="tip"')[1]


def test_a_page_allows_its_own_script_and_no_request() -> None:
    seen = Seen(page(shot()))
    [policy] = [attributes["content"] for tag, attributes in seen.elements if "http-equiv" in attributes]
    digest = base64.b64encode(hashlib.sha256(seen.scripts[1].encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'sha256-{digest}' 'unsafe-eval'"
    )
    addresses = [
        value for _, attributes in seen.elements for name, value in attributes.items() if name in {"src", "href"}
    ]
    assert addresses == ["data:,"]


def test_labels_that_look_like_html_stay_text() -> None:
    def hostile(text: str) -> Found:
        return [({"route": HOSTILE, "instance": HOSTILE, "le": "+Inf"}, values) for _, values in lively(text)]

    seen = Seen(page(shot(rule=hostile)))
    assert len(seen.scripts) == 2
    names = [name for one in json.loads(seen.scripts[0])["charts"] for name in one["names"]]
    assert " ".join(HOSTILE.split()) in names
    assert {tag for tag, _ in seen.elements} & {"b"} == {"b"}
    assert [text for text in seen.scripts if "alert(1)" in text and "charts" not in text] == []


def test_a_panel_without_data_says_so_and_what_it_needs() -> None:
    html = page(shot(board(PANELS["Collected"], PANELS["In flight"]), rule=silent))
    assert html.count('<p class="empty">no data') == 2
    assert "no data<br>needs the capability garbage_collection" in html


def test_zero_and_no_data_look_different() -> None:
    html = page(shot(board(PANELS["In flight"]), rule=lambda _: [({}, [0.0])]))
    assert "no data" not in html
    assert '<b class="">0</b>' in html


def test_what_is_left_out_is_named_with_its_reason() -> None:
    from regobs.config.model import Config

    html = page(shot(board(PANELS["Requests"], PANELS["Collected"]), config=Config()))
    assert re.search(r"Left out: Collected \(.*needs the capability garbage_collection", html)


def test_panels_whose_metrics_a_flavor_lacks_are_named_once() -> None:
    tile = Tile(
        "Database", {"queries": level(rate(database.QUERIES), 1, 5), "pool": level(rate(redis.POOL_MISSES), 1, 5)}
    )
    lacking = Lines("Pools", rate(redis.POOL_HITS), good="g")
    config = Config(flavor=Flavor.DISTRIBUTION)
    html = page(shot(board(PANELS["Requests"], tile, lacking), config=config))
    assert '<p class="left-out">Left out: Database, Pools (not in distribution registries)</p>' in html


def test_warnings_of_the_server_stand_at_the_top() -> None:
    html = page(shot(warnings=["store <b> is down"]))
    assert "The server warns: store &lt;b&gt; is down" in html


def test_several_dashboards_have_a_list_of_links() -> None:
    html = page(shot(board(PANELS["Requests"], title="One"), board(PANELS["Requests"], title="Two")))
    assert '<a href="#board-0">One</a><a href="#board-1">Two</a>' in html
    assert 'id="board-0"' in html
    assert '<nav class="boards">' not in page(shot())


def test_a_legend_that_says_no_more_than_the_title_is_left_out() -> None:
    assert 'class="legend"' not in page(shot(board(PANELS["Failed"])))
    assert page(shot(board(PANELS["Requests"]))).count('aria-pressed="true"') == 3


def test_a_page_of_nothing_is_whole() -> None:
    taken = shot()
    html = page(Snapshot((), taken.span, taken.server, ()))
    assert html.rstrip().endswith("</html>")


def test_without_the_extra_one_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "vl_convert", None)
    with pytest.raises(MachineError) as caught:
        vega.vl_convert()
    assert caught.value.next_step == "install it: pip install 'regobs[snapshot]'"


@pytest.mark.parametrize("size", [1e308, -1e308, 1.7e308, 5e-324, math.inf, -math.inf])
def test_values_at_the_end_of_what_a_number_can_be_are_a_page(size: float) -> None:
    def extreme(text: str) -> Found:
        return [(labels, [None if value is None else size for value in values]) for labels, values in lively(text)]

    html = page(shot(rule=extreme))
    assert "Infinity" not in re.sub(r"<script>.*?</script>", "", html, flags=re.DOTALL)
    assert json.loads(Seen(html).scripts[0])["charts"]


def test_values_that_are_no_numbers_are_a_page_without_charts() -> None:
    def nothing(text: str) -> Found:
        return [(labels, [math.nan for _ in values]) for labels, values in lively(text)]

    assert json.loads(Seen(page(shot(rule=nothing))).scripts[0])["charts"] == []


def test_a_budget_that_is_overspent_fills_no_bar_and_the_others_are_still_told_apart() -> None:
    def budgets(_: str) -> Found:
        return [({"slo": name}, [value] * SPAN.points) for name, value in (("a", -120.67), ("b", 0.5), ("c", 1.0))]

    chart = chart_of(panel_of(Bars("Budget", lowest(slo.BUDGET_REMAINING, by="slo"), good="above 0"), budgets), SPAN)
    assert chart is not None
    bars = {row["name"]: (row["v"], row["text"]) for row in chart.data["values"]}
    assert bars == {"a": (0, "-12067%"), "b": (0.5, "50%"), "c": (1.0, "100%")}
    [track, *_] = chart.spec["layer"]
    assert (track["encoding"]["x"]["scale"]["domain"]) == [0, 1]


def test_a_legend_begins_with_what_fails() -> None:
    def codes(_: str) -> Found:
        return [({"code": code}, [value] * SPAN.points) for code, value in (("200", 90.0), ("404", 5.0), ("503", 0.1))]

    html = page(shot(board(Lines("By status", rate(http.REQUESTS, by="code"), good="200")), rule=codes))
    assert re.findall(r'title="(\d+)"', html) == ["503", "200", "404"]

    def routes(_: str) -> Found:
        return [
            ({"route": name}, [value] * SPAN.points) for name, value in (("tags", 1.0), ("blob", 0.4), ("base", 0.9))
        ]

    available = Lines("Availability", rate(http.REQUESTS, by="route"), good="100 %")
    assert re.findall(r'title="(\w+)"><i', page(shot(board(available), rule=routes))) == ["blob", "base", "tags"]


def test_a_page_of_several_begins_with_the_overview_and_says_what_it_is() -> None:
    two = [
        replace(one, slug=slug)
        for one, slug in zip(shot(board(title="A"), board(title="B")).dashboards, "ab", strict=True)
    ]
    snapshot = replace(shot(), dashboards=(two[0], replace(two[1], slug=FIRST)))
    html = page(snapshot)
    assert html.index('id="overview"') < html.index('id="a"')
    assert "<title>Container registry: 2 dashboards, 2027-01-15 08:00 to" in html
    assert "<title>Mine, " in page(snapshot, title="Mine")
    assert "every time is divided by 60" in page(snapshot, notes=["every time is divided by 60"])


def test_what_happened_is_listed_and_marked_on_every_chart_over_time() -> None:
    def alerts(text: str) -> Found:
        if "ALERTS{" not in text:
            return lively(text)
        assert 'severity!="none"' in text, "whom nobody is told of is no event"
        return [
            (
                {"alertname": "RegistryBurn", "slo": "pull"},
                [1.0 if 10 <= index < 20 else None for index in range(SPAN.points)],
            )
        ]

    fault = SnapshotEvent(SPAN.first + 300, "fault", "Inject a fault <now>")
    bound = bind_dashboard("own", board(), Config().vocabulary)
    up = Dashboard("Up", Row("Up", States("Instance up", lowest(targets.UP, by="instance"), good="1")))
    states = bind_dashboard("up", up, Config().vocabulary)
    snapshot = take(Answering(alerts), [bound, states], Config(), SPAN, events=[fault])
    happened = [(one.kind, (one.time - SPAN.first) / SPAN.step, one.text) for one in snapshot.events]
    assert happened == [
        ("fault", 5, "Inject a fault <now>"),
        ("alert", 10, "RegistryBurn (pull) fires"),
        ("end", 20, "RegistryBurn (pull) has ended"),
    ]
    html = page(snapshot)
    assert "Inject a fault &lt;now&gt;" in html
    drawn = json.loads(Seen(html).scripts[0])["charts"]
    charts = [one for one in drawn if '"temporal"' in json.dumps(one["spec"])]
    assert {one["data"]["form"] for one in charts} == {"series", "heat", "rows"}  # lines, heat maps, bands of states
    for chart in charts:
        marks = [
            layer["data"]["values"]
            for layer in chart["spec"]["layer"]
            if layer.get("encoding", {}).get("x", {}).get("field") == "at"
        ]
        assert [value["at"] for values in marks for value in values] == [one.time * 1000 for one in snapshot.events]


def test_a_list_of_alerts_without_any_says_so() -> None:
    shown = Dashboard("Own", Row("R", Alerts("Firing alerts", count(targets.ALERTS, by="alertname"), good="none")))
    html = page(take(Answering(silent), [bind_dashboard("own", shown, Config().vocabulary)], Config(), SPAN))
    assert '<p class="empty">no alert fires</p>' in html
    assert '<p class="empty">no data' not in html


def test_a_tile_is_told_in_words_and_a_long_number_is_written_smaller() -> None:
    causes = {"server errors": level(rate(http.REQUESTS), 1, 5)}
    version = Stat("Version", count(build_info.BUILD, by="version"), good="g", names=True)
    shown = Dashboard("Own", Row("R", Tile("HTTP", causes), Stat("Requests", rate(http.REQUESTS), good="g"), version))

    def critical(text: str) -> Found:
        labels = {"version": "v4.32.0-gitlab"} if "version" in text else {}
        return [({"cause": "server errors"} if "topk" in text else labels, [2.0] * SPAN.points)]

    html = page(take(Answering(critical), [bind_dashboard("own", shown, Config().vocabulary)], Config(), SPAN))
    assert '<b class="red">critical</b><span title="server errors">server errors</span>' in html
    assert '<div class="numbers"><div class="number"><b class="">2 req/s</b>' in html
    assert '<div class="numbers several"><div class="number"><b class="">v4.32.0-gitlab</b>' in html


@pytest.mark.parametrize(("rate_now", "text"), [(2.0, "2 req/s"), (21.32, "21.3 req/s"), (0.00132, "0.00132 req/s")])
def test_a_rate_is_written_as_large_as_its_neighbours(rate_now: float, text: str) -> None:
    requests = Stat("Requests", rate(http.REQUESTS), good="g")
    html = page(shot(board(requests), rule=lambda _: [({}, [rate_now] * SPAN.points)]))
    several = " several" * (len(text) > 12)
    assert f'<div class="numbers{several}"><div class="number"><b class="">{text}</b>' in html


def test_a_table_is_as_high_as_its_rows_and_what_stands_below_follows() -> None:
    def rows(number: int) -> Callable[[str], Found]:
        return lambda text: [({"route": f"r{n}"}, [1.0]) for n in range(number)] if "route" in text else lively(text)

    def places(number: int) -> dict[str, tuple[int, int]]:
        table = LongTable("SLOs", rate(http.REQUESTS, by="route"), good="g")
        html = page(shot(board(table, PANELS["In flight"], PANELS["Failed"]), rule=rows(number)))
        found = re.findall(r"--y:(\d+);--w:\d+;--h:(\d+)\"[^>]*><header><h3>([^<]*)", html)
        return {title: (int(y), int(h)) for y, h, title in found}

    few, many = places(2), places(40)
    assert few["SLOs"][1] < 16 < many["SLOs"][1]
    assert many["SLOs"][1] * 38 - 8 > 30 + 41 * 24  # every row, with its title and heads
    for found in (few, many, places(0)):
        assert found["In flight"][0] == found["SLOs"][0] + found["SLOs"][1]
        assert found["Failed"][0] == found["In flight"][0] + found["In flight"][1]
    assert places(0)["SLOs"][1] == 3


@pytest.mark.parametrize("rows", [0, 1, 40])
def test_only_low_numbers_stand_side_by_side_on_a_narrow_screen(rows: int) -> None:
    def rule(text: str) -> Found:
        return [({"route": f"r{n}"}, [1.0]) for n in range(rows)] if "route" in text else lively(text)

    by_route = rate(http.REQUESTS, by="route")
    table, alerts = LongTable("SLOs", by_route, good="g"), Alerts("Alerts", by_route, good="none")
    html = page(shot(board(table, alerts, PANELS["Failed"], Stat("Now", rate(http.REQUESTS), good="g")), rule=rule))
    found = {
        title: "small" in kind for kind, title in re.findall(r'<article class="([^"]*)"[^>]*><header><h3>(.*?)<', html)
    }
    assert found == {"SLOs": False, "Alerts": False, "Failed": False, "Now": True}


def test_a_cell_beyond_its_threshold_is_coloured() -> None:
    shown = Table("Burn", {"rate": rate(http.REQUESTS, by="route")}, good="g", colored={"rate": (2, 3)})
    html = page(shot(board(shown), rule=lambda _: [({"route": "a"}, [3.0]), ({"route": "b"}, [1.0])]))
    assert '<td class="value red">3 req/s</td>' in html
    assert '<td class="value green">1 req/s</td>' in html
    assert '<th class="value">rate</th>' in html


def test_dashboards_that_show_nothing_stand_below_the_others_those_of_one_reason_in_one_line() -> None:
    shown = board(PANELS["Requests"], title="Traffic")
    lacking = [board(PANELS["Collected"], title=title) for title in "AB"]
    html = page(shot(shown, *lacking, config=Config()))
    assert html.count("Left out: A, B (needs the capability garbage_collection)") == 1
    assert html.index("Left out: A, B") > html.index('id="board-0"')


def test_dashboards_that_lack_several_capabilities_name_each_once() -> None:
    missing = Lines("Pools", rate(redis.POOL_HITS), good="g")
    lacking = board(PANELS["Collected"], missing, title="One")
    html = page(shot(lacking, board(PANELS["Requests"]), config=Config()))
    assert "Left out: One (needs the capability garbage_collection or redis)" in html

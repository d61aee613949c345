from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections import Counter
from dataclasses import replace

import pytest

from regobs import __version__
from regobs.catalog import build_info, http
from regobs.grafana.panels import Lines, LongTable, Stat, Table
from regobs.promql import count, quantile, rate
from regobs.snapshot import theme
from regobs.snapshot.picture import WIDTH, drawing, picture
from regobs.snapshot.taken import Snapshot, SnapshotEvent
from regobs.snapshot.wrapped import width_of
from tests.snapshot.world import PANELS, SPAN, Found, board, shot, silent, wave


@pytest.fixture(scope="module")
def every_kind() -> ET.Element:
    """The picture of every kind of panel, before it becomes pixels."""
    taken = shot()
    return ET.fromstring(drawing(taken.dashboards[0], taken))  # noqa: S314 - we wrote it


BESIDE = [PANELS["Requests"], PANELS["Stacked"]]


def drawn(taken: Snapshot) -> ET.Element:
    return ET.fromstring(drawing(taken.dashboards[0], taken))  # noqa: S314 - we wrote it


def boxes(root: ET.Element) -> list[tuple[float, ...]]:
    """The frames of panels: x, y, width, height."""
    return [
        tuple(float(one.get(side, 0)) for side in ("x", "y", "width", "height"))
        for one in root
        if one.tag.endswith("rect") and one.get("rx")
    ]


def assert_apart(frames: list[tuple[float, ...]]) -> None:
    for index, (x, y, w, h) in enumerate(frames):
        assert x + w <= WIDTH
        for ox, oy, ow, oh in frames[index + 1 :]:
            assert x + w <= ox or ox + ow <= x or y + h <= oy or oy + oh <= y


def texts(root: ET.Element) -> list[str]:
    return ["".join(one.itertext()) for one in root.iter() if one.tag.endswith("text")]


def test_a_picture_is_a_png_as_wide_as_a_screen() -> None:
    taken = shot(board(PANELS["Requests"]))
    png = picture(taken.dashboards[0], taken)
    assert png.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", png[16:24])
    assert (width, 300 < height < 500) == (WIDTH, True)


def test_a_picture_has_the_title_of_every_panel_and_its_range(every_kind: ET.Element) -> None:
    found = texts(every_kind)
    assert set(PANELS) <= set(found)
    facts = [text for text in found if text.startswith("2027-01-15 08:00 to 2027-01-15 09:00 UTC")]
    assert len(facts) == 1
    assert facts[0].endswith(f"from http://server:9090, regobs {__version__}")


def test_a_picture_has_legends_numbers_and_cells(every_kind: ET.Element) -> None:
    found = Counter(texts(every_kind))
    assert found["manifest"] >= 3
    assert found["registry-0"] >= 2
    assert found["route"] == 1


def test_no_identifier_is_there_twice(every_kind: ET.Element) -> None:
    ids = [one.get("id") for one in every_kind.iter() if one.get("id")]
    assert ids
    assert len(ids) == len(set(ids))


def test_no_frame_lies_on_another(every_kind: ET.Element) -> None:
    frames = boxes(every_kind)
    assert len(frames) == len(PANELS)
    assert_apart(frames)


def test_a_panel_without_data_says_so_in_a_picture() -> None:
    taken = shot(board(PANELS["Collected"]), rule=silent)
    found = texts(ET.fromstring(drawing(taken.dashboards[0], taken)))  # noqa: S314 - we wrote it
    assert "no data" in found
    assert "needs the capability garbage_collection" in found


@pytest.mark.parametrize("dark", [False, True])
def test_a_picture_is_light_or_dark(*, dark: bool) -> None:
    taken = shot(board(PANELS["Requests"]))
    svg = drawing(taken.dashboards[0], taken, dark=dark)
    assert (theme.CANVAS["dark"] in svg) == dark
    assert (theme.CANVAS["light"] in svg) != dark


@pytest.mark.parametrize("count", [2, 40])
@pytest.mark.parametrize("letters", [4, 60, 400])
def test_a_legend_names_every_series_in_lines_that_stay_in_the_frame(count: int, letters: int) -> None:
    names = [f"{number:02} {'abcde fghi' * (letters // 10)}" for number in range(count)]
    taken = shot(board(*BESIDE), rule=lambda _: [({"route": name}, wave(1)) for name in names])
    root = drawn(taken)
    found = [one for one in root if one.tag.endswith("text") and one.get("font-size") == "11"]
    assert Counter("".join(one.text or "" for one in found).replace(" ", "")) == Counter(
        "".join(name * len(BESIDE) for name in names).replace(" ", "")
    )
    frames = boxes(root)
    for one in found:
        x, y = float(one.get("x", 0)), float(one.get("y", 0))
        assert [
            left < x and x + width_of(one.text or "") < left + w and top < y < top + h for left, top, w, h in frames
        ].count(True) == 1
    assert_apart(frames)


def test_a_panel_grows_with_its_legend_beside_its_neighbours_and_what_is_below_moves_down() -> None:
    def rule(text: str) -> Found:
        names = ["a"] if "gc_" in text else [f"a route with a long name, {number:02}" for number in range(40)]
        return [({"route": name, "worker": name}, wave(1)) for name in names]

    (x, y, w, h), (x2, y2, _, h2), *_, low = boxes(
        drawn(shot(board(*BESIDE, PANELS["Collected"], PANELS["Stored"]), rule=rule))
    )
    assert (y, h) == (y2, h2)
    assert x + w <= x2
    assert h > 8 * 38
    assert low[1] > y + h


def test_a_legend_has_the_order_of_the_page() -> None:
    codes: Found = [({"code": code}, [value]) for code, value in (("200", 90.0), ("404", 5.0), ("503", 0.1))]
    shown = Lines("Requests by status", rate(http.REQUESTS, by="code"), good="200")
    found = texts(drawn(shot(board(shown), rule=lambda _: codes)))
    assert [text for text in found if text in {"200", "404", "503"}] == ["503", "200", "404"]


def test_a_picture_lists_what_happened_in_the_colours_of_its_lines() -> None:
    events = (SnapshotEvent(SPAN.start + 61, "fault", "storage fails"), SnapshotEvent(SPAN.end, "end", "A has ended"))
    taken = replace(shot(board(PANELS["Requests"])), events=events)
    root = drawn(taken)
    assert {"08:01:01 storage fails", "09:00:00 A has ended"} <= set(texts(root))
    marks = [one.get("fill") for one in root if one.tag.endswith("rect") and one.get("height") == "3"]
    assert marks[:2] == [theme.EVENTS["fault"], theme.EVENTS["end"]]
    days = replace(taken, span=replace(SPAN, start=SPAN.end - 86_401))
    assert "2027-01-15 09:00:00 A has ended" in texts(drawn(days))


def test_a_picture_says_that_a_percentile_lies_on_a_buckets_edge() -> None:
    shown = Lines("Latency", {"p95": quantile(0.95, http.DURATION)}, good="low")
    assert "p95 (60 s or more)" in texts(drawn(shot(board(shown), rule=lambda _: [({}, [60.0])])))


@pytest.mark.parametrize(("rows", "hidden"), [(30, ""), (60, ""), (61, "1 more row is not shown")])
def test_a_picture_shows_every_row_of_a_table_up_to_a_length(rows: int, hidden: str) -> None:
    shown = Table("Numbers", {"rate": rate(http.REQUESTS, by="route")}, good="usual")
    routes: Found = [({"route": f"route-{number}"}, [1.0]) for number in range(rows)]
    taken = shot(board(shown), rule=lambda _: routes)
    found = texts(ET.fromstring(drawing(taken.dashboards[0], taken)))  # noqa: S314 - we wrote it
    assert sum(text.startswith("route-") for text in found) == min(rows, 60)
    assert [text for text in found if "not shown" in text] == [hidden] * bool(hidden)


def test_a_table_of_few_rows_leaves_no_hole_in_a_picture() -> None:
    shown = LongTable("Numbers", {"rate": rate(http.REQUESTS, by="route")}, good="usual")
    taken = shot(board(shown), rule=lambda _: [({"route": "a"}, [1.0])])
    height = int(ET.fromstring(drawing(taken.dashboards[0], taken)).attrib["height"])  # noqa: S314 - we wrote it
    assert height < 300


def test_a_picture_shows_the_version_large_and_how_many_have_it_small() -> None:
    version = Stat("Version", count(build_info.BUILD, by="version"), good="g", names=True)
    taken = shot(board(version), rule=lambda _: [({"version": "v4.32.0-gitlab"}, [3.0] * SPAN.points)])
    root = ET.fromstring(drawing(taken.dashboards[0], taken))  # noqa: S314 - we wrote it
    sizes = {"".join(one.itertext()): one.get("font-size") for one in root.iter() if one.tag.endswith("text")}
    assert float(str(sizes["v4.32.0-gitlab"]).removesuffix("px")) > 20
    assert sizes["3"] == "11px"

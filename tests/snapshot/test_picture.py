from __future__ import annotations

import struct
import xml.etree.ElementTree as ET
from collections import Counter

import pytest

from regobs import __version__
from regobs.catalog import build_info, http
from regobs.grafana.panels import LongTable, Stat, Table
from regobs.promql import count, rate
from regobs.snapshot import theme
from regobs.snapshot.picture import WIDTH, drawing, picture
from tests.snapshot.world import PANELS, SPAN, Found, board, shot, silent, wave


@pytest.fixture(scope="module")
def every_kind() -> ET.Element:
    """The picture of every kind of panel, before it becomes pixels."""
    taken = shot()
    return ET.fromstring(drawing(taken.dashboards[0], taken))  # noqa: S314 - we wrote it


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
    boxes = [
        tuple(float(one.get(side, 0)) for side in ("x", "y", "width", "height"))
        for one in every_kind
        if one.tag.endswith("rect") and one.get("rx")
    ]
    assert len(boxes) == len(PANELS)
    for index, (x, y, w, h) in enumerate(boxes):
        assert x + w <= WIDTH
        for ox, oy, ow, oh in boxes[index + 1 :]:
            assert x + w <= ox or ox + ow <= x or y + h <= oy or oy + oh <= y


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


def test_a_legend_without_room_names_the_highest_and_says_how_many_it_does_not() -> None:
    def many(text: str) -> Found:
        del text
        return [({"route": f"a route with a long name, {number:02}"}, wave(1 + number)) for number in range(40)]

    taken = shot(board(PANELS["Requests"]), rule=many)
    found = texts(ET.fromstring(drawing(taken.dashboards[0], taken)))  # noqa: S314 - we wrote it
    named = [text for text in found if text.startswith("a route with a long name")]
    assert 4 <= len(named) < 40
    assert [int(text[-2:]) for text in named] == list(range(40 - len(named), 40))
    assert f"{40 - len(named)} more names on the page" in found


@pytest.mark.parametrize(("letters", "whole"), [(31, True), (60, True), (120, False)])
def test_a_name_is_whole_in_the_legend_of_a_picture_up_to_a_length(letters: int, *, whole: bool) -> None:
    names = ["abcdefghij" * (letters // 10) + "x" * (letters % 10), "b"]
    taken = shot(board(PANELS["Requests"]), rule=lambda _: [({"route": name}, wave(1)) for name in names])
    found = texts(ET.fromstring(drawing(taken.dashboards[0], taken)))  # noqa: S314 - we wrote it
    assert (names[0] in found) is whole


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

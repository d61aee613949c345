from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.grafana.layout import COLUMNS, LONG, MOST, SMALL, TALL, PanelPlace, arrange, bottom, shares

rows = st.lists(st.sampled_from([SMALL, TALL, LONG]), min_size=1, max_size=30)


def cells(place: PanelPlace) -> set[tuple[int, int]]:
    return {(x, y) for x in range(place.x, place.x + place.w) for y in range(place.y, place.y + place.h)}


@given(rows, st.integers(0, 1000))
def test_panels_cover_a_rectangle_of_all_columns_without_gap_and_without_overlap(heights: list[int], top: int) -> None:
    places = arrange(heights, top)
    covered = [cell for place in places for cell in cells(place)]
    assert len(covered) == len(set(covered))
    assert set(covered) == {(x, y) for x in range(COLUMNS) for y in range(top, bottom(places, top))}


@given(rows)
def test_panels_keep_their_order_and_their_kind_of_height(heights: list[int]) -> None:
    places = arrange(heights, 1)
    assert [place.h for place in places] == heights
    assert [(place.y, place.x) for place in places] == sorted((place.y, place.x) for place in places)


@given(rows)
def test_no_panel_gets_narrower_than_its_kind_can_be_read_at(heights: list[int]) -> None:
    for height, place in zip(heights, arrange(heights, 0), strict=True):
        assert place.w >= COLUMNS // MOST[height]


@pytest.mark.parametrize(
    ("panels", "widths"),
    [(1, [24]), (2, [12, 12]), (3, [8, 8, 8]), (4, [12, 12, 12, 12]), (5, [8, 8, 8, 12, 12])],
)
def test_charts_share_a_line_by_threes_at_most(panels: int, widths: list[int]) -> None:
    assert [place.w for place in arrange([TALL] * panels, 0)] == widths


@pytest.mark.parametrize(("panels", "lines"), [(MOST[SMALL], 1), (MOST[SMALL] + 1, 2)])
def test_numbers_break_into_a_second_line_after_eight(panels: int, lines: int) -> None:
    assert len({place.y for place in arrange([SMALL] * panels, 0)}) == lines


def test_numbers_before_charts_stand_above_them() -> None:
    number, chart = arrange([SMALL, TALL], 1)
    assert (number, chart) == (PanelPlace(0, 1, 24, SMALL), PanelPlace(0, 1 + SMALL, 24, TALL))


@given(st.integers(0, 500), st.integers(1, 30))
def test_shares_add_up_and_differ_by_one_at_most(total: int, parts: int) -> None:
    found = shares(total, parts)
    assert sum(found) == total
    assert max(found) - min(found) <= 1


def test_an_empty_row_ends_where_it_begins() -> None:
    assert bottom([], 7) == 7

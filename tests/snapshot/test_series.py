from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.prometheus import RangeSeries
from regobs.snapshot.draw import has_data
from regobs.snapshot.series import MOST, DrawnSeries, buckets_of, filled, name_of, on_grid, series_of
from regobs.snapshot.span import TimeSpan
from tests.snapshot.world import SPAN, Found, panel_of, silent

SHORT = TimeSpan(0, 40, 10)
VALUES = st.lists(st.none() | st.floats(-10, 10), min_size=5, max_size=5).map(tuple)


@pytest.mark.parametrize(
    ("legend", "labels", "name"),
    [
        ("{{route}}", {"route": "blob"}, "blob"),
        ("p95 {{ route }} {{code}}", {"route": "blob"}, "p95 blob"),
        ("{{route}}", {}, "Title"),
        ("Requests", {"route": "blob"}, "Requests"),
        ("{{route}}", {"route": "{{code}}", "code": "x"}, "{{code}}"),
    ],
)
def test_a_legend_takes_the_values_of_its_labels(legend: str, labels: dict[str, str], name: str) -> None:
    assert name_of(legend, labels, "Title") == name


def test_a_point_that_is_missing_or_no_number_is_a_gap() -> None:
    points = ((0, 1.0), (10, math.nan), (30, 4.0), (40, math.inf), (50, 9.0))
    assert on_grid(RangeSeries({}, points), SHORT) == (1.0, None, None, 4.0, None)


def test_a_series_without_one_number_is_none_and_its_panel_has_no_data() -> None:
    panel = panel_of("Requests", lambda _: [({"route": "a"}, [math.nan] * SPAN.points)])
    assert series_of(panel, SPAN) == ([], 0)
    assert not has_data(panel, SPAN)
    assert has_data(panel_of("Requests"), SPAN)
    assert not has_data(panel_of("Requests", silent), SPAN)


@pytest.mark.parametrize(("found", "left_out"), [(MOST, 0), (MOST + 1, 1), (MOST + 60, 60)])
def test_of_too_many_series_those_with_the_highest_peaks_are_kept(found: int, left_out: int) -> None:
    def many(_: str) -> Found:
        return [({"route": f"r{number:03}"}, [number] * SPAN.points) for number in range(found)]

    kept, more = series_of(panel_of("Requests", many), SPAN)
    assert (len(kept), more) == (MOST, left_out)
    assert kept[0].name == f"r{left_out:03}"


@given(VALUES, VALUES)
def test_a_stack_has_zero_where_another_series_has_a_value(
    one: tuple[float | None, ...], other: tuple[float | None, ...]
) -> None:
    first, second = (series.values for series in filled([DrawnSeries("a", one), DrawnSeries("b", other)]))
    for index, (mine, its) in enumerate(zip(one, other, strict=True)):
        if mine is None and its is None:
            assert first[index] is second[index] is None
        else:
            assert (first[index], second[index]) == (mine or 0, its or 0)


def test_buckets_are_told_apart_from_the_smaller_ones_that_they_contain() -> None:
    def cumulative(_: str) -> Found:
        rows: dict[str, list[float | None]] = {"+Inf": [7, 7, None], "0.5": [4, 3.9, 1], "0.1": [4, 4, None]}
        return [({"le": edge}, values) for edge, values in rows.items()]

    assert [(edge, values[:3]) for edge, values in buckets_of(panel_of("Spread", cumulative), SPAN)] == [
        (0.1, (4, 4, None)),
        (0.5, (0, 0, 1)),
        (math.inf, (3, pytest.approx(3.1), None)),
    ]


def test_a_rule_group_is_named_without_the_path_of_its_file() -> None:
    legend = "{{rule_group}}"
    assert name_of(legend, {"rule_group": "/etc/prometheus/slo-pull.yaml;slo-pull"}, "title") == "slo-pull"
    assert name_of(legend, {"rule_group": "slo-pull"}, "title") == "slo-pull"
    assert name_of("{{path}}", {"path": "/etc/a;b"}, "title") == "/etc/a;b"

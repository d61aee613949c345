"""CSV of many pieces is the CSV of the whole, in another order."""

import csv
import io
import json
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.prometheus.answers import QueryAnswer, RangeSeries, Sample
from regobs.query import show
from regobs.query.pieces import merged
from regobs.query.show import (
    Shown,
    as_csv,
    as_data,
    as_json,
    as_lines,
    as_text,
    line_blocks,
    plain,
    points,
    stream_csv,
    trend,
)
from regobs.query.times import AskedRange

LABELS = st.dictionaries(st.sampled_from(["a", "b", "c"]), st.text(max_size=5), max_size=3)
VALUES = st.floats() | st.integers(0, 10).map(float)


@given(st.lists(st.dictionaries(LABELS.map(lambda one: tuple(sorted(one.items()))), st.lists(VALUES, max_size=3)),
                max_size=4))  # fmt: skip
def test_csv_of_pieces_has_the_lines_of_the_whole(pieces: list[dict[tuple[tuple[str, str], ...], list[float]]]) -> None:
    answers = [
        QueryAnswer(
            "matrix",
            ranges=tuple(
                RangeSeries(dict(key), tuple((1000.0 * place + at, value) for at, value in enumerate(values)))
                for key, values in piece.items()
            ),
        )
        for place, piece in enumerate(pieces)
    ]
    out = io.StringIO()
    stream_csv(iter(answers), out)
    whole = list(csv.reader(io.StringIO(as_csv(merged(answers)), newline="")))
    assert sorted(csv.reader(io.StringIO(out.getvalue(), newline=""))) == sorted(whole)


def streamed(labels: dict[str, str]) -> tuple[str, str]:
    """The CSV of two pieces of one series, and that of the whole."""
    answers = [
        QueryAnswer("matrix", ranges=(RangeSeries(labels, ((at, 0.5), (at + 1, float("nan")))),)) for at in (1.0, 3.0)
    ]
    out = io.StringIO()
    stream_csv(iter(answers), out)
    return out.getvalue(), as_csv(merged(answers))


@pytest.mark.parametrize("value", ["plain", 'a "quoted", one', "two\nlines", "a lone\rreturn", "", "é"])
def test_a_label_is_quoted_in_pieces_as_in_the_whole(value: str) -> None:
    pieces, whole = streamed({"a": value})
    assert pieces == whole


def test_series_without_labels_have_times_and_values_alone() -> None:
    pieces, whole = streamed({})
    assert pieces == whole
    assert pieces.splitlines()[1] == "1970-01-01T00:00:01.000Z,0.5"


def _long() -> QueryAnswer:
    values = (0.0, -0.0, 1.5, 1e300, 5e-324, math.nan, math.inf, -math.inf, 12345678.9)
    moments = tuple((1_700_000_000.0 + place * 0.25, values[place % len(values)]) for place in range(6_000))
    labels: tuple[dict[str, str], ...] = ({"a": 'q"\\ü\u2028', "__name__": "x"}, {"a": "1,2", "b": "\n"}, {})
    return QueryAnswer("matrix", ranges=tuple(RangeSeries(one, moments) for one in labels))


def test_long_answers_are_written_as_json_and_csv_write_them() -> None:
    answer = _long()
    lines = [json.loads(line) for line in as_lines(answer)]
    assert lines == [
        {"labels": dict(labels), "time": time, "value": plain(value)} for labels, time, value in points(answer)
    ]
    assert "\n".join(line_blocks(answer)) == "\n".join(as_lines(answer))
    assert list(line_blocks(QueryAnswer("matrix"))) == []
    shown = Shown("x", answer)
    assert json.loads(as_json(shown)) == json.loads(json.dumps(as_data(shown)))
    short = Shown("x", replace(answer, ranges=()))
    assert as_json(short) == json.dumps(as_data(short), indent=2, ensure_ascii=False)
    rows = list(csv.reader(io.StringIO(as_csv(answer), newline="")))
    assert rows[0] == ["time", "value", "__name__", "a", "b"]
    assert [row[1:] for row in rows[1:]] == [
        [repr(value), labels.get("__name__", ""), labels.get("a", ""), labels.get("b", "")]
        for labels, _, value in points(answer)
    ]


@pytest.mark.parametrize("count", range(1, 60))
def test_a_trend_has_no_blank_where_every_point_is_there(count: int) -> None:
    asked = AskedRange(0, (count - 1) * 60_000, 60_000)
    line = [(60.0 * place, 1.0) for place in range(count)]
    assert trend(line, asked) == "▁" * min(count, 24)
    if 2 < count <= 24:
        assert trend(line[:1] + line[2:], asked) == "▁ " + "▁" * (count - 2)


def test_the_samples_of_a_window_have_a_trend_without_blanks() -> None:
    samples = tuple((15.0 * place, 1.0) for place in range(20))
    text = as_text(Shown("up[5m]", QueryAnswer("matrix", ranges=(RangeSeries({}, samples),))))
    assert "▁" * 20 in text


@pytest.mark.parametrize(
    ("values", "shown"),
    [
        ([1.0, math.inf], ["+Inf", "1", "+Inf", "+Inf"]),
        ([math.inf, -math.inf], ["-Inf", "-Inf", "NaN", "+Inf"]),
        ([math.nan, 2.0], ["2", "2", "2", "2"]),
        ([math.nan], ["NaN", "NaN", "NaN", "NaN"]),
        ([1e308, 1e308], ["1e+308", "1e+308", "1e+308", "1e+308"]),
        ([1.0, 2.0], ["2", "1", "1.5", "2"]),
    ],
)
def test_smallest_mean_and_largest_count_infinite_values(values: list[float], shown: list[str]) -> None:
    points = tuple((60.0 * place, value) for place, value in enumerate(values))
    text = as_text(Shown("x", QueryAnswer("matrix", ranges=(RangeSeries({}, points),))))
    assert text.splitlines()[1].split()[:4] == shown


def test_columns_of_csv_have_names_of_their_own() -> None:
    labels = {"time": "a", "value": "b", "label_time": "c", "code": "d"}
    answer = QueryAnswer("vector", (Sample(labels, 1.0, 0.0),))
    (row,) = csv.DictReader(io.StringIO(as_csv(answer)))
    assert row == {
        "time": "1970-01-01T00:00:00.000Z",
        "value": "1.0",
        "label_label_time": "a",
        "label_value": "b",
        "label_time": "c",
        "code": "d",
    }
    ranges = (RangeSeries(labels, ((0.0, 1.0),)),)
    out = io.StringIO()
    stream_csv([QueryAnswer("matrix", ranges=ranges)], out)
    assert out.getvalue() == as_csv(QueryAnswer("matrix", ranges=ranges)) == as_csv(answer)


def test_a_range_says_how_many_points_are_histograms() -> None:
    answer = QueryAnswer("matrix", ranges=(RangeSeries({}, (), 3), RangeSeries({"a": "b"}, ((0.0, 1.0),))))
    assert answer.histograms == 1
    assert [one.get("histograms") for one in as_data(Shown("x", answer))["result"]] == [3, None]


@pytest.mark.parametrize("held", [10, 1_000_000])
def test_pieces_with_gaps_are_the_same_lines_whether_they_wait_in_memory_or_in_a_file(
    monkeypatch: pytest.MonkeyPatch, held: int
) -> None:
    monkeypatch.setattr(show, "_IN_MEMORY", held)
    places = (range(9), (), (1, 4), (1, 5))
    found = [tuple((1.7e9 + 60 * place, place / 3) for place in one) for one in places]
    series = [RangeSeries({"n": str(number)}, one) for number, one in enumerate(found)]
    out = io.StringIO()
    show.stream_csv([QueryAnswer("matrix", ranges=tuple(series))], out)
    assert out.getvalue() == show.as_csv(QueryAnswer("matrix", ranges=tuple(series)))

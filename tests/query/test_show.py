"""CSV of many pieces is the CSV of the whole, in another order."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.query.pieces import merged
from regobs.query.show import as_csv, stream_csv

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

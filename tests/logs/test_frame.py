"""Answers as data frames: one column a name, times as times, whole numbers whole."""

from __future__ import annotations

import sys

import pandas as pd
import pytest

from regobs.errors import MachineError
from regobs.logs import saved
from regobs.logs.answer import Answer
from regobs.logs.duckdb.run import run
from regobs.logs.fields import FIELDS
from regobs.logs.frame import frame
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from regobs.pack import find_pack
from tests.logs.sample import FILE


def test_a_frame_has_the_cells_of_the_answer() -> None:
    query = saved.load_query(find_pack(), "pulls-and-pushes")
    answer = run(query, [str(FILE)])
    made = frame(query, answer)
    assert list(made.columns) == list(answer.columns)
    assert made["pulls"].tolist() == [row[1] for row in answer.rows]
    assert str(made["pulls"].dtype) == "Int64"
    assert isinstance(made["last"].dtype, pd.DatetimeTZDtype)
    assert made["last"][0] == pd.Timestamp(str(answer.rows[0][4]))


def test_what_is_missing_is_missing_and_no_rows_are_no_rows() -> None:
    metrics = (QueryMetric("n", MetricKind.MAX, FIELDS["status"]), QueryMetric("last", MetricKind.MAX, FIELDS["time"]))
    query = Query("q", groups=(ByTerms("m", FIELDS["method"], missing=True),), metrics=metrics)
    rows = (("GET", 200, "2026-11-23T11:00:00.001Z"), (None, None, None))
    made = frame(query, Answer(query.names, rows, lines=2, malformed=0))
    assert made["n"].dtype == "Int64"
    assert made.isna().to_numpy().tolist() == [[False] * 3, [True] * 3]
    nothing = frame(query, Answer(query.names, (), lines=0, malformed=0))
    assert nothing.shape == (0, 3)
    assert isinstance(nothing["last"].dtype, pd.DatetimeTZDtype)


def test_without_pandas_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MachineError, match="pandas") as caught:
        frame(Query("q"), Answer((), (), lines=0, malformed=0))
    assert "regobs[pandas]" in str(caught.value)

"""Answers as data frames, and the two lines of the documentation."""

from __future__ import annotations

import math
import re
import sys
from pathlib import Path

import pandas as pd
import pytest

from regobs.errors import MachineError
from regobs.prometheus.answers import QueryAnswer, RangeSeries, Sample
from tests.prometheus.stub import Stub, vector

QUERY_PAGE = Path(__file__).parents[2] / "docs" / "query.md"


def test_the_two_lines_of_the_page_give_a_frame() -> None:
    code = re.search(r"```python\n(.*?)```", QUERY_PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert code is not None
    lines = list(filter(None, code[1].splitlines()))
    assert len(lines) == 2
    with Stub({"/api/v1/query": vector(({"code": "200"}, "4"), ({"code": "404"}, "1"))}) as stub:
        names: dict[str, object] = {}
        exec(lines[0], names)  # noqa: S102 - our own page
        found = eval(lines[1].replace("http://127.0.0.1:9090", stub.url), names)  # noqa: S307 - our own page
    assert isinstance(found, pd.DataFrame)
    assert found[["code", "value"]].to_dict("list") == {"code": ["200", "404"], "value": [4.0, 1.0]}
    assert stub.requests[-1].params["query"][0].startswith("sum by (code)")


def test_a_range_has_a_row_a_point_with_times_in_utc_and_labels_that_may_be_missing() -> None:
    series = (
        RangeSeries({"code": "200", "time": "x"}, ((1.0, 2.0), (2.5, math.nan))),
        RangeSeries({"value": "y"}, ((1.0, math.inf),)),
    )
    found = QueryAnswer("matrix", ranges=series).frame()
    assert list(found.columns) == ["code", "label_time", "label_value", "time", "value"]
    assert found["time"].tolist() == [pd.Timestamp(at, unit="s", tz="UTC") for at in (1.0, 2.5, 1.0)]
    assert found["code"].isna().tolist() == [False, False, True]
    assert found["value"].isna().tolist() == [False, True, False]


def test_columns_have_names_of_their_own() -> None:
    labels = {"time": "a", "label_time": "b"}
    found = QueryAnswer("vector", samples=(Sample(labels, 1.0, 1.0),)).frame()
    assert found[["label_time", "label_label_time"]].to_dict("list") == {"label_time": ["b"], "label_label_time": ["a"]}


def test_nothing_is_an_empty_frame_with_its_two_columns() -> None:
    found = QueryAnswer("vector").frame()
    assert (list(found.columns), len(found)) == (["time", "value"], 0)
    assert str(found["time"].dt.tz) == "UTC"


def test_without_pandas_it_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(MachineError) as caught:
        QueryAnswer("vector", samples=(Sample({}, 1.0, 1.0),)).frame()
    assert "regobs[pandas]" in str(caught.value)

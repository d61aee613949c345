"""Answers as pandas data frames."""

from __future__ import annotations

from typing import TYPE_CHECKING

from regobs.errors import MachineError
from regobs.logs.answer import Answer
from regobs.logs.duckdb.columns import types_of
from regobs.logs.fields import FieldType
from regobs.logs.query import Query

if TYPE_CHECKING:
    import pandas as pd


def frame(query: Query, answer: Answer) -> pd.DataFrame:
    """The rows of the answer of a query: a column for each of its names; times are datetimes in UTC.

    What is missing is NA or NaT; whole numbers stay whole beside it. Raises MachineError when pandas is not installed.
    """
    try:
        import pandas as pd  # noqa: PLC0415 - a large package of an extra; only data frames pay for it
    except ImportError:
        raise MachineError(
            "data frames need pandas, which is not installed",
            expected="the extra `pandas` of regobs",
            next_step="install it: pip install 'regobs[pandas]'",
        ) from None
    columns = {}
    for at, (name, kind) in enumerate(zip(answer.columns, types_of(query), strict=True)):
        cells = [row[at] for row in answer.rows]
        if kind is FieldType.DATE:
            texts = pd.Series(cells, dtype=object)
            columns[name] = pd.to_datetime(texts, utc=True, format="ISO8601")
        else:
            columns[name] = pd.Series(cells, dtype=object).convert_dtypes()
    return pd.DataFrame(columns, columns=list(answer.columns))

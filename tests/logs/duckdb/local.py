"""The sample as a table of DuckDB, read once the way every query reads it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import duckdb

from regobs.logs.duckdb.conditions import Parameters, holds
from regobs.logs.duckdb.lines import source
from regobs.logs.duckdb.run import _connected
from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from tests.logs import reference
from tests.logs.sample import FILE


@contextmanager
def sample_table(step: int) -> Iterator[Any]:
    """A connection with the table `sample`: every `step`-th line with its place in the file as `_at`."""
    with _connected(duckdb) as connection:
        read = source(list(FIELDS.values()), "$1")
        numbered = "SELECT row_number() OVER () - 1 AS _at, * FROM rows"
        connection.execute(
            f"CREATE TABLE sample AS WITH {read} SELECT * FROM ({numbered}) WHERE _at % {step} = 0",  # noqa: S608
            [[str(FILE)]],
        )
        yield connection


def found(connection: Any, text: str) -> list[int]:
    """The places of the lines of the table that fit a KQL text."""
    parameters = Parameters()
    where = holds(condition(text, now=reference.NOW), parameters)
    sql = f"SELECT _at FROM sample WHERE {where} ORDER BY _at"  # noqa: S608 - what is tested
    return [at for (at,) in connection.execute(sql, parameters.values).fetchall()]

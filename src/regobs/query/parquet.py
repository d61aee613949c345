"""An answer as a Parquet file, from its pieces one after the other: memory holds a piece and a few row groups.

Which labels there are is known after the last piece only, and a Parquet file has the same columns everywhere: until
then the points wait in a file, each with the number of its series.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from regobs.errors import MachineError

if TYPE_CHECKING:
    import duckdb

    from regobs.prometheus import QueryAnswer

_ROWS = 100_000  # of a row group, of which the writer holds a few
_MEMORY = "256MiB"  # of DuckDB; it needs a third of it
_WAITING = {"number": "BIGINT", "ms": "BIGINT", "value": "DOUBLE"}


def check_parquet() -> None:
    """Raise MachineError without DuckDB."""
    try:
        import duckdb  # noqa: F401, PLC0415 - an extra
    except ImportError:
        raise MachineError(
            "the package that writes Parquet is missing", value="duckdb", next_step="pip install 'regobs[logs]'"
        ) from None


def write_parquet(answers: Iterable[QueryAnswer], file: Path) -> None:
    """A row a point: time (UTC), value, and a text column for each label, "" where a series has it not.

    Nothing is written before the last answer has come. Raises MachineError without DuckDB, OSError for the file.
    """
    check_parquet()
    import duckdb  # noqa: PLC0415 - an extra

    numbers: dict[tuple[tuple[str, str], ...], int] = {}
    with tempfile.TemporaryDirectory(prefix="regobs-") as folder:
        waiting = Path(folder) / "points.csv"
        with waiting.open("w", encoding="ascii") as out:
            for answer in answers:
                for labels, points in _series(answer):
                    place = numbers.setdefault(tuple(sorted(labels.items())), len(numbers))
                    out.writelines(f"{place},{round(time * 1000)},{value!r}\n" for time, value in points)
        try:
            with duckdb.connect() as database:
                database.execute("SET threads = 1")  # each has row groups of its own in memory
                database.execute(f"SET memory_limit = '{_MEMORY}'")
                database.execute("SET temp_directory = $1", [folder])
                _copy(database, waiting, file, [dict(key) for key in numbers])
        except duckdb.IOException as error:
            raise OSError(None, str(error).partition("\n")[0]) from None


def _series(answer: QueryAnswer) -> Iterator[tuple[Mapping[str, str], Iterable[tuple[float, float]]]]:
    for sample in answer.samples:
        yield sample.labels, ((sample.time, sample.value),)
    for series in answer.ranges:
        yield series.labels, series.points


def _copy(database: duckdb.DuckDBPyConnection, waiting: Path, file: Path, labelled: list[dict[str, str]]) -> None:
    """Write the points that wait, each with the labels of its series, in the order in which they came."""
    names = sorted({name for labels in labelled for name in labels}, key=lambda name: (name != "__name__", name))
    columns = []
    # Not joined with a table of labels, which would lose the order: a label of all series is one list.
    for number, (name, column) in enumerate(zip(names, _columns(names), strict=True)):
        database.execute(f"SET VARIABLE label{number} = $1", [[labels.get(name, "") for labels in labelled]])
        title = column.replace('"', '""')
        columns.append(f"list_extract(getvariable('label{number}'), number + 1) AS \"{title}\"")
    points = database.read_csv(str(waiting), header=False, auto_detect=False, columns=_WAITING)
    wanted = ["make_timestamptz(ms * 1000) AS time", "value", *columns]
    points.project(", ".join(wanted)).write_parquet(str(file), row_group_size=_ROWS)


def _columns(names: Iterable[str]) -> Iterator[str]:
    """A column for each label; Parquet readers such as DuckDB tell no `Code` from a `code`, and `time` is taken."""
    taken = {"time", "value"}
    for name in names:
        column, number = name, 0
        while column.casefold() in taken:
            number += 1
            column = f"{name}_{number}"
        taken.add(column.casefold())
        yield column

"""Run log queries on local files with DuckDB: plain or compressed NDJSON, glob patterns, standard input."""

from __future__ import annotations

import glob
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO

from regobs.errors import InputError, Location, MachineError
from regobs.logs import to_duckdb
from regobs.logs.answer import Answer
from regobs.logs.columns import empty, shown, types_of
from regobs.logs.query import Query

STDIN = "-"


@dataclass(frozen=True, slots=True)
class Counts:
    """Lines that are not blank, and those of them that are no JSON object."""

    lines: int
    malformed: int


def run(query: Query, files: Sequence[str], *, stdin: BinaryIO | None = None) -> Answer:
    """The answer of a query over files, glob patterns, or `-` for standard input.

    Raises InputError when a file cannot be read, MachineError when duckdb is not installed.
    """
    duckdb = _duckdb()
    with _local(files, stdin) as paths, _connected(duckdb) as connection:
        statement = to_duckdb.compiled(query, paths)
        rows = _rows(duckdb, connection, statement)
        if statement.counted:
            counts = _counts(connection, rows)
        else:
            connection.execute("TRUNCATE reject_errors")
            counts = _counts(connection, _rows(duckdb, connection, to_duckdb.counting(paths)))
    found = [row[3:] for row in rows if row[0] == to_duckdb.MATCHED][: query.limit]
    if not found and query.metrics and not query.groups:
        found = [empty(query)]
    types = types_of(query)
    cells = tuple(tuple(shown(value, one) for value, one in zip(row, types, strict=True)) for row in found)
    return Answer(query.names, cells, counts.lines, counts.malformed)


def _counts(connection: Any, rows: list[tuple[Any, ...]]) -> Counts:
    """From the rows of each class; text that is no UTF-8 or too long for a line stands in DuckDB's rejects."""
    rejected = connection.execute("SELECT count(DISTINCT (file_id, line)) FROM reject_errors").fetchone()[0]
    malformed = sum(row[1] for row in rows if row[0] == to_duckdb.MALFORMED) + rejected
    return Counts(int(rows[0][2] if rows else 0) + rejected, malformed)


def _rows(duckdb: ModuleType, connection: Any, statement: to_duckdb.Statement) -> list[tuple[Any, ...]]:
    try:
        rows: list[tuple[Any, ...]] = connection.execute(statement.sql, statement.parameters).fetchall()
    except (duckdb.IOException, duckdb.InvalidInputException) as fault:
        raise InputError(
            "the log files cannot be read",
            value=str(fault).split("\n", 1)[0],
            expected="JSON lines, plain or compressed with gzip or zstd",
            next_step="look at the file named here",
        ) from None
    except duckdb.OutOfMemoryException as fault:
        raise MachineError(
            "not enough memory for this query",
            value=str(fault).split("\n", 1)[0],
            next_step="narrow it with --where or --from, or group by a field with fewer values",
        ) from None
    return rows


@contextmanager
def _connected(duckdb: ModuleType) -> Iterator[Any]:
    """A connection in memory that fetches nothing from anywhere."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    try:
        connection.execute("SET TimeZone = 'UTC'")  # what a time without offset is in
        for macro in to_duckdb.MACROS:
            connection.execute(macro)
        yield connection
    finally:
        connection.close()


@contextmanager
def _local(files: Sequence[str], stdin: BinaryIO | None) -> Iterator[list[str]]:
    """The files as DuckDB reads them. It cannot read a pipe, so standard input goes to a temporary file."""
    with tempfile.TemporaryDirectory(prefix="regobs-logs-") as folder:
        paths: list[str] = []
        for file in files:
            if file == STDIN:
                copy = Path(folder) / "stdin"
                _spool(stdin or sys.stdin.buffer, copy)
                paths.append(str(copy))
            else:
                paths += _matching(file)
        yield [glob.escape(path) for path in dict.fromkeys(paths)]


def _spool(stream: BinaryIO, copy: Path) -> None:
    """Standard input as a file whose name says how it is compressed."""
    with copy.open("wb") as file:
        shutil.copyfileobj(stream, file)
    with copy.open("rb") as file:
        start = file.read(4)
    if start[:2] == b"\x1f\x8b" or start == b"\x28\xb5\x2f\xfd":
        raise InputError(
            "standard input is compressed", expected="JSON lines", next_step="decompress it on the way: zcat FILE | ..."
        )


def _matching(file: str) -> list[str]:
    """A file that exists, or those that a glob pattern means."""
    found = [file] if Path(file).exists() else sorted(glob.glob(file, recursive=True))  # noqa: PTH207 - keeps `**`
    paths = [path for path in found if not Path(path).is_dir()]
    if not paths:
        kind = "a folder, not a file" if Path(file).is_dir() else "no such file"
        raise InputError(
            kind,
            location=Location(file),
            expected="log files",
            next_step="give files, a pattern such as 'logs/*.gz', or -",
        )
    for path in paths:
        try:
            with Path(path).open("rb"):
                pass
        except OSError as fault:
            raise InputError("cannot be read", location=Location(path), value=fault.strerror) from None
    return paths


def _duckdb() -> ModuleType:
    try:
        import duckdb  # noqa: PLC0415 - a large extension module of an extra; only queries pay for it
    except ImportError:
        raise MachineError(
            "log queries on local files need duckdb, which is not installed",
            expected="the extra `logs` of regobs",
            next_step="install it: pip install 'regobs[logs]'",
        ) from None
    module: ModuleType = duckdb
    return module

"""Run log queries on local files with DuckDB: plain, compressed, wrapped or rotated ones, patterns, standard input."""

from __future__ import annotations

import glob
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, TypeVar

from regobs.errors import InputError, MachineError
from regobs.logs.answer import Answer
from regobs.logs.duckdb import sql
from regobs.logs.duckdb.cache import Copies, Place, WrappedError
from regobs.logs.duckdb.columns import empty, shown, types_of, without_secrets
from regobs.logs.duckdb.conditions import MACROS
from regobs.logs.duckdb.lines import Reading
from regobs.logs.fields.field import Field
from regobs.logs.query import Query
from regobs.logs.reading.outcome import FilesRead, looked_at
from regobs.logs.reading.sources import STDIN, Folder, LogSource, found, sources

Row = tuple[Any, ...]
_TOGETHER = 4  # the groups of all of them are in memory at the same time
T = TypeVar("T")


def run(query: Query, files: Sequence[str], *, stdin: BinaryIO | None = None, cache: Place | None = None) -> Answer:
    """The answer of a query over files, glob patterns, or `-` for standard input. See `run_all`."""
    return run_all([query], files, stdin=stdin, cache=cache)[0]


def run_all(
    queries: Sequence[Query], files: Sequence[str], *, stdin: BinaryIO | None = None, cache: Place | None = None
) -> list[Answer]:
    """The answers of queries, in one pass over the lines as far as they group them; secrets in them are masked.

    With a `cache` Parquet copies of the files answer, which are written where they are missing. Raises InputError when
    a file cannot be read, MachineError when duckdb is not installed.
    """
    duckdb = _duckdb()
    (logs, tars), fields = found(files), sql.fields_read(queries)
    with _connected(duckdb) as connection:
        copies = Copies(connection, cache) if cache else None
        known = {log: copies.find(log, fields) for log in logs} if copies else {}
        with sources([log for log in logs if not known.get(log)], stdin, piped=STDIN in files) as folder:
            reader = _Reader(duckdb, connection, folder)
            reader.take([copy for copy in known.values() if copy])
            if copies:
                reader.copy(copies, fields)
            answered = reader.rows(queries)
            piped = [(one.name, one.given) for one in folder.sources if one.file is None]
            came = looked_at([*((str(log), log) for log in logs), *piped], tars)
            return [_answer(query, rows, reader, came) for query, rows in zip(queries, answered, strict=True)]


class _LineTooLongError(Exception):
    """A line is longer than DuckDB reads."""


class _BrokenArchiveError(Exception):
    """A log ended within what was packed; it has been written anew up to there."""


class _Reader:
    """Reads the rows of queries, and knows how many lines there were: not blank ones, and no JSON objects of them."""

    def __init__(self, duckdb: ModuleType, connection: Any, folder: Folder) -> None:
        self.lines = 0
        self.malformed = 0
        self._duckdb = duckdb
        self._connection = connection
        self._folder = folder
        self._copies: list[tuple[Path, int]] = []

    @property
    def broken(self) -> tuple[str, ...]:
        """The names of the logs that end within what was packed."""
        return self._folder.broken

    def take(self, copies: list[tuple[Path, int]]) -> None:
        """Read these copies too; each with the number of lines that it leaves out."""
        self._copies += copies

    def copy(self, copies: Copies, fields: list[Field]) -> None:
        """Copy the logs that have no copy, and read the copies instead."""
        self._folder.settle()
        for source in list(self._folder.sources):
            try:
                self._copy(source, copies, fields)
            except (_LineTooLongError, WrappedError):
                self._copy(self._folder.rewrite(source), copies, fields)
            except _BrokenArchiveError:
                continue

    def _copy(self, source: LogSource, copies: Copies, fields: list[Field]) -> None:
        log = source.file
        if log is None or source.broken:  # a copy would not tell that it is not the whole
            return
        copy = self._asked(lambda: copies.write(log, source, fields))
        if copy is not None:
            self._folder.sources.remove(source)
            self._copies.append((copy, source.left_out))

    def rows(self, queries: Sequence[Query]) -> list[list[Row]]:
        """The rows of each query's answer."""
        exact = sure = settled = False
        if self._folder.has_no_messages:  # what the first reading would find
            exact, sure = self._unwrapped()
        while True:
            try:
                found, counts = self._read(queries, self._reading(exact=exact, sure=sure))
            except _LineTooLongError:
                for source in list(self._folder.sources):
                    self._folder.rewrite(source)
                continue
            except _BrokenArchiveError:
                continue
            if sql.BARE in counts:
                exact, sure = self._unwrapped()
                continue
            if counts.get(sql.MALFORMED) and not settled:
                settled = True
                if self._folder.settle():
                    continue
            left_out = sum(one.left_out for one in self._folder.sources) + sum(count for _, count in self._copies)
            self.lines = sum(counts.values()) + left_out
            self.malformed = counts.get(sql.MALFORMED, 0) + left_out
            return found

    def _unwrapped(self) -> tuple[bool, bool]:
        """Write the lines anew that stand in objects; how to read what is left: `exact` and `sure` of Reading."""
        self._folder.unwrap()
        exact = self._folder.has_bare_values
        return exact, not exact

    def _read(self, queries: Sequence[Query], reading: Reading) -> tuple[list[list[Row]], dict[int, int]]:
        """The rows of each query, and the number of lines of each class."""
        rows: dict[int, list[Row]] = {}
        counted: list[Row] = []
        for some in _batches([query for query in queries if sql.can_share(query)]):
            first, *rest = sql.together(some, reading)
            self._fetched(first)
            for query, statement in zip(some, rest, strict=True):
                rows[id(query)] = counted = self._fetched(statement)
        for query in queries:
            if id(query) not in rows:
                statement = sql.compiled(query, reading)
                rows[id(query)] = self._fetched(statement)
                counted = rows[id(query)] if statement.counted else counted
        counted = counted or self._fetched(sql.counting(reading))
        matched = [[row[3:] for row in rows[id(query)] if row[0] == sql.MATCHED] for query in queries]
        return matched, _classes(counted)

    def _reading(self, *, exact: bool, sure: bool) -> Reading:
        files = tuple(glob.escape(str(source.readable)) for source in self._folder.sources)
        return Reading(files, tuple(glob.escape(str(copy)) for copy, _ in self._copies), exact, sure)

    def _fetched(self, statement: sql.Statement) -> list[Row]:
        rows: list[Row] = self._asked(lambda: self._connection.execute(statement.sql, statement.parameters).fetchall())
        return rows

    def _asked(self, ask: Callable[[], T]) -> T:
        try:
            return ask()
        except (self._duckdb.IOException, self._duckdb.InvalidInputException) as fault:
            text = str(fault).split("\n", 1)[0]
            if "maximum_object_size" in text:
                raise _LineTooLongError from None
            if self._folder.mend():
                raise _BrokenArchiveError from None
            for source in self._folder.sources:
                text = text.replace(str(source.readable), source.name)
            raise InputError(
                "the log files cannot be read",
                value=text,
                expected="log lines, plain or packed with gzip, zstd, xz or bzip2",
                next_step="look at the file named here",
            ) from None
        except self._duckdb.OutOfMemoryException as fault:
            raise MachineError(
                "not enough memory for this query",
                value=str(fault).split("\n", 1)[0],
                next_step="narrow it with --where or --from, or group by a field with fewer values",
            ) from None


def _batches(queries: list[Query]) -> Iterator[list[Query]]:
    """Queries that share a pass, two or more."""
    for begin in range(0, len(queries), _TOGETHER):
        some = queries[begin : begin + _TOGETHER]
        if len(some) > 1:
            yield some


def _classes(rows: list[Row]) -> dict[int, int]:
    """How many lines each class has, of rows with their class, their lines and those of all."""
    if not rows:
        return {}
    classes = {row[0]: 0 for row in rows}
    for row in rows:
        classes[row[0]] += row[1]
    # The limit cuts rows of the answer only, which come last: what is missing in the sum is theirs.
    classes[sql.MATCHED] = classes.get(sql.MATCHED, 0) + int(rows[0][2]) - sum(classes.values())
    return classes


def _answer(query: Query, rows: list[Row], reader: _Reader, came: FilesRead) -> Answer:
    """The answer as it is shown."""
    rows = rows[: query.limit]
    if not rows and query.metrics and not query.groups:
        rows = [empty(query)]
    types = types_of(query)
    cells = [tuple(shown(value, one) for value, one in zip(row, types, strict=True)) for row in rows]
    counts = reader.lines, reader.malformed
    answer = Answer(query.names, without_secrets(query, cells), *counts, query.units)
    return replace(answer, unread=came.unread, broken=reader.broken, nothing=came.nothing)


@contextmanager
def _connected(duckdb: ModuleType) -> Iterator[Any]:
    """A connection in memory that fetches nothing from anywhere."""
    connection = duckdb.connect(config={"autoinstall_known_extensions": False, "autoload_known_extensions": False})
    try:
        connection.execute("SET TimeZone = 'UTC'")  # what a time without offset is in
        for macro in MACROS:
            connection.execute(macro)
        yield connection
    finally:
        connection.close()


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

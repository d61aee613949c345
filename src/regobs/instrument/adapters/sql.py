"""Queries to the metadata database, through the store's methods or a DB-API connection.

    from regobs.instrument.adapters.sql import Queries, observed_connection

    queries = Queries(instruments)

    @queries.named("repository_find_by_path")             # a method of the store, plain or async: what the real
    def find_by_path(path): ...                           # registry counts

    with queries.named("tag_find_all"):                   # or a block
        rows = connection.execute(...).fetchall()

    connection = observed_connection(psycopg.connect(...), queries)
    connection.cursor().execute("/* name: tag_find_all */ SELECT ...")

A name is one of the catalog's; any other is counted under the overflow value. Failed queries count like the others. A
statement without a name is not counted, because the real registry counts named methods only.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from functools import wraps
from time import perf_counter
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar, cast

from regobs.catalog import database
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments

F = TypeVar("F", bound=Callable[..., Any])
X = TypeVar("X")

_COMMENT = re.compile(r"\s*(?:/\*\s*name:\s*(\w+)\s*\*/|--\s*name:\s*(\w+)\s*(?:\n|$))", re.ASCII).match


def name_of(statement: object) -> str | None:
    """The name in the comment that a statement begins with: `/* name: x */` or `-- name: x`; None without one."""
    if isinstance(statement, bytes):
        statement = statement[:200].decode("utf-8", "replace")
    elif not isinstance(statement, str):
        statement = _composed(statement)
    found = _COMMENT(statement)
    return (found[1] or found[2]) if found else None


def _composed(statement: Any) -> str:
    """The text of what psycopg.sql composes; empty where that needs a connection, and for everything else."""
    try:
        return str(statement.as_string(None)) if hasattr(statement, "as_string") else ""
    except Exception:  # noqa: BLE001 (whatever it is, the driver reports it)
        return ""


class Queries:
    """Counts and times queries by name."""

    def __init__(self, instruments: Instruments) -> None:
        self._count = Recorder(instruments, database.QUERIES)
        self._times = Recorder(instruments, database.QUERY_DURATION)

    def record(self, name: str, seconds: float) -> None:
        """One call of a named query that took so long."""
        self._times.observe(seconds, name=name)
        self._count.add(1, name=name)

    def named(self, name: str) -> Named:
        """A context manager (plain and async) and decorator (of plain and async functions) for a named query."""
        return Named(self, name)


class Named:
    """One name. As a block, one object for one thread or task, also nested; as a decorator, one for all."""

    def __init__(self, queries: Queries, name: str) -> None:
        self._queries = queries
        self._name = name
        self._started: list[float] = []

    def __enter__(self) -> Self:
        self._started.append(perf_counter())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._queries.record(self._name, perf_counter() - self._started.pop())

    async def __aenter__(self) -> Self:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, at)

    def __call__(self, function: F) -> F:
        """The function with each call counted."""
        record, name = self._queries.record, self._name
        if inspect.iscoroutinefunction(function):

            @wraps(function)
            async def later(*args: Any, **options: Any) -> Any:
                start = perf_counter()
                try:
                    return await function(*args, **options)
                finally:
                    record(name, perf_counter() - start)

            return cast("F", later)

        @wraps(function)
        def counted(*args: Any, **options: Any) -> Any:
            start = perf_counter()
            try:
                return function(*args, **options)
            finally:
                record(name, perf_counter() - start)

        return cast("F", counted)


def observed_connection(connection: X, queries: Queries) -> X:
    """A DB-API 2.0 connection (PEP 249) whose named statements are counted, also an async one such as psycopg's."""
    return cast("X", _Observed(connection, queries))


class _Observed:
    """Stands for a connection or a cursor: `execute` and `executemany` are timed, cursors are wrapped."""

    def __init__(self, inner: Any, queries: Queries) -> None:
        self.__dict__.update(_inner=inner, _queries=queries)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def __setattr__(self, name: str, value: object) -> None:
        setattr(self._inner, name, value)

    def cursor(self, *args: Any, **options: Any) -> Any:
        """A cursor of the connection, wrapped."""
        return _Observed(self._inner.cursor(*args, **options), self._queries)

    def execute(self, statement: Any, *args: Any, **options: Any) -> Any:
        """The same of the connection or cursor."""
        return self._run(self._inner.execute, statement, *args, **options)

    def executemany(self, statement: Any, *args: Any, **options: Any) -> Any:
        """The same of the connection or cursor; one call, however many rows."""
        return self._run(self._inner.executemany, statement, *args, **options)

    def _run(self, call: Callable[..., Any], statement: Any, *args: Any, **options: Any) -> Any:
        name = name_of(statement)
        if name is None:
            return self._mine(call(statement, *args, **options))
        start = perf_counter()
        later = False
        try:
            answer = call(statement, *args, **options)
            if inspect.isawaitable(answer):
                later = True
                return self._awaited(answer, name, start)
            return self._mine(answer)
        finally:
            if not later:
                self._queries.record(name, perf_counter() - start)

    async def _awaited(self, answer: Awaitable[Any], name: str, start: float) -> Any:
        try:
            return self._mine(await answer)
        finally:
            self._queries.record(name, perf_counter() - start)

    def _mine(self, answer: Any) -> Any:
        """A driver that answers with the cursor itself gives this one, so that a chain stays observed."""
        return self if answer is self._inner else answer

    def __iter__(self) -> Any:
        return iter(self._inner)

    def __aiter__(self) -> Any:
        return aiter(self._inner)

    def __enter__(self) -> Self:
        self._inner.__enter__()
        return self

    def __exit__(self, *problem: object) -> Any:
        return self._inner.__exit__(*problem)

    async def __aenter__(self) -> Self:
        await self._inner.__aenter__()
        return self

    async def __aexit__(self, *problem: object) -> Any:
        return await self._inner.__aexit__(*problem)

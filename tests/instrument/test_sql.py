from __future__ import annotations

import asyncio
import sqlite3
import threading
from typing import Any, Self

import pytest
from psycopg.sql import SQL, Identifier

from regobs.catalog import database
from regobs.instrument import Instruments
from regobs.instrument.adapters.sql import Queries, name_of, observed_connection
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded


@pytest.fixture
def instruments() -> Instruments:
    return Instruments("gitlab", strict=True)


@pytest.fixture
def queries(instruments: Instruments) -> Queries:
    return Queries(instruments)


def test_a_block_and_a_function_show_the_families_of_the_catalog(instruments: Instruments, queries: Queries) -> None:
    @queries.named("tag_find_all")
    def tags(name: str) -> str:
        """All tags."""
        return name

    assert recorded(instruments) == {}
    assert tags("a") == "a"
    assert (tags.__name__, tags.__doc__) == ("tags", "All tags.")
    with queries.named("blob_create"):
        pass
    names = {labels(name="tag_find_all"), labels(name="blob_create")}
    assert recorded(instruments) == {database.QUERIES.name: names, database.QUERY_DURATION.name: names}


def test_async_functions_and_blocks_are_timed_until_they_end(instruments: Instruments, queries: Queries) -> None:
    @queries.named("tag_find_all")
    async def tags() -> int:
        await asyncio.sleep(0.02)
        return 3

    async def run() -> None:
        assert sum(await asyncio.gather(tags(), tags())) == 6
        async with queries.named("blob_create"):
            await asyncio.sleep(0.02)

    asyncio.run(run())
    assert sample(instruments, database.QUERIES, name="tag_find_all") == 2
    assert sample(instruments, database.QUERY_DURATION, part="sum", name="tag_find_all") >= 0.04
    assert sample(instruments, database.QUERY_DURATION, part="sum", name="blob_create") >= 0.02


def test_a_query_that_fails_counts_like_the_others(instruments: Instruments, queries: Queries) -> None:
    @queries.named("tag_count")
    def fail() -> None:
        raise ValueError("no")

    @queries.named("tag_count")
    async def fail_later() -> None:
        raise ValueError("no")

    with assert_moved(instruments, database.QUERIES, by=1), pytest.raises(ValueError, match="no"):
        fail()
    with assert_moved(instruments, database.QUERIES, by=1), pytest.raises(ValueError, match="no"):
        asyncio.run(fail_later())
    with (
        assert_moved(instruments, database.QUERIES, by=1),
        pytest.raises(ValueError, match="no"),
        queries.named("tag_count"),
    ):
        raise ValueError("no")


def test_a_decorated_function_runs_in_many_threads(instruments: Instruments, queries: Queries) -> None:
    @queries.named("tag_count")
    def work() -> None:
        pass

    threads = [threading.Thread(target=lambda: [work() for _ in range(200)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sample(instruments, database.QUERIES, name="tag_count") == 800


def test_a_name_that_the_registry_does_not_have_is_folded() -> None:
    instruments = Instruments("gitlab")
    with Queries(instruments).named("my_query"):
        pass
    assert sample(instruments, database.QUERIES, name="other") == 1


@pytest.mark.parametrize(
    ("statement", "name"),
    [
        ("/* name: tag_find_all */ SELECT 1", "tag_find_all"),
        ("  \n-- name: tag_find_all\nSELECT 1", "tag_find_all"),
        (b"/*name:tag_find_all*/SELECT 1", "tag_find_all"),
        ("SELECT 1 /* name: tag_find_all */", None),
        ("-- named: x\nSELECT 1", None),
        ("-- name: x SELECT 1", None),
        ("", None),
        (None, None),
        (SQL("/* name: tag_find_all */ SELECT {} FROM {}").format(1, Identifier("t")), "tag_find_all"),
        (SQL("/* name: tag_find_all */ SELECT 1"), "tag_find_all"),
        (SQL("SELECT {}").format(object()), None),  # the driver refuses it
    ],
)
def test_the_name_is_in_the_comment_that_a_statement_begins_with(statement: Any, name: str | None) -> None:
    assert name_of(statement) == name


def test_a_connection_counts_the_statements_that_have_a_name(instruments: Instruments, queries: Queries) -> None:
    connection = observed_connection(sqlite3.connect(":memory:"), queries)
    connection.execute("/* name: tag_create_or_update */ CREATE TABLE t (id)")
    with connection:
        cursor = connection.cursor()
        assert cursor.execute("SELECT 1").fetchone() == (1,)
        cursor.executemany("/* name: blob_create */ INSERT INTO t VALUES (?)", [(1,), (2,), (3,)])
        rows = cursor.execute("/* name: tag_find_all */ SELECT id FROM t WHERE id > ?", (1,))
        assert list(rows) == [(2,), (3,)]
        cursor.arraysize = 7
        assert cursor.arraysize == 7
        with pytest.raises(sqlite3.OperationalError):
            cursor.execute("/* name: tag_count */ SELECT nothing FROM nowhere")
    connection.close()
    names = ("tag_create_or_update", "blob_create", "tag_find_all", "tag_count")
    assert recorded(instruments)[database.QUERIES.name] == {labels(name=name) for name in names}
    assert sample(instruments, database.QUERIES) == 4


def test_an_async_connection_is_timed_until_it_has_answered(instruments: Instruments, queries: Queries) -> None:
    class Cursor:
        async def execute(self, statement: str) -> Cursor:
            await asyncio.sleep(0.02)
            if "bad" in statement:
                raise ValueError(statement)
            return self

        async def __aenter__(self) -> Self:
            return self

        async def __aexit__(self, *problem: object) -> None:
            pass

        async def __aiter__(self) -> Any:
            yield 1

    class Connection:
        def cursor(self) -> Cursor:
            return Cursor()

    async def run() -> None:
        async with observed_connection(Connection(), queries).cursor() as cursor:
            assert [row async for row in await cursor.execute("/* name: tag_count */ x")] == [1]
            with pytest.raises(ValueError, match="bad"):
                await cursor.execute("/* name: tag_count */ bad")

    asyncio.run(run())
    assert sample(instruments, database.QUERIES, name="tag_count") == 2
    assert sample(instruments, database.QUERY_DURATION, part="sum") >= 0.04

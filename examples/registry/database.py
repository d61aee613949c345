"""The metadata database: a pool of connections whose named statements are counted, and its schema.

A statement begins with its name in a comment, so that the same name is in the metrics and in pg_stat_activity.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TypeVar

from psycopg import AsyncConnection
from psycopg.conninfo import conninfo_to_dict
from psycopg.rows import TupleRow, class_row
from psycopg_pool import AsyncConnectionPool

from regobs.instrument import Instruments
from regobs.instrument.adapters.sql import Queries, observed_connection
from regobs.instrument.adapters.sql_pool import observe_pool, psycopg_pool

Connection = AsyncConnection[TupleRow]
Row = TypeVar("Row")

PRE_DEPLOYMENT = ("20261101000000_create_schema",)
_MIGRATIONS = """
CREATE TABLE IF NOT EXISTS schema_migrations (id text PRIMARY KEY, applied_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE IF NOT EXISTS post_deploy_schema_migrations (LIKE schema_migrations INCLUDING ALL);
"""
_LOCK = "SELECT pg_advisory_xact_lock(5000)"  # two instances that start together
_APPLIED = "INSERT INTO schema_migrations (id) VALUES (%s) ON CONFLICT DO NOTHING RETURNING id"


class Database:
    """One PostgreSQL. `host` is its `host:port` as metrics and logs name it."""

    def __init__(self, url: str, instruments: Instruments) -> None:
        where = conninfo_to_dict(url)
        self.name = str(where.get("dbname", ""))
        self.host = f"{where.get('host', 'localhost')}:{where.get('port', 5432)}"
        self._pool = AsyncConnectionPool(url, min_size=1, max_size=10, timeout=5, open=False)
        self._queries = Queries(instruments)
        observe_pool(instruments, psycopg_pool(self._pool), db_name=self.name, host_addr=self.host)

    async def open(self) -> None:
        """Connect, and bring the schema up to date."""
        await self._pool.open(wait=True, timeout=10)
        async with self.transaction() as connection:
            await connection.execute(_LOCK)
            await connection.execute(_MIGRATIONS)
            new = await connection.execute(_APPLIED, PRE_DEPLOYMENT)
            if await new.fetchone():
                await connection.execute(Path(__file__).with_name("schema.sql").read_bytes())

    async def close(self) -> None:
        """Give all connections back."""
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection; the block is one transaction."""
        async with self._pool.connection() as connection:
            yield observed_connection(connection, self._queries)

    @property
    def labels(self) -> dict[str, str]:
        """The fields by which a log line names the server that answered."""
        return {"db_host_type": "primary", "db_host_addr": self.host}


async def one(connection: Connection, kind: type[Row], statement: str, *values: object) -> Row | None:
    """The first row of a statement."""
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchone()


async def every(connection: Connection, kind: type[Row], statement: str, *values: object) -> list[Row]:
    """All rows of a statement."""
    async with connection.cursor(row_factory=class_row(kind)) as cursor:
        await cursor.execute(statement, values)
        return await cursor.fetchall()


async def done(connection: Connection, statement: str, *values: object) -> bool:
    """Run a statement; whether it changed a row."""
    return (await connection.execute(statement, values)).rowcount > 0

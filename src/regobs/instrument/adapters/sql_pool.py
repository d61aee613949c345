"""Statistics of database connection pools, read at every scrape.

    from regobs.instrument.adapters.sql_pool import observe_pool, psycopg_pool, sqlalchemy_pool

    observe_pool(instruments, psycopg_pool(pool), db_name="registry", host_addr="db:5432")
    observe_pool(instruments, sqlalchemy_pool(engine), db_name="registry", host_addr="r1:5432", host_type="replica")

One call for each database host. Neither package is imported here. What a pool does not tell stays 0: both do not say
why a connection was closed, and SQLAlchemy says who waited only with `sql_alchemy.ObservedQueuePool`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from regobs.catalog import sql_pool
from regobs.instrument.core.recorder import Recorder

if TYPE_CHECKING:
    from regobs.instrument.core.instruments import Instruments


@dataclass(frozen=True, slots=True)
class PoolStatistics:
    """A pool at one moment, as Go's `sql.DBStats`. Counts but for `wait_seconds`; the last five only grow."""

    max_open: int = 0  # 0: no limit
    open: int = 0
    in_use: int = 0
    idle: int = 0
    waits: int = 0
    wait_seconds: float = 0.0
    closed_max_idle: int = 0
    closed_idle_time: int = 0
    closed_lifetime: int = 0


Read = Callable[[], PoolStatistics]


def observe_pool(
    instruments: Instruments, read: Read, *, db_name: str, host_addr: str, host_type: str = "primary"
) -> None:
    """Show the statistics of a pool of the database host `host_addr` (`host:port`), `primary` or `replica`."""
    labels = {"db_name": db_name, "host_addr": host_addr, "host_type": host_type}
    for field in fields(PoolStatistics):
        child = Recorder(instruments, getattr(sql_pool, field.name.upper())).child(**labels)
        if child is not None:
            child.read_from(_reader(read, field.name))


def _reader(read: Read, name: str) -> Callable[[], float]:
    return lambda: float(getattr(read(), name))


def psycopg_pool(pool: Any) -> Read:
    """Of a `psycopg_pool.ConnectionPool` or its async kind. A connection that is being made counts as in use."""

    def read() -> PoolStatistics:
        stats = pool.get_stats()
        size, idle = stats.get("pool_size", 0), stats.get("pool_available", 0)
        return PoolStatistics(
            max_open=stats.get("pool_max", 0),
            open=size,
            in_use=max(0, size - idle),
            idle=idle,
            waits=stats.get("requests_queued", 0),
            wait_seconds=stats.get("requests_wait_ms", 0) / 1000,
        )

    return read


def sqlalchemy_pool(engine: Any) -> Read:
    """Of an SQLAlchemy engine, also an async one. A pool that counts nothing (NullPool, StaticPool) shows zeros."""
    engine = getattr(engine, "sync_engine", engine)

    def read() -> PoolStatistics:
        pool = engine.pool  # `dispose` replaces it
        if not hasattr(pool, "checkedout"):
            return PoolStatistics()
        in_use, idle = pool.checkedout(), pool.checkedin()
        more = getattr(pool, "_max_overflow", 0)  # no public name; -1 is no limit
        return PoolStatistics(
            max_open=0 if more < 0 else pool.size() + more,
            open=in_use + idle,
            in_use=in_use,
            idle=idle,
            waits=getattr(pool, "waits", 0),
            wait_seconds=getattr(pool, "wait_seconds", 0.0),
        )

    return read

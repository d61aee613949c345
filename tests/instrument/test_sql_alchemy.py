from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from regobs.catalog import database, sql_pool
from regobs.catalog.model import Metric
from regobs.instrument import Instruments
from regobs.instrument.adapters.sql import Queries
from regobs.instrument.adapters.sql_alchemy import ObservedQueuePool, observe_engine
from regobs.instrument.adapters.sql_pool import observe_pool, sqlalchemy_pool
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded


@pytest.fixture
def instruments() -> Instruments:
    return Instruments("gitlab", strict=True)


@pytest.fixture
def engine(instruments: Instruments) -> Iterator[Engine]:
    made = create_engine(
        "sqlite://",
        poolclass=ObservedQueuePool,
        pool_size=1,
        max_overflow=1,
        pool_timeout=0.3,
        connect_args={"check_same_thread": False},
    )
    observe_engine(made, Queries(instruments))
    observe_pool(instruments, sqlalchemy_pool(made), db_name="registry", host_addr="db:5432")
    yield made
    made.dispose()


def test_named_statements_are_counted_and_others_are_not(instruments: Instruments, engine: Engine) -> None:
    with engine.connect() as connection:
        connection.execute(text("SELECT 1"))
        connection.execute(text("SELECT 2").execution_options(query_name="tag_find_all"))
        connection.exec_driver_sql("/* name: blob_create */ SELECT 3")
    names = {labels(name="tag_find_all"), labels(name="blob_create")}
    found = recorded(instruments)
    assert (found[database.QUERIES.name], found[database.QUERY_DURATION.name]) == (names, names)
    assert sample(instruments, database.QUERIES) == 2


def test_a_statement_that_fails_counts_once(instruments: Instruments, engine: Engine) -> None:
    statement = text("SELECT nothing FROM nowhere").execution_options(query_name="tag_count")
    with (
        assert_moved(instruments, database.QUERIES, by=1, name="tag_count"),
        assert_moved(instruments, database.QUERY_DURATION, by=1, name="tag_count"),
        engine.connect() as connection,
        pytest.raises(OperationalError),
    ):
        connection.execute(statement)


def test_the_pool_shows_the_families_of_the_catalog(instruments: Instruments, engine: Engine) -> None:
    host = labels(db_name="registry", host_addr="db:5432", host_type="primary")
    metrics = (value for value in vars(sql_pool).values() if isinstance(value, Metric))
    assert recorded(instruments) == {metric.name: {host} for metric in metrics}
    assert sample(instruments, sql_pool.MAX_OPEN) == 2
    with engine.connect():
        seen = [sample(instruments, metric) for metric in (sql_pool.OPEN, sql_pool.IN_USE, sql_pool.IDLE)]
        assert seen == [1, 1, 0]
    assert [sample(instruments, metric) for metric in (sql_pool.OPEN, sql_pool.IN_USE, sql_pool.IDLE)] == [1, 0, 1]


def test_who_waits_for_a_connection_is_counted(instruments: Instruments, engine: Engine) -> None:
    first, second = engine.connect(), engine.connect()
    assert sample(instruments, sql_pool.WAITS) == 0
    timer = threading.Timer(0.05, first.close)
    timer.start()
    start = time.perf_counter()
    engine.connect().close()
    assert sample(instruments, sql_pool.WAITS) == 1
    assert 0.03 <= sample(instruments, sql_pool.WAIT_SECONDS) <= time.perf_counter() - start
    timer.join()
    third = engine.connect()
    with assert_moved(instruments, sql_pool.WAITS, by=1), pytest.raises(PoolTimeout):
        engine.connect()
    for connection in (second, third):
        connection.close()


def test_a_pool_without_a_limit_shows_0_and_a_pool_that_counts_nothing_zeros(instruments: Instruments) -> None:
    unlimited = create_engine("sqlite://", poolclass=ObservedQueuePool, max_overflow=-1)
    unlimited.connect().close()
    assert sqlalchemy_pool(unlimited)().max_open == 0
    assert sqlalchemy_pool(unlimited)().waits == 0
    unlimited.dispose()
    nothing = create_engine("sqlite://")  # SingletonThreadPool
    assert sqlalchemy_pool(nothing)().open == 0

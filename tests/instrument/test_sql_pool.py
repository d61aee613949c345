from __future__ import annotations

import psycopg_pool
import pytest

from regobs.catalog import sql_pool
from regobs.instrument import Instruments
from regobs.instrument.adapters.sql_pool import PoolStatistics, observe_pool
from regobs.instrument.adapters.sql_pool import psycopg_pool as read_psycopg
from regobs.testing import sample, series

HOST = {"db_name": "registry", "host_addr": "r1:5432", "host_type": "replica"}


def test_every_statistic_goes_to_the_metric_of_its_name() -> None:
    instruments = Instruments(strict=True)
    observe_pool(instruments, lambda: PoolStatistics(1, 2, 3, 4, 5, 6.5, 7, 8, 9), **HOST)
    metrics = [sql_pool.MAX_OPEN, sql_pool.OPEN, sql_pool.IN_USE, sql_pool.IDLE, sql_pool.WAITS, sql_pool.WAIT_SECONDS]
    metrics += [sql_pool.CLOSED_MAX_IDLE, sql_pool.CLOSED_IDLE_TIME, sql_pool.CLOSED_LIFETIME]
    assert [sample(instruments, metric, **HOST) for metric in metrics] == [1, 2, 3, 4, 5, 6.5, 7, 8, 9]


def test_the_statistics_are_read_at_each_scrape() -> None:
    instruments = Instruments(strict=True)
    opened = iter(range(1, 10))
    observe_pool(instruments, lambda: PoolStatistics(open=next(opened)), **HOST)
    assert sample(instruments, sql_pool.OPEN) == 1
    assert sample(instruments, sql_pool.OPEN) == 2


def test_versions_before_4_9_have_no_hosts_and_other_flavors_no_pools() -> None:
    instruments = Instruments(version="4.8.0", strict=True)
    observe_pool(instruments, PoolStatistics, **HOST)
    assert list(series(instruments, sql_pool.OPEN)) == [(("db_name", "registry"),)]
    other = Instruments("distribution", strict=True)
    observe_pool(other, PoolStatistics, **HOST)
    assert other.render() == b""


def test_a_real_pool_of_psycopg_is_understood() -> None:
    pool = psycopg_pool.ConnectionPool("host=127.0.0.1", min_size=2, max_size=5, open=False)
    read = read_psycopg(pool)
    assert read() == PoolStatistics(max_open=5, open=2, in_use=2)  # it counts the two that it is to make
    assert {"pool_max", "pool_size", "pool_available"} <= pool.get_stats().keys()


@pytest.mark.parametrize(("size", "available"), [(3, 1), (3, 3), (0, 0)])
def test_the_numbers_of_psycopg_are_translated(size: int, available: int) -> None:
    class Pool:
        def get_stats(self) -> dict[str, int]:
            return {
                "pool_max": 9,
                "pool_size": size,
                "pool_available": available,
                "requests_queued": 4,
                "requests_wait_ms": 1500,
            }

    expected = PoolStatistics(max_open=9, open=size, in_use=size - available, idle=available, waits=4, wait_seconds=1.5)
    assert read_psycopg(Pool())() == expected

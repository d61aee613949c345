from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest
import redis
import redis.exceptions

from regobs.catalog import redis as metrics
from regobs.catalog.model import Metric
from regobs.instrument import Instruments
from regobs.instrument.adapters.redis import AsyncObservedRedis, ObservedRedis
from regobs.testing import assert_moved, sample
from tests.instrument.families import labels, recorded
from tests.instrument.resp import redis_server


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    with redis_server() as address:
        yield address


@pytest.fixture
def instruments() -> Instruments:
    return Instruments("gitlab", strict=True)


@pytest.fixture
def client(url: str, instruments: Instruments) -> Iterator[Any]:  # redis-py types a chain of commands by its answers
    made = ObservedRedis.from_url(url).observe(instruments, "cache")
    yield made
    made.close()


POOL: tuple[Metric, ...] = (
    *(metrics.POOL_HITS, metrics.POOL_MISSES, metrics.POOL_TIMEOUTS, metrics.POOL_STALE),
    *(metrics.POOL_TOTAL, metrics.POOL_IDLE, metrics.POOL_MAX),
)


def numbers(instruments: Instruments, *of: Metric) -> list[float]:
    return [sample(instruments, metric, instance="cache") for metric in of]


def test_commands_show_the_families_of_the_catalog(instruments: Instruments, client: Any) -> None:
    client.set("a", "1")
    assert client.get("a") == b"1"
    expected = {metric.name: {labels(instance="cache")} for metric in POOL}
    expected[metrics.COMMANDS.name] = {labels(command=name, instance="cache") for name in ("set", "get")}
    assert recorded(instruments) == expected


def test_a_client_of_one_connection_records_like_the_one_it_came_from(
    url: str, instruments: Instruments, client: Any
) -> None:
    with assert_moved(instruments, metrics.COMMANDS, by=1, command="set"), client.client() as one:
        one.set("a", "1")

    async def again() -> None:
        made: Any = AsyncObservedRedis.from_url(url).observe(instruments, "cache")
        async with made.client() as one:
            await one.set("a", "1")
        await made.aclose()

    with assert_moved(instruments, metrics.COMMANDS, by=1, command="set"):
        asyncio.run(again())


def test_a_nil_and_a_failure_are_not_recorded(instruments: Instruments, client: Any) -> None:
    client.set("text", "x")
    with (
        assert_moved(instruments, metrics.COMMANDS, by=0),
        assert_moved(instruments, metrics.COMMAND_ERRORS, by=0),
    ):
        assert client.get("nothing") is None
        with pytest.raises(redis.exceptions.ResponseError):
            client.incr("text")


def test_a_pipeline_is_one_command_and_its_commands_are_counted(instruments: Instruments, client: Any) -> None:
    answers = client.pipeline(transaction=False).set("p", "1").get("p").get("p").execute()
    assert answers == [True, b"1", b"1"]
    assert sample(instruments, metrics.COMMANDS, command="pipeline") == sample(instruments, metrics.COMMANDS) == 1
    assert sample(instruments, metrics.PIPELINED, command="get", instance="cache") == 2
    assert sample(instruments, metrics.PIPELINED) == 3


def test_a_transaction_counts_multi_and_exec_too(instruments: Instruments, client: Any) -> None:
    with client.pipeline() as pipe:
        pipe.watch("p")
        pipe.multi()
        pipe.set("p", "1")
        assert pipe.execute() == [True]
    names = {labels(command=name, instance="cache") for name in ("multi", "set", "exec")}
    assert recorded(instruments)[metrics.PIPELINED.name] == names
    assert sample(instruments, metrics.COMMANDS, command="watch") == 1


@pytest.mark.parametrize("raises", [True, False])
def test_a_pipeline_counts_the_commands_that_fail_after_its_first(
    instruments: Instruments, client: Any, raises: bool
) -> None:
    client.set("text", "x")
    pipe = client.pipeline(transaction=False).set("p", "1").incr("text").get("p")
    with (
        assert_moved(instruments, metrics.PIPELINED, by=3),
        assert_moved(instruments, metrics.PIPELINED_ERRORS, by=1, command="incrby"),
    ):
        if raises:
            with pytest.raises(redis.exceptions.ResponseError, match="Command # 2"):
                pipe.execute()
        else:
            assert isinstance(pipe.execute(raise_on_error=False)[1], redis.exceptions.ResponseError)


@pytest.mark.parametrize("first", ["nil", "error"])
def test_a_pipeline_whose_first_command_fails_is_not_recorded(
    instruments: Instruments, client: Any, first: str
) -> None:
    client.set("text", "x")
    pipe = client.pipeline(transaction=False)
    pipe = (pipe.get("nothing") if first == "nil" else pipe.incr("text")).get("text")
    with assert_moved(instruments, metrics.PIPELINED, by=0), assert_moved(instruments, metrics.COMMANDS, by=0):
        pipe.execute(raise_on_error=False)


def test_an_empty_pipeline_is_nothing(instruments: Instruments, client: Any) -> None:
    assert client.pipeline().execute() == []
    assert sample(instruments, metrics.COMMANDS) == 0


def test_a_client_that_is_not_observed_records_nothing(url: str, instruments: Instruments) -> None:
    with ObservedRedis.from_url(url) as client:
        client.set("a", "1")
        assert client.pipeline().get("a").execute() == [b"1"]
    assert instruments.render() == b""


def test_the_pool_counts_hits_misses_and_connections(instruments: Instruments, client: Any) -> None:
    of = (metrics.POOL_MISSES, metrics.POOL_HITS, metrics.POOL_TOTAL, metrics.POOL_IDLE)
    assert numbers(instruments, *of) == [0, 0, 0, 0]
    client.set("a", "1")
    client.set("a", "1")
    assert numbers(instruments, *of) == [1, 1, 1, 1]
    with client.pipeline() as pipe:
        pipe.watch("a")
        client.set("b", "1")
        assert numbers(instruments, *of) == [2, 2, 2, 1]
    assert numbers(instruments, *of) == [2, 2, 2, 2]


def test_a_full_pool_is_a_time_out_and_a_dead_server_is_none(url: str, instruments: Instruments) -> None:
    client = ObservedRedis.from_url(url, max_connections=1).observe(instruments, "cache")
    assert numbers(instruments, metrics.POOL_MAX) == [1]
    with client.pipeline() as pipe:
        pipe.watch("a")
        with (
            assert_moved(instruments, metrics.POOL_TIMEOUTS, by=1),
            assert_moved(instruments, metrics.COMMANDS, by=0),
            pytest.raises(redis.exceptions.ConnectionError),
        ):
            client.set("a", "1")
    client.close()
    dead = ObservedRedis(host="127.0.0.1", port=1).observe(instruments, "loadbalancing")
    with assert_moved(instruments, metrics.POOL_TIMEOUTS, by=0), pytest.raises(redis.exceptions.ConnectionError):
        dead.get("a")


def test_an_async_client_records_the_same(url: str, instruments: Instruments) -> None:
    async def run() -> None:
        client: Any = AsyncObservedRedis.from_url(url).observe(instruments, "cache")
        async with client:
            await client.set("a", "1")
            assert await client.get("a") == b"1"
            assert await client.get("nothing") is None
            assert numbers(instruments, metrics.POOL_TOTAL, metrics.POOL_IDLE) == [1, 1]
            assert await client.pipeline(transaction=False).set("p", "1").get("p").execute() == [True, b"1"]
            await client.set("text", "x")
            pipe = client.pipeline(transaction=False).set("p", "1").incr("text")
            with pytest.raises(redis.exceptions.ResponseError, match="Command # 2"):
                await pipe.execute()
            async with client.pipeline() as watched:
                await watched.watch("p")
                watched.multi()
                assert await watched.get("p").execute() == [b"1"]

    asyncio.run(run())
    found = recorded(instruments)
    singles = ("set", "get", "pipeline", "watch")
    assert found[metrics.COMMANDS.name] == {labels(command=name, instance="cache") for name in singles}
    assert sample(instruments, metrics.COMMANDS, command="get") == 1
    assert sample(instruments, metrics.COMMANDS, command="pipeline") == 3
    piped = ("set", "get", "multi", "exec", "incrby")
    assert found[metrics.PIPELINED.name] == {labels(command=name, instance="cache") for name in piped}
    assert sample(instruments, metrics.PIPELINED_ERRORS, command="incrby") == 1
    # Two sets, two gets, three pipelines; all but the first found the one connection.
    assert numbers(instruments, metrics.POOL_MISSES, metrics.POOL_HITS) == [1, 6]


def test_the_size_of_a_pool_that_has_none_is_0(url: str, instruments: Instruments) -> None:
    pool = redis.ConnectionPool.from_url(url, max_connections=2**31)
    ObservedRedis(connection_pool=pool).observe(instruments, "ratelimiting")
    assert sample(instruments, metrics.POOL_MAX, instance="ratelimiting") == 0

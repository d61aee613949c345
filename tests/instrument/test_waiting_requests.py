"""Requests that the ASGI middleware has measured, and which are counted when somebody reads or many wait."""

from __future__ import annotations

import asyncio
import os
import threading
from itertools import product
from multiprocessing import Pipe
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.catalog import http
from regobs.instrument import Instruments, ObserveASGI
from regobs.instrument.http.asgi import Message, Receive, Scope, Send
from tests.instrument.test_asgi import BLOB, scope

MOST = 128  # requests of one route, method and code that wait
PATHS = ("/v2/", "/v2/a/b/manifests/latest", BLOB)


async def receive() -> Message:
    return {"type": "http.request", "body": b"", "more_body": False}


async def send(message: Message) -> None:
    pass


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    await send({"type": "http.response.start", "status": scope["status"], "headers": []})
    await send({"type": "http.response.body", "body": b"x" * scope["bytes"]})


def request(observed: ObserveASGI, *, method: Any = "GET", path: str = BLOB, status: int = 200, size: int = 3) -> None:
    """One that never waits, so no event loop is needed."""
    call = observed(scope(method, path, status=status, bytes=size), receive, send)
    with pytest.raises(StopIteration):
        call.__await__().__next__()


def counted(instruments: Instruments) -> dict[tuple[str, str, str], tuple[float, float]]:
    """Requests and bytes of answers, by route, method and code."""
    found: dict[tuple[str, str, str], tuple[float, float]] = {}
    sums = {
        tuple(labels.values()): value
        for name, labels, value in instruments.histogram(http.RESPONSE_SIZE).samples()
        if name.endswith("_sum")
    }
    for _, labels, value in instruments.counter(http.REQUESTS).samples():
        if value:
            found[labels["route"], labels["method"], labels["code"]] = value, sums[tuple(labels.values())]
    return found


@given(
    st.lists(
        st.tuples(
            st.sampled_from(PATHS), st.sampled_from(["GET", "HEAD", "FOO", "BAR"]), st.sampled_from([200, 204, 99, 404])
        ),
        max_size=40,
    ),
    st.sampled_from([1, 3, MOST]),
    st.sets(st.integers(0, 40), max_size=3),
)
def test_all_that_wait_are_counted_at_every_scrape_as_one_by_one(
    kinds: list[tuple[str, str, int]], times: int, scrapes: set[int]
) -> None:
    late, at_once = Instruments("gitlab", strict=True), Instruments("gitlab", strict=True)
    observed, reference = ObserveASGI(app, late), ObserveASGI(app, at_once)
    for number, (path, method, status) in enumerate(kinds):
        for _ in range(times if number == 0 else 1):
            request(observed, path=path, method=method, status=status, size=number)
            request(reference, path=path, method=method, status=status, size=number)
            at_once.http.settle()
        if number in scrapes:
            assert counted(late) == counted(at_once)
    assert counted(late) == counted(at_once)
    assert sum(value for value, _ in counted(late).values()) == (len(kinds) + times - 1 if kinds else 0)
    assert sum(value for _, _, value in late.gauge(http.IN_FLIGHT).samples()) == 0


@pytest.mark.parametrize("count", [MOST - 1, MOST, MOST + 1])
def test_requests_are_counted_however_many_of_them_wait(count: int) -> None:
    instruments = Instruments("gitlab", strict=True)
    observed = ObserveASGI(app, instruments)
    for _ in range(count):
        request(observed)
    assert instruments.counter(http.REQUESTS).child(route="blob", method="get", code="200").value == count


def test_a_method_of_another_type_is_counted_as_unknown_and_stops_no_other() -> None:
    instruments = Instruments("gitlab")
    observed = ObserveASGI(app, instruments)
    request(observed)
    request(observed, method=b"GET")
    request(observed, method=["GET"])
    request(observed)
    kinds = {(method, code): value for (_, method, code), (value, _) in counted(instruments).items()}
    assert kinds == {("get", "200"): 2, ("unknown", "200"): 1, ("unknown", "unknown"): 1}


@pytest.mark.parametrize("flavor", ["gitlab", "distribution"])
def test_requests_of_threads_are_counted_once_while_another_scrapes(flavor: str) -> None:
    instruments = Instruments(flavor)
    observed = ObserveASGI(app, instruments)
    mix = list(product(PATHS, ("GET", "HEAD", "FOO"), (200, 404)))
    done = threading.Event()
    behind: list[int] = []

    def work() -> None:
        for step in range(60 * len(mix)):
            path, method, status = mix[step % len(mix)]
            asyncio_free(observed, scope(method, path, status=status, bytes=10))

    def scrape() -> None:
        last = 0.0
        while not done.is_set():
            now = sum(value for _, _, value in instruments.counter(http.REQUESTS).samples())
            behind.append(now < last)
            last = now

    threads = [threading.Thread(target=work) for _ in range(4)]
    reader = threading.Thread(target=scrape)
    for thread in (*threads, reader):
        thread.start()
    for thread in threads:
        thread.join()
    done.set()
    reader.join()
    assert not any(behind)
    assert sum(value for _, _, value in instruments.counter(http.REQUESTS).samples()) == 4 * 60 * len(mix)
    assert sum(value for _, _, value in instruments.gauge(http.IN_FLIGHT).samples()) == 0


def asyncio_free(observed: ObserveASGI, one: dict[str, Any]) -> None:
    try:
        observed(one, receive, send).__await__().__next__()
    except StopIteration:
        return
    raise AssertionError("it waits")


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_forked_child_begins_with_what_waited_in_its_parent_which_counts_it_too() -> None:
    instruments = Instruments("gitlab")
    observed = ObserveASGI(app, instruments)
    for _ in range(3):
        request(observed)
    reading, writing = Pipe(duplex=False)
    child = os.fork()
    if child == 0:
        asyncio_free(observed, scope(status=200, bytes=3))
        writing.send(counted(instruments))
        os._exit(0)
    assert reading.poll(60), "the child says nothing"
    in_child = reading.recv()
    assert os.waitpid(child, 0)[1] == 0
    assert in_child == {("/v2/{name}/blobs/{digest}", "get", "200"): (4, 12)}
    assert counted(instruments) == {("/v2/{name}/blobs/{digest}", "get", "200"): (3, 9)}


def test_what_processes_share_is_counted_at_once(tmp_path: Any) -> None:
    instruments = Instruments("gitlab", directory=tmp_path / "shared")
    observed = ObserveASGI(app, instruments)
    request(observed)
    assert [value for value, _ in counted(instruments).values()] == [1]


@pytest.mark.parametrize("end", ["é", "\ud83d", "²", "/", "٣"])
def test_a_digest_with_other_characters_is_none_though_its_repository_is_known(end: str) -> None:
    """`isalnum` of text takes letters and digits of all scripts."""
    instruments = Instruments("gitlab", strict=True)
    observed = ObserveASGI(app, instruments)
    for _ in range(2):
        request(observed)
        asyncio.run(observed({**scope(status=200, bytes=3), "path": BLOB[:-1] + end}, receive, send))
    assert [value for value, _ in counted(instruments).values()] == [2]


def test_two_middlewares_around_one_application_count_each_in_its_own_instruments() -> None:
    outer, inner = Instruments("gitlab", strict=True), Instruments("gitlab", strict=True)
    request(ObserveASGI(ObserveASGI(app, inner), outer))
    for instruments in (outer, inner):
        assert [value for value, _ in counted(instruments).values()] == [1]
        assert sum(value for _, _, value in instruments.gauge(http.IN_FLIGHT).samples()) == 0

"""Whatever a value is, the caller goes on and the next scrape comes out, from one process or from several."""

from __future__ import annotations

import json
import logging
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from regobs.catalog import gc, go_runtime, http, instrument, redis
from regobs.errors import InstrumentError
from regobs.instrument import Instruments, ObserveASGI, ObserveWSGI
from regobs.instrument.adapters.garbage import GarbageWorker
from regobs.instrument.adapters.migrations import MigrationWorker
from regobs.instrument.adapters.notifications import Endpoint
from regobs.instrument.adapters.redis import Commands
from regobs.instrument.adapters.sql import Queries, observed_connection
from regobs.instrument.adapters.sql_pool import PoolStatistics, observe_pool
from regobs.instrument.adapters.storage import BlobSizes, observed_driver
from regobs.instrument.app_log import RegistryFormatter, RegistryRenderer, application_line
from regobs.testing import sample
from tests.instrument.test_asgi import scope, serve
from tests.instrument.test_bad_input import Driver
from tests.instrument.test_wsgi import serve as wsgi_serve


class Raises:
    """Raises whatever is asked of it."""

    def __repr__(self) -> str:
        raise RuntimeError

    __str__ = __repr__

    def __float__(self) -> float:
        raise RuntimeError

    def __eq__(self, other: object) -> bool:
        raise RuntimeError

    def __hash__(self) -> int:
        raise RuntimeError

    def __radd__(self, other: object) -> str:
        return "no number"

    def __ge__(self, other: object) -> bool:
        return True


class Text(str):
    """A text that shows something else."""

    __slots__ = ()

    def __str__(self) -> str:
        raise RuntimeError


class Level(IntEnum):
    HIGH = 3


class Kind(str, Enum):  # noqa: UP042 (what older programs have)
    IMAGE = "image/x"


SURROGATE = "a/\ud83d"
VALUES: dict[str, Any] = {
    "half of a pair": SURROGATE,
    "half of a pair, in the middle": "a\udfffb",
    "NUL": "a\0b",
    "escapes": 'a\n"\\\r\u2028b',
    "bytes": b"a\xff",
    "huge int": 10**5000,
    "huge int, below zero": -(10**400),
    "NaN": float("nan"),
    "infinity": float("inf"),
    "signalling NaN": Decimal("sNaN"),
    "raises": Raises(),
    "text that raises": Text("a"),
    "long": "x" * 100_000,
    "enum": Kind.IMAGE,
    "whole float": 200.0,
    "fraction": Fraction(1, 3),
    "none": None,
    "list": [SURROGATE],
}


def asgi_status(instruments: Instruments, value: Any) -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": value, "headers": []})
        await send({"type": "http.response.body", "body": b"x"})

    serve(ObserveASGI(app, instruments), scope("GET", "/v2/"))


def asgi_method(instruments: Instruments, value: Any) -> None:
    async def app(_: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    serve(ObserveASGI(app, instruments), scope("GET" if not isinstance(value, str) else value, "/v2/"))


def wsgi_path(instruments: Instruments, value: Any) -> None:
    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"x"]

    path = "/v2/" + value + "/tags/list" if isinstance(value, str) else "/v2/"
    wsgi_serve(ObserveWSGI(app, instruments), {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": path})


def migration(instruments: Instruments, value: Any) -> None:
    worker = MigrationWorker(instruments)
    with worker.run(), worker.job(migration_id=value, name=value, batch_size=value) as job, job.query():
        pass
    worker.sleeping(value)


def garbage(instruments: Instruments, value: Any) -> None:
    worker = GarbageWorker(instruments, "blob")
    with worker.run() as run:
        run.found(event=value)
        run.dangling = value
    with worker.delete(value):
        pass
    worker.freed(value, value)
    worker.sleeping(value)


def notification(instruments: Instruments, value: Any) -> None:
    event = Endpoint(instruments, value).queued(action=value, artifact=value)
    with event.attempt() as attempt:
        attempt.answered(value)
    event.delivered()


def query(instruments: Instruments, value: Any) -> None:
    queries = Queries(instruments)
    with queries.named(value):
        pass
    queries.record(value, value)
    with closing(sqlite3.connect(":memory:")) as connection:
        observed = observed_connection(connection, queries)
        try:
            observed.execute(value)
        except RuntimeError:
            raise
        except Exception:  # noqa: BLE001, S110 (what sqlite says of it)
            pass


def commands(instruments: Instruments, value: Any) -> None:
    of = Commands(instruments, value)
    of.single([value], b"x", 0.0)
    of.pipeline([([value], {})], [b"x"], 0.0, transaction=True)


RUN: dict[str, object] = {"worker": "blob", "noop": False, "error": False, "dangling": True, "event": "blob_upload"}
USES: dict[str, Callable[[Instruments, Any], object]] = {
    "label": lambda i, value: i.counter(gc.BYTES).child(media_type=value).inc(),
    "closed label": lambda i, value: i.counter(http.REQUESTS).child(route=value, method=value, code=value).inc(),
    "declared": lambda i, value: i.counter(gc.BYTES).zero(media_type=value),
    "removed": lambda i, value: i.counter(gc.BYTES).remove(media_type=value),
    "amount": lambda i, value: i.counter(gc.BYTES).child(media_type="m").inc(value),
    "gauge": lambda i, value: [getattr(i.gauge(http.IN_FLIGHT), verb)(value) for verb in ("set", "inc", "dec")],
    "function": lambda i, value: i.gauge(redis.POOL_TOTAL).child(instance="cache").read_from(lambda: value),
    "function that raises": lambda i, value: i.gauge(redis.POOL_TOTAL).child(instance="cache").read_from(Raises),  # type: ignore[arg-type]
    "observation": lambda i, value: i.histogram(gc.RUN_DURATION).child(**RUN).observe(value),
    "observations": lambda i, value: i.histogram(gc.RUN_DURATION).child(**RUN).observe_many([1, value]),
    "no observations": lambda i, value: i.histogram(gc.RUN_DURATION).child(**RUN).observe_many(value),
    "summary": lambda i, value: i.summary(go_runtime.GC_PAUSE).child().set({0.5: value}, total=value, count=value),
    "no summary": lambda i, value: i.summary(go_runtime.GC_PAUSE).child().set(value, total=1, count=1),
    "metric": lambda i, value: i[value].inc(),
    "request": lambda i, value: i.http.finish(value, value, value, value, value, value, value),
    "numbers of a request": lambda i, value: i.http.finish("blob", "GET", 200, value, value, value, value),
    "many requests": lambda i, value: i.http.finish_many("blob", "GET", 200, [value], [value], value),
    "status of an ASGI answer": asgi_status,
    "method of an ASGI request": asgi_method,
    "path of a WSGI request": wsgi_path,
    "migration": migration,
    "garbage collection": garbage,
    "notification": notification,
    "query": query,
    "redis": commands,
    "driver": lambda i, value: observed_driver(Driver(), i, value).get("a"),
    "served blob": lambda i, value: BlobSizes(i).served(value, redirect=value),
    "stored blob": lambda i, value: BlobSizes(i).stored(value),
    "pool": lambda i, value: observe_pool(i, lambda: PoolStatistics(open=value), db_name=value, host_addr=value),
    "no pool": lambda i, value: observe_pool(i, lambda: value, db_name="d", host_addr="h"),
}


@pytest.mark.parametrize("shared", [False, True], ids=["alone", "shared directory"])
@pytest.mark.parametrize("use", USES)
def test_no_value_breaks_its_caller_or_a_scrape(use: str, shared: bool, tmp_path: Path) -> None:
    for value in VALUES.values():  # in one directory: each would keep its files open until the process ends
        instruments = Instruments("gitlab", directory=tmp_path if shared else None)
        for _ in range(2):
            USES[use](instruments, value)
            for openmetrics in (False, True):
                text = instruments.render(openmetrics=openmetrics).decode()
                assert "\0" not in text
            text = instruments.render().decode()
            families = list(text_string_to_metric_families(text))
            assert len(families) == text.count("# TYPE ") == len(list(instruments.collect()))


@pytest.mark.parametrize("name", VALUES)
def test_an_event_with_a_strange_label_is_counted_all_the_same(name: str) -> None:
    instruments = Instruments("gitlab")
    for _ in range(3):
        instruments.counter(gc.BYTES).child(media_type=VALUES[name]).inc(2)
    assert sample(instruments, gc.BYTES) == 6


def test_what_cannot_be_written_is_replaced() -> None:
    instruments = Instruments("gitlab")
    instruments.counter(gc.BYTES).child(media_type=SURROGATE).inc()
    instruments.counter(gc.BYTES).child(media_type="a\0b").inc()
    text = instruments.render().decode()
    assert 'media_type="a/\ufffd"' in text
    assert 'media_type="a\ufffdb"' in text


def test_values_that_are_equal_and_of_other_types_are_told_apart_in_each_order() -> None:
    for values in ([1, True, 1.0], [True, 1.0, 1], [1.0, 1, True], [Fraction(1), True, 1]):
        instruments = Instruments("gitlab")
        for value in values:
            instruments.counter(gc.BYTES).child(media_type=value).inc()
        for media_type in ("1", "true", "other"):
            assert sample(instruments, gc.BYTES, media_type=media_type) == 1, values
        assert sample(instruments, instrument.ERRORS) == 1


def test_an_enum_is_its_value() -> None:
    instruments = Instruments("gitlab", strict=True)
    instruments.counter(gc.BYTES).child(media_type=Level.HIGH).inc()
    instruments.counter(gc.BYTES).child(media_type=Kind.IMAGE).inc()
    assert sample(instruments, gc.BYTES, media_type="3") == 1
    assert sample(instruments, gc.BYTES, media_type="image/x") == 1


@pytest.mark.parametrize("known_first", [True, False])
def test_a_status_as_a_float_is_refused_whether_or_not_it_is_known(known_first: bool) -> None:
    instruments = Instruments("gitlab", strict=True)
    family = instruments.counter(http.REQUESTS)
    if known_first:
        family.child(route="blob", method="get", code=200).inc()
        family.child(route="blob", method="get", code="200").inc()
    with pytest.raises(InstrumentError, match="code: a label value is a str, bool or int, not float"):
        family.child(route="blob", method="get", code=200.0)


@pytest.mark.parametrize("known_first", [True, False])
def test_a_request_whose_status_is_a_whole_float_has_that_status(known_first: bool) -> None:
    instruments = Instruments("gitlab", strict=True)
    if known_first:
        instruments.http.finish("blob", "GET", 200, 1, 1, 1)
    instruments.http.finish("blob", "GET", 200.0, 1, 1, 1)  # type: ignore[arg-type]
    instruments.http.finish("blob", "GET", 200.5, 1, 1, 1)  # type: ignore[arg-type]
    assert sample(instruments, http.REQUESTS, code="200") == 1 + known_first
    assert sample(instruments, http.REQUESTS, code="unknown") == 1


def test_a_counter_takes_no_infinity_which_no_later_amount_would_change() -> None:
    instruments = Instruments("gitlab")
    child = instruments.counter(gc.BYTES).child(media_type="m")
    for amount in (1, float("inf"), float("nan"), 2):
        child.inc(amount)
    assert child.value == 3


def test_spellings_of_one_value_that_are_without_number_are_not_kept() -> None:
    instruments = Instruments("gitlab")
    family = instruments.counter(gc.BYTES)
    for number in range(0xD800, 0xDA00):
        family.child(media_type=chr(number)).inc()
    assert sample(instruments, gc.BYTES) == 0xDA00 - 0xD800
    assert len(family.children()) == 1
    assert not family._bound


class Key(Raises):
    """Can stand as a key, and says nothing either."""

    def __hash__(self) -> int:
        return 1


def raising(kind: type[Any]) -> Any:
    """A value of a type of its own, each method of which raises."""
    kept = {"__new__", "__init__", "__class__", "__getattribute__", "__getnewargs__", "__hash__", "__dir__"}
    names = [name for name in vars(kind) if callable(getattr(kind, name)) and name not in kept]
    made: Any = type(f"My{kind.__name__}", (kind,), dict.fromkeys(names, _raise))
    return made([("a", "b")] if kind is dict else b"abc" if kind in {bytes, bytearray} else "12")


def _raise(*_: object) -> Any:
    raise RuntimeError


RAISING = [raising(kind) for kind in (str, dict, list, tuple, set, frozenset, bytes, bytearray, int, float)]


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError


LOGGED: dict[str, Callable[[Any], str]] = {
    "field": lambda value: application_line("m", "info", {"f": value}),
    "secret field": lambda value: application_line("m", "info", {"password": value, "f": {"token": value}}),
    "nested field": lambda value: application_line("m", "info", {"f": [{"a": (value,)}, {1: value}]}),
    "message": lambda value: application_line(value, "info", {}),
    "static field": lambda value: application_line("m", "info", {}, static={"f": value}),
    "key": lambda value: application_line("m", "info", {"f": {Key(): value}}),
    "error": lambda value: application_line("m", "info", {"f": value}, error=SilentError()),
    "record": lambda value: RegistryFormatter({}).format(logging.LogRecord("n", 20, "p", 1, value, None, None)),
    "arguments": lambda value: RegistryFormatter({}).format(logging.LogRecord("n", 20, "p", 1, "%d", (value, 1), None)),
    "event": lambda value: RegistryRenderer({})(None, "info", {"event": value, "level": value, "f": value}),
}


@pytest.mark.parametrize("how", LOGGED)
def test_no_value_loses_its_log_line(how: str) -> None:
    itself: list[Any] = []
    itself.append(itself)
    for value in (*VALUES.values(), Key(), SilentError(), itself, {"a": 10**5000}, {1: Raises()}, *RAISING):
        text = LOGGED[how](value)
        assert "\n" not in text
        assert isinstance(json.loads(text.encode())["msg"], str)

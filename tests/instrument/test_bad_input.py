"""Wrong uses: an exception that names metric and label in development; in production counted, logged once, survived."""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from regobs.catalog import build_info, gc, http, instrument, storage
from regobs.catalog.model import Metric
from regobs.errors import InstrumentError
from regobs.instrument import Instruments, LogASGI, LogWSGI, ObserveASGI, ObserveWSGI
from regobs.instrument.adapters.garbage import GarbageWorker
from regobs.instrument.adapters.migrations import MigrationWorker
from regobs.instrument.adapters.notifications import Endpoint
from regobs.instrument.adapters.sql import Queries, observed_connection
from regobs.instrument.adapters.sql_pool import observe_pool
from regobs.instrument.adapters.storage import BlobSizes, observed_driver
from regobs.testing import LogLines, sample
from tests.instrument.test_asgi import answer, scope, serve
from tests.instrument.test_wsgi import answer as wsgi_answer
from tests.instrument.test_wsgi import serve as wsgi_serve

Use = Callable[[Instruments], Any]
BLOB = {"route": "blob", "method": "get", "code": "200"}
HUGE: int = 10**400
NUMBERS: list[Any] = ["1", "x", b"1", None, [1], {}, 1j, HUGE, Decimal("sNaN")]


def attempt(delivered: Any) -> Use:
    def use(instruments: Instruments) -> None:
        event = Endpoint(instruments, "hook").queued(action="push", artifact="manifest")
        with event.attempt() as one:
            one.answered(delivered)
        event.delivered()

    return use


def collect(**labels: Any) -> Use:
    def use(instruments: Instruments) -> None:
        worker = GarbageWorker(instruments, "blob")
        with worker.run() as run:
            run.found(**labels)
        worker.sleeping(1)

    return use


def migrate(**job: Any) -> Use:
    def use(instruments: Instruments) -> None:
        worker = MigrationWorker(instruments)
        with worker.run(), worker.job(**{"migration_id": 1, "name": "x", "batch_size": 1, **job}) as one, one.query():
            pass

    return use


class Driver:
    def get(self, path: str) -> bytes:
        return path.encode()


def driven(name: Any) -> Use:
    return lambda instruments: observed_driver(Driver(), instruments, name).get("/a") == b"/a"


def queried(name: Any) -> Use:
    def use(instruments: Instruments) -> None:
        queries = Queries(instruments)
        observed_connection(sqlite3.connect(":memory:"), queries).execute("SELECT 1")
        with queries.named(name):
            pass

    return use


def given(metric: Metric, verb: str, value: Any) -> Use:
    def use(instruments: Instruments) -> None:
        getattr(instruments[metric].child(**({} if metric is http.IN_FLIGHT else BLOB)), verb)(value)

    return use


def requested(route: Any, *rest: Any) -> Use:
    def use(instruments: Instruments) -> None:
        instruments.http.begin(route)
        instruments.http.finish(route, *rest)

    return use


VERBS = (
    (http.REQUESTS, "inc"),
    (http.IN_FLIGHT, "set"),
    (http.IN_FLIGHT, "inc"),
    (http.IN_FLIGHT, "dec"),
    (http.DURATION, "observe"),
)
REQUESTS: tuple[tuple[Any, ...], ...] = (
    ("blob", "GET", "200", 1, 1, 1),
    ("blob", None, 200, 1, 1, 1),
    ("blob", "GET", 200, "1", 1, 1),
    ("blob", "GET", 200, 1, HUGE, 1),
    ("blob", "GET", 200, 1, 1, None),
    ([], "GET", 200, 1, 1, 1),
    (None, "GET", 200, 1, 1, 1),
)
WRONG: dict[str, tuple[Use, str]] = {
    "unknown metric": (lambda i: i["registry_nope"].child(a="b").inc(), "registry_nope"),  # type: ignore[index]
    "no metric": (lambda i: i.counter(None).inc(), "None"),  # type: ignore[arg-type]
    "of another flavor": (lambda i: i[storage.CACHE_HITS].inc(), "registry_storage_cache_hits_total"),
    "another kind": (lambda i: i.counter(http.IN_FLIGHT).inc(), "registry_http_in_flight_requests"),
    "unknown label": (lambda i: i[http.REQUESTS].child(**{**BLOB, "nope": "x"}), "nope"),
    "label left out": (lambda i: i[http.REQUESTS].child(route="blob").inc(), "code, method, route"),
    "label of a wrong type": (lambda i: i[http.REQUESTS].child(**{**BLOB, "code": None}).inc(), "code: a label value"),
    "unhashable label": (lambda i: i[http.REQUESTS].child(**{**BLOB, "route": []}).inc(), "route: a label value"),
    "negative step": (lambda i: i[http.REQUESTS].child(**BLOB).inc(-1), "registry_http_requests_total"),
    "counter is set": (lambda i: i[http.REQUESTS].child(**BLOB).set(1), "a counter has no set"),
    "counter observes": (lambda i: i[http.REQUESTS].child(**BLOB).observe(1), "a counter has no observe"),
    "histogram is counted": (lambda i: i[http.DURATION].child(**BLOB).inc(), "a histogram has no inc"),
    "gauge times": (lambda i: i[http.IN_FLIGHT].child().time().__enter__(), "a gauge has no time"),
    "driver": (driven(None), "driver: a label value"),
    "blob size": (lambda i: BlobSizes(i).stored("big"), "registry_storage_blob_upload_bytes"),  # type: ignore[arg-type]
    "query name": (queried(None), "name: a label value"),
    "garbage event": (collect(event=None), "event: a label value"),
    "bytes freed": (lambda i: GarbageWorker(i, "blob").freed(-5, "a/b"), "registry_gc_storage_deleted_bytes_total"),
    "migration": (migrate(migration_id=None), "migration_id: a label value"),
    "batch size": (migrate(batch_size="x"), "registry_bbm_job_batch_size"),
    "endpoint": (lambda i: Endpoint(i, None).queued(action="push", artifact="blob"), "endpoint: "),  # type: ignore[arg-type]
    "answer of an endpoint": (attempt("200"), "a status as int"),
    "pool": (lambda i: observe_pool(i, lambda: None, db_name="r", host_addr=None), "host_addr: "),  # type: ignore[arg-type, return-value]
    **{
        f"{verb} of {metric.name}, {value!r:.8}": (given(metric, verb, value), metric.name)
        for metric, verb in VERBS
        for value in NUMBERS
    },
    **{f"request with {one!r:.60}": (requested(*one), "registry_http_") for one in REQUESTS},
}


@pytest.mark.parametrize("name", WRONG)
def test_in_development_it_raises_and_names_what_is_wrong(name: str) -> None:
    use, named = WRONG[name]
    with pytest.raises(InstrumentError) as raised:
        use(Instruments("gitlab", strict=True))
    assert named in str(raised.value)


@pytest.mark.parametrize("name", WRONG)
def test_in_production_it_is_counted_and_logged_once_and_the_rest_is_shown(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    use, _ = WRONG[name]
    instruments = Instruments("gitlab")
    instruments[build_info.BUILD].child(built="", package="registry", revision="", version="1").set(1)
    with caplog.at_level(logging.DEBUG, logger="regobs.instrument"):
        for _ in range(3):
            use(instruments)
    assert sample(instruments, instrument.ERRORS) >= 3
    said = [record.getMessage() for record in caplog.records]
    assert said
    assert len(said) == len(set(said))
    for openmetrics in (False, True):
        assert b"gitlab_build_info{" in instruments.render(openmetrics=openmetrics)
    assert {family.name for family in instruments.collect()} >= {"gitlab_build_info", "regobs_instrument_errors"}


@pytest.mark.parametrize("length", ["9" * 400, "-5", "1_0", "+5", "\u00b2", "", "x"])
def test_a_length_that_no_client_should_send_counts_as_none(length: str) -> None:
    by_asgi, by_wsgi = Instruments("gitlab", strict=True), Instruments("gitlab", strict=True)
    headers = [(b"content-length", length.encode())]
    serve(ObserveASGI(answer(200, b"ok"), by_asgi), scope("GET", "/v2/", headers=headers))
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/", "CONTENT_LENGTH": length}
    wsgi_serve(ObserveWSGI(wsgi_answer("200 OK", b"ok"), by_wsgi), environ)
    for instruments in (by_asgi, by_wsgi):
        assert sample(instruments, http.REQUESTS) == 1
        assert sample(instruments, http.REQUEST_SIZE, part="sum") < 500


STRANGE = ("\u2603", "\ud800", "\x00", None)


@pytest.mark.parametrize("value", STRANGE)
@pytest.mark.parametrize(
    "name", ["HTTP_X", "HTTP_USER_AGENT", "HTTP_HOST", "CONTENT_TYPE", "PATH_INFO", "QUERY_STRING"]
)
def test_an_environ_that_no_server_should_make_breaks_no_request(name: str, value: str | None) -> None:
    if value is None and not name.startswith("HTTP_"):
        return
    instruments, lines = Instruments("gitlab", strict=True), LogLines()
    app = ObserveWSGI(LogWSGI(wsgi_answer("200 OK", b"ok"), lines), instruments)
    given = f"/v2/{value}/tags/list" if name == "PATH_INFO" else value
    body = wsgi_serve(app, {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/", name: given})
    assert body == b"ok"
    assert lines.only(msg="access")["status"] == 200
    assert lines.texts[0].encode()


@pytest.mark.parametrize("change", [{"path": "/v2/\ud800", "raw_path": None}, {"headers": [(b"user-agent", b"\xff")]}])
def test_a_scope_that_no_server_should_make_breaks_no_request(change: dict[str, Any]) -> None:
    lines = LogLines()
    sent = serve(ObserveASGI(LogASGI(answer(200, b"ok"), lines), Instruments("gitlab")), {**scope(), **change})
    assert b"ok" in [message.get("body") for message in sent]
    assert lines.only(msg="access")["status"] == 200
    assert lines.texts[0].encode()


def test_several_processes_survive_wrong_numbers_too(tmp_path: Any) -> None:
    instruments = Instruments("gitlab", directory=tmp_path / "shared")
    for value in NUMBERS:
        instruments[http.REQUESTS].child(**BLOB).inc(value)
        instruments[http.IN_FLIGHT].set(value)
        instruments[http.DURATION].child(**BLOB).observe(value)
    assert sample(instruments, instrument.ERRORS) == 3 * len(NUMBERS)
    assert b"regobs_instrument_errors_total" in instruments.render()


def test_a_wrong_use_inside_a_request_does_not_break_it() -> None:
    instruments = Instruments("gitlab")

    async def app(_: Any, receive: Any, send: Any) -> None:
        instruments["nope"].child(x=1).inc()  # type: ignore[index]
        instruments[gc.RUNS].child(nope=1).inc("x")
        with instruments[http.REQUESTS].child(**BLOB).time():  # a counter takes no time
            await answer(200, b"ok")(_, receive, send)

    sent = serve(ObserveASGI(app, instruments), scope("GET", "/v2/"))
    assert [message.get("body") for message in sent if message.get("body")] == [b"ok"]
    assert sample(instruments, http.REQUESTS, route="base", code="200") == 1

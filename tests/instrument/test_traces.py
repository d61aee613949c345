"""traceparent is read as the standard says, stands in both logs, and leads from a metric to a trace."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from regobs.catalog import gc, http, storage
from regobs.errors import InstrumentError
from regobs.instrument import Instruments, LogASGI, LogWSGI, ObserveASGI, ObserveWSGI
from regobs.instrument.app_log import RegistryFormatter
from regobs.instrument.core.traces import TraceContext, read_traceparent, trace_context
from regobs.testing import captured_lines
from tests.instrument.test_asgi import answer, scope, serve
from tests.instrument.test_wsgi import answer as wsgi_answer
from tests.instrument.test_wsgi import environ as wsgi_environ
from tests.instrument.test_wsgi import serve as wsgi_serve

TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
SAMPLED, UNSAMPLED = f"00-{TRACE}-{SPAN}-01", f"00-{TRACE}-{SPAN}-00"


@pytest.mark.parametrize(
    ("text", "sampled"),
    [(SAMPLED, True), (UNSAMPLED, False), (f"00-{TRACE}-{SPAN}-ff", True), (f"cc-{TRACE}-{SPAN}-01-more", True)],
)
def test_a_header_of_the_standard_is_read(text: str, sampled: bool) -> None:
    assert read_traceparent(text) == TraceContext(TRACE, SPAN, sampled)


@pytest.mark.parametrize(
    "text",
    [
        *("", "00", SAMPLED[:-1], SAMPLED + "-", SAMPLED + "0", SAMPLED.upper(), " " + SAMPLED, SAMPLED + "\n"),
        *(f"ff-{TRACE}-{SPAN}-01", f"00-{'0' * 32}-{SPAN}-01", f"00-{TRACE}-{'0' * 16}-01", f"cc-{TRACE}-{SPAN}-01x"),
        *(f"00-{TRACE}-{SPAN}-0g", f"00-{'٣' * 32}-{SPAN}-01", f"00_{TRACE}_{SPAN}_01"),
    ],
)
def test_whatever_the_standard_forbids_is_ignored(text: str) -> None:
    assert read_traceparent(text) is None


@given(st.text())
def test_no_text_breaks_the_reader(text: str) -> None:
    assert read_traceparent(text) is None or text[2] == "-"


@pytest.mark.parametrize("unit", ["0", "-", "00-", f"00-{TRACE}-", SAMPLED + "-"])
def test_the_length_of_the_header_does_not_count(unit: str) -> None:
    def spent(size: int) -> float:
        text = unit * (size // len(unit))
        best = 1.0
        for _ in range(3):
            before = time.thread_time()
            for _ in range(100):
                read_traceparent(text)
            best = min(best, time.thread_time() - before)
        return best

    assert spent(1_000_000) < 20 * spent(1_000) + 0.001


def by_asgi(instruments: Instruments, write: Any, headers: list[str]) -> None:
    async def app(given: Any, receive: Any, send: Any) -> None:
        logging.getLogger("registry.traces").info("inside")
        await answer(200, b"x")(given, receive, send)

    sent = [(b"traceparent", value.encode()) for value in headers]
    serve(ObserveASGI(LogASGI(app, write), instruments), scope(headers=sent))


def by_wsgi(instruments: Instruments, write: Any, headers: list[str]) -> None:
    def app(environ: Any, start: Any) -> Any:
        logging.getLogger("registry.traces").info("inside")
        yield from wsgi_answer("200 OK", b"x")(environ, start)

    further = {"HTTP_TRACEPARENT": ",".join(headers)} if headers else {}
    wsgi_serve(ObserveWSGI(LogWSGI(app, write), instruments), wsgi_environ(**further))


@pytest.mark.parametrize("serving", [by_asgi, by_wsgi])
@pytest.mark.parametrize(
    ("headers", "logged"), [([SAMPLED], True), ([UNSAMPLED], True), (["x"], False), ([], False), ([SAMPLED] * 2, False)]
)
def test_both_logs_name_the_trace_of_the_request(serving: Any, headers: list[str], logged: bool) -> None:
    with captured_lines("registry.traces") as inside:
        lines: list[str] = []
        serving(Instruments("gitlab"), lines.append, headers)
    wanted = {"trace_id": TRACE, "parent_span_id": SPAN} if logged else {}
    for line in (json.loads(lines[0]), json.loads(inside.texts[0])):
        assert {name: line[name] for name in ("trace_id", "parent_span_id") if name in line} == wanted
    assert trace_context.get() is None


def exemplars(instruments: Instruments) -> dict[str, set[str]]:
    """Trace ids by name of sample, as the reference parser of OpenMetrics reads them."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(instruments.render(openmetrics=True).decode()):  # type: ignore[no-untyped-call]
        for sample in family.samples:
            if sample.exemplar:
                found.setdefault(sample.name, set()).add(sample.exemplar.labels["trace_id"])
    return found


@pytest.mark.parametrize("serving", [by_asgi, by_wsgi])
def test_a_sampled_request_is_the_exemplar_of_its_series(serving: Any) -> None:
    instruments = Instruments("gitlab", exemplars=True)
    serving(instruments, print, [UNSAMPLED])
    assert exemplars(instruments) == {}
    serving(instruments, print, [SAMPLED])
    duration = f"{http.DURATION.name}_bucket"
    found = exemplars(instruments)
    assert found[http.REQUESTS.name] == found[duration] == {TRACE}
    assert b"trace_id" not in instruments.render()
    off = Instruments("gitlab")
    serving(off, print, [SAMPLED])
    assert exemplars(off) == {}


def test_the_last_trace_of_each_bucket_is_kept_and_no_more() -> None:
    running = ""
    instruments = Instruments("gitlab", exemplars=lambda: running)
    actions = instruments.histogram(storage.ACTIONS).child(driver="filesystem", action="Stat")
    for number in range(1, 1000):
        running = f"{number:032x}"
        actions.observe(0.002 if number % 2 else 100)
    found = exemplars(instruments)[f"{storage.ACTIONS.name}_bucket"]
    assert found == {f"{999:032x}", f"{998:032x}"}
    actions.observe(float("nan"))
    assert instruments.render(openmetrics=True).count(b"trace_id") == 2


@pytest.mark.parametrize("given_id", ["", "x" * 32, "4BF92F3577B34DA6A3CE929D0E0E4736", TRACE + "\n", None, 5])
def test_what_is_no_trace_id_is_left_out(given_id: Any) -> None:
    instruments = Instruments("gitlab", exemplars=lambda: given_id)
    instruments.counter(gc.RUNS).child(worker="blob", error=False, noop=True, dangling=False, event="").inc()
    assert exemplars(instruments) == {}


def test_a_reader_that_raises_costs_no_count() -> None:
    instruments = Instruments("gitlab", exemplars=lambda: str(1 // 0))
    counter = instruments.counter(gc.RUNS).child(worker="blob", error=False, noop=True, dangling=False, event="")
    counter.inc()
    assert counter.value == 1


def test_exemplars_of_several_processes_are_refused(tmp_path: Any) -> None:
    with pytest.raises(InstrumentError, match="of one process"):
        Instruments("gitlab", directory=tmp_path / "workers", exemplars=True)


def test_tasks_of_other_requests_do_not_see_the_trace() -> None:
    seen: list[TraceContext | None] = []

    async def one(context: TraceContext | None) -> None:
        trace_context.set(context)
        await asyncio.sleep(0)
        seen.append(trace_context.get())

    async def both() -> None:
        await asyncio.gather(one(TraceContext(TRACE, SPAN, sampled=True)), one(None))

    asyncio.run(both())
    assert [context is None for context in seen] == [False, True]
    assert RegistryFormatter({}).format(logging.makeLogRecord({"msg": "x"})).count("trace_id") == 0

from __future__ import annotations

import asyncio
import json
import logging
import sys
from typing import Any

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from regobs.instrument import LogASGI
from regobs.instrument.app_log import RegistryFormatter, RegistryRenderer, access_writer, level_name, log_context
from regobs.instrument.http.access_log import correlation_id
from regobs.testing import LogLines, captured_lines
from tests.instrument.test_asgi import answer, scope, serve

LOG = logging.getLogger("registry.gc.worker.BlobWorker")
DIGEST = f"sha256:{'0' * 64}"


def fail(error: Exception) -> None:
    raise error


def test_a_line_has_the_fields_of_the_registry_in_the_order_of_their_names() -> None:
    with captured_lines(static={"service": "registry", "version": "4.32.0"}) as lines:
        token = correlation_id.set("01ABC")
        LOG.info("blob deleted", extra={"digest": DIGEST, "duration_s": 0.25})
        correlation_id.reset(token)
    (line,) = lines
    names = ["component", "correlation_id", "digest", "duration_s", "level", "msg", "service", "time", "version"]
    assert list(line) == names
    assert (line["level"], line["msg"], line["correlation_id"]) == ("info", "blob deleted", "01ABC")
    assert (line["component"], line["digest"], line["duration_s"]) == (LOG.name, DIGEST, 0.25)
    lines.validate(strict=True)


def test_a_time_is_that_of_the_record() -> None:
    record = logging.makeLogRecord({"created": 1795432281.6459, "msg": "x", "levelname": "INFO"})
    assert json.loads(RegistryFormatter().format(record))["time"] == "2026-11-23T11:11:21.645Z"


@pytest.mark.parametrize(
    ("name", "word"),
    [
        *(("DEBUG", "debug"), ("INFO", "info"), ("WARNING", "warning"), ("WARN", "warning"), ("ERROR", "error")),
        *(("CRITICAL", "fatal"), ("Level 7", "info"), ("NOTSET", "trace"), ("exception", "error"), ("panic", "panic")),
    ],
)
def test_levels_are_spelled_as_the_registry_does(name: str, word: str) -> None:
    assert level_name(name) == word


def test_a_context_is_on_every_line_inside_its_block() -> None:
    renderer = RegistryRenderer()
    with captured_lines(LOG.name) as lines:
        with log_context(vars_name="a/b", root_repo="a", password="hunter22"):
            LOG.info("one")
            with log_context(vars_name="c"):
                LOG.info("two", extra={"root_repo": "d"})
            lines(renderer(None, "info", {"event": "three"}))
            asyncio.run(asyncio.to_thread(LOG.info, "four"))
        LOG.info("five")
    shown = [(line["msg"], line.get("vars_name"), line.get("root_repo")) for line in lines]
    assert shown == [
        ("one", "a/b", "a"),
        ("two", "c", "d"),
        ("three", "a/b", "a"),
        ("four", "a/b", "a"),
        ("five", None, None),
    ]
    assert "hunter22" not in "".join(lines.texts)


def test_an_exception_becomes_error_and_stack() -> None:
    with captured_lines() as lines:
        try:
            fail(OSError("can not reach redis://:hunter22@cache"))
        except OSError:
            LOG.exception("failed run", extra={"worker": LOG.name})
    line = lines.only(msg="failed run")
    assert (line["level"], line["error"]) == ("error", "can not reach redis://[FILTERED]@cache")
    assert line["stack"].startswith("Traceback (most recent call last):\n")
    assert "hunter22" not in lines.texts[0]


def test_arguments_are_put_in_and_ones_that_do_not_fit_lose_no_line() -> None:
    for text, args, expected in (("run %s", ("a",), "run a"), ("run %d", ("x",), "run %d ('x',)")):
        record = LOG.makeRecord(LOG.name, logging.INFO, "", 0, text, args, None)
        assert json.loads(RegistryFormatter().format(record))["msg"] == expected


def test_fields_of_the_base_are_not_overwritten() -> None:
    with captured_lines() as lines:
        LOG.info("x", extra={"level": "high", "time": 5, "component": "mine"})
    (line,) = lines
    assert (line["level"], line["fields.level"], line["fields.time"], line["component"]) == ("info", "high", 5, "mine")


def test_the_root_logger_is_no_component() -> None:
    with captured_lines() as lines:
        logging.getLogger().warning("x")
    assert set(lines[0]) == {"time", "level", "msg"}


@given(
    st.text(),
    st.dictionaries(
        st.text(min_size=1).map("x_".__add__),
        st.recursive(st.none() | st.booleans() | st.text() | st.floats() | st.integers() | st.binary(), st.lists),
    ),
)
def test_whatever_is_logged_is_one_line_of_json_that_can_be_written(text: str, fields: dict[str, Any]) -> None:
    record = logging.makeLogRecord({"msg": text, "levelname": "INFO", "name": "root", **fields})
    line = RegistryFormatter().format(record)
    line.encode()
    assert "\n" not in line
    assert set(json.loads(line)) >= {"time", "level", "msg"}


def test_access_lines_go_through_logging_as_they_are() -> None:
    with captured_lines(static={"service": "registry"}) as lines:
        serve(LogASGI(answer(200, b"x"), access_writer()), scope())
        LOG.info("no task available")
    assert "service" not in lines.only(msg="access")
    assert lines.only(msg="access")["status"] == 200
    assert lines.only(msg="no task available")["service"] == "registry"


def test_a_line_logged_inside_a_request_has_its_correlation_id() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        LOG.info("no task available")
        await answer(200, b"x")(scope, receive, send)

    with captured_lines() as lines:
        serve(LogASGI(app, access_writer()), scope())
    identity = lines.only(msg="access")["correlation_id"]
    assert lines.only(msg="no task available")["correlation_id"] == identity


@pytest.fixture
def events() -> Any:
    lines = LogLines()

    class Sink:
        def msg(self, text: str) -> None:
            lines(text)

        info = warning = error = critical = debug = exception = msg

    log = structlog.wrap_logger(
        Sink(),
        processors=[structlog.stdlib.add_log_level, RegistryRenderer({"service": "registry"})],
        wrapper_class=structlog.BoundLogger,
    )
    return log, lines


def test_structlog_writes_the_same_lines(events: Any) -> None:
    log, lines = events
    log.bind(worker="w").warning("run complete", duration_s=0.5, password="hunter22", logger="registry.gc.Agent")
    (line,) = lines
    line.pop("time")
    assert line == {
        "component": "registry.gc.Agent",
        "duration_s": 0.5,
        "level": "warning",
        "msg": "run complete",
        "password": "[FILTERED]",
        "service": "registry",
        "worker": "w",
    }


def test_structlog_without_any_other_processor(events: Any) -> None:
    line = json.loads(RegistryRenderer()(None, "critical", {"event": "x", "timestamp": "y", "level": "critical"}))
    assert (line["level"], line["msg"], "timestamp" in line) == ("fatal", "x", False)


@pytest.mark.parametrize("how", ["true", "error", "tuple", "false"])
def test_structlog_s_exceptions_become_error_and_stack(events: Any, how: str) -> None:
    log, lines = events
    try:
        fail(ValueError("no https://u:hunter22@h"))
    except ValueError as error:
        given = {"true": True, "error": error, "tuple": sys.exc_info(), "false": False}[how]
        log.warning("failed run", exc_info=given)
    assert "hunter22" not in lines.texts[0]
    assert ("error" in lines[0], "stack" in lines[0]) == ((how != "false"),) * 2


def test_access_lines_go_through_structlog_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    serve(LogASGI(answer(200, b"ok"), structlog.PrintLogger().msg), scope("GET", "/v2/"))
    lines = LogLines()
    lines(capsys.readouterr().out.rstrip("\n"))
    assert lines.only(msg="access")["written_bytes"] == 2
    lines.validate(strict=True)

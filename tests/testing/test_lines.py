from __future__ import annotations

import logging

import pytest

from regobs.catalog import build_info
from regobs.instrument import LogASGI
from regobs.testing import LogLines, captured_lines
from tests.instrument.test_asgi import answer, scope, serve


def test_access_lines_are_parsed_found_and_held_to_the_schema() -> None:
    lines = LogLines()
    app = LogASGI(answer(200, b"x"), lines)
    serve(app, scope())
    assert lines.only(msg="access")["status"] == 200
    lines.validate(strict=True)
    serve(app, scope())
    with pytest.raises(AssertionError, match="2 lines have"):
        lines.only(msg="access")
    with pytest.raises(AssertionError, match="0 lines have"):
        lines.only(msg="nothing")


def test_a_line_that_is_not_of_the_schema_fails() -> None:
    lines = LogLines()
    lines('{"level":"info","msg":"access","time":"2026-11-23T11:11:21.645Z","status":"200"}')
    with pytest.raises(AssertionError, match="status"):
        lines.validate()


@pytest.mark.parametrize("text", ["", "[]", "no", '{"a":1}\n{"b":2}', '{"a":\n1}'])
def test_what_is_no_line_fails(text: str) -> None:
    with pytest.raises(AssertionError, match="expected a line with one JSON object"):
        LogLines()(text)


def test_what_is_logged_is_captured_and_afterwards_no_more() -> None:
    log = logging.getLogger("registry.gc.worker.BlobWorker")
    with captured_lines(static={"service": "registry"}) as lines:
        log.debug("no task available")
        log.info("blob deleted", extra={"digest": f"sha256:{'0' * 64}", "duration_s": 0.5})
    log.info("later")
    assert [line["msg"] for line in lines] == ["no task available", "blob deleted"]
    assert lines.where(component="registry.gc.worker.BlobWorker", service="registry") == list(lines)
    assert lines.only(msg="blob deleted")["duration_s"] == 0.5
    assert build_info.BUILD.name not in str(lines)

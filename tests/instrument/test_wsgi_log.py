from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterable, Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import pytest

from regobs.instrument import LogWSGI, correlation_id
from regobs.testing import LogLines
from tests.instrument.test_access_log import REAL_KEYS


def request(**further: Any) -> dict[str, Any]:
    environ: dict[str, Any] = {"REMOTE_ADDR": "10.0.0.1", "REMOTE_PORT": "4711", "PATH_INFO": "/v2/a/manifests/t"}
    environ.update(further)
    setup_testing_defaults(environ)
    return environ


def ok(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"ab", b"c"]


def serve(app: Any, environ: dict[str, Any], parts: int = 99) -> bytes:
    body = app(environ, lambda status, headers, *error: lambda part: None)
    got = [part for part, _ in zip(body, range(parts), strict=False)]
    body.close()
    return b"".join(got)


def test_a_line_has_the_keys_of_the_real_registry_in_their_order_and_its_schema() -> None:
    lines = LogLines()
    assert serve(LogWSGI(ok, lines), request(HTTP_USER_AGENT="skopeo", QUERY_STRING="_state=hunter22&n=1")) == b"abc"
    (line,) = lines
    assert list(line) == REAL_KEYS
    assert (line["status"], line["written_bytes"], line["content_type"]) == (200, 3, "text/plain")
    assert (line["remote_addr"], line["remote_ip"]) == ("10.0.0.1:4711", "10.0.0.1")
    assert line["uri"] == "/v2/a/manifests/t?_state=[FILTERED]&n=1"
    lines.validate(strict=True)


def test_read_bytes_are_those_of_a_real_line() -> None:
    """A real HEAD of urllib was logged with read_bytes 203."""
    lines = LogLines()
    environ = request(
        REQUEST_METHOD="HEAD",
        PATH_INFO="/v2/group0/sub/proj0/manifests/t0",
        HTTP_ACCEPT_ENCODING="identity",
        HTTP_HOST="127.0.0.1:5055",
        HTTP_USER_AGENT="Python-urllib/3.11",
        HTTP_ACCEPT="application/vnd.oci.image.manifest.v1+json",
        HTTP_CONNECTION="close",
    )
    serve(LogWSGI(ok, lines), environ)
    assert lines[0]["read_bytes"] == 203


@pytest.mark.parametrize("how", ["read", "readline", "readlines", "iterate", "nothing"])
def test_the_body_of_a_request_is_counted_as_it_is_read(how: str) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        body = environ["wsgi.input"]
        _ = list(body) if how == "iterate" else getattr(body, how)() if how != "nothing" else None
        return ok(environ, start_response)

    sizes = []
    for data in (b"", b"x" * 99 + b"\n"):
        lines = LogLines()
        serve(LogWSGI(app, lines), request(**{"wsgi.input": io.BytesIO(data)}))
        sizes.append(lines[0]["read_bytes"])
    assert sizes[1] - sizes[0] == (0 if how == "nothing" else 100)


@pytest.mark.parametrize("propagate", [True, False])
def test_a_correlation_id_is_taken_from_the_request_only_when_it_is_trusted(propagate: bool) -> None:
    seen = []

    def app(environ: dict[str, Any], start_response: Any) -> Iterator[bytes]:
        seen.append((correlation_id.get(), environ["HTTP_X_REQUEST_ID"]))
        start_response("200 OK", [])
        yield b"x"

    lines = LogLines()
    serve(LogWSGI(app, lines, propagate=propagate), request(HTTP_X_REQUEST_ID="from-outside"))
    assert seen == [(lines[0]["correlation_id"],) * 2]
    assert (lines[0]["correlation_id"] == "from-outside") is propagate
    assert correlation_id.get() == ""


@pytest.mark.parametrize("late", [True, False])
def test_an_application_that_raises_is_logged_with_500_as_it_is_counted(late: bool) -> None:
    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not late:
            raise ZeroDivisionError
        start_response("200 OK", [])
        return (1 // 0 for _ in range(1))  # type: ignore[misc]

    lines = LogLines()
    with pytest.raises(ZeroDivisionError):
        serve(LogWSGI(app, lines), request())
    assert [line["status"] for line in lines] == [500]


def test_a_client_that_leaves_is_logged_once_when_the_server_closes() -> None:
    closed = []

    class Body:
        def __iter__(self) -> Iterator[bytes]:
            return iter([b"ab", b"c"])

        def close(self) -> None:
            closed.append(True)

    def app(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        start_response("200 OK", [])(b"by write")
        return Body()

    lines = LogLines()
    assert serve(LogWSGI(app, lines), request(), parts=0) == b""
    assert (closed, len(lines)) == ([True], 1)
    assert lines[0]["written_bytes"] == len("by write") + 2  # zip had taken one part


def test_a_log_that_can_not_be_written_does_not_break_the_request(caplog: pytest.LogCaptureFixture) -> None:
    def write(text: str) -> None:
        raise OSError

    with caplog.at_level(logging.WARNING, "regobs.instrument"):
        assert serve(LogWSGI(ok, write), request()) == b"abc"
    assert [record.message for record in caplog.records] == ["an access log line was lost"]


def test_a_header_of_cloudflare_and_the_first_forwarded_address_are_shown_and_no_other_header() -> None:
    lines = LogLines()
    environ = request(HTTP_CF_RAY="r", HTTP_X_FORWARDED_FOR="1.2.3.4, 5.6.7.8", HTTP_AUTHORIZATION="Bearer hunter22")
    serve(LogWSGI(ok, lines), environ)
    assert (lines[0]["CF-RAY"], lines[0]["remote_ip"]) == ("r", "1.2.3.4")
    assert "hunter22" not in json.dumps(lines[0])

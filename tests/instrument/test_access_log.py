from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.instrument.access_log import LogASGI, correlated, correlation_id, new_correlation_id, timestamp
from regobs.instrument.asgi import Receive, Scope, Send
from tests.instrument.test_asgi import answer, scope, serve

# Keys of the lines of GitLab registry 4.32.0 in the order in which they stand there.
REAL_KEYS = [
    *("content_type", "correlation_id", "duration_ms", "host", "level", "method", "msg", "proto", "read_bytes"),
    *("referrer", "remote_addr", "remote_ip", "status", "system", "time", "ttfb_ms", "uri", "user_agent"),
    "written_bytes",
]


def line(one: dict[str, Any], app: Any = None, **options: Any) -> dict[str, Any]:
    lines: list[str] = []
    serve(LogASGI(app or answer(200, b"x" * 30), lines.append, **options), one)
    (text,) = lines
    found: dict[str, Any] = json.loads(text)
    return found


def test_a_line_has_the_keys_of_the_real_registry_in_their_order() -> None:
    assert list(line(scope())) == REAL_KEYS


def test_read_bytes_are_those_of_a_real_line() -> None:
    """A real HEAD of urllib was logged with read_bytes 203."""
    headers = [
        (b"accept-encoding", b"identity"),
        (b"host", b"127.0.0.1:5055"),
        (b"user-agent", b"Python-urllib/3.11"),
        (b"accept", b"application/vnd.oci.image.manifest.v1+json"),
        (b"connection", b"close"),
    ]
    assert line(scope("HEAD", "/v2/group0/sub/proj0/manifests/t0", headers=headers))["read_bytes"] == 203


def test_bodies_are_counted_both_ways() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await answer(201, b"x" * 30)(scope, receive, send)

    lines: list[str] = []
    one = scope("PUT", headers=[])
    empty = line(one)["read_bytes"]
    serve(LogASGI(app, lines.append), scope("PUT", headers=[]), [{"type": "http.request", "body": b"y" * 1000}])
    found = json.loads(lines[0])
    assert (found["read_bytes"], found["written_bytes"], found["status"]) == (empty + 1000, 30, 201)


def test_an_application_that_raises_is_logged_with_status_0() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    lines: list[str] = []
    with pytest.raises(ZeroDivisionError):
        serve(LogASGI(app, lines.append), scope())
    assert json.loads(lines[0])["status"] == 0


def test_a_client_that_leaves_before_the_answer_is_logged_with_499() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass
        await answer(500)(scope, receive, send)

    assert line(scope("PATCH"), app)["status"] == 499


def test_what_is_logged_in_the_background_has_one_id_for_each_block() -> None:
    with correlated() as outer:
        assert correlation_id.get() == outer
        with correlated("01ABC") as inner:
            assert (correlation_id.get(), inner) == ("01ABC", "01ABC")
        assert correlation_id.get() == outer
    assert correlation_id.get() == ""
    with correlated() as another:
        assert another != outer


@pytest.mark.parametrize("propagate", [True, False])
def test_a_correlation_id_is_taken_from_the_request_only_when_it_is_trusted(propagate: bool) -> None:
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append((correlation_id.get(), dict(scope["headers"])[b"x-request-id"].decode()))
        await answer(200)(scope, receive, send)

    found = line(scope(headers=[(b"x-request-id", b"from-outside")]), app, propagate=propagate)
    assert seen == [(found["correlation_id"], found["correlation_id"])]
    assert (found["correlation_id"] == "from-outside") is propagate
    assert correlation_id.get() == ""


@pytest.mark.parametrize("given_id", [b"", b"a b", b"x" * 129, b'"}\n', b"\xff"])
def test_an_id_that_is_none_is_replaced(given_id: bytes) -> None:
    found = line(scope(headers=[(b"x-request-id", given_id)]), propagate=True)
    assert len(found["correlation_id"]) == 26


def test_ids_are_ulids_that_sort_by_time() -> None:
    first = new_correlation_id()
    assert len(first) == 26
    assert first[0] in "01234567"
    assert set(first) <= set("0123456789ABCDEFGHJKMNPQRSTVWXYZ")
    assert len({new_correlation_id() for _ in range(1000)}) == 1000


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1795432281.6459, "2026-11-23T11:11:21.645Z"),
        (0.9999, "1970-01-01T00:00:00.999Z"),
    ],
)
def test_a_time_is_utc_with_milliseconds_cut_off(seconds: float, text: str) -> None:
    assert timestamp(seconds) == text


def test_a_log_that_can_not_be_written_does_not_break_the_request(caplog: pytest.LogCaptureFixture) -> None:
    def write(text: str) -> None:
        raise OSError

    with caplog.at_level(logging.WARNING, "regobs.instrument"):
        sent = serve(LogASGI(answer(200, b"x"), write), scope())
    assert sent[0]["status"] == 200
    assert [record.message for record in caplog.records] == ["an access log line was lost"]


@given(st.text(alphabet="abcdefghijkSECRET0123456789_-", min_size=8, max_size=40))
def test_no_header_but_the_named_ones_and_no_state_reaches_a_line(secret: str) -> None:
    secret = f"Zz{secret}"
    headers = [
        (name, secret.encode())
        for name in (b"authorization", b"cookie", b"x-registry-auth", b"proxy-authorization", b"private-token")
    ]
    headers.append((b"referer", f"https://u:{secret}@h/?X-Amz-Signature={secret}".encode()))
    found = line(scope(headers=headers, query_string=f"_state={secret}&sig={secret}".encode()))
    assert secret not in json.dumps(found)


def test_what_is_no_http_is_not_logged() -> None:
    lines: list[str] = []
    seen = []

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope["type"])

    serve(LogASGI(app, lines.append), {"type": "lifespan"})
    assert (seen, lines) == (["lifespan"], [])

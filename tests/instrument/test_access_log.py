from __future__ import annotations

import json
import logging
from http import HTTPStatus
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.instrument.http.access_log import LogASGI, correlated, correlation_id, new_correlation_id, timestamp
from regobs.instrument.http.asgi import Receive, Scope, Send
from regobs.secrets import redacted_text, redacted_uri
from tests.examples import examples
from tests.instrument.test_asgi import answer, scope, serve

# Keys of the lines of GitLab registry 4.32.0 in the order in which they stand there.
REAL_KEYS = [
    *("content_type", "correlation_id", "duration_ms", "host", "level", "method", "msg", "proto", "read_bytes"),
    *("referrer", "remote_addr", "remote_ip", "status", "system", "time", "ttfb_ms", "uri", "user_agent"),
    "written_bytes",
]


def line(one: dict[str, Any], app: Any = None, *, leaves: bool = False, **options: Any) -> dict[str, Any]:
    lines: list[str] = []
    serve(LogASGI(app or answer(200, b"x" * 30), lines.append, **options), one, leaves=leaves)
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


def test_an_application_that_raises_is_logged_with_the_500_that_the_server_sends() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        raise ZeroDivisionError

    lines: list[str] = []
    with pytest.raises(ZeroDivisionError):
        serve(LogASGI(app, lines.append), scope())
    assert json.loads(lines[0])["status"] == 500


def test_a_client_that_leaves_before_the_answer_is_logged_with_499() -> None:
    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive())["type"] == "http.request":
            pass
        await answer(500)(scope, receive, send)

    assert line(scope("PATCH"), app, leaves=True)["status"] == 499


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


_VALUE = st.binary(max_size=40) | st.sampled_from(
    (
        b'docker/27 "x" \\ y',
        b"https://u:pw@h/?token=hunter2&n=1",
        b"1.2.3.4, 5.6.7.8",
        b"\\ud83d\x00\x1b[31m",
        b"%s %d {x}",
    )
)
_SENT = st.lists(
    st.tuples(st.sampled_from((b"host", b"user-agent", b"referer", b"x-forwarded-for", b"cf-ray", b"accept")), _VALUE),
    max_size=8,
)


@given(
    _SENT,
    st.sampled_from(("GET", "HEAD", 'GL"PAT', "password=hunter2")),
    st.sampled_from((b"/v2/", b"/v2/a/blobs/sha256:" + b"ab" * 32, b"/v2/u:hunter2@h", b'/"\\\x00\xff')),
    st.sampled_from((b"", b"n=5", b"_state=hunter2", b'"=\\')),
    st.sampled_from((None, ("10.0.0.1", 44276), ["::1", 1], ('u:hunter2@h"x', 5), ("/run/x.sock", None))),
)
@settings(max_examples=examples(500), deadline=None)
def test_a_line_is_json_in_order_and_says_what_came_without_its_secrets(
    headers: list[tuple[bytes, bytes]], method: str, path: bytes, query: bytes, client: Any
) -> None:
    one = scope(method, raw_path=path, query_string=query, headers=headers) | {"client": client}
    lines: list[str] = []
    serve(LogASGI(answer(200), lines.append), one)
    found = json.loads(lines[0])
    assert list(found) == sorted(found)
    assert "hunter2" not in lines[0]

    def shown(text: str) -> str:
        return redacted_text(text).encode("utf-8", "replace").decode()

    said = {name: value.decode("latin-1") for name, value in headers}
    address, port = client or ("", 0)
    first = said.get(b"x-forwarded-for", "").partition(",")[0].strip(" \t\r\n\v\f")
    expected = {
        "host": shown(said.get(b"host", "")),
        "user_agent": shown(said.get(b"user-agent", "")),
        "referrer": shown(redacted_uri(said.get(b"referer", ""))),
        "remote_ip": shown(first) or shown(address),
        "remote_addr": f"{shown(address)}:{port}",
        "method": shown(method),
        "uri": shown(redacted_uri(path.decode("latin-1") + (f"?{query.decode()}" if query else ""))),
    }
    if b"cf-ray" in said:
        expected["CF-RAY"] = shown(said[b"cf-ray"])
    assert {name: found.get(name) for name in expected} == expected
    target = len(method) + len(path) + (len(query) + 1 if query else 0)
    assert found["read_bytes"] == target + 12 + sum(len(name) + len(value) + 4 for name, value in headers) + 2


@pytest.mark.parametrize(
    ("status", "told"),
    [
        (HTTPStatus.NOT_FOUND, 404), (200.0, 200), (200.5, -1), (float("nan"), -1), (10**5000, -1), (-7, -1),
        ("200", -1), (None, -1), (object(), -1),
    ],
    ids=["enum", "float", "fraction", "nan", "huge", "negative", "text", "none", "object"],
)  # fmt: skip
def test_a_status_of_any_type_is_a_number_in_the_line(status: Any, told: int) -> None:
    assert line(scope(), answer(status))["status"] == told

"""What a client says in a request is masked in the access log of both kinds of servers."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from regobs.instrument import LogASGI, LogWSGI
from regobs.instrument.http.access_log import access_uri, json_text
from regobs.secrets import redacted_text, redacted_uri
from tests.examples import examples
from tests.secrets import leaks
from tests.secrets.shapes import PIECES

TOKEN = f"glpat-{leaks.BODY[:20]}"
HEADERS = ("host", "user-agent", "referer", "x-forwarded-for", "cf-ray")
VALUES = (
    TOKEN,
    f"https://u:{leaks.BODY}@h/",
    f"https://h/?token={leaks.BODY}",
    f"Bearer {leaks.BODY}",
    f"password={leaks.BODY}",
    f"x {TOKEN} y",
    f"https://h/{TOKEN}/x",
)
PATHS = (
    f"/v2/{TOKEN}/tags/list",
    f"/v2/u:{leaks.BODY}@h",
    f"/v2/a%3Ftoken={leaks.BODY}",
    f"/v2/a/password={leaks.BODY}",
)


def by_asgi(path: str, query: str, headers: dict[str, str]) -> str:
    lines: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def receive() -> Any:
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        pass

    scope: dict[str, Any] = {"type": "http", "method": "GET", "path": path, "raw_path": path.encode()}
    scope |= {"query_string": query.encode(), "headers": [(n.encode(), v.encode()) for n, v in headers.items()]}
    asyncio.run(LogASGI(app, lines.append)(scope, receive, send))
    return lines[0]


def by_wsgi(path: str, query: str, headers: dict[str, str]) -> str:
    lines: list[str] = []

    def app(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b""]

    environ: dict[str, Any] = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_ADDR": "::1"}
    environ |= {f"HTTP_{name.upper().replace('-', '_')}": value for name, value in headers.items()}
    answer = LogWSGI(app, lines.append)(environ, lambda *_: lambda _part: None)
    list(answer)
    answer.close()  # type: ignore[attr-defined]
    return lines[0]


SERVERS = pytest.mark.parametrize("server", [by_asgi, by_wsgi])


@SERVERS
@pytest.mark.parametrize("value", VALUES)
def test_no_secret_in_a_header_is_in_the_line(server: Any, value: str) -> None:
    for name in HEADERS:
        line = server("/v2/", "", {name: value})
        assert leaks.BODY[:16] not in line
        assert "[FILTERED]" in line


@SERVERS
@pytest.mark.parametrize("path", PATHS)
def test_no_secret_in_a_path_is_in_the_line(server: Any, path: str) -> None:
    assert leaks.BODY[:16] not in server(path, "", {})


@SERVERS
def test_no_secret_in_a_query_is_in_the_line(server: Any) -> None:
    for query in (f"_state={leaks.BODY}", f"n=1&x={leaks.BODY}", leaks.BODY, f"last={TOKEN}"):
        assert leaks.BODY[:16] not in server("/v2/_catalog", query, {})


@SERVERS
def test_what_is_no_secret_is_in_the_line_as_it_is(server: Any) -> None:
    headers = {
        "host": "registry.example.com:5000",
        "user-agent": "docker/24.0.7 go/go1.20.10 os/linux UpstreamClient(Docker-Client/24.0.7 \\(linux\\))",
        "referer": "https://registry.example.com/v2/",
        "x-forwarded-for": "2001:db8::1",
    }
    line = json.loads(server("/v2/group/app/tags/list", "n=5&last=v1", headers))
    assert line["host"] == headers["host"]
    assert line["user_agent"] == headers["user-agent"]
    assert line["referrer"] == headers["referer"]
    assert line["remote_ip"] == headers["x-forwarded-for"]
    assert line["uri"] == "/v2/group/app/tags/list?n=5&last=v1"


@SERVERS
def test_a_very_long_header_is_cut(server: Any) -> None:
    line = server("/v2/", "", {"user-agent": "://" * 400_000 + "@"})
    assert len(line) < 40_000
    assert "...[cut, 1200001 characters]" in line


def test_a_line_is_written_whatever_its_values_are() -> None:
    assert json_text({"b": 1, "a": "x"}) == '{"a":"x","b":1}'
    assert json_text({"a": "\ud83d"}) == '{"a":"?"}'
    assert json_text({"a": 2**70}) == f'{{"a":{2**70}}}'


# What stands before the digest of a request: names, parts of other URIs, and what masking looks for.
_BEFORE = st.lists(
    st.sampled_from(("/v2/", "group/", "app", "/blobs/", "/manifests/", "?digest=", "&_state=", "?n=5&", ":", "sha256"))
    | st.sampled_from(PIECES)
    | st.text(max_size=5),
    max_size=8,
).map("".join)
_DIGITS = st.text("0123456789abcdef", min_size=64, max_size=64) | st.sampled_from(
    ("5432" + "a" * 60, "6432" + "0" * 60, "eeee" * 16, "00" * 32, "A" * 64, "deadbeef" * 8)
)
_BEHIND = st.sampled_from(("", "", "", "/", "?", "&x=y", "a", "@", " "))


@given(_BEFORE, st.sampled_from(("sha256:", "sha256%3A", "sha512:", ":", "@sha256:", "=sha256:")), _DIGITS, _BEHIND)
@example("/v2/a/blobs/uploads/1?_state=", "sha256:", "ab" * 32, "")
@example("/v2/u:p@h/blobs/", "sha256:", "ab" * 32, "")
@example("postgres://u:", "sha256:", "5432" + "a" * 60, "")
@settings(max_examples=examples(1500), deadline=None)
def test_the_quick_way_of_a_request_uri_masks_what_the_plain_way_masks(
    before: str, kind: str, digits: str, behind: str
) -> None:
    uri = f"{before}{kind}{digits}{behind}"
    plain = redacted_text(redacted_uri(uri))
    assert access_uri(uri) == plain
    assert access_uri(uri) == plain, "remembered"
    other = f"{before}{kind}{digits[::-1]}{behind}"
    assert access_uri(other) == redacted_text(redacted_uri(other)), "of the same repository"

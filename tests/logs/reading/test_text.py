from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.fields import DISTRIBUTION_FIELDS, FIELDS
from regobs.logs.reading.text import combined, logfmt, nanoseconds, standard

ACCESS = '127.0.0.1 - - [23/Nov/2026:23:36:39 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "python-requests/2.34.2"'


def test_logfmt_becomes_fields_with_the_types_of_the_catalogue() -> None:
    line = 'time="2026-11-23T23:36:39Z" level=info msg="a \\"b\\"\\n" http.response.status=200 vars.name=demo/x'
    assert logfmt(line, DISTRIBUTION_FIELDS) == {
        "time": "2026-11-23T23:36:39Z",
        "level": "info",
        "msg": 'a "b"\n',
        "http.response.status": 200,
        "vars.name": "demo/x",
    }


def test_a_field_of_text_stays_text_when_it_looks_like_a_number() -> None:
    assert logfmt("vars.reference=1 version=2.0", DISTRIBUTION_FIELDS) == {"vars.reference": "1", "version": "2.0"}


def test_a_quoted_number_and_one_that_is_none_stay_text_so_that_validation_sees_them() -> None:
    fields = DISTRIBUTION_FIELDS
    assert logfmt('http.response.status="200"', fields) == {"http.response.status": "200"}
    assert logfmt("http.response.status=many", fields) == {"http.response.status": "many"}
    assert logfmt("redirect=true size_bytes=1e3", FIELDS) == {"redirect": True, "size_bytes": 1000.0}


def test_a_duration_of_a_field_in_nanoseconds_becomes_that_number() -> None:
    assert logfmt('trace.duration="55.474µs"', DISTRIBUTION_FIELDS) == {"trace.duration": 55474}
    assert logfmt("trace.duration=1.5ms", DISTRIBUTION_FIELDS) == {"trace.duration": 1_500_000}
    assert logfmt("http.response.duration=1.5ms", DISTRIBUTION_FIELDS) == {"http.response.duration": "1.5ms"}


def test_what_go_prints_of_a_list_and_a_time_becomes_one() -> None:
    line = 'auth_project_paths="[a/b c]" trusted_issuers="[]" created_at="2026-11-29 00:05:38.265225 +0100 CET m=+3.02"'
    assert logfmt(line, FIELDS) == {
        "auth_project_paths": ["a/b", "c"],
        "trusted_issuers": [],
        "created_at": "2026-11-29T00:05:38.265225+01:00",
    }
    assert logfmt('created_at="yesterday" auth_project_paths="a b"', FIELDS) == {
        "created_at": "yesterday",
        "auth_project_paths": "a b",
    }


@pytest.mark.parametrize("line", ["", "text", "a=1 text", 'a="open', "=1", 'a="x"b=1', "goroutine 1 [running]:"])
def test_what_is_no_logfmt_is_nothing(line: str) -> None:
    assert logfmt(line, FIELDS) is None


@given(st.dictionaries(st.from_regex(r"[a-z][a-z._]{0,10}", fullmatch=True), st.text(), min_size=1))
def test_logfmt_reads_back_what_go_would_quote(pairs: dict[str, str]) -> None:
    line = " ".join(f"{name}={json.dumps(value)}" for name, value in pairs.items())
    expected = {name: "".join(letter if ord(letter) < 0x10000 else "\ufffd\ufffd" for letter in value)
                for name, value in pairs.items()}  # JSON writes those as two surrogates, Go as \\U  # fmt: skip
    assert logfmt(line, {}) == expected


@given(st.text())
def test_no_text_makes_a_reader_of_lines_fail(line: str) -> None:
    for found in (logfmt(line, FIELDS), combined(line), standard(line)):
        assert found is None or found


def test_an_access_line_of_the_combined_form_becomes_named_fields() -> None:
    assert combined(ACCESS) == {
        "remote_ip": "127.0.0.1",
        "time": "2026-11-23T23:36:39+00:00",
        "method": "GET",
        "uri": "/v2/",
        "proto": "HTTP/1.1",
        "status": 200,
        "written_bytes": 2,
        "referrer": "",
        "user_agent": "python-requests/2.34.2",
    }


def test_an_access_line_keeps_its_user_and_unquotes_its_agent() -> None:
    found = combined(ACCESS.replace("- - [", "- jane [").replace("python", 'a \\"b\\" \\x41'))
    assert found is not None
    assert (found["auth_user_name"], found["user_agent"]) == ("jane", 'a "b" A-requests/2.34.2')


@pytest.mark.parametrize(
    "line",
    [
        ACCESS[:-1],
        ACCESS.replace("Nov", "Now"),
        ACCESS.replace("23/Nov", "31/Nov"),
        ACCESS.replace(" 200 ", " ok "),
        ACCESS + ' "more',
        ACCESS + ' a="b',
        ACCESS + ' a="b"c',
    ],
)
def test_an_access_line_that_is_cut_or_changed_is_none(line: str) -> None:
    assert combined(line) is None


@pytest.mark.parametrize(
    ("request_line", "asked"),
    [
        ("GET /v2/ HTTP/1.1", ("GET", "/v2/", "HTTP/1.1")),
        ("GET /v2/", ("GET", "/v2/", None)),
        ("-", (None, None, None)),
        ("", (None, "", None)),
        ("GET", (None, "GET", None)),
        (r"\x16\x03\x01", (None, "\x16\x03\x01", None)),
        (r"\x16\x03 \x01", (None, "\x16\x03 \x01", None)),
    ],
)
def test_a_request_that_a_proxy_could_not_read_is_an_access_line_all_the_same(
    request_line: str, asked: tuple[str | None, ...]
) -> None:
    found = combined(ACCESS.replace("GET /v2/ HTTP/1.1", request_line))
    assert found is not None
    assert tuple(found.get(name) for name in ("method", "uri", "proto")) == asked
    assert found["status"] == 200


def test_a_line_of_the_standard_logger_has_time_and_text() -> None:
    assert standard("2026/11/23 23:36:37 http: TLS handshake error") == {
        "time": "2026-11-23T23:36:37",
        "msg": "http: TLS handshake error",
    }
    assert standard("2026/11/23 http: TLS handshake error") is None


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("0s", 0), ("0", 0), ("1ns", 1), ("1.5µs", 1500), ("2us", 2000), ("1m2.5s", 62_500_000_000),
        ("-3ms", -3_000_000), ("1h0m0s", 3_600_000_000_000), ("", None), ("-", None), ("5", None), ("1x", None),
        ("s", None), ("1s ", None),
    ],
)  # fmt: skip
def test_a_go_duration_in_nanoseconds(duration: str, expected: int | None) -> None:
    assert nanoseconds(duration) == expected


@pytest.mark.parametrize("printed", ["{bob build eyJh}", "&{bob build eyJh}", "map[name:bob]", "{}", "map[]"])
def test_an_object_that_go_printed_stays_an_object(printed: str) -> None:
    assert logfmt(f'level=info auth_user="{printed}"', FIELDS) == {"level": "info", "auth_user": {"text": printed}}


@pytest.mark.parametrize("text", ["", "bob", "{bob", "bob}", "<nil>"])
def test_what_is_no_printed_object_stays_text(text: str) -> None:
    assert logfmt(f'auth_user="{text}"', FIELDS) == {"auth_user": text}

"""No way of asking shows an upload state or a credential, however it is written."""

from __future__ import annotations

import json
import string
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from regobs.logs.answer import as_csv, as_json, as_table
from regobs.logs.duckdb.cache import Place
from regobs.logs.duckdb.masked_lines import suspect
from regobs.logs.duckdb.run import run_all
from regobs.logs.fields import FIELDS
from regobs.logs.kql.bind import condition
from regobs.logs.lines_shown import followed, trace_as_json, trace_as_text
from regobs.logs.query import ByTerms, MetricKind, Query, QueryMetric
from regobs.logs.reading.tail import Written
from regobs.logs.redact import masked
from regobs.logs.to_python import holds
from regobs.logs.trace import trace
from tests.examples import examples

ID = "01M841NX3F1YD0RWPVN1HSJSFS"
SECRET = st.text(string.ascii_letters + string.digits, min_size=12, max_size=40).map(lambda text: f"Zq9{text}")
# Letters that a query may hold and that end a value for a reader who is not careful.
INSIDE = st.sampled_from(["", "'", "!", "*", "~", "=", "==", "%3D", "%26", ".", "/", "+", ",", "$", "(", ")", ":", "@"])


@st.composite
def uris(draw: st.DrawFn, secret: str) -> str:
    name = draw(
        st.sampled_from(["_state", "_STATE", "%5Fstate", "%5fst%61te", "x-amz-signature", "token", "Signature"])
    )
    before = draw(st.sampled_from(["?", "?digest=sha256:ab&", "?n=1&last=x&", "?&", "?a&"]))
    after = draw(st.sampled_from(["", "&n=1", "#top"]))
    return f"/v2/a/blobs/uploads/1{before}{name}={secret[:6]}{draw(INSIDE)}{secret[6:]}{after}"


@st.composite
def records(draw: st.DrawFn) -> tuple[str, dict[str, object]]:
    secret = draw(SECRET)
    uri = draw(uris(secret))
    where = draw(st.sampled_from(["uri", "url", "http.request.uri", "referrer", "msg", "error", "detail"]))
    text = {
        "referrer": f"https://registry.example{uri}",
        "msg": draw(st.sampled_from([f"upload at {uri} failed", f"Authorization: Bearer {secret}"])),
        "error": draw(st.sampled_from([f'Put "https://s3.example{uri}": EOF', f"password={secret} refused"])),
    }
    value: object = {"location": f"https://x{uri}", "token": secret} if where == "detail" else text.get(where, uri)
    return secret, {"time": "2026-11-23T11:05:00Z", "written_bytes": 1, "correlation_id": ID, where: value}


@given(records())
@settings(max_examples=examples(40), deadline=None)
def test_no_part_of_a_secret_is_in_an_answer_a_trace_or_a_tail(made: tuple[str, dict[str, object]]) -> None:
    secret, record = made
    line = json.dumps(record).encode() + b"\n"
    shown_fields = tuple(FIELDS[name] for name in ("uri", "referrer", "msg", "error", "detail"))
    count = (QueryMetric("n", MetricKind.COUNT),)
    queries = [
        Query("lines", columns=shown_fields),
        Query("uris", groups=(ByTerms("uri", FIELDS["uri"], missing=True),), metrics=count),
        Query("messages", groups=(ByTerms("error", FIELDS["error"], missing=True),), metrics=count),
    ]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_bytes(line)
        answers = run_all(queries, [str(path)])
        found = trace(ID, [str(path)])
    written = [Written("a.log", line.strip())]
    fits = holds(condition(""))
    tails = [
        list(followed(written, fits, {}, as_json=as_json_lines, strict=False, named=False))
        for as_json_lines in (False, True)
    ]
    assert len(found.events) == 1
    shown = [*(show(answer) for answer in answers for show in (as_table, as_csv, as_json))]
    shown += [trace_as_text(found), trace_as_json(found), *tails[0], *tails[1]]
    for text in shown:
        assert secret[:6] not in text
        assert secret[6:] not in text


@given(st.lists(records(), min_size=20, max_size=40))
@settings(max_examples=4, deadline=None)
def test_no_part_of_a_secret_is_in_a_copy_which_shows_the_lines_as_the_log_does(
    made: list[tuple[str, dict[str, object]]],
) -> None:
    lines = Query("lines", columns=tuple(FIELDS[name] for name in ("uri", "referrer", "msg", "error", "detail")))
    parts = Query(
        "parts", groups=(ByTerms("part", FIELDS["uri"], part=2),), metrics=(QueryMetric("n", MetricKind.COUNT),)
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.log"
        path.write_text("".join(json.dumps(record) + "\n" for _, record in made))
        from_log = run_all([lines, parts], [str(path)])
        from_copy = [run_all([lines, parts], [str(path)], cache=Place.BESIDE) for _ in range(2)]
        (copy,) = Path(folder).glob(".*.parquet")
        held = str(duckdb.connect().execute("SELECT * FROM read_parquet($1)", [str(copy)]).fetchall())
    assert "uploads" in held
    for secret, _ in made:
        assert secret[:6] not in held
        assert secret[6:] not in held
    for answers in from_copy:
        assert sorted(map(str, answers[0].rows)) == sorted(map(str, from_log[0].rows))
        assert answers[1] == from_log[1]


PIECES = st.sampled_from(
    [
        *"?&;=:#@/ \n\t,\"'.{}[]-%\\+",
        *("&amp;", "\\u0026", "://", "//u:p@h", "bearer ", "Basic: ", "auth", "'auth': ", "token", "realm", "--user "),
        *(
            "Authorization",
            ": ",
            "cookie=",
            "_state=",
            "%5fstate=",
            "sig=",
            "password",
            "X-Amz-Date=",
            "digest=",
            "pass",
        ),
        *("eyJabc.def", "glpat-0123456789abcdefgh", "last=x", "name_exact", "abc", "7", "sha256:ab", "a%40b", "n=10"),
        *(
            "\u00a0",
            "\u200b",
            "\uff42\uff45arer x",
            "api_key",
            "accesskey",
            "pwd ",
            "credential",
            "-----BEGIN PRIVATE KEY-----",
        ),
        *(
            "secret",
            "signature",
            "passphrase",
            "private-key",
            "google_access_id",
            "-u ",
            "bea\\x72er x",
            "\x00",
            "\\nx",
        ),
    ]
)


@given(st.lists(st.lists(PIECES, max_size=10).map("".join), min_size=1, max_size=30))
@settings(max_examples=examples(200), suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_the_database_suspects_every_text_that_is_changed_by_masking(
    connection: duckdb.DuckDBPyConnection, texts: list[str]
) -> None:
    found = [
        connection.execute(
            f"SELECT {suspect([FIELDS[name]])} FROM (SELECT unnest($1::VARCHAR[]) AS {name})",  # noqa: S608 - a name
            [texts],
        ).fetchall()
        for name in ("msg", "uri")
    ]
    for text, (in_msg,), (in_uri,) in zip(texts, *found, strict=True):
        assert in_msg or masked(text, "msg") == text
        assert in_uri or masked(text, "uri") == text


@pytest.fixture(scope="module")
def connection() -> duckdb.DuckDBPyConnection:
    """A connection of its own."""
    return duckdb.connect()


@pytest.mark.parametrize(
    "text",
    [
        "access",
        "/v2/group/project/blobs/sha256:ab",
        "10.1.2.3:44276",
        "[2001:db8::1]:44276",
        "docker/24.0.7 go/go1.20.10 os/linux UpstreamClient(Docker-Client/24.0.7 \\(linux\\))",
        "containers/5.34 (github.com/containers/image)",
    ],
)
def test_what_most_lines_hold_is_not_suspected(connection: duckdb.DuckDBPyConnection, text: str) -> None:
    assert connection.execute(f"SELECT {suspect([FIELDS['uri']])} FROM (SELECT $1 AS uri)", [text]).fetchone() == (  # noqa: S608 - a name
        False,
    )


def test_a_line_that_cannot_be_read_is_shown_without_its_secrets() -> None:
    written = [Written("a.log", b'{"uri": "/v2/?_state=SECRETSTATE", "trunc')]
    (shown,) = followed(written, holds(condition("")), {}, as_json=False, strict=False, named=False)
    assert "SECRETSTATE" not in shown
    assert "trunc" in shown or "FILTERED" in shown

from __future__ import annotations

import datetime as dt
import json
import string
import time
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from regobs.secrets.decoding import decoded
from regobs.secrets.fields import redacted_fields, redacted_text
from regobs.secrets.mask import MASK
from regobs.secrets.texts import LONGEST, scanned
from regobs.secrets.uris import HARMLESS

# Capitals in the front so that it is no word of a template; then what tokens, signatures and passwords are made of.
SECRETS = st.text(string.ascii_letters + string.digits + "+/=_-~.!$*'()", min_size=6, max_size=40).map("Zq9".__add__)
AROUND = st.sampled_from(
    ["", " ", "failed: ", "GET ", '"', "'", "(", "[", "x=1 ", "a?b ", "https://h/p?n=1 ", "\n", "é "]
)
PARAMETERS = (
    *(
        "_state",
        "_STATE",
        "%5Fstate",
        "X-Amz-Signature",
        "x-amz-security-token",
        "X-Amz-Credential",
        "X-Goog-Signature",
    ),
    *("Signature", "sig", "token", "access_token", "refresh_token", "password", "client_secret", "api_key", "nameless"),
)
# Not the names that are harmless, or headers: of these the whole line is masked.
NAMES = st.text(string.ascii_letters, min_size=9).filter(
    lambda name: name not in HARMLESS and not name.lower().endswith(("authorization", "cookie"))
)
TEMPLATES = (
    "Authorization: Bearer {}",
    "Authorization: Basic {}",
    "authorization: {}",
    "PROXY-AUTHORIZATION: Negotiate {}",
    "{{'Authorization': 'Bearer {}', 'Host': 'h'}}",
    '{{"authorization":"Basic {}"}}',
    "[(b'authorization', b'Bearer {}')]",
    'Authorization: Digest username="u", response="{}"',
    "Cookie: a=b; session={}",
    "set-cookie: s={}; Path=/",
    "sent bearer {} to the registry",
    "https://user:{}@registry.example.com/v2/",
    "postgres://registry:{}@db/registry?sslmode=off",
    "redis://:{}@cache:6379/0",
    "password={}",
    "password: {}",
    '"password": "{}"',
    "db_password => {}",
    "secret='{}'",
    "token={}&a=b",
    "api-key: {}",
    "X-Amz-Signature={}",
    "private_token: {}",
    "Location: https://bucket.example.com/x?X-Amz-Credential=A%2FB&X-Amz-Signature={}",
    "Authorization: Bearer\n {}",
    "Authorization: Bearer\n{}",
    "Authorization:\r\n\tBasic {}",
    "password:\n  {}",
    "password: |\n  {}\n",
    "['Basic', '{}']",
    "<password>{}</password>",
    "psql --password {} -h db",
    "host=db password='a\\' {}' dbname=x",
    "curl -u me:{} https://h/",
    "redis:{}@cache:6379",
    '{{"auths": {{"h": {{"auth": "{}"}}}}}}',
    "-----BEGIN RSA PRIVATE KEY-----\n{}\n-----END RSA PRIVATE KEY-----",
)
# What stands between an application's text and its line: a library that quotes, a body inside a body, a representation.
WRAPPINGS: tuple[Callable[[str], str], ...] = (
    lambda text: quote(text, safe=""),
    lambda text: text.replace("%", "%25"),
    json.dumps,
    repr,
    lambda text: json.dumps({"body": text}),
    lambda text: json.dumps([{"x": [text]}], indent=1),
    lambda text: text.replace("/", "\\/"),
    lambda text: f"failed: {text}, and more",
    lambda text: str([("header", text.encode())]),
    lambda text: text.replace("a", "\u200ba"),
)


@given(SECRETS, st.sampled_from(TEMPLATES), AROUND, AROUND)
@example("Zq9'ab\"", "https://user:{}@h/", "", "")
def test_no_secret_of_a_known_form_passes(secret: str, template: str, before: str, after: str) -> None:
    quoted = "'" in template or '"' in template
    secret = secret.replace("'", "_") if quoted else secret
    assert secret not in redacted_text(f"{before}{template.format(secret)}{after}")


@given(
    st.text(string.ascii_letters + string.digits, min_size=8, max_size=20).map("Zq9".__add__),
    # An escaped quote inside a quoted value reads otherwise in each encoding.
    st.sampled_from([template for template in TEMPLATES if "\\'" not in template]),
    st.lists(st.sampled_from(WRAPPINGS), min_size=1, max_size=4),
)
def test_no_encoding_hides_a_secret(secret: str, template: str, wrappings: list[Callable[[str], str]]) -> None:
    text = template.format(secret)
    for wrapping in wrappings:
        text = wrapping(text)
    assert secret not in decoded(redacted_text(text))
    assert secret not in decoded(json.dumps(redacted_fields({"error": text, "list": [text]})))


@given(SECRETS, st.sampled_from(PARAMETERS) | NAMES, AROUND, st.booleans())
def test_no_parameter_of_a_url_passes_unless_it_is_harmless(secret: str, name: str, before: str, encoded: bool) -> None:
    value = quote(secret, safe="") if encoded else secret
    for url in (
        f"/v2/a/blobs/uploads/u?{name}={value}",
        f"https://h/x?n=1&{name}={value}&last=b",
        f"/x?a;{name}={value}",
    ):
        shown = redacted_text(f"{before}{url} done")
        assert secret not in shown
        assert value not in shown
        assert shown.endswith(" done")


@given(st.text() | st.text('?&=:/@%"\\ abAuthorizationTokenbearer_state[]\n'))
def test_doing_it_twice_changes_nothing_more(text: str) -> None:
    once = redacted_text(text)
    assert redacted_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "blob deleted",
        "authorization failed",
        "bearer token is missing",
        "basic auth is off",
        "state: running",
        "GET /v2/_catalog?n=5&last=a/b 200",
        "https://gitlab.com/gitlab-org/container-registry/-/issues/1243",
        "sha256:0123456789abcdef0123456789abcdef",
        "configuring endpoint sink (http://127.0.0.1:5099/), timeout=1s, headers=map[]",
        "No HTTP secret provided - generated random secret.",
        "unknown token",
        "signature mismatch",
        f"copied group/app:v1@sha256:{'0' * 64}",
        "mail to ops@example.com at 10:15:30",
        '{"msg":"blob deleted","size_bytes":5}',
        "100% of 5 - done",
        "C:\\new\\table",
    ],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redacted_text(text) == text


def test_tokens_are_known_by_their_form() -> None:
    jwt = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJtZSJ9.c2lnbmF0dXJl"
    assert redacted_text(f"got {jwt} and glpat-abcdefghij0123456789") == f"got {MASK} and {MASK}"


HARD = (
    "password: '",
    "-u ",
    "a:b@",
    "://a:",
    "://a:b ",
    "password: |\n ",
    'password="""',
    "-----BEGIN PRIVATE KEY-----",
    "%25",
    "a\n ",
)


PIECES = (
    *("a", "token", "?", "://", "x-amz-", "eyJ", "eyJ-", "bearer ", "%5f", '"', "=", ";", "\\", "@", "%40", "#", "?a&"),
    *("://a:b ", "password: |\\n ", "password: |\n \\", "\u0315\u0300", "\ufdfa", "bearer:", "--", "a,", "(("),
    *("password: '", *HARD),
    *(" Token:a", "{Token:", " a Token:b", "{Auth:&", " Password:{", " Password:[", "}a", "map[token:", "a" * 40 + " "),
)


def _seconds(text: str, function: Callable[[str], str]) -> float:
    """CPU time, the best of three."""
    spent = []
    for _ in range(3):
        start = time.process_time()
        function(text)
        spent.append(time.process_time() - start)
    return min(spent)


@pytest.mark.parametrize("end", ["", "@", '"', "}", "]"])
@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_linear_time(piece: str, end: str) -> None:
    """Eight times the text may take 24 times as long, and 10 us a letter; what goes back takes 64 times."""
    short, long = ((piece * length)[:length] + end for length in (8_000, 64_000))
    before, after = _seconds(short, scanned), _seconds(long, scanned)
    assert after < max(24 * before, 0.05)
    assert after < len(long) * 10e-6
    assert _seconds(long, redacted_text) < len(long) * 40e-6


@pytest.mark.parametrize(
    ("letters", "read"),
    [
        ("\uff50\uff41\uff53\uff53", "pass"),
        ("\ufb01le", "file"),  # one letter that stands for `fi`
        ("\u33d8", "p.m."),  # the longest form of a letter in ASCII
        ("\ufdfa", "\ufdfa"),  # 18 Arabic letters and blanks, of which a long text took a second
        ("\u00a8", "\u00a8"),  # a blank with an accent
        ("\u00e9", "\u00e9"),
    ],
)
def test_letters_are_read_in_their_ascii_form_where_they_have_one(letters: str, read: str) -> None:
    assert decoded(letters) == read


def test_a_very_long_text_is_cut_and_says_so() -> None:
    assert redacted_text("a" * LONGEST) == "a" * LONGEST
    shown = redacted_text("a" * (LONGEST + 1))
    assert len(shown) == LONGEST
    assert shown.endswith(f"a...[cut, {LONGEST + 1} characters]")
    assert redacted_text(shown) == shown


@given(
    SECRETS,
    st.sampled_from(["password", "Authorization", "access_token", "X-Amz-Signature", "db_password", "_state"])
    | st.sampled_from(["accessToken", "clientSecret", "PGPASSWORD", "redis.password", "Private-Token", "X-API-Key"])
    | st.sampled_from(["pass%77ord", "pass%2577ord", " password ", "password_hash", "Set-Cookie", "auth", "--token"]),
)
def test_no_field_that_is_named_like_a_secret_passes(secret: str, name: str) -> None:
    for value in (secret, [secret], {"a": secret}, secret.encode(), {"deep": {name: [{"x": secret}]}}):
        assert secret not in json.dumps(redacted_fields({name: value, "args": {name: value}, "list": [{name: value}]}))
    for headers in (
        [(name, secret)],
        [[name.encode(), secret.encode()]],
        ["Host", "h", name, secret],
        [{"name": name, "value": secret}],
        {"value": [secret], "key": name},
        json.dumps({"headers": [{"value": secret, "name": name}]}),
        json.dumps({"a": json.dumps({name: secret})}),
        {name: secret}.items(),
    ):
        assert secret not in decoded(json.dumps(redacted_fields({"headers": headers})))


@given(SECRETS)
def test_no_secret_in_the_text_of_a_field_passes_however_deep(secret: str) -> None:
    url = f"https://u:{secret}@h/?token={secret}"
    deep: object = url
    for _ in range(12):
        deep = [{"next": deep}]
    fields = {"a": url, "b": (url,), "c": deep, "uri": url, "d": ValueError(url), url: 1, "e": {url: 1}}
    assert secret not in json.dumps(redacted_fields(fields))


def test_fields_become_json_and_what_is_plain_stays() -> None:
    fields = {
        "n": 1,
        "f": 0.5,
        "b": True,
        "none": None,
        "inf": float("inf"),
        "nan": float("nan"),
        "path": Path("/a"),
        "at": dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
        "bytes": b"\xff",
        "password": "",
        "bbm_job_signature_key": "copyX",
        "state_uuid": "u",
        "auth_user_type": "personal_access_token",
    }
    assert json.loads(json.dumps(redacted_fields(fields), allow_nan=False)) == {
        **fields,
        "inf": "inf",
        "nan": "nan",
        "path": "/a",
        "at": "2026-01-01 00:00:00+00:00",
        "bytes": "\ufffd",
    }


def test_a_structure_that_holds_itself_ends() -> None:
    loop: dict[str, object] = {}
    loop["loop"] = loop
    assert json.dumps(redacted_fields(loop))


@pytest.mark.parametrize("mark", ["?", "#", "?n=1&_state="])
def test_what_is_behind_an_at_in_the_query_of_a_url_is_masked_too(mark: str) -> None:
    shown = redacted_text(f'Put "https://s3.example/v2/a{mark}Zq9first@second": EOF')
    assert shown == f'Put "https://{MASK}": EOF'
    assert redacted_text(shown) == shown

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from regobs.logs.redact import redact, sample, shape

SECRET = "dGhpcyBpcyBhIHNlY3JldA"


@pytest.mark.parametrize(
    "text",
    [
        f"/v2/a/blobs/uploads/1?_state={SECRET}%3D%3D&digest=sha256:1",
        f"/v2/a/blobs/uploads/1?digest=sha256:1&_state={SECRET}",
        f'{{"uri":"/v2/a?x=1\\u0026_state={SECRET}","status":1}}',
        f"https://s3.example/b?X-Amz-Algorithm=A&X-Amz-Credential={SECRET}&X-Amz-Signature={SECRET}",
        f"https://storage.example/b?Expires=1&GoogleAccessId={SECRET}&Signature={SECRET}",
        f"https://blob.example/b?sv=1&sig={SECRET}",
        f"Authorization: Basic {SECRET}",
        f"headers=map[Authorization:[Bearer {SECRET}]]",
        f'{{"Authorization":"Bearer {SECRET}"}}',
        f'{{"actor":{{"user":"{SECRET}"}}}}',
        f"password={SECRET}",
        f"postgres://registry:{SECRET}@db/registry",
        f"token eyJhbGciOiJ.{SECRET}.{SECRET}",
    ],
)
def test_a_secret_is_not_shown(text: str) -> None:
    assert SECRET in text
    assert SECRET not in redact(text)
    assert "[secret]" in redact(text)


@pytest.mark.parametrize(
    "text",
    ["/v2/group/proj/manifests/latest", "a basic thing", "sha256:" + "ab" * 32, "https://example.com/a?n=100&last=b"],
)
def test_what_is_no_secret_stays(text: str) -> None:
    assert redact(text) == text


def test_a_field_that_is_a_secret_is_not_shown_whatever_it_holds() -> None:
    assert sample("abc", "actor.user") == "[secret]"
    assert sample("abc", "actor.name") == "abc"


def test_a_sample_is_short_and_has_no_control_characters() -> None:
    assert sample("x" * 500) == "x" * 159 + "…"
    assert sample("x" * 160) == "x" * 160
    assert sample("a\x1b[31m\n") == "a\ufffd[31m\ufffd"


def test_a_secret_that_begins_within_the_sample_is_masked_however_long_it_is() -> None:
    assert "AAAA" not in sample("/v2/?_state=" + "A" * 100_000)


def test_texts_that_differ_in_values_only_have_one_shape() -> None:
    first = 'filesystem.Stat("/docker/a/1") took 55 at https://a/b of sha256:' + "ab" * 32
    second = 'filesystem.Stat("/docker/b") took 7.5 at https://c of sha256:' + "cd" * 32
    assert shape(first) == shape(second) != shape("filesystem.Move")


@given(st.text())
def test_redacting_twice_is_redacting_once(text: str) -> None:
    assert redact(redact(text)) == redact(text)

"""Addresses and secrets of an Elasticsearch: what is put together, and what is refused without showing a secret."""

from __future__ import annotations

from pathlib import Path

import pytest

from regobs.errors import InputError
from regobs.logs.elasticsearch.access import KEY_VARIABLE, PASSWORD_VARIABLE, USER_VARIABLE, Access

URL = "https://host:9200"
USER = {USER_VARIABLE: "u", PASSWORD_VARIABLE: "p"}


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("https://host:9200/", URL),
        ("https://host", "https://host:443"),
        ("http://host/path/", "http://host:80/path"),
        ("http://[::1]:9200", "http://[::1]:9200"),
        (" https://host:9200 ", URL),
    ],
)
def test_an_address_has_its_port_and_no_slash_at_the_end(text: str, url: str) -> None:
    assert Access.of(text, environ={}) == Access(url)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no http or https"),
        ("host:9200", "no http or https"),
        ("ftp://host", "no http or https"),
        ("https://host:99999", "no valid address"),
        ("https://host?api_key=hunter2", "after the path"),
        ("https://user:hunter2@host", "every user of this machine"),
        ("https://host/hunter2@x", "every user of this machine"),
    ],
)
def test_a_wrong_address_is_refused_and_no_secret_of_it_shown(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        Access.of(text, environ={})
    assert "hunter2" not in str(caught.value)


def test_what_is_given_comes_before_the_environment_and_a_key_before_a_user(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("from-file\n")
    key = {KEY_VARIABLE: "k"}
    assert Access.of(URL, environ=USER | key).api_key == "k"
    assert Access.of(URL, environ=USER).basic == ("u", "p")
    assert Access.of(URL, user="other", environ=USER | key).basic == ("other", "p")
    assert Access.of(URL, password_file=file, environ=USER | key).basic == ("u", "from-file")
    assert Access.of(URL, api_key_file=file, environ=USER | key) == Access(URL, api_key="from-file")
    assert Access.of(URL, environ={KEY_VARIABLE: " "}) == Access(URL)


@pytest.mark.parametrize(
    ("environ", "step"), [({USER_VARIABLE: "u"}, "--password-file"), ({PASSWORD_VARIABLE: "hunter2"}, "--user")]
)
def test_a_user_needs_a_password_and_the_other_way_round(environ: dict[str, str], step: str) -> None:
    with pytest.raises(InputError, match="a user with a password") as caught:
        Access.of(URL, environ=environ)
    assert step in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "cannot be read"), (b"", "one line"), (b"a\nhunter2\n", "one line"), (b"\xff", "cannot be read")],
)
def test_a_file_with_a_secret_has_one_line(tmp_path: Path, content: bytes | None, message: str) -> None:
    file = tmp_path / "secret"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        Access.of(URL, api_key_file=file, environ={})
    assert "hunter2" not in str(caught.value)
    assert str(file) in str(caught.value)


def test_an_authority_is_a_certificate(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    with pytest.raises(InputError, match="cannot be read"):
        Access.of(URL, authority=file, environ={})
    file.write_text("a key\n")
    with pytest.raises(InputError, match="no certificate"):
        Access.of(URL, authority=file, environ={})
    file.write_text("-----BEGIN CERTIFICATE-----\n")
    assert Access.of(URL, authority=file, environ={}).authority == file


def test_secrets_are_in_no_representation() -> None:
    assert "hunter2" not in repr(Access(URL, api_key="hunter2", basic=("u", "hunter2")))

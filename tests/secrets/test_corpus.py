"""Every leak of the corpus is masked, every harmless text stays as it is."""

from __future__ import annotations

import json

import pytest

from regobs.secrets import MASK, redacted_fields, redacted_text
from regobs.secrets.decoding import decoded
from regobs.secrets.texts import is_clean, scanned
from tests.secrets import harmless, leaks

ENOUGH = 300


def test_the_corpora_are_large_and_hold_each_text_once() -> None:
    assert len(set(leaks.PROBES)) == len(leaks.PROBES) > ENOUGH
    assert len(set(leaks.TOKENS)) == len(leaks.TOKENS)
    assert len(set(harmless.TEXTS)) == len(harmless.TEXTS) > ENOUGH


@pytest.mark.parametrize("secret", leaks.SECRETS)
@pytest.mark.parametrize("kind", sorted(leaks.KINDS))
def test_no_secret_of_the_corpus_passes(kind: str, secret: str) -> None:
    shown = {text: redacted_fields({"msg": text.replace("§", secret)})["msg"] for text in leaks.KINDS[kind]}
    assert {text: seen for text, seen in shown.items() if secret in decoded(seen)} == {}


def test_no_token_of_a_known_form_passes() -> None:
    shown = {text: redacted_text(text) for text in leaks.TOKENS}
    assert {text: seen for text, seen in shown.items() if leaks.BODY[:12] in seen or "OSFODNN" in seen} == {}


@pytest.mark.parametrize("kind", sorted(harmless.KINDS))
def test_what_is_harmless_stays_as_it_is(kind: str) -> None:
    shown = {text: redacted_fields({"msg": text})["msg"] for text in harmless.KINDS[kind]}
    assert {text: seen for text, seen in shown.items() if seen != text} == {}


@pytest.mark.parametrize(
    "name",
    [
        *("tokens", "encryption_key", "signing_key", "account_key", "session_id", "jwt", "creds", "auth_header"),
        *("JWT", "accessToken", "db.password", "Set-Cookie", "X-Vault-Token", "redis_pass", "storageKey", "sshKey"),
        *("hmac_key", "AWS_SECRET_ACCESS_KEY", "client-secret", "id_token", "masterauth", "requirepass", "authHeader"),
    ],
)
def test_a_field_with_the_name_of_a_secret_is_masked_whatever_it_holds(name: str) -> None:
    assert redacted_fields({name: b"Zq9x"}) == {name: MASK}
    for value in ("Zq9x", ["Zq9x"], {"a": "Zq9x"}, 900):
        for fields in ({name: value}, {"auth_user": {name: value}}, {"x": json.dumps({name: value})}):
            shown = json.dumps(redacted_fields(fields))
            assert "Zq9x" not in shown
            assert "900" not in shown


@pytest.mark.parametrize(
    "name",
    [
        *("state", "key", "token_type", "auth_user_name", "auth_user_type", "password_policy", "secret_name", "author"),
        *("session_count", "monkey", "design", "passed", "compass", "keys", "bypass", "signal", "tokenizer"),
    ],
)
def test_a_field_with_another_name_is_not(name: str) -> None:
    assert redacted_fields({name: "x"}) == {name: "x"}


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (["AUTH", "default", "Zq9"], ["AUTH", "[FILTERED]", "[FILTERED]"]),
        (["HELLO", "3", "AUTH", "a", "Zq9"], ["HELLO", "3", "AUTH", "[FILTERED]", "[FILTERED]"]),
        (["docker", "login", "-u", "bob", "-p", "Zq9"], ["docker", "login", "-u", "bob", "-p", "[FILTERED]"]),
        (["curl", "-u", "bob:Zq9"], ["curl", "-u", "[FILTERED]"]),
        (["docker", "run", "-u", "1000", "-p", "80:80"], ["docker", "run", "-u", "1000", "-p", "80:80"]),
        (["CONFIG", "SET", "requirepass", "Zq9"], ["CONFIG", "SET", "requirepass", "[FILTERED]"]),
        (["--password", "Zq9", "--x"], ["--password", "[FILTERED]", "--x"]),
        (["SET", "key", "value"], ["SET", "key", "value"]),
    ],
)
def test_arguments_of_a_command_are_masked_by_what_stands_before_them(arguments: list[str], shown: list[str]) -> None:
    assert redacted_fields({"args": arguments}) == {"args": shown}


@pytest.mark.parametrize("text", ['auth: "§"', "auth = '§'", '  auth="§"\n', "registry.auth: '§'"])
def test_the_auth_of_a_registry_s_client_is_masked(text: str) -> None:
    """As containerd, Docker and Helm keep user and password: in base64."""
    assert "dTpoV" not in redacted_text(text.replace("§", "dTpoVW50ZXIy"))


def test_what_is_found_clean_quickly_is_clean() -> None:
    texts = [*leaks.TOKENS, *harmless.TEXTS, *(text.replace("§", leaks.SECRETS[0]) for text in leaks.PROBES)]
    assert [text for text in texts if is_clean(text) and scanned(text) != text] == []
    assert sum(map(is_clean, harmless.TEXTS)) > len(harmless.TEXTS) / 3


def test_a_value_that_cannot_tell_its_text_is_named_by_its_class() -> None:
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("no text")

    assert redacted_fields({"a": Broken(), "b": 10**5000}) == {
        "a": "<Broken without a text>",
        "b": "a number of 16610 bits",
    }

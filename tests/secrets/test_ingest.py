"""The expression of the ingest pipeline, as Python reads it; tests/e2e has a Java that reads it in the same way."""

from __future__ import annotations

import re

import pytest

from regobs.logs.fields import ALIASES, DISTRIBUTION_FIELDS, FIELDS
from regobs.secrets import MASK, is_secret, redacted_fields, redacted_text
from regobs.secrets.ingest import PATTERN, REPLACEMENT
from tests.secrets import harmless, leaks, names

_PATTERN = re.compile(PATTERN, re.ASCII)


def _masked(text: str) -> str:
    return _PATTERN.sub(re.sub(r"\$(\d+)", r"\\g<\1>", REPLACEMENT), text)


@pytest.mark.parametrize("secret", leaks.SECRETS)
def test_no_secret_of_the_corpus_passes_the_pipeline(secret: str) -> None:
    shown = {text: _masked(text.replace("§", secret)) for text in leaks.PROBES}
    assert {text: seen for text, seen in shown.items() if secret in seen} == {}


def test_no_token_of_a_known_form_passes_the_pipeline() -> None:
    shown = map(_masked, leaks.TOKENS)
    assert [seen for seen in shown if leaks.BODY[:12] in seen or "OSFODNN" in seen] == []


def test_what_is_harmless_stays_in_the_pipeline_as_it_is() -> None:
    assert {text: _masked(text) for text in harmless.TEXTS if _masked(text) != text} == {}


@pytest.mark.parametrize("name", names.SECRET)
def test_a_name_is_that_of_a_secret_in_a_field_in_a_text_and_in_the_pipeline(name: str) -> None:
    assert is_secret(name)
    assert redacted_fields({name: "Zq9xw4"}) == {name: MASK}
    for text in (f"{name}=Zq9xw4", f'{{"{name}":"Zq9xw4"}}', f"{name}: Zq9xw4"):
        assert "Zq9xw4" not in redacted_text(text), text
        assert "Zq9xw4" not in _masked(text), text


@pytest.mark.parametrize("name", names.HARMLESS)
def test_a_name_is_none_of_a_secret_in_a_field_in_a_text_and_in_the_pipeline(name: str) -> None:
    assert not is_secret(name)
    assert redacted_fields({name: "Zq9xw4"}) == {name: "Zq9xw4"}
    for text in (f"{name}=Zq9xw4", f'{{"{name}":"Zq9xw4"}}', f"{name}: Zq9xw4"):
        assert redacted_text(text) == text
        assert _masked(text) == text


def test_of_the_fields_of_the_catalogue_only_those_of_secrets_are_masked() -> None:
    known = {**FIELDS, **DISTRIBUTION_FIELDS, **ALIASES}
    secret = {"auth_user", "auth.user", "signature", "string-to-sign", "password"}
    assert {name for name in known if is_secret(name)} == secret

"""The expression of the ingest pipeline, as Python reads it; tests/e2e has a Java that reads it in the same way."""

from __future__ import annotations

import re

import pytest

from regobs.secrets.ingest import PATTERN, REPLACEMENT
from tests.secrets import harmless, leaks

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

"""Java's regular expressions, which ingest pipelines have, mask what Python's mask here."""

from __future__ import annotations

import base64
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from regobs.secrets import MASK
from regobs.secrets.ingest import PATTERN, REPLACEMENT
from tests.logs import hostile
from tests.peers.java import Releases, required_jdk
from tests.secrets import harmless, leaks

PROGRAM = Path(__file__).parents[1] / "peers" / "masking" / "Mask.java"
LONG = 300_000


def _coded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def masked_by_java(texts: list[str]) -> list[str]:
    java = required_jdk(Releases(17), "the masking of ingest pipelines") / "bin" / "java"
    command = [str(java), str(PROGRAM), _coded(PATTERN), _coded(REPLACEMENT)]
    sent = "".join(f"{_coded(text)}\n" for text in texts)
    done = subprocess.run(command, input=sent, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr[:2000]
    return [base64.b64decode(line).decode() for line in done.stdout.splitlines()]


def _made(count: int) -> list[str]:
    found: list[str] = []

    @given(hostile.PIECES)
    @settings(max_examples=count, suppress_health_check=list(HealthCheck), phases=[Phase.generate], database=None)
    def make(text: str) -> None:
        found.append(text.encode("utf-8", "replace").decode())

    make()
    return found


def masked_by_python(texts: list[str]) -> list[str]:
    pattern = re.compile(PATTERN, re.ASCII)
    return [pattern.sub(re.sub(r"\$(\d+)", r"\\g<\1>", REPLACEMENT), text) for text in texts]


@pytest.mark.peer
def test_java_reads_the_expression_as_python_does_also_in_texts_of_any_length() -> None:
    long = [f'{{"password":"{part * LONG}"}} {part * LONG}' for part in ("a", '\\\\"', "é")]
    long += [f"Authorization: Basic {'x' * LONG}", f"?_state={'x' * LONG}&n=1", "token" * LONG, "://" * LONG]
    long += ["eyJ-" * LONG, "a:b@" * LONG, "password: |\n " + "\\" * LONG, "-----BEGIN PRIVATE KEY-----" * 20_000]
    texts = [*hostile.TEXTS, *hostile.HARMLESS, *PROBES, *leaks.TOKENS, *harmless.TEXTS, *long, *_made(3000)]
    found = masked_by_java(texts)
    expected = masked_by_python(texts)
    assert len(found) == len(texts)
    assert [text[:300] for text, masked, other in zip(texts, found, expected, strict=True) if masked != other] == []
    assert sum(MASK in masked for masked in found) > len(PROBES)


@pytest.mark.peer
def test_java_masks_at_least_what_python_masks() -> None:
    found = dict(zip(PROBES, masked_by_java(list(PROBES)), strict=True))
    assert [text for text, masked in found.items() if any(secret in masked for secret in leaks.SECRETS)] == []
    tokens = masked_by_java(list(leaks.TOKENS))
    assert [masked for masked in tokens if leaks.BODY[:12] in masked or "OSFODNN" in masked] == []
    assert masked_by_java(list(harmless.TEXTS)) == list(harmless.TEXTS)


PROBES = tuple(text.replace("§", secret) for text in leaks.PROBES for secret in leaks.SECRETS)

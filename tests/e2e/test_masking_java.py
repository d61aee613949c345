"""Java's regular expressions, which ingest pipelines have, mask what Python's mask here."""

from __future__ import annotations

import base64
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

from regobs.logs.redact import PATTERN, REPLACEMENT, redact
from tests.logs import hostile
from tests.peers.java import Releases, required_jdk

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


@pytest.mark.peer
def test_java_masks_what_python_masks_also_in_texts_of_any_length() -> None:
    long = [f'{{"password":"{part * LONG}"}} {part * LONG}' for part in ("a", '\\\\"', "é")]
    long += [f"Authorization: Basic {'x' * LONG}", f"?_state={'x' * LONG}&n=1", "token" * LONG, "://" * LONG]
    texts = [*hostile.TEXTS, *hostile.HARMLESS, *long, *_made(3000)]
    found = masked_by_java(texts)
    assert len(found) == len(texts)
    assert [text for text, masked in zip(texts, found, strict=True) if masked != redact(text)] == []
    assert sum("[secret]" in masked for masked in found) > 200

"""What a text costs is in proportion to its length, whatever it is made of: CPU time, ratios in one process."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from typing import Any

import pytest

from regobs.catalog.model import Flavor
from regobs.instrument.app_log import application_line
from regobs.instrument.http.routes import Routes
from regobs.logs.fields import FIELDS
from regobs.logs.reading import text as log_text
from regobs.logs.redact import sample, shape
from regobs.secrets import LONGEST, redacted_fields, redacted_text, redacted_uri
from regobs.secrets.ingest import PATTERN
from regobs.secrets.texts import scanned
from tests.secrets.expressions import compiled, hard_texts
from tests.secrets.fuzz import main as fuzz
from tests.secrets.shapes import PIECES
from tests.secrets.test_access_lines import by_asgi, by_wsgi

MILLION = 1_000_000
SHORT, LONG = 2_000, 16_000
QUADRATIC = 64  # what eight times the text costs an expression that goes back
LIMIT = 24  # times; eight are expected, and twice as much is noise
NOISE = 0.03  # seconds below which nothing is judged

_INGEST = re.compile(PATTERN, re.ASCII)
_ROUTES = Routes(Flavor.GITLAB)
ANY: tuple[Callable[[str], object], ...] = (
    scanned,
    redacted_uri,
    sample,
    shape,
    lambda text: _INGEST.sub("", text),
    _ROUTES.word,
    lambda text: _ROUTES.word(f"/v2/{text}/manifests/{text}"),
    lambda text: _ROUTES.word(f"/v2/a/blobs/{text}"),
    lambda text: log_text.logfmt(f"a={text}", FIELDS),
    lambda text: log_text.combined(f'::1 - - [{text}] "{text}" 200 5 "{text}" "{text}"'),
    log_text.standard,
    log_text.nanoseconds,
)
# What has a limit of its own.
CUT: tuple[Callable[[str], object], ...] = (
    redacted_text,
    lambda text: application_line(text, "info", {"user_agent": text, "nested": {"a": [text]}}),
    lambda text: application_line("m", text, {text: 1}, error=ValueError(text)),
    lambda text: by_asgi(
        "/v2/" + text, text, dict.fromkeys(("host", "referer", "user-agent", "x-forwarded-for"), text)
    ),
    lambda text: by_wsgi(
        "/v2/" + text, text, dict.fromkeys(("host", "referer", "user-agent", "x-forwarded-for"), text)
    ),
    lambda text: redacted_fields({"body": json.dumps({"a": text})}),
)


def spent(function: Callable[[str], object], text: str, times: int = 1) -> float:
    """CPU seconds, the best of some times."""
    found = []
    for _ in range(times):
        start = time.process_time()
        function(text)
        found.append(time.process_time() - start)
    return min(found)


def grown(piece: str, length: int, end: str = "") -> str:
    return (piece * (length // len(piece) + 1))[:length] + end


def test_there_are_more_than_thirty_shapes() -> None:
    assert len(set(PIECES)) > 100


def is_slow(function: Callable[[Any], object], short: Any, long: Any) -> bool:
    """Whether eight times the text takes many times eight times the time, also when it is tried again."""
    once = spent(function, long)
    if once < NOISE or once <= LIMIT * max(spent(function, short, 3), 1e-4):
        return False
    return spent(function, long, 2) > LIMIT * max(spent(function, short, 3), 1e-4)


@pytest.mark.parametrize("function", ANY)
def test_the_time_of_a_text_is_in_proportion_to_its_length(function: Callable[[str], object]) -> None:
    shapes = [(piece, ("", "@", '"')[place % 3]) for place, piece in enumerate(PIECES)]
    assert [
        (piece, end) for piece, end in shapes if is_slow(function, grown(piece, SHORT, end), grown(piece, LONG, end))
    ] == []


@pytest.mark.parametrize("function", CUT)
def test_a_megabyte_costs_little_more_than_what_is_kept_of_it(function: Callable[[str], object]) -> None:
    slow = {}
    for piece in PIECES[:: len(PIECES) // 32]:
        seconds = spent(function, grown(piece, MILLION))
        if seconds > 0.5:
            kept = spent(function, grown(piece, LONGEST), 2)
            if seconds > LIMIT * kept + 1:
                slow[piece] = seconds, kept
    assert slow == {}


def test_the_judgement_finds_an_expression_that_goes_back() -> None:
    """The one that once froze a registry for as long as a client liked."""
    back = re.compile(r"://\S*(?:@|%40)")
    assert is_slow(lambda text: back.sub("", text), grown("://", SHORT), grown("://", LONG))


EXPRESSIONS = compiled()


def test_the_expressions_of_the_package_are_found() -> None:
    assert len(EXPRESSIONS) > 120
    assert "regobs.instrument.http.routes._NAME" in EXPRESSIONS
    assert any(searched for _, searched in EXPRESSIONS.values())


@pytest.mark.parametrize("name", sorted(EXPRESSIONS))
def test_no_expression_of_the_package_goes_back_again_and_again(name: str) -> None:
    pattern, searched = EXPRESSIONS[name]
    is_bytes = isinstance(pattern.pattern, bytes)

    def apply(text: Any) -> None:
        text = text.encode("latin-1", "replace") if is_bytes else text
        if searched:
            for _ in pattern.finditer(text):
                pass
        else:
            pattern.match(text)
            pattern.fullmatch(text)

    pairs = zip(hard_texts(pattern, 600), hard_texts(pattern, 4_800), strict=True)
    assert [long[:80] for short, long in pairs if is_slow(apply, short, long)] == []


def test_no_text_that_is_made_of_the_pieces_takes_long() -> None:
    assert fuzz(1_000) == 0

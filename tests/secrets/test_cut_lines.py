"""A line of JSON that is cut off is text: what it says under the names of secrets is masked all the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from regobs.cli.main import regobs
from regobs.secrets import is_secret, names, redacted_text
from regobs.secrets.decoding import decoded
from regobs.secrets.ingest import PATTERN, REPLACEMENT
from tests.logs.timing import assert_linear

SECRET = "Zq9xK3vTr8Lm"
NAMES = sorted(
    name
    for name in {
        *("JWT", "auth_user", "auth.user", "string-to-sign", "Set-Cookie", "accessToken", "X-Amz-Credential", "_state"),
        *("x_registry_auth", "x_registry_config", "X-Registry-Config", "token_value", "apiKey2", "x-goog-signature"),
        *names._WHOLE,
        *names._INSIDE,
        *names._ENDS,
        *(f"a{end}" for end in names._LAST),
    }
    if is_secret(name)
)
_VALUES = (
    f'"{SECRET}',
    f'"{SECRET}","msg":"a',
    f'"a b {SECRET}", "msg": "a b',
    f'"a\\"b {SECRET}\\',
    f'["a", "{SECRET}',
    f'[["a"], {{"b": "{SECRET}"',
    f'[{{"a": 1}}, {{"b": "{SECRET}"}}], "msg": "a',
    f'{{"a": "b", "c": "{SECRET}',
    f'{{"a": {{"x": [1]}}, "c": "}}", "d": "{SECRET}", "e": [1',
    f'{{"a": {{"x": 1}}, "c": "{SECRET}"}}, "msg": "a',
    f'{{"a": "}}", "c": "{{\\"d\\": \\"{SECRET}',
)


def _inside(text: str, depth: int) -> str:
    """The text within a text of JSON, so many times."""
    for _ in range(depth):
        text = '{"log":"' + json.dumps(text)[1:-1]
    return text


def _in_the_pipeline(text: str) -> str:
    return re.sub(PATTERN, re.sub(r"\$(\d+)", r"\\g<\1>", REPLACEMENT), text, flags=re.ASCII)


@pytest.mark.parametrize("value", _VALUES)
def test_no_secret_of_a_cut_line_is_shown(value: str) -> None:
    texts = [
        _inside(f'{before}"{name}"{colon}{value}', depth)
        for name in NAMES
        for colon in (":", ": ")
        for before in ('{"level":"info",', "", '2026-11-23T11:05:00.1Z stdout F {"a":{')
        for depth in range(3)
    ]
    assert len(texts) > 1_000
    assert [text for text in texts if SECRET in decoded(redacted_text(text))] == []
    assert [text for text in texts if SECRET in decoded(_in_the_pipeline(text))] == []


def test_what_stands_behind_a_masked_object_that_ends_is_shown() -> None:
    text = '{"auth_user":{"JWT":"a","b":{"c":"d}"}},"tokens":["a","b"],"msg":"access","status":200,"ur'
    assert redacted_text(text) == '{"auth_user":[FILTERED],"tokens":[FILTERED],"msg":"access","status":200,"ur'
    assert redacted_text(redacted_text(text)) == redacted_text(text)


@pytest.mark.parametrize("name", ["auth_user_name", "auth_user_type", "session_count", "consider", "sids", "author"])
def test_a_name_of_another_thing_is_shown(name: str) -> None:
    for value in ('"x', '{"a":"b"},"c":1', "[1, 2"):
        assert redacted_text(f'{{"{name}":{value}') == f'{{"{name}":{value}'


@pytest.mark.parametrize("command", [["validate"], ["tail", "--once"], ["query", "level: info"], ["infer"]])
def test_no_command_shows_a_secret_of_a_cut_line(command: list[str], tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    cut = [f'{{"level":"info","{name}":{value}' for name in ("auth_user", "string-to-sign", "JWT") for value in _VALUES]
    path.write_text("\n".join(['{"level":"info","msg":"a","time":"2026-11-23T11:05:00Z"}', *cut, ""]), encoding="utf-8")
    answer = CliRunner().invoke(regobs, ["logs", *command, str(path)])
    assert answer.exit_code in {0, 1}
    assert SECRET not in answer.output


@pytest.mark.parametrize("part", ['"sid":{', '"sid":["', '"token":[{"a":1},', '"auth_user":{"a":"b"},', '"a_'])
def test_objects_without_end_take_time_that_is_linear_in_their_length(part: str) -> None:
    texts = {size: (part * (size // len(part)))[:size] for size in (2_000, 32_000)}
    assert_linear(lambda size: redacted_text(texts[size]), 2_000)
    assert_linear(lambda size: _in_the_pipeline(texts[size]), 2_000)

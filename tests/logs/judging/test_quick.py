"""What decodes quickly is valid, and a report is the same with and without."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.logs.judging.quick import decoder
from regobs.logs.judging.report import to_data
from regobs.logs.judging.validate import Validator
from regobs.logs.messages.streams import GITLAB_ACCESS
from regobs.logs.schema import flat
from tests.examples import examples
from tests.logs.lines import DOCKER, GITLAB, NEWER_DISTRIBUTION, all_messages, made, real

MESSAGES = [
    (stream, message)
    for stream, message in all_messages()
    if message.exact and stream.text_key == "msg" and message.when is None
]
SCHEMAS = {id(message): flat(stream, message, closed=True) for stream, message in MESSAGES}
ODD: list[Any] = [
    *(None, True, False, 0, -1, 1, 5.0, 5.5, -0.0, 1e300, 2**63, 2**64, 10**400, "", " ", "info", "access", "http"),
    *("2026-11-23T11:05:00Z", "2026-11-23T11:05:00.123+01:00", "2026-11-23T11:05:00Z\n", "2026-11-23 11:05:00Z", "1"),
    *(
        "sha256:" + "ab" * 32,
        "sha256:" + "ab" * 32 + "\n",
        "\u0661",
        "[FILTERED]",
        [],
        ["a"],
        [1],
        {},
        {"a": 1},
        "a\r\nb",
    ),
]


def accepts(decode: Any, content: bytes) -> bool:
    try:
        decode(content)
    except (msgspec.MsgspecError, ValueError):
        return False
    return True


@given(st.sampled_from(MESSAGES), st.data())
@settings(max_examples=examples(400), deadline=None)
def test_what_decodes_is_valid(one: Any, data: st.DataObject) -> None:
    stream, message = one
    schema = SCHEMAS[id(message)]
    decode = decoder(schema, "msg", message.text)
    record = {**made(stream, message), "msg": message.text}
    for name in data.draw(st.lists(st.sampled_from([*schema["properties"], "unknown"]), max_size=2)):
        record[name] = data.draw(st.sampled_from(ODD))
    for name in data.draw(st.lists(st.sampled_from(list(record)), max_size=1)):
        del record[name]
    if decode is not None and accepts(decode, json.dumps(record).encode()):
        assert jsonschema_rs.validator_for(schema).is_valid(record)
        assert record["msg"] == message.text


def test_most_messages_decode_with_the_fields_that_they_must_have() -> None:
    decoded = 0
    for stream, message in MESSAGES:
        decode = decoder(SCHEMAS[id(message)], "msg", message.text)
        decoded += decode is not None and accepts(decode, json.dumps(made(stream, message, whole=False)).encode())
    assert decoded > 0.8 * len(MESSAGES)


@pytest.mark.parametrize("field", ["time", "level", "status", "msg", "written_bytes"])
def test_an_access_line_without_or_with_another_value_of_a_field_does_not_decode(field: str) -> None:
    message = GITLAB_ACCESS.messages[0]
    decode = decoder(flat(GITLAB_ACCESS, message, closed=True), "msg", message.text)
    line = made(GITLAB_ACCESS, message)
    assert accepts(decode, json.dumps(line).encode())
    assert not accepts(decode, json.dumps({name: value for name, value in line.items() if name != field}).encode())
    assert not accepts(decode, json.dumps({**line, field: None}).encode())
    assert not accepts(decode, json.dumps({**line, "more": 1}).encode())


@pytest.mark.parametrize(
    "constraints",
    [
        {},
        {"type": "object"},
        {"type": "string", "pattern": "^a.c$"},
        {"type": "string", "pattern": r"^\d+$"},
        {"type": "string", "pattern": "a$"},
        {"type": "integer", "multipleOf": 5},
        {"enum": [1, 2], "type": "integer"},
    ],
)
def test_a_field_that_the_two_may_see_differently_is_not_translated(constraints: dict[str, Any]) -> None:
    schema = {"properties": {"msg": {"type": "string"}, "a": constraints}, "required": ["msg", "a"]}
    assert decoder(schema, "msg", "x") is None
    optional = decoder({**schema, "required": ["msg"]}, "msg", "x")
    assert accepts(optional, b'{"msg": "x"}')
    assert not accepts(optional, b'{"msg": "x", "a": null}')


@pytest.mark.parametrize("value", ["-1", "0", "5", "6", "1e3", "4.5", "9" * 400, "null", '"3"'])
def test_a_number_decodes_between_its_ends_alone(value: str) -> None:
    limits = {"type": "integer", "minimum": 0, "maximum": 5}
    schema = {"properties": {"msg": {"type": "string"}, "a": limits}, "required": ["msg", "a"]}
    assert accepts(decoder(schema, "msg", "x"), f'{{"msg": "x", "a": {value}}}'.encode()) == (value in {"0", "5"})


@pytest.mark.parametrize("path", [GITLAB, DOCKER[0], NEWER_DISTRIBUTION[0]], ids=lambda path: path.name)
def test_a_report_is_the_same_without_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = [line.replace(b'": ', b'":') for line in real(path)]
    broken = [line.replace(b'"level":"info"', b'"level":7') for line in lines[::7]]
    content = b"\n".join([*lines, *broken, b'{"msg":"access"', b'  {"msg":"access"}', b'{"a":"x\\"msg":"access""}'])

    def report() -> dict[str, Any]:
        validator = Validator()
        validator.read(io.BytesIO(content), "a.log")
        return to_data(validator.report)

    quick = report()
    monkeypatch.setattr("regobs.logs.judging.judge.decoder", lambda *_: None)
    assert report() == quick
    assert quick["invalid"] > 0

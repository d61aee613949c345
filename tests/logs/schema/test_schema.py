from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema
import jsonschema_rs
import pytest

from regobs.logs.judging.judge import Judge, MessageRule
from regobs.logs.messages.message import GAP, Message
from regobs.logs.messages.streams import DISTRIBUTION, GITLAB_ACCESS, GITLAB_APPLICATION, STREAMS, Stream
from regobs.logs.schema import document, flat
from tests.logs.lines import GITLAB, made, records, wrong_for

FOLDER = Path(__file__).parents[3] / "log_schemas"
COMMITTED = sorted(path.name for path in FOLDER.glob("*.schema.json"))
every_stream = pytest.mark.parametrize("stream", [one for one in STREAMS if one.messages], ids=lambda one: one.name)


def chosen_by(stream: Stream, message: Message) -> set[str]:
    """What the choice of the schema rests on: mutating it changes which one applies."""
    return {stream.text_key, message.when[0] if message.when else stream.text_key}


@pytest.mark.parametrize("name", COMMITTED)
def test_a_committed_schema_is_one_of_draft_2020_12(name: str) -> None:
    schema = json.loads((FOLDER / name).read_bytes())
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema_rs.meta.validate(schema)
    if len(json.dumps(schema)) < 100_000:  # the reference takes seconds for the large ones
        jsonschema.Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("name", COMMITTED)
def test_every_field_of_a_committed_schema_has_a_title_a_description_and_where_it_is_measured_a_unit(name: str) -> None:
    found = list(fields_of(json.loads((FOLDER / name).read_bytes())))
    assert found
    for field in found:
        assert field["title"]
        assert field["description"]
        assert ("x-unit" in field) == ("Unit:" in field["description"])


def fields_of(node: Any) -> Any:
    if isinstance(node, dict):
        if "x-elasticsearch" in node:
            yield node
        for child in node.values():
            yield from fields_of(child)
    elif isinstance(node, list):
        for child in node:
            yield from fields_of(child)


@every_stream
def test_a_line_with_all_fields_and_one_with_those_it_must_have_fit(stream: Stream) -> None:
    for message in stream.messages:
        rule = MessageRule(stream, message)
        assert rule.fits(made(stream, message)), message.text
        assert rule.fits(made(stream, message, whole=False)), message.text


@every_stream
def test_a_wrong_value_of_any_field_is_refused_and_named(stream: Stream) -> None:
    for message in stream.messages:
        rule = MessageRule(stream, message)
        line = made(stream, message)
        for name, schema in flat(stream, message, closed=True)["properties"].items():
            for wrong in wrong_for(schema):
                faults = rule.errors(line | {name: wrong})
                assert {fault.instance_path[0] for fault in faults} == {name}, (message.text, name, wrong)


@every_stream
def test_a_line_without_a_field_that_it_must_have_is_refused(stream: Stream) -> None:
    for message in stream.messages:
        rule = MessageRule(stream, message)
        line = made(stream, message, whole=False)
        for name in flat(stream, message, closed=True)["required"]:
            faults = rule.errors({key: value for key, value in line.items() if key != name})
            assert [fault.kind.as_dict()["property"] for fault in faults] == [name], message.text


@every_stream
def test_a_line_is_judged_by_the_schema_of_its_own_message(stream: Stream) -> None:
    family = stream.name.split(".")[0]
    judge = Judge(tuple(one for one in STREAMS if one.messages and one.name.split(".")[0] == family))
    for message in stream.messages:
        for line in (made(stream, message), made(stream, message, whole=False)):
            found = judge.rule(line)
            assert found.message == message
            assert found.stream == stream


@pytest.mark.parametrize("every", [8, pytest.param(1, marks=pytest.mark.long)])
@every_stream
def test_the_file_alone_judges_as_the_validator_does(stream: Stream, every: int) -> None:
    """Of all fields of all messages, of which there are 60,000, `make test` takes every eighth."""
    whole = jsonschema_rs.validator_for(document(stream))
    place = 0
    for message in stream.messages:
        line = made(stream, message)
        rule = MessageRule(stream, message)
        assert whole.is_valid(line), message.text
        for name, schema in flat(stream, message, closed=True)["properties"].items():
            place += 1
            if name in chosen_by(stream, message) or (place % every and len(stream.messages) > every):
                continue
            for wrong in wrong_for(schema)[:2]:
                assert not whole.is_valid(line | {name: wrong}), (message.text, name, wrong)
            less = {key: value for key, value in line.items() if key != name}
            assert whole.is_valid(less) == (not rule.errors(less)), (message.text, name)


def test_a_line_of_an_unknown_message_is_held_to_the_fields_that_all_lines_have() -> None:
    rule = Judge((GITLAB_ACCESS, GITLAB_APPLICATION)).rule({"msg": "never heard of"})
    line = {"time": "2026-11-23T11:11:21.645Z", "level": "info", "msg": "never heard of", "count": "text"}
    assert not rule.known
    assert rule.errors(line) == []
    assert [fault.instance_path for fault in rule.errors(line | {"level": 5})] == [["level"], ["level"]]


def test_no_constant_message_is_also_the_beginning_of_another_schema() -> None:
    for stream in (GITLAB_APPLICATION, DISTRIBUTION):
        open_ended = [one for one in stream.messages if not one.exact and one.text != GAP]
        exact = [one.text for one in stream.messages if one.exact]
        assert [text for text in exact if any(one.says(text) for one in open_ended)] == []


def test_the_reference_implementation_agrees_on_real_lines_and_on_mutations_of_them() -> None:
    ours = Judge((GITLAB_ACCESS, GITLAB_APPLICATION))
    theirs = {one.name: jsonschema.Draft202012Validator(document(one)) for one in (GITLAB_ACCESS, GITLAB_APPLICATION)}
    seen: dict[str, dict[str, Any]] = {}
    for record in records(GITLAB):
        seen.setdefault(record["msg"], record)
    assert len(seen) > 60
    for number, record in enumerate(seen.values()):
        names = sorted(record.keys() - {"msg", "component", "size_bytes"})
        name = names[number % len(names)]
        for changed in (record, record | {name: [5]}, {key: value for key, value in record.items() if key != name}):
            rule = ours.rule(changed)
            assert theirs[rule.stream.name].is_valid(changed) == (not rule.errors(changed)), changed

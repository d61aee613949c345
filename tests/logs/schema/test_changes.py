"""What changed between two schemas: nothing between equal ones; what widens is compatible, what narrows is breaking."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from regobs.cli.logs import logs
from regobs.cli.main import run
from regobs.logs.fields.field import Field, FieldType, Since
from regobs.logs.messages.message import Message, message
from regobs.logs.messages.streams import GITLAB_ACCESS, STREAMS, Stream
from regobs.logs.schema import document, files
from regobs.logs.schema.changes import Effect, changes
from regobs.logs.schema.event import event_document
from tests.examples import examples
from tests.logs.lines import made


def with_field(name: str, **changed: Any) -> dict[str, Any]:
    """The schema of the access log with one field changed."""
    return document(
        replace(GITLAB_ACCESS, fields={**GITLAB_ACCESS.fields, name: replace(GITLAB_ACCESS.fields[name], **changed)})
    )


def with_message(**changed: Any) -> dict[str, Any]:
    return document(replace(GITLAB_ACCESS, messages=(replace(GITLAB_ACCESS.messages[0], **changed),)))


ACCESS = document(GITLAB_ACCESS)


def said(old: Any, new: Any) -> list[tuple[str, str, str]]:
    return [(one.effect.value, one.field, one.what) for one in changes(old, new) if one.what != "description"]


def test_between_equal_schemas_nothing_changed() -> None:
    again = files()
    for name, content in files().items():
        assert changes(json.loads(content), json.loads(again[name])) == [], name


# A change of a field, what it is in that direction, and what the way back is.
WIDER: list[tuple[str, dict[str, Any], str, str]] = [
    ("duration_ms", {"type": FieldType.DOUBLE, "es_type": "long"}, "type widened", "type narrowed"),
    ("method", {"nullable": True}, "type widened", "type narrowed"),
    ("detail", {"loose": True}, "", ""),
    ("written_bytes", {"minimum": None}, "minimum", "minimum"),
    ("written_bytes", {"minimum": -1}, "minimum", "minimum"),
    ("system", {"values": ("http", "grpc")}, "value added", "value removed"),
    ("system", {"values": ()}, "closed set dropped", "closed set"),
    ("time", {"pattern": None}, "pattern dropped", "pattern"),
    ("host", {"loose": True}, "type widened", "type narrowed"),
    ("status", {"es_type": "integer"}, "index type", "index type"),
]


@pytest.mark.parametrize(("name", "changed", "there", "back"), WIDER, ids=[f"{one[0]}-{one[2]}" for one in WIDER])
def test_widening_is_compatible_and_the_way_back_is_breaking(
    name: str, changed: dict[str, Any], there: str, back: str
) -> None:
    wider = with_field(name, **changed)
    assert {one for one in said(ACCESS, wider) if one[2] != "column type"} <= {("compatible", name, there)}
    assert {one for one in said(wider, ACCESS) if one[2] != "column type"} <= {("breaking", name, back)}
    assert bool(there) == bool(said(ACCESS, wider))


@pytest.mark.parametrize(
    ("name", "changed", "what"),
    [
        ("duration_ms", {"type": FieldType.KEYWORD}, "type changed"),
        ("duration_ms", {"unit": "s"}, "unit"),
        ("method", {"es_type": "text"}, "index type"),
        ("time", {"pattern": "^x$"}, "pattern"),
        ("status", {"minimum": 100}, "minimum"),
        ("level", {"values": ("info",)}, "value removed"),
    ],
)
def test_what_readers_stumble_over_is_breaking_with_a_reason(name: str, changed: dict[str, Any], what: str) -> None:
    found = [one for one in changes(ACCESS, with_field(name, **changed)) if one.what == what]
    assert found
    assert {one.effect for one in found} == {Effect.BREAKING}
    assert all(one.reason for one in found)


def test_meaning_and_names_elsewhere_are_no_break() -> None:
    changed = with_field("host", meaning="Another text.", ecs="host.name", otel=None, since=Since("4.0.0"))
    assert {one.what for one in changes(ACCESS, changed)} == {"description", "x-ecs", "x-otel", "since"}
    assert {one.effect for one in changes(ACCESS, changed)} == {Effect.COMPATIBLE}


def test_fields_of_a_message_that_come_go_or_become_required() -> None:
    first = GITLAB_ACCESS.messages[0]
    more = with_message(optional=(*first.optional, "worker"))
    assert said(ACCESS, more) == [("compatible", "worker", "optional field added")]
    assert said(more, ACCESS) == [("breaking", "worker", "field removed")]
    must = with_message(required=(*first.required, "worker"))
    assert said(ACCESS, must) == [("breaking", "worker", "required field added")]
    assert said(more, must) == [("breaking", "worker", "required now")]
    assert said(must, more) == [("compatible", "worker", "optional now")]


def test_a_message_that_is_new_is_compatible_and_one_that_is_gone_is_not() -> None:
    more = document(replace(GITLAB_ACCESS, messages=(*GITLAB_ACCESS.messages, message("teleported", "info"))))
    assert [(one.effect, one.message, one.what) for one in changes(ACCESS, more)] == [
        (Effect.COMPATIBLE, "teleported", "message added")
    ]
    assert [(one.effect, one.message, one.what) for one in changes(more, ACCESS)] == [
        (Effect.BREAKING, "teleported", "message removed")
    ]


def test_a_field_under_the_name_of_another_generation_is_a_rename_with_its_unit() -> None:
    newer = json.loads(files()["gitlab-labkit.access.schema.json"])
    found = {(one.was, one.now): one for one in changes(ACCESS, newer) if one.what == "renamed"}
    assert {("duration_ms", "duration_s"), ("ttfb_ms", "ttfb_s"), ("msg", "message")} <= found.keys()
    assert "times 1,000" in found["duration_ms", "duration_s"].reason
    back = {(one.was, one.now) for one in changes(newer, ACCESS) if one.what == "renamed"}
    assert ("duration_s", "duration_ms") in back


def test_what_cannot_be_compared_is_breaking() -> None:
    events = event_document()
    changed = json.loads(json.dumps(events))
    changed["$defs"]["event"]["allOf"].pop()
    assert {one.effect for one in changes(events, changed)} == {Effect.BREAKING}
    assert {one.effect for one in changes(ACCESS, ACCESS | {"unevaluatedProperties": False})} == {Effect.BREAKING}
    nested = json.loads(json.dumps(events))
    del nested["$defs"]["event"]["properties"]["target"]["properties"]["digest"]["pattern"]
    assert said(events, nested) == [("compatible", "events[].target.digest", "pattern dropped")]


def test_a_schema_that_refers_to_itself_or_to_nothing_is_read() -> None:
    loop = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/a"}}}
    tree = {"properties": {"a": {"$ref": "#"}}}
    assert changes(loop, loop) == []
    assert changes({"$ref": "#/$defs/no"}, {"properties": {}}) == []
    assert changes(tree, tree) == []


def change_of(field: Field) -> st.SearchStrategy[Field]:
    """The field, changed in one way or not at all."""
    return st.sampled_from(
        [
            field,
            replace(field, nullable=True),
            replace(field, loose=True),
            replace(field, minimum=None),
            replace(field, minimum=5),
            replace(field, minimum=-5),
            replace(field, values=(*field.values, "more") if field.values else ("only",)),
            replace(field, values=()),
            replace(field, pattern=None),
            replace(field, pattern="^[a-z]*$"),
            replace(field, type=FieldType.DOUBLE, values=(), pattern=None),
            replace(field, type=FieldType.LONG, values=(), pattern=None),
            replace(field, type=FieldType.KEYWORD),
        ]
    )


MESSAGE = message("access", "info", "status system host worker?")
MESSAGES = (
    MESSAGE,
    replace(MESSAGE, required=("status",), optional=("system", "host", "worker")),
    replace(MESSAGE, required=("status", "system", "host", "worker"), optional=()),
    replace(MESSAGE, levels=("info", "error")),
)


def stream_of(field: Field, changed: Message) -> Stream:
    fields = {**GITLAB_ACCESS.fields, field.name: field}
    return Stream("a", "gitlab", "A", "", fields, (replace(changed, context="bare"),))


def pair_of(name: str) -> st.SearchStrategy[tuple[Stream, Stream]]:
    """Two streams that differ in one field, in the fields of the message, or not."""
    one = st.builds(stream_of, change_of(GITLAB_ACCESS.fields[name]), st.sampled_from(MESSAGES[:2]))
    return st.tuples(one, one | st.builds(stream_of, st.just(GITLAB_ACCESS.fields[name]), st.sampled_from(MESSAGES)))


PAIRS = st.sampled_from(["time", "level", "msg", "status", "system", "host", "worker"]).flatmap(pair_of)


def candidates(stream: Stream) -> list[dict[str, Any]]:
    """Lines of the message: whole, without each field, with values that fit and that do not."""
    line = made(stream, stream.messages[0]) | {"time": "2026-11-23T11:11:21.645Z"}
    found = [line, *({key: value for key, value in line.items() if key != name} for name in line)]
    values: list[Any] = [None, 5, -1, 0, 7.5, "text", "more", "only", "http", "info", "error", "abc", ["a"], {}]
    return found + [line | {name: value} for name in line for value in values]


@given(PAIRS)
@settings(max_examples=examples(200), deadline=None)
def test_after_changes_that_are_all_compatible_every_line_that_was_valid_still_is(pair: tuple[Stream, Stream]) -> None:
    old, new = (document(one) for one in pair)
    found = changes(old, new)
    if all(one.effect is Effect.COMPATIBLE for one in found):
        before, after = (jsonschema_rs.validator_for(one) for one in (old, new))
        lost = [line for line in candidates(pair[0]) if before.is_valid(line) and not after.is_valid(line)]
        assert lost == []
    assert bool(found) == (old != new)


def asked(*arguments: object) -> Any:
    return CliRunner().invoke(logs, ["diff-schema", *map(str, arguments)])


def test_the_command_tells_breaking_changes_by_its_exit_code(tmp_path: Path) -> None:
    wider = tmp_path / "wider.json"
    wider.write_text(json.dumps(with_field("host", nullable=True)), encoding="utf-8")
    same, there, back = (
        asked(*pair) for pair in (("gitlab.access",) * 2, ("gitlab.access", wider), (wider, "gitlab.access"))
    )
    assert (same.exit_code, same.output) == (0, "No change.\n")
    assert there.exit_code == 0
    assert there.output.startswith("0 breaking, 1 compatible\n")
    assert "host: type widened string -> null, string ('access')" in there.output
    assert back.exit_code == 1
    data = json.loads(asked("--format", "json", wider, "gitlab.access").output)
    assert (data["breaking"], data["compatible"]) == (1, 0)
    assert data["changes"][0]["field"] == "host"


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (None, "cannot read the schema"),
        ("{", "b.json:1:2: this is no JSON"),
        ("[" * 200_000, "this is no JSON"),
        ("9" * 10_000, "this is no JSON"),
        ("[]", "no schema of log lines"),
        ("{}", "no schema"),
    ],
)
def test_what_is_no_schema_is_one_error(
    content: str | None, expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "b.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    assert run(["logs", "diff-schema", "gitlab.access", str(path)]) == 2
    assert expected in capsys.readouterr().err


def test_any_two_streams_can_be_compared_and_every_change_has_a_reason() -> None:
    some = [one for one in STREAMS if one.name != "gitlab.application"]
    for one in some:
        assert all(change.reason for change in changes(document(one), document(some[-2])))

"""Notification events, and the streams whose lines have no message: every field is held to its schema."""

from __future__ import annotations

import copy
from typing import Any

import jsonschema_rs
import pytest

from regobs.logs.fields import EVENT_FIELDS
from regobs.logs.fields.field import Field
from regobs.logs.fields.notifications import ACTIONS, BY_ACTION, REQUIRED
from regobs.logs.judging.judge import MessageRule
from regobs.logs.messages.streams import COMBINED, STANDARD, Stream
from regobs.logs.schema import constraints, flat
from regobs.logs.schema.event import event_document
from tests.logs.lines import records, value_for, wrong_for

SCHEMA = jsonschema_rs.validator_for(event_document())


def whole_event() -> dict[str, Any]:
    """An event with every field of the catalogue."""
    event: dict[str, Any] = {}
    for name, field in EVENT_FIELDS.items():
        put(event, name, value_for(constraints(field)))
    return event


def put(event: dict[str, Any], name: str, value: Any) -> None:
    """Set a value at its path; of a list, in its one element."""
    *parents, last = name.split(".")
    node: Any = event
    for parent in parents:
        plain = parent.removesuffix("[]")
        node = node.setdefault(plain, [{}] if parent.endswith("[]") else {})
        node = node[0] if isinstance(node, list) else node
    node[last] = value


def take(event: dict[str, Any], name: str) -> None:
    *parents, last = name.split(".")
    node = event
    for parent in parents:
        node = node[parent]
    del node[last]


def fits(event: Any) -> bool:
    return bool(SCHEMA.is_valid({"events": [event]}))


@pytest.mark.parametrize("action", ACTIONS)
def test_an_event_with_every_field_fits_whatever_its_action(action: str) -> None:
    assert fits(whole_event() | {"action": action})


@pytest.mark.parametrize("field", EVENT_FIELDS.values(), ids=list(EVENT_FIELDS))
def test_a_wrong_value_of_any_field_of_an_event_is_refused_at_its_place(field: Field) -> None:
    wrong = wrong_for(constraints(field))
    assert wrong
    for value in wrong:
        event = copy.deepcopy(whole_event())
        put(event, field.name, value)
        (fault, *_) = SCHEMA.iter_errors({"events": [event]})
        path = [step for step in fault.instance_path if not isinstance(step, int)]
        assert path[: 1 + field.name.count(".") + 1] == ["events", *field.name.replace("[]", "").split(".")]


@pytest.mark.parametrize(
    ("action", "name"), [(action, name) for action in ACTIONS for name in (*REQUIRED, *BY_ACTION[action])]
)
def test_an_event_without_a_field_that_its_action_has_is_refused(action: str, name: str) -> None:
    event = whole_event() | {"action": action}
    take(event, name)
    assert not fits(event)


def test_what_is_no_envelope_is_refused() -> None:
    wrongs: list[Any] = [{}, {"events": {}}, {"events": [5]}, {"events": None}, [], "events"]
    assert not any(SCHEMA.is_valid(wrong) for wrong in wrongs)


def test_real_events_fit_and_may_have_more_than_the_catalogue_knows() -> None:
    real = [record["event"] for record in records() if isinstance(record.get("event"), dict)]
    assert real
    assert all(fits(event) for event in real)
    assert fits(real[0] | {"future": 1})


LINES: dict[str, dict[str, Any]] = {
    "distribution.access": {
        "host": "registry.example.com",
        "remote_ip": "10.0.0.1",
        "auth_user_name": "me",
        "time": "2026-11-23T23:36:45+00:00",
        "method": "GET",
        "uri": "/v2/",
        "proto": "HTTP/1.1",
        "status": 200,
        "written_bytes": 2,
        "referrer": "",
        "user_agent": "docker",
    },
    "go-standard": {"time": "2026-11-23T23:36:45", "msg": "http: superfluous response.WriteHeader call"},
}


@pytest.mark.parametrize("stream", [COMBINED, STANDARD], ids=lambda one: one.name)
def test_every_field_of_a_line_without_message_is_held_to_its_schema(stream: Stream) -> None:
    rule, line = MessageRule(stream, None), LINES[stream.name]
    schema = flat(stream, None, closed=True)
    assert line.keys() == schema["properties"].keys()
    assert rule.fits(line)
    for name, properties in schema["properties"].items():
        for wrong in wrong_for(properties):
            assert {fault.instance_path[0] for fault in rule.errors(line | {name: wrong})} == {name}
        less = {key: value for key, value in line.items() if key != name}
        assert bool(rule.errors(less)) == (name in schema["required"])
    assert rule.new(line | {"more": 1}) == ["more"]

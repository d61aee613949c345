"""JSON Schema of the notification envelope `{"events": [...]}` and of one event."""

from __future__ import annotations

from typing import Any

from regobs.logs.fields import EVENT_FIELDS
from regobs.logs.fields.notifications import BY_ACTION, REQUIRED

Schema = dict[str, Any]


def event_document() -> Schema:
    """The schema of an envelope; each event is held to what its action must have."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:regobs:log-schema:notifications",
        "title": "Notification envelope of a container registry",
        "description": "Body of the POST to an endpoint: one event a request.",
        "type": "object",
        "required": ["events"],
        "properties": {
            "events": {
                "title": "events",
                "description": "The events.",
                "type": "array",
                "minItems": 1,
                "items": {"$ref": "#/$defs/event"},
            }
        },
        "$defs": {"event": _event()},
    }


def _event() -> Schema:
    from regobs.logs.schema import described  # noqa: PLC0415 - it builds this document too

    event: Schema = {"type": "object", "required": list(REQUIRED), "properties": {}}
    for name, field in EVENT_FIELDS.items():
        *parents, last = name.split(".")
        _below(event, parents)["properties"][last] = described(field)
    event["allOf"] = [
        {
            "if": {"required": ["action"], "properties": {"action": {"const": action}}},
            "then": _demand([name.split(".") for name in names]),
        }
        for action, names in BY_ACTION.items()
    ]
    return event


def _below(node: Schema, parents: list[str]) -> Schema:
    for parent in parents:
        listed = parent.endswith("[]")
        name = parent.removesuffix("[]")
        if name not in node["properties"]:
            child: Schema = {"type": "object", "properties": {}}
            node["properties"][name] = {"type": ["array", "null"], "items": child} if listed else child
        node = node["properties"][name]
        node = node["items"] if listed else node
    return node


def _demand(paths: list[list[str]]) -> Schema:
    """A schema that wants these paths to be there."""
    first = list(dict.fromkeys(path[0] for path in paths))
    deeper = {name: [path[1:] for path in paths if path[0] == name and len(path) > 1] for name in first}
    below = {name: _demand(rest) for name, rest in deeper.items() if rest}
    return {"required": first} | ({"properties": below} if below else {})

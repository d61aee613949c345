"""JSON Schema 2020-12 of the log streams, made from the field catalogue.

`files()` is what stands in log_schemas/: one document a stream, in which the message of a line chooses its schema.
`flat` is one message's schema without references and annotations, which the validator compiles.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from regobs.logs.fields.field import Field, FieldType
from regobs.logs.fields.since import since, until
from regobs.logs.messages.message import Message, literal
from regobs.logs.messages.streams import GITLAB_ACCESS, GITLAB_APPLICATION, STREAMS, Stream
from regobs.logs.schema.event import event_document

Schema = dict[str, Any]
DIALECT = "https://json-schema.org/draft/2020-12/schema"
# Of access lines in the forms of web servers.
_NOT_IN_EVERY_FORM = frozenset({"auth_user_name", "proto", "host", "referrer", "user_agent", "method", "uri"})


def constraints(field: Field) -> Schema:
    """What a value of the field must be; nothing for a field whose type differs."""
    if field.loose:
        return {}
    kind = field.type.json_type
    schema: Schema = {"type": [kind, "null"] if field.nullable else kind}
    if field.values:
        schema["enum"] = [*field.values, *([None] if field.nullable else [])]
    if field.pattern is not None:
        schema["pattern"] = field.pattern
    if field.minimum is not None:
        schema["minimum"] = field.minimum
    if field.maximum is not None:
        schema["maximum"] = field.maximum
    if field.type is FieldType.KEYWORD_LIST:
        schema["items"] = {"type": "string"}
    return schema


def described(field: Field, flavor: str = "") -> Schema:
    """The constraints with title, description, unit, and the names and types of other systems."""
    came = since(field, flavor)
    unit = f" Unit: {field.unit}." if field.unit else ""
    notes = {
        "x-unit": field.unit,
        "x-since": str(came) if came else None,
        "x-until": until(field.name) or None if flavor == "gitlab" else None,
        "x-elasticsearch": field.es_type,
        "x-duckdb": field.type.duckdb,
        "x-ecs": field.ecs,
        "x-otel": field.otel,
    }
    schema = {"title": field.title, "description": field.meaning + unit, **constraints(field)}
    if field.type is FieldType.DATE:
        schema["format"] = "date-time"
    return schema | {name: value for name, value in notes.items() if value is not None}


def base(stream: Stream) -> tuple[str, ...]:
    """The fields that every line has."""
    return stream.context("bare")[0]


def flat(stream: Stream, message: Message | None, *, closed: bool) -> Schema:
    """The schema of one message, of a line of an unknown message, or of a stream without messages.

    `closed` forbids fields that it does not name.
    """
    required, optional = (tuple(stream.fields), ()) if not stream.text_key else stream.names(message)
    properties = {name.split(":")[0]: constraints(stream.field(name)) for name in (*required, *optional)}
    if not stream.text_key:
        required = tuple(name for name in required if name not in _NOT_IN_EVERY_FORM)
    if message and message.levels:
        properties[base(stream)[1]] = {"type": "string", "enum": list(message.levels)}
    schema: Schema = {"type": "object", "properties": properties, "required": [one.split(":")[0] for one in required]}
    return schema | ({"additionalProperties": False} if closed else {})


def document(stream: Stream) -> Schema:
    """The schema of a stream as it stands in its file."""
    head = {
        "$schema": DIALECT,
        "$id": f"urn:regobs:log-schema:{stream.name}",
        "title": stream.title,
        "description": stream.description,
    }
    if not stream.text_key:
        properties = {name: described(field) for name, field in stream.fields.items()}  # of no GitLab registry
        return head | flat(stream, None, closed=False) | {"properties": properties}
    used = [name for one in stream.messages for name in (*one.required, *one.optional)]
    contexts = dict.fromkeys([*(one.context for one in stream.messages), "line"])
    used += [name for context in contexts for part in stream.context(context) for name in part]
    slugs = _slugs(stream.messages)
    # In which release the names of labkit-spec come is not known.
    dated = "gitlab" if stream.name in {GITLAB_ACCESS.name, GITLAB_APPLICATION.name} else ""
    definitions: Schema = {f"field.{name}": described(stream.field(name), dated) for name in sorted(set(used))}
    definitions |= {_context_key(context): _context(stream, context) for context in contexts}
    definitions |= {_component_key(name): _component(stream, name) for name in stream.components}
    definitions |= {f"message.{slug}": _message(stream, one) for slug, one in slugs.items()}
    common = {name: _field_reference(name) for part in stream.context("line") for name in part}
    return head | {
        "type": "object",
        "required": list(base(stream)),
        "properties": {name: common[name] for name in base(stream)},
        "allOf": [_chosen(stream, text, found) for text, found in _by_text(slugs).items()],
        "$defs": definitions,
    }


def files() -> dict[str, bytes]:
    """The content of log_schemas/: file name to bytes."""
    documents = {stream.name: document(stream) for stream in STREAMS} | {"notifications": event_document()}
    return {
        f"{name}.schema.json": (json.dumps(schema, indent=2, ensure_ascii=False) + "\n").encode()
        for name, schema in documents.items()
    }


def _context_key(name: str) -> str:
    return f"context.{name.replace(' ', '-')}"  # a reference has no spaces


def _context(stream: Stream, name: str) -> Schema:
    required, optional = stream.context(name)
    return {
        "title": f"A line of the context: {name}",
        "required": list(required),
        "properties": {one: _field_reference(one) for one in (*required, *optional)},
    }


def _component_key(name: str) -> str:
    return f"component.{name.lower().replace(' ', '-')}"


def _component(stream: Stream, name: str) -> Schema:
    return {
        "title": f"What any line of the component may have: {name}",
        "properties": {one.split(":")[0]: _field_reference(one) for one in stream.components[name] if ":" not in one},
    }


def _message(stream: Stream, message: Message) -> Schema:
    parts: Schema = {
        "allOf": [
            {"$ref": f"#/$defs/{_context_key(message.context)}"},
            {"$ref": f"#/$defs/{_component_key(message.component)}"},
        ]
    }
    required, optional = stream.names(message)
    own = message.required
    if any(":" in name for name in (*required, *optional)):  # a form of its own, which the others would contradict
        parts, own, optional = {}, required, (*required, *optional)
    else:
        optional = own
    properties: Schema = {name.split(":")[0]: _field_reference(name) for name in optional}
    told = f"{message.meaning} {message.action}".strip()
    return {
        "title": message.text,
        "description": f"{told} Component: {message.component}.".strip(),
        **parts,
        "required": [name.split(":")[0] for name in own],
        "properties": properties,
    }


def _chosen(stream: Stream, text: str, found: Mapping[str, Message]) -> Schema:
    """`if` the message is this one `then` its schema; messages of one text are tried one after the other."""
    first = next(iter(found.values()))
    is_text: Schema = {"const": text} if first.exact else {"pattern": first.pattern}
    inner: Schema = {}
    for slug, one in reversed(list(found.items())):
        reference = {"$ref": f"#/$defs/message.{slug}"}
        inner = reference if one.when is None else {"if": _when(*one.when, one.among), "then": reference} | (
            {"else": inner} if inner else {}
        )  # fmt: skip
    return {
        "if": {"required": [stream.text_key], "properties": {stream.text_key: is_text}},
        "then": inner,
    }


def _when(name: str, value: str | None, among: tuple[str, tuple[str, ...]] | None) -> Schema:
    if value is None:
        known = {among[0]: {"enum": list(among[1])}} if among else {}
        return {"required": [name]} | ({"properties": known} if known else {})
    return {"required": [name], "properties": {name: {"type": "string", "pattern": f"^{literal(value)}"}}}


def _by_text(slugs: Mapping[str, Message]) -> dict[str, dict[str, Message]]:
    found: dict[str, dict[str, Message]] = {}
    for slug, one in slugs.items():
        found.setdefault(one.text, {})[slug] = one
    return found


def _slugs(messages: Iterable[Message]) -> dict[str, Message]:
    """A short name a message: its first words."""
    found: dict[str, Message] = {}
    for one in messages:
        words = re.sub(r"[^a-z0-9]+", "-", one.text.lower()).strip("-")[:60].rstrip("-") or "any"
        slug, number = words, 2
        while slug in found:
            slug, number = f"{words}-{number}", number + 1
        found[slug] = one
    return found


def _field_reference(name: str) -> Schema:
    return {"$ref": f"#/$defs/field.{name}"}

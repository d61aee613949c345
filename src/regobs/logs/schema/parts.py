"""A log schema taken apart: what it says of every line, and of the lines of each message.

Reads what `regobs logs schema` writes, and plain JSON Schemas of objects. Keywords beyond those are kept as they stand.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from regobs.logs.fields import ALIASES

Schema = Mapping[str, Any]
EVERY_LINE = ""
_UNDERSTOOD = frozenset(("type", "enum", "const", "minimum", "maximum", "pattern", "items", "properties", "required"))
_NOTES = frozenset(("title", "description", "format", "$schema", "$id", "$defs", "$comment", "$ref", "allOf"))


@dataclass(slots=True)
class ValueRules:
    """What a value must be; None where anything goes. Of several schemas for one value all hold."""

    types: frozenset[str] | None = None
    options: frozenset[str] | None = None  # as JSON
    minimum: float | None = None
    maximum: float | None = None
    patterns: frozenset[str] = frozenset()
    notes: dict[str, Any] = field(default_factory=dict)  # what no value is judged by: unit, index type, meaning
    others: dict[str, str] = field(default_factory=dict)  # keywords that are not understood, as JSON


@dataclass(slots=True)
class MessagePart:
    """The fields of some lines by their path (`target.references[].size`), and those that must be there."""

    title: str
    fields: dict[str, ValueRules] = field(default_factory=dict)
    required: set[str] = field(default_factory=set)
    others: dict[str, str] = field(default_factory=dict)  # of the object itself


def parts_of(document: Schema) -> dict[str, MessagePart]:
    """The parts of a document: under EVERY_LINE what all lines have, each message under its condition as text."""
    taken = _Taken(document)
    found = {EVERY_LINE: taken.part(_without_choice(document), "every line")}
    for condition, title, chosen in taken.choices():
        found[condition] = taken.part(chosen, title)
    return found


def _without_choice(document: Schema) -> Schema:
    return {**document, "allOf": [one for one in document.get("allOf", ()) if "if" not in one]}


class _Taken:
    def __init__(self, document: Schema) -> None:
        self._document = document

    def choices(self) -> Iterator[tuple[str, str, Schema]]:
        """Condition as text, title and schema of each message."""
        for one in self._document.get("allOf", ()):
            if isinstance(one, Mapping) and "if" in one:
                yield from self._branches(one, ())

    def _branches(self, node: Schema, conditions: tuple[Any, ...]) -> Iterator[tuple[str, str, Schema]]:
        if "if" in node:
            yield from self._branches(node.get("then", {}), (*conditions, node["if"]))
            if "else" in node:
                yield from self._branches(node["else"], (*conditions, {"not": node["if"]}))
        elif node:
            schema = self._resolved(node)
            condition = _text([_neutral(one) for one in conditions])
            yield condition, str(schema.get("title", condition)), schema

    def _resolved(self, schema: Schema) -> Schema:
        seen: set[str] = set()
        while "$ref" in schema and schema["$ref"] not in seen:
            seen.add(schema["$ref"])
            target: Any = self._document
            for step in str(schema["$ref"]).removeprefix("#/").split("/"):
                target = (
                    target.get(step.replace("~1", "/").replace("~0", "~"), {}) if isinstance(target, Mapping) else {}
                )
            schema = {**target, **{name: value for name, value in schema.items() if name != "$ref"}}
        return schema

    def part(self, schema: Schema, title: str) -> MessagePart:
        """The part that a schema of objects describes."""
        part = MessagePart(title)
        self._object(self._resolved(schema), "", part, must=True)
        return part

    def _object(self, schema: Schema, prefix: str, part: MessagePart, *, must: bool) -> None:
        """Put the fields of an object into the part; `must` says that the object itself is always there."""
        for one in schema.get("allOf", ()):
            if "if" in one:  # of an event: which fields an action has
                part.others["allOf"] = part.others.get("allOf", "") + _text(one)
            else:
                self._object(self._resolved(one), prefix, part, must=must)
        required = {f"{prefix}{name}" for name in schema.get("required", ())}
        part.required |= required if must else set()
        if required and not must:
            part.others[f"required below {prefix}"] = _text(sorted(required))
        for name, value in schema.get("properties", {}).items():
            path = f"{prefix}{name}"
            self._field(self._resolved(value), path, part, must=must and path in required)
        if not prefix:
            unknown = schema.keys() - _UNDERSTOOD - _NOTES
            part.others |= {name: _text(schema[name]) for name in unknown if not name.startswith("x-")}

    def _field(self, schema: Schema, path: str, part: MessagePart, *, must: bool) -> None:
        values = part.fields.setdefault(path, ValueRules())
        _narrow(values, schema)
        if "properties" in schema or "allOf" in schema:
            self._object(schema, f"{path}.", part, must=must)
        if isinstance(schema.get("items"), Mapping):
            self._field(self._resolved(schema["items"]), f"{path}[]", part, must=False)


def _narrow(values: ValueRules, schema: Schema) -> None:
    """Let the values be held to one more schema."""
    if "type" in schema:
        kinds = schema["type"]
        types = frozenset([kinds] if isinstance(kinds, str) else kinds)
        values.types = types if values.types is None else values.types & types
    if "enum" in schema or "const" in schema:
        options = frozenset(_text(one) for one in schema.get("enum", [schema.get("const")]))
        values.options = options if values.options is None else values.options & options
    if "minimum" in schema:
        values.minimum = schema["minimum"] if values.minimum is None else max(values.minimum, schema["minimum"])
    if "maximum" in schema:
        values.maximum = schema["maximum"] if values.maximum is None else min(values.maximum, schema["maximum"])
    if "pattern" in schema:
        values.patterns |= {schema["pattern"]}
    for name, value in schema.items():
        if name.startswith("x-") or name in {"title", "description", "format"}:
            values.notes[name] = value
        elif name not in _UNDERSTOOD and name not in _NOTES:
            values.others[name] = _text(value)


def _neutral(condition: Any) -> Any:
    """The condition with the name that a field has in every generation, so that `message: access` is `msg: access`."""
    if isinstance(condition, Mapping):
        return {ALIASES[name].field if name in ALIASES else name: _neutral(one) for name, one in condition.items()}
    if isinstance(condition, list):
        return [ALIASES[one].field if isinstance(one, str) and one in ALIASES else _neutral(one) for one in condition]
    return condition


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)

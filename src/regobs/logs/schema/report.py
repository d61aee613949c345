"""Log schemas read for a comparison, and what changed between two of them as text and JSON."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from regobs.common.counts import counted
from regobs.errors import InputError, Location
from regobs.logs.schema import files
from regobs.logs.schema.changes import Effect, SchemaChange

_SUFFIX = ".schema.json"


def read_schema(name: str) -> dict[str, Any]:
    """The schema of a file, or of a log stream that regobs has. Raises InputError."""
    bundled = files()
    if f"{name}{_SUFFIX}" in bundled:
        return _object(bundled[f"{name}{_SUFFIX}"], name)
    try:
        content = Path(name).read_bytes()
    except OSError as error:
        raise InputError(
            f"cannot read the schema: {error.strerror}",
            location=Location(name),
            expected="a JSON Schema file, or one of " + ", ".join(one.removesuffix(_SUFFIX) for one in bundled),
        ) from None
    return _object(content, name)


def _object(content: bytes, name: str) -> dict[str, Any]:
    try:
        document = json.loads(content)
    except json.JSONDecodeError as error:
        raise InputError(
            "this is no JSON", location=Location(name, error.lineno, error.colno), value=error.msg
        ) from None
    except (ValueError, RecursionError):  # no UTF-8, a number of thousands of digits, brackets within brackets
        raise InputError("this is no JSON", location=Location(name), expected="a JSON Schema in UTF-8") from None
    if not isinstance(document, dict) or not ({"properties", "allOf", "$ref"} & document.keys()):
        raise InputError(
            "this is no schema of log lines",
            location=Location(name),
            expected="an object with `properties` or `allOf`",
            next_step="`regobs logs schema NAME` writes one",
        )
    return document


def to_text(changes: Sequence[SchemaChange]) -> str:
    """The changes as a person reads them; what is the same in many messages stands once, with their number."""
    if not changes:
        return "No change."
    breaking = sum(one.effect is Effect.BREAKING for one in changes)
    lines = [f"{breaking} breaking, {len(changes) - breaking} compatible"]
    for effect in Effect:
        found = [one for one in changes if one.effect is effect]
        if found:
            lines += ["", f"{effect.value.capitalize()}:", *_lines(found)]
    return "\n".join(lines)


def _lines(changes: list[SchemaChange]) -> list[str]:
    messages: dict[SchemaChange, list[str]] = {}
    for one in changes:
        messages.setdefault(replace(one, message=""), []).append(one.message)
    return [_line(change, found) for change, found in messages.items()]


def _line(one: SchemaChange, messages: list[str]) -> str:
    turned = f" {one.was} -> {one.now}" if one.was and one.now else f" {one.was or one.now}".rstrip()
    shown = [repr(message) if message else "every line" for message in messages[:3]]
    where = ", ".join(shown) + (f" and {counted(len(messages) - 3, 'more message')}" if len(messages) > 3 else "")
    return f"  {f'{one.field}: ' if one.field else ''}{one.what}{turned} ({where})\n      {one.reason}"


def to_json(changes: Sequence[SchemaChange]) -> str:
    """The changes as JSON: `breaking` and `compatible` are numbers, `changes` has an object a change."""
    listed = [{**asdict(one), "effect": one.effect.value} for one in changes]
    counts = {effect.value: sum(one.effect is effect for one in changes) for effect in Effect}
    return json.dumps({**counts, "changes": listed}, indent=2, ensure_ascii=False)


FORMATS: dict[str, Callable[[Sequence[SchemaChange]], str]] = {"text": to_text, "json": to_json}

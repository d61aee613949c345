"""JSON Schema over documents: the first thing that is wrong, as one error at its place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from regobs.common.closest import did_you_mean
from regobs.documents.reading import Document
from regobs.errors import InputError, SloError

_TYPE_WORDS = {
    "object": "a mapping",
    "array": "a list",
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "null": "nothing",
}


def validate(document: Document, schema: Mapping[str, Any], error: type[InputError] = SloError) -> None:
    """Raise one `error`, the first in the text, when the document does not fit the JSON Schema (2020-12)."""
    validator = _validator(schema)
    faults = [
        _Fault(document, schema, leaf) for fault in validator.iter_errors(document.data) for leaf in _leaves(fault)
    ]
    if faults:
        raise min(faults, key=_Fault.order).error(error)


_compiled: dict[int, tuple[Mapping[str, Any], Any]] = {}  # by identity; the schema is kept, so the identity stays


def _validator(schema: Mapping[str, Any]) -> Any:
    """The compiled schema: a pack has many documents of few schemas."""
    import jsonschema_rs  # noqa: PLC0415 - a large extension module; only who validates pays for it

    if id(schema) not in _compiled:
        _compiled[id(schema)] = (schema, jsonschema_rs.validator_for(dict(schema), validate_formats=True))
    return _compiled[id(schema)][1]


def _leaves(fault: Any) -> list[Any]:
    """The faults of the branch of an anyOf or oneOf that came closest, or the fault itself."""
    branches = [branch for branch in _details(fault).get("context") or [] if branch]
    if not branches:
        return [fault]
    closest = min(branches, key=lambda branch: (-max(len(leaf.instance_path) for leaf in branch), len(branch)))
    return [leaf for inner in closest for leaf in _leaves(inner)]


def _details(fault: Any) -> dict[str, Any]:
    found: dict[str, Any] = fault.kind.as_dict()
    return found


class _Fault:
    """One fault of the validator, put in words."""

    def __init__(self, document: Document, schema: Mapping[str, Any], fault: Any) -> None:
        self._document = document
        self._schema = schema
        self._fault = fault
        self._details = _details(fault)
        self._path: tuple[str | int, ...] = tuple(fault.instance_path)
        self._keyword: str = fault.kind.name

    def order(self) -> tuple[int, int]:
        place = self._place()
        return place.line or 0, place.column or 0

    def _place(self) -> Any:
        unexpected = self._details.get("unexpected")
        if unexpected:
            return self._document.locate((*self._path, unexpected[0]), key=True)
        return self._document.locate(self._path)

    def error(self, error: type[InputError]) -> InputError:
        message, value, expected, step = self._words()
        return error(message, location=self._place(), value=value, expected=expected, next_step=step)

    def _words(self) -> tuple[str, Any, str, str]:
        name = _name(self._path)
        known = self._describe()
        if self._details.get("unexpected"):
            return self._unexpected(name)
        if self._keyword == "required":
            missing = self._details["property"]
            return f"{name} lacks the key {missing!r}", None, f"the key {missing!r}", f"add {missing!r} to {name}"
        value = _short(self._fault.instance)
        expected = f"{self._expectation()}{f' ({known})' if known else ''}"
        return f"{name} has a wrong value", value, expected, f"correct {name}"

    def _unexpected(self, name: str) -> tuple[str, Any, str, str]:
        key = self._details["unexpected"][0]
        keys = sorted(self._subschema(self._fault.schema_path[:-1]).get("properties", {}))
        expected = f"one of {', '.join(keys)}" if keys else "no such key"
        return f"{name} has an unknown key", key, expected, did_you_mean(key, keys, f"remove {key!r}")

    def _expectation(self) -> str:
        details = self._details
        if self._keyword == "type":
            types = details.get("types") or [details.get("type")]
            return " or ".join(_TYPE_WORDS.get(str(kind), str(kind)) for kind in types)
        if self._keyword == "enum":
            return "one of " + ", ".join(str(option) for option in details["options"])
        if self._keyword == "const":
            return str(details.get("expected_value"))
        if self._keyword == "pattern":
            return f"text that matches {details['pattern']}"
        limit = details.get("limit")
        words = {
            "minimum": f"at least {limit}",
            "maximum": f"at most {limit}",
            "exclusiveMinimum": f"more than {limit}",
            "exclusiveMaximum": f"less than {limit}",
            "minItems": f"at least {limit} items",
            "maxItems": f"at most {limit} items",
            "minLength": f"text of at least {limit} characters",
            "maxLength": f"text of at most {limit} characters",
            "minProperties": f"at least {limit} keys",
            "maxProperties": f"at most {limit} keys",
            "uniqueItems": "a list without repetitions",
            "format": f"a {details.get('format')}",
        }
        return words.get(self._keyword, str(self._fault.message))

    def _describe(self) -> str:
        return str(self._subschema(self._fault.schema_path[:-1]).get("description", ""))

    def _subschema(self, path: list[str | int]) -> dict[str, Any]:
        """The schema node at a path, through references inside the same schema; empty when it cannot be found."""
        node: Any = self._schema
        for step in path:
            if isinstance(node, Mapping) and step == "$ref":
                node = self._follow(str(node.get("$ref", "")))
            else:
                node = _step(node, step)
        return dict(node) if isinstance(node, Mapping) else {}

    def _follow(self, reference: str) -> Any:
        node: Any = self._schema
        for step in reference.removeprefix("#").strip("/").split("/"):
            node = node.get(step, {}) if isinstance(node, Mapping) else {}
        return node


def _step(node: Any, step: str | int) -> Any:
    if isinstance(node, list):
        return node[step] if isinstance(step, int) and step < len(node) else None
    return node.get(step) if isinstance(node, Mapping) else None


def _name(path: tuple[str | int, ...]) -> str:
    """`spec.objectives[0].target`, as a person would point at it."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text or "the document"


def _short(value: object) -> str:
    text = str(value) if not isinstance(value, str) else value
    return text if len(text) <= 120 else text[:117] + "..."

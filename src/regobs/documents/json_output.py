"""What `--format json` of each command writes: one file of shapes, and the JSON Schema and the page made of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import yaml

_FILE = Path(__file__).with_name("json_output.yaml")
_TYPES: dict[str, dict[str, Any]] = {
    "text": {"type": "string"},
    "number": {"type": "number"},
    "integer": {"type": "integer"},
    "boolean": {"type": "boolean"},
    "null": {"type": "null"},
    "any": {},
}
_OR_NULL = " or null"


def command_shapes() -> dict[str, Any]:
    """The shape of each command's output, by the command's words."""
    found: dict[str, Any] = yaml.safe_load(_FILE.read_text(encoding="utf-8"))["commands"]
    return found


def json_schema() -> dict[str, Any]:
    """One JSON Schema; each command has its own below `$defs`, its words joined by `_`."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "What the commands of regobs write with --format json",
        "$defs": {name.replace(" ", "_"): _schema(shape) for name, shape in command_shapes().items()},
    }


def _schema(shape: Any) -> dict[str, Any]:
    if isinstance(shape, list):
        return {"type": "array", "items": _schema(shape[0])}
    if not isinstance(shape, dict):
        kinds = [_TYPES[word] for word in shape.split(" or ")]
        return kinds[0] if len(kinds) == 1 else {"anyOf": kinds}
    if "*" in shape:
        return {"type": "object", "additionalProperties": _schema(shape["*"])}
    return {
        "type": "object",
        "required": [_key(key) for key in shape if not key.removesuffix(_OR_NULL).endswith("?")],
        "properties": {_key(key): _property(key, value) for key, value in shape.items()},
        "additionalProperties": False,
    }


def _key(key: str) -> str:
    return key.removesuffix(_OR_NULL).removesuffix("?")


def _property(key: str, shape: Any) -> dict[str, Any]:
    return {"anyOf": [_schema(shape), _TYPES["null"]]} if key.endswith(_OR_NULL) else _schema(shape)


def files() -> dict[str, bytes]:
    """The page and the JSON Schema, by file name."""
    schema = json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n"
    return {"json-reference.md": _page().encode(), "json-reference.schema.json": schema.encode()}


_HEAD = """# JSON of the commands

Made by `make generate`; a test runs every command on a real server and compares.
[json-reference.schema.json](json-reference.schema.json) is the same as one JSON Schema: each command stands below
`$defs` with its words joined by `_`, such as `catalog_check`.

A word is a type; `[x]` is a list; `"*": x` stands for any number of keys; a key with `?` may be absent, one with
`or null` may be null; `any` is what the metric, log line or query itself has. Times are seconds since 1970, durations
seconds, shares from 0 to 1, where the name of a key says nothing else. `query expr` is what `regobs query EXPR` writes;
`logs tail` writes one document a line. A key that is here stays; new ones may come, so pass over those that you do not
know.
"""


def _page() -> str:
    parts = [_HEAD]
    for name, shape in command_shapes().items():
        text = yaml.dump(shape, Dumper=_Plain, sort_keys=False, default_flow_style=None, width=110)
        parts.append(f"## regobs {name}\n\n```yaml\n{text}```\n")
    return "\n".join(parts)


class _Plain(yaml.SafeDumper):
    """Writes shared shapes out, where they are used."""

    def ignore_aliases(self, data: Any) -> bool:
        del data
        return True

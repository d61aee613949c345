"""Log lines made from schemas, and the real ones."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from regobs.logs.messages.message import GAP, Message
from regobs.logs.messages.streams import STREAMS, Stream
from regobs.logs.schema import flat

DATA = Path(__file__).parents[1] / "data"
GITLAB = DATA / "gitlab-registry-4.32.log.jsonl.gz"
DOCKER = (DATA / "docker-registry-2.8.2.json.log.gz", DATA / "docker-registry-2.8.2.text.log.gz")
NEWER_DISTRIBUTION = (DATA / "distribution-3.1.2.json.log.gz", DATA / "distribution-3.1.2.text.log.gz")
DIGEST = "sha256:" + "ab" * 32


def real(path: Path) -> list[bytes]:
    """The lines of a recorded log."""
    return gzip.decompress(path.read_bytes()).splitlines()


def records(path: Path = GITLAB) -> list[dict[str, Any]]:
    """The lines of a recorded log that are JSON."""
    return [json.loads(line) for line in real(path) if line.startswith(b"{")]


def all_messages() -> Iterator[tuple[Stream, Message]]:
    """Every message of every stream."""
    for stream in STREAMS:
        for message in stream.messages:
            yield stream, message


def text_of(message: Message) -> str:
    """A text that the message stands for."""
    return message.text.replace(GAP, "anything")


def made(stream: Stream, message: Message, *, whole: bool = True) -> dict[str, Any]:
    """A valid line of a message, with all of its fields or only with those it must have."""
    schema = flat(stream, message, closed=True)
    names = schema["properties"] if whole else schema["required"]
    line = {name: value_for(schema["properties"][name], name) for name in names}
    if stream.text_key:
        line[stream.text_key] = text_of(message)
    if message.when is not None:
        name, value = message.when
        line[name] = value if value is not None else line.get(name, "present")
    if message.among is not None and message.among[0] in line:
        line[message.among[0]] = message.among[1][0]
    return line


def value_for(schema: Mapping[str, Any], name: str = "") -> Any:
    """A value that fits a field's schema."""
    if "enum" in schema:
        return schema["enum"][0]
    kinds = schema.get("type", "string")
    kind = kinds if isinstance(kinds, str) else kinds[0]
    if kind == "string":
        known = (DIGEST, "2026-11-23T11:11:21.645Z", "2026-11-23T11:11:21", "1m2.5ms", "HTTP/1.1", "text")
        return next(text for text in known if fits_pattern(schema, text))
    return {"integer": max(3, schema.get("minimum", 3)), "number": 0.25, "boolean": True, "array": ["a"], "object": {}}[
        kind
    ]


def fits_pattern(schema: Mapping[str, Any], text: str) -> bool:
    """Whether a text fits the pattern of a schema, if it has one."""
    import re

    return "pattern" not in schema or re.search(schema["pattern"], text) is not None


def wrong_for(schema: Mapping[str, Any]) -> list[Any]:
    """Values that do not fit a field's schema: another type, outside the set, below the limit."""
    if "type" not in schema:
        return []
    kinds = schema["type"]
    kind = kinds if isinstance(kinds, str) else kinds[0]
    by_kind: dict[str, list[Any]] = {
        "string": [5, True, ["text"], {}],
        "integer": ["5", 5.5, True, []],
        "number": ["5.5", False, {}],
        "boolean": ["true", 1, 0],
        "array": ["a", {}, [5]],
        "object": ["text", [], 5],
    }
    wrong = [*by_kind[kind], *([] if "null" in kinds else [None])]
    if "enum" in schema:
        wrong.append("no such value")
    if "pattern" in schema:
        wrong.append("no such form")
    if "minimum" in schema:
        wrong.append(schema["minimum"] - 1)
    return wrong

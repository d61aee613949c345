"""The schema of a message as a type that JSON is decoded to, which tells most valid lines in half the time.

What decodes is valid; what does not may be valid or not, and goes the long way. So a schema is translated only as far
as both sides surely mean the same, and a field beyond that is one that the type does not know.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

import msgspec

_TYPES: Mapping[str, Any] = {"string": str, "integer": int, "boolean": bool, "number": float, "null": None}
_KNOWN = frozenset({"type", "enum", "pattern", "minimum", "maximum"})
# Anchors around plain characters, classes, groups and counts: the same in ECMA 262 and Python but for the `$`.
_PATTERN = re.compile(r"\^(?:[A-Za-z0-9:|?*+{},()-]|\[[^\\\]^]+\]|\\[.+/-])*\$")


def decoder(schema: Mapping[str, Any], key: str, text: str) -> Callable[[bytes], object] | None:
    """Decodes lines whose field `key` is the text and which are valid; raises msgspec.MsgspecError for others.

    `schema` is a closed one. None when it cannot be translated.
    """
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    names: dict[str, str] = {}
    # In the order of the names, in which logrus writes them: the decoder looks for the next field from the last one on.
    for number, (name, constraints) in enumerate(sorted(schema["properties"].items())):
        kind = Literal[text] if name == key else _type(constraints)
        required = name in schema["required"]
        if kind is None:
            if required:
                return None
            continue
        names[f"f{number}"] = name
        if required:
            fields.append((f"f{number}", kind))
        else:
            fields.append((f"f{number}", kind | msgspec.UnsetType, msgspec.UNSET))
    line = msgspec.defstruct("Line", fields, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)
    return msgspec.json.Decoder(line).decode


def _type(constraints: Mapping[str, Any]) -> Any:
    """The type of a field; None when there is none that surely means the same."""
    if "type" not in constraints or not constraints.keys() <= _KNOWN:
        return None
    if "enum" in constraints:
        options = tuple(constraints["enum"])
        return Literal[options] if all(one is None or isinstance(one, str) for one in options) else None
    kinds = constraints["type"]
    kinds = [kinds] if isinstance(kinds, str) else kinds
    pattern = constraints.get("pattern")
    if not set(kinds) <= set(_TYPES) or (pattern is not None and not _PATTERN.fullmatch(pattern)):
        return None
    first, *rest = (_TYPES[one] for one in kinds)
    if pattern is not None:
        first = Annotated[first, msgspec.Meta(pattern=f"{pattern[:-1]}\\Z")]
    elif constraints.keys() & {"minimum", "maximum"}:
        first = Annotated[first, msgspec.Meta(ge=constraints.get("minimum"), le=constraints.get("maximum"))]
    for one in rest:
        first = first | one
    return first

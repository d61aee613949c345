"""Writing JSON for people and diffs, many times faster than the standard library does it with an indent."""

from __future__ import annotations

from typing import Any

import msgspec


def dump_json(data: Any, *, sorted_keys: bool = False) -> bytes:
    """Plain data as JSON in UTF-8: two blanks an indent, no escapes but the needed, a newline at the end.

    The same data gives the same bytes: keys stand in their order, or sorted. Not-a-number becomes null.
    """
    text = msgspec.json.encode(data, order="sorted" if sorted_keys else None)
    return msgspec.json.format(text, indent=2) + b"\n"

"""The JSON of an answer, and what is wrong with one that is none."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import requests

_LONG = 1_000_000  # bytes
_HALVES = re.compile(rb"\\u[dD][89a-fA-F]")  # of a pair of UTF-16
_BEGUN = re.compile(r"[tfnNI-][A-Za-z]{0,8}|\.|[eE][+-]?|u?[0-9A-Fa-f]{0,4}")  # of a value whose end is missing


def _long_body(response: requests.Response) -> object:
    """The JSON of a long answer, in less time. Raises ValueError."""
    import msgspec  # noqa: PLC0415 - to load it takes longer than to read a short answer

    from regobs.prometheus.long_matrix import read_matrix  # noqa: PLC0415 - loads msgspec

    if b'"-0"' not in response.content:  # whose sign is lost in reading it so
        with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):  # no matrix, infinite, a wrong time
            return read_matrix(response.content)
    try:
        return msgspec.json.decode(response.content)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return response.json()  # which takes other encodings, too


def json_object(response: requests.Response) -> Mapping[str, Any] | None:
    """The body if it is a JSON object, else None."""
    try:
        body = _long_body(response) if len(response.content) > _LONG else response.json()
        if b"\\u" in response.content and _HALVES.search(response.content):  # to look for a text takes a tenth
            body = _whole(body)
    except (ValueError, RecursionError):  # brackets in brackets by the thousand
        return None
    return body if isinstance(body, dict) else None


def _whole(data: Any) -> Any:
    """The data with U+FFFD for each half of a pair that stands alone: no file and no terminal takes such a text."""
    if isinstance(data, str):
        return data.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(data, dict):
        return {_whole(name): _whole(value) for name, value in data.items()}
    return [_whole(one) for one in data] if isinstance(data, list) else data


def wrong_json(text: str) -> str:
    """Where a text is no JSON and why; "" where only its end is missing."""
    try:
        json.loads(text)
    except RecursionError:
        return "brackets within brackets, by the thousand"
    except json.JSONDecodeError as error:
        rest = text[error.pos :].strip()
        if not rest or error.msg.startswith("Unterminated string") or _BEGUN.fullmatch(rest):
            return ""
        near = " ".join(text[max(error.pos - 20, 0) : error.pos + 20].split())
        return f"{error.msg}, at character {error.pos + 1:,} of {len(text):,}: {near!r}"
    except ValueError:
        return "a number of thousands of digits"
    return "it reads as JSON only in another encoding"

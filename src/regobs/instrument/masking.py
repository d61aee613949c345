"""Secrets out of the fields of a log line: by the names of fields, in structures of any kind, and in every text."""

from __future__ import annotations

import json
from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from regobs.instrument.redaction import MASK, redacted_uri
from regobs.instrument.secret_names import is_secret
from regobs.instrument.text_masking import redacted_text

__all__ = ["redacted_fields", "redacted_text"]

_DEEPEST = 8
_LONGEST_JSON = 64 << 10  # characters of a text that is read as JSON
_URI_FIELDS = frozenset({"uri", "url", "request_url", "referer", "referrer", "URI", "URL", "Referer", "Location"})
_NAMES, _VALUES = ("name", "key", "header"), frozenset({"value", "values", "val"})


def redacted_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with the values of secret names masked, and all texts in them redacted, however deep they are.

    A name is that of a field, or what stands before its value: headers as pairs or as one list, `name` and `value`.
    A text that is JSON is looked through like a structure. What JSON does not know becomes text first: an exception, a
    path, a number that is not finite.
    """
    return {_shown(name): _value(name, value, 0) for name, value in fields.items()}


def _shown(name: object) -> str:
    return _known(name) if isinstance(name, str) else redacted_text(str(name))


_known = lru_cache(maxsize=1024)(redacted_text)  # the names of fields are few


def _value(name: object, value: Any, depth: int) -> Any:
    if is_secret(name):
        return MASK if value not in (None, "") else value
    if isinstance(value, str):  # first: most are
        return _text(name, value, depth)
    if value is None or isinstance(value, (bool, int)) or (isinstance(value, float) and value - value == 0):
        return value
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return _mapping(value, depth + 1)
        if isinstance(value, (list, tuple, AbstractSet)):
            return _items(name, list(value), depth + 1)
    bare = isinstance(value, (bytes, bytearray))
    return _text(name, value.decode("utf-8", "replace") if bare else str(value), depth)


def _text(name: object, text: str, depth: int) -> str:
    if text.startswith(("{", "[")) and depth < _DEEPEST and len(text) <= _LONGEST_JSON:
        text = _json(text, depth + 1)
    return redacted_text(redacted_uri(text) if name in _URI_FIELDS else text)


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    """An object; one that tells a name and its value in two fields, such as a header, has the value masked too."""
    named = any(is_secret(one) for key, one in value.items() if str(key).lower() in _NAMES)
    return {
        _shown(key): _value("secret" if named and str(key).lower() in _VALUES else key, one, depth)
        for key, one in value.items()
    }


def _items(name: object, items: list[Any], depth: int) -> list[Any]:
    """A list, in which what follows the name of a secret is one: a pair, raw headers, the arguments of a command."""
    names = [name, *(one if is_secret(one) else name for one in items)]
    return [_value(before, one, depth) for before, one in zip(names, items, strict=False)]


def _json(text: str, depth: int) -> str:
    """A text that is JSON: as it was, or written anew without its secrets."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    shown = _value("", content, depth)
    return text if shown == content else json.dumps(shown, separators=(",", ":"), ensure_ascii=False)

"""Secrets out of the fields of a log line: by the names of fields, in structures of any kind, and in every text."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from functools import lru_cache
from typing import Any

from regobs.secrets.mask import MASK
from regobs.secrets.names import is_secret
from regobs.secrets.texts import redacted_text
from regobs.secrets.uris import redacted_uri

__all__ = ["redacted_fields", "redacted_text"]

_DEEPEST = 8
_LONGEST_JSON = 64 << 10  # characters of a text that is read as JSON
_BITS = 4096  # of a whole number that JSON can be expected to hold
_URI_FIELDS = frozenset({"uri", "url", "request_url", "referer", "referrer", "URI", "URL", "Referer", "Location"})
_NAMES, _VALUES = ("name", "key", "header"), frozenset({"value", "values", "val"})
_KEY_PARTS = frozenset({"d", "p", "q", "dp", "dq", "qi", "k", "oth"})  # of a JSON web key, RFC 7518, section 6
_PERSONAL = frozenset({"user"})  # who acted, in an event of a registry
# Options of a command, and the programs that expect a secret behind them.
_OPTIONS = {
    "-p": ("login", "sshpass"),
    "-a": ("redis-cli",),
    "-w": ("ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldapwhoami", "ldappasswd"),
}
_USER_OPTIONS = frozenset({"-u", "-U", "--user", "--proxy-user"})


def redacted_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with the values of secret names masked, and all texts in them redacted, however deep they are.

    A name is that of a field, or what stands before its value: headers as pairs or as one list, `name` and `value`.
    A text that is JSON is looked through like a structure. What JSON does not know becomes text first: an exception, a
    path, a number that is not finite. A value that raises when it is looked at is named by its class.
    """
    try:
        return {_shown(name): _value(name, value, 0) for name, value in fields.items()}
    except Exception:  # noqa: BLE001 (whatever a type of others raises)
        return {_tried(_shown, name): _tried(_value, value, name, value, 0) for name, value in fields.items()}


def _tried(show: Callable[..., Any], one: object, *arguments: object) -> Any:
    """What it shows of one; its class where that raises."""
    try:
        return show(*arguments or (one,))
    except Exception:  # noqa: BLE001 (as above)
        return _silent(one)


def _silent(value: object) -> str:
    return f"<{type(value).__name__} without a text>"


def _shown(name: object) -> str:
    return _known(name) if isinstance(name, str) and len(name) <= 256 else redacted_text(text_of(name))


_known = lru_cache(maxsize=1024)(redacted_text)  # the names of fields are few
_OFTEN = 64  # characters of a text that is remembered: words, names, media types, not digests
_often = lru_cache(maxsize=4096)(redacted_text)


def _value(name: object, value: Any, depth: int) -> Any:  # noqa: PLR0911 (one return a type)
    if is_secret(name):
        return value if value is None or (isinstance(value, str) and not value) else MASK
    if isinstance(value, str):  # first: most are
        return _text(name, value, depth)
    if value is None or isinstance(value, bool) or (isinstance(value, float) and value - value == 0):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= _BITS else f"a number of {value.bit_length()} bits"
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return _mapping(name, value, depth + 1)
        if isinstance(value, (list, tuple, AbstractSet)):
            return _items(name, list(value), depth + 1)
    return _text(name, text_of(value), depth)


def _name(key: object) -> str:
    return key if isinstance(key, str) else text_of(key)


def text_of(value: Any) -> str:
    """The text of a value of any kind, also of one that can not tell it."""
    try:
        return value.decode("utf-8", "replace") if isinstance(value, (bytes, bytearray)) else str(value)
    except Exception:  # noqa: BLE001 (whatever an application's __str__ raises)
        return _silent(value)


def _text(name: object, text: str, depth: int) -> str:
    if text.startswith(("{", "[")) and depth < _DEEPEST and len(text) <= _LONGEST_JSON:
        text = _json(text, depth + 1)
    if name in _URI_FIELDS:
        text = redacted_uri(text)
    return _often(text) if len(text) <= _OFTEN else redacted_text(text)


def _mapping(name: object, value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    """An object; one that tells a name and its value in two fields, such as a header, has the value masked too."""
    hidden: AbstractSet[str] = frozenset()
    if any(is_secret(one) for key, one in value.items() if text_of(key).lower() in _NAMES):
        hidden = _VALUES
    elif name == "actor":
        hidden = _PERSONAL
    elif "kty" in value:
        hidden = _KEY_PARTS
    return {
        _shown(key): _value("secret" if hidden and text_of(key).lower() in hidden else _name(key), one, depth)
        for key, one in value.items()
    }


def _items(name: object, items: list[Any], depth: int) -> list[Any]:
    """A list, in which what follows the name of a secret is one: a pair, raw headers, the arguments of a command."""
    shown, before, words = [], name, [one for one in items if isinstance(one, str)]
    for place, one in enumerate(items):
        shown.append(_value(before, one, depth))
        if isinstance(one, (str, bytes)) and one in ("AUTH", "auth", b"AUTH", b"auth"):  # of Redis
            return [*shown, *(MASK for _ in items[place + 1 :])]
        given = isinstance(one, str) and (
            (one in _OPTIONS and any(word.rpartition("/")[2] in _OPTIONS[one] for word in words))
            or (one in _USER_OPTIONS and ":" in "".join(text_of(after) for after in items[place + 1 : place + 2]))
        )
        before = "secret" if given else one if is_secret(one) else name
    return shown


def _json(text: str, depth: int) -> str:
    """A text that is JSON: as it was, or written anew without its secrets."""
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        return text
    shown = _value("", content, depth)
    return text if shown == content else json.dumps(shown, separators=(",", ":"), ensure_ascii=False)

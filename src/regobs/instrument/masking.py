"""Secrets out of what an application logs: out of its texts, and out of its fields.

Unlike a request URI a message can not be held to a list of what may stay, so what carries a secret is looked for: user
information and queries of URLs (there the list of what may stay holds, see `redaction`), credentials after Bearer and
Basic, headers and parameters that are named like a secret, JSON web tokens and GitLab tokens. Too much is masked rather
than too little: a header to the end of its line, a value to the next space.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import unquote

from regobs.instrument.redaction import MASK, redacted_uri

_DEEPEST = 8
_WORDS = (
    r"(?:_|%5f)state|signature|\bsig|password|passwd|passphrase|secret|token|api[-_]?key|private[-_]?key|secret[-_]?key"
    r"|access[-_]?key(?:[-_]?id)?|credentials?|google[-_]?access[-_]?id|x-(?:amz|goog|ms)-[\w-]{1,40}"
)
_STEMS = ("state", "sig", "pass", "secret", "token", "key", "credential", "access", "x-")  # one is in each of these
_USERINFO = re.compile(r"((?::|%3a)(?:/|%2f){2})\S*(?:@|%40)", re.IGNORECASE)
_QUERY = re.compile(r"\?\S+")
_SEPARATOR = re.compile(r"(&amp;|\\u0026|[&;])")
_HEADER = re.compile(
    r"((?:authorization|cookie|x-registry-auth)\\?[\"']?\s{0,4}(?:[:=]>?|,)\s{0,4})(\\?[\"'\[(]{0,3})[^\r\n]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(
    r"\b(bearer|basic)([\s:]+)(?!(?:auth\w*|token|realm|scheme|credentials?|challenge)\b(?![~+/=.-]))[^\s,]+",
    re.IGNORECASE,
)
_NAMED = re.compile(
    rf"((?:{_WORDS})s?\\?[\"']?\]?\s{{0,4}}(?:=>?|:)\s{{0,4}})"
    r"(?:\\?\"(?:[^\"\\]|\\.)*\"?|\\?'(?:[^'\\]|\\.)*'?|[^\s&]+)",
    re.IGNORECASE,
)
_TOKENS = re.compile(r"\beyJ[\w-]+\.[\w-]+(?:\.[\w-]*)*|\bgl[a-z]{2,6}-[\w-]{16,}")

_SECRET_FIELDS = frozenset(
    {
        *(
            "_state",
            "authorization",
            "cookie",
            "credential",
            "credentials",
            "passphrase",
            "passwd",
            "password",
            "secret",
        ),
        *("api_key", "access_key", "private_key", "secret_key", "sig", "signature", "string_to_sign", "token"),
        *("proxy_authorization", "set_cookie", "x_registry_auth"),
    }
)
_SECRET_ENDS = (
    "_token",
    "_password",
    "_passwd",
    "_secret",
    "_signature",
    "_credential",
    "_authorization",
    "_secret_key",
)
_URI_FIELDS = frozenset({"uri", "url", "request_url", "referer", "referrer"})


def redacted_text(text: str) -> str:
    """A text without what looks like a secret. Doing it twice changes nothing more."""
    seen = text.lower()  # most texts hold none of these, and looking for them is cheap
    if "@" in seen or "%40" in seen:
        text = _USERINFO.sub(rf"\1{MASK}@", text)
    if "authorization" in seen or "cookie" in seen or "x-registry-auth" in seen:
        text = _HEADER.sub(rf"\1{MASK}", text)
    if "bearer" in seen or "basic" in seen:
        text = _SCHEME.sub(rf"\1\2{MASK}", text)
    if "?" in seen:
        text = _QUERY.sub(_query, text)
    if ("=" in seen or ":" in seen) and any(stem in seen for stem in _STEMS):
        text = _NAMED.sub(rf"\1{MASK}", text)
    return _TOKENS.sub(MASK, text) if "eyj" in seen or "gl" in seen else text


def redacted_fields(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Fields with the values of secret names masked, and all texts in them redacted, however deep they are.

    What JSON does not know becomes text first: an exception, a path, a number that is not finite.
    """
    return {redacted_text(str(name)): _value(str(name), value, 0) for name, value in fields.items()}


def _value(name: str, value: Any, depth: int) -> Any:
    plain = unquote(name).lower().replace("-", "_")
    if plain in _SECRET_FIELDS or plain.endswith(_SECRET_ENDS) or plain.startswith(("x_amz_", "x_goog_")):
        return MASK if value not in (None, "") else value
    if value is None or isinstance(value, (bool, int)):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    if depth < _DEEPEST:
        if isinstance(value, Mapping):
            return {redacted_text(str(key)): _value(str(key), one, depth + 1) for key, one in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_value(name, one, depth + 1) for one in value]
    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
    return redacted_text(redacted_uri(text) if plain in _URI_FIELDS else text)


def _query(found: re.Match[str]) -> str:
    """What follows a question mark up to the next space, pair by pair."""
    parts = _SEPARATOR.split(found[0][1:])
    return "?" + "".join(part if _SEPARATOR.fullmatch(part) else redacted_uri(f"?{part}")[1:] for part in parts)

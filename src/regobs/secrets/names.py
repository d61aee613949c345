"""Which names stand for a secret: those of log fields, headers, query parameters, options and settings."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from regobs.secrets.decoding import decoded

_LONGEST = 200  # characters of a name
_WHOLE = frozenset(
    {
        *("auth", "sig", "pwd", "pass", "cookie", "cookies", "setcookie", "xregistryauth", "xregistryconfig", "bearer"),
        *("otp", "totp", "dbpass", "userpass", "smtppass", "redispass", "rootpass", "adminpass", "requirepass"),
        *("masterauth", "connectsid", "session", "sid", "hmac"),
        "authuser",  # the registry logs the user of a token with the token in it
    }
)
_INSIDE = ("password", "passwd", "passphrase", "passcode", "secret", "authorization")
_KEYS = (
    *("api", "access", "private", "account", "encryption", "encrypt", "decryption", "signing", "shared", "master"),
    *("storage", "session", "client", "ssh", "hmac", "aes", "jwt", "license", "licence", "subscription", "webhook"),
    *("cipher", "crypto", "admin", "app", "application", "service", "recovery", "auth"),
)
_ENDS = (
    *("token", "tokens", "signature", "signatures", "stringtosign", "googleaccessid", "credential", "credentials"),
    *("pwd", "cookie", "jwt", "jwts", "creds", "sessionid", "sessid", "authheader", "authheaders", "privateexponent"),
    *(f"{key}key{end}" for key in _KEYS for end in ("", "s", "id")),
)
# A fact about a secret: `password_policy`, `secret_name`, `password_changed_at`.
_ABOUT = (
    *("policy", "length", "expiry", "type", "count", "name", "path", "file", "enabled", "required", "strength", "age"),
    *("at", "attempts", "rotation", "version", "algorithm", "ttl"),
)
_LAST = ("_key_base", "-key-base", "_pass", "-pass", ".pass", " pass", "_auth", "_session", "_otp")
_SIGNED = ("xamz", "xgoog")  # headers and parameters of signed requests
_OTHER = re.compile(r"[^a-z0-9]+")
# Words behind the name of a secret that leave it one: in which form it is, and which of several.
TAILS: Final = (
    *("hash", "values?", "val", "b64", "base64", "plain", "plaintext", "raw", "text", "data", "string", "str", "pem"),
    *("old", "new", "previous", "primary", "secondary", "backup", "prod", "production", "staging", "live"),
)
# Whole words behind the name of a secret: `token_value`, `tokenValue`, `api_key2`, not those of `tokens_total`.
_TAIL = re.compile(
    rf"(?:(?i:[-_. ](?:{'|'.join(TAILS)}))|(?<=[a-z0-9])(?:{'|'.join(word.capitalize() for word in TAILS)})"
    r"|[-_. ]?[0-9]{1,3}){1,3}\Z"
)


def is_secret(name: object) -> bool:
    """Whether what has this name is a secret: `accessToken`, `X-Amz-Signature`, `redis.password`, `--token`, `_state`.

    `state` is none: that of an upload has the underscore.
    """
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and 2 < len(name) <= _LONGEST and _is_secret(name)


def is_secret_header(name: str) -> bool:
    """Whether a header of this name usually holds a secret: its value stands in no argument and in no regobs.toml."""
    return is_secret(name) or any(word in name.lower() for word in ("cookie", "token", "api-key"))


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    text = name if name.isascii() and "%" not in name else decoded(name)
    short = _TAIL.sub("", text)
    return _is_one(text.lower()) or (short != text and _is_one(short.lower()))


def _is_one(text: str) -> bool:
    """Whether a name in small letters is that of a secret, without regard to what may stand behind one."""
    plain = _OTHER.sub("", text)
    if plain == "state":
        return text.strip() == "_state"
    if plain in _WHOLE or plain.endswith(_ENDS) or plain.startswith(_SIGNED) or text.endswith(_LAST):
        return True
    return any(word in plain for word in _INSIDE) and not text.endswith(tuple(f"_{about}" for about in _ABOUT))

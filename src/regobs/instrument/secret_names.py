"""Which names stand for a secret: those of log fields, headers, query parameters, options and settings."""

from __future__ import annotations

import re
from functools import lru_cache

from regobs.instrument.decoding import decoded

_LONGEST = 200  # characters of a name
_WHOLE = frozenset({"auth", "sig", "pwd", "pass", "cookie", "setcookie", "xregistryauth", "xregistryconfig"})
_INSIDE = ("password", "passwd", "passphrase", "secret", "authorization")
_ENDS = (
    *("token", "apikey", "accesskey", "accesskeyid", "privatekey", "signature", "stringtosign", "googleaccessid"),
    *("credential", "credentials", "pwd", "cookie"),
)
_SIGNED = ("xamz", "xgoog")  # headers and parameters of signed requests
_OTHER = re.compile(r"[^a-z0-9]+")


def is_secret(name: object) -> bool:
    """Whether what has this name is a secret: `accessToken`, `X-Amz-Signature`, `redis.password`, `--token`, `_state`.

    `state` is none: that of an upload has the underscore.
    """
    if isinstance(name, bytes):
        name = name.decode("latin-1")
    return isinstance(name, str) and 2 < len(name) <= _LONGEST and _is_secret(name)


@lru_cache(maxsize=4096)
def _is_secret(name: str) -> bool:
    text = name.lower() if name.isascii() and "%" not in name else decoded(name).lower()
    plain = _OTHER.sub("", text)
    if plain == "state":
        return text.strip() == "_state"
    if plain in _WHOLE or plain.endswith(_ENDS) or plain.startswith(_SIGNED):
        return True
    return any(word in plain for word in _INSIDE)

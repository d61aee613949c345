"""Who may come in: one user with a password, or everybody."""

from __future__ import annotations

import base64
import binascii
import hmac

from examples.registry.problem import Problem

_CHALLENGE = {"WWW-Authenticate": 'Basic realm="registry"'}


class Access:
    """Checks the Authorization header. Without a user everybody may come in."""

    def __init__(self, user: str, password: str) -> None:
        self._user = user
        self._expected = f"{user}:{password}".encode()

    def admit(self, authorization: str) -> str:
        """The user of a request. Problem when the credentials are missing or wrong."""
        if not self._user:
            return ""
        scheme, _, text = authorization.partition(" ")
        try:
            given = base64.b64decode(text, validate=True) if scheme.lower() == "basic" else b""
        except (binascii.Error, ValueError):
            given = b""
        if not hmac.compare_digest(given, self._expected):
            raise Problem("UNAUTHORIZED", headers=_CHALLENGE)
        return self._user

"""Addresses on the command line, where every user of the machine can read them: none may hold a password."""

from __future__ import annotations

import re

from regobs.errors import InputError

# User and password stand before an @ that is not in the query, whether or not a / in the password is escaped. The
# second form has no scheme; a file such as a/b:c@d is none.
_USERINFO = r"[a-z][a-z0-9+.-]*://[^?#@]*@|[^/?#@:]*:[^?#@]*@"


class PublicUrl:
    """The type of an option or argument that takes an address; `instead` says where its secrets belong."""

    __name__ = "url"  # click asks a function that is a type for its name

    def __init__(self, instead: str) -> None:
        self._instead = instead

    def __call__(self, text: str) -> str:
        """The text as it is. Raises InputError, which shows neither user nor password, where one stands in it."""
        if "@" in text and re.match(_USERINFO, text.strip(), re.IGNORECASE):
            raise InputError(
                "a secret on the command line, where every user of this machine can read it",
                value="user or password in the URL",
                expected="an address without a password and a user",
                next_step=self._instead,
            )
        return text


# The metrics of a registry, by URL, file or -.
EXPOSITION = PublicUrl("put user and password into ~/.netrc, or give - and let another program fetch it")

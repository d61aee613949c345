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
        """The text as it is. Raises InputError where user or password stand in it, none of them shown, or no host."""
        if "@" in text and re.match(_USERINFO, text.strip(), re.IGNORECASE):
            raise InputError(
                "a secret on the command line, where every user of this machine can read it",
                value="user or password in the URL",
                expected="an address without a password and a user",
                next_step=self._instead,
            )
        if re.match(r"\s*https?:", text, re.IGNORECASE):
            _judge(text.strip())
        return text


def _judge(url: str) -> None:
    """Raise InputError for an address that can be none; what belongs into it besides is for each command to say."""
    from regobs.common.addresses import fault_of_url  # noqa: PLC0415 - --help needs none of them
    from regobs.prometheus.address import redact  # noqa: PLC0415

    if fault := fault_of_url(url, user=True, query=True):
        raise InputError(
            f"the address {fault}",
            value=redact(url),
            expected="http or https, a host, and a port of 1 to 65535 where one stands: https://registry.example.com:5000",
            next_step="correct it",
        )


# The metrics of a registry, by URL, file or -.
EXPOSITION = PublicUrl("put user and password into ~/.netrc, or give - and let another program fetch it")

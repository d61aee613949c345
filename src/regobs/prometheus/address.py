"""Where a Prometheus is, and the secret that opens it, kept apart from the first moment."""

from __future__ import annotations

import re
from dataclasses import field
from urllib.parse import unquote, urlsplit, urlunsplit

from regobs.common.addresses import fault_of_url
from regobs.common.frozen import frozen
from regobs.errors import InputError
from regobs.secrets import MASK

_USERINFO = re.compile(r"^((?:[a-z][a-z0-9+.-]*:)?//)?.*@", re.DOTALL | re.IGNORECASE)
_AFTER_PATH = re.compile(r"[?#].*", re.DOTALL)


def redact(url: str) -> str:
    """The URL, its user, password, query and fragment masked; safe for any text, also one that is no URL."""
    from regobs.secrets import redacted_text  # noqa: PLC0415 - of an error only

    shown = _USERINFO.sub(lambda found: f"{found[1] or ''}{MASK}@", url)
    return redacted_text(_AFTER_PATH.sub(lambda found: found[0][0] + MASK, shown))


def bare(url: str) -> str:
    """A URL that a server gave, without user, password, query and fragment; empty for a text that is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return ""
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@frozen
class Address:
    """The base URL of a server, without a trailing slash, and the user and password that stood in it."""

    url: str
    credentials: tuple[str, str] | None = field(default=None, repr=False)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `http://user:password@host:9090/prefix`. InputError when it is no http(s) URL."""
        try:
            parts = urlsplit(text.strip())
            host, port = parts.hostname, parts.port
        except ValueError as error:
            raise _wrong(text, "is no valid address") from error
        if parts.scheme not in {"http", "https"} or not host:
            raise _wrong(text, "is no http or https address")
        if parts.query or parts.fragment:
            raise _wrong(text, "has something after the path")
        if "@" in parts.path:  # a password with an unescaped slash would be sent as part of the path
            raise _wrong(text, "has an @ after the host; a / in a password is written %2F")
        if fault := fault_of_url(text.strip(), user=True):
            raise _wrong(text, fault)
        shown_host = f"[{host}]" if ":" in host else host
        netloc = f"{shown_host}:{port}" if port is not None else shown_host
        url = urlunsplit((parts.scheme, netloc, parts.path.rstrip("/"), "", ""))
        if parts.username is None and parts.password is None:
            return cls(url)
        return cls(url, (unquote(parts.username or ""), unquote(parts.password or "")))

    def __str__(self) -> str:
        return self.url


def _wrong(text: str, problem: str) -> InputError:
    return InputError(
        f"the address of the Prometheus server {problem}",
        value=redact(text) or "(empty)",
        expected="http://host:9090 or https://user:password@host/prefix, without a query",
        next_step="give the address that opens the Prometheus user interface",
    )

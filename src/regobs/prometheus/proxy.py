"""Which proxy a request goes through, and what named it: an error from there is of the proxy, not of the server.

Without one of our own, requests takes that of the environment, whose names in small letters win, as curl does it.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from urllib.parse import urlsplit

import requests

from regobs.errors import EndpointError, QueryError, ServerError


@dataclass(frozen=True, slots=True)
class ProxyInUse:
    """A proxy by host and port, without its user and password, and the setting or variable that names it."""

    place: str
    source: str
    of_environment: bool = False

    def __str__(self) -> str:
        return f"the proxy {self.place} that {self.source} names"

    @property
    def next_step(self) -> str:
        """What to do where the proxy cannot be reached; NO_PROXY excepts from those of the environment alone."""
        return f"correct {self.source}, or {'name the server in NO_PROXY' if self.of_environment else 'leave it out'}"

    def tell(self, error: ServerError) -> None:
        """Say in an error that a proxy stands before the server, where it does not say so."""
        if not error.through and error.fault != "proxy":
            error.through = f"it is asked through {self}"
            error.next_step = "; ".join(filter(None, (error.next_step, error.through)))


def proxy_of(url: str, given: str = "", source: str = "") -> ProxyInUse | None:
    """What a request for a URL goes through: the proxy that is given, by `source`, else one of the environment."""
    if given:
        return ProxyInUse(_place(given), source or "the connection")
    found = requests.utils.select_proxy(url, requests.utils.get_environ_proxies(url, no_proxy=None))
    if not found:
        return None
    scheme = urlsplit(url).scheme
    names = [name for kind in (scheme, "all") for name in (f"{kind}_proxy", f"{kind}_proxy".upper())]
    named = next((name for name in names if os.environ.get(name) == found), names[1])
    return ProxyInUse(_place(found), named, of_environment=True)


def told_of_proxy(error: ServerError, proxy: ProxyInUse | None) -> ServerError:
    """The error, which names the proxy where there is one and the answer may be its own."""
    if proxy is not None and not isinstance(error, EndpointError | QueryError):
        proxy.tell(error)
    return error


def _place(address: str) -> str:
    """Host and port, without what may stand before the last @: a password may have any character."""
    return address.rpartition("@")[2].rpartition("://")[2].split("/")[0]

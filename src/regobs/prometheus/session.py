"""The HTTP session of a client: its kept connections, who it says that it is, and whether both clocks agree."""

from __future__ import annotations

import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime
from typing import Any

import requests
from requests.auth import HTTPBasicAuth

from regobs.common.http_session import HttpSession
from regobs.prometheus.connection import Connection
from regobs.prometheus.transfer import TimedAdapter

# One connection a thread of whoever asks concurrently; more would wait for the server's own limit of 20 queries.
CONNECTIONS = 8
# Seconds. Above a scrape interval `now` is a time of which the server has no sample yet, or has more to show.
MOST_SKEW = 60.0
_CUT = 1.0  # seconds: `Date` has none of their parts


def open_session() -> requests.Session:
    """A session that keeps its connections."""
    session = HttpSession()
    for scheme in ("http://", "https://"):
        session.mount(scheme, TimedAdapter(pool_connections=2, pool_maxsize=CONNECTIONS))
    return session


def authentication(server: Connection) -> Callable[[requests.PreparedRequest], Any] | None:
    """What puts user and password into a request, if the connection has any."""
    if server.address.credentials:
        # requests encodes text as Latin-1; this makes the bytes on the wire UTF-8, as RFC 7617 recommends.
        user, password = (part.encode().decode("latin-1") for part in server.address.credentials)
        return HTTPBasicAuth(user, password)
    if any(name.lower() == "authorization" for name in server.headers):
        return _keep_header
    return None


def _keep_header(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Stand in for authentication: requests would replace our Authorization header with an entry of ~/.netrc."""
    return request


class ServerClock:
    """The clock of a server beside this machine's, by the `Date` of its first answer; `tell` hears that they differ.

    `ahead` is by how many seconds it is ahead of ours, negative for behind, 0 where that cannot be told from the second
    that the header is cut to. https://www.rfc-editor.org/rfc/rfc9110#name-date
    """

    def __init__(self, url: str, tell: Callable[[str], None] | None) -> None:
        self._url, self._tell, self._seen = url, tell, False
        self.ahead = 0.0

    def note(self, date: str | None, begin: float) -> None:
        """Compare the header of an answer to a request that was sent at `begin`, in seconds since 1970."""
        if self._seen:
            return
        self._seen, end = True, time.time()
        try:
            said = parsedate_to_datetime(date or "").timestamp()
        except (ValueError, OverflowError):
            return
        ahead = min(said - begin, 0.0) or max(said - end, 0.0)  # an answer was written between the two
        self.ahead = ahead if abs(ahead) > _CUT else 0.0
        if abs(ahead) > MOST_SKEW and self._tell is not None:
            which = "behind" if ahead < 0 else "ahead of"
            self._tell(
                f"the clock of {self._url} is {round(abs(ahead)):,} s {which} this machine's: times such as `now` are"
                " this machine's, so that the newest samples may be missing or far from it; set both clocks by NTP"
            )

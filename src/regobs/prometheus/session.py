"""The HTTP session of a client: its kept connections, and who it says that it is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.auth import HTTPBasicAuth

from regobs.prometheus.connection import Connection

# One connection a thread of whoever asks concurrently; more would wait for the server's own limit of 20 queries.
CONNECTIONS = 8


def open_session() -> requests.Session:
    """A session that keeps its connections."""
    session = requests.Session()
    for scheme in ("http://", "https://"):
        session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=CONNECTIONS))
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

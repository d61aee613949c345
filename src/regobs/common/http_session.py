"""A session of requests for servers that nobody vouches for."""

from __future__ import annotations

from urllib.parse import urlsplit

import requests


class HttpSession(requests.Session):
    """Takes an answer whose `Location` is no address as it stands.

    requests itself raises a ValueError for one, also where no redirect is followed: it looks where the next one leads.
    """

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """Where an answer redirects to; None where it does not, or to nothing that is an address."""
        try:
            target: str | None = super().get_redirect_target(resp)
            if target is not None:
                _ = urlsplit(target).port
        except ValueError:
            return None
        return target

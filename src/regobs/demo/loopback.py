"""HTTP to servers on this machine, whatever proxy, .netrc or certificate bundle the user's environment names."""

from __future__ import annotations

import requests


def session() -> requests.Session:
    """A session that takes nothing from the environment."""
    made = requests.Session()
    made.trust_env = False
    return made

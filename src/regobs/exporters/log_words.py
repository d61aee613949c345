"""The words under which messages, codes of errors and clients are counted: of a catalogue, or of a fixed form.

What no catalogue has is `other`, so that nothing of a line's free text becomes a label.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache, lru_cache

from regobs.catalog.model import Flavor
from regobs.exporters.totals import OTHER, shown_name
from regobs.logs.messages.message import GAP
from regobs.logs.messages.streams import stream

STREAMS = {Flavor.GITLAB: "gitlab.application", Flavor.DISTRIBUTION: "distribution.application"}
_LONGEST_CODE, _ONLY_DISTRIBUTION = 40, "RANGE_INVALID"  # the second since 3.0
_LONGEST_AGENT = 300  # characters of a User-Agent that are looked at
_PRODUCT = re.compile(r"([A-Za-z][A-Za-z0-9_.-]{0,29})(?:/v?([0-9]{1,5}(?:\.[0-9]{1,5})?))?")  # RFC 9110, 10.1.5


@lru_cache(maxsize=10_000)
def client_name(agent: str) -> str:
    """Name and version of a client: the first product of a User-Agent, with two numbers of its version."""
    found = _PRODUCT.match(shown_name(agent[:_LONGEST_AGENT]))  # a token is known by its letters, whole
    if found is None:
        return OTHER
    name, version = found.groups()
    return f"{name.lower()} {version}" if version else name.lower()


def api_code(code: str) -> str:
    """A code of the API, such as BLOB_UNKNOWN or `blob unknown`; what is none is `other`: a secret may stand there."""
    text = code.strip().upper().replace(" ", "_") if len(code) <= _LONGEST_CODE else ""
    return text if text in _codes() else OTHER


@cache
def _codes() -> frozenset[str]:
    """The error codes of the API: those of GitLab's registry, and the one that only CNCF Distribution has."""
    known = (one.among for one in stream(STREAMS[Flavor.GITLAB]).messages)
    return frozenset(
        {_ONLY_DISTRIBUTION, *(code for among in known if among and among[0] == "code" for code in among[1])}
    )


def message_finder(flavor: Flavor) -> Callable[[str], str]:
    """From the text of a line to the text of its message in the catalogue, or `other`."""
    known = [message for message in stream(STREAMS[flavor]).messages if message.text.strip(GAP)]
    exact = {message.text: message.text for message in known if message.exact}
    patterns = [message for message in known if not message.exact]

    @lru_cache(maxsize=10_000)
    def found(text: str) -> str:
        if text in exact:
            return exact[text]
        return next((message.text for message in patterns if message.says(text)), OTHER)

    return found

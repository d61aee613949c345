"""Values and texts of log lines as they can be shown: without secrets, cut, printable."""

from __future__ import annotations

import re

from regobs.secrets import MASK, redacted_fields, redacted_text

_LOOK = 4096  # characters of a text that are looked at
_PERSONAL = "user"  # what the events of a registry tell about who acted


def masked(value: str, field: str) -> str:
    """A value of a field as an answer shows it: too much is masked rather than too little."""
    return str(_shown(value, field))


def sample(value: object, field: str = "", longest: int = 160) -> str:
    """A value of a field (`actor.name`) as it can be shown: masked as in an answer, no control characters, cut."""
    name = field.rpartition(".")[2]
    return MASK if name.lower() == _PERSONAL else _printable(str(_shown(value, name)), longest)


def _shown(value: object, name: str) -> object:
    (shown,) = redacted_fields({name: value}).values()
    return shown


def _printable(text: str, longest: int = 160) -> str:
    text = "".join(letter if letter.isprintable() else "\ufffd" for letter in text[: longest + 1])
    return text if len(text) <= longest else text[: longest - 1] + "…"


_PARTS = re.compile(
    r'"(?:[^"\\]|\\.)*+"?|\b[0-9a-f]{8}-[0-9a-f-]{27}\b|\b[a-z0-9]++:[0-9a-f]{32,}+|(?<!\w)\w++://\S++|[0-9]++(?:[.:][0-9]++)*+'
)


def shape(text: str) -> str:
    """The text with what differs from line to line (quoted, numbers, digests, addresses) replaced by `…`."""
    return _printable(_PARTS.sub("…", redacted_text(text[:_LOOK])))

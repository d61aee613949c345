"""What a log message is: a text, a prefix or a pattern, the levels it comes at, and the fields it carries."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import Any


class Match(Enum):
    """How `Message.text` names its lines."""

    EXACT = "exact"
    PREFIX = "prefix"
    PATTERN = "pattern"  # regular expression from the first to the last character


@dataclass(frozen=True, slots=True)
class Message:
    """One message. Field names are those of a catalogue, `name:form` a form that the name has only here.

    `when` tells two messages of one text apart: the field must be there and, unless None, have the value or begin so.
    """

    text: str
    levels: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    match: Match = Match.EXACT
    when: tuple[str, str | None] | None = None
    component: str = ""
    context: str = "line"

    @property
    def pattern(self) -> str:
        """A regular expression for the text, without its anchors."""
        return self.text if self.match is Match.PATTERN else literal(self.text)

    def takes(self, line: Mapping[str, Any]) -> bool:
        """Whether `when` holds."""
        if self.when is None:
            return True
        name, value = self.when
        seen = line.get(name)
        return name in line if value is None else isinstance(seen, str) and seen.startswith(value)


# Fields that any line of a context may have besides its own. A trailing `?` marks what need not be there.
_PROCESS = "error? go_version? version? instance_id? service? environment?"
_REQUEST = f"{_PROCESS} root_repo? vars_name? vars_reference? vars_digest? vars_uuid? auth_user_name? auth_user_type?"
_CLIENT = "method? host? uri? referer? user_agent? remote_addr? content_type?"
_DOTTED = "error? go.version? version? instance.id? service? environment? func? file? function?"
_SENT = " ".join(f"http.request.{part}?" for part in ("id", "method", "host", "uri", "remoteaddr"))
_ROUTE = "vars.name? vars.reference? vars.digest? vars.uuid? auth.user.name?"
_HTTP = " ".join(f"http.request.{part}?" for part in ("referer", "useragent", "contenttype"))
CONTEXTS: Mapping[str, str] = MappingProxyType(
    {
        "bare": "time level msg",
        "line": f"time level msg correlation_id? component? {_PROCESS}",
        "request": f"time level msg correlation_id component? {_REQUEST} auth_project_paths?",
        "api error": f"time level msg correlation_id component? {_REQUEST} auth_project_paths? {_CLIENT}",
        "worker": f"time level msg component correlation_id {_PROCESS}",
        "dotted": f"time level msg {_DOTTED}",
        "dotted any": f"time level msg {_SENT} {_HTTP} {_ROUTE} {_DOTTED}",
        "dotted request": f"time level msg {_SENT.replace('?', '')} {_HTTP} {_ROUTE} {_DOTTED}",
    }
)


def literal(text: str) -> str:
    """A regular expression for the text. Not re.escape: it escapes what ECMA 262 forbids to escape, the space."""
    return re.sub(r"([\\^$.|?*+()\[\]{}])", r"\\\1", text)


def message(
    text: str,
    levels: str,
    fields: str = "",
    *,
    match: Match = Match.EXACT,
    when: tuple[str, str | None] | None = None,
) -> Message:
    """Declare a message: levels and fields divided by spaces; `name?` need not be there."""
    required, optional = split(fields)
    return Message(text, tuple(levels.split()), required, optional, match, when)


def split(fields: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required and the optional names of a field list."""
    names = fields.split()
    return (
        tuple(name for name in names if not name.endswith("?")),
        tuple(name.removesuffix("?") for name in names if name.endswith("?")),
    )


def group(component: str, context: str, *messages: Message) -> tuple[Message, ...]:
    """Messages of one component and context."""
    return tuple(replace(one, component=component, context=context) for one in messages)

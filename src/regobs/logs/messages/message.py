"""What a log message is: its text, the levels it comes at, the fields it carries, what it means, what to do then.

Messages stand in the text files beside this module, a group a heading:

    ## load balancing (line)
    may have: db_host_addr lag_bytes

    warning: removing replica from pool | reason?
        A replica left the pool; `reason` says why.
        -> Check the replica.

The word in brackets is the context (see CONTEXTS); `may have` names what any line of the group may carry. Behind the
text stand the message's own fields, `name?` where one need not be there, and after `when` what tells it from another
message of the same text. `…` in a text is whatever the registry puts there. `any` stands for every level.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from importlib.resources import files
from types import MappingProxyType
from typing import Any

GAP = "…"
ANY_LEVEL = "any"


@dataclass(frozen=True)
class Message:
    """One message. Field names are those of a catalogue, `name:form` a form that the name has only here.

    `when` tells two messages of one text apart: the field must be there and, unless None, have the value or begin so.
    `among` is a field and the texts that it may have. Without `levels` it comes at any level.
    """

    text: str
    levels: tuple[str, ...]
    required: tuple[str, ...]
    optional: tuple[str, ...]
    when: tuple[str, str | None] | None = None
    component: str = ""
    context: str = "line"
    meaning: str = ""
    action: str = ""
    among: tuple[str, tuple[str, ...]] | None = None

    @property
    def exact(self) -> bool:
        """Whether its lines have this very text."""
        return GAP not in self.text

    @cached_property
    def parts(self) -> tuple[str, ...]:
        """The constant parts of the text, with something between each two."""
        return tuple(self.text.split(GAP))

    @property
    def pattern(self) -> str:
        """A regular expression for the whole text, as JSON Schema has them."""
        end = "" if self.text.endswith(GAP) else "$"
        return f"^{ANYTHING.join(map(literal, self.parts)).removesuffix(ANYTHING)}{end}"

    def says(self, text: str) -> bool:
        """Whether a text is one of this message. Each part is looked for once, so time is linear in the text."""
        first, *rest = self.parts
        if not rest:
            return text == first
        *between, last = rest
        place, end = len(first), len(text) - len(last)
        if end < place or not text.startswith(first) or not text.endswith(last):
            return False
        for part in between:
            place = text.find(part, place, end)
            if place < 0:
                return False
            place += len(part)
        return True

    def takes(self, line: Mapping[str, Any]) -> bool:
        """Whether `when` and `among` hold; a line without the field of `among` lacks it, which its schema tells."""
        if self.among is not None:
            seen = line.get(self.among[0])
            if isinstance(seen, str) and seen not in self.among[1]:
                return False
        if self.when is None:
            return True
        name, value = self.when
        seen = line.get(name)
        return name in line if value is None else isinstance(seen, str) and seen.startswith(value)


ANYTHING = r"[\s\S]*"

# Fields that any line of a context may have besides its own. A trailing `?` marks what need not be there.
_PROCESS = "error? go_version? version? instance_id? service? environment?"
_REQUEST = (
    "root_repo? vars_name? vars_reference? vars_digest? vars_uuid? auth_user? auth_user_name? auth_user_type? "
    "auth_project_paths? CF-RAY? method? host? uri? referer? user_agent? remote_addr? content_type? path? "
    "db_host_type? db_host_addr? trace_id? parent_span_id?"
)
# The logger of a background run goes with it into the database, the storage and the load balancer.
_RUN = (
    "worker? jitter_s? duration_s? review_after? review_count? created_at? event? digest? repository_id? manifest_id? "
    "job_id? job_bbm_id? job_name? job_attempts? job_start_id? job_end_id? job_batch_size? job_status? "
    "job_pagination_column? job_pagination_table? job_batching_strategy? bbm_id? bbm_name? bbm_batch_size? bbm_status? "
    "bbm_job_signature_key? bbm_target_column? bbm_target_table? bbm_batching_strategy? bbm_total_tuple_count? "
    "repository? pre_import? repository_import? common_blobs? dry_run? non_conformant? size?"
)
_DOTTED = "error? err? go.version? version? instance.id? service? environment? func? file? function?"
_SENT = " ".join(f"http.request.{part}?" for part in ("id", "method", "host", "uri", "remoteaddr"))
_ROUTE = "vars.name? vars.reference? vars.digest? vars.uuid? auth.user? auth.user.name?"
_HTTP = " ".join(f"http.request.{part}?" for part in ("referer", "useragent", "contenttype"))
CONTEXTS: Mapping[str, Mapping[str, str]] = MappingProxyType(
    {
        "gitlab": {
            "bare": "time level msg",
            "request": f"time level msg correlation_id component? {_PROCESS} {_REQUEST}",
            "worker": f"time level msg correlation_id component {_PROCESS} {_RUN}",
            # Written by what a request, a background run or the process itself calls.
            "line": f"time level msg correlation_id? component? {_PROCESS} {_REQUEST} {_RUN}",
        },
        "distribution": {
            "bare": "time level msg",
            "request": f"time level msg {_SENT.replace('?', '')} {_HTTP} {_ROUTE} {_DOTTED}",
            "line": f"time level msg {_SENT} {_HTTP} {_ROUTE} {_DOTTED}",
        },
        "any": {"bare": "time level msg", "line": "time level msg"},
    }
)


def literal(text: str) -> str:
    """A regular expression for the text. Not re.escape: it escapes what ECMA 262 forbids to escape, the space."""
    return re.sub(r"([\\^$.|?*+()\[\]{}])", r"\\\1", text)


def message(text: str, levels: str, fields: str = "", *, when: tuple[str, str | None] | None = None) -> Message:
    """Declare a message: levels and fields divided by spaces; `name?` need not be there."""
    required, optional = split(fields)
    return Message(text, () if levels == ANY_LEVEL else tuple(levels.split()), required, optional, when)


def split(fields: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The required and the optional names of a field list."""
    names = fields.split()
    return (
        tuple(name for name in names if not name.endswith("?")),
        tuple(name.removesuffix("?") for name in names if name.endswith("?")),
    )


def read_messages(name: str) -> tuple[Message, ...]:
    """The messages of a text file of this package."""
    return tuple(parsed_messages(files(__package__).joinpath(f"{name}.txt").read_text("utf-8")))


_HEADING = re.compile(r"## (?P<component>[^()]+) \((?P<context>[a-z]+)\)")
_LINE = re.compile(r"(?P<levels>[a-z ]+): (?P<text>[^|]+?)(?: \|(?P<fields>[^|]*?))?(?: ?\| when (?P<when>\S+))?")


@dataclass(slots=True)
class _Group:
    """What stands behind a heading, for all messages of the group."""

    component: str = ""
    context: str = ""
    may: list[str] = field(default_factory=list)
    among: tuple[str, list[str]] | None = None

    def further(self, line: str) -> None:
        """Take a line between the heading and the first message."""
        key, colon, rest = line.partition(": ")
        if not colon:
            (self.may if self.among is None else self.among[1]).extend(line.split())
        elif key == "may have":
            self.may = rest.split()
        else:
            self.among = (key.removeprefix("known "), rest.split())

    def message(self, line: str) -> Message:
        """The message of a line."""
        found = _LINE.fullmatch(line)
        assert found, line  # noqa: S101 - a file of this package, which a test reads
        made = _declared(found, self.may)
        among = (self.among[0], tuple(self.among[1])) if self.among else None
        return replace(made, component=self.component, context=self.context, among=among)


_OF_GROUP = ("may have: ", "known ", "    ")


def parsed_messages(content: str) -> Iterator[Message]:
    """The messages of a text in the form that the head of this module shows."""
    group, begun = _Group(), None
    for line in content.splitlines():
        if line.startswith("## "):
            heading = _HEADING.fullmatch(line)
            assert heading, line  # noqa: S101 - as above
            group = _Group(heading["component"], heading["context"])
        elif begun is None and line.startswith(_OF_GROUP):
            group.further(line)
        elif line.startswith("    -> ") and begun:
            begun = replace(begun, action=line[7:])
        elif line.startswith("    ") and begun:
            begun = replace(begun, meaning=line.strip())
        elif line and not line.startswith("#"):
            begun = group.message(line)
        elif begun:
            yield begun
            begun = None
    if begun:
        yield begun


def _declared(found: re.Match[str], may: list[str]) -> Message:
    name, _, value = (found["when"] or "").partition("=")
    made = message(found["text"], found["levels"], found["fields"] or "", when=(name, value or None) if name else None)
    own = {one.split(":")[0] for one in (*made.required, *made.optional)}
    return replace(made, optional=(*made.optional, *(one for one in may if one.split(":")[0] not in own)))

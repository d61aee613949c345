"""The log streams: which fields and messages each has."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from types import MappingProxyType

from regobs.logs.fields import (
    ALIASES,
    COMBINED_FIELDS,
    DISTRIBUTION_FIELDS,
    FIELDS,
    FORMS,
    RUNTIME_FIELDS,
    STANDARD_FIELDS,
    as_written,
)
from regobs.logs.fields.field import Field
from regobs.logs.messages.message import CONTEXTS, Message, read_messages, split


@dataclass(frozen=True, slots=True)
class Stream:
    """A kind of log. `text_key` is the field that holds the message, or empty where lines have none."""

    name: str
    flavor: str  # gitlab, distribution
    title: str
    description: str
    fields: Mapping[str, Field]
    messages: tuple[Message, ...]
    text_key: str = "msg"
    components: Mapping[str, tuple[str, ...]] = field(init=False, repr=False, compare=False)
    _marks: Mapping[str, frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Gather what the lines of a component may have: what any message of it has. Loggers are handed on."""
        found: dict[str, dict[str, str]] = {}
        marks: dict[str, frozenset[str]] = {}
        for message in self.messages:
            if message.when and message.when[1] is None:
                marks[message.text] = marks.get(message.text, frozenset()) | {message.when[0]}
            own = found.setdefault(message.component, {})
            for spelled in (*message.required, *message.optional):
                name = spelled.split(":")[0]
                own[name] = min(own.get(name, spelled), spelled, key=len)
        object.__setattr__(self, "components", {name: tuple(own.values()) for name, own in found.items()})
        object.__setattr__(self, "_marks", marks)

    def field(self, spelled: str) -> Field:
        """The field of a name or of a `name:form`."""
        return FORMS[spelled] if spelled in FORMS else self.fields[spelled]

    def context(self, name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Required and optional fields of a context, in this stream's names."""
        required, optional = split(CONTEXTS[self.flavor][name])
        return self._known(required), self._known(optional)

    def names(self, message: Message | None) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """Required and optional fields of a line of this message, or of none that is known; forms spelled out.

        A message's own form of a field goes before that of its component, and this before that of its context.
        """
        required, optional = self.context(message.context if message else "line")
        own = (*message.required, *message.optional) if message else ()
        of_component = self.components.get(message.component, ()) if message else ()
        spelled = {one.split(":")[0]: one for one in (*required, *optional, *of_component, *own)}
        for mark in self._marks.get(message.text, ()) if message else ():
            if message and mark not in message.required:  # a line that has it is one of another message of this text
                spelled.pop(mark, None)
        must = dict.fromkeys(one.split(":")[0] for one in (*required, *(message.required if message else ())))
        return tuple(spelled[name] for name in must), tuple(one for name, one in spelled.items() if name not in must)

    def _known(self, names: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_newer_name(name) for name in names) if self.text_key == "message" else names


# labkit-spec, schema/fields.yaml 1.0. Names that it has and we know no old one for are not here.
_NEWER = {alias.field: alias.name for alias in ALIASES.values() if alias.generation == "labkit"}
del _NEWER["status"]  # status_code is the name that labkit-spec itself calls deprecated


def _newer_name(name: str) -> str:
    """The name on lines that are no access lines."""
    newer = _NEWER.get(name, name)
    return name if newer != name and ALIASES[newer].access_only else newer


def _newer_field(field: Field) -> Field:
    """The field as the labkit generation has it; a value in seconds is a fraction, its severity any word."""
    name = _NEWER.get(field.name)
    return field if name is None else as_written(ALIASES[name])


def _newer_message(one: Message) -> Message:
    """The message in labkit's names. `url` may still be called `uri`."""

    def names(old: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(_NEWER.get(name, name) if one.component == "access" or name == "error" else name for name in old)

    required = tuple(name for name in names(one.required) if name != "url")
    also = ("uri", "url") if one.component == "access" else ()
    when = one.when and (_NEWER.get(one.when[0], one.when[0]), one.when[1])
    return replace(one, required=required, optional=(*names(one.optional), *also), levels=(), when=when)


_REQUESTS = read_messages("gitlab-requests")
_ACCESS = tuple(one for one in _REQUESTS if one.component == "access")
_FILES = ("background", "process", "commands", "storage")
_APPLICATION = (
    *(one for one in _REQUESTS if one.component != "access"),
    *(one for name in _FILES for one in read_messages(f"gitlab-{name}")),
)

# With the names that older releases had.
_GITLAB_FIELDS = MappingProxyType(
    {**FIELDS, **{name: as_written(alias) for name, alias in ALIASES.items() if alias.generation == "gitlab"}}
)
GITLAB_ACCESS = Stream(
    "gitlab.access",
    "gitlab",
    "Access log of GitLab Container Registry 4.x",
    "One line a request on the main port, health and refused ones included. `uri` of an upload holds a secret.",
    FIELDS,
    _ACCESS,
)
GITLAB_APPLICATION = Stream(
    "gitlab.application",
    "gitlab",
    "Application log of GitLab Container Registry 4.x",
    "One schema a message; a line whose message has none is held to the fields that all lines have.",
    _GITLAB_FIELDS,
    _APPLICATION,
)
# Under both names: what the newer generation calls `duration_s` of a request, older lines of other things do as well.
_NEWER_FIELDS = MappingProxyType(
    {**_GITLAB_FIELDS, **{one.name: one for one in map(_newer_field, FIELDS.values()) if one.name not in FIELDS}}
)
_ACCESS_ONLY = {alias.name: as_written(alias) for alias in ALIASES.values() if alias.access_only}
_NEWER_ACCESS_FIELDS = MappingProxyType({**_NEWER_FIELDS, **_ACCESS_ONLY})
LABKIT_ACCESS = Stream(
    "gitlab-labkit.access",
    "gitlab",
    "Access log in the field names of labkit-spec 1.0",
    "The same line with `timestamp`, `severity`, `message`, and durations in seconds.",
    _NEWER_ACCESS_FIELDS,
    tuple(_newer_message(one) for one in _ACCESS),
    "message",
)
LABKIT_APPLICATION = Stream(
    "gitlab-labkit.application",
    "gitlab",
    "Application log in the field names of labkit-spec 1.0",
    "The same lines with `timestamp`, `severity`, `message` and `error_message`.",
    _NEWER_FIELDS,
    tuple(_newer_message(one) for one in _APPLICATION),
    "message",
)
DISTRIBUTION = Stream(
    "distribution.application",
    "distribution",
    "Log of CNCF Distribution 2.8 and 3.x",
    "One schema a message, of the json formatter; lines of the text formatter are read to the same fields.",
    DISTRIBUTION_FIELDS,
    read_messages("distribution"),
)
COMBINED = Stream(
    "distribution.access",
    "distribution",
    "Access log of CNCF Distribution",
    "A line of the Apache combined form, read to named fields.",
    COMBINED_FIELDS,
    (),
    "",
)
STANDARD = Stream(
    "go-standard",
    "any",
    "What Go's own libraries log in a registry process",
    "A line of Go's standard logger, `http: superfluous response.WriteHeader call`, `redis: ...`, read to two fields.",
    STANDARD_FIELDS,
    (),
    "",
)
RUNTIME = Stream(
    "go-runtime",
    "any",
    "What Go writes when a program fails",
    "A line of a panic or of the dump of goroutines behind it, or the error with which a registry ends; one field.",
    RUNTIME_FIELDS,
    (),
    "",
)
STREAMS = (
    GITLAB_ACCESS,
    GITLAB_APPLICATION,
    LABKIT_ACCESS,
    LABKIT_APPLICATION,
    DISTRIBUTION,
    COMBINED,
    STANDARD,
    RUNTIME,
)


@cache
def stream(name: str) -> Stream:
    """The stream of a name. Raises KeyError."""
    return {one.name: one for one in STREAMS}[name]

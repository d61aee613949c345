"""Finds the schema of a line and applies it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Any

import jsonschema_rs

from regobs.logs.judging.quick import decoder
from regobs.logs.messages.message import Message
from regobs.logs.messages.streams import (
    COMBINED,
    DISTRIBUTION,
    GITLAB_ACCESS,
    GITLAB_APPLICATION,
    LABKIT_ACCESS,
    LABKIT_APPLICATION,
    RUNTIME,
    STANDARD,
    Stream,
)
from regobs.logs.schema import constraints, flat
from regobs.logs.schema.event import event_document

Record = Mapping[str, Any]
Static = Mapping[str, tuple[Any, ...]]  # fields of `log.fields`, each with its values, one an instance
_NO_FIELDS: Static = MappingProxyType({})
_JSON_TYPES = {str: "string", bool: "boolean", int: "integer"}
_INSTANCE = ("instance_id", "instance.id")
_OF_A_REQUEST = ("auth_", "auth.", "vars_", "vars.", "http.")
_NEARLY_ALL = 0.9  # of the lines of its messages; in recorded logs all of them have it
_FEWEST_MESSAGES = 3  # a field that is new in a release comes with one or two
_LINES_OF_A_VALUE = 5  # on average, where instances have several: not what is new with each line
_MOST_VALUES = 16  # of a static field in one file
_FEWEST_LINES = 10  # with an instance, where fewer messages are written: a registry that logs errors alone
_MOST_TEXTS = 1000  # that are remembered; texts with numbers in them differ from line to line


class MessageRule:
    """The schema of one message, compiled. `known` is false for what stands in for an unknown message.

    `fits(record)` is true when the line has nothing wrong and nothing new. The engine follows 255 levels, which is more
    than `lenient` lets a record have.
    """

    def __init__(
        self, stream: Stream, message: Message | None, *, known: bool = True, static: Static = _NO_FIELDS
    ) -> None:
        schema = flat(stream, message, closed=False)
        among = message.among if message else None
        self.stream = stream
        self.message = message
        self.known = known
        self.names: frozenset[str] = frozenset(schema["properties"])
        self.forms = {} if message is None else _forms(message)
        self._static = static
        self.schema = schema
        self._others: Any = None
        self.closed = _closed(schema, static, among)
        self._take(self.closed)

    def _take(self, closed: Mapping[str, Any]) -> None:
        # An attribute, not a method: this is called once a line. What is not known never fits.
        self.fits: Callable[[Record], bool] = (
            jsonschema_rs.validator_for(dict(closed)).is_valid if self.known else _never
        )
        self.name = self.stream.name

    @property
    def title(self) -> str:
        """The text of the message, the name of the stream where there is none."""
        return self.message.text if self.message else self.stream.name

    @cached_property
    def _open(self) -> Any:
        """Only a line that does not fit is asked what is wrong with it."""
        return jsonschema_rs.validator_for(self.schema)

    def errors(self, record: Record) -> list[Any]:
        """What is wrong, fields that the schema does not name aside."""
        return list(self._open.iter_errors(record))

    def drifted(self, record: Record) -> list[Any]:
        """Fields that the stream knows from other messages, with values that they never have there."""
        if self._others is None:
            others = {name: constraints(field) for name, field in self.stream.fields.items() if name not in self.names}
            self._others = jsonschema_rs.validator_for({"properties": others})
        return list(self._others.iter_errors(record))

    def new(self, record: Record) -> list[str]:
        """Fields that the schema does not name, sorted; without static fields of their value."""
        return sorted(name for name in record.keys() - self.names if not _has(self._static, name, record[name]))


def _closed(schema: Record, static: Static, among: tuple[str, tuple[str, ...]] | None) -> dict[str, Any]:
    """The schema of a message that forbids further fields, static ones with their values aside, and further values."""
    values = {
        name: {"type": sorted({_JSON_TYPES[type(value)] for value in among}), "enum": list(among)}
        for name, among in static.items()
    }
    properties = values | schema["properties"]
    if among is not None:
        name, known = among
        properties[name] = {**properties[name], "enum": list(known)}
    return {**schema, "properties": properties, "additionalProperties": False}


def _never(record: Record) -> bool:
    del record
    return False


def _forms(message: Message) -> dict[str, str]:
    return {name.split(":")[0]: name for name in (*message.required, *message.optional) if ":" in name}


class _EventRule(MessageRule):
    """The notification envelope; events are open, as the specification allows more."""

    def __init__(self) -> None:
        schema = event_document()
        self.stream = _EVENTS
        self.message = None
        self.known = True
        self.names = frozenset(schema["properties"])
        self.forms = {}
        self._static = _NO_FIELDS
        self.schema = schema
        self._others = None
        self.closed = schema
        self._take(schema)


_EVENTS = Stream("notifications", "any", "Notification envelope", "", {}, (), "")


class Judge:
    """Chooses the rule of a line by its message; rules are compiled when they are first needed.

    `static` are the static fields of the registry's configuration (`log.fields`), which any of its lines may have.
    """

    def __init__(self, streams: tuple[Stream, ...], static: Static = _NO_FIELDS) -> None:
        self.static = static
        self.text_key = streams[0].text_key
        self.fields = frozenset(name for stream in streams for name in stream.fields)
        self._exact: dict[str, list[tuple[Stream, Message]]] = {}
        self._patterns: list[tuple[Stream, Message]] = []
        self._rules: dict[int, MessageRule] = {}
        self._matched: dict[str, tuple[tuple[Stream, Message], ...]] = {}
        self.single: dict[str, MessageRule] = {}  # by text, where the text alone decides
        self.quick: dict[bytes, tuple[Callable[[bytes], object], str]] = {}  # by the text, what decodes valid lines
        self._unknown = MessageRule(streams[-1], None, known=False, static=static)
        for stream in streams:
            for message in stream.messages:
                if message.exact:
                    self._exact.setdefault(message.text, []).append((stream, message))
                else:
                    self._patterns.append((stream, message))
        # The text that says more goes first, then what has a mark beside its text.
        self._patterns.sort(key=lambda one: (-sum(map(len, one[1].parts)), one[1].when is None))

    def rule(self, record: Record) -> MessageRule:
        """The rule of a line."""
        text = record.get(self.text_key)
        if not isinstance(text, str):
            return self._unknown
        for stream, message in self._exact.get(text, ()):
            if message.takes(record):
                rule = self._compiled(stream, message)
                if len(self._exact[text]) == 1 and message.when is None:
                    self._alone(text, rule)
                return rule
        for stream, message in self._matching(text):
            if message.takes(record):
                return self._compiled(stream, message)
        return self._unknown

    def _matching(self, text: str) -> tuple[tuple[Stream, Message], ...]:
        """The messages whose pattern the text fits; most lines have one of a few texts."""
        found = self._matched.get(text)
        if found is None:
            found = tuple((stream, message) for stream, message in self._patterns if message.says(text))
            if len(self._matched) < _MOST_TEXTS:
                self._matched[text] = found
        return found

    def _alone(self, text: str, rule: MessageRule) -> None:
        if text not in self.single:
            self.single[text] = rule
            decode = decoder(rule.closed, self.text_key, text)
            if decode is not None:
                self.quick[text.encode()] = (decode, rule.name)

    def _compiled(self, stream: Stream, message: Message) -> MessageRule:
        rule = self._rules.get(id(message))
        if rule is None:
            rule = self._rules[id(message)] = MessageRule(stream, message, static=self.static)
        return rule


class Judges:
    """All generations. `flavor` is gitlab, distribution, or None: what the lines look like decides."""

    def __init__(self, flavor: str | None = None) -> None:
        self.flavor = flavor
        self.static: Static = _NO_FIELDS
        self._build()
        self._by_form = {
            "combined": MessageRule(COMBINED, None),
            "standard": MessageRule(STANDARD, None),
            "runtime": MessageRule(RUNTIME, None),
        }
        self._events = _EventRule()

    def _build(self) -> None:
        self.older = Judge((GITLAB_ACCESS, GITLAB_APPLICATION), self.static)
        self.newer = Judge((LABKIT_ACCESS, LABKIT_APPLICATION), self.static)
        self.distribution = Judge((DISTRIBUTION,), self.static)
        self.plain = self.distribution if self.flavor == "distribution" else self.older

    def settle(self, records: list[Record]) -> None:
        """Decide from the first lines of a file which registry wrote those that could be of either."""
        self._choose(records)
        static = static_fields(records, self.plain.fields)
        if static != self.static:
            self.static = static
            self._build()
            self._choose(records)

    def add_static(self, records: list[Record]) -> bool:
        """Take further static fields from later lines of a file, of a process with other settings; whether any."""
        found = {
            name: tuple(value for value in values if not _has(self.static, name, value))
            for name, values in static_fields(records, self.plain.fields).items()
        }
        more = {name: (*self.static.get(name, ()), *values)[:_MOST_VALUES] for name, values in found.items() if values}
        if all(self.static.get(name) == values for name, values in more.items()):
            return False
        self.static = {**self.static, **more}
        self._build()
        self._choose(records)
        return True

    def knows_fields(self, record: Record) -> bool:
        """Whether some message has each field of the line, or it is a static one."""
        return all(_has(self.static, name, record[name]) for name in record.keys() - self.plain.fields)

    def _choose(self, records: list[Record]) -> None:
        if self.flavor is None:
            votes = sum(_vote(record) for record in records)
            known = [sum(judge.rule(record).known for record in records) for judge in (self.older, self.distribution)]
            dotted = votes > 0 if votes else known[1] > known[0]
            self.plain = self.distribution if dotted else self.older

    def rule(self, record: Record, form: str = "") -> MessageRule:
        """The rule of a line; `form` is that of a line that was no JSON and no logfmt."""
        if form in self._by_form:
            return self._by_form[form]
        if "msg" not in record and self.flavor != "distribution":
            if "events" in record:
                return self._events
            if "message" in record or "severity" in record:
                return self.newer.rule(record)
        elif "events" in record and "msg" not in record:
            return self._events
        return self.plain.rule(record)

    @property
    def text_fields(self) -> Mapping[str, Any]:
        """The fields by which values of the text formatter get their types."""
        both = {**GITLAB_APPLICATION.fields, **DISTRIBUTION.fields}
        return {"distribution": DISTRIBUTION.fields, "gitlab": GITLAB_APPLICATION.fields}.get(self.flavor or "", both)


def static_fields(records: list[Record], known: frozenset[str]) -> dict[str, tuple[Any, ...]]:
    """The static fields (`log.fields`) that these lines tell of: name and values.

    A registry adds them to the lines of its context, which have its instance. So it is a field that no message has,
    with one value in all lines of an instance, in lines of several messages and in most of those with an instance. A
    logger has it or not, so nearly all lines of a message have it where one does; what is of a request (`auth_`) is
    none. Of fewer messages it is one where nearly all lines with an instance have it.
    """
    values: defaultdict[str, dict[str, Any]] = defaultdict(dict)  # of each field, by instance
    counts: defaultdict[str, Counter[str]] = defaultdict(Counter)  # of each field, by message
    changing: set[str] = set()
    with_instance: Counter[str] = Counter()
    beside_instance: Counter[str] = Counter()
    for record in records:
        message = str(record.get("msg"))
        instance = next((str(record[name]) for name in _INSTANCE if name in record), "")
        with_instance[message] += bool(instance)
        for name in record.keys() - known:
            beside_instance[name] += bool(instance)
            value = record[name]
            first = values[name].setdefault(instance, value)
            if type(value) not in _JSON_TYPES or (type(value), value) != (type(first), first):
                changing.add(name)
            counts[name][message] += 1
    among = {
        name: tuple({(type(one), one): one for one in values[name].values()}.values())
        for name in counts.keys() - changing
    }
    total = with_instance.total()
    return {
        name: among[name]
        for name, found in sorted(counts.items())
        if name not in changing
        and not name.startswith(_OF_A_REQUEST)
        and (len(found) >= _FEWEST_MESSAGES or beside_instance[name] >= max(_FEWEST_LINES, _NEARLY_ALL * total))
        and 2 * found.total() > total
        and found.total() >= _NEARLY_ALL * sum(with_instance[message] for message in found)
        and (len(among[name]) == 1 or found.total() >= _LINES_OF_A_VALUE * len(among[name]))
    }


def _has(static: Static, name: str, value: object) -> bool:
    return any((type(one), one) == (type(value), value) for one in static.get(name, ()))


def _vote(record: Record) -> int:
    """Above zero for a line of Distribution, below for one of GitLab."""
    dotted = any(name in record for name in ("go.version", "instance.id", "http.request.id"))
    plain = any(name in record for name in ("go_version", "instance_id", "correlation_id"))
    return dotted - plain

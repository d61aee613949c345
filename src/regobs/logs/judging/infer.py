"""Propose what the field catalogue lacks: new messages and fields, from lines that no schema knows."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

from regobs.logs.fields.field import Field
from regobs.logs.fields.request import LEVELS
from regobs.logs.judging.guess import Seen, guessed
from regobs.logs.judging.judge import Judges, MessageRule
from regobs.logs.messages.message import CONTEXTS, GAP, Message
from regobs.logs.messages.streams import Stream
from regobs.logs.reading.outcome import LinesSeen
from regobs.logs.reading.read import BROKEN, Readable, lines
from regobs.logs.reading.record import Record, parse
from regobs.logs.reading.wrapping import logical
from regobs.logs.redact import shape
from regobs.logs.schema import base
from regobs.secrets import MASK

_LOOK_AHEAD = 500  # lines that decide between two registries whose lines look alike
_MOST_KINDS = 500  # messages that are told apart; hostile input must not fill the memory
_MOST_FIELDS = 200  # new names that one message may bring
_ENOUGH = 5  # lines of a message before what all of them have is called required
_GAP = re.compile("…|\ufffd|" + re.escape(MASK))


@dataclass(slots=True)
class Gathered:
    """The lines of one message: how many, at which levels, with which fields."""

    lines: int = 0
    levels: Counter[str] = field(default_factory=Counter)
    components: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Seen] = field(default_factory=dict)

    def add(self, record: Record, names: Iterator[str] | list[str], level: str) -> None:
        """Count a line with the values of these fields of it."""
        self.lines += 1
        for value, counter in ((record.get(level), self.levels), (record.get("component"), self.components)):
            if isinstance(value, str):
                counter[value] += 1
        for name in names:
            if name in self.fields or len(self.fields) < _MOST_FIELDS:
                self.fields.setdefault(name, Seen()).add(record[name], name)


@dataclass(frozen=True, slots=True)
class StreamProposal:
    """What one stream lacks. `doubts` are values that are not what the catalogue says, for a person to decide."""

    stream: Stream
    fields: dict[str, tuple[Field, Seen]]
    messages: list[tuple[Message, Gathered]]
    extended: list[tuple[Message, tuple[str, ...], Gathered]]
    doubts: dict[str, int]

    @property
    def after(self) -> Stream:
        """The stream with the patch applied."""
        more = {message: names for message, names, _ in self.extended}
        known = tuple(
            replace(one, optional=(*one.optional, *more[one])) if one in more else one for one in self.stream.messages
        )
        fields = {**self.stream.fields, **{name: one for name, (one, _) in self.fields.items()}}
        return replace(self.stream, fields=fields, messages=(*known, *(message for message, _ in self.messages)))

    @property
    def added(self) -> Stream:
        """The stream with nothing but the messages that are new or have more fields."""
        texts = {message.text for message, _ in self.messages} | {message.text for message, *_ in self.extended}
        return replace(self.after, messages=tuple(one for one in self.after.messages if one.text in texts))


class Census:
    """Reads files one after the other and counts what no schema knows."""

    def __init__(self, flavor: str | None = None) -> None:
        self.lines = 0
        self.malformed = 0
        self.seen: dict[str, LinesSeen] = {}  # by the name of the file
        self.untold = 0  # lines of further messages than are told apart, and of such that have no constant part
        self._judges = Judges(flavor)
        self._fields = self._judges.text_fields
        self._unknown: dict[tuple[str, tuple[str, ...]], Gathered] = {}
        self._known: dict[tuple[str, Message], Gathered] = {}
        self._doubts: dict[str, Counter[str]] = {}
        self._streams: dict[str, Stream] = {}

    def read(self, file: Readable, name: str = "") -> None:
        """Count the lines of a file."""
        seen = self.seen.setdefault(name, LinesSeen())
        found = ((line, parse(line, self._fields)) for line in logical(lines(file)))
        first = list(islice(found, _LOOK_AHEAD))
        self._judges.settle([one.record for _, one in first if one.record is not None and not one.form])
        for line, one in chain(first, found):
            seen.add(line.content, one.record)
            seen.broken = seen.broken or one.fault in BROKEN
            if one.record is not None:
                self.lines += 1
                self._count(one.record, one.form)
            elif one.fault != "blank":
                self.malformed += 1

    def _count(self, record: Record, form: str) -> None:
        rule = self._judges.rule(record, form)
        if not rule.stream.text_key or rule.fits(record):
            return
        errors = rule.errors(record)
        self._streams[rule.stream.name] = rule.stream
        self._doubt(rule, errors)
        text, level = record.get(rule.stream.text_key), base(rule.stream)[1]
        if rule.message is not None:
            if new := rule.new(record):
                self._known.setdefault((rule.stream.name, rule.message), Gathered()).add(record, new, level)
        elif isinstance(text, str) and (gathered := self._gathered(rule.stream, text)) is not None:
            gathered.add(record, self._fresh(record, rule.stream), level)
        else:
            self.untold += 1

    def _fresh(self, record: Record, stream: Stream) -> list[str]:
        return [name for name in record if name not in base(stream) and name not in self._judges.static]

    def _doubt(self, rule: MessageRule, errors: list[Any]) -> None:
        counts = self._doubts.setdefault(rule.stream.name, Counter())
        for error in errors:
            path = ".".join(str(step) for step in error.instance_path)
            counts[f"{rule.title}: {path or error.message} ({error.kind.name})"] += 1

    def _gathered(self, stream: Stream, text: str) -> Gathered | None:
        constant = tuple(_GAP.split(shape(text)))
        if not any(re.search(r"\w", part) for part in constant):
            return None
        if constant == (text,) or len(constant) > 1:
            key = (stream.name, constant)
            if key in self._unknown or len(self._unknown) < _MOST_KINDS:
                return self._unknown.setdefault(key, Gathered())
        return None

    def proposals(self) -> list[StreamProposal]:
        """What each stream lacks, by its name."""
        return [self._proposal(stream) for _, stream in sorted(self._streams.items())]

    def _proposal(self, stream: Stream) -> StreamProposal:
        new = [(constant, one) for (name, constant), one in self._unknown.items() if name == stream.name]
        more = [(message, one) for (name, message), one in self._known.items() if name == stream.name]
        seen: dict[str, Seen] = {}
        for gathered in [one for _, one in (*new, *more)]:
            for name, values in gathered.fields.items():
                if name not in stream.fields:
                    seen[name] = _together(seen[name], values) if name in seen else values
        return StreamProposal(
            stream,
            {name: (guessed(name, values), values) for name, values in sorted(seen.items())},
            # The longer constant part first: a pattern that says less would take the lines of one that says more.
            [(_message(stream, constant, one), one) for constant, one in sorted(new, key=_says, reverse=True)],
            [(message, tuple(sorted(one.fields)), one) for message, one in more],
            dict(self._doubts.get(stream.name, {})),
        )


def _says(new: tuple[tuple[str, ...], Gathered]) -> tuple[int, tuple[str, ...]]:
    return sum(map(len, new[0])), new[0]


def _together(one: Seen, other: Seen) -> Seen:
    numbers = [seen for seen in (one, other) if seen.kinds["integer"] or seen.kinds["number"]]
    low = min((seen.low for seen in numbers), default=0)
    high = max((seen.high for seen in numbers), default=0)
    return Seen(one.kinds + other.kinds, low, high, one.forms + other.forms, one.samples | other.samples)


def _message(stream: Stream, constant: tuple[str, ...], gathered: Gathered) -> Message:
    """The message of these constant parts of its text, with what stands between them left open."""
    always = {name for name, seen in gathered.fields.items() if seen.count == gathered.lines}
    context = _context(stream, always)
    known = {name for names in stream.context(context) for name in names}
    own = sorted(gathered.fields.keys() - known)
    sure = always if gathered.lines >= _ENOUGH else set()
    required = tuple(name for name in own if name in sure)
    optional = tuple(name for name in own if name not in sure)
    levels = tuple(level for level in LEVELS if gathered.levels[level]) if stream.text_key == "msg" else ()
    component = gathered.components.most_common(1)[0][0] if gathered.components else ""
    return Message(GAP.join(constant), levels, required, optional, None, component, context)


def _context(stream: Stream, always: set[str]) -> str:
    """The context that asks for most, and for nothing that a line lacks."""
    possible = [name for name in CONTEXTS[stream.flavor] if name != "bare"]
    fitting = [name for name in possible if set(stream.context(name)[0]) - set(base(stream)) <= always]
    return max(fitting, key=lambda name: len(stream.context(name)[0]))

"""A proposal of `regobs logs infer`: as entries of the field catalogue for a person, and as JSON Schema."""

from __future__ import annotations

import json
from collections.abc import Sequence

from regobs.common.counts import counted
from regobs.errors import InputError
from regobs.logs.fields.field import Field
from regobs.logs.judging.guess import NO_MEANING, Seen
from regobs.logs.judging.infer import Census, Gathered, StreamProposal
from regobs.logs.messages.message import ANY_LEVEL, Message
from regobs.logs.schema import document

_NOTHING = "Every line is of a message and has fields that the schemas know."


def to_text(census: Census) -> str:
    """Entries as they stand in the catalogue, with what was seen beside them; meanings are for a person to write."""
    found = [one for one in census.proposals() if one.fields or one.messages or one.extended or one.doubts]
    told = "What the catalogue of log fields lacks:" if found else _NOTHING if census.lines else "No line was read."
    lines = [f"# {counted(census.lines, 'line')}. {told}"]
    for one in found:
        lines += ["", f"# Stream {one.stream.name}", *_stream(one)]
    if census.untold:
        has = "has" if census.untold == 1 else "have"
        told = f"{counted(census.untold, 'line')} {has} a message without a constant part, or one of too many kinds"
        lines += ["", f"# {told}."]
    return "\n".join(lines)


def _stream(one: StreamProposal) -> list[str]:
    lines: list[str] = []
    if one.fields:
        lines += ["", "# Fields, for a group in fields/"]
        lines += [f"{_field(made)},  # {_seen(seen)}" for made, seen in one.fields.values()]
    if one.messages:
        lines += ["", "# Messages, for a group of a text file in messages/"]
        lines += [f"\n# {_gathered(made, gathered)}\n{_message(made)}" for made, gathered in one.messages]
    if one.extended:
        lines += ["", "# Fields that known messages have besides theirs"]
        for message, names, gathered in one.extended:
            lines.append(f'# {json.dumps(message.text)}: add "{_names((), names)}" ({counted(gathered.lines, "line")})')
    if one.doubts:
        lines += ["", "# Values that are not what the catalogue says, which this patch leaves alone"]
        lines += [f"# {what}, {counted(count, 'line')}" for what, count in sorted(one.doubts.items())]
    return lines


def _field(made: Field) -> str:
    words = [json.dumps(made.name), f"FieldType.{made.type.name}", json.dumps(made.meaning, ensure_ascii=False)]
    words += [json.dumps(made.unit)] if made.unit else []
    words += ["nullable=True"] if made.nullable else []
    words += [f"pattern={made.pattern!r}"] if made.pattern else []
    words += [f"minimum={made.minimum}"] if made.minimum else []
    words += ["loose=True"] if made.loose else []
    return f"field({', '.join(words)})"


def _seen(seen: Seen) -> str:
    if seen.kinds.keys() <= {"integer", "number", "null"} and seen.kinds.keys() != {"null"}:
        return f"{counted(seen.count, 'value')} from {seen.low:g} to {seen.high:g}"
    kinds = ", ".join(sorted(seen.kinds))
    return f"{counted(seen.count, 'value')} ({kinds}): {', '.join(seen.samples)}"


def _message(made: Message) -> str:
    """The message as the text files of messages have it."""
    names = _names(made.required, made.optional)
    head = f"{' '.join(made.levels) or ANY_LEVEL}: {made.text}{f' | {names}' if names else ''}"
    return f"{head}\n    {NO_MEANING}"


def _names(required: Sequence[str], optional: Sequence[str]) -> str:
    return " ".join((*required, *(f"{name}?" for name in optional)))


def _gathered(made: Message, gathered: Gathered) -> str:
    component = f", component {made.component}" if made.component else ""
    return f"{counted(gathered.lines, 'line')}, context {made.context}{component}"


def to_schema(census: Census, stream: str | None = None) -> str:
    """The JSON Schema of what is new in a stream; the stream need not be named where only one has something."""
    found = {one.stream.name: one for one in census.proposals() if one.messages or one.extended}
    if stream is None and len(found) == 1:
        stream = next(iter(found))
    if stream is None or stream not in found:
        raise InputError(
            "the lines bring something new for several log streams" if found else "the lines bring nothing new",
            value=stream,
            expected=", ".join(found) or "a message or field that no schema knows",
            next_step="name one of them with --stream" if found else None,
        )
    return json.dumps(document(found[stream].added), indent=2, ensure_ascii=False)

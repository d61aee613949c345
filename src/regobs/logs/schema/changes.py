"""What changed between two log schemas, and whether who reads the logs can go on as before.

Compatible: every line that was valid still is, and every field that a query could ask for is still there and means the
same. Everything else is breaking, and so is what cannot be compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum

from regobs.logs.fields import ALIASES, Conversion
from regobs.logs.schema.parts import EVERY_LINE, MessagePart, Schema, ValueRules, parts_of

# Types of an index that hold every value of the other and sort alike.
_WIDER_INDEX = {("short", "integer"), ("short", "long"), ("integer", "long"), ("float", "double")}


class Effect(Enum):
    """What a change means for those who read the logs."""

    BREAKING = "breaking"
    COMPATIBLE = "compatible"


@dataclass(frozen=True, slots=True)
class SchemaChange:
    """One change. `message` is empty for what all lines have, `field` for a change of the message itself."""

    effect: Effect
    message: str
    field: str
    what: str
    reason: str
    was: str = ""
    now: str = ""


def changes(old: Schema, new: Schema) -> list[SchemaChange]:
    """The changes from one schema to the other: breaking ones first, in the order of messages and fields."""
    before, after = parts_of(old), parts_of(new)
    found: list[SchemaChange] = []
    for key in dict.fromkeys([*before, *after]):
        if key not in after:
            reason = "queries for it find nothing, and its lines are held to the common fields only"
            found.append(SchemaChange(Effect.BREAKING, before[key].title, "", "message removed", reason))
        elif key not in before:
            reason = "its lines were held to the fields that all lines have"
            found.append(SchemaChange(Effect.COMPATIBLE, after[key].title, "", "message added", reason))
        else:
            found += _of_part(before[key], after[key], "" if key == EVERY_LINE else after[key].title)
    # What all lines have stands in each message too.
    return sorted(dict.fromkeys(found), key=lambda one: (one.effect.value, one.message, one.field, one.what))


def _of_part(old: MessagePart, new: MessagePart, message: str) -> Iterator[SchemaChange]:
    gone = [name for name in old.fields if name not in new.fields]
    fresh = [name for name in new.fields if name not in old.fields]
    for was, now in _renamed(gone, fresh):
        gone.remove(was)
        fresh.remove(now)
        yield SchemaChange(Effect.BREAKING, message, was, "renamed", _rename_reason(was, now), was, now)
    for name in gone:
        yield SchemaChange(Effect.BREAKING, message, name, "field removed", "queries for it find nothing")
    for name in fresh:
        must = name in new.required
        reason = "lines that were written before lack it" if must else "nothing that was there is gone"
        yield SchemaChange(_effect(must), message, name, f"{'required' if must else 'optional'} field added", reason)
    for name in old.fields.keys() & new.fields.keys():
        if (name in old.required) != (name in new.required):
            must = name in new.required
            reason = "lines without it were valid" if must else "lines without it are valid now as well"
            yield SchemaChange(_effect(must), message, name, "required now" if must else "optional now", reason)
        for change in _of_values(old.fields[name], new.fields[name]):
            yield replace(change, message=message, field=name)
    yield from _others(old.others, new.others, message)


def _renamed(gone: list[str], fresh: list[str]) -> list[tuple[str, str]]:
    """Pairs of names of which one is an alias of the other."""
    found: list[tuple[str, str]] = []
    for was in gone:
        for now in fresh:
            alias = ALIASES.get(now) or ALIASES.get(was)
            if alias is not None and {alias.name, alias.field} == {was, now} and now not in {one for _, one in found}:
                found.append((was, now))
                break
    return found


def _rename_reason(was: str, now: str) -> str:
    alias = ALIASES.get(now) or ALIASES[was]
    how = {Conversion.SCALED: f", times {alias.factor:,}", Conversion.GO_DURATION: ", read as a duration"}
    return (
        f"log queries of regobs for {alias.field} read {alias.name} as well{how.get(alias.conversion, '')}; "
        "everything else that asks for the old name must change"
    )


def _of_values(old: ValueRules, new: ValueRules) -> Iterator[SchemaChange]:
    yield from _types(old, new)
    yield from _options(old, new)
    yield from _end("minimum", old.minimum, new.minimum, raised_narrows=True)
    yield from _end("maximum", old.maximum, new.maximum, raised_narrows=False)
    if added := new.patterns - old.patterns:
        reason = "values that do not match it were valid" if not old.patterns else "it cannot be told which is wider"
        yield _change(Effect.BREAKING, "pattern", reason, _list(old.patterns), _list(added))
    elif dropped := old.patterns - new.patterns:
        yield _change(
            Effect.COMPATIBLE,
            "pattern dropped",
            "values that do not match it are valid now as well",
            _list(dropped),
            "",
        )
    yield from _others(old.others, new.others, "")
    yield from _notes(old, new)


def _types(old: ValueRules, new: ValueRules) -> Iterator[SchemaChange]:
    if old.types == new.types:
        return
    was, now = _list(old.types or {"any"}), _list(new.types or {"any"})
    covered = new.types is None or (old.types is not None and all(_holds(new.types, one) for one in old.types))
    if covered:
        yield _change(Effect.COMPATIBLE, "type widened", "every value that was valid still is", was, now)
    else:
        overlaps = old.types is None or any(_holds(old.types, one) for one in new.types or ())
        reason = (
            "values of a type that is no longer there were valid" if overlaps else "no value that was valid still is"
        )
        yield _change(Effect.BREAKING, "type narrowed" if overlaps else "type changed", reason, was, now)


def _holds(types: frozenset[str], one: str) -> bool:
    return one in types or (one == "integer" and "number" in types)


def _options(old: ValueRules, new: ValueRules) -> Iterator[SchemaChange]:
    if old.options == new.options:
        return
    if new.options is None:
        yield _change(Effect.COMPATIBLE, "closed set dropped", "any value is valid now", _list(old.options or ()), "")
    elif old.options is None:
        yield _change(Effect.BREAKING, "closed set", "other values were valid", "", _list(new.options))
    else:
        if lost := old.options - new.options:
            yield _change(Effect.BREAKING, "value removed", "lines with it were valid", _list(lost), "")
        if more := new.options - old.options:
            yield _change(Effect.COMPATIBLE, "value added", "every value that was valid still is", "", _list(more))


def _end(word: str, old: float | None, new: float | None, *, raised_narrows: bool) -> Iterator[SchemaChange]:
    if old == new:
        return
    if new is None:
        narrowed = False
    elif old is None:
        narrowed = True
    else:
        narrowed = (new > old) == raised_narrows
    reason = "values beyond it were valid" if narrowed else "every value that was valid still is"
    yield _change(_effect(narrowed), word, reason, _shown(old), _shown(new))


def _notes(old: ValueRules, new: ValueRules) -> Iterator[SchemaChange]:
    for name in sorted(old.notes.keys() | new.notes.keys()):
        was, now = old.notes.get(name), new.notes.get(name)
        if was == now:
            continue
        breaking, reason = False, "no line is judged by it"
        if name == "x-unit":
            breaking, reason = True, "the same number means something else"
        elif name == "x-elasticsearch":
            breaking = (was, now) not in _WIDER_INDEX
            reason = "an index keeps the type that a field has" if breaking else "the new type holds all values"
        yield _change(_effect(breaking), _NOTE_WORDS.get(name, name), reason, _shown(was), _shown(now))


_NOTE_WORDS = {"x-unit": "unit", "x-elasticsearch": "index type", "x-duckdb": "column type", "x-since": "since"}


def _others(old: dict[str, str], new: dict[str, str], message: str) -> Iterator[SchemaChange]:
    for name in sorted(old.keys() | new.keys()):
        if old.get(name) != new.get(name):
            reason = "this keyword is not compared in detail"
            yield SchemaChange(
                Effect.BREAKING, message, "", f"keyword {name}", reason, old.get(name, ""), new.get(name, "")
            )


def _effect(breaks: bool) -> Effect:
    return Effect.BREAKING if breaks else Effect.COMPATIBLE


def _change(effect: Effect, what: str, reason: str, was: str, now: str) -> SchemaChange:
    return SchemaChange(effect, "", "", what, reason, was, now)


def _list(values: Iterable[str]) -> str:
    return ", ".join(sorted(values))


def _shown(value: object) -> str:
    return "" if value is None else str(value)

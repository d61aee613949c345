"""What a written value means for a field of each type: the semantics of the index mapping."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal

from regobs.logs.fields import Field, FieldType
from regobs.logs.kql import addresses, dates
from regobs.logs.kql.analysis import terms
from regobs.logs.kql.condition import Any, Between, Bound, Condition, Equals, Fixed, Like, Present, TermLike, Terms
from regobs.logs.kql.nodes import Pattern

_NUMBER = re.compile(r"[-+]?(?:\d{1,400}(?:\.\d{0,400})?|\.\d{1,400})(?:[eE][-+]?\d{1,3})?", re.ASCII)
_NOTHING = Fixed(holds=False)
_LONGS = (-(2**63), 2**63 - 1)
_KEYWORDS = frozenset({FieldType.KEYWORD, FieldType.KEYWORD_LIST})
_NUMBERS = frozenset({FieldType.LONG, FieldType.DOUBLE})


class Unfit(Exception):  # noqa: N818 - an answer between two modules; its place becomes known in the other
    """A value that a field of this type cannot have."""

    def __init__(self, message: str, expected: str, next_step: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.expected = expected
        self.next_step = next_step


def equal(field: Field, text: str, now: datetime, *, quoted: bool) -> Condition:
    """`field: text`."""
    if field.type in _KEYWORDS:
        return Equals(field, text)
    if field.type is FieldType.TEXT:
        return _terms(field, text, phrase=quoted)
    if field.type is FieldType.BOOLEAN:
        if text not in {"true", "false"}:
            raise Unfit(f"{text!r} is neither true nor false", "true or false")
        return Equals(field, text == "true")
    if field.type in _NUMBERS:
        return _number_equal(field, _number(text))
    if field.type is FieldType.DATE:
        span = _span(text, now)
        return Between(field, Bound(span.first), Bound(span.last))
    if field.type is FieldType.IP:
        low, high = _block(text)
        return Between(field, Bound(low), Bound(high))
    raise _structure(field)


def alike(field: Field, pattern: Pattern) -> Condition:
    """`field: te*xt` for a field that is named; a keyword is compared as a whole."""
    if field.type in _KEYWORDS:
        return Like(field, pattern.parts)
    return alike_words(field, pattern)


def alike_words(field: Field, pattern: Pattern) -> Condition:
    """A pattern taken apart at its spaces, of which one has to fit, as query_string does."""
    if field.type not in _KEYWORDS and field.type is not FieldType.TEXT:
        raise _no_pattern(field)
    found: list[Condition] = []
    for word in _words(pattern):
        if isinstance(word, str):
            found.append(Equals(field, word) if field.type in _KEYWORDS else _terms(field, word, phrase=False))
        elif not any(word):
            found.append(Present(field))
        elif field.type in _KEYWORDS:
            found.append(Like(field, word))
        else:
            found.append(TermLike(field, tuple(part.lower() for part in word)))
    return found[0] if len(found) == 1 else Any(tuple(found))


def ordered(field: Field, op: str, text: str, now: datetime) -> Condition:
    """`field op text` for an order that the type has."""
    if field.type in _KEYWORDS:
        return _between(field, op, text)
    if field.type is FieldType.DOUBLE:
        return _between(field, op, float(_number(text)))
    if field.type is FieldType.LONG:
        return _long_between(field, op, _number(text))
    if field.type is FieldType.DATE:
        span = _span(text, now)
        return _between(field, op, span.first if op in {">=", "<"} else span.last)
    if field.type is FieldType.IP:
        key = addresses.key(text)
        if key is None:
            raise Unfit(f"{text!r} is no address", "an address such as 10.0.0.1; a block is written field: 10.0.0.0/8")
        return _between(field, op, key)
    kind = "true or false" if field.type is FieldType.BOOLEAN else "text in words" if _is_text(field) else "a structure"
    raise Unfit(f"the field is {kind}, which has no order", "a number, time, address or keyword")


def _is_text(field: Field) -> bool:
    return field.type is FieldType.TEXT


def _between(field: Field, op: str, value: str | float) -> Condition:
    bound = Bound(value, inclusive=op.endswith("="))
    return Between(field, bound, None) if op.startswith(">") else Between(field, None, bound)


def _terms(field: Field, text: str, *, phrase: bool) -> Condition:
    found = terms(text)
    return Terms(field, found, phrase, text) if found else _NOTHING


def _number(text: str) -> Decimal:
    if not _NUMBER.fullmatch(text):
        raise Unfit(f"{text!r} is no number", "a number")
    number = Decimal(text)
    if number.adjusted() > 307:  # a double ends at 1.8e308
        raise Unfit(f"{text!r} is larger than any number", "a number below 1e308")
    return number


def _number_equal(field: Field, number: Decimal) -> Condition:
    if field.type is FieldType.DOUBLE:
        return Equals(field, float(number))
    if number != number.to_integral_value() or not _LONGS[0] <= number <= _LONGS[1]:
        return _NOTHING
    return Equals(field, int(number))


def _long_between(field: Field, op: str, number: Decimal) -> Condition:
    """A range of whole numbers: ends with a fraction are moved to the next whole number inside."""
    if number > _LONGS[1] or number < _LONGS[0]:
        inside = (number > 0) == op.startswith("<")
        return Present(field) if inside else _NOTHING
    rounding = ROUND_FLOOR if op in {">", "<="} else ROUND_CEILING
    return _between(field, op, int(number.to_integral_value(rounding)))


def _span(text: str, now: datetime) -> dates.Span:
    span = dates.span(text, now)
    if span is None:
        raise Unfit(f"{text!r} is no time", "a time such as 2026-11-23, 2026-11-23T11:05:00Z, now-15m or now/d")
    return span


def _block(text: str) -> tuple[str, str]:
    span = addresses.span(text)
    if span is None:
        raise Unfit(f"{text!r} is no address", "an address, or a block such as 10.0.0.0/8")
    return span


def _no_pattern(field: Field) -> Unfit:
    steps = {
        FieldType.IP: f"write {field.name}: 10.0.0.0/8",
        FieldType.DATE: f"write {field.name} >= 2026-11-23",
        FieldType.OBJECT: f"write {field.name}: * for existence",
    }
    return Unfit(
        f"a field of type {field.type.value} takes no pattern",
        "a pattern only of keywords and text",
        steps.get(field.type, f"write a range, as {field.name} >= 500 and {field.name} < 600"),
    )


def _structure(field: Field) -> Unfit:
    return Unfit("a structure is not compared with text", "existence", f"write {field.name}: *")


def _words(pattern: Pattern) -> list[str | tuple[str, ...]]:
    """The words of a pattern: text, or the parts of one that has stars."""
    words: list[list[str]] = [[""]]
    for index, part in enumerate(pattern.parts):
        if index:
            words[-1].append("")
        first, *others = re.split(r"\s+", part)
        words[-1][-1] += first
        words.extend([other] for other in others)
    return [word[0] if len(word) == 1 else tuple(word) for word in words if word != [""]]

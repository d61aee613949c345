"""Conditions as functions of one line, for lines that come one by one."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from regobs.logs.fields.field import FieldType
from regobs.logs.kql import addresses, condition
from regobs.logs.kql.analysis import terms
from regobs.logs.kql.condition import Between, Condition, Equals, Like, Present, TermLike, Terms
from regobs.logs.reading.record import Record
from regobs.logs.reading.values import values

Holds = Callable[[Record], bool]


def holds(asked: Condition) -> Holds:
    """Whether a line fits."""
    if isinstance(asked, condition.Fixed):
        always = asked.holds
        return lambda _: always
    if isinstance(asked, condition.No):
        part = holds(asked.of)
        return lambda line: not part(line)
    if isinstance(asked, condition.All):
        parts = [holds(one) for one in asked.of]
        return lambda line: all(part(line) for part in parts)
    if isinstance(asked, condition.Any | condition.Anywhere):
        parts = [holds(one) for one in asked.of]
        return lambda line: any(part(line) for part in parts)
    field, fits = asked.field, _LEAVES[type(asked)](asked)
    return lambda line: any(fits(value) for value in values(line, field))


def _equals(asked: Equals) -> Callable[[Any], bool]:
    return lambda value: bool(value == asked.value)


def _present(_: Present) -> Callable[[Any], bool]:
    return lambda _: True


def _between(asked: Between) -> Callable[[Any], bool]:
    read: Callable[[Any], Any] = addresses.key if asked.field.type is FieldType.IP else lambda value: value
    low, high = asked.low, asked.high

    def fits(found: Any) -> bool:
        value = read(found)
        if value is None:
            return False
        if low is not None and not (value >= low.value if low.inclusive else value > low.value):
            return False
        return high is None or bool(value <= high.value if high.inclusive else value < high.value)

    return fits


def _like(asked: Like) -> Callable[[Any], bool]:
    pattern = re.compile(".*".join(map(re.escape, asked.parts)), re.DOTALL)
    return lambda value: pattern.fullmatch(str(value)) is not None


def _terms(asked: Terms) -> Callable[[Any], bool]:
    if asked.phrase:
        phrase = f" {' '.join(asked.terms)} "
        return lambda value: phrase in f" {' '.join(terms(value))} "
    wanted = set(asked.terms)
    return lambda value: not wanted.isdisjoint(terms(value))


def _term_like(asked: TermLike) -> Callable[[Any], bool]:
    pattern = re.compile(".*".join(map(re.escape, asked.parts)), re.DOTALL)
    return lambda value: any(pattern.fullmatch(term) for term in terms(value))


_LEAVES: dict[type, Callable[[Any], Callable[[Any], bool]]] = {
    Equals: _equals,
    Present: _present,
    Between: _between,
    Like: _like,
    Terms: _terms,
    TermLike: _term_like,
}

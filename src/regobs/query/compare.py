"""Two answers to one question beside each other: what changed, by how much, which series came and which went."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from regobs.common.screen import PIPE, Screen
from regobs.common.table import Value, table
from regobs.errors import InputError
from regobs.prometheus.answers import QueryAnswer
from regobs.query.show import Shown, plain

Labels = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class ComparedSeries:
    """One series; a value is None where the answer does not have it."""

    labels: Labels
    then: float | None
    now: float | None

    @property
    def change(self) -> float:
        """The difference; the whole value of a series that came or went."""
        return (self.now or 0.0) - (self.then or 0.0)


def compare(then: QueryAnswer, now: QueryAnswer, ignored: Sequence[str] = ()) -> list[ComparedSeries]:
    """The series of both by their labels, `ignored` ones left out, the largest change first. Raises InputError."""
    values = [_values(answer, ignored) for answer in (then, now)]
    found = [ComparedSeries(labels, *(side.get(labels) for side in values)) for labels in {**values[0], **values[1]}]

    def largest(one: ComparedSeries) -> tuple[bool, float, Labels]:
        return math.isnan(one.change), -abs(one.change), one.labels

    return sorted(found, key=largest)


def _values(answer: QueryAnswer, ignored: Sequence[str]) -> dict[Labels, float]:
    found: dict[Labels, float] = {}
    for one in answer.samples:
        labels = tuple(sorted((name, value) for name, value in one.labels.items() if name not in ignored))
        if labels in found:
            raise InputError(
                "two series have the same labels once some are left out",
                value=", ".join(f"{name}={value}" for name, value in labels),
                next_step="add the series up with sum by (...), or leave out fewer labels",
            )
        found[labels] = one.value
    return found


def as_text(shown: Shown, found: Sequence[ComparedSeries], heads: tuple[str, str], *, on: Screen = PIPE) -> str:
    """A table: labels, both values, the change and its share."""
    if not found:
        return "no data, then and now"
    names = sorted({name for one in found for name, _ in one.labels})
    rows: list[list[Value]] = [
        [
            *(dict(one.labels).get(name, "") for name in names),
            *("" if value is None else shown.value(value) for value in (one.then, one.now)),
            "new" if one.then is None else "gone" if one.now is None else _signed(shown, one.change),
            _share(one),
        ]
        for one in found
    ]
    numbers = [*heads, "change", "%"]
    return table([*names, *numbers], rows, on=on, right=set(numbers))


def _signed(shown: Shown, change: float) -> str:
    return f"{'+' if change > 0 else ''}{shown.value(change)}"


def _share(one: ComparedSeries) -> str:
    if not one.then or one.now is None or not math.isfinite(one.change / one.then):
        return ""
    return f"{one.change / abs(one.then):+.1%}"


def as_data(found: Sequence[ComparedSeries]) -> list[dict[str, Any]]:
    """For JSON."""
    return [
        {
            "labels": dict(one.labels),
            "then": None if one.then is None else plain(one.then),
            "now": None if one.now is None else plain(one.now),
        }
        for one in found
    ]

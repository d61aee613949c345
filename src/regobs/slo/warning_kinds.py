"""Warnings of one kind told once: a pack that was copied whole lacks hundreds of things for a few reasons."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Self

_MOST = 3  # of one kind that are each told


class PackWarning(str):
    """A sentence about a place of a pack. Those of one `kind` have one cause; "" is one that needs its own correction.

    `about` is what of a kind it is about, such as a capability; `places` are how many lines of the file it is about.
    """

    __slots__ = ("about", "kind", "places")
    kind: str
    about: str
    places: int

    def __new__(cls, text: str, kind: str = "", about: str = "", places: int = 1) -> Self:
        """The sentence, with its place in front."""
        made = super().__new__(cls, text)
        made.kind, made.about, made.places = kind, about, places
        return made


def one_of_each_kind(warnings: Iterable[PackWarning]) -> Iterator[str]:
    """The warnings in order; of a kind that has many only the first, with their number and what they are about."""
    kinds: dict[str, list[PackWarning]] = {}
    for number, one in enumerate(warnings):
        kinds.setdefault(one.kind or f"\0{number}", []).append(one)
    for of_kind in kinds.values():
        if len(of_kind) > _MOST:
            yield _many(of_kind)
        else:
            yield from of_kind


def _many(warnings: list[PackWarning]) -> str:
    about: Counter[str] = Counter()
    for one in warnings:
        about[one.about] += one.places
    names = ", ".join(f"{name} {count}" for name, count in about.most_common() if name)
    first = warnings[0]
    return (
        f"{about.total()} lines of the pack are warned of for one cause, {first.kind}"
        f"{f': {names}' if names else ''}. Such as {first}; --all-warnings names each"
    )

"""Which known names a misspelt one may mean, for the last line of an error message."""

from __future__ import annotations

from collections.abc import Iterable
from typing import overload

CUTOFF = 0.6  # of difflib's ratio, from 0 to 1: what most of the names that we know differ by when they are misspelt
_LONGEST = 200  # characters: comparing two texts takes time that grows with the product of their lengths


def closest(word: str, names: Iterable[str], count: int = 1, cutoff: float = CUTOFF) -> list[str]:
    """Up to `count` names that are like `word`, upper and lower case alike, the most like it first."""
    if len(word) > _LONGEST:
        return []
    from difflib import get_close_matches  # noqa: PLC0415 - only an error needs it, and commands start sooner without

    spellings: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        if len(name) <= _LONGEST:
            spellings.setdefault(name.casefold(), []).append(name)
    found = get_close_matches(word.casefold(), spellings, n=count, cutoff=cutoff)
    return [name for spelling in found for name in spellings[spelling]][:count]


@overload
def did_you_mean(word: str, names: Iterable[str]) -> str | None: ...
@overload
def did_you_mean(word: str, names: Iterable[str], otherwise: str) -> str: ...
def did_you_mean(word: str, names: Iterable[str], otherwise: str | None = None) -> str | None:
    """The next step for a person who wrote `word`: the name most like it, or `otherwise` when none is."""
    found = closest(word, names)
    return f"did you mean {found[0]}?" if found else otherwise


def closest_first(word: str, names: Iterable[str], most: int = 8) -> str:
    """What is expected instead of `word`: at most so many of the names, as one text.

    Those that begin with it come first, then those like it.
    """
    known = list(dict.fromkeys(names))
    begun = [name for name in known if word and name.startswith(word)]
    like = list(dict.fromkeys([*begun[:3], *closest(word, known, 3)]))
    shown = (like + [name for name in known if name not in set(like)])[:most]
    return ", ".join(shown) + (", ..." if len(known) > len(shown) else "")

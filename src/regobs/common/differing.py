"""Two long texts, shortened so that what differs between them is what is seen."""

from __future__ import annotations

_BEFORE = 40  # characters before the difference
_MORE = "... "


def shown_difference(before: str, after: str, longest: int) -> tuple[str, str]:
    """Both texts in at most about `longest` characters each, from a little before their first difference on."""
    if max(len(before), len(after)) <= longest:
        return before, after
    begin = max(_alike(before, after) - min(_BEFORE, longest // 4), 0)
    begin = begin if begin > len(_MORE) else 0
    end = min(_alike(before[::-1], after[::-1]), min(len(before), len(after)) - begin)
    return _cut(before, begin, end, longest), _cut(after, begin, end, longest)


def _alike(one: str, other: str) -> int:
    """How many characters both begin with."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))


def _cut(text: str, begin: int, end: int, longest: int) -> str:
    """From `begin` on; of what is too long first what both end with is left out, and then the rest."""
    stop = len(text)
    if stop - begin > longest:
        stop = min(max(stop - end, begin + longest // 2), begin + longest)
    return (_MORE if begin else "") + text[begin:stop] + (" ..." if stop < len(text) else "")

"""What to write where two sides of an operator do not fit together, judged by the labels that their series have."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

Labelled = Sequence[Mapping[str, str]]
_SETS = frozenset({"and", "or", "unless"})  # which take several series of each side


def join_advice(op: str, here: Labelled, there: Labelled) -> str:
    """`on(...)` over the labels with a value on both sides, or what several series of a side need."""
    names = _shared(here, there)
    on = f"on({', '.join(names) or 'a label of both'})"
    if not names or op in _SETS:
        return on
    left, right = (max(Counter(tuple(one.get(name, "") for name in names) for one in side).values(), default=0)
                   for side in (here, there))  # fmt: skip
    if left > 1 and right > 1:
        return f"sum by ({', '.join(names)}) on both sides: each has several series for one of the other"
    return on if left <= 1 and right <= 1 else f"{on} group_left()" if left > 1 else f"{on} group_right()"


def _shared(here: Labelled, there: Labelled) -> list[str]:
    """Labels that have a value on both sides."""
    left, right = ({pair for labels in side for pair in labels.items()} for side in (here, there))
    return sorted({name for name, _ in left & right} - {"__name__"})

"""Values of several requests into the buckets and the sum of a histogram's slot; its lock is held."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from functools import reduce
from operator import add

from regobs.instrument.core.children import Slot


def place_each(slot: Slot, edges: Sequence[float], values: list[float]) -> None:
    """Count values into the buckets and the sum of a slot."""
    for value in values:
        slot[-1] += value
        slot[bisect_left(edges, value)] += 1


def place_sorted(slot: Slot, edges: Sequence[float], values: list[float]) -> None:
    """The same for many: each bucket that any of them falls into is changed once."""
    slot[-1] = reduce(add, values, slot[-1])  # no `sum`, which rounds otherwise from Python 3.12 on
    values.sort()
    done, last, count = 0, len(edges), len(values)
    while done < count:
        index = bisect_left(edges, values[done])
        end = count if index == last else bisect_right(values, edges[index], done)
        slot[index] += end - done
        done = end


def placed(slot: Slot, edges: Sequence[float], values: Sequence[float], count: int) -> tuple[Slot, list[int], float]:
    """A slot, into which of its buckets each value falls, and their sum. ValueError when there are not so many."""
    if len(values) != count:
        raise ValueError(values)
    return slot, [bisect_left(edges, value) for value in values], float(sum(values))

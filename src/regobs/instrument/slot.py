"""What a child keeps its numbers in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol


class Slot(Protocol):
    """The numbers of a child: a list of this process, or a part of a ledger that other processes read."""

    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[float]: ...
    def __getitem__(self, index: int, /) -> float: ...
    def __setitem__(self, index: int, value: float, /) -> None: ...

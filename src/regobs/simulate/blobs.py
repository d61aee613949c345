"""The sizes of blobs."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from random import Random

from regobs.errors import InputError
from regobs.simulate.draw import spreads

_NORMAL_99 = 2.3263478740  # standard deviations above the mean that 99 % of a normal distribution are below
_SMALLEST = 32
_MIB = 2**20


@dataclass(frozen=True)
class BlobSizes:
    """A lognormal distribution, in bytes: layers have a long tail beside their small configurations."""

    median: int = 2 * _MIB
    p99: int = 330 * _MIB
    largest: int = 10 * 2**30
    _sigma: float = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if not _SMALLEST <= self.median <= self.p99 <= self.largest:
            raise InputError(
                "the sizes of blobs are not in order",
                value=f"median {self.median}, p99 {self.p99}, largest {self.largest} bytes",
                expected=f"{_SMALLEST} <= median <= p99 <= largest",
            )
        object.__setattr__(self, "_sigma", math.log(self.p99 / self.median) / _NORMAL_99)

    def draw(self, rng: Random) -> int:
        """Bytes of a blob."""
        return self.draws(rng, 1)[0]

    def draws(self, rng: Random, count: int) -> list[int]:
        """Bytes of so many."""
        sizes = spreads(rng, self.median, self._sigma, count)
        return [max(_SMALLEST, min(self.largest, int(size))) for size in sizes]

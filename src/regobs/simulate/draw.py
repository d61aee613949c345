"""Random draws of a seeded generator."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from random import Random
from statistics import NormalDist

_QUANTILES = 2**14  # up to four standard deviations
_FEW = 30  # above it the normal distribution is close enough to that of Poisson


def stream(*names: object) -> Random:
    """A generator that these names seed, such as a seed, the number of a pod and a part of it."""
    return Random("/".join(map(str, names)))  # noqa: S311 (a model, no secret)


def events(rng: Random, mean: float) -> int:
    """How many events happen when so many are expected: Poisson, by Knuth's method for a few, else by a normal draw."""
    if mean <= 0:
        return 0
    if mean > _FEW:
        return max(0, round(rng.gauss(mean, math.sqrt(mean))))
    limit, product, count = math.exp(-mean), rng.random(), 0
    while product > limit:
        product *= rng.random()
        count += 1
    return count


def spread(rng: Random, median: float, sigma: float = 0.5) -> float:
    """A lognormal draw: half of the values are below the median, none is below zero."""
    return median * rng.choice(_factors(sigma))


def spreads(rng: Random, median: float, sigma: float, count: int) -> list[float]:
    """So many such draws."""
    return [median * factor for factor in rng.choices(_factors(sigma), k=count)]


@cache
def _factors(sigma: float) -> Sequence[float]:
    """Equally likely values of a lognormal distribution around 1: its quantiles, as drawing one is fast."""
    normal = NormalDist()
    return [math.exp(sigma * normal.inv_cdf((number + 0.5) / _QUANTILES)) for number in range(_QUANTILES)]

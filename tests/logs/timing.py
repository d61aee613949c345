"""Whether what reads outside text takes time that is linear in its length."""

from __future__ import annotations

import time
from collections.abc import Callable

_TIMES = 16
_ROUNDS = 5


def assert_linear(run: Callable[[int], object], size: int = 20_000, slack: float = 4) -> None:
    """Sixteen times the size takes at most `slack` times sixteen times as long; quadratic work takes 256 times."""
    short, long = _least(run, size), _least(run, size * _TIMES)
    assert long <= slack * _TIMES * max(short, 1e-4), f"{long / short:.0f} times as long for {_TIMES} times the size"


def _least(run: Callable[[int], object], size: int) -> float:
    spent = []
    for _ in range(_ROUNDS):
        begin = time.process_time()
        run(size)
        spent.append(time.process_time() - begin)
    return min(spent)

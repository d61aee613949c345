"""Looks for texts that take the masking of a log field long: `python -m tests.secrets.fuzz 1000000`.

Texts are made of the pieces that the rules look for, repeated and mixed, in different lengths. What is told at the end
is the CPU time a character, and the slowest texts.
"""

from __future__ import annotations

import heapq
import random
import sys
import time

from regobs.secrets import redacted_fields
from tests.secrets.shapes import PIECES

SLOW = 60e-6  # seconds a character
SHORTEST = 60  # characters: of a shorter text the time is that of the call


def made(source: random.Random) -> str:
    """A text of some pieces, each up to many times."""
    length = int(SHORTEST * 2 ** source.uniform(0, 3))
    parts: list[str] = []
    size = 0
    while size < length:
        piece = source.choice(PIECES) * source.choice((1, 1, 1, 2, 5, 40))
        parts.append(piece[:length])
        size += len(parts[-1])
    return "".join(parts)


def main(count: int, seed: int = 0) -> int:
    """The number of texts that are slow even when they are tried again."""
    source = random.Random(seed)  # noqa: S311
    slowest: list[tuple[float, str]] = []
    characters, spent, slow = 0, 0.0, 0
    for _ in range(count):
        text = made(source)
        start = time.process_time()
        redacted_fields({"msg": text})
        seconds = time.process_time() - start
        characters, spent = characters + len(text), spent + seconds
        if seconds > SLOW * len(text):
            seconds = min(seconds, *(_again(text) for _ in range(3)))
            slow += seconds > SLOW * len(text)
        heapq.heappush(slowest, (seconds / len(text), text))
        if len(slowest) > 5:
            heapq.heappop(slowest)
    print(f"{count:,} texts, {characters:,} characters, {spent / characters * 1e9:.0f} ns a character, {slow} slow")
    for each, text in sorted(slowest, reverse=True):
        print(f"{each * 1e9:,.0f} ns a character: {text[:100]!r}")
    return slow


def _again(text: str) -> float:
    start = time.process_time()
    redacted_fields({"msg": text})
    return time.process_time() - start


if __name__ == "__main__":
    sys.exit(1 if main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000, *map(int, sys.argv[2:])) else 0)

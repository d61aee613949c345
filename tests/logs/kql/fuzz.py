"""Throw texts at the KQL parser: `python -m tests.logs.kql.fuzz 10000000`. Each must be read or refused, in time.

A text is a real query with mutations, a sentence of the grammar, pieces of KQL in any order, or bytes. What is read
must print and be read back as the same tree and get its hints, one in eight its types; whatever raises anything but
our error is a failure. A run is the same for the same seed, on any number of processes.
"""

from __future__ import annotations

import argparse
import gc
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from regobs.errors import LogQueryError
from regobs.logs.fields import FIELDS
from regobs.logs.kql import hints, parse, to_text
from regobs.logs.kql.bind import bind
from regobs.logs.query import ByFilters
from regobs.logs.saved import load_query, names_in
from regobs.pack import find_pack

LIMIT_S = 0.1  # of CPU time for one text
HANG_S = 5.0  # when a text is given up
CHUNK = 20_000  # texts of one seed
TYPED = 8  # one text of so many gets types
BOUND = 2000  # characters of a text that gets types too: each word without a field asks all fields
NOW = datetime(2026, 11, 23, tzinfo=UTC)
MARKS = ["(", ")", ":", "<", ">", "<=", ">=", '"', "*", "{", "}", "\\", " ", "\t", "\n", "\u00a0", "="]
WORDS = [
    "and",
    "or",
    "not",
    " and ",
    " or ",
    "not ",
    "NOT ",
    "status",
    "msg",
    "null",
    "true",
    "200",
    "1e999",
    "é",
    "😀",
]
ESCAPES = [
    "\\and",
    "\\u0041",
    "\\ud83d",
    "\\u",
    "\\*",
    "\\t",
    '\\"',
    "\\not",
    "\u3000",
    "\x00",
    "\ud83d",
    "[1 TO 2]",
    "~",
]
PIECES = [*MARKS, *WORDS, *ESCAPES]
VALUES = ["a", "b c", "200", "404.5", "-1", "2026-11-23", "now-1h/d", "10.0.0.0/8", "true", "*", "v2*", '"x y"', '"*"']


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a chunk of texts came to. `slowest` is in seconds; `failure` is the first, if any."""

    texts: int
    read: int
    slowest: float
    slowest_text: str
    failure: str | None = None


class HangError(Exception):
    """A text that was given up."""


@cache
def real_queries() -> tuple[str, ...]:
    """Every KQL text of the saved queries."""
    pack = find_pack()
    found: list[str] = []
    for query in (load_query(pack, name, now=NOW) for name in names_in(pack)):
        clauses = [
            query.where,
            *(metric.where for metric in query.metrics),
            *(metric.whole for metric in query.metrics),
        ]
        clauses += [clause for group in query.groups if isinstance(group, ByFilters) for _, clause in group.clauses]
        found += [clause.text for clause in clauses if clause.text]
    return tuple(dict.fromkeys(found))


def mutated(source: random.Random) -> str:
    """A real query after some changes."""
    text = source.choice(real_queries())
    for _ in range(source.randrange(1, 5)):
        start = source.randrange(len(text) + 1)
        end = min(len(text), start + source.randrange(8))
        piece = source.choice([source.choice(PIECES), "", text[start:end] * 2, source.choice(real_queries())])
        text = text[:start] + piece + text[end:]
    return text if source.randrange(1000) else text * source.randrange(2, 40)


def sentence(source: random.Random, depth: int = 0) -> str:
    """A text that follows the grammar, most of the time."""
    kind = source.randrange(9 if depth < 6 else 4)
    field = source.choice(_names())
    if kind < 2:
        return f"{field}{source.choice([':', ': ', ' : '])}{source.choice(VALUES)}"
    if kind == 2:
        return f"{field} {source.choice(['<', '<=', '>', '>='])} {source.choice(VALUES)}"
    if kind == 3:
        return source.choice(VALUES)
    if kind in {4, 5}:
        return f"{'not ' * (kind == 4)}({sentence(source, depth + 1)})"
    if kind == 6:
        joined = source.choice([" or ", " and ", " and not ", " or not "])
        return f"{field}: ({joined.join(source.choices(VALUES, k=source.randrange(1, 4)))})"
    joined = source.choice([" and ", " or "])
    return joined.join(sentence(source, depth + 1) for _ in range(source.randrange(2, 4)))


@cache
def _names() -> tuple[str, ...]:
    return (*FIELDS, "nope", "s*", '"msg"')


def pieces(source: random.Random) -> str:
    """Pieces of KQL in any order; now and then one of them many times."""
    if source.randrange(2000) == 0:
        return source.choice(PIECES) * source.randrange(100, 5000)
    return "".join(source.choices(PIECES, k=source.randrange(30)))


def noise(source: random.Random) -> str:
    """Bytes, as UTF-8 where they are and as half surrogates where not."""
    return source.randbytes(source.randrange(40)).decode("utf-8", "surrogateescape")


KINDS: tuple[Callable[[random.Random], str], ...] = (mutated, sentence, pieces, noise)


def judge(text: str, *, typed: bool) -> bool:
    """Whether a text is read, and `typed` too if so; whatever else happens is a fault of ours."""
    try:
        tree = parse(text)
    except LogQueryError as error:
        _check(error)
        return False
    printed = to_text(tree)
    assert parse(printed) == tree, printed
    hints(tree, text)
    if typed and len(text) <= BOUND:
        with suppress(LogQueryError):
            bind(tree, text, now=NOW)
    return True


def _check(error: LogQueryError) -> None:
    """An error says where, and can be shown."""
    assert error.location is not None
    assert (error.location.line or 0) >= 1
    assert (error.location.column or 0) >= 1
    assert str(error)


def run_chunk(seed: str, count: int) -> Outcome:
    """`count` texts of one seed, stopped at the first failure."""
    source = random.Random(seed)  # noqa: S311 - no secret
    read, slowest, slowest_text = 0, 0.0, ""
    gc.freeze()  # else a collection of all that the process holds (a whole test suite) counts as a text's time
    for number in range(count):
        text = KINDS[number % len(KINDS)](source)
        begin = time.thread_time()
        try:
            with limited():
                read += judge(text, typed=number // len(KINDS) % TYPED == 0)
        except Exception as fault:  # noqa: BLE001 - any is what is looked for
            return Outcome(
                number + 1,
                read,
                slowest,
                slowest_text,
                f"number {number} of seed {seed!r}, {type(fault).__name__} {fault}: {_shown(text)}",
            )
        took = time.thread_time() - begin
        if took > slowest:
            slowest, slowest_text = took, text
        if took > LIMIT_S:
            return Outcome(
                number + 1, read, slowest, text, f"number {number} of seed {seed!r}, {took:.3f} s: {_shown(text)}"
            )
    return Outcome(count, read, slowest, slowest_text)


def _shown(text: str) -> str:
    return f"{text[:200]!r} ({len(text):,} characters)"


@contextmanager
def limited() -> Iterator[None]:
    """Give up after some CPU time of the process."""

    def give_up(*_: object) -> None:
        raise HangError

    before = signal.signal(signal.SIGPROF, give_up)
    signal.setitimer(signal.ITIMER_PROF, HANG_S)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)


def main() -> int:
    """Run many chunks on all cores, stop at the first failure; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("count", type=int)
    parser.add_argument("--seed", default="regobs")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    options = parser.parse_args()
    begin, texts, read, slowest, slow = time.monotonic(), 0, 0, 0.0, ""
    sizes = [min(CHUNK, options.count - start) for start in range(0, options.count, CHUNK)]
    with ProcessPoolExecutor(options.processes) as pool:
        seeds = [f"{options.seed}:{number}" for number in range(len(sizes))]
        for outcome in pool.map(run_chunk, seeds, sizes):
            texts, read = texts + outcome.texts, read + outcome.read
            slowest, slow = max((slowest, slow), (outcome.slowest, outcome.slowest_text))
            if outcome.failure:
                pool.shutdown(cancel_futures=True)
                print(f"FAILED after {texts:,} texts: {outcome.failure}")
                return 1
    took = time.monotonic() - begin
    print(f"{texts:,} texts in {took:.0f} s on {options.processes} processes: {read:,} read, {texts - read:,} refused")
    print(f"slowest {1000 * slowest:.1f} ms for {len(slow):,} characters: {slow[:60]!r}")
    return 0


if __name__ == "__main__":
    sys.exit(main())

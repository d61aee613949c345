"""The lines of logs that are written already, in the order of their times, whichever file they stand in.

Several instances and streams write at the same time, so that their files overlap: they are read side by side. A file is
opened when its first time has come. Times are believed with care, because all that follows a wrong one would be dated
by it: none of before `_EARLIEST` or of tomorrow, and one that is a day ahead of the line before only where the next
line with a time says so too.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import closing
from heapq import heappop, heappush
from time import time

from regobs.logs.fields import FIELDS
from regobs.logs.reading.outcome import LinesSeen
from regobs.logs.reading.read import Line, LinePart, open_log, parts
from regobs.logs.reading.sources import STDIN, STDIN_NAME
from regobs.logs.reading.values import read_record, values
from regobs.logs.reading.wrapping import Unwrapper

DAY = 86_400
_EARLIEST = 1_356_998_400  # 2013, the year of the first registry of this kind: a clock that was never set is in 1970
_MOST_HELD = 10_000  # lines that are held at once

Chunk = tuple[int | None, list[bytes]]


def lines_by_time(
    names: Sequence[str], step: int, seen: dict[str, LinesSeen], unwrapper_of: Callable[[str], Unwrapper]
) -> Iterator[tuple[int | None, list[bytes], Unwrapper]]:
    """Lines as registries wrote them, with the end of the step that they belong to and the unwrapper of their file.

    The ends ascend. It is None for lines before the first time of a file. `seen` gets what the files have,
    `unwrapper_of` makes the unwrapper of a file.
    """
    alone = len(names) == 1
    late = sorted(  # a pipe can be read once: it is begun with
        (float("-inf") if alone or name == STDIN else _first_end(name, step), number, name)
        for number, name in enumerate(names)
    )
    late.reverse()
    begun: list[tuple[float, int, Chunk, Iterator[Chunk], Unwrapper]] = []
    while late or begun:
        while late and (not begun or late[-1][0] <= begun[0][0]):
            end, number, name = late.pop()
            shown = seen[STDIN_NAME if name == STDIN else name] = LinesSeen()
            _next(begun, end, number, _chunks(name, step, shown), unwrapper_of(name))
        if begun:
            end, number, (known, lines), chunks, unwrapper = heappop(begun)
            yield known, lines, unwrapper
            _next(begun, end, number, chunks, unwrapper)


def _next(
    begun: list[tuple[float, int, Chunk, Iterator[Chunk], Unwrapper]],
    end: float,
    number: int,
    chunks: Iterator[Chunk],
    unwrapper: Unwrapper,
) -> None:
    """Wait with the next lines of a file until their time has come; lines without one stand where they are."""
    chunk = next(chunks, None)
    if chunk is not None:
        heappush(begun, (end if chunk[0] is None else chunk[0], number, chunk, chunks, unwrapper))


def _first_end(name: str, step: int) -> float:
    """The end of the step of the first time in a file; infinite where it has none."""
    with closing(_chunks(name, step, LinesSeen())) as chunks:
        return next((end for end, _ in chunks if end is not None), float("inf"))


def _chunks(name: str, step: int, seen: LinesSeen) -> Generator[Chunk]:
    """The lines of a file by the end of their step."""
    due: int | None = None
    held: list[bytes] = []
    with open_log(name, sys.stdin.buffer) as file:
        contents = (content for part in _noted(parts(file), seen) for content in part.contents)
        for at, content in _dated(_unwrapped(contents)):
            end = None if at is None else (int(at) // step + 1) * step
            if held and (end != due or len(held) >= _MOST_HELD):
                yield due, held
                held = []
            due = end
            held.append(content)
    if held:
        yield due, held


def _noted(found: Iterator[LinePart], seen: LinesSeen) -> Iterator[LinePart]:
    """The parts of a file, whose lines `seen` gets."""
    for part in found:
        seen.read(part)
        yield part
    seen.end()


def _unwrapped(contents: Iterable[bytes]) -> Iterator[bytes]:
    """Lines without what collectors put around them: only then has each of them its time."""
    unwrapper = Unwrapper()
    for content in contents:
        for line in unwrapper.add(Line(1, 0, content.lstrip(b"\0") or content)):
            if line.content:
                yield line.content


def _dated(contents: Iterable[bytes]) -> Iterator[tuple[float | None, bytes]]:
    """Lines with the latest time until then that is believed: where one without, or with an older one, counts."""
    latest = time() + DAY
    clock: float | None = None
    claimed, doubted = 0.0, list[bytes]()  # a time that is not believed yet, and the lines since
    for content in contents:
        at = _seconds(content)
        if at is not None and not _EARLIEST <= at <= latest:
            at = None
        if doubted:
            if at is None and len(doubted) < _MOST_HELD:
                doubted.append(content)
                continue
            if at is None or at > claimed - DAY:
                clock = claimed
            elif clock is None:
                clock = at
            yield from ((clock, line) for line in doubted)
            doubted = []
        if at is not None and (clock is None or at > clock + DAY):
            claimed, doubted = at, [content]
            continue
        clock = clock if at is None or clock is None else max(clock, at)
        yield clock, content
    yield from ((claimed, line) for line in doubted)


def _seconds(content: bytes) -> float | None:
    """The time of a line, seconds since 1970; None where it has none."""
    record = read_record(content)
    at = values(record, FIELDS["time"]) if record else []
    return at[0] / 1000 if at else None

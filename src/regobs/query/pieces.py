"""Long ranges in pieces below the server's limit of points, fetched at the same time and put together again exactly.

A point is asked once, at the same millisecond as one big query would, so the pieces have the same points. What makes an
expression depend on the ends of its range, `@ start()` and `@ end()`, is replaced by the times themselves.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from itertools import islice
from typing import TYPE_CHECKING

from regobs.errors import ServerError
from regobs.prometheus import Prometheus
from regobs.prometheus.answers import QueryAnswer, RangeSeries
from regobs.promql.nodes import At, Expr, Selector, Subquery
from regobs.promql.walk import rebuild, walk
from regobs.query.complete import MOVED
from regobs.query.times import AskedRange

if TYPE_CHECKING:
    from regobs.query.cache import RangeCache

MOST_POINTS = 10_000  # of a series in one request: Prometheus refuses more than 11,000
STREAMED_POINTS = 2_000  # of a series in a piece that is written out before the next but three is asked
AT_ONCE = 4  # requests; a Prometheus evaluates 20 at a time for all who ask
ATTEMPTS = 3
LONGEST_WAIT = 30.0  # seconds that a Retry-After is obeyed
Report = Callable[[int, int], None]


def split(asked: AskedRange, most: int = MOST_POINTS) -> Iterator[AskedRange]:
    """The pieces of a range, in their order: together they have each of its points once."""
    first = asked.start
    while first <= asked.end:
        last = min(first + (most - 1) * asked.step, asked.end)
        yield AskedRange(first, last, asked.step)
        first += most * asked.step


def windows(asked: AskedRange, most: int = MOST_POINTS) -> Iterator[AskedRange]:
    """Pieces whose edges do not depend on where the range begins, so that another range has the same ones."""
    ahead = most - asked.start // asked.step % most  # points up to the next edge
    if ahead == most or ahead >= asked.points:
        yield from split(asked, most)
        return
    second = asked.start + ahead * asked.step
    yield AskedRange(asked.start, second - asked.step, asked.step)
    yield from split(AskedRange(second, asked.end, asked.step), most)


def fixed(expr: Expr, asked: AskedRange) -> Expr:
    """The expression with the times of the whole range where it says `@ start()` or `@ end()`."""
    edges = {"start": asked.start, "end": asked.end}

    def visit(node: Expr) -> Expr:
        done = rebuild(node, visit)
        if isinstance(done, Selector | Subquery) and done.at is not None and done.at.edge:
            return replace(done, at=At(edges[done.at.edge]))
        return done

    return visit(expr)


def depends_on_ends(expr: Expr) -> bool:
    """Whether a part of the expression is evaluated at an end of the range."""
    return any(isinstance(node, Selector | Subquery) and node.at and node.at.edge for node in walk(expr))


def query_pieces(
    server: Prometheus,
    text: str,
    asked: AskedRange,
    *,
    most: int = MOST_POINTS,
    at_once: int = AT_ONCE,
    report: Report | None = None,
    cache: RangeCache | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> QueryAnswer:
    """The answer of a range query of any length. Raises ServerError for the first piece that fails for good.

    A piece that fails in passing (429, 502 to 504, an answer that breaks off) is asked again, after what Retry-After
    says. Memory holds the whole answer.
    """
    found = []
    parts = list(split(asked, most) if cache is None else windows(asked, most))
    answers = stream_pieces(server, text, parts, most=most, at_once=at_once, cache=cache, sleep=sleep)
    for done, answer in enumerate(answers, 1):
        found.append(answer)
        if report is not None:
            report(done, len(parts))
    return found[0] if len(found) == 1 else merged(found)


def stream_pieces(
    server: Prometheus,
    text: str,
    parts: Sequence[AskedRange],
    *,
    most: int = MOST_POINTS,
    at_once: int = AT_ONCE,
    cache: RangeCache | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Iterator[QueryAnswer]:
    """The answers of the pieces in their order, of which no more than `at_once` are asked or wait at a time.

    `most` is how many points a whole piece has; whole ones are taken from the cache and kept there. A server that
    answers at other moments than were asked gets a warning, and a ServerError where it moves the pieces differently.
    """

    def fetch(part: AskedRange) -> QueryAnswer:
        kept = None if cache is None else cache.read(text, part)
        if kept is not None:
            return kept
        start, end, step = part.start / 1000, part.end / 1000, part.step / 1000
        answer = _patiently(lambda: server.query_range(text, start, end, step), sleep)
        if cache is not None:
            cache.write(text, part, answer, most)
        return answer

    moved: int | None = None
    for part, answer in zip(parts, _fetched(fetch, parts, at_once), strict=True):
        shift = _shift(answer, part)
        if shift is not None and moved not in {None, shift}:
            raise ServerError(
                f"{server.url} moves the moments of a range, and not all by the same time",
                value=f"{shift / 1000:g} s from {part.start / 1000:g} on, {(moved or 0) / 1000:g} s before",
                expected="points at the start and at whole steps behind it",
                next_step="begin the range at a multiple of the step, or choose a longer --step",
            )
        moved = shift if moved is None else moved
        told = (f"{MOVED} {shift / 1000:g} s",) if shift else ()
        yield replace(answer, warnings=(*answer.warnings, *told)) if told else answer


def _shift(answer: QueryAnswer, part: AskedRange) -> int | None:
    """By how many milliseconds the points of a piece are behind its grid; None without points.

    The ends of a series are looked at: servers evaluate at equal distances.
    """
    ends = (one.points[place][0] for one in answer.ranges if one.points for place in (0, -1))
    shifts = {(round(time * 1000) - part.start) % part.step for time in ends}
    return max(shifts, default=None)


def _fetched(
    fetch: Callable[[AskedRange], QueryAnswer], parts: Sequence[AskedRange], at_once: int
) -> Iterator[QueryAnswer]:
    """The answers in the order of the pieces, a few of which are asked at a time."""
    if len(parts) == 1:
        yield fetch(parts[0])
        return
    rest, running = iter(parts), deque[Future[QueryAnswer]]()
    with ThreadPoolExecutor(at_once) as pool:
        try:
            running.extend(pool.submit(fetch, part) for part in islice(rest, at_once))
            while running:
                answer = running.popleft().result()
                running.extend(pool.submit(fetch, part) for part in islice(rest, 1))
                yield answer
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _patiently(ask: Callable[[], QueryAnswer], sleep: Callable[[float], None]) -> QueryAnswer:
    for _ in range(ATTEMPTS - 1):
        try:
            return ask()
        except ServerError as error:
            if error.retry_after is None or error.retry_after > LONGEST_WAIT:
                raise
            sleep(error.retry_after)
    return ask()


def merged(answers: Sequence[QueryAnswer]) -> QueryAnswer:
    """Answers of adjacent pieces, in their order, as one; series in the order of their labels."""
    points: dict[tuple[tuple[str, str], ...], list[tuple[float, float]]] = {}
    histograms: dict[tuple[tuple[str, str], ...], int] = {}
    for answer in answers:
        for series in answer.ranges:
            key = tuple(sorted(series.labels.items()))
            points.setdefault(key, []).extend(series.points)
            histograms[key] = histograms.get(key, 0) + series.histograms
    return QueryAnswer(
        "matrix",
        ranges=tuple(RangeSeries(dict(key), tuple(points[key]), histograms[key]) for key in sorted(points)),
        warnings=tuple(dict.fromkeys(text for answer in answers for text in answer.warnings)),
        infos=tuple(dict.fromkeys(text for answer in answers for text in answer.infos)),
        partial=any(answer.partial for answer in answers),
    )

"""How `regobs query 'EXPR'` asks a range, in pieces where it is long, and writes such an answer out piece by piece."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import click

from regobs.cli.content import progress
from regobs.cli.query_asking import Asking
from regobs.cli.query_gaps import announce, histogram_notes, stores_of
from regobs.cli.said import warn
from regobs.common.counts import counted
from regobs.common.output import end_with_reader
from regobs.errors import InputError

if TYPE_CHECKING:
    from pathlib import Path

    from regobs.prometheus import Prometheus, QueryAnswer
    from regobs.query.ask import CheckedQuery
    from regobs.query.cache import RangeCache
    from regobs.query.times import AskedRange

_MOST_HELD = 1_000_000  # points of a series that a table, JSON or a chart has in memory: two years, a point a minute
_MOST_WRITTEN = 100_000_000  # points of a series that are written out: three years, a point a second
_LONG_WAY = 1_000  # pieces whose number is said before they are asked, also where no progress bar is seen


def check_points(query: CheckedQuery, asks: str = "a range") -> None:
    """Raise InputError for what has no single value at a moment: a range selector, a subquery, a text."""
    if query.type is None or query.type.value not in {"matrix", "string"}:
        return
    several = query.type.value == "matrix"
    what = "the samples of a window have" if several else "a text has"
    raise InputError(
        f"{what} no single value at a moment, which {asks} needs",
        value=query.text,
        expected="an instant vector or a number",
        next_step="put it into a function such as avg_over_time(...), or ask it for one moment"
        if several
        else "ask it for one moment",
    )


def streamed(query: CheckedQuery, asking: Asking) -> AskedRange | None:
    """The range that is written out piece by piece: one of more points than a server gives at once.

    Raises InputError for one that nobody waits for to its end.
    """
    from regobs.query import pieces  # noqa: PLC0415

    asked = asking.times(time.time())[1]
    if asked is None or asked.points <= pieces.MOST_POINTS or query.expr is None:
        return None
    if asked.points > _MOST_WRITTEN:
        raise _too_long("a range this long is not asked", asked, _MOST_WRITTEN, "choose a longer --step")
    return asked


def _too_long(message: str, asked: AskedRange, most: int, next_step: str) -> InputError:
    value = counted(asked.points, "point", "of each series")
    return InputError(message, value=value, expected=f"at most {most:,}", next_step=next_step)


@dataclass(slots=True)
class _Heard:
    """What the pieces of an answer said beside their points."""

    warnings: dict[str, None] = field(default_factory=dict)
    infos: dict[str, None] = field(default_factory=dict)
    partial: bool = False
    found: bool = False
    histograms: int = 0  # series, at the most in one piece

    def add(self, answer: QueryAnswer) -> None:
        self.warnings.update(dict.fromkeys(answer.warnings))
        self.infos.update(dict.fromkeys(answer.infos))
        self.partial |= answer.partial
        self.found |= bool(answer.ranges)
        self.histograms = max(self.histograms, answer.histograms)


def stream(
    prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, asking: Asking, *, shape: str, file: Path | None
) -> int:
    """Write a long range out piece by piece, in the order of time, so that memory holds a few pieces only.

    It goes into the file, which then is whole or as it was before, or in its shape to standard output.
    """
    from regobs.query import show  # noqa: PLC0415
    from regobs.query.complete import gaps, harmless  # noqa: PLC0415

    heard = _Heard()
    answers = _pieces(prometheus, query, asked, asking, heard)
    if file is not None:
        _stream_file(answers, file)
    else:
        end_with_reader()  # the server is asked for no piece that nobody reads
        if shape == "csv":
            show.stream_csv(answers, sys.stdout)
        else:
            for answer in answers:
                for block in show.line_blocks(answer):
                    click.echo(block)
    silent = [] if heard.found else ["no data"]
    for note in (*query.notes, *heard.infos, *silent, *histogram_notes(heard.histograms)):
        click.echo(f"Note: {note}", err=True)
    lacking = gaps(heard.warnings, prometheus.thanos, stores_of(prometheus), partial=heard.partial)
    for said in harmless(heard.warnings, lacking):
        warn(said)
    return announce(lacking)


def _pieces(
    prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, asking: Asking, heard: _Heard
) -> Iterator[QueryAnswer]:
    from regobs.query import pieces  # noqa: PLC0415

    most, cache = pieces.STREAMED_POINTS, _cache(prometheus, query, asking)
    parts = list(pieces.windows(asked, most))
    if len(parts) >= _LONG_WAY:
        said = f"{counted(asked.points, 'point', 'of each series')}, in {counted(len(parts), 'piece')}"
        click.echo(f"Note: {said}; a longer --step asks for fewer", err=True)
    bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
    with bar as report:
        text = _fixed(query, asked)
        for done, answer in enumerate(pieces.stream_pieces(prometheus, text, parts, most=most, cache=cache), 1):
            heard.add(answer)
            if report is not None:
                report(done, len(parts))
            yield answer


def _stream_file(answers: Iterable[QueryAnswer], file: Path) -> None:
    from regobs.query import pieces  # noqa: PLC0415
    from regobs.query.files import stream_answer  # noqa: PLC0415

    stream_answer(answers, file)
    click.echo(f"{file}: {file.stat().st_size:,} bytes", err=True)
    most = f"a range of more than {pieces.MOST_POINTS:,} points"
    click.echo(f"Note: no table: {most} is written to the file in pieces, which memory does not hold", err=True)


def _fixed(query: CheckedQuery, asked: AskedRange) -> str:
    """The text of a query that is asked in pieces: `@ start()` and `@ end()` stay the ends of the whole."""
    from regobs.query import pieces  # noqa: PLC0415

    if query.expr is None or not pieces.depends_on_ends(query.expr):
        return query.text
    from regobs.promql.printer import to_text  # noqa: PLC0415

    return to_text(pieces.fixed(query.expr, asked))


def _cache(prometheus: Prometheus, query: CheckedQuery, asking: Asking) -> RangeCache | None:
    """What is on disk of answers to a long range."""
    from regobs.query.cache import open_cache  # noqa: PLC0415

    return None if asking.uncached else open_cache(prometheus, query.expr)


def resolved(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange | None) -> Prometheus:
    """A client that asks Thanos for the resolution that fits, where `auto` was asked for."""
    from regobs.prometheus.thanos import AUTO, source_resolution  # noqa: PLC0415

    thanos = prometheus.thanos
    if thanos.max_source_resolution != AUTO or query.expr is None:
        return prometheus
    from regobs.promql.walk import ranges  # noqa: PLC0415

    spans = [node.range.ms for node in ranges(query.expr) if node.range is not None]
    fitting = source_resolution([*spans, asked.step] if asked else spans)
    click.echo(f"Note: samples of a source resolution of {fitting}", err=True)
    return prometheus.saying(replace(thanos, max_source_resolution=fitting))


def ranged(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, asking: Asking) -> QueryAnswer:
    from regobs.query import pieces  # noqa: PLC0415

    if asked.points <= pieces.MOST_POINTS:
        return pieces.query_pieces(prometheus, query.text, asked)
    if query.expr is None:
        raise InputError(
            "a range this long is asked in pieces, for which the expression has to be understood",
            value=f"{asked.points:,} points",
            expected=f"at most {pieces.MOST_POINTS:,} points with --unchecked",
            next_step="leave out --unchecked, or choose a longer --step",
        )
    if asked.points > _MOST_HELD:
        written = (
            ", or --out FILE.parquet, .csv or .ndjson, or --format csv or ndjson alone: these are written in pieces"
        )
        hint = "choose a longer --step" + (written if asked.points <= _MOST_WRITTEN else "")
        raise _too_long("a range this long does not fit into memory", asked, _MOST_HELD, hint)
    bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
    with bar as report:
        cache = _cache(prometheus, query, asking)
        return pieces.query_pieces(prometheus, _fixed(query, asked), asked, report=report, cache=cache)

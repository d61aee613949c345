"""`regobs query 'EXPR'`: one moment or a range, as a table or as data."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, progress, settings, without_collector
from regobs.cli.expression_command import ExpressionCommand
from regobs.cli.query_after import NOTHING, Afterwards, after_options, finish, print_compared, watch
from regobs.cli.query_asking import Asking, asking_options
from regobs.cli.query_commands import BARE
from regobs.cli.query_names import complete_metric, complete_parameter
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import Colour, screen
from regobs.errors import EndpointError, ExitCode, InputError, PromqlError, RegobsError, ServerError

if TYPE_CHECKING:
    from regobs.config import Config, SavedQuery
    from regobs.prometheus import Prometheus, QueryAnswer, Store
    from regobs.query.ask import CheckedQuery
    from regobs.query.cache import RangeCache
    from regobs.query.complete import Gap
    from regobs.query.show import Shown
    from regobs.query.times import AskedRange

SHAPES = ("text", "csv", "json", "ndjson")
_MOST_HELD = 1_000_000  # points of a series that a table, JSON or a chart has in memory: two years, a point a minute


@click.command(cls=ExpressionCommand)
@click.argument("text", metavar="EXPR", nargs=-1, required=True, shell_complete=complete_metric)
@asking_options
@server_options
@click.option(
    "--set",
    "pairs",
    multiple=True,
    metavar="NAME=VALUE",
    shell_complete=complete_parameter,
    help="A parameter: what stands for $NAME.",
)
@click.option("--unchecked", is_flag=True, help="Send it without a look: syntax that regobs does not know.")
@click.option("--all", "everything", is_flag=True, help="All series of a table, not the first 50.")
@after_options
@click.option("--config", "config_file", type=PATH, help="Settings; regobs.toml where there is one.")
@click.option("--format", "shape", type=click.Choice(SHAPES), default="text", show_default=True)
def expr(
    *,
    text: tuple[str, ...],
    asking: Asking,
    server: ServerOptions,
    pairs: tuple[str, ...],
    unchecked: bool,
    everything: bool,
    after: Afterwards,
    config_file: Path | None,
    shape: str,
) -> int:
    """Evaluate PromQL at one moment, or over a range.

    It is checked first: what cannot be right is shown with a caret under it. EXPR of - is read from standard input;
    `regobs query NAME` asks a query that `regobs query save` has kept.
    Exit code 5: the answer is shown, but it is not the whole (see docs/query.md).
    """
    config = settings(config_file)
    named = _saved(text, config)
    query = _read(text, config, asking, pairs, unchecked=unchecked)
    if named is not None and shape == "text":
        click.echo("\n".join(filter(None, [named.title, query.text])) + "\n")
    plain = after == NOTHING
    if not plain:
        after.check(ranged=asking.ranged)
    if asking.ranged or after.compares:
        _check_points(query, "--diff" if after.compares else "a range")
        _other(asking, server, after)[0].times(time.time())  # a wrong time is said before anything is asked

    @without_collector()
    def once() -> int:
        if plain and shape in {"csv", "ndjson"} and (asked := _streamed(query, asking)) is not None:
            return _stream(_resolved(prometheus, query, asked), query, asked, shape, asking)
        shown = evaluate(prometheus, query, asking)
        if after.compares:
            other, there = _other(asking, server, after)
            with open_server(there, config, other) as second:
                then = evaluate(second, query, other)
            code = announce(tuple(dict.fromkeys((*then.gaps, *shown.gaps))))  # what both lack is said once, before
            heads = _heading(other, second), _heading(asking, prometheus)
            print_compared(then, shown, heads, after, shape)
            return code
        code = show(shown, shape, everything=everything)
        if shape == "text" and shown.is_empty and not shown.answer.warnings:  # a server that warns says why itself
            _explain_empty(text[0], query, config, asking)
        if not plain:
            finish(shown, prometheus, config, asking.times(time.time())[0], after)
        return code

    with open_server(server, config, asking) as prometheus:
        return once() if after.watch is None else watch(after.watch, once)


def _explain_empty(word: str, query: CheckedQuery, config: Config, asking: Asking) -> None:
    from regobs.cli.query_commands import VERBS  # noqa: PLC0415
    from regobs.common.closest import closest  # noqa: PLC0415
    from regobs.query.ask import empty_notes  # noqa: PLC0415
    from regobs.query.times import NO_DATA_YET  # noqa: PLC0415

    moment, asked, _ = asking.times(now := time.time())
    if (asked.start / 1000 if asked is not None else moment or now) > now:
        click.echo(NO_DATA_YET, err=True)
        return
    if re.fullmatch(r"[A-Za-z][\w-]{0,60}", word):
        questions = _questions(config)
        for near in closest(word, [*VERBS, *config.queries, *questions]):
            meant = f"`regobs query ask {near}`" if near in questions else near
            click.echo(f"Note: no command and no saved query has this name; did you mean {meant}?", err=True)
    for note in empty_notes(query):
        click.echo(f"Note: {note}", err=True)


def _questions(config: Config) -> list[str]:
    """The names of the questions of the pack; none where the pack cannot be read."""
    from regobs.pack import find_pack  # noqa: PLC0415
    from regobs.query.named import question_names  # noqa: PLC0415

    with suppress(RegobsError):
        return question_names(find_pack(config=config))
    return []


def _other(asking: Asking, server: ServerOptions, after: Afterwards) -> tuple[Asking, ServerOptions]:
    """When and whom the other answer of a comparison is asked."""
    there = server if after.diff_context is None else ServerOptions(context=after.diff_context)
    return (asking if after.diff is None else replace(asking, at=after.diff, at_option="--diff")), there


def _heading(asking: Asking, prometheus: Prometheus) -> str:
    """The moment and the context of an answer."""
    return " ".join(filter(None, [asking.at or "now", prometheus.connection.context]))


def open_server(server: ServerOptions, config: Config, asking: Asking) -> Prometheus:
    """A client that says to Thanos what the command line says."""
    return server.open(server.within(config), asking.thanos)


def _saved(words: tuple[str, ...], config: Config) -> SavedQuery | None:
    """The saved query that is named where a verb could stand; `regobs query expr` takes no name."""
    bare = click.get_current_context().meta.get(BARE, False)
    return config.queries.get(words[0]) if bare and len(words) == 1 else None


def _read(
    words: tuple[str, ...], config: Config, asking: Asking, pairs: tuple[str, ...], *, unchecked: bool
) -> CheckedQuery:
    from regobs.query.ask import CheckedQuery, check_query  # noqa: PLC0415

    if len(words) > 1:
        raise unquoted(words)
    text = sys.stdin.read().strip() if words[0] == "-" else words[0]
    named = _saved(words, config)
    if named is not None or pairs:
        from regobs.cli.query_saved import filled  # noqa: PLC0415

        text = filled(named or text, pairs)
    if unchecked:
        return CheckedQuery(text)
    with unchecked_named("sends it as it is"):
        if "$__" not in text:
            return check_query(text)
        from regobs.doctor.questions import default_window  # noqa: PLC0415 - for Grafana's variables only
        from regobs.promql.durations import read_duration  # noqa: PLC0415

        return check_query(text, default_window(config), read_duration(asking.span) if asking.span else None)


@contextmanager
def unchecked_named(does: str) -> Iterator[None]:
    """Let a refusal of an expression say what `--unchecked` does with it all the same."""
    try:
        yield
    except PromqlError as error:
        error.next_step = "; ".join(filter(None, [error.next_step, f"--unchecked {does}"]))
        raise


def unquoted(words: tuple[str, ...]) -> InputError:
    """The error for several arguments, which are a misspelt verb or an expression without quotes."""
    from regobs.cli.query_commands import VERBS  # noqa: PLC0415
    from regobs.common.closest import did_you_mean  # noqa: PLC0415

    otherwise = "put the whole expression between single quotes"
    return InputError(
        "an expression is one argument",
        value=" ".join(words),
        expected="regobs query 'EXPR'",
        next_step=did_you_mean(words[0], VERBS, otherwise),
    )


def evaluate(prometheus: Prometheus, query: CheckedQuery, asking: Asking) -> Shown:
    """Send a query, in pieces where its range is long, and judge whether the answer is the whole."""
    from regobs.query.complete import answer_gaps, harmless  # noqa: PLC0415
    from regobs.query.show import Shown  # noqa: PLC0415

    moment, asked, zone = asking.times(time.time())
    if asked is not None:
        _check_points(query)
    prometheus = _resolved(prometheus, query, asked)
    answer = prometheus.query(query.text, moment) if asked is None else _ranged(prometheus, query, asked, asking)
    for note in (*query.notes, *answer.infos):
        click.echo(f"Note: {note}", err=True)
    found = answer_gaps(answer, prometheus.thanos, stores_of(prometheus))
    for text in harmless(answer.warnings, found):
        warn(text)
    in_order = query.expr is not None and getattr(query.expr, "function", "").startswith("sort")
    return Shown(query.text, answer, query.type, asked, found, zone, in_order)


def _check_points(query: CheckedQuery, asks: str = "a range") -> None:
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


def _streamed(query: CheckedQuery, asking: Asking) -> AskedRange | None:
    """The range that is written out piece by piece: one of more points than a server gives at once."""
    from regobs.query import pieces  # noqa: PLC0415

    asked = asking.times(time.time())[1]
    return asked if asked is not None and asked.points > pieces.MOST_POINTS and query.expr is not None else None


def _stream(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, shape: str, asking: Asking) -> int:
    """Write a long range out piece by piece, in the order of time, so that memory holds a few pieces only."""
    from regobs.query import pieces, show  # noqa: PLC0415
    from regobs.query.complete import gaps, harmless  # noqa: PLC0415

    warnings: dict[str, None] = {}
    partial = False

    def answers() -> Iterator[QueryAnswer]:
        nonlocal partial
        most, cache = pieces.STREAMED_POINTS, _cache(prometheus, query, asking)
        parts = list(pieces.windows(asked, most))
        bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
        with bar as report:
            text = _fixed(query, asked)
            for done, answer in enumerate(pieces.stream_pieces(prometheus, text, parts, most=most, cache=cache), 1):
                warnings.update(dict.fromkeys(answer.warnings))
                partial = partial or answer.partial
                if report is not None:
                    report(done, len(parts))
                yield answer

    if shape == "csv":
        show.stream_csv(answers(), sys.stdout)
    else:
        for answer in answers():
            for block in show.line_blocks(answer):
                click.echo(block)
    found = gaps(warnings, prometheus.thanos, stores_of(prometheus), partial=partial)
    for said in harmless(warnings, found):
        warn(said)
    return announce(found)


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


def _resolved(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange | None) -> Prometheus:
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


def _ranged(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, asking: Asking) -> QueryAnswer:
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
        raise InputError(
            "a range this long does not fit into memory",
            value=f"{asked.points:,} points of each series",
            expected=f"at most {_MOST_HELD:,}",
            next_step="choose a longer --step, or --format csv or ndjson alone, which are written out in pieces",
        )
    bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
    with bar as report:
        cache = _cache(prometheus, query, asking)
        return pieces.query_pieces(prometheus, _fixed(query, asked), asked, report=report, cache=cache)


def stores_of(prometheus: Prometheus) -> tuple[Store, ...] | None:
    """The stores behind a Thanos Query; None for another server, which does not know the options of Thanos.

    A list that does not come is itself a store away.
    """
    try:
        return prometheus.stores()
    except EndpointError:
        if options := prometheus.thanos.options:
            click.echo(
                f"Warning: {prometheus.url} lists no stores, as Thanos Query does: other servers ignore"
                f" {' and '.join(options)}",
                err=True,
            )
        return None
    except ServerError as error:  # what was asked before is there, and nobody knows whether it is the whole
        from regobs.prometheus import Store  # noqa: PLC0415 - loads requests

        return (Store("/api/v1/stores", "the list of stores", error.message),)


def gaps_so_far(prometheus: Prometheus) -> tuple[Gap, ...]:
    """What all that was asked so far lacks."""
    from regobs.query.complete import gaps  # noqa: PLC0415

    return gaps(prometheus.heard, prometheus.thanos, stores_of(prometheus), partial=prometheus.partial)


def whole(prometheus: Prometheus) -> int:
    """The exit code of all that was asked so far, after saying what it lacks."""
    return announce(gaps_so_far(prometheus))


def all_gaps(shown: Iterable[Shown]) -> tuple[Gap, ...]:
    """What several answers lack, each gap once."""
    return tuple(dict.fromkeys(gap for one in shown for gap in one.gaps))


def announce(gaps: tuple[Gap, ...]) -> int:
    """Say what an answer lacks, on standard error, before it is shown; the exit code."""
    on = screen(sys.stderr)
    for gap in gaps:
        click.echo(f"{on.paint(gap.kind.upper(), Colour.YELLOW)}: {gap.text}", err=True)
    return ExitCode.INCOMPLETE if gaps else ExitCode.OK


def show(shown: Shown, shape: str, *, everything: bool = False) -> int:
    """Print an answer; the exit code says whether it is the whole."""
    from regobs.query import show as write  # noqa: PLC0415

    code = announce(shown.gaps)
    if shape == "json":
        click.echo(write.as_json(shown))
    elif shape == "ndjson":
        for block in write.line_blocks(shown.answer):
            click.echo(block)
    elif shape == "csv":
        click.echo(write.as_csv(shown.answer), nl=False)
    else:
        click.echo(write.as_text(shown, limit=None if everything else write.LIMIT, on=screen()))
    return code

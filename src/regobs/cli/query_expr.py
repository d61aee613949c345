"""`regobs query 'EXPR'`: one moment or a range, as a table or as data."""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, settings, without_collector
from regobs.cli.expression_command import ExpressionCommand
from regobs.cli.query_after import NOTHING, Afterwards, after_options, finish, finish_file, print_compared, watch
from regobs.cli.query_asking import Asking, asking_options
from regobs.cli.query_commands import BARE
from regobs.cli.query_gaps import announce, histogram_notes, stores_of
from regobs.cli.query_names import complete_metric, complete_parameter
from regobs.cli.query_ranges import check_points, ranged, resolved, stream, streamed
from regobs.cli.said import warn
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import screen
from regobs.errors import InputError, PromqlError, RegobsError

if TYPE_CHECKING:
    from regobs.config import Config, SavedQuery
    from regobs.prometheus import Prometheus
    from regobs.query.ask import CheckedQuery
    from regobs.query.show import Shown

SHAPES = ("text", "csv", "json", "ndjson")


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
        after.check(shape, ranged=asking.ranged)
    if asking.ranged or after.compares:
        check_points(query, "--diff" if after.compares else "a range")
        _other(asking, server, after)[0].times(time.time())  # a wrong time is said before anything is asked

    @without_collector()
    def once() -> int:
        if after.streams(shape) and (asked := streamed(query, asking)) is not None:
            code = stream(resolved(prometheus, query, asked), query, asked, asking, shape=shape, file=after.out)
            if not plain:
                finish_file(query.text, asked, prometheus, config, after)
            return code
        mine = replace(asking, fixed=time.time()) if after.diff_context is not None else asking
        shown = evaluate(prometheus, query, mine)  # of two servers both are asked about the same moment
        if after.compares:
            other, there = _other(mine, server, after)
            with open_server(there, config, other) as second:
                then = evaluate(second, query, other)
            code = announce(tuple(dict.fromkeys((*then.gaps, *shown.gaps))))  # what both lack is said once, before
            heads = _heading(other, second), _heading(asking, prometheus)
            print_compared(then, shown, heads, after, shape)
            return code
        code = show(shown, shape, everything=everything)
        if shape == "text" and shown.is_empty and not shown.answer.warnings:  # a server that warns says why itself
            _explain_empty("" if named is not None else text[0], query, config, asking)
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
        check_points(query)
    prometheus = resolved(prometheus, query, asked)
    answer = prometheus.query(query.text, moment) if asked is None else ranged(prometheus, query, asked, asking)
    for note in (*query.notes, *answer.infos, *histogram_notes(answer.histograms)):
        click.echo(f"Note: {note}", err=True)
    found = answer_gaps(answer, prometheus.thanos, stores_of(prometheus))
    for text in harmless(answer.warnings, found):
        warn(text)
    in_order = query.expr is not None and getattr(query.expr, "function", "").startswith("sort")
    return Shown(query.text, answer, query.type, asked, found, zone, in_order)


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

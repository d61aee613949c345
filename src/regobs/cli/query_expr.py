"""`regobs query 'EXPR'`: one moment or a range, as a table or as data."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from regobs.cli.content import PATH, progress, settings
from regobs.cli.query_after import NOTHING, Afterwards, after_options, finish, print_compared, watch
from regobs.cli.query_commands import BARE
from regobs.cli.query_names import complete_metric, complete_parameter
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.table import Colour, screen
from regobs.errors import EndpointError, ExitCode, InputError

if TYPE_CHECKING:
    from datetime import tzinfo

    from regobs.config import Config, SavedQuery
    from regobs.prometheus import Prometheus, QueryAnswer, Store, ThanosParameters
    from regobs.query.ask import CheckedQuery
    from regobs.query.cache import RangeCache
    from regobs.query.complete import Gap
    from regobs.query.show import Shown
    from regobs.query.times import AskedRange

_Command = TypeVar("_Command", bound=Callable[..., Any])
SHAPES = ("text", "csv", "json", "ndjson")
_ASKING = (
    click.option("--at", metavar="TIME", help="The moment, now by default: now-6h, 14:03, yesterday 14:00, an epoch."),
    click.option("--range", "span", metavar="6h", help="Ask a range of this length, up to now or --to."),
    click.option("--from", "start", metavar="TIME", help="Where a range begins."),
    click.option("--to", "end", metavar="TIME", help="Where it ends; now by default."),
    click.option("--step", metavar="1m", help="Between two points; chosen by the length when not given."),
    click.option("--no-cache", "uncached", is_flag=True, help="Ask for all of a long range, also what is on disk."),
    click.option("--zone", default="UTC", show_default=True, help="Of times that name none: local, Europe/Berlin."),
)
_THANOS = (
    click.option("--dedup/--no-dedup", default=None, help="Thanos: replicas as one, or each for itself."),
    click.option("--partial-response/--no-partial-response", "partial_response", default=None,
                 help="Thanos: answer without stores that are away, or fail."),
    click.option("--max-source-resolution", metavar="5m", default="", help="Thanos: 0s, 5m, 1h or auto."),
    click.option("--engine", metavar="NAME", default="", help="Thanos: prometheus or thanos."),
    click.option("--replica-label", "replica_labels", multiple=True, metavar="NAME", help="Thanos: dedup over it."),
    click.option("--store", "stores", multiple=True, metavar="ADDRESS", help="Thanos: ask this store only."),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asking:
    """When and how the command line wants something evaluated."""

    at: str | None = None
    span: str | None = None
    start: str | None = None
    end: str | None = None
    step: str | None = None
    uncached: bool = False
    zone: str = "UTC"
    dedup: bool | None = None
    partial_response: bool | None = None
    max_source_resolution: str = ""
    engine: str = ""
    replica_labels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()

    @property
    def thanos(self) -> ThanosParameters:
        """What only Thanos takes."""
        from regobs.prometheus import ThanosParameters  # noqa: PLC0415 - loads requests

        return ThanosParameters(
            self.dedup, self.partial_response, self.max_source_resolution, self.engine, self.replica_labels, self.stores
        )

    @property
    def ranged(self) -> bool:
        """Whether a range is asked, not one moment."""
        return bool(self.span or self.start or self.end or self.step)

    def times(self, now: float) -> tuple[float | None, AskedRange | None, tzinfo]:
        """The moment or the range that is asked, both None for now, and the zone to show. Raises InputError."""
        from regobs.query.times import asked_range, read_moment, read_seconds, zone_named  # noqa: PLC0415

        zone = zone_named(self.zone)
        if self.at is not None and self.ranged:
            raise InputError("--at is one moment", expected="--at alone, or --range, --from and --to without it")
        if self.span and self.start:
            raise InputError("--range and --from both say where the range begins", next_step="leave one of them out")
        if not self.ranged:
            return (None if self.at is None else read_moment("--at", self.at, now, zone)), None, zone
        end = now if self.end is None else read_moment("--to", self.end, now, zone)
        if not self.span and not self.start:
            raise InputError("a range needs a beginning", next_step="add --range 6h or --from TIME")
        start = (
            read_moment("--from", self.start, now, zone)
            if self.start
            else end - read_seconds("--range", self.span or "")
        )
        step = read_seconds("--step", self.step) if self.step else None
        return None, asked_range(start, end, step), zone


def asking_options(command: _Command) -> _Command:
    """Options of the time and of Thanos, which the command gets as one `asking`."""
    return _as_asking(command, (*_ASKING, *_THANOS))


def span_options(command: _Command) -> _Command:
    """Options of a time range without points in it, which the command gets as one `asking`."""
    start_to_end, zone = _ASKING[1:4], _ASKING[-1]
    return _as_asking(command, (*start_to_end, zone))


def _as_asking(command: _Command, options: Sequence[Callable[[Any], Any]]) -> _Command:
    import functools  # noqa: PLC0415

    names = tuple(Asking.__dataclass_fields__)

    @functools.wraps(command)
    def wrapped(**given: Any) -> Any:
        own = {name: given.pop(name) for name in names if name in given}
        return command(asking=Asking(**own), **given)

    for option in reversed(options):
        wrapped = option(wrapped)
    return wrapped  # type: ignore[return-value]


@click.command()
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

    def once() -> int:
        if plain and shape in {"csv", "ndjson"} and (asked := _streamed(query, asking)) is not None:
            return _stream(_resolved(prometheus, query, asked), query, asked, shape, asking)
        shown = evaluate(prometheus, query, asking)
        if after.compares:
            other, there = _other(asking, server, after)
            with open_server(there, config, other) as second:
                then = evaluate(second, query, other)
            print_compared(then, shown, (_heading(other, there), _heading(asking, server)), after, shape)
            return max(announce(one.gaps) for one in (then, shown))
        code = show(shown, shape, everything=everything)
        if shape == "text" and shown.is_empty and not shown.answer.warnings:  # a server that warns says why itself
            _explain_empty(query)
        if not plain:
            finish(shown, prometheus, config, asking.times(time.time())[0], after)
        return code

    with open_server(server, config, asking) as prometheus:
        return once() if after.watch is None else watch(after.watch, once)


def _explain_empty(query: CheckedQuery) -> None:
    from regobs.query.ask import empty_notes  # noqa: PLC0415

    for note in empty_notes(query):
        click.echo(f"Note: {note}", err=True)


def _other(asking: Asking, server: ServerOptions, after: Afterwards) -> tuple[Asking, ServerOptions]:
    """When and whom the other answer of a comparison is asked."""
    there = server if after.diff_context is None else ServerOptions(context=after.diff_context)
    return replace(asking, at=after.diff or asking.at), there


def _heading(asking: Asking, server: ServerOptions) -> str:
    """The moment and the server of an answer, as far as the command line says them."""
    return " ".join(filter(None, [asking.at or "now", server.context]))


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
    if "$__" not in text:
        return check_query(text)
    from regobs.doctor.questions import default_window  # noqa: PLC0415 - for Grafana's variables only
    from regobs.promql.durations import read_duration  # noqa: PLC0415

    return check_query(text, default_window(config), read_duration(asking.span) if asking.span else None)


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
    from regobs.query.complete import answer_gaps  # noqa: PLC0415
    from regobs.query.show import Shown  # noqa: PLC0415

    moment, asked, zone = asking.times(time.time())
    prometheus = _resolved(prometheus, query, asked)
    answer = prometheus.query(query.text, moment) if asked is None else _ranged(prometheus, query, asked, asking)
    for note in (*query.notes, *answer.infos):
        click.echo(f"Note: {note}", err=True)
    found = answer_gaps(answer, prometheus.thanos, stores_of(prometheus))
    harmless = [text for text in answer.warnings if not any(gap.text == text[:300] for gap in found)]
    for text in harmless:
        click.echo(f"Warning: {text}", err=True)
    in_order = query.expr is not None and getattr(query.expr, "function", "").startswith("sort")
    return Shown(query.text, answer, query.type, asked, found, zone, in_order)


def _streamed(query: CheckedQuery, asking: Asking) -> AskedRange | None:
    """The range that is written out piece by piece: one of more points than a server gives at once."""
    from regobs.query import pieces  # noqa: PLC0415

    asked = asking.times(time.time())[1]
    return asked if asked is not None and asked.points > pieces.MOST_POINTS and query.expr is not None else None


def _stream(prometheus: Prometheus, query: CheckedQuery, asked: AskedRange, shape: str, asking: Asking) -> int:
    """Write a long range out piece by piece, in the order of time, so that memory holds a few pieces only."""
    from regobs.query import pieces, show  # noqa: PLC0415
    from regobs.query.complete import gaps  # noqa: PLC0415

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
            for line in show.as_lines(answer):
                click.echo(line)
    return announce(gaps(warnings, prometheus.thanos, stores_of(prometheus), partial=partial))


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
    bar = progress("Asking") if sys.stderr.isatty() else nullcontext()
    with bar as report:
        cache = _cache(prometheus, query, asking)
        return pieces.query_pieces(prometheus, _fixed(query, asked), asked, report=report, cache=cache)


def stores_of(prometheus: Prometheus) -> tuple[Store, ...]:
    """The stores behind a Thanos Query; none for another server."""
    try:
        return prometheus.stores()
    except EndpointError:
        return ()


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
        click.echo(json.dumps(write.as_data(shown), indent=2, ensure_ascii=False))
    elif shape == "ndjson":
        for line in write.as_lines(shown.answer):
            click.echo(line)
    elif shape == "csv":
        click.echo(write.as_csv(shown.answer), nl=False)
    else:
        click.echo(write.as_text(shown, limit=None if everything else write.LIMIT, on=screen()))
    return code

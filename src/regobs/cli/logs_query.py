"""`regobs logs run` and `regobs logs query`: saved and typed log queries over local files or an Elasticsearch."""

from __future__ import annotations

import math
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from regobs.cli.elasticsearch_options import LogCluster, cluster_options
from regobs.cli.public_url import PublicUrl
from regobs.common.counts import counted
from regobs.common.screen import screen
from regobs.common.table import table

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from regobs.logs.answer import Answer
    from regobs.logs.query import Clause, Query

PATH = click.Path(path_type=Path)
_FORMATS = click.Choice(["table", "csv", "json"])
_SHOWN = click.Choice(["sql", "dsl", "kql", "logsql", "logql"])
_PLACES = click.Choice(["beside", "user"])
_CACHED = "Keep Parquet copies of the files, secrets masked, which answer faster: beside them or in the user's cache."
_LIMIT = 20
_NAMES = {"gitlab": "that of GitLab"}
_EXPLAIN = click.option(
    *("--explain", "--as", "explain"),
    type=_SHOWN,
    help="Show the query as SQL, Query DSL, KQL, LogsQL or LogQL instead of running it.",
)
_VICTORIALOGS = click.option(
    "--victorialogs",
    type=PublicUrl("put a token into REGOBS_VICTORIALOGS_TOKEN"),
    metavar="URL",
    help="Ask this VictoriaLogs, not files.",
)


@click.command()
@click.argument("name", metavar="[QUERY]", required=False)
@click.argument("files", metavar="FILES...", nargs=-1)
@click.option("--where", default="", metavar="KQL", help="Only lines that fit this too.")
@click.option("--from", "start", metavar="TIME", help="Only lines from this time on: 2026-11-23, now-1h.")
@click.option("--to", "end", metavar="TIME", help="Only lines up to this time, which counts in.")
@click.option("--limit", type=click.IntRange(min=1), help="Rows, instead of what the query says.")
@click.option("--format", "shape", type=_FORMATS, default="table", show_default=True)
@_EXPLAIN
@click.option("--cache", type=_PLACES, help=_CACHED)
@click.option("--pack", "pack_directory", type=PATH, metavar="DIR", help="Content that adds to the bundled.")
@_VICTORIALOGS
@cluster_options
def run(
    *,
    name: str | None,
    files: tuple[str, ...],
    source: LogCluster,
    victorialogs: str | None,
    where: str,
    start: str | None,
    end: str | None,
    limit: int | None,
    shape: str,
    explain: str | None,
    cache: str | None,
    pack_directory: Path | None,
) -> None:
    """Answer a saved query from log FILES: lines in any form, plain or compressed, folders, patterns, or -.

    With --elasticsearch from a cluster instead, or with --victorialogs. Secrets are read from files or from the
    environment: REGOBS_ELASTICSEARCH_API_KEY, or REGOBS_ELASTICSEARCH_USER and REGOBS_ELASTICSEARCH_PASSWORD,
    REGOBS_VICTORIALOGS_TOKEN.

    QUERY may be a panel of a Kibana dashboard too: main/requests. Several, divided by commas, are answered from one
    pass over the files. Without arguments: list them all. Queries of your own are in the directory of --pack, or else
    of `pack` in ./regobs.toml.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - the parts below are not needed for --help

    from msgspec.structs import replace  # noqa: PLC0415

    from regobs.config import load_config  # noqa: PLC0415
    from regobs.kibana.reading import panel_queries, panel_query  # noqa: PLC0415
    from regobs.logs.saved import load_query, names_in  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    pack = find_pack(pack_directory, load_config())
    if name is None:
        found = {known: load_query(pack, known) for known in names_in(pack)} | panel_queries(pack)
        click.echo(table((), [(known, query.title) for known, query in found.items()], on=screen()))
        return
    now = datetime.now(UTC)
    clauses = _clauses(where, start, end, now)
    if not files and Path(name).is_file():
        raise click.UsageError(f"{name} is a file: the name of a saved query comes before the files")
    queries = []
    for asked in name.split(","):
        load = panel_query if "/" in asked else load_query  # a panel of Kibana is called DASHBOARD/PANEL
        query = load(pack, asked, now=now).narrowed(*clauses)
        queries.append(replace(query, limit=limit or query.limit))
    _answer(queries, files, source, victorialogs, shape=shape, explain=explain, cache=cache)


@click.command()
@click.argument("text", metavar="KQL")
@click.argument("files", metavar="FILES...", nargs=-1)
@click.option("--columns", default="time,level,msg", show_default=True, metavar="A,B", help="Fields to show.")
@click.option("--by", "fields", metavar="A,B", help="Count the lines by these fields instead.")
@click.option("--from", "start", metavar="TIME", help="Only lines from this time on: 2026-11-23, now-1h.")
@click.option("--to", "end", metavar="TIME", help="Only lines up to this time, which counts in.")
@click.option("--limit", type=click.IntRange(min=1), default=_LIMIT, show_default=True, help="Rows.")
@click.option("--format", "shape", type=_FORMATS, default="table", show_default=True)
@_EXPLAIN
@click.option("--cache", type=_PLACES, help=_CACHED)
@_VICTORIALOGS
@cluster_options
def query(
    *,
    text: str,
    files: tuple[str, ...],
    source: LogCluster,
    victorialogs: str | None,
    columns: str,
    fields: str | None,
    start: str | None,
    end: str | None,
    limit: int,
    shape: str,
    explain: str | None,
    cache: str | None,
) -> None:
    """Show the lines of log FILES that fit a KQL text, or count them by fields."""
    from datetime import UTC, datetime  # noqa: PLC0415

    from regobs.logs.adhoc import counted, listed  # noqa: PLC0415 - as above

    if fields is not None and click.get_current_context().get_parameter_source("columns") != ParameterSource.DEFAULT:
        raise click.UsageError("--by counts lines and --columns shows them: give one of them")
    now = datetime.now(UTC)
    clauses = _clauses(text, start, end, now)
    made = counted(fields.split(","), limit) if fields is not None else listed(columns.split(","), limit)
    _answer([made.narrowed(*clauses)], files, source, victorialogs, shape=shape, explain=explain, cache=cache)


def _clauses(where: str, start: str | None, end: str | None, now: datetime) -> list[Clause]:
    """The conditions of the command line; hints go to standard error."""
    from regobs.errors import LogQueryError  # noqa: PLC0415
    from regobs.logs.kql import hints, parse  # noqa: PLC0415
    from regobs.logs.kql.bind import bind  # noqa: PLC0415
    from regobs.logs.kql.dates import span  # noqa: PLC0415
    from regobs.logs.query import Clause  # noqa: PLC0415

    node = parse(where)
    for hint in hints(node, where):
        click.echo(f"Hint: {hint}", err=True)
    clauses = [Clause(where, bind(node, where, now=now))]
    begins = None
    for option, op, time in (("--from", ">=", start), ("--to", "<=", end)):
        if time is None:
            continue
        spanned = span(time, now)
        if spanned is None:
            raise LogQueryError(
                f"{option} is not a time", value=time, expected="2026-11-23, 2026-11-23T11:05:00Z, now-15m or now/d"
            )
        if begins is not None and spanned.last < begins:
            raise LogQueryError(
                "--to is before --from", value=f"{start}..{end}", expected="a time that begins before it ends"
            )
        begins = spanned.first
        text = f'time {op} "{time}"'
        clauses.append(Clause(text, bind(parse(text), text, now=now)))
    return clauses


def _answer(
    made: list[Query],
    files: tuple[str, ...],
    source: LogCluster,
    victorialogs: str | None,
    *,
    shape: str,
    explain: str | None,
    cache: str | None,
) -> None:
    if explain is not None:
        from regobs.logs.adhoc import explained  # noqa: PLC0415

        for query in made:
            click.echo(explained(query, explain, list(files)))
        return
    given = sum(map(bool, (files, source.url, victorialogs)))
    if given != 1:
        several = "give log files, --elasticsearch or --victorialogs: one of them"
        none = "give the log files to read, - for standard input, or --elasticsearch or --victorialogs"
        raise click.UsageError(several if given else none)
    from regobs.common.working import working  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415

    beside = _left_out_of(made) if files else []
    with working(lambda: "reading the logs" if files else "asking for an answer"):
        asked = [*map(_one_more, made), *(about for about, _ in beside)]
        answers = _answers(asked, files, source, victorialogs, cache)
    answers, found = answers[: len(made)], answers[len(made) :]
    first = answers[0]
    if first.nothing:
        refuse(first.unread, first.broken)
    _show(made, answers, shape)
    for (_, note), answer in zip(beside, found, strict=True):
        if told := note(answer):
            click.echo(f"Note: {told}", err=True)
    empty = [query for query, answer in zip(made, answers, strict=True) if query.flavor and not answer.rows]
    for query in empty if first.lines or not files else ():
        click.echo(
            f"Note: of the registries only {_NAMES[query.flavor]} writes lines that {query.name} asks for", err=True
        )
    if files and "-" not in files and first.lines and not any(answer.rows for answer in answers):
        _say_what_there_is(files)
    refuse(first.unread, first.broken)
    if files and not first.lines:
        click.echo(NO_LINES, err=True)


def _left_out_of(made: list[Query]) -> list[tuple[Query, Callable[[Answer], str]]]:
    """Queries of what the given ones leave out that nobody would see otherwise, each with what tells of its answer."""
    from regobs.logs import access_off, untimed  # noqa: PLC0415

    found: list[tuple[Query, Callable[[Answer], str]]] = []
    instead = [about for query in made if (about := access_off.access_off(query))]
    found += [(about, access_off.note) for about in instead[:1]]
    for query in made:
        if about := untimed.untimed(query):
            of = f" of {query.name}" if len(made) > 1 else ""
            found.append((about, partial(untimed.note, of=of)))
    return found


def _say_what_there_is(files: tuple[str, ...]) -> None:
    """Say it where nothing was found because no line is one that a registry writes of itself."""
    from regobs.common.working import working  # noqa: PLC0415
    from regobs.logs.adhoc import has_access_lines_alone  # noqa: PLC0415

    with working(lambda: "reading the logs again"):
        alone = has_access_lines_alone(files)
    if alone:
        click.echo(
            "Hint: these are access lines of a web server, and saved queries are about those that a registry writes; "
            "regobs logs query 'status: *' FILES --by method,status counts them",
            err=True,
        )


def _one_more(query: Query) -> Query:
    """The query with one row more than is shown, which tells whether further ones fit."""
    from msgspec.structs import replace  # noqa: PLC0415

    return query if query.limit is None else replace(query, limit=query.limit + 1)


def _answers(
    made: list[Query], files: tuple[str, ...], source: LogCluster, victorialogs: str | None, cache: str | None
) -> list[Answer]:
    if source.url:
        return [source.answer(query) for query in made]
    if victorialogs:
        from regobs.logs.victorialogs.run import run as run_there  # noqa: PLC0415

        return [run_there(query, victorialogs) for query in made]
    from regobs.logs.duckdb.cache import Place  # noqa: PLC0415
    from regobs.logs.duckdb.run import run_all  # noqa: PLC0415

    return run_all(made, files, cache=Place(cache) if cache else None)


def _show(made: list[Query], answers: list[Answer], shape: str) -> None:
    from regobs.logs.answer import as_csv, as_json, as_table, several_as_json  # noqa: PLC0415

    cut = [query for query, answer in zip(made, answers, strict=True) if len(answer.rows) > (query.limit or math.inf)]
    answers = [answer.first(query.limit) for query, answer in zip(made, answers, strict=True)]
    if shape == "json":
        names = [query.name for query in made]
        text = as_json(answers[0]) if len(made) == 1 else several_as_json(dict(zip(names, answers, strict=True)))
        click.echo(text, nl=False)
    else:
        for query, answer in zip(made, answers, strict=True):
            title = f"{query.title}\n\n" if len(made) > 1 and shape == "table" else ""
            click.echo(
                f"{title}{as_table(answer, screen()) if shape == 'table' else as_csv(answer)}", nl=query is not made[-1]
            )
    answer = answers[0]
    if answer.malformed or shape == "table":
        malformed = f", {answer.malformed:,} of them malformed and left out" if answer.malformed else ""
        click.echo(counted(answer.lines, "line") + malformed, err=True)
    for query in cut:
        of = f" of {query.name}" if len(made) > 1 else ""
        click.echo(f"Further rows{of} fit, {_left_out(query.limit)}", err=True)


def _left_out(limit: int | None) -> str:
    """Why there are no more rows: what the user asked for, or what nobody did."""
    if click.get_current_context().get_parameter_source("limit") == ParameterSource.DEFAULT:
        return f"{limit} are shown where no --limit is given"
    return f"which --limit {limit} left out"

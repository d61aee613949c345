"""`regobs logs trace`, `tail` and `diff`: lines of local files, and what changed between two stretches of time."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.finite import FiniteRange
from regobs.common.counts import counted
from regobs.common.output import end_with_reader
from regobs.common.screen import screen
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.common.working import Teller
    from regobs.logs.reading.tail import Written

PATH = click.Path(path_type=Path)
_PLACES = click.Choice(["beside", "user"])


@click.command()
@click.argument("correlation_id")
@click.argument("files", nargs=-1, required=True, metavar="FILES|-")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def trace(correlation_id: str, files: tuple[str, ...], form: str) -> None:
    """Show every line of a request, access and application lines of any FILES, in order of time. Secrets are masked."""
    from regobs.common.working import working  # noqa: PLC0415 - `--help` needs none of it
    from regobs.logs import lines_shown  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415
    from regobs.logs.trace import trace as traced  # noqa: PLC0415

    with working(lambda: "looking through the logs"):
        found = traced(correlation_id, files, stdin=sys.stdin.buffer)
    if not found.events:
        refuse(found.unread, found.broken)
    click.echo(lines_shown.trace_as_json(found) if form == "json" else lines_shown.trace_as_text(found), nl=False)
    malformed = f", {found.malformed:,} more that cannot be read" if found.malformed else ""
    click.echo(counted(len(found.events), "line") + malformed, err=True)
    refuse(found.unread, found.broken)
    if found.empty:
        click.echo(NO_LINES, err=True)


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES|-")
@click.option("--where", default="", metavar="KQL", help="Only lines that fit this.")
@click.option("--lines", "last", type=click.IntRange(min=0), default=10, show_default=True, help="Lines to begin with.")
@click.option("--once", is_flag=True, help="Show these lines and do not wait for more.")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def tail(files: tuple[str, ...], where: str, last: int, once: bool, form: str) -> None:
    """Show lines as they are written to FILES, through rotation and truncation, or as they come from standard input.

    Secrets are masked. A file that is not there yet is waited for, unless --once is given.
    `journalctl -f -o json | regobs logs tail -` reads the journal.
    """
    from datetime import UTC, datetime  # noqa: PLC0415

    from regobs.common.working import working  # noqa: PLC0415 - as above
    from regobs.logs import lines_shown  # noqa: PLC0415
    from regobs.logs.kql import hints, parse  # noqa: PLC0415
    from regobs.logs.kql.bind import bind  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415
    from regobs.logs.reading.tail import Seen, came_of, last_lines, piped, tail  # noqa: PLC0415
    from regobs.logs.to_python import holds  # noqa: PLC0415

    followed, tars = _followed(files, once=once)
    node = parse(where)
    for hint in hints(node, where):
        click.echo(f"Hint: {hint}", err=True)
    fits = holds(bind(node, where, now=datetime.now(UTC)))
    endless = files == ("-",) and not once
    if not once:
        end_with_reader()
    tally: dict[str, int] = {}
    seen: Seen = {}
    with working(_lines_read(tally, while_they_come=endless)) as teller:
        written: Iterable[Written] = (
            last_lines(followed, last, seen)
            if once
            else piped(sys.stdin.buffer, seen)
            if endless
            else tail(followed, last=last, poll=_resting(teller), seen=seen)
        )
        as_json, several = form == "json", len(followed) > 1
        for shown in lines_shown.followed(written, fits, tally, as_json=as_json, strict=bool(where), named=several):
            if teller:
                teller.rest()
            click.echo(shown)
            sys.stdout.flush()
            if teller:
                teller.go_on()
    came = came_of(seen, tars)
    refuse(came.unread, came.broken)
    if came.empty:
        click.echo(NO_LINES, err=True)


def _followed(files: tuple[str, ...], *, once: bool) -> tuple[list[str], tuple[str, ...]]:
    """The names of what to read, and the archives of tar that were named, which are not read."""
    from regobs.logs.reading.outcome import refuse  # noqa: PLC0415 - as above
    from regobs.logs.reading.sources import without_tars  # noqa: PLC0415
    from regobs.logs.reading.tail import named  # noqa: PLC0415

    if "-" in files and len(files) > 1:
        raise click.UsageError("standard input is read alone")
    followed = named(files)
    if not once or "-" in files:
        return followed, ()
    missing = [name for name in followed if not Path(name).exists()]
    if missing:
        raise InputError(
            "no such file",
            value=", ".join(missing),
            expected="log files that exist, for --once",
            next_step="look at the names, or leave --once away to wait for the files",
        )
    logs, tars = without_tars(map(Path, followed))
    if not logs:
        refuse(tars, ())
    return list(map(str, logs)), tars


def _lines_read(tally: Mapping[str, int], *, while_they_come: bool) -> Callable[[], str]:
    """What is told while lines are read: how many. Of a pipe, which may be silent for ever, only while they come."""
    before: int | None = None

    def said() -> str:
        nonlocal before
        last, before = before, sum(tuple(tally.values()))
        if while_they_come and (last is None or before == last):
            return ""
        return f"reading the logs: {counted(before, 'line')}" if before else "reading the logs"

    return said


def _resting(teller: Teller | None) -> Callable[[], bool] | None:
    """The wait for more lines, during which nothing is told."""
    from regobs.logs.reading.tail import sleep  # noqa: PLC0415 - `--help` needs none of it

    if teller is None:
        return None

    def wait() -> bool:
        teller.rest()
        more = sleep()
        teller.go_on()
        return more

    return wait


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES|-")
@click.option("--before", required=True, metavar="START..END", help="What was: 2026-11-23T10..2026-11-23T11.")
@click.option("--after", required=True, metavar="START..END", help="What is: now-1h..now.")
@click.option("--where", default="", metavar="KQL", help="Only lines that fit this.")
@click.option("--factor", type=FiniteRange(min=1), default=1.5, show_default=True, help="Smaller changes are not told.")
@click.option("--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True)
@click.option(
    "--cache",
    type=_PLACES,
    help="Keep Parquet copies of the files, secrets masked, beside them or in the user's cache.",
)
@click.option("--pack", "pack_directory", type=PATH, metavar="DIR", help="Content that adds to the bundled.")
@click.pass_context
def diff(
    context: click.Context,
    *,
    files: tuple[str, ...],
    before: str,
    after: str,
    where: str,
    factor: float,
    form: str,
    cache: str | None,
    pack_directory: Path | None,
) -> None:
    """Compare two stretches of time: messages and requests that are new, gone, more, less, slower or faster.

    Exit code 1 when something changed by more than chance.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - as above

    from regobs.common.working import working  # noqa: PLC0415
    from regobs.config import load_config  # noqa: PLC0415
    from regobs.logs import answer as answers  # noqa: PLC0415
    from regobs.logs.changes import changes, read_window  # noqa: PLC0415
    from regobs.logs.duckdb.cache import Place  # noqa: PLC0415
    from regobs.logs.kql.bind import condition  # noqa: PLC0415
    from regobs.logs.lines_shown import changes_as_answer  # noqa: PLC0415
    from regobs.logs.query import Clause  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415
    from regobs.logs.saved import load_query  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    now = datetime.now(UTC)
    requests = load_query(find_pack(pack_directory, load_config()), "requests-by-route-and-status", now=now)
    with working(lambda: "reading the logs"):
        found = changes(
            requests,
            files,
            read_window(before, now),
            read_window(after, now),
            where=Clause(where, condition(where, now=now)) if where else None,
            factor=factor,
            stdin=sys.stdin.buffer,
            cache=Place(cache) if cache else None,
        )
    for note in found.notes:
        click.echo(f"Note: {note}", err=True)
    shown = changes_as_answer(found)
    if form == "table":
        click.echo(answers.as_table(shown, screen(), whole=("what",)), nl=False)
    else:
        click.echo({"csv": answers.as_csv, "json": answers.as_json}[form](shown), nl=False)
    refuse(found.unread, found.broken)
    if not found.lines:
        click.echo(NO_LINES, err=True)
    if found.found:
        context.exit(ExitCode.DIFFERENCE)

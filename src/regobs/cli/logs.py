"""`regobs logs`: validate log lines, show their schemas; queries are in `logs_query`, single lines in `logs_lines`."""

from __future__ import annotations

import sys
from importlib import import_module

import click

from regobs.common.screen import screen, wrapped
from regobs.errors import ExitCode, InputError

_MODULES = ("regobs.cli.logs_query", "regobs.cli.logs_lines", "regobs.cli.logs_link")
_FLAVORS = click.Choice(["gitlab", "distribution"])


class _Logs(click.Group):
    """A group that has the commands of other modules too, imported when one that is not here is asked for."""

    def _queries(self) -> dict[str, click.Command]:
        found = (value for name in _MODULES for value in vars(import_module(name)).values())
        return {str(value.name): value for value in found if isinstance(value, click.Command)}

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*super().list_commands(ctx), *self._queries()]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return super().get_command(ctx, cmd_name) or self._queries().get(cmd_name)


@click.group(cls=_Logs)
def logs() -> None:
    """Validate, query, trace and compare log lines of registries."""


@logs.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES|-")
@click.option("--flavor", type=_FLAVORS, help="Which registry wrote the lines; detected when not given.")
@click.option("--strict", is_flag=True, help="A message or field that no schema knows makes a line invalid.")
@click.option("--format", "form", type=click.Choice(["text", "json", "junit"]), default="text", show_default=True)
@click.pass_context
def validate(context: click.Context, files: tuple[str, ...], flavor: str | None, strict: bool, form: str) -> None:
    """Judge each line by the schema of its own message. Exit code 1 where a line is invalid or malformed.

    FILES are logs, plain, gzip, zstd, xz or bzip2, folders or patterns, - is standard input: JSON, logfmt, access lines
    of the Apache combined form, notification envelopes. What no schema knows is held to the fields that all lines have,
    and reported as drift.
    """
    from regobs.common.working import ReadingProgress, working  # noqa: PLC0415
    from regobs.logs.judging.report import FORMATS  # noqa: PLC0415
    from regobs.logs.judging.validate import Validator  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse  # noqa: PLC0415
    from regobs.logs.reading.read import open_log  # noqa: PLC0415 - `--help` needs no validator
    from regobs.logs.reading.sources import names  # noqa: PLC0415

    logs, tars = names(files)
    validator = Validator(flavor, strict=strict)
    progress = ReadingProgress()
    with working(progress.text):
        for name in logs:
            with open_log(name, sys.stdin.buffer) as file:
                validator.read(progress.of(name, file), "(standard input)" if name == "-" else name)
    text = FORMATS[form](validator.report)
    click.echo(wrapped(text, screen()) if form == "text" else text)
    refuse([*validator.report.unread, *tars], validator.report.broken)
    if not validator.report.lines:
        click.echo(NO_LINES, err=True)
    if not validator.report.ok:
        context.exit(ExitCode.DIFFERENCE)


@logs.command()
@click.argument("name", required=False)
def schema(name: str | None) -> None:
    """Show the JSON Schema of a log stream, or the names of all streams."""
    from regobs.logs.schema import files  # noqa: PLC0415

    documents = {file.removesuffix(".schema.json"): content for file, content in files().items()}
    if name is None:
        click.echo("\n".join(documents))
        return
    if name not in documents:
        raise InputError("there is no such log stream", value=name, expected=", ".join(documents))
    click.echo(documents[name].decode(), nl=False)


@logs.command()
@click.argument("files", nargs=-1, required=True, metavar="FILES|-")
@click.option("--flavor", type=_FLAVORS, help="Which registry wrote the lines; detected when not given.")
@click.option("--format", "form", type=click.Choice(["text", "schema"]), default="text", show_default=True)
@click.option(
    "--stream", metavar="NAME", help="The log stream whose schema is wanted, where several have something new."
)
def infer(files: tuple[str, ...], flavor: str | None, form: str, stream: str | None) -> None:
    """Propose what the field catalogue lacks: messages and fields of log FILES that no schema knows.

    As entries of the catalogue, with types, units and levels guessed from the lines and the meaning left for a person
    to write; or as the JSON Schema of a stream that has nothing but them.
    """
    from regobs.common.working import ReadingProgress, working  # noqa: PLC0415
    from regobs.logs.judging.infer import Census  # noqa: PLC0415
    from regobs.logs.judging.proposal import to_schema, to_text  # noqa: PLC0415
    from regobs.logs.reading.outcome import NO_LINES, refuse, summed  # noqa: PLC0415
    from regobs.logs.reading.read import open_log  # noqa: PLC0415
    from regobs.logs.reading.sources import STDIN, STDIN_NAME, names  # noqa: PLC0415

    logs, tars = names(files)
    census, progress = Census(flavor), ReadingProgress()
    with working(progress.text):
        for name in logs:
            with open_log(name, sys.stdin.buffer) as file:
                census.read(progress.of(name, file), STDIN_NAME if name == STDIN else name)
    came = summed(census.seen, tars)
    if not came.nothing:
        click.echo(to_schema(census, stream) if form == "schema" else to_text(census))
    refuse(came.unread, came.broken)
    if came.empty:
        click.echo(NO_LINES, err=True)


@logs.command("diff-schema")
@click.argument("old", metavar="OLD")
@click.argument("new", metavar="NEW")
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
@click.pass_context
def diff_schema(context: click.Context, old: str, new: str, form: str) -> None:
    """Show what changed between two log schemas, and whether it is compatible. Exit code 1 where a change is breaking.

    OLD and NEW are JSON Schema files, or names of log streams as `regobs logs schema` lists them.
    """
    from regobs.logs.schema.changes import Effect, changes  # noqa: PLC0415
    from regobs.logs.schema.report import FORMATS, read_schema  # noqa: PLC0415

    found = changes(read_schema(old), read_schema(new))
    text = FORMATS[form](found)
    click.echo(wrapped(text, screen()) if form == "text" else text)
    if any(change.effect is Effect.BREAKING for change in found):
        context.exit(ExitCode.DIFFERENCE)

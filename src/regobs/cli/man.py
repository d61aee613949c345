"""`regobs man`: the help of every command as manual pages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from regobs import __version__
from regobs.errors import InputError, Location, MachineError


@click.command()
@click.argument("directory", type=click.Path(path_type=Path, file_okay=False))
@click.pass_context
def man(context: click.Context, directory: Path) -> None:
    """Write a manual page of each command into DIRECTORY, such as ~/.local/share/man/man1."""
    from regobs.common.files import write_files  # noqa: PLC0415 - `--help` needs none

    root = context.find_root()
    if directory.is_file():
        raise InputError("DIRECTORY is a file", value=str(directory), next_step="name a directory")
    written = {directory / f"{name}.1": page.encode() for name, page in pages(root.command, "regobs")}
    try:
        write_files(written)
    except OSError as error:
        raise MachineError(
            "the manual pages cannot be written", location=Location(str(directory)), value=error.strerror
        ) from error
    click.echo(f"{len(written)} pages in {directory}; read one with: man -l {directory / 'regobs.1'}")


def pages(command: click.Command, path: str) -> Iterator[tuple[str, str]]:
    """The name (`regobs-logs-run`) and text of the page of a command, and of all commands below it."""
    with click.Context(command, info_name=path, help_option_names=["-h", "--help"]) as context:
        below = _below(command, context)
        yield path.replace(" ", "-"), _page(command, context, [f"{path}-{name}" for name in below])
    for name, child in below.items():
        yield from pages(child, f"{path} {name}")


def _below(command: click.Command, context: click.Context) -> dict[str, click.Command]:
    """The commands of a group that its help shows."""
    if not isinstance(command, click.Group):
        return {}
    named = {name: command.get_command(context, name) for name in command.list_commands(context)}
    return {name: child for name, child in named.items() if child is not None and not child.hidden}


def _page(command: click.Command, context: click.Context, below: list[str]) -> str:
    """One page. Source of the macros: groff_man(7)."""
    name = context.command_path.replace(" ", "-")
    summary, _, description = (command.help or "").partition("\n\n")
    lines = [
        f'.TH {_quoted(name.upper())} 1 "" {_quoted(f"regobs {__version__}")} "regobs"',
        ".SH NAME",
        f"{_escaped(name)} \\- {_escaped(' '.join(summary.split()).rstrip('.'))}",
        ".SH SYNOPSIS",
        f".B {_escaped(context.command_path)}",
        _escaped(" ".join(command.collect_usage_pieces(context))),
    ]
    if description.strip():
        lines += [".SH DESCRIPTION", *_paragraphs(description)]
    named = [option for option in command.get_params(context) if isinstance(option, click.Option)]
    options = [record for option in named if (record := option.get_help_record(context))]
    if options:
        lines.append(".SH OPTIONS")
        for option, text in options:
            lines += [".TP", f".B {_escaped(option)}", _escaped(" ".join(text.split()) or "\\ ")]
    if command.epilog:
        lines += [".SH EXAMPLES", *_paragraphs(command.epilog)]
    if below:
        others = [f".BR {_escaped(other.replace(' ', '-'))} (1)" for other in below]
        lines += [".SH SEE ALSO", *[f"{line}," for line in others[:-1]], others[-1]]
    return "\n".join(lines) + "\n"


def _paragraphs(text: str) -> Iterator[str]:
    """The paragraphs of a help text; a backspace in front of one is click's mark that its lines stay as they are."""
    for number, paragraph in enumerate(re.split(r"\n[ \t]*\n", text.strip("\n"))):
        if number:
            yield ".PP"
        if paragraph.lstrip().startswith("\b"):
            yield from (
                ".nf",
                *(_escaped(line) for line in paragraph.split("\b", 1)[1].strip("\n").splitlines()),
                ".fi",
            )
        else:
            yield _escaped(" ".join(paragraph.split()))


def _escaped(text: str) -> str:
    """A text as it is: backslashes and hyphens are written out, a dot or quote at the start asks for nothing."""
    shown = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{shown.rstrip()}" if shown.startswith((".", "'")) else shown.rstrip()


def _quoted(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'

"""The command `regobs`: finds subcommands, turns errors into one message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from importlib import import_module

import click

from regobs import __version__
from regobs.errors import ExitCode, RegobsError

# name -> what `regobs --help` says; each lives in `regobs.cli.<name>` as `<name>` and is imported when it is called.
COMMANDS = {
    "build": "Write everything generated: dashboards, rules, scrape configuration, runbooks.",
    "catalog": "List, show and export metrics; check a real exposition against them.",
    "dashboards": "List the dashboards, show one with its queries, compare two builds.",
    "query": "What a panel asks, and what a server answers.",
    "logs": "Validate log lines of registries and show their schemas.",
    "doctor": "What is empty on this Prometheus, and why.",
    "simulate": "A model of a registry fleet: live targets for Prometheus, or days of history.",
    "snapshot": "Dashboards with data, as one HTML page that needs no network, and as pictures.",
    "demo": "The real thing in four minutes: registry, Prometheus, Alertmanager, an outage.",
}
INTERRUPTED = 130  # 128 + SIGINT, what a shell reports


class _Commands(click.Group):
    """A group that imports a subcommand when it is called, so that none pays for the imports of another."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in COMMANDS:
            return None
        command = getattr(import_module(f"regobs.cli.{cmd_name}"), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a fault of ours, not of a user
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


@click.group(cls=_Commands, invoke_without_command=True, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, "-V", "--version", prog_name="regobs")
@click.pass_context
def regobs(context: click.Context) -> None:
    """Observability and SLO pack for container registries.

    Exit codes: 0 fine, 1 a check found a difference, 2 an input is wrong, 3 a server cannot be reached or is not what
    it should be, 4 this machine lacks something.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with a code of `ExitCode`. Exceptions that nobody foresaw are not hidden."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code."""
    try:
        # Not `regobs.main()`: it ends a broken pipe with exit code 1, which means "different" here.
        with regobs.make_context("regobs", list(arguments)) as context:
            result = regobs.invoke(context)
        sys.stdout.flush()
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except RegobsError as error:
        click.echo(f"Error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:  # a wrong argument: click names it and its command
        error.show()
        return ExitCode.INPUT
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except BrokenPipeError:
        # The reader went away, as `regobs catalog list | head` does. Python would complain again while it flushes.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    return result if isinstance(result, int) else ExitCode.OK

"""The command `regobs`: finds subcommands, turns errors into one message and an exit code."""

from __future__ import annotations

import atexit
import errno
import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import TYPE_CHECKING

import click

from regobs import __version__
from regobs.common.output import OutputLostError, guarded_output, occupy_closed_streams
from regobs.errors import ExitCode, RegobsError, code_of_signal

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# name -> what `regobs --help` says; each lives in `regobs.cli.<name>` as `<name>` and is imported when it is called.
COMMANDS = {
    "init": "Settings that a live server implies, as a regobs.toml with the reason of each line.",
    "build": "Write everything generated: dashboards, rules, scrape configuration, runbooks.",
    "catalog": "List, show and export metrics; check a real exposition against them.",
    "dashboards": "List the dashboards, show one with its queries, compare two builds.",
    "query": "Ask Prometheus or Thanos: PromQL, or what a panel asks.",
    "context": "The servers of regobs.toml: list, choose, add and test them.",
    "incident": "What changed between two times: alerts, restarts, budgets, panels that moved.",
    "logs": "Validate log lines of registries and show their schemas.",
    "lint": "What is wrong in rule files, dashboards and queries, whoever wrote them.",
    "status": "The first five minutes of an incident on one screen: alerts, budgets, routes, limits, restarts.",
    "top": "The same as a live view of a terminal, down to one route and one instance.",
    "doctor": "What is empty on this Prometheus, and why.",
    "slo": "How SLOs stand: error budgets, reports, why and when alerts fire, replays.",
    "deploy": "Roll out rules and dashboards: plan, apply, verify, roll back.",
    "simulate": "A model of a registry fleet: live targets for Prometheus, or days of history.",
    "snapshot": "Dashboards with data, as one HTML page that needs no network, and as pictures.",
    "export": "Exporters: what a registry's own metrics cannot show, as metrics.",
    "demo": "The real thing in four minutes: registry, Prometheus, Alertmanager, an outage.",
    "completion": "Completion of commands, options and names in bash, zsh and fish.",
    "man": "Write the help of every command as manual pages.",
}
_COMPLETE = "_REGOBS_COMPLETE"  # click's name for it; the scripts of `regobs completion` set it
# Objects that are made before the collector looks for cycles among them; Python's own choice is 700. What is imported
# stays, so that each look at it is for nothing: they were a tenth of what `regobs query` adds to bare Python.
_UNCOLLECTED = 20_000
_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
INTERRUPTED = code_of_signal(2)  # SIGINT has this number everywhere; to import `signal` takes 2 ms


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

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The commands that begin so, without importing them."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell only

        named = [CompletionItem(name, help=text) for name, text in COMMANDS.items() if name.startswith(incomplete)]
        return [*named, *click.Command.shell_complete(self, ctx, incomplete)]

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
    it should be, 4 this machine lacks something, 5 an answer is not the whole.
    """
    if context.invoked_subcommand is None:
        click.echo(context.get_help())


def main() -> None:
    """Run the command line and exit with a code of `ExitCode`. Exceptions that nobody foresaw are not hidden."""
    gc.set_threshold(_UNCOLLECTED)
    # At its end Python looks for cycles among all that is left: 7 % of `regobs query`, and the process is over anyway.
    atexit.register(gc.freeze)
    # Not in `run`: a program that calls it may itself have been started by a shell that completes.
    if asked := os.environ.get(_COMPLETE):
        from click.shell_completion import shell_complete  # noqa: PLC0415 - for a shell only

        from regobs.cli.completion import register  # noqa: PLC0415

        register()
        sys.exit(shell_complete(regobs, {}, "regobs", _COMPLETE, asked))
    sys.exit(run(sys.argv[1:]))


def _unprinted(error: OSError) -> int:
    """The exit code where what is printed has no room."""
    from regobs.cli.said import say  # noqa: PLC0415 - of an error only
    from regobs.errors import MachineError  # noqa: PLC0415

    told = MachineError(
        "the output cannot be written",
        value=error.strerror,
        next_step="free some space where it goes, and see the limits of this process (`ulimit -a`)",
    )
    say(f"Error: {told}", err=True)
    return ExitCode.MACHINE


def run(arguments: Sequence[str]) -> int:
    """Run the command line; the exit code, which does not depend on who reads what is printed.

    Standard streams that are closed are like /dev/null.
    """
    occupy_closed_streams()
    with guarded_output() as output:
        try:
            code = _run(arguments)
            sys.stdout.flush()
        except OutputLostError:
            code = ExitCode.OK
        fault = output.fault if output is not None else None
        return code if fault is None else _unprinted(fault)


def _run(arguments: Sequence[str]) -> int:
    try:
        # Not `regobs.main()`: it ends a broken pipe with exit code 1, which means "different" here.
        with regobs.make_context("regobs", list(arguments)) as context:
            result = regobs.invoke(context)
    except click.exceptions.Exit as end:  # --help, --version
        return end.exit_code
    except RegobsError as error:
        from regobs.cli.said import say  # noqa: PLC0415 - of an error only
        from regobs.common.table import escape_lines  # noqa: PLC0415

        say(f"Error: {escape_lines(str(error))}", err=True)
        return error.exit_code
    except click.ClickException as error:  # a wrong argument: click names it and its command
        error.show()
        return ExitCode.INPUT
    except (KeyboardInterrupt, click.Abort):
        return INTERRUPTED
    except OSError as error:
        if error.errno not in _FULL or error.filename is not None:
            raise
        return _unprinted(error)
    return result if isinstance(result, int) else ExitCode.OK

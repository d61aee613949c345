"""The verbs of `regobs query`, each imported when it is called; what is no verb is an expression."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

# verb -> module of regobs.cli, and what --help says
VERBS = {
    "expr": ("query_expr", "Evaluate PromQL: what `regobs query 'EXPR'` does."),
    "save": ("query_saved", "Keep an expression, which may have parameters, in regobs.toml for `regobs query NAME`."),
    "saved": ("query_saved", "The queries that regobs.toml keeps."),
    "shell": ("query_shell", "Ask one after the other, with completion: what `regobs query` does on a terminal."),
    "ask": ("query_ask", "A question of the pack by its name, such as top-routes; without one, the list."),
    "runbook": ("query_pack", "An alert's runbook with its queries answered; without a name, the list."),
    "alert": ("query_pack", "An alert's expression, its parts and their values now; without a name, the list."),
    "slo": ("query_ask", "An SLO's budget, burn rates and events; without a name, the list."),
    "why": ("query_tree", "Why an expression is empty: what removes everything, and what there is instead."),
    "explain": ("query_tree", "An expression as a tree: type, unit, series, labels and time of each part."),
    "format": ("query_tree", "Print an expression in the form that Prometheus prints."),
    "series": ("query_lists", "The series that a selector matches."),
    "labels": ("query_lists", "The names of labels."),
    "values": ("query_lists", "The values of a label."),
    "metadata": ("query_lists", "Type, unit and help of metrics."),
    "rules": ("query_lists", "The loaded rules, and how they are."),
    "alerts": ("query_lists", "The pending and firing alerts."),
    "targets": ("query_lists", "What is scraped, and how that goes."),
    "exemplars": ("query_lists", "Single events, with their trace, of the series in an expression."),
    "stores": ("query_lists", "The stores behind a Thanos Query: which answer, and what times they have."),
    "panel": (
        "query_panel",
        "The PromQL of a panel, and with --prometheus, --context, --run or --at what it shows, now or then.",
    ),
}
_FUNCTIONS = {"format": "format_"}  # what would hide a name of Python
BARE = "regobs.query.bare"  # in the meta of a context: no verb was typed, so that the text may name a saved query


def _takes_lines() -> bool:
    """Whether a person can type into the shell: on a terminal, with the package that it is made with."""
    return sys.stdin.isatty() and sys.stdout.isatty() and find_spec("prompt_toolkit") is not None


class QueryCommands(click.Group):
    """A group whose first argument may be an expression in the place of a verb."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        del ctx
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        del ctx
        if cmd_name not in VERBS:
            return None
        command = getattr(import_module(f"regobs.cli.{VERBS[cmd_name][0]}"), _FUNCTIONS.get(cmd_name, cmd_name))
        assert isinstance(command, click.Command)  # noqa: S101 - a fault of ours, not of a user
        return command

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The verbs that begin so, without importing them, and series: an expression may stand in their place."""
        from click.shell_completion import CompletionItem  # noqa: PLC0415 - for a shell only

        from regobs.cli.query_names import complete_metric, complete_saved  # noqa: PLC0415

        texts = {name: text for name, (_, text) in VERBS.items()}
        verbs = [CompletionItem(name, help=text) for name, text in texts.items() if name.startswith(incomplete)]
        text = click.Argument(["text"])
        saved = [CompletionItem(name, help="saved query") for name in complete_saved(ctx, text, incomplete)]
        return [
            *verbs,
            *saved,
            *complete_metric(ctx, text, incomplete),
            *click.Command.shell_complete(self, ctx, incomplete),
        ]

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if not args and _takes_lines():
            args = ["shell"]
        if args and args[0] not in VERBS and args[0] not in {"--help", "-h"}:
            args = ["expr", *args]
            ctx.meta[BARE] = True
        return super().parse_args(ctx, args)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; options without an expression, such as `--context NAME`, open the shell with them."""
        given = ctx.args
        try:
            return super().invoke(ctx)
        except click.MissingParameter:
            if not ctx.meta.get(BARE) or not _takes_lines():
                raise
            shell = self.get_command(ctx, "shell")
            assert shell is not None  # noqa: S101 - it is one of the verbs
            try:
                opened = shell.make_context("shell", list(given), parent=ctx)
            except click.UsageError:  # an option of an answer, such as --format
                opened = None
            if opened is None:
                raise
            with opened:
                return shell.invoke(opened)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])

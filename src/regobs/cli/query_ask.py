"""`regobs query ask NAME` and `slo NAME`: questions that have a name, with the PromQL that was run."""

from __future__ import annotations

import functools
import json
import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from regobs.cli.content import asked_content, content_options
from regobs.cli.query_asking import Asking, asking_options
from regobs.cli.query_expr import evaluate, open_server
from regobs.cli.query_gaps import all_gaps, announce
from regobs.cli.query_names import Complete, complete_question, complete_slo
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import ExitCode, InputError

if TYPE_CHECKING:
    from regobs.config import Config
    from regobs.pack import Pack
    from regobs.prometheus import Prometheus
    from regobs.query.ask import CheckedQuery
    from regobs.query.named import NamedQuestion
    from regobs.query.show import Shown


@dataclass(frozen=True, slots=True)
class PackQuestion:
    """What the command line asks about something that the pack has under a name: what, whom, when, in which form."""

    name: str | None
    asking: Asking
    server: ServerOptions
    pack: Pack
    config: Config
    shape: str

    def open(self) -> Prometheus:
        """A client of the server."""
        return open_server(self.server, self.config, self.asking)


def pack_question(complete: Complete) -> Callable[[Callable[..., int]], click.Command]:
    """A command with an optional NAME and the options of time, server, content and form, as one `question`."""

    def made(command: Callable[..., int]) -> click.Command:
        @functools.wraps(command)
        def wrapped(
            *,
            name: str | None,
            asking: Asking,
            server: ServerOptions,
            config_file: Path | None,
            pack_directory: Path | None,
            flavor: str | None,
            shape: str,
            **more: Any,
        ) -> int:
            if name is None and shape == "json":
                raise InputError(
                    "--format json needs a NAME",
                    expected="the name of one; the list of names is a table",
                    next_step="leave out --format to see the list",
                )
            pack, config = asked_content(config_file, pack_directory, flavor, server)
            return command(PackQuestion(name, asking, server, pack, config, shape), **more)

        form = click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
        options = asking_options(server_options(content_options(form(wrapped))))
        return click.command()(click.argument("name", required=False, shell_complete=complete)(options))

    return made


@pack_question(complete_question)
@click.option("--window", metavar="5m", help="What rates are taken over; four scrape intervals when not given.")
def ask(question: PackQuestion, *, window: str | None) -> int:
    """Ask what the pack has a name for, such as top-routes; without NAME, list the questions.

    Each answer stands under the PromQL that was run, narrowed to the registry of regobs.toml.
    """
    from regobs.promql.unavailable import Unavailable  # noqa: PLC0415
    from regobs.query.named import load_question, narrowed, question_names  # noqa: PLC0415

    pack, config = question.pack, question.config
    if question.name is None:
        rows = [[found, load_question(pack, found).title] for found in question_names(pack)]
        click.echo(table(["question", "what it says"], rows, on=screen()))
        return ExitCode.OK
    named = load_question(pack, question.name)
    queries: dict[str, CheckedQuery] = {}
    left_out: dict[str, str] = {}
    for key, text in named.queries.items():
        try:
            queries[key] = narrowed(text, config, window, question.asking.span)
        except Unavailable as error:  # the other queries of the question are still worth asking
            left_out[key] = error.message
            if len(left_out) == len(named.queries):
                raise
    return _asked(question, named, queries, left_out)


@pack_question(complete_slo)
def slo(question: PackQuestion) -> int:
    """Show the budget, burn rates and events of the SLO NAME, each under its PromQL; without NAME, list the SLOs."""
    from regobs.query.ask import check_query  # noqa: PLC0415
    from regobs.query.named import slo_question  # noqa: PLC0415
    from regobs.slo.outputs import compile_rules  # noqa: PLC0415

    compiled = compile_rules(question.pack, question.config)
    if question.name is None:
        rows = [[one.slo.name, one.slo.title] for one in compiled.slos]
        click.echo(table(["SLO", "what it promises"], rows, on=screen()))
        return ExitCode.OK
    named = slo_question(compiled, question.name)
    queries = {title: replace(check_query(text), notes=()) for title, text in named.queries.items()}
    return _asked(question, named, queries, {})


def _asked(
    question: PackQuestion, named: NamedQuestion, queries: dict[str, CheckedQuery], left_out: dict[str, str]
) -> int:
    """Ask all and print the answers; the exit code says whether each is the whole."""
    with question.open() as prometheus:
        entries = [(name, evaluate(prometheus, checked, question.asking)) for name, checked in queries.items()]
    code = announce(all_gaps(shown for _, shown in entries))
    _print(named, entries, left_out, question.shape)
    return code


def _meaning(named: NamedQuestion, name: str, shown: Shown) -> str:
    """What an answer without series, or one with NaN, says; empty where the answer speaks for itself."""
    from regobs.query.named import AnswerMeaning  # noqa: PLC0415

    meaning, answer = named.meanings.get(name, AnswerMeaning()), shown.answer
    values = [one.value for one in answer.samples if one.histogram is None]
    values += [value for one in answer.ranges for _, value in one.points]
    if not answer.samples and not answer.ranges and answer.kind != "string":
        return meaning.empty
    return meaning.nan if any(map(math.isnan, values)) else ""


def _print(named: NamedQuestion, entries: list[tuple[str, Shown]], left_out: dict[str, str], shape: str) -> None:
    from regobs.query import show  # noqa: PLC0415

    meanings = [_meaning(named, name, shown) for name, shown in entries]
    if shape == "json":
        answers = [
            {"name": name, **show.as_data(shown), "note": note or None}
            for (name, shown), note in zip(entries, meanings, strict=True)
        ]
        absent = [{"name": name, "reason": reason} for name, reason in left_out.items()]
        data = {"title": named.title, "notes": list(named.notes), "queries": answers, "left_out": absent}
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
        return
    click.echo(named.title)
    for note in named.notes:
        click.echo(f"- {note}")
    for (name, shown), note in zip(entries, meanings, strict=True):
        click.echo(f"\n# {name}\n{shown.text}\n\n{show.as_text(shown, on=screen())}" + (f"\n{note}" if note else ""))
    for name, reason in left_out.items():
        click.echo(f"\n# {name}\nnot in this deployment: {reason}")

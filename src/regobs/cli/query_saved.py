"""`regobs query save` and `saved`: queries with parameters that regobs.toml keeps under a name."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from regobs.cli.content import PATH, settings
from regobs.cli.expression_command import ExpressionCommand
from regobs.cli.query_names import complete_metric
from regobs.common.screen import screen
from regobs.common.table import table
from regobs.errors import InputError

if TYPE_CHECKING:
    from regobs.config import Config, SavedQuery

_CONFIG = click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml by default.")


@click.command(cls=ExpressionCommand)
@click.argument("name")
@click.argument("text", metavar="EXPR", shell_complete=complete_metric)
@click.option("--title", metavar="TEXT", default="", help="What it says; printed above its answer.")
@click.option("--default", "pairs", multiple=True, metavar="NAME=VALUE", help="Of a parameter that is not set.")
@click.option("--replace", is_flag=True, help="Put it in the place of a query of this name.")
@_CONFIG
def save(*, name: str, text: str, title: str, pairs: tuple[str, ...], replace: bool, config_file: Path | None) -> None:
    """Keep EXPR in regobs.toml as NAME, for `regobs query NAME`. Comments and order of the file stay.

    $route or ${route} in it is a parameter: `regobs query NAME --set route=/v2/` fills it in.
    """
    from regobs.query.parameters import read_values  # noqa: PLC0415

    defaults = read_values(pairs, "--default")
    file, names = keep(config_file, name, text, title=title, defaults=defaults, replace=replace)
    sets = "".join(f" --set {one}=..." for one in names if one not in defaults)
    click.echo(f"{file}: added [queries.{name}]; regobs query {name}{sets} asks it")


def keep(
    config_file: Path | None, name: str, text: str, *, title: str, defaults: Mapping[str, str], replace: bool
) -> tuple[Path, tuple[str, ...]]:
    """Write a query that was checked into the settings: their file, and the names of its parameters."""
    from regobs.config import SavedQuery  # noqa: PLC0415
    from regobs.config.editing import save_query, settings_file  # noqa: PLC0415
    from regobs.query.ask import check_query  # noqa: PLC0415
    from regobs.query.parameters import fill, parameters  # noqa: PLC0415

    _refuse_name(name, settings(config_file), replace=replace)
    check_query(text)  # a parameter stands for a text, a duration or a name as it is
    names = parameters(text)
    whole = fill(text, dict.fromkeys(names, "1") | dict(defaults))  # refuses a default that no place takes
    if set(names) == set(defaults):
        check_query(whole)
    file = settings_file(config_file)
    save_query(file, name, SavedQuery(text, title, dict(defaults)))
    return file, names


def _refuse_name(name: str, config: Config, *, replace: bool) -> None:
    from regobs.catalog import METRICS  # noqa: PLC0415
    from regobs.cli.query_commands import VERBS  # noqa: PLC0415
    from regobs.config.reading import QUERY_NAME  # noqa: PLC0415

    if not re.fullmatch(QUERY_NAME, name):
        raise InputError(
            "this cannot be the name of a query",
            value=name,
            expected="letters, digits, - and _, a letter first",
            next_step="regobs query save NAME 'EXPR'",
        )
    if name in {*VERBS, "panel"}:
        raise InputError("this is a command of `regobs query`", value=name, next_step="choose another name")
    if name == "up" or any(name in metric.series for metric in METRICS.values()):
        raise InputError("this is the name of a series", value=name, next_step="choose another name")
    if name in config.queries and not replace:
        step = f"choose another, or regobs query save {name} 'EXPR' --replace"
        raise InputError("there is a query of this name", value=name, next_step=step)


@click.command()
@_CONFIG
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def saved(*, config_file: Path | None, shape: str) -> None:
    """List the queries of regobs.toml with their parameters; one with a default has it behind =."""
    from regobs.query.parameters import parameters  # noqa: PLC0415

    found = {name: (one, parameters(one.expr)) for name, one in settings(config_file).queries.items()}
    if shape == "json":
        entries = [
            {
                "name": name,
                "title": one.title,
                "query": one.expr,
                "parameters": {key: one.defaults.get(key) for key in keys},
            }
            for name, (one, keys) in found.items()
        ]
        click.echo(json.dumps(entries, indent=2, ensure_ascii=False))
        return
    rows = [[name, one.title, _signature(one, keys), one.expr] for name, (one, keys) in found.items()]
    click.echo(
        table(["query", "title", "parameters", "PromQL"], rows, on=screen())
        if rows
        else "no query: regobs query save NAME 'EXPR'"
    )


def _signature(one: SavedQuery, names: tuple[str, ...]) -> str:
    return ", ".join(f"{name}={one.defaults[name]}" if name in one.defaults else name for name in names)


def filled(one: SavedQuery | str, pairs: tuple[str, ...]) -> str:
    """The PromQL of a saved query, or of a text with parameters, with the values of the command line in it."""
    from regobs.query.parameters import fill, parameters, read_values  # noqa: PLC0415

    values = read_values(pairs)
    if isinstance(one, str):
        return fill(one, values)
    names = parameters(one.expr)
    return fill(one.expr, {name: value for name, value in one.defaults.items() if name in names} | values)

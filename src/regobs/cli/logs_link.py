"""`regobs logs link`: the address that shows a log query, a panel or a dashboard in Kibana."""

from __future__ import annotations

import json
from pathlib import Path

import click

from regobs.cli.public_url import PublicUrl

PATH = click.Path(path_type=Path)


@click.command()
@click.argument("name", metavar="NAME")
@click.option(
    "--kibana",
    type=PublicUrl("leave them out: the address is printed, and a browser asks for them"),
    default="",
    metavar="URL",
    help="The base address of Kibana, instead of that of the settings.",
)
@click.option("--environment", default="", metavar="NAME", help="Whose lines; the first of the pack by default.")
@click.option("--space", default="", metavar="ID", help="A space that is not the default one.")
@click.option("--where", default="", metavar="KQL", help="Only lines that fit this too.")
@click.option("--from", "start", default="now-24h", show_default=True, metavar="TIME", help="The begin of the period.")
@click.option("--to", "end", default="now", show_default=True, metavar="TIME", help="Its end.")
@click.option("--config", "config_file", type=PATH, metavar="FILE", help="Settings; ./regobs.toml by default.")
@click.option("--pack", "pack_directory", type=PATH, metavar="DIR", help="As for `run`.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def link(
    *,
    name: str,
    kibana: str,
    environment: str,
    space: str,
    where: str,
    start: str,
    end: str,
    config_file: Path | None,
    pack_directory: Path | None,
    shape: str,
) -> None:
    """Print the address in Kibana of a saved query, a session, a dashboard, or one of its panels (main/requests).

    A query opens in Discover with its lines and fields; a dashboard needs what `regobs build` writes to kibana/. The
    address, space and environment are those of [kibana] in regobs.toml, where no option says otherwise.
    """
    from datetime import UTC, datetime  # noqa: PLC0415 - the parts below are not needed for --help

    from regobs.config import load_config  # noqa: PLC0415
    from regobs.kibana.links import View  # noqa: PLC0415
    from regobs.kibana.links import link as address  # noqa: PLC0415
    from regobs.logs.kql import hints, parse  # noqa: PLC0415
    from regobs.logs.kql.bind import bind  # noqa: PLC0415
    from regobs.logs.query import Clause  # noqa: PLC0415
    from regobs.pack import find_pack  # noqa: PLC0415

    now = datetime.now(UTC)
    node = parse(where)
    for hint in hints(node, where):
        click.echo(f"Hint: {hint}", err=True)
    clauses = [Clause(where, bind(node, where, now=now))] if where.strip() else []
    config = load_config(config_file)
    settings = config.kibana
    if not (kibana or settings.url):
        raise click.UsageError("where is Kibana? give --kibana URL, or set url under [kibana] in regobs.toml")
    space = space or (settings.space if not kibana else "")
    view = View(kibana or settings.url, environment or settings.environment, space, start, end)
    found = address(find_pack(pack_directory, config), name, view, where=clauses, now=now)
    click.echo(json.dumps({"address": found}, indent=2) if shape == "json" else found)

"""`regobs status`: the first five minutes of an incident on one screen."""

from __future__ import annotations

import time
from pathlib import Path

import click

from regobs.cli.content import content, content_options
from regobs.cli.server_options import ServerOptions, server_options
from regobs.common.jsontext import json_text
from regobs.common.screen import screen
from regobs.errors import ExitCode


@click.command()
@server_options
@content_options
@click.option("--at", metavar="TIME", help="As it was then: now-6h, 14:03, yesterday 14:00, an epoch.")
@click.option("--zone", default="UTC", show_default=True, help="Of a TIME that names none: local, Europe/Berlin.")
@click.option("--format", "shape", type=click.Choice(["text", "json"]), default="text", show_default=True)
def status(
    *,
    server: ServerOptions,
    config_file: Path | None,
    pack_directory: Path | None,
    flavor: str | None,
    at: str | None,
    zone: str,
    shape: str,
) -> int:
    """Show what fires, which budgets burn, which routes fail or are slow, what is full, and what has just restarted.

    The health of scrapes and rules stands below, because it says how far the rest can be believed, and links to where
    each part can be looked at. Exit code 0 whatever the state is: scripts read `--format json`. Exit code 5: an answer
    is not the whole, and the screen says which.
    """
    from regobs.query.times import NO_DATA_YET, read_moment, zone_named  # noqa: PLC0415 - `--help` needs none of these
    from regobs.status.screen import screen_text  # noqa: PLC0415
    from regobs.status.take import take_status  # noqa: PLC0415

    pack, config = content(config_file, pack_directory, flavor)
    config = server.within(config)
    moment = None if at is None else read_moment("--at", at, now := time.time(), zone_named(zone))
    if moment is not None and moment > now:
        click.echo(NO_DATA_YET, err=True)
    with server.open(config) as prometheus:
        report = take_status(prometheus.at(moment), pack, config)
    if shape == "json":
        click.echo(json_text(report.as_data()))
    else:
        click.echo(screen_text(report, screen()), nl=False)
    return ExitCode.OK if report.complete else ExitCode.INCOMPLETE
